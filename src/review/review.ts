import { AdversaryError } from '../lib/errors.ts'
import type { Claim } from '../lib/words.ts'
import { isoSecond, nowMs, sleep, tick } from '../os/clock.ts'
import type { Evidence, Fact } from '../facts/fact.ts'
import type { Adapters } from '../facts/adapter.ts'
import { gather, type Gathered } from '../facts/gather.ts'
import { decide } from '../probe/verdict.ts'
import type { Check, Milestone, Plan } from '../config/types.ts'
import { milestoneOf } from '../config/plan/milestones.ts'
import { changedFiles, configFile, reviewBranchOf } from '../config/workspace.ts'
import type { Published, Tip } from '../record/publish.ts'
import { newestReview, orientationsOf, reviewOf, type SignedRecord } from '../record/record.ts'
import type { Assessed, Draft, Observed, Subject, Task } from './assessed.ts'
import { openAdapters, type Progress } from './context/adapters.ts'
import { judgeEarly } from './context/early.ts'
import type { HostContext, ReviewContext, Snapshot } from './context/review-context.ts'
import { type Views, viewsOf } from './context/views.ts'
import {
  conclude,
  evaluate,
  factsTaken,
  hostOf,
  isUnsettled,
  pauseBefore,
  type ReviewCheck,
  unlooked
} from './evaluate.ts'
import { orientationChecks } from './orientation.ts'
import { publishingOn } from './place.ts'
import type { RenderedCommit } from './render-commit.ts'

/**
 * A review, from top to bottom: `collect` and `evaluate` until the checks are settled (`observe`), then `decide` (with
 * these `assess`), `render` and `push` until a push wins (`publishReview`). Each returns what the next one needs.
 */

export interface LookOptions {
  /** How long to go on looking at what settles, in milliseconds from now. */
  readonly budgetMs: number
  readonly progress?: Progress
  /** Takes over the closing of the sessions, which otherwise is waited for. It never rejects. */
  onClose?(closing: Promise<void>): void
}

/** Where a review starts from; the record only has to be there by the time that something asks for it. */
export interface LookedFrom extends Pick<Snapshot, 'tip'> {
  readonly record: SignedRecord | Promise<SignedRecord>
}

export interface PublishResult {
  readonly outcome: Published
  /** What was put on the branch; null when nothing was. */
  readonly rendered: RenderedCommit | null
}

/** Collects, evaluates and decides. Nothing is written. */
export function assess<Asked extends Task>(
  context: ReviewContext,
  at: LookedFrom,
  task: Asked,
  options: LookOptions
): Promise<Extract<Assessed, Pick<Asked, 'kind'>>>
export async function assess(
  context: ReviewContext,
  at: LookedFrom,
  task: Task,
  options: LookOptions
): Promise<Assessed> {
  const subject = subjectOf(context, at.tip, task)
  const views = viewsOf(context, { ...subject, record: at.record })
  const observed = await observe(context, views, subject, options)
  if (task.kind !== 'review') return { ...observed, ...task }

  const { plan, hide } = observed
  const milestone = milestoneOf(plan, task.claim.milestone)
  const obstacles = hide.sentences(obstaclesOf(plan, milestone, task.claim, await at.record))
  const checks = observed.checks.map(({ check }) => check)
  const decision = decide(checks, obstacles)
  const unseen = checks.some(({ outcome }) => outcome === 'unknown')
  return {
    ...observed,
    kind: 'review',
    claim: shownClaim(task.claim, hide),
    supersedes: task.supersedes.map(older => shownClaim(older, hide)),
    milestone,
    decision,
    obstacles,
    worthRetrying: decision.verdict === 'INCONCLUSIVE' && unseen && milestone !== null
  }
}

/** Collects and evaluates checks and hunts together: one connection to each host, every read once an attempt. */
export async function observe(
  seat: HostContext,
  views: Views,
  subject: Omit<Subject, 'commit'>,
  options: LookOptions
): Promise<Observed> {
  const started = tick()
  const out = new AbortController()
  const seconds = Math.round(options.budgetMs / 1000)
  const timer = setTimeout(
    () => out.abort(new Error(`timed out: the budget of ${seconds} s ran out`)),
    options.budgetMs
  )
  const adapters = openAdapters(seat, views, AbortSignal.any([seat.signal, out.signal]), options.progress)
  // What the plans themselves hold is hidden like what is read.
  const planned = [...seat.home.plans.values()].flatMap(({ milestones }) => milestones)
  for (const { probe } of planned.flatMap(({ checks }) => checks)) adapters.veil.params(probe.given)
  try {
    const settled = await settle([...subject.checks, ...subject.hunts], adapters, {
      tick,
      until: started + options.budgetMs,
      sleep: ms => sleep(ms, seat.signal),
      now: isoSecond(nowMs())
    })
    seat.signal.throwIfAborted()
    return {
      phase: subject.phase,
      plan: seat.home.plans.get(subject.phase) ?? null,
      checks: settled.checks.slice(0, subject.checks.length),
      hunts: settled.checks.slice(subject.checks.length),
      facts: settled.facts,
      evidence: settled.evidence,
      hide: adapters.veil,
      redacted: adapters.redacted(),
      atMs: nowMs(),
      clocks: adapters.clocks(),
      stats: { ...adapters.stats(), ms: Math.round(tick() - started) }
    }
  } finally {
    clearTimeout(timer)
    const closing = adapters.close()
    if (options.onClose === undefined) await closing
    else options.onClose(closing)
  }
}

export interface RetryPolicy {
  /** Waits, in milliseconds; rejects when the review is abandoned. */
  sleep(ms: number): Promise<void>
  /** A clock that only goes forward, in milliseconds. */
  tick(): number
  /** When to stop looking again, on that clock. */
  readonly until: number
  /** The time now, ISO 8601 UTC, for waivers. */
  readonly now: string
}

/**
 * Collects and evaluates; what may still settle is looked at again, everything that it needs read anew together, so that
 * no judgement mixes two moments.
 */
export async function settle(
  planned: readonly Check[],
  adapters: Adapters,
  policy: RetryPolicy
): Promise<Pick<Observed, 'checks' | 'evidence' | 'facts'>> {
  const started = policy.tick()
  const evidence: Evidence[] = []
  const facts: Record<string, Fact<unknown>> = {}
  let checks = planned.map(unlooked)
  let open = checks
  for (;;) {
    const afterMs = Math.round(policy.tick() - started)
    const early = judgeEarly(open)
    const gathered = await collect(open, adapters, evidence.length + 1, early.hear)
    const looked = new Map(open.map(each => [each, evaluate(each, gathered, afterMs, early.judge)]))
    checks = checks.map(each => looked.get(each) ?? each)
    evidence.push(...gathered.evidence)
    for (const each of looked.values()) Object.assign(facts, Object.fromEntries(factsTaken(each, gathered)))

    const elapsedMs = policy.tick() - started
    open = [...looked.values()].filter(each => isUnsettled(each, elapsedMs))
    if (open.length === 0) break
    const pauseMs = pauseBefore(open)
    if (policy.tick() + pauseMs > policy.until) break
    await policy.sleep(pauseMs)
  }
  const { veil } = adapters
  const shown = Object.fromEntries(
    Object.entries(facts).map(([name, fact]) => [veil.sentence(name), veil.again(fact)])
  )
  return {
    checks: checks.map(each => conclude(each, shown, veil, policy.now)),
    evidence: veil.again(evidence),
    facts: shown
  }
}

/** Reads all that the checks need, each thing once. */
function collect(
  checks: readonly ReviewCheck[],
  adapters: Adapters,
  first: number,
  hear: ReturnType<typeof judgeEarly>['hear']
): Promise<Gathered> {
  const wanted = checks.map(({ planned }) => ({
    host: hostOf(planned),
    sources: Object.values(planned.probe.needs)
  }))
  return gather(wanted, adapters, first, hear)
}

/**
 * Renders and pushes what was assessed, anew on each tip until a push wins. Dropped where there is nothing to say on that
 * tip: another reviewer has answered the claim, the claim is gone, or nothing is new.
 *
 * @param options.unlessThere drops an orientation when another reviewer has oriented the phase meanwhile.
 */
export async function publishReview(
  context: ReviewContext,
  assessed: Assessed,
  options: { readonly unlessThere?: boolean; readonly dryRun?: boolean } = {}
): Promise<PublishResult> {
  const { render } = await import('./render-commit.ts')
  const publishing = publishingOn(context, assessed.atMs, options.dryRun === true)
  for (;;) {
    const tip = await publishing.nextTip()
    if (tip === null) return { outcome: { kind: 'stale' }, rendered: null }
    const isWanted = await stillWanted(context, tip, assessed, options.unlessThere === true)
    const rendered = isWanted ? await render(context, tip, assessed) : null
    if (rendered === null) return { outcome: { kind: 'dropped' }, rendered }
    const outcome = await publishing.push(tip, rendered)
    if (outcome !== null) return { outcome, rendered }
  }
}

/** Whether this is still to be said: another reviewer may have been first. */
async function stillWanted(
  { home, git }: Pick<ReviewContext, 'home' | 'git'>,
  { record, sha: tip }: Tip,
  assessed: Assessed,
  unlessThere: boolean
): Promise<boolean> {
  if (assessed.kind === 'orientation') {
    return !unlessThere || orientationsOf(record, assessed.phase).length === 0
  }
  if (assessed.kind !== 'review') return true
  const { sha } = assessed.claim
  if (reviewOf(record, sha) !== null) return false
  // A builder may have rewritten the branch meanwhile: a review of a commit that is gone answers nobody.
  const { branch } = home.repo
  if (reviewBranchOf(home) === branch) return record.history.some(commit => commit.sha === sha)
  // Claims live on the watched branch, which need not be the one that reviews are pushed to.
  return git.isAncestor(sha, (await git.fetch(branch, { hurry: true })) ?? tip)
}

/**
 * Half of a plan that somebody was writing when it was read is a plan of fewer checks: by now the rest of it stands there.
 * To be asked before a verdict is published, but by the loop: that one reads plans until two readings agree, and goes on
 * with those that it understood last.
 *
 * @throws AdversaryError `usage` where what the claim was looked at by is not what stands in the home now.
 */
export async function refuseChanged(
  home: ReviewContext['home'],
  { plan }: Pick<Draft, 'plan'>
): Promise<void> {
  const [changed] = await changedFiles(home, [configFile, ...(plan === null ? [] : [plan.file])])
  if (changed === undefined) return
  throw new AdversaryError('usage', `${changed} changed while the claim was looked at`, {
    hint: 'run it again'
  })
}

function subjectOf({ home }: HostContext, tip: string, task: Task): Subject {
  if (task.kind === 'review') {
    const { phase, sha } = task.claim
    const plan = home.plans.get(phase) ?? null
    const milestone = milestoneOf(plan, task.claim.milestone)
    const hunts = milestone === null ? [] : (plan?.hunt.checks ?? [])
    return { phase, commit: sha, checks: milestone?.checks ?? [], hunts }
  }
  const { plan } = task
  const planned = task.kind === 'pre-verification' ? task.milestone.checks : []
  const checks = task.kind === 'orientation' ? orientationChecks(plan) : planned
  return { phase: plan.phase, commit: tip, checks, hunts: plan.hunt.checks }
}

/** A claim whose words hold no secret. */
function shownClaim(claim: Claim, hide: Observed['hide']): Claim {
  return { ...claim, summary: hide.sentence(claim.summary), subject: hide.sentence(claim.subject) }
}

function obstaclesOf(
  plan: Plan | null,
  milestone: Milestone | null,
  claim: Claim,
  record: SignedRecord
): string[] {
  if (plan === null) return [`no plan of this reviewer is for phase ${claim.phase}`]
  if (milestone === null) {
    const known = plan.milestones.map(({ id }) => id).join(', ')
    return [`${plan.file} knows no milestone ${claim.milestone} (it has ${known})`]
  }
  return milestone.needs
    .filter(need => newestReview(record, plan.phase, need)?.message.verdict !== 'PASS')
    .map(need => `${milestone.id} needs ${need}, which has no PASS`)
}
