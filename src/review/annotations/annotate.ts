import { AdversaryError } from '../../lib/errors.ts'
import { concealed } from '../../lib/secrets/veil.ts'
import { plain } from '../../lib/text/clean.ts'
import { type FindingState, freeNumbers } from '../../record/finding-changes.ts'
import { isoSecond, nowMs } from '../../os/clock.ts'
import { everyMilestone } from '../../gate/unsigned-edits.ts'
import { viewPhase } from '../../gate/branch-view.ts'
import { reviewBranchOf } from '../../config/workspace.ts'
import { policyFor } from '../../config/plan/milestone-policy.ts'
import type { Published, Tip } from '../../record/publish.ts'
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
import { type Place, publishingOn, reviewPlace } from '../place.ts'
import { knownFindings, trailer } from '../render-commit.ts'
import type { ReviewContext } from '../context/review-context.ts'

/**
 * What a person or an agent adds to a review file, signed with the home's key: findings of their own,
 * vetoes, and that a file is accepted as it stands. No host is asked.
 */

export interface Annotated {
  readonly outcome: Published
  /** The finding as it stands after this, where it is about one. */
  readonly finding: FindingState | null
  /** Why nothing was pushed, where the record says it already; null otherwise. */
  readonly unchanged: string | null
}

export interface AnnotateOptions {
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
    readonly remedy: string
  },
  options: AnnotateOptions = {}
): Promise<Annotated> {
  const given = concealed(open)
  return annotate(
    context,
    phase,
    async (tip, at, { path }) => {
      const known = knownFindings(tip.record, phase)
      const same = known.find(finding => finding.status === 'open' && isSame(finding, given))
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
        title: given.title,
        severity: given.severity,
        status: 'open',
        blocks: given.blocks,
        origin: 'unknown'
      }
      const filing = { story: given.story === '' ? [] : [given.story], remedy: given.remedy }
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
        title: messageTitle(phase, `[adversary] ${id} ${given.title}`, []),
        body: messageBody([`${id}: ${given.title}`]),
        findings: [trailer(finding)]
      }
    },
    options
  )
}

/** Whether it is the same finding, filed again: a hand's finding of that title, weight and reach. */
function isSame(finding: FindingState, given: Pick<FindingState, 'title' | 'severity' | 'blocks'>): boolean {
  return (
    finding.probe === 'hand' &&
    plain(finding.title) === plain(given.title) &&
    finding.severity === given.severity &&
    [...finding.blocks].sort().join() === [...given.blocks].sort().join()
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
  options: AnnotateOptions = {}
): Promise<Annotated> {
  const reason = concealed(given)
  return annotate(
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
  given: { readonly status: 'open' | 'lifted'; readonly reason: string },
  options: AnnotateOptions = {}
): Promise<Annotated> {
  const { status, reason } = concealed(given)
  const what = milestone === everyMilestone ? phase : `${phase}-${milestone}`
  return annotate(
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

/** One annotation, for the tip that it is put on. */
export type Annotation = { readonly section: string; readonly finding: FindingState | null } & Pick<
  ReviewMessage,
  'title' | 'body' | 'findings'
> &
  Partial<Pick<ReviewMessage, 'vetoes' | 'accept' | 'removed'>>

/** The record has it already. */
export interface Unchanged {
  /** One sentence that says so. */
  readonly unchanged: string
  readonly finding: FindingState | null
}

/**
 * Signs and pushes an annotation, unless the record has it already.
 *
 * @param render the annotation for a tip; null: there is nothing to add on that one.
 */
export async function annotate(
  context: ReviewContext,
  phase: string,
  render: (
    tip: Tip,
    at: string,
    place: Place
  ) => Annotation | Unchanged | null | Promise<Annotation | Unchanged | null>,
  options: AnnotateOptions = {}
): Promise<Annotated> {
  const { home } = context
  const plan = home.plans.get(phase)
  if (plan === undefined) {
    throw new AdversaryError('usage', `no plan has the phase ${JSON.stringify(phase)}`)
  }
  const observedAt = nowMs()
  const publishing = publishingOn(context, observedAt, options.dryRun === true)
  let finding: FindingState | null = null
  for (;;) {
    const tip = await publishing.nextTip()
    if (tip === null) return { outcome: { kind: 'stale' }, finding, unchanged: null }
    const place = await reviewPlace(home, tip, phase)
    const { path } = place
    const annotation = await render(tip, isoSecond(observedAt), place)
    if (annotation === null) return { outcome: { kind: 'dropped' }, finding, unchanged: null }
    finding = annotation.finding
    if ('unchanged' in annotation)
      return { outcome: { kind: 'dropped' }, finding, unchanged: annotation.unchanged }
    const header = renderHeader({
      phase,
      title: plan.title,
      reviewer: home.identity,
      repo: home.repo.url,
      branch: home.repo.branch,
      planDigest: plan.digest
    })
    const outcome = await publishing.push(tip, {
      path,
      appended: await appended(await tip.readFile(path), header, elsewhere(annotation.section, [place])),
      files: [],
      message: {
        phase,
        milestone: null,
        title: annotation.title,
        body: annotation.body,
        claim: null,
        verdict: null,
        supersedes: [],
        findings: annotation.findings,
        vetoes: annotation.vetoes ?? [],
        plan: plan.digest,
        evidence: null,
        policy: policyFor(home, plan, path),
        accept: annotation.accept ?? null,
        removed: annotation.removed ?? []
      }
    })
    if (outcome !== null) return { outcome, finding, unchanged: null }
  }
}
