import { messageOf } from '../base/errors.ts'
import { oneLine } from '../base/text.ts'
import { type Owed, pending } from '../claim/pending.ts'
import { nowMs, sleep, tick } from '../doors/clock.ts'
import { overviews } from '../judge/overview.ts'
import { baselinesOf, settledClaims } from '../record/record.ts'
import { publishHunt, publishOrientation, publishReview, type Told } from './publish.ts'
import { type Draft, draftReview, type LookOptions, observe, type Observed } from './review.ts'
import { claimPatterns, type Snapshot, snapshot, type World } from './world.ts'
import type { Check, Plan } from '../home/types.ts'

/** Looking again while an observation settles never holds a watcher up longer than this, in milliseconds. */
const settleBudgetMs = 60_000

/** Between two looks at what could not be seen: doubled each time, in milliseconds. */
const backOff = { firstMs: 5_000, mostMs: 120_000 }

export interface WatchEvents {
  /** A claim was answered and the answer was pushed. */
  reviewed(draft: Draft, told: Told): void
  oriented(observed: Observed, told: Told): void
  hunted(observed: Observed, told: Told): void
}

interface Waiting {
  readonly sinceTick: number
  readonly nextTick: number
  readonly pauseMs: number
}

/**
 * The loop: poll, orient new phases, answer what is owed, hunt, wait. Holds no state that matters: what was
 * answered is read from the repo each time, so that it may be killed at any moment.
 *
 * @param options.once ends when nothing is owed any more.
 */
export async function watch(
  world: World,
  events: WatchEvents,
  options: { readonly once: boolean } & Pick<LookOptions, 'progress'>
): Promise<void> {
  const { home, git, signal } = world
  const waiting = new Map<string, Waiting>()
  const hunted = new Map<string, number>()
  let seenTip: string | null = null
  let failures = 0

  while (!signal.aborted) {
    let next = home.pollMs
    try {
      const tip = await git.remoteTip(home.repo.branch)
      const due = [...waiting.values()].some(({ nextTick }) => nextTick <= tick())
      if (tip !== seenTip || due || huntDue(world, hunted)) {
        const round = await work(world, events, options, { waiting, hunted })
        seenTip = round.tip
      }
      if (failures > 0) world.log('recovered', { after: failures })
      failures = 0
      if (options.once && waiting.size === 0) return
    } catch (error) {
      if (signal.aborted) return
      if (options.once) throw error
      failures += 1
      // The remote is not hammered while it is down.
      next = Math.min(home.pollMs * 2 ** Math.min(failures, 5), 10 * 60_000)
      world.log('failed', { why: oneLine(messageOf(error)), times: failures, next_ms: next })
    }
    const soonest = Math.min(...[...waiting.values()].map(({ nextTick }) => nextTick - tick()), next)
    await sleep(Math.max(soonest, 50), signal).catch(() => undefined)
  }
}

/** One round over everything that is owed. Answers the tip that it left behind. */
async function work(
  world: World,
  events: WatchEvents,
  options: { readonly once: boolean } & Pick<LookOptions, 'progress'>,
  state: { readonly waiting: Map<string, Waiting>; readonly hunted: Map<string, number> }
): Promise<{ readonly tip: string }> {
  let at = await snapshot(world)
  const look: LookOptions = {
    budgetMs: settleBudgetMs,
    ...(options.progress === undefined ? {} : { progress: options.progress })
  }

  for (const plan of world.home.plans.values()) {
    if (baselinesOf(at.record, plan.phase).length > 0) continue
    world.log('orienting', { phase: plan.phase })
    const observed = await orientation(world, at, plan, look)
    events.oriented(observed, await publishOrientation(world, observed))
    at = await snapshot(world)
  }

  const { owed, malformed } = await owedClaims(world, at)
  for (const { sha, why } of malformed) world.log('malformed claim', { commit: sha, why })
  const stillOwed = new Set(owed.map(({ claim }) => claim.sha))
  for (const sha of state.waiting.keys()) if (!stillOwed.has(sha)) state.waiting.delete(sha)

  let failed: unknown
  for (const each of owed) {
    const { claim } = each
    const wait = state.waiting.get(claim.sha)
    if (wait !== undefined && wait.nextTick > tick()) continue
    world.log('reviewing', { phase: claim.phase, milestone: claim.milestone, claim: claim.sha })
    const sinceTick = wait?.sinceTick ?? tick()
    const pauseMs = wait === undefined ? backOff.firstMs : Math.min(wait.pauseMs * 2, backOff.mostMs)
    const again = (inMs: number) =>
      state.waiting.set(claim.sha, { sinceTick, pauseMs, nextTick: tick() + inMs })
    try {
      const draft = await draftReview(world, at, each, look)
      if (draft.worthRetrying && tick() - sinceTick + pauseMs <= world.home.retryMs) {
        again(pauseMs)
        world.log('could not see', { claim: claim.sha, again_in_ms: pauseMs })
        continue
      }
      const told = await publishReview(world, draft)
      if (told.outcome.kind === 'stale') {
        again(0)
        continue
      }
      state.waiting.delete(claim.sha)
      state.hunted.set(claim.phase, nowMs())
      world.log(told.outcome.kind, {
        phase: claim.phase,
        milestone: claim.milestone,
        claim: claim.sha,
        verdict: draft.decision.verdict,
        commit: told.outcome.kind === 'published' ? told.outcome.commit : null
      })
      events.reviewed(draft, told)
    } catch (error) {
      if (world.signal.aborted) throw error
      // One claim that cannot be answered (a push that is refused, a path in the way) holds up no other.
      if (options.once) failed ??= error
      else again(pauseMs)
      world.log('failed', { claim: claim.sha, why: oneLine(messageOf(error)), again_in_ms: pauseMs })
    }
    // A later claim may need the milestone that was just answered.
    at = await snapshot(world)
  }

  if (failed !== undefined) throw failed

  // A claim that waits goes before what nobody asked for.
  if (!options.once) {
    for (const plan of world.home.plans.values()) {
      if (!planHuntDue(plan, state.hunted)) continue
      const observed = await observe(
        world,
        at,
        { phase: plan.phase, commit: at.tip, checks: [], hunts: plan.hunt.checks },
        look
      )
      state.hunted.set(plan.phase, nowMs())
      const told = await publishHunt(world, observed)
      if (told.telling !== null) at = await snapshot(world)
      events.hunted(observed, told)
    }
  }
  return { tip: at.tip }
}

/** What is owed a review on this branch, and the claims that were not understood. */
export async function owedClaims(
  world: World,
  at: Snapshot
): Promise<{ readonly owed: readonly Owed[]; readonly malformed: ReturnType<typeof pending>['malformed'] }> {
  const { home, git } = world
  const history = await git.commits({ tip: at.tip, not: home.repo.since === null ? [] : [home.repo.since] })
  return pending(history, settledClaims(at.record), home.identity, claimPatterns(home))
}

/** Writes down what the host looks like, and how the plan's own checks stand, before any claim. */
export async function orientation(
  world: World,
  at: Snapshot,
  plan: Plan,
  options: LookOptions
): Promise<Observed> {
  const hosts = new Set(plan.milestones.flatMap(({ checks }) => checks.flatMap(({ host }) => host ?? [])))
  const looks: Check[] = [...hosts].flatMap(host =>
    overviews.map(({ title, view }) => ({
      probe: view,
      title: hosts.size > 1 ? `${title} (${host})` : title,
      host,
      line: 0
    }))
  )
  const standing = plan.milestones.flatMap(({ id, checks }) =>
    checks.map(check => ({ ...check, title: `${id}: ${check.title}` }))
  )
  // `within` waits for a claim's work; before any claim there is nothing to wait for.
  const once = standing.map(({ withinMs: _, ...check }) => check)
  return observe(
    world,
    at,
    { phase: plan.phase, commit: at.tip, checks: [...looks, ...once], hunts: plan.hunt.checks },
    { ...options, budgetMs: Math.min(options.budgetMs, settleBudgetMs) }
  )
}

function huntDue(world: World, hunted: ReadonlyMap<string, number>): boolean {
  return [...world.home.plans.values()].some(plan => planHuntDue(plan, hunted))
}

function planHuntDue(plan: Plan, hunted: ReadonlyMap<string, number>): boolean {
  if (plan.hunt.checks.length === 0) return false
  const last = hunted.get(plan.phase)
  return last === undefined || nowMs() - last >= plan.hunt.everyMs
}
