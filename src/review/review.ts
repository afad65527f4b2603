import type { Hidden } from '../lib/secrets/hidden.ts'
import type { Veil } from '../lib/secrets/veil.ts'
import type { ProvedOn } from '../probe/prove.ts'
import type { SealedByName } from '../probe/run.ts'
import { isoSecond, nowMs, sleep, tick } from '../os/clock.ts'
import { decide } from '../probe/verdict.ts'
import type { CheckResult, Decision } from '../probe/verdict.ts'
import type { Commit } from '../git/git-types.ts'
import type { Check, HuntCheck, Milestone, Plan } from '../config/types.ts'
import type { Evidence, Fact } from '../facts/fact.ts'
import { newestReview, type SignedRecord } from '../record/record.ts'
import type { Claim, Severity } from '../lib/words.ts'
import { evaluateChecks, type Judged, type Question } from './examine.ts'
import { type Snapshot, type HostContext, type ReviewContext } from './context/review-context.ts'
import { openAdapters, type Progress } from './context/adapters.ts'
import { type Views, viewsOf } from './context/views.ts'

/**
 * What was observed and judged, before anything is written: a value that can be rendered on any tip. All of it may be
 * shown, secrets hidden, but for `sealed`, which cannot be written.
 */
export interface Observed {
  readonly phase: string
  readonly plan: Plan | null
  readonly checks: readonly ObservedCheck[]
  /** What the reviewer looked for on its own account. */
  readonly hunts: readonly (ObservedCheck & { readonly severity: Severity })[]
  readonly facts: Readonly<Record<string, Fact<unknown>>>
  readonly evidence: readonly Evidence[]
  /** What each check was judged on as it was read, the checks first, then the hunts. */
  readonly sealed: readonly SealedByName[]
  /** Hides what this look found to be secret, in what else is shown along with it. */
  readonly hide: Pick<Veil, 'sentence' | 'sentences'>
  /** The secrets that were hidden in what was read. */
  readonly redacted: readonly Hidden[]
  /** When the observing ended, milliseconds since 1970, by our clock. */
  readonly atMs: number
  readonly clocks: Readonly<Record<string, { readonly skewMs: number; readonly uncertaintyMs: number }>>
  readonly stats: {
    readonly connections: number
    readonly execs: number
    readonly reads: number
    readonly ms: number
  }
}

export interface ObservedCheck {
  readonly check: CheckResult
  readonly facts: Judged
}

/** One claim, looked at and decided. */
export interface Draft extends Observed {
  readonly claim: Claim
  readonly supersedes: readonly Claim[]
  readonly milestone: Milestone | null
  readonly decision: Decision
  readonly obstacles: readonly string[]
  /** Looking again may change the verdict: something could not be seen, and nothing failed. */
  readonly worthRetrying: boolean
}

export interface LookOptions {
  /** How long to go on looking at what settles, in milliseconds from now. */
  readonly budgetMs: number
  readonly progress?: Progress
  /** Takes over the goodbye to the hosts, which otherwise is waited for. It never rejects. */
  onClose?(closing: Promise<void>): void
}

/** Where a look starts from; the record only has to be there by the time that something asks for it. */
export interface LookedFrom extends Pick<Snapshot, 'tip'> {
  readonly record: SignedRecord | Promise<SignedRecord>
}

/** Observes and decides one claim. Nothing is written. */
export async function draftReview(
  context: ReviewContext,
  at: LookedFrom,
  owed: { readonly claim: Claim; readonly supersedes: readonly Claim[] },
  options: LookOptions
): Promise<Draft> {
  const { claim } = owed
  const plan = context.home.plans.get(claim.phase) ?? null
  const milestone = plan?.milestones.find(({ id }) => id === claim.milestone) ?? null
  const observed = await observe(
    context,
    at,
    {
      phase: claim.phase,
      commit: claim.sha,
      checks: milestone?.checks ?? [],
      hunts: milestone === null ? [] : (plan?.hunt.checks ?? [])
    },
    options
  )
  const { hide } = observed
  const obstacles = hide.sentences(obstaclesOf(plan, milestone, claim, await at.record))
  const decision = decide(
    observed.checks.map(({ check }) => check),
    obstacles
  )
  const unseen = observed.checks.some(({ check }) => check.outcome === 'unknown')
  return {
    ...observed,
    claim: shownClaim(claim, hide),
    supersedes: owed.supersedes.map(older => shownClaim(older, hide)),
    plan,
    milestone,
    decision,
    obstacles,
    worthRetrying: decision.verdict === 'INCONCLUSIVE' && unseen && milestone !== null
  }
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

/** What is to be observed, and as of which commit of the repo. */
export interface Subject {
  readonly phase: string
  readonly commit: string
  readonly checks: readonly Check[]
  readonly hunts: readonly HuntCheck[]
}

/** Looks at checks and hunts together: one connection to each host, every read once. */
export function observe(
  context: ReviewContext,
  at: LookedFrom,
  subject: Subject,
  options: LookOptions
): Promise<Observed> {
  const views = viewsOf(context, { ...subject, record: at.record })
  return look(context, views, subject, options)
}

/** The same without a clone: for whoever asks nothing of the repo. */
export async function look(
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
    const questions = [...subject.checks, ...subject.hunts].map(question)
    const examined = await evaluateChecks(questions, adapters, {
      tick,
      until: started + options.budgetMs,
      sleep: ms => sleep(ms, seat.signal),
      now: isoSecond(nowMs())
    })
    seat.signal.throwIfAborted()
    const looked = examined.checks.map((check, index) => ({ check, facts: examined.judged[index] ?? {} }))
    return {
      phase: subject.phase,
      plan: seat.home.plans.get(subject.phase) ?? null,
      checks: looked.slice(0, subject.checks.length),
      hunts: looked
        .slice(subject.checks.length)
        .map((hunt, index) => ({ ...hunt, severity: subject.hunts[index]?.severity ?? 'low' })),
      facts: examined.facts,
      evidence: examined.evidence,
      sealed: examined.sealed,
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

/** Whether a check needs its host to be seen. */
export function asksHost({ probe }: Check): boolean {
  return Object.values(probe.needs).some(source => source.place === 'host')
}

/** Hosts that were asked and did not answer a single read. */
export function unseenHosts({ evidence }: Observed): readonly string[] {
  const hosts = new Set(evidence.map(({ on }) => on).filter(on => !['repo', 'web', 'record'].includes(on)))
  return [...hosts].filter(host => evidence.every(({ on, exit }) => on !== host || exit === null))
}

function question(check: Check): Question {
  const places = new Set(Object.values(check.probe.needs).map(source => source.place))
  const remote = places.has('host') || places.has('web')
  return {
    probe: check.probe,
    title: check.title,
    host: check.host ?? '',
    on: remote && check.host !== null ? check.host : 'repo',
    ...(check.withinMs === undefined ? {} : { withinMs: check.withinMs }),
    ...(check.waiver === undefined ? {} : { waiver: check.waiver })
  }
}

/** How many commits of the branch came after the claim. */
export function commitsSince(claim: string, history: readonly Commit[]): number {
  const index = history.findIndex(({ sha }) => sha === claim)
  return index < 0 ? 0 : history.length - 1 - index
}

/** What one check was judged on, by its probe's names. */
export function factsOf(observed: Pick<Observed, 'checks' | 'facts' | 'sealed'>, index: number): ProvedOn {
  const names = observed.checks[index]?.facts ?? {}
  const shown = Object.entries(names).flatMap(([need, name]) => {
    const fact = observed.facts[name]
    return fact === undefined ? [] : [[need, fact] as const]
  })
  return { sealed: observed.sealed[index] ?? {}, shown: Object.fromEntries(shown) }
}
