import { AdversaryError, messageOf } from '../lib/errors.ts'
import type { Owed, Pending } from '../record/pending.ts'
import { nowMs, tick } from '../os/clock.ts'
import type { Plan } from '../config/types.ts'
import { reviewAskedFor } from '../systems/baseline/moment.ts'
import { newestReview, orientationsOf, type SignedRecord } from '../record/record.ts'
import type { Claim } from '../lib/words.ts'
import { doubled, jittered } from './back-off.ts'
import { claimHistory } from '../review/context/claim-history.ts'
import { orientation } from '../review/orientation.ts'
import { owedClaims } from '../review/context/owed.ts'
import { tellRemoved } from '../review/annotations/record-removals.ts'
import {
  publishHunt,
  publishOrientation,
  publishReview,
  refuseChanged,
  type PublishResult
} from '../review/publish-review.ts'
import {
  asksHost,
  type Draft,
  draftReview,
  type LookOptions,
  observe,
  type Observed,
  unseenHosts
} from '../review/review.ts'
import { again, scheduleRetry, step, type WatchState } from './state.ts'
import { type Snapshot, snapshot, type ReviewContext } from '../review/context/review-context.ts'

/** Looking again while an observation settles never holds a watcher up longer than this, in milliseconds. */
const settleBudgetMs = 60_000

/** Between two looks at what could not be seen, and two connections to a host that was not seen: doubled each time, in milliseconds. */
const backOff = { firstMs: 5_000, mostMs: 120_000 }

export interface WatchEvents {
  /** A claim is being looked at. */
  looking?(claim: Claim): void
  /** The record was read: at the beginning, and again after each answer. */
  seen?(at: Snapshot, context: ReviewContext): void
  /** A round is over, with this record. */
  rounded?(record: SignedRecord): void
  /** A claim was answered. */
  reviewed(draft: Draft, told: PublishResult): void
  oriented(observed: Observed, told: PublishResult): void
  hunted(observed: Observed, told: PublishResult): void
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
  const look = { budgetMs: settleBudgetMs, ...(progress === undefined ? {} : { progress }) }
  const here: Round = { context, events, look, state, once }
  let at = await snapshot(context)
  if (await tellRemoved(context, at)) at = await snapshot(context)
  // A `since` that is not there is said before anything is written.
  await claimHistory(context, at)
  for (const plan of context.home.plans.values()) {
    if (await orient(here, at, plan)) at = await snapshot(context)
  }

  const tried = new Set<string>()
  for (;;) {
    // Asked anew after each answer: claims may have come, and a later one may need what was just answered.
    const owed = await owedClaims(context, at)
    events.seen?.(at, context)
    report(here, owed)
    const next = nextOf(here, owed.owed, tried)
    if (next === undefined) break
    tried.add(next.claim.sha)
    if (await answer(here, at, next, owed.owed)) at = await snapshot(context)
  }
  // Hunting may take in claims that came meanwhile: they are for the next round.
  const { tip } = at

  // A claim that waits goes before what nobody asked for.
  if (!options.once) {
    for (const plan of context.home.plans.values()) {
      if (planHuntDue(plan, state) && (await hunt(here, at, plan))) at = await snapshot(context)
    }
  }
  events.seen?.(at, context)
  events.rounded?.(at.record)
  return tip
}

function report({ context, state }: Round, { owed, malformed, own }: Pending): void {
  const isNew = ({ sha }: { readonly sha: string }) => {
    if (state.told.has(sha)) return false
    state.told.add(sha)
    return true
  }
  for (const { sha, subject, why } of malformed.filter(isNew)) {
    context.log('malformed claim', { commit: sha, subject, why })
  }
  for (const { sha, phase, milestone } of own.filter(isNew)) {
    const why = "it was claimed by the reviewer's own identity"
    context.log('not reviewed', { commit: sha, phase, milestone, why })
  }
  const still = new Set(owed.map(({ claim }) => claim.sha))
  for (const key of state.waiting.keys()) {
    if (!key.startsWith('orientation ') && !still.has(key)) state.waiting.delete(key)
  }
}

/**
 * The oldest claim that was not looked at yet, then the oldest that is due again. Beside other reviewers any
 * of them: all looking at the same one would do the work of one.
 */
function nextOf(here: Round, owed: readonly Owed[], tried: ReadonlySet<string>): Owed | undefined {
  const { waiting, hasPeers } = here.state
  const open = owed.filter(({ claim }) => {
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
function needsOf({ home }: ReviewContext, { claim }: Owed): ReadonlySet<string> {
  const planned = home.plans.get(claim.phase)?.milestones.find(({ id }) => id === claim.milestone)
  const times = (planned?.checks ?? []).flatMap(({ probe }) =>
    Object.values(probe.needs).map(({ key }) => reviewAskedFor(key))
  )
  return new Set([...(planned?.needs ?? []), ...times.filter(milestone => milestone !== null)])
}

/** Looks at one claim and publishes what was seen. Whether the branch is another one now. */
function answer(here: Round, at: Snapshot, owed: Owed, all: readonly Owed[]): Promise<boolean> {
  const { context, events, look, state } = here
  const { sha, phase, milestone } = owed.claim
  const about = `${phase}-${milestone}`
  return attempt(here, { key: sha, about, log: { phase, milestone, claim: sha } }, async () => {
    const needed = neededOf(here, at, owed, all)
    if (needed !== undefined) {
      const why = `it needs ${needed.about}, which could not be seen yet`
      scheduleRetry(state, sha, { about, why, pauseMs: backOff.firstMs, nextTick: needed.nextTick })
      return false
    }
    if (deferForHostBackoff(here, { key: sha, about, claim: sha }, hostsOf(context, phase, milestone)))
      return false

    step(state, 'reviewing', about)
    context.log('reviewing', { phase, milestone, claim: sha })
    events.looking?.(owed.claim)
    const draft = await draftReview(context, at, owed, look)
    noteHosts(here, draft)
    if (draft.worthRetrying && wait(here, { key: sha, about, claim: sha }, whyUnseen(draft))) return false

    if (here.once) await refuseChanged(context, draft)
    const told = await publishReview(context, draft)
    if (told.outcome.kind === 'stale') {
      const why = 'what was seen is too old to be published'
      scheduleRetry(state, sha, { about, why, pauseMs: backOff.firstMs })
      return true
    }
    state.waiting.delete(sha)
    state.hunted.set(phase, tick())
    if (told.outcome.kind === 'dropped') state.hasPeers = true
    const { verdict } = draft.decision
    const which = { phase, milestone, claim: sha, verdict }
    if (told.outcome.kind === 'published') {
      state.reviews += 1
      context.log('published', { ...which, commit: told.outcome.commit })
    } else context.log('dropped', which)
    events.reviewed(draft, told)
    return true
  })
}

/** A claim that this one needs and that is still being looked at: no blip must become a missing PASS. */
function neededOf({ context, state }: Round, at: Snapshot, { claim }: Owed, all: readonly Owed[]) {
  const planned = context.home.plans.get(claim.phase)?.milestones.find(({ id }) => id === claim.milestone)
  for (const need of planned?.needs ?? []) {
    if (newestReview(at.record, claim.phase, need)?.message.verdict === 'PASS') continue
    const other = all.find(each => each.claim.phase === claim.phase && each.claim.milestone === need)
    const waiting = other === undefined ? undefined : state.waiting.get(other.claim.sha)
    if (waiting?.unseenSince !== undefined) return waiting
  }
  return undefined
}

function hostsOf(context: ReviewContext, phase: string, milestone: string): readonly string[] {
  const planned = context.home.plans.get(phase)?.milestones.find(({ id }) => id === milestone)
  return [...new Set((planned?.checks ?? []).flatMap(check => (asksHost(check) ? (check.host ?? []) : [])))]
}

function whyUnseen({ checks }: Draft): string {
  return checks.find(({ check }) => check.outcome === 'unknown')?.check.why ?? 'something'
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
  context.log('could not see', { ...which, why, again_in_ms: Math.round(nextMs) })
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
    const trouble = again(before, why ?? 'it gave no reason')
    const pauseMs = pauseAfter(before, context)
    state.hosts.set(name, { ...trouble, pauseMs, lastTick: tick(), nextTick: tick() + pauseMs })
    if (before === undefined) context.log('host unseen', { host: name, why: trouble.why })
  }
  for (const name of new Set(observed.evidence.map(({ on }) => on))) {
    const before = state.hosts.get(name)
    if (before === undefined || unseen.has(name)) continue
    state.hosts.delete(name)
    const seconds = Math.max(0, Math.round((nowMs() - before.sinceMs) / 1000))
    context.log('host seen', { host: name, after: before.times, seconds })
  }
}

function firstPause({ home }: ReviewContext): number {
  return Math.min(backOff.firstMs, home.pollMs)
}

function pauseAfter(before: { readonly pauseMs: number } | undefined, context: ReviewContext): number {
  return doubled(before?.pauseMs, firstPause(context), backOff.mostMs)
}

/** What goes wrong with one claim or phase must not hold up the others: it is logged and tried again later. */
async function attempt(
  { context, state }: Round,
  work: Work & {
    readonly log: { readonly phase: string; readonly milestone?: string; readonly claim?: string }
  },
  doIt: () => Promise<boolean>
): Promise<boolean> {
  try {
    return await doIt()
  } catch (error) {
    context.signal.throwIfAborted()
    // A remote that is gone concerns them all.
    await context.git.remoteTip(context.home.repo.branch)
    const before = state.waiting.get(work.key)
    const pauseMs = pauseAfter(before, context)
    const why = error instanceof AdversaryError ? error.message : `a fault of its own: ${messageOf(error)}`
    const { about } = work
    const nextMs = jittered(pauseMs)
    scheduleRetry(state, work.key, { about, why, pauseMs, nextTick: tick() + nextMs, failure: error })
    const times = state.waiting.get(work.key)?.times ?? 1
    context.log('failed', { ...work.log, why, times, again_in_ms: Math.round(nextMs) })
    return true
  }
}

async function orient(here: Round, at: Snapshot, plan: Plan): Promise<boolean> {
  const { context, events, look, state } = here
  const { phase } = plan
  const work = { key: `orientation ${phase}`, about: `orientation of ${phase}` }
  if (orientationsOf(at.record, phase).length > 0) {
    state.waiting.delete(work.key)
    return false
  }
  if ((state.waiting.get(work.key)?.nextTick ?? 0) > tick()) return false
  return attempt(here, { ...work, log: { phase } }, async () => {
    const hosts = plan.milestones.flatMap(({ id }) => hostsOf(context, phase, id))
    if (deferForHostBackoff(here, work, [...new Set(hosts)])) return false
    step(state, 'orienting', phase)
    context.log('orienting', { phase })
    const observed = await orientation(context, at, plan, look)
    noteHosts(here, observed)
    const unseen = unseenHosts(observed)
    // What was not seen is no baseline: it is worth waiting for.
    if (unseen.length > 0 && wait(here, work, `${unseen.join(', ')} did not answer`)) return false
    const told = await publishOrientation(context, observed, { unlessThere: true })
    state.waiting.delete(work.key)
    state.hunted.set(phase, tick())
    context.log('oriented', { phase, ...commitOf(told) })
    if (told.outcome.kind === 'dropped') state.hasPeers = true
    events.oriented(observed, told)
    return true
  })
}

async function hunt(here: Round, at: Snapshot, plan: Plan): Promise<boolean> {
  const { context, events, look, state } = here
  const { phase } = plan
  state.hunted.set(phase, tick())
  try {
    step(state, 'hunting', phase)
    const subject = { phase, commit: at.tip, checks: [], hunts: plan.hunt.checks }
    const observed = await observe(context, at, subject, look)
    noteHosts(here, observed)
    const told = await publishHunt(context, observed)
    context.log('hunted', { phase, changes: told.telling?.changes.length ?? 0, ...commitOf(told) })
    events.hunted(observed, told)
    return told.telling !== null
  } catch (error) {
    context.signal.throwIfAborted()
    context.log('failed', { phase, why: messageOf(error), again_in_ms: plan.hunt.everyMs })
    return false
  }
}

function commitOf({ outcome }: PublishResult): { readonly commit?: string } {
  return outcome.kind === 'published' ? { commit: outcome.commit } : {}
}

export function huntDue(context: ReviewContext, state: WatchState): boolean {
  return [...context.home.plans.values()].some(plan => planHuntDue(plan, state))
}

function planHuntDue(plan: Plan, { hunted }: WatchState): boolean {
  if (plan.hunt.checks.length === 0) return false
  const last = hunted.get(plan.phase)
  return last === undefined || tick() - last >= plan.hunt.everyMs
}
