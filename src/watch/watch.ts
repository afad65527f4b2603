import { AdversaryError, messageOf } from '../lib/errors.ts'
import { nowMs, sleep, tick } from '../os/clock.ts'
import type { Workspace } from '../config/types.ts'
import { jittered } from './back-off.ts'
import { huntDue, round, type RoundOptions, type WatchEvents } from './round.ts'
import { heartbeat, type Heartbeat, recordFailure, startState, step, type WatchState } from './state.ts'
import { readTrust, type ReviewContext } from '../review/context/review-context.ts'

export interface WatchOptions extends RoundOptions {
  /** Reads the home anew: a plan that is written meanwhile counts from the next poll on. */
  readonly reload?: () => Promise<Workspace>
  /** Reads `adversary.yaml` alone, for where a plan beside it is wrong. */
  readonly config?: () => Promise<Whom>
  /** Hears of every step of the loop. */
  readonly pulse?: Heartbeat
  /**
   * Waits until the next poll, or less: somebody may say that there is something. Default: it sleeps.
   *
   * @returns whether somebody did.
   */
  readonly wait?: Wait
  /** Where other watchers of this process wait for their turn as well: to ask a remote, and to do what is due. */
  readonly lanes?: Limiters
}

/** As whom the reviewer signs, and whom it believes. */
type Whom = Pick<Workspace, 'identity' | 'gate'>

type Wait = (ms: number, signal: AbortSignal) => Promise<boolean>

/** Runs work when its turn comes. */
type Limiter = <T>(work: () => Promise<T>) => Promise<T>

export interface Limiters {
  readonly poll: Limiter
  readonly round: Limiter
}

const alone: Limiters = { poll: work => work(), round: work => work() }

/**
 * The loop: poll, do what is due, wait. Holds no state that matters: what was answered is read from the repo
 * each time, so that it may be killed at any moment. Ends when the world's signal does.
 *
 * @param options.once ends when nothing is owed any more.
 * @throws AdversaryError `usage` for what a person must fix. With `once` also: what went wrong with a claim,
 * once all others are answered; the signal's reason.
 */
export async function watch(given: ReviewContext, events: WatchEvents, options: WatchOptions): Promise<void> {
  const { signal } = given
  const state = startState(options.pulse)
  const renewed = renewing(given, state, options)
  let seen: Seen = { context: given, tip: null }

  while (!signal.aborted) {
    let pauseMs: number
    try {
      const context = await renewed()
      if (context === null) {
        await rest(jittered(given.home.pollMs), state, signal, options.wait)
        continue
      }
      seen = await turn(context, seen, events, options, state)
      recovered(given, state)
      if (options.once && everythingFailed(state)) {
        const failed = [...state.waiting.values()].find(({ failure }) => failure !== undefined)
        if (failed !== undefined) throw failed.failure
        return
      }
      pauseMs = Math.min(
        ...[...state.waiting.values()].map(each => each.nextTick - tick()),
        given.home.pollMs
      )
    } catch (error) {
      if (signal.aborted) break
      // What a person must fix first is not tried again.
      if (options.once || (error instanceof AdversaryError && error.kind === 'usage')) throw error
      pauseMs = remoteFailed(given, state, error)
    }
    await rest(Math.max(pauseMs, 50), state, signal, options.wait)
  }
  if (options.once) signal.throwIfAborted()
  given.log('watcher.stopped', { reviews: state.reviews })
}

/** Up to which tip all that is owed was considered, and by which plans. */
interface Seen {
  readonly context: ReviewContext
  readonly tip: string | null
}

/** One turn of the loop: asks the remote for its tip, and does what is due. */
async function turn(
  context: ReviewContext,
  seen: Seen,
  events: WatchEvents,
  options: WatchOptions,
  state: WatchState
): Promise<Seen> {
  const known = context === seen.context ? seen.tip : null
  const lanes = options.lanes ?? alone
  step(state, 'asking the remote')
  const tip = await lanes.poll(() => context.git.remoteTip(context.home.repo.branch))
  state.polls += 1
  state.polledMs = nowMs()
  const due = [...state.waiting.values()].some(({ nextTick }) => nextTick <= tick())
  // A branch that is not there is for the round to complain about.
  if (tip === null || tip !== known || due || (!options.once && huntDue(context.home.plans, state))) {
    return { context, tip: await lanes.round(() => round(context, events, options, state)) }
  }
  return { context, tip: known }
}

function everythingFailed({ waiting }: WatchState): boolean {
  return [...waiting.values()].every(({ failure }) => failure !== undefined)
}

/** How long to leave the remote alone, whatever else is due, in milliseconds. */
function remoteFailed({ home, log }: ReviewContext, state: WatchState, error: unknown): number {
  const why = messageOf(error)
  state.remote = recordFailure(state.remote, why)
  const longest = Math.min(home.pollMs * 2 ** Math.min(state.remote.times, 5), 10 * 60_000)
  const pauseMs = Math.round(jittered(longest))
  log('task.failed', { why, times: state.remote.times, again_in_ms: pauseMs })
  return pauseMs
}

function recovered({ log }: ReviewContext, state: WatchState): void {
  const { remote } = state
  if (remote === null) return
  state.remote = null
  log('remote.recovered', {
    after: remote.times,
    seconds: Math.max(0, Math.round((nowMs() - remote.sinceMs) / 1000))
  })
}

/** Waits, and goes on saying that the loop is alive. Ends early when the signal does, and when it is woken. */
async function rest(
  pauseMs: number,
  state: WatchState,
  signal: AbortSignal,
  wait: Wait = (ms, until) => sleep(ms, until).then(() => false)
): Promise<void> {
  const until = tick() + pauseMs
  step(state, 'waiting')
  for (let left = pauseMs; left > 0 && !signal.aborted; left = until - tick()) {
    const woken = await wait(Math.min(left, state.pulse.everyMs), signal).catch(() => false)
    heartbeat(state)
    if (woken) return
  }
}

/** Plans that changed are read again after so long: whoever writes a file in place is done by then, in milliseconds. */
const writtenMs = 250

/**
 * The same context until the plans of the home change, or as whom it signs and whom it believes; then one with the new
 * ones. Null while those cannot be read: nothing is judged or signed by what they were.
 */
function renewing(
  given: ReviewContext,
  state: WatchState,
  { reload, config }: Pick<WatchOptions, 'reload' | 'config'>
): () => Promise<ReviewContext | null> {
  let context = given
  const refused = (error: unknown) => {
    const why = messageOf(error)
    if (why !== state.plans?.why) context.log('plans.invalid', { why })
    state.plans = recordFailure(state.plans, why)
  }
  return async () => {
    if (reload === undefined) return context
    let found: Workspace | null = null
    let wrong: unknown = null
    try {
      found = await settled(reload, context)
    } catch (error) {
      // Half of a file that somebody is writing, or a mistake: the plans that were understood last go on.
      wrong = error
    }
    try {
      const whom = found ?? (await config?.()) ?? context.home
      // Not taken from a home that is wrong, and neither is it passed over.
      if (found === null && whomOf(whom) !== whomOf(context.home)) throw wrong
      const trust = await readTrust(whom)
      if (whomOf(whom) !== whomOf(context.home) || trust.allowed !== context.trust.allowed) {
        context.log('signers.changed', {})
        const { identity, gate } = whom
        context = { ...context, home: { ...context.home, identity, gate }, trust }
      }
    } catch (error) {
      refused(error)
      return null
    }
    if (found === null) {
      refused(wrong)
      return context
    }
    state.plans = null
    const { plans, hosts, files } = found
    if (wordsOf(found) === wordsOf(context.home)) return context
    context.log('plans.changed', { plans: [...plans.keys()].join(', ') })
    context = { ...context, home: { ...context.home, plans, hosts, files } }
    return context
  }
}

function whomOf({ identity, gate }: Whom): string {
  return JSON.stringify([identity, gate])
}

/** The home as two readings in a row find it: half of a plan may well be a plan, of fewer checks. */
async function settled(
  reload: () => Promise<Workspace>,
  { home, signal }: ReviewContext
): Promise<Workspace> {
  let before = wordsOf(home)
  for (let tries = 0; tries < 10 && !signal.aborted; tries += 1) {
    const found = await reload()
    const words = wordsOf(found)
    if (words === before || words === wordsOf(home)) return found
    before = words
    await sleep(writtenMs, signal).catch(() => undefined)
  }
  throw new AdversaryError('usage', 'the plans are being written: no two readings found the same')
}

function wordsOf({ plans, hosts, ...whom }: Whom & Pick<Workspace, 'plans' | 'hosts'>): string {
  const digests = [...plans.values()].map(({ phase, digest }) => [phase, digest])
  return JSON.stringify([digests, [...hosts], whomOf(whom)])
}
