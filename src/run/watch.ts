import { AdversaryError, messageOf } from '../base/errors.ts'
import { sleep, tick } from '../doors/clock.ts'
import type { Home } from '../home/types.ts'
import { huntDue, round, type RoundOptions, startState, type WatchEvents } from './round.ts'
import type { World } from './world.ts'

/**
 * The loop: poll, do what is due, wait. Holds no state that matters: what was answered is read from the repo
 * each time, so that it may be killed at any moment. Ends when the world's signal does.
 *
 * @param options.once ends when nothing is owed any more.
 * @param options.reload reads the home anew: a plan that is written meanwhile counts from the next poll on.
 * @throws AdversaryError `usage` for what a person must mend. With `once` also: what went wrong with a claim,
 * once all others are answered; the signal's reason.
 */
export async function watch(
  given: World,
  events: WatchEvents,
  options: RoundOptions & { readonly reload?: () => Promise<Home> }
): Promise<void> {
  const { home, git, signal } = given
  const state = startState()
  const renewed = renewing(given, options.reload)
  let world = given
  const { waiting } = state
  let seenTip: string | null = null
  let failures = 0

  while (!signal.aborted) {
    let pause = home.pollMs
    try {
      const now = await renewed()
      if (now !== world) seenTip = null
      world = now
      const tip = await git.remoteTip(home.repo.branch)
      const due = [...waiting.values()].some(({ nextTick }) => nextTick <= tick())
      // A branch that is not there is for the round to complain about.
      if (tip === null || tip !== seenTip || due || (!options.once && huntDue(world, state))) {
        seenTip = await round(world, events, options, state)
      }
      if (failures > 0) world.log('recovered', { after: failures })
      failures = 0
      const failed = [...waiting.values()].find(({ failure }) => failure !== undefined)
      if (options.once && [...waiting.values()].every(({ failure }) => failure !== undefined)) {
        if (failed !== undefined) throw failed.failure
        return
      }
      pause = Math.min(...[...waiting.values()].map(({ nextTick }) => nextTick - tick()), pause)
    } catch (error) {
      if (signal.aborted) break
      // What a person must mend first is not tried again.
      if (options.once || (error instanceof AdversaryError && error.kind === 'usage')) throw error
      failures += 1
      // The remote is not hammered while it is down, whatever else is due.
      pause = Math.min(home.pollMs * 2 ** Math.min(failures, 5), 10 * 60_000)
      world.log('failed', { why: messageOf(error), times: failures, next_ms: pause })
    }
    await sleep(Math.max(pause, 50), signal).catch(() => undefined)
  }
  if (options.once) signal.throwIfAborted()
}

/** The same world until the plans of the home change; then one with the new plans. */
function renewing(given: World, reload: (() => Promise<Home>) | undefined): () => Promise<World> {
  let world = given
  let refused = ''
  return async () => {
    if (reload === undefined) return world
    try {
      const { plans, hosts } = await reload()
      refused = ''
      if (wordsOf(plans, hosts) === wordsOf(world.home.plans, world.home.hosts)) return world
      world.log('plans changed', { plans: [...plans.keys()].join(', ') })
      world = { ...world, home: { ...world.home, plans, hosts } }
    } catch (error) {
      // Half of a file that somebody is writing, or a mistake: the plans that were understood last go on.
      const why = messageOf(error)
      if (why !== refused) world.log('plans refused', { why })
      refused = why
    }
    return world
  }
}

function wordsOf(plans: Home['plans'], hosts: Home['hosts']): string {
  const digests = [...plans.values()].map(({ phase, digest }) => [phase, digest])
  return JSON.stringify([digests, [...hosts]])
}
