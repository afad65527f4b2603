import { AdversaryError } from '../../lib/errors.ts'
import { concealed } from '../../lib/secrets/veil.ts'
import { plain } from '../../lib/text/clean.ts'
import { type FindingState, freeNumbers } from '../../record/finding-changes.ts'
import { isoSecond, nowMs, sleep } from '../../os/clock.ts'
import { everyMilestone } from '../../gate/unsigned-edits.ts'
import { viewPhase } from '../../gate/branch-view.ts'
import { reviewBranchOf } from '../../config/workspace.ts'
import { policyFor } from '../../config/plan/milestone-policy.ts'
import { type Published, publish, type Tip } from '../../record/publish.ts'
import { vetoesOf } from '../../record/finding-history.ts'
import type { ReviewMessage } from '../../record/trailers.ts'
import { appended } from '../../render/append.ts'
import {
  renderFindingClosed,
  renderFindingOpened,
  renderVeto,
  renderVetoLifted
} from '../../render/finding-section.ts'
import { messageBody, messageTitle } from '../../render/message.ts'
import { elsewhere, renderHeader } from '../../render/section.ts'
import type { Severity } from '../../lib/words.ts'
import { type Place, reviewPlace } from '../place.ts'
import { knownFindings, trailer } from '../tell.ts'
import type { ReviewContext } from '../context/review-context.ts'

/**
 * What a person or an agent says in a review file, signed with the home's key: findings of their own,
 * vetoes, and that a file is accepted as it stands. No host is asked.
 */

export interface Said {
  readonly outcome: Published
  /** The finding as it stands after this, where one was spoken of. */
  readonly finding: FindingState | null
  /** Why nothing was pushed, where the record says it already; null otherwise. */
  readonly unchanged: string | null
}

/** What is wanted of a word besides its text. */
export interface SayOptions {
  /** Build what would be pushed, and push nothing. */
  readonly dryRun?: boolean
}

/** Files a finding under the phase's next number. */
export function openFinding(
  context: ReviewContext,
  phase: string,
  open: {
    readonly title: string
    readonly severity: Severity
    readonly blocks: readonly string[]
    readonly story: string
    readonly mend: string
  },
  options: SayOptions = {}
): Promise<Said> {
  const word = concealed(open)
  return say(
    context,
    phase,
    async (tip, at, { path }) => {
      const known = knownFindings(tip.record, phase)
      const same = known.find(finding => finding.status === 'open' && isSame(finding, word))
      if (same !== undefined) return { unchanged: `${same.id} is open already: ${same.title}`, finding: same }
      const number = freeNumbers(
        known.map(finding => finding.id),
        await tip.readFile(path)
      )
      const id = `A${number()}`
      const finding: FindingState = {
        id,
        key: `hand/${id}`,
        probe: 'hand',
        title: word.title,
        severity: word.severity,
        status: 'open',
        blocks: word.blocks,
        origin: 'unknown'
      }
      const filing = { story: word.story === '' ? [] : [word.story], mend: word.mend }
      const section = renderFindingOpened({
        evidence: [],
        finding,
        at,
        filing,
        by: context.home.identity.name
      })
      return {
        section,
        finding,
        title: messageTitle(phase, `[adversary] ${id} ${word.title}`, []),
        body: messageBody([`${id}: ${word.title}`]),
        findings: [trailer(finding)]
      }
    },
    options
  )
}

/** Whether it is the same finding, filed again: a hand's finding of that title, weight and reach. */
function isSame(finding: FindingState, word: Pick<FindingState, 'title' | 'severity' | 'blocks'>): boolean {
  return (
    finding.probe === 'hand' &&
    plain(finding.title) === plain(word.title) &&
    finding.severity === word.severity &&
    [...finding.blocks].sort().join() === [...word.blocks].sort().join()
  )
}

/**
 * Closes an open finding; one that is closed stays as it is.
 *
 * @throws AdversaryError `usage` for one that is not there.
 */
export function closeFinding(
  context: ReviewContext,
  phase: string,
  id: string,
  given: string,
  options: SayOptions = {}
): Promise<Said> {
  const reason = concealed(given)
  return say(
    context,
    phase,
    (tip, at) => {
      const known = knownFindings(tip.record, phase)
      const same = known.filter(finding => finding.id === id)
      const found = same.find(({ status }) => status === 'open') ?? same[0]
      if (found === undefined) {
        const open = known.filter(({ status }) => status === 'open').map(finding => finding.id)
        throw new AdversaryError('usage', `${phase} has no finding ${JSON.stringify(id)}`, {
          hint: open.length === 0 ? 'none is open' : `open are ${open.join(', ')}`
        })
      }
      if (found.status !== 'open') return { unchanged: `${id} is closed already`, finding: found }
      const finding: FindingState = { ...found, status: 'closed' }
      const by = context.home.identity.name
      return {
        section: renderFindingClosed({ evidence: [], finding, at, by, reason }),
        finding,
        title: `[adversary] ${id} closed`,
        body: messageBody([`${id} closed: ${reason}`]),
        findings: [trailer(finding)]
      }
    },
    options
  )
}

/**
 * Closes the gate of a milestone, or lifts that again.
 *
 * @param milestone `*` for all of the phase.
 */
export function veto(
  context: ReviewContext,
  phase: string,
  milestone: string,
  word: { readonly status: 'open' | 'lifted'; readonly reason: string },
  options: SayOptions = {}
): Promise<Said> {
  const { status, reason } = concealed(word)
  const what = milestone === everyMilestone ? phase : `${phase}-${milestone}`
  return say(
    context,
    phase,
    async (tip, at) => {
      // As the gate hears them: what people wrote by hand as well.
      const branch = { name: reviewBranchOf(context.home), tip: tip.sha, record: tip.record }
      const { signed } = await viewPhase(context.git, context.trust, phase, branch, branch)
      const standing = vetoesOf({ ...tip.record, reviews: signed }, phase).filter(
        each => each.milestone.toLowerCase() === milestone.toLowerCase()
      )
      const own = standing.find(({ by }) => by.byReviewer)
      if (status === 'open' && own !== undefined) {
        const since = `${own.by.commit.sha.slice(0, 12)}, ${own.by.commit.committedAt}`
        return { unchanged: `${what} is vetoed already (${since})`, finding: null }
      }
      if (status === 'lifted' && standing.length === 0)
        return { unchanged: `${what} is not vetoed`, finding: null }
      const input = { milestone, at, by: context.home.identity.name, reason }
      return {
        section: status === 'open' ? renderVeto(input) : renderVetoLifted(input),
        finding: null,
        title: `VETO ${status === 'open' ? '' : 'LIFTED '}${milestone}`,
        body: messageBody([reason]),
        findings: [],
        vetoes: [{ milestone, status }]
      }
    },
    options
  )
}

/** What a word is made of, for the tip that it is put on. */
export type Word = { readonly section: string; readonly finding: FindingState | null } & Pick<
  ReviewMessage,
  'title' | 'body' | 'findings'
> &
  Partial<Pick<ReviewMessage, 'vetoes' | 'accept' | 'removed'>>

/** The record says it already. */
export interface Unchanged {
  /** One sentence that says so. */
  readonly unchanged: string
  readonly finding: FindingState | null
}

/** Signs and pushes a word, unless the record says it already; null from `words`: there is nothing to say on that tip. */
export async function say(
  context: ReviewContext,
  phase: string,
  words: (tip: Tip, at: string, place: Place) => Word | Unchanged | null | Promise<Word | Unchanged | null>,
  options: SayOptions = {}
): Promise<Said> {
  const { home } = context
  const plan = home.plans.get(phase)
  if (plan === undefined) {
    throw new AdversaryError('usage', `there is no plan for a phase ${JSON.stringify(phase)}`)
  }
  const branch = reviewBranchOf(home)
  const observedAt = nowMs()
  let finding: FindingState | null = null
  let unchanged: string | null = null
  const outcome = await publish({
    git: context.git,
    branch,
    ...(branch === home.repo.branch ? {} : { startFrom: home.repo.branch }),
    identity: home.identity,
    trust: context.trust,
    repo: home.repo.name,
    async build(tip) {
      const place = await reviewPlace(home, tip, phase)
      const { path } = place
      const word = await words(tip, isoSecond(observedAt), place)
      if (word === null) return null
      finding = word.finding
      unchanged = 'unchanged' in word ? word.unchanged : null
      if ('unchanged' in word) return null
      const header = renderHeader({
        phase,
        title: plan.title,
        reviewer: home.identity,
        repo: home.repo.url,
        branch: home.repo.branch,
        planDigest: plan.digest
      })
      return {
        path,
        appended: await appended(await tip.readFile(path), header, elsewhere(word.section, [place])),
        files: [],
        message: {
          phase,
          milestone: null,
          title: word.title,
          body: word.body,
          claim: null,
          verdict: null,
          supersedes: [],
          findings: word.findings,
          vetoes: word.vetoes ?? [],
          plan: plan.digest,
          evidence: null,
          policy: policyFor(home, plan, path),
          accept: word.accept ?? null,
          removed: word.removed ?? []
        }
      }
    },
    now: nowMs,
    sleep: ms => sleep(ms, context.signal),
    observedAt,
    dryRun: options.dryRun === true,
    signal: context.signal
  })
  return { outcome, finding, unchanged }
}
