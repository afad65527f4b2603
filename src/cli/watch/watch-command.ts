import { messageOf } from '../../lib/errors.ts'
import { oneLine } from '../../lib/text/clean.ts'
import { isoSecond } from '../../os/clock.ts'
import { reviewDocument } from '../../review/document.ts'
import { type Log, logLine } from '../../review/log.ts'
import type { WatchEvents } from '../../watch/round.ts'
import type { WatcherStatus } from '../../watch/state.ts'
import { openStatuses, type Statuses } from '../../watch/commit-statuses.ts'
import { type Limiters, watch } from '../../watch/watch.ts'
import type { ReviewContext } from '../../review/context/review-context.ts'
import { type ExitCode, exitCode, exitCodeOf } from '../../lib/words.ts'
import { loadConfig } from '../../config/workspace.ts'
import { openWorkspace } from '../open-home.ts'
import type { CommonOptions, Io } from '../io.ts'
import { progressOf } from '../progress.ts'
import { supervised } from './heartbeat.ts'
import { logText } from './log-text.ts'
import { changesText, reviewText, publishedText } from '../review/check-text.ts'
import { finishStatuses } from '../finish-statuses.ts'
import { homesIn, watchHomes } from './watch-homes.ts'
import { enter } from '../enter.ts'

export interface WatchOptions extends CommonOptions {
  readonly once?: boolean | undefined
  /** How the log is written; absent: text for a person at a terminal, else JSON. */
  readonly log?: LogFormat | undefined
  /** Homes, or folders that hold homes, as typed. */
  readonly homes?: readonly string[] | undefined
}

export type LogFormat = 'text' | 'json'

/** Writes events to stderr: text where a person watches, JSON where nobody does, or as `--log` says. @param home where one process watches several: whose events they are. */
export function logTo(
  io: Pick<Io, 'event' | 'tty' | 'errors'>,
  options: Pick<WatchOptions, 'quiet' | 'log' | 'json'>,
  home?: string
): Log {
  const format = options.log ?? (io.tty && options.json !== true ? 'text' : 'json')
  return (event, details) => {
    if (options.quiet === true) return
    const time = isoSecond()
    io.event(
      format === 'json' ? logLine(time, event, details, home) : logText(time, event, details, io.errors, home)
    )
  }
}

/** From the best to the worst: the worst of its reviews is what `watch --once` ends with. */
const order: readonly ExitCode[] = [exitCode.pass, exitCode.notProven, exitCode.fail]

/** The watcher. Ends cleanly when its signal does; with `--once`, when nothing is owed any more. */
export async function run(options: WatchOptions, given: Io): Promise<ExitCode> {
  const io = given.tty ? given : withoutProgress(given)
  const once = options.once === true
  let worst: ExitCode = exitCode.pass
  const logOf = (home?: string): Log => logTo(io, options, home)
  const log = logOf()
  const worse = (code: ExitCode) => {
    if (order.indexOf(code) > order.indexOf(worst)) worst = code
  }
  try {
    if (options.homes === undefined) {
      await enter(options, io, context => watchHome(context, options, io, sayer(io, worse)), { log })
    } else {
      const watchOne = (home: string, lanes: Limiters, own: Io, begun: () => void) =>
        enter(
          { ...options, home },
          own,
          context => {
            begun()
            // Between its rounds a home holds no processes and no history.
            const round: Limiters['round'] = work =>
              lanes.round(() => work().finally(() => context.git.rest()))
            const beside = { lanes: { ...lanes, round } }
            return watchHome(context, { ...options, home }, own, sayer(own, worse), beside)
          },
          { log: logOf(home) }
        )
      await watchHomes(await homesIn(options.homes, io), { once, io, watchHome: watchOne, logOf })
    }
  } catch (error) {
    if (once || !io.signal.aborted) throw error
    // It was asked to stop while it was still beginning.
    log('watcher.stopped', { why: messageOf(error) })
  }
  // Whoever watches until it is asked to stop has no verdict to give.
  return once ? worst : exitCode.pass
}

/** What else there is to a watcher: who may wake it, who hears how it stands, where it waits for its turn. */
export interface Beside {
  readonly wait?: NonNullable<Parameters<typeof watch>[2]['wait']>
  heartbeat?(standing: WatcherStatus): void
  readonly lanes?: Limiters
}

/** Watches one home until its signal ends, or with `once` until nothing is owed. */
export async function watchHome(
  context: ReviewContext,
  options: WatchOptions,
  io: Io,
  events: WatchEvents,
  beside: Beside = {}
): Promise<void> {
  const { repo, pollMs, stateDir } = context.home
  const once = options.once === true
  const shown = await supervised(io, stateDir, context.log)
  const statuses = openStatuses(context, io.env)
  try {
    context.log('watcher.started', { repo: repo.url, branch: repo.branch, poll_ms: pollMs })
    await watch(context, withStatuses(events, statuses), {
      once,
      progress: progressOf(io),
      pulse: {
        everyMs: shown.pulse.everyMs,
        heartbeat(standing) {
          shown.pulse.heartbeat(standing)
          beside.heartbeat?.(standing)
        }
      },
      ...(beside.wait === undefined ? {} : { wait: beside.wait }),
      ...(beside.lanes === undefined ? {} : { lanes: beside.lanes }),
      ...(once
        ? {}
        : {
            reload: () => openWorkspace(options, io),
            config: () => loadConfig(context.home.dir, io.userHome)
          })
    })
  } finally {
    // What cannot be posted is in the log already.
    await finishStatuses(statuses, once)
    await shown.close()
  }
}

/** The same events, posted to the forge as well. */
function withStatuses(events: WatchEvents, statuses: Statuses): WatchEvents {
  return {
    ...events,
    collecting: claim => statuses.collecting(claim),
    rounded: at => statuses.catchUp(at),
    reviewed(draft, result) {
      if (result.outcome.kind === 'published') statuses.reviewed(draft.claim, result.outcome.commit)
      events.reviewed(draft, result)
    }
  }
}

/** Says what was found, for people and for programs; `worse` hears each review's code. */
export function sayer(io: Io, worse: (code: ExitCode) => void): WatchEvents {
  return {
    reviewed(draft, result) {
      if (result.outcome.kind !== 'published') return
      worse(exitCodeOf[draft.decision.verdict])
      io.out(reviewText(draft, io))
      for (const line of changesText(result)) io.out(line)
      io.out(publishedText(result))
      io.json(reviewDocument(draft, result))
    },
    oriented(observed, result) {
      for (const line of changesText(result)) io.out(line)
      io.out(`${oneLine(observed.phase)}: phase context ${publishedText(result)}`)
    },
    hunted(observed, result) {
      for (const line of changesText(result)) io.out(`${oneLine(observed.phase)}: ${line}`)
    }
  }
}

/** Where nobody looks on, stderr is a log: every line of it is an event. */
export function withoutProgress(io: Io): Io {
  return { ...io, progress: () => undefined }
}
