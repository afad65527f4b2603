import { sha256 } from '../base/canonical.ts'
import { AdversaryError } from '../base/errors.ts'
import type { FindingState } from '../decide/findings.ts'
import { isoSecond, nowMs, sleep } from '../doors/clock.ts'
import { reviewBranchOf } from '../home/home.ts'
import { policyFor } from '../home/policy.ts'
import { type Published, publish, type Tip } from '../publish/publish.ts'
import type { ReviewMessage } from '../record/trailers.ts'
import { appended } from '../tell/append.ts'
import { renderFindingClosed, renderFindingOpened, renderVeto, renderVetoLifted } from '../tell/finding.ts'
import { messageBody, messageTitle } from '../tell/message.ts'
import { elsewhere, renderHeader } from '../tell/section.ts'
import type { Severity } from '../words.ts'
import { type Place, reviewPlace } from './place.ts'
import { knownFindings, trailer } from './tell.ts'
import type { World } from './world.ts'

/**
 * What a person or an agent says in a review file, signed with the home's key: findings of their own,
 * vetoes, and that a file is accepted as it stands. No host is asked.
 */

export interface Said {
  readonly outcome: Published
  /** The finding as it stands after this, where one was spoken of. */
  readonly finding: FindingState | null
}

/** Files a finding under the phase's next number. */
export function openFinding(
  world: World,
  phase: string,
  word: {
    readonly title: string
    readonly severity: Severity
    readonly blocks: readonly string[]
    readonly story: string
    readonly mend: string
  }
): Promise<Said> {
  return say(world, phase, (tip, at) => {
    const known = knownFindings(tip.record, phase)
    const id = `A${Math.max(0, ...known.map(finding => Number(finding.id.slice(1)))) + 1}`
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
    const section = renderFindingOpened({ evidence: [], finding, at, filing, by: world.home.identity.name })
    return {
      section,
      finding,
      title: messageTitle(phase, `[adversary] ${id} ${word.title}`, []),
      body: messageBody([`${id}: ${word.title}`]),
      findings: [trailer(finding)]
    }
  })
}

/** Closes an open finding. Throws AdversaryError `usage` for one that is not there or not open. */
export function closeFinding(world: World, phase: string, id: string, reason: string): Promise<Said> {
  return say(world, phase, (tip, at) => {
    const known = knownFindings(tip.record, phase)
    const found = known.find(finding => finding.id === id)
    if (found === undefined || found.status !== 'open') {
      const open = known.filter(({ status }) => status === 'open').map(finding => finding.id)
      throw new AdversaryError('usage', `${phase} has no open finding ${JSON.stringify(id)}`, {
        hint: open.length === 0 ? 'none is open' : `open are ${open.join(', ')}`
      })
    }
    const finding: FindingState = { ...found, status: 'closed' }
    const section = renderFindingClosed({ evidence: [], finding, at, by: world.home.identity.name, reason })
    return {
      section,
      finding,
      title: `[adversary] ${id} closed`,
      body: messageBody([`${id} closed: ${reason}`]),
      findings: [trailer(finding)]
    }
  })
}

/** Closes the gate of a milestone, or lifts that again. */
export function veto(
  world: World,
  phase: string,
  milestone: string,
  status: 'open' | 'lifted',
  reason: string
): Promise<Said> {
  return say(world, phase, (_, at) => {
    const input = { milestone, at, by: world.home.identity.name, reason }
    return {
      section: status === 'open' ? renderVeto(input) : renderVetoLifted(input),
      finding: null,
      title: `VETO ${status === 'open' ? '' : 'LIFTED '}${milestone}`,
      body: messageBody([reason]),
      findings: [],
      vetoes: [{ milestone, status }]
    }
  })
}

/** Signs for everything that the review file holds now, whoever wrote it. Throws `usage` where there is no file. */
export function acceptFile(world: World, phase: string, reason: string): Promise<Said> {
  let accepted: string | null = null
  return say(world, phase, async (tip, at, { path, why }) => {
    const bytes = await tip.readFile(path)
    if (bytes === null) throw new AdversaryError('usage', why ?? `there is no ${path} to accept`)
    const digest = sha256(bytes)
    // A push that lost comes here again, and what was pushed meanwhile nobody has looked at.
    if (accepted !== null && accepted !== digest) {
      throw new AdversaryError('repository', 'the review file changed while it was being accepted', {
        hint: 'look at it again'
      })
    }
    accepted = digest
    return {
      section: `## Accepted @${at.slice(0, 16)}Z\n\nThe ${bytes.length} bytes above (\`${digest}\`) are signed for as they stand.\n`,
      finding: null,
      title: 'the review file accepted as it stands',
      body: messageBody([`${bytes.length} bytes, ${digest}.`, reason]),
      findings: [],
      accept: digest
    }
  })
}

/** What a word is made of, for the tip that it is put on. */
export type Word = { readonly section: string; readonly finding: FindingState | null } & Pick<
  ReviewMessage,
  'title' | 'body' | 'findings'
> &
  Partial<Pick<ReviewMessage, 'vetoes' | 'accept' | 'removed'>>

/** Signs and pushes a word; null from `words`: there is nothing to say on that tip. */
export async function say(
  world: World,
  phase: string,
  words: (tip: Tip, at: string, place: Place) => Word | null | Promise<Word | null>
): Promise<Said> {
  const { home } = world
  const plan = home.plans.get(phase)
  if (plan === undefined) {
    throw new AdversaryError('usage', `there is no plan for a phase ${JSON.stringify(phase)}`)
  }
  const branch = reviewBranchOf(home)
  const observedAt = nowMs()
  let finding: FindingState | null = null
  const outcome = await publish({
    git: world.git,
    branch,
    ...(branch === home.repo.branch ? {} : { startFrom: home.repo.branch }),
    identity: home.identity,
    trust: world.trust,
    repo: home.repo.name,
    async build(tip) {
      const place = await reviewPlace(home, tip, phase)
      const { path } = place
      const word = await words(tip, isoSecond(observedAt), place)
      if (word === null) return null
      finding = word.finding
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
    sleep: ms => sleep(ms, world.signal),
    observedAt,
    signal: world.signal
  })
  return { outcome, finding }
}
