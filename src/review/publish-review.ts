import { AdversaryError } from '../lib/errors.ts'
import { isoSecond, nowMs, sleep } from '../os/clock.ts'
import { type CheckResult, judgedOn } from '../probe/verdict.ts'
import { changedFiles, configFile, reviewBranchOf } from '../config/workspace.ts'
import { type Published, publish as push, type Tip } from '../record/publish.ts'
import { orientationsOf, reviewOf } from '../record/record.ts'
import { renderOrientation, renderPreVerification, renderReview } from '../render/section.ts'
import { evidenceOf, firstClaim } from './context/claim-history.ts'
import { isSameContext } from './orientation.ts'
import { commitsSince, type Draft, type Observed } from './review.ts'
import { hostsSeen, type TellInput, type RenderedCommit, tell } from './tell.ts'
import { fileStamp, type ReviewContext } from './context/review-context.ts'

export interface PublishResult {
  readonly outcome: Published
  /** What was put on the branch; null when nothing was. */
  readonly telling: RenderedCommit | null
}

/** Tells what a claim's review says, as it would stand on this tip. */
export function reviewTelling(context: ReviewContext, tip: Tip, draft: Draft): Promise<RenderedCommit> {
  const { claim, decision } = draft
  // Somebody else may have answered an older claim while this one was looked at.
  const supersedes = draft.supersedes.filter(({ sha }) => reviewOf(tip.record, sha) === null)
  return tell(context, tip, {
    kind: 'review',
    observed: draft,
    milestone: claim.milestone,
    name: `${claim.milestone}-${claim.sha.slice(0, 12)}`,
    section: (cited, findings, changes) => {
      const told = new Set(changes.map(({ finding }) => finding.id))
      return renderReview({
        ...cited,
        claim,
        decision,
        at: isoSecond(draft.atMs),
        checks: draft.checks.map(({ check }) => check),
        hosts: hostsSeen(draft),
        superseded: supersedes,
        movedOnBy: commitsSince(
          claim.sha,
          tip.record.history.filter(commit => !isReview(tip, commit.sha))
        ),
        findings: findings.filter(({ id, status }) => status === 'open' && told.has(id))
      })
    },
    evidence: { claim: claim.sha, verdict: decision.verdict, obstacles: draft.obstacles },
    message: {
      title: `${claim.milestone} ${decision.verdict}`,
      body: [`${claim.milestone} ${decision.verdict}: ${decision.why}.`],
      claim: claim.sha,
      verdict: decision.verdict,
      supersedes: supersedes.map(({ sha }) => sha)
    }
  })
}

/**
 * Half of a plan that somebody was writing when it was read is a plan of fewer checks: by now the rest of it stands there.
 * To be asked before a verdict is told, but by the loop: that one reads plans until two readings agree, and goes on
 * with those that it understood last.
 *
 * @throws AdversaryError `usage` where what the claim was looked at by is not what stands in the home now.
 */
export async function refuseChanged({ home }: ReviewContext, { plan }: Pick<Draft, 'plan'>): Promise<void> {
  const [changed] = await changedFiles(home, [configFile, ...(plan === null ? [] : [plan.file])])
  if (changed === undefined) return
  throw new AdversaryError('usage', `${changed} changed while the claim was looked at`, {
    hint: 'run it again'
  })
}

/** Pushes the review of a claim, unless somebody else has answered it or the claim is gone from the branch. */
export async function publishReview(context: ReviewContext, draft: Draft): Promise<PublishResult> {
  return put(context, draft, async tip => {
    const { claim } = draft
    if (reviewOf(tip.record, claim.sha) !== null) return null
    // A builder may have rewritten the branch meanwhile: a review of a commit that is gone answers nobody.
    if (!(await holdsClaim(context, tip, claim.sha))) return null
    return reviewTelling(context, tip, draft)
  })
}

/**
 * Pushes the phase's context: its facts are the baseline of everything later.
 *
 * Where the newest context of the phase says the same of plan, host and checks, nothing is pushed.
 *
 * @param options.unlessThere drops it when another reviewer has oriented the phase meanwhile.
 */
export async function publishOrientation(
  context: ReviewContext,
  observed: Observed,
  options: { readonly unlessThere?: boolean; readonly dryRun?: boolean } = {}
): Promise<PublishResult> {
  const at = isoSecond(observed.atMs)
  const overviews = observed.checks.filter(({ check }) => isOverview(check))
  const plan = observed.checks.filter(({ check }) => !isOverview(check)).map(({ check }) => check)
  const hunts = observed.hunts.map(({ check }) => check)
  return put(
    context,
    observed,
    async tip => {
      const last = orientationsOf(tip.record, observed.phase).at(-1)
      if (options.unlessThere === true && last !== undefined) return null
      const first = firstClaim(context.home, tip.record, observed.phase)
      const claimed = first === null ? null : { ...first, subject: observed.hide.sentence(first.subject) }
      const telling = await tell(context, tip, {
        kind: 'orientation',
        observed,
        milestone: null,
        name: `orientation-${fileStamp(observed.atMs)}`,
        section: cited =>
          renderOrientation({
            ...cited,
            at,
            hosts: hostsSeen(observed),
            claimed,
            observations: overviews.map(({ check }) => ({
              title: check.title,
              shows: check.findings.flatMap(finding => finding.shows ?? []),
              evidence: judgedOn(check),
              ...(check.outcome === 'unknown' ? { unseen: check.why ?? 'no reason was given' } : {})
            })),
            standing: [
              { title: 'How the checks of the plan stand', checks: plan },
              { title: 'What nobody asked for, looked at all the same', checks: hunts }
            ],
            // What a plan proposes to put on the host is tried before anybody builds it.
            tried: plan
              .filter(({ probe }) => probe === 'subnet-collision')
              .map(check => ({ what: check.title, at, checks: [check] }))
          }),
        evidence: { claim: null, verdict: null, obstacles: [] },
        message: {
          title: 'phase context',
          body: [
            claimed === null
              ? 'What the host looks like before any claim; later sections compare with it.'
              : 'What the host looks like now. The phase was claimed before, so this is no baseline.'
          ],
          claim: null,
          verdict: null,
          supersedes: []
        }
      })
      const before = last === undefined ? null : await evidenceOf(context.git, last)
      const same = before !== null && telling.changes.length === 0 && isSameContext(before, observed)
      return same ? null : telling
    },
    options
  )
}

function isOverview(check: CheckResult): boolean {
  return check.probe.startsWith('overview ')
}

/** Pushes what the hunt changed in the list of findings; a quiet host makes no commit. */
export async function publishHunt(
  context: ReviewContext,
  observed: Observed,
  options: { readonly dryRun?: boolean } = {}
): Promise<PublishResult> {
  return put(
    context,
    observed,
    async tip => {
      const telling = await tell(context, tip, {
        kind: 'hunt',
        observed,
        milestone: null,
        name: `hunt-${fileStamp(observed.atMs)}`,
        section: () => null,
        evidence: { claim: null, verdict: null, obstacles: [] },
        message: { title: '', body: [], claim: null, verdict: null, supersedes: [] }
      } satisfies TellInput)
      return telling.changes.length === 0 ? null : telling
    },
    options
  )
}

/** Pushes what a milestone's checks say before anybody claimed it: outcomes, no verdict. */
export async function publishPreVerification(
  context: ReviewContext,
  milestone: string,
  observed: Observed
): Promise<PublishResult> {
  const at = isoSecond(observed.atMs)
  return put(context, observed, tip =>
    tell(context, tip, {
      kind: 'pre-verification',
      observed,
      milestone: null,
      name: `${milestone}-before-claim-${fileStamp(observed.atMs)}`,
      section: cited =>
        renderPreVerification({
          ...cited,
          milestone,
          at,
          checks: observed.checks.map(({ check }) => check),
          hosts: hostsSeen(observed)
        }),
      evidence: { claim: null, verdict: null, obstacles: [] },
      message: {
        title: `${milestone} looked at before it is claimed`,
        body: ['Outcomes without a verdict.'],
        claim: null,
        verdict: null,
        supersedes: []
      }
    })
  )
}

async function put(
  context: ReviewContext,
  observed: Observed,
  build: (tip: Tip) => Promise<RenderedCommit | null>,
  options: { readonly dryRun?: boolean } = {}
): Promise<PublishResult> {
  let telling: RenderedCommit | null = null
  const branch = reviewBranchOf(context.home)
  const outcome = await push({
    git: context.git,
    branch,
    ...(branch === context.home.repo.branch ? {} : { startFrom: context.home.repo.branch }),
    identity: context.home.identity,
    trust: context.trust,
    repo: context.home.repo.name,
    async build(tip) {
      telling = await build(tip)
      return telling
    },
    now: nowMs,
    sleep: ms => sleep(ms, context.signal),
    observedAt: observed.atMs,
    dryRun: options.dryRun === true,
    signal: context.signal
  })
  const told = outcome.kind === 'published' || outcome.kind === 'dry-run'
  return { outcome, telling: told ? telling : null }
}

/** Claims live on the watched branch, which need not be the one that reviews are pushed to. */
async function holdsClaim({ home, git }: ReviewContext, tip: Tip, claim: string): Promise<boolean> {
  const { branch } = home.repo
  if (reviewBranchOf(home) === branch) return tip.record.history.some(({ sha }) => sha === claim)
  return git.isAncestor(claim, (await git.fetch(branch, { hurry: true })) ?? tip.sha)
}

function isReview(tip: Tip, sha: string): boolean {
  return tip.record.reviews.some(({ commit }) => commit.sha === sha)
}
