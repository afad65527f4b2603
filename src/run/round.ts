import { AdversaryError, messageOf } from '../base/errors.ts'
import { type Owed, type Pending, pending } from '../claim/pending.ts'
import { tick } from '../doors/clock.ts'
import type { Commit } from '../doors/git.ts'
import type { Plan } from '../home/types.ts'
import { baselinesOf, newestReview, settledClaims } from '../record/record.ts'
import { orientation } from './orientation.ts'
import { publishHunt, publishOrientation, publishReview, type Told } from './publish.ts'
import {
  asksHost,
  type Draft,
  draftReview,
  type LookOptions,
  observe,
  type Observed,
  unseenHosts
} from './review.ts'
import { claimPatterns, type Snapshot, snapshot, type World } from './world.ts'

/** Looking again while an observation settles never holds a watcher up longer than this, in milliseconds. */
const settleBudgetMs = 60_000

/** Between two looks at what could not be seen: doubled each time, in milliseconds. */
const backOff = { firstMs: 5_000, mostMs: 120_000 }

export interface WatchEvents {
  /** A claim was answered. */
  reviewed(draft: Draft, told: Told): void
  oriented(observed: Observed, told: Told): void
  hunted(observed: Observed, told: Told): void
}

export type RoundOptions = { readonly once: boolean } & Pick<LookOptions, 'progress'>

/** Something that will be tried again: a claim (by its sha) or a phase's orientation. Times are ticks. */
interface Waiting {
  readonly nextTick: number
  readonly pauseMs: number
  /** Since when a host could not be seen. */
  readonly unseenSince?: number
  /** What went wrong, where it was not the seeing. */
  readonly failure?: unknown
}

/** What a watcher remembers between rounds; losing it costs a second look and nothing else. */
export interface WatchState {
  readonly waiting: Map<string, Waiting>
  /** When each phase was hunted last, as a tick. */
  readonly hunted: Map<string, number>
  /** Commits that the log has told of. */
  readonly told: Set<string>
}

export function startState(): WatchState {
  return { waiting: new Map(), hunted: new Map(), told: new Set() }
}

interface Round {
  readonly world: World
  readonly events: WatchEvents
  readonly look: LookOptions
  readonly state: WatchState
  /** Hosts that did not answer in this round. */
  readonly down: Set<string>
}

/**
 * One round: orients new phases, answers every claim that is owed and due, hunts.
 *
 * @returns the tip up to which every claim was considered.
 * @throws what concerns all claims alike, such as a remote that is gone.
 */
export async function round(
  world: World,
  events: WatchEvents,
  options: RoundOptions,
  state: WatchState
): Promise<string> {
  const { progress } = options
  const look = { budgetMs: settleBudgetMs, ...(progress === undefined ? {} : { progress }) }
  const here: Round = { world, events, look, state, down: new Set() }
  let at = await snapshot(world)
  // A `since` that is not there is said before anything is written.
  await claimHistory(world, at)
  for (const plan of world.home.plans.values()) {
    if (await orient(here, at, plan)) at = await snapshot(world)
  }

  const tried = new Set<string>()
  for (;;) {
    // Asked anew after each answer: claims may have come, and a later one may need what was just answered.
    const owed = await owedClaims(world, at)
    report(here, owed)
    const next = nextOf(here, owed.owed, tried)
    if (next === undefined) break
    tried.add(next.claim.sha)
    if (await answer(here, at, next, owed.owed)) at = await snapshot(world)
  }
  // Hunting may take in claims that came meanwhile: they are for the next round.
  const { tip } = at

  // A claim that waits goes before what nobody asked for.
  if (!options.once) {
    for (const plan of world.home.plans.values()) {
      if (planHuntDue(plan, state) && (await hunt(here, at, plan))) at = await snapshot(world)
    }
  }
  return tip
}

/** What is owed a review on this branch, and the claims that were not understood. */
export async function owedClaims(world: World, at: Snapshot): Promise<Pending> {
  const history = await claimHistory(world, at)
  return pending(history, settledClaims(at.record), world.home.identity, claimPatterns(world.home))
}

/** The commits of the branch in which claims count. @throws AdversaryError `usage` for a `since` that is not there. */
export async function claimHistory({ home, git }: World, { tip }: Snapshot): Promise<readonly Commit[]> {
  const { since, branch } = home.repo
  if (since === null) return git.commits({ tip })
  const start = await git.commit(since)
  if (start === null) {
    throw new AdversaryError('usage', `adversary.yaml: repo.since: ${branch} has no commit ${since}`, {
      hint: `claims after that commit count; the tip is ${tip.slice(0, 12)}`
    })
  }
  return git.commits({ tip, not: [start.sha] })
}

function report({ world, state }: Round, { owed, malformed, own }: Pending): void {
  const once = (sha: string, event: string, details: Readonly<Record<string, string>>) => {
    if (state.told.has(sha)) return
    state.told.add(sha)
    world.log(event, { commit: sha, ...details })
  }
  for (const { sha, subject, why } of malformed) once(sha, 'malformed claim', { subject, why })
  for (const { sha, phase, milestone } of own) {
    once(sha, 'not reviewed', { phase, milestone, why: "it was claimed by the reviewer's own identity" })
  }
  const still = new Set(owed.map(({ claim }) => claim.sha))
  for (const key of state.waiting.keys()) {
    if (!key.startsWith('orientation ') && !still.has(key)) state.waiting.delete(key)
  }
}

/** The oldest claim that was not looked at yet, then the oldest that is due again. */
function nextOf({ state }: Round, owed: readonly Owed[], tried: ReadonlySet<string>): Owed | undefined {
  const open = owed.filter(({ claim }) => !tried.has(claim.sha))
  return (
    open.find(({ claim }) => !state.waiting.has(claim.sha)) ??
    open.find(({ claim }) => (state.waiting.get(claim.sha)?.nextTick ?? 0) <= tick())
  )
}

/** Looks at one claim and publishes what was seen. Whether the branch is another one now. */
function answer(here: Round, at: Snapshot, owed: Owed, all: readonly Owed[]): Promise<boolean> {
  const { world, events, look, state, down } = here
  const { claim } = owed
  const { sha, phase, milestone } = claim
  return attempt(here, sha, { phase, milestone, claim: sha }, async () => {
    const needed = neededOf(here, at, owed, all)
    if (needed !== undefined) {
      const pauseMs = backOff.firstMs
      state.waiting.set(sha, { ...state.waiting.get(sha), pauseMs, nextTick: needed.nextTick })
      return false
    }
    const hosts = hostsOf(world, phase, milestone)
    if (hosts.some(host => down.has(host)) && wait(here, sha, `${hosts.join(', ')} did not answer`)) {
      return false
    }

    world.log('reviewing', { phase, milestone, claim: sha })
    const draft = await draftReview(world, at, owed, look)
    for (const host of unseenHosts(draft)) down.add(host)
    if (draft.worthRetrying && wait(here, sha, whyUnseen(draft))) return false

    const told = await publishReview(world, draft)
    if (told.outcome.kind === 'stale') {
      const pauseMs = backOff.firstMs
      state.waiting.set(sha, { ...state.waiting.get(sha), pauseMs, nextTick: tick() + pauseMs })
      return true
    }
    state.waiting.delete(sha)
    state.hunted.set(phase, tick())
    const { verdict } = draft.decision
    const commit = told.outcome.kind === 'published' ? told.outcome.commit : null
    world.log(told.outcome.kind, { phase, milestone, claim: sha, verdict, commit })
    events.reviewed(draft, told)
    return true
  })
}

/** A claim that this one needs and that is still being looked at: no blip must become a missing PASS. */
function neededOf({ world, state }: Round, at: Snapshot, { claim }: Owed, all: readonly Owed[]) {
  const planned = world.home.plans.get(claim.phase)?.milestones.find(({ id }) => id === claim.milestone)
  for (const need of planned?.needs ?? []) {
    if (newestReview(at.record, claim.phase, need)?.message.verdict === 'PASS') continue
    const other = all.find(each => each.claim.phase === claim.phase && each.claim.milestone === need)
    const waiting = other === undefined ? undefined : state.waiting.get(other.claim.sha)
    if (waiting?.unseenSince !== undefined) return waiting
  }
  return undefined
}

function hostsOf(world: World, phase: string, milestone: string): readonly string[] {
  const planned = world.home.plans.get(phase)?.milestones.find(({ id }) => id === milestone)
  return [...new Set((planned?.checks ?? []).flatMap(check => (asksHost(check) ? (check.host ?? []) : [])))]
}

function whyUnseen({ checks }: Draft): string {
  return checks.find(({ check }) => check.outcome === 'unknown')?.check.why ?? 'something'
}

/** Puts off what could not be seen, and answers false when `retry` is over. */
function wait({ world, state }: Round, key: string, why: string): boolean {
  const before = state.waiting.get(key)
  const unseenSince = before?.unseenSince ?? tick()
  const leftMs = world.home.retryMs - (tick() - unseenSince)
  if (leftMs <= 0) return false
  const pauseMs = pauseAfter(before, world)
  const nextMs = Math.min(pauseMs, leftMs)
  state.waiting.set(key, { unseenSince, pauseMs, nextTick: tick() + nextMs })
  world.log('could not see', { what: key, why, again_in_ms: Math.round(nextMs) })
  return true
}

function pauseAfter(before: Waiting | undefined, { home }: World): number {
  if (before === undefined) return Math.min(backOff.firstMs, home.pollMs)
  return Math.min(before.pauseMs * 2, backOff.mostMs)
}

/** What goes wrong with one claim or phase must not hold up the others: it is logged and tried again later. */
async function attempt(
  { world, state }: Round,
  key: string,
  about: Readonly<Record<string, string>>,
  work: () => Promise<boolean>
): Promise<boolean> {
  try {
    return await work()
  } catch (error) {
    world.signal.throwIfAborted()
    // A remote that is gone concerns them all.
    await world.git.remoteTip(world.home.repo.branch)
    const before = state.waiting.get(key)
    const pauseMs = pauseAfter(before, world)
    const { unseenSince } = before ?? {}
    state.waiting.set(key, {
      pauseMs,
      nextTick: tick() + pauseMs,
      failure: error,
      ...(unseenSince === undefined ? {} : { unseenSince })
    })
    const why = error instanceof AdversaryError ? error.message : `a fault of its own: ${messageOf(error)}`
    world.log('failed', { ...about, why, again_in_ms: Math.round(pauseMs) })
    return true
  }
}

async function orient(here: Round, at: Snapshot, plan: Plan): Promise<boolean> {
  const { world, events, look, state } = here
  const key = `orientation ${plan.phase}`
  if (baselinesOf(at.record, plan.phase).length > 0) {
    state.waiting.delete(key)
    return false
  }
  if ((state.waiting.get(key)?.nextTick ?? 0) > tick()) return false
  return attempt(here, key, { phase: plan.phase }, async () => {
    world.log('orienting', { phase: plan.phase })
    const observed = await orientation(world, at, plan, look)
    const unseen = unseenHosts(observed)
    for (const host of unseen) here.down.add(host)
    // What was not seen is no baseline: it is worth waiting for.
    if (unseen.length > 0 && wait(here, key, `${unseen.join(', ')} did not answer`)) return false
    const told = await publishOrientation(world, observed, { unlessThere: true })
    state.waiting.delete(key)
    state.hunted.set(plan.phase, tick())
    events.oriented(observed, told)
    return true
  })
}

async function hunt({ world, events, look, state }: Round, at: Snapshot, plan: Plan): Promise<boolean> {
  state.hunted.set(plan.phase, tick())
  try {
    const subject = { phase: plan.phase, commit: at.tip, checks: [], hunts: plan.hunt.checks }
    const observed = await observe(world, at, subject, look)
    const told = await publishHunt(world, observed)
    events.hunted(observed, told)
    return told.telling !== null
  } catch (error) {
    world.signal.throwIfAborted()
    world.log('failed', { phase: plan.phase, why: messageOf(error), again_in_ms: plan.hunt.everyMs })
    return false
  }
}

export function huntDue(world: World, state: WatchState): boolean {
  return [...world.home.plans.values()].some(plan => planHuntDue(plan, state))
}

function planHuntDue(plan: Plan, { hunted }: WatchState): boolean {
  if (plan.hunt.checks.length === 0) return false
  const last = hunted.get(plan.phase)
  return last === undefined || tick() - last >= plan.hunt.everyMs
}
