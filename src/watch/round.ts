import { AdversaryError, messageOf } from '../lib/errors.ts'
import type { Claim } from '../lib/words.ts'
import { nowMs, tick } from '../os/clock.ts'
import { reviewAskedFor } from '../systems/baseline/moment.ts'
import type { UnansweredClaim, Pending } from '../record/pending.ts'
import { newestReview, orientationsOf } from '../record/record.ts'
import { milestoneOf } from '../config/plan/milestones.ts'
import type { Plan, Workspace } from '../config/types.ts'
import { recordRemovals } from '../review/annotations/record-removals.ts'
import { type Assessed, type Draft, type Observed, type Task, unseenHosts } from '../review/assessed.ts'
import { claimHistory, pendingClaims } from '../review/context/claim-history.ts'
import { type ReviewContext, type Snapshot, snapshot } from '../review/context/review-context.ts'
import { asksHost } from '../review/evaluate.ts'
import {
  assess,
  type LookOptions,
  publishReview,
  type PublishResult,
  refuseChanged
} from '../review/review.ts'
import { doubled, jittered } from './back-off.ts'
import { recordFailure, scheduleRetry, step, type WatchState } from './state.ts'

/** Looking again while an observation settles never holds a watcher up longer than this, in milliseconds. */
const settleBudgetMs = 60_000

/** Between two looks at what could not be seen, and two connections to a host that was not seen: doubled each time, in milliseconds. */
const backOff = { firstMs: 5_000, mostMs: 120_000 }

export interface WatchEvents {
  /** A claim is being looked at. */
  collecting?(claim: Claim): void
  /** The record was read: at the beginning, and again after each answer. */
  seen?(at: Snapshot, context: ReviewContext): void
  /** A round is over, and this is how the branch stands. */
  rounded?(at: Snapshot): void
  /** A claim was answered. */
  reviewed(draft: Draft, result: PublishResult): void
  oriented(observed: Observed, result: PublishResult): void
  hunted(observed: Observed, result: PublishResult): void
}

export type RoundOptions = { readonly once: boolean } & Pick<LookOptions, 'progress'>

interface Round {
  readonly context: ReviewContext
  readonly events: WatchEvents
  readonly look: LookOptions
  readonly state: WatchState
  readonly once: boolean
}

/**
 * One round: orients new phases, answers every claim that is owed and due, hunts.
 *
 * @returns the tip up to which every claim was considered.
 * @throws what concerns all claims alike, such as a remote that is gone.
 */
export async function round(
  context: ReviewContext,
  events: WatchEvents,
  options: RoundOptions,
  state: WatchState
): Promise<string> {
  const { progress, once } = options
  const { home, git } = context
  const look = { budgetMs: settleBudgetMs, ...(progress === undefined ? {} : { progress }) }
  const here: Round = { context, events, look, state, once }
  const refresh = () => snapshot(context)
  let at = await refresh()
  if (await recordRemovals(context, at)) at = await refresh()
  // A `since` that is not there is said before anything is written.
  await claimHistory(git, home, at.tip)
  for (const plan of home.plans.values()) {
    if (await orient(here, at, plan)) at = await refresh()
  }

  const tried = new Set<string>()
  for (;;) {
    // Asked anew after each answer: claims may have come, and a later one may need what was just answered.
    const pending = await pendingClaims(git, home, at)
    events.seen?.(at, context)
    report(here, pending)
    const next = nextOf(here, pending.unanswered, tried)
    if (next === undefined) break
    tried.add(next.claim.sha)
    if (await answer(here, at, next, pending.unanswered)) at = await refresh()
  }
  // Hunting may take in claims that came meanwhile: they are for the next round.
  const { tip } = at

  // A claim that waits goes before what nobody asked for.
  if (!once) {
    for (const plan of home.plans.values()) {
      if (isHuntDue(plan, state) && (await hunt(here, at, plan))) at = await refresh()
    }
  }
  events.seen?.(at, context)
  events.rounded?.(at)
  return tip
}

/** Looks at one claim and publishes what was seen. Whether the branch is another one now. */
async function answer(
  here: Round,
  at: Snapshot,
  unanswered: UnansweredClaim,
  all: readonly UnansweredClaim[]
): Promise<boolean> {
  const { context, state } = here
  const { sha, phase, milestone } = unanswered.claim
  const about = `${phase}-${milestone}`
  const work: Work = { key: sha, about, claim: sha }
  try {
    const needed = neededOf(here, at, unanswered, all)
    if (needed !== undefined) {
      const why = `it needs ${needed.about}, which could not be seen yet`
      scheduleRetry(state, sha, { about, why, pauseMs: backOff.firstMs, nextTick: needed.nextTick })
      return false
    }
    if (deferForHostBackoff(here, work, hostsOf(context.home, phase, milestone))) return false
    step(state, 'reviewing', about)
    context.log('review.started', { phase, milestone, claim: sha })
    here.events.collecting?.(unanswered.claim)
    return await review(here, at, work, { kind: 'review', ...unanswered })
  } catch (error) {
    return failed(here, work, { phase, milestone, claim: sha }, error)
  }
}

async function orient(here: Round, at: Snapshot, plan: Plan): Promise<boolean> {
  const { context, state } = here
  const { phase } = plan
  const work: Work = { key: `orientation ${phase}`, about: `orientation of ${phase}` }
  if (orientationsOf(at.record, phase).length > 0) {
    state.waiting.delete(work.key)
    return false
  }
  if ((state.waiting.get(work.key)?.nextTick ?? 0) > tick()) return false
  try {
    const hosts = plan.milestones.flatMap(({ id }) => hostsOf(context.home, phase, id))
    if (deferForHostBackoff(here, work, [...new Set(hosts)])) return false
    step(state, 'orienting', phase)
    context.log('orientation.started', { phase })
    return await review(here, at, work, { kind: 'orientation', plan })
  } catch (error) {
    return failed(here, work, { phase }, error)
  }
}

async function hunt(here: Round, at: Snapshot, plan: Plan): Promise<boolean> {
  const { context, state } = here
  const { phase } = plan
  state.hunted.set(phase, tick())
  try {
    step(state, 'hunting', phase)
    return await review(here, at, { key: `hunt ${phase}`, about: `hunt of ${phase}` }, { kind: 'hunt', plan })
  } catch (error) {
    context.signal.throwIfAborted()
    context.log('task.failed', { phase, why: messageOf(error), again_in_ms: plan.hunt.everyMs })
    return false
  }
}

/** Assesses and publishes, unless it is worth waiting for what could not be seen. Whether the branch is another one now. */
async function review(here: Round, at: Snapshot, work: Work, task: Task): Promise<boolean> {
  const { context, state, once } = here
  const assessed = await assess(context, at, task, here.look)
  noteHosts(here, assessed)
  const unseen = worthWaitingFor(assessed)
  if (unseen !== null && wait(here, work, unseen)) return false

  if (once && assessed.kind === 'review') await refuseChanged(context.home, assessed)
  const result = await publishReview(context, assessed, { unlessThere: true })
  if (assessed.kind === 'review' && result.outcome.kind === 'stale') {
    const why = 'what was seen is too old to be published'
    scheduleRetry(state, work.key, { about: work.about, why, pauseMs: backOff.firstMs })
    return true
  }
  if (assessed.kind !== 'hunt') {
    state.waiting.delete(work.key)
    state.hunted.set(assessed.phase, tick())
    if (result.outcome.kind === 'dropped') state.hasPeers = true
  }
  published(here, assessed, result)
  return assessed.kind !== 'hunt' || result.rendered !== null
}

/** What could not be seen, where it may be seen later. */
function worthWaitingFor(assessed: Assessed): string | null {
  if (assessed.kind === 'review' && assessed.worthRetrying) {
    return assessed.checks.find(({ check }) => check.outcome === 'unknown')?.check.why ?? 'something'
  }
  // What was not seen is no baseline.
  const unseen = assessed.kind === 'orientation' ? unseenHosts(assessed) : []
  return unseen.length > 0 ? `${unseen.join(', ')} did not answer` : null
}

/** Logs what became of it, and hands it on. */
function published({ context, events, state }: Round, assessed: Assessed, result: PublishResult): void {
  const { outcome } = result
  const commit = outcome.kind === 'published' ? { commit: outcome.commit } : {}
  switch (assessed.kind) {
    case 'review': {
      const { sha, phase, milestone } = assessed.claim
      const which = { phase, milestone, claim: sha, verdict: assessed.decision.verdict }
      if (outcome.kind === 'published') {
        state.reviews += 1
        context.log('review.published', { ...which, commit: outcome.commit })
      } else context.log('review.dropped', which)
      return events.reviewed(assessed, result)
    }
    case 'orientation':
      context.log('orientation.published', { phase: assessed.phase, ...commit })
      return events.oriented(assessed, result)
    case 'hunt': {
      const changes = result.rendered?.changes.length ?? 0
      context.log('hunt.finished', { phase: assessed.phase, changes, ...commit })
      return events.hunted(assessed, result)
    }
    case 'pre-verification':
  }
}

function report({ context, state }: Round, { unanswered, malformed, own }: Pending): void {
  const isNew = ({ sha }: { readonly sha: string }) => {
    if (state.logged.has(sha)) return false
    state.logged.add(sha)
    return true
  }
  for (const { sha, subject, why } of malformed.filter(isNew)) {
    context.log('claim.malformed', { commit: sha, subject, why })
  }
  for (const { sha, phase, milestone } of own.filter(isNew)) {
    const why = "it was claimed with the reviewer's own identity"
    context.log('claim.ignored', { commit: sha, phase, milestone, why })
  }
  const still = new Set(unanswered.map(({ claim }) => claim.sha))
  for (const key of state.waiting.keys()) {
    if (!key.startsWith('orientation ') && !still.has(key)) state.waiting.delete(key)
  }
}

/**
 * The oldest claim that was not looked at yet, then the oldest that is due again. Beside other reviewers any
 * of them: all looking at the same one would do the work of one.
 */
function nextOf(
  here: Round,
  unanswered: readonly UnansweredClaim[],
  tried: ReadonlySet<string>
): UnansweredClaim | undefined {
  const { waiting, hasPeers } = here.state
  const open = unanswered.filter(({ claim }) => {
    const nextTick = waiting.get(claim.sha)?.nextTick
    return !tried.has(claim.sha) && (nextTick === undefined || nextTick <= tick())
  })
  const unseen = open.filter(({ claim }) => !waiting.has(claim.sha))
  const ready = unseen.length > 0 ? unseen : open
  if (!hasPeers) return ready[0]
  // What an older claim must be answered for is not looked at before it.
  const free = ready.filter((one, place) => {
    const needs = needsOf(here.context, one)
    return !ready
      .slice(0, place)
      .some(({ claim }) => claim.phase === one.claim.phase && needs.has(claim.milestone))
  })
  return free[Math.floor(Math.random() * free.length)]
}

/** Milestones whose reviews this one's verdict rests on. */
function needsOf({ home }: ReviewContext, { claim }: UnansweredClaim): ReadonlySet<string> {
  const planned = milestoneOf(home.plans.get(claim.phase), claim.milestone)
  const times = (planned?.checks ?? []).flatMap(({ probe }) =>
    Object.values(probe.needs).map(({ key }) => reviewAskedFor(key))
  )
  return new Set([...(planned?.needs ?? []), ...times.filter(milestone => milestone !== null)])
}

/** A claim that this one needs and that is still being looked at: no blip must become a missing PASS. */
function neededOf(
  { context, state }: Round,
  at: Snapshot,
  { claim }: UnansweredClaim,
  all: readonly UnansweredClaim[]
) {
  const planned = milestoneOf(context.home.plans.get(claim.phase), claim.milestone)
  for (const need of planned?.needs ?? []) {
    if (newestReview(at.record, claim.phase, need)?.message.verdict === 'PASS') continue
    const other = all.find(each => each.claim.phase === claim.phase && each.claim.milestone === need)
    const waiting = other === undefined ? undefined : state.waiting.get(other.claim.sha)
    if (waiting?.unseenSince !== undefined) return waiting
  }
  return undefined
}

function hostsOf(home: Workspace, phase: string, milestone: string): readonly string[] {
  const planned = milestoneOf(home.plans.get(phase), milestone)
  return [...new Set((planned?.checks ?? []).flatMap(check => (asksHost(check) ? (check.host ?? []) : [])))]
}

/** A piece of work that may have to wait. */
interface Work {
  /** As in `WatchState.waiting`. */
  readonly key: string
  readonly about: string
  readonly claim?: string
}

/** Puts off what could not be seen, and answers false when `retry` is over. */
function wait({ context, state }: Round, work: Work, why: string, notBefore = 0): boolean {
  const before = state.waiting.get(work.key)
  const unseenSince = before?.unseenSince ?? tick()
  const leftMs = context.home.retryMs - (tick() - unseenSince)
  if (leftMs <= 0) return false
  // A host that rests says itself when it is asked again: that look was none.
  const pauseMs = notBefore > 0 ? (before?.pauseMs ?? firstPause(context)) : pauseAfter(before, context)
  const nextMs = notBefore > 0 ? Math.max(notBefore - tick(), 0) : Math.min(jittered(pauseMs), leftMs)
  scheduleRetry(state, work.key, { about: work.about, why, unseenSince, pauseMs, nextTick: tick() + nextMs })
  const { key: _, ...which } = work
  context.log('observation.failed', { ...which, why, again_in_ms: Math.round(nextMs) })
  return true
}

/**
 * Whether the work has to wait because a host that it needs did not answer a moment ago: many claims of one
 * host make one connection between them, not one each. When `retry` is over each looks for itself once more,
 * but never at the heels of the one before.
 */
function deferForHostBackoff(here: Round, work: Work, hosts: readonly string[]): boolean {
  const { context, state } = here
  const unseen = hosts.flatMap(name => {
    const host = state.hosts.get(name)
    return host === undefined || host.nextTick <= tick() ? [] : [{ name, ...host }]
  })
  if (unseen.length === 0) return false
  const why = unseen.map(({ name, why: reason }) => `${name} did not answer: ${reason}`).join('; ')
  if (wait(here, work, why, Math.max(...unseen.map(({ nextTick }) => nextTick)))) return true
  const free = Math.max(...unseen.map(({ lastTick }) => lastTick)) + firstPause(context)
  if (free <= tick()) return false
  scheduleRetry(state, work.key, { about: work.about, why, pauseMs: firstPause(context), nextTick: free })
  return true
}

/** Remembers which hosts answered, and when one that did not is asked again. */
function noteHosts({ context, state }: Round, observed: Observed): void {
  const unseen = new Set(unseenHosts(observed))
  for (const name of unseen) {
    const before = state.hosts.get(name)
    const why = observed.evidence.find(({ on, why: reason }) => on === name && reason !== undefined)?.why
    const trouble = recordFailure(before, why ?? 'it gave no reason')
    const pauseMs = pauseAfter(before, context)
    state.hosts.set(name, { ...trouble, pauseMs, lastTick: tick(), nextTick: tick() + pauseMs })
    if (before === undefined) context.log('host.unreachable', { host: name, why: trouble.why })
  }
  for (const name of new Set(observed.evidence.map(({ on }) => on))) {
    const before = state.hosts.get(name)
    if (before === undefined || unseen.has(name)) continue
    state.hosts.delete(name)
    const seconds = Math.max(0, Math.round((nowMs() - before.sinceMs) / 1000))
    context.log('host.recovered', { host: name, after: before.times, seconds })
  }
}

function firstPause({ home }: ReviewContext): number {
  return Math.min(backOff.firstMs, home.pollMs)
}

function pauseAfter(before: { readonly pauseMs: number } | undefined, context: ReviewContext): number {
  return doubled(before?.pauseMs, firstPause(context), backOff.mostMs)
}

/** What goes wrong with one claim or phase must not hold up the others: it is logged and tried again later. */
async function failed(
  { context, state }: Round,
  { key, about }: Work,
  which: { readonly phase: string; readonly milestone?: string; readonly claim?: string },
  error: unknown
): Promise<true> {
  context.signal.throwIfAborted()
  // A remote that is gone concerns them all.
  await context.git.remoteTip(context.home.repo.branch)
  const pauseMs = pauseAfter(state.waiting.get(key), context)
  const why = error instanceof AdversaryError ? error.message : `internal error: ${messageOf(error)}`
  const nextMs = jittered(pauseMs)
  scheduleRetry(state, key, { about, why, pauseMs, nextTick: tick() + nextMs, failure: error })
  const times = state.waiting.get(key)?.times ?? 1
  context.log('task.failed', { ...which, why, times, again_in_ms: Math.round(nextMs) })
  return true
}

/** Whether the hunt of any phase is due. */
export function huntDue(plans: Workspace['plans'], state: WatchState): boolean {
  return [...plans.values()].some(plan => isHuntDue(plan, state))
}

function isHuntDue(plan: Plan, { hunted }: WatchState): boolean {
  if (plan.hunt.checks.length === 0) return false
  const last = hunted.get(plan.phase)
  return last === undefined || tick() - last >= plan.hunt.everyMs
}
