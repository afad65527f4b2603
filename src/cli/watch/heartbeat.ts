import { oneLine } from '../../lib/text/clean.ts'
import { counted } from '../../lib/text/counted.ts'
import { tick } from '../../os/clock.ts'
import { type Supervisor, supervisorOf } from '../../os/supervisor.ts'
import type { Log } from '../../review/log.ts'
import { keepStanding } from '../../watch/watcher-status.ts'
import type { Heartbeat, WatcherStatus } from '../../watch/state.ts'
import type { Io } from '../io.ts'

/** While a loop waits it still says so this often, for the file's sake, in milliseconds. */
const showEveryMs = 30_000

/** The pulse of one watcher, for `status` and for systemd. */
export interface Supervised {
  readonly pulse: Heartbeat
  /** Takes back what was shown. */
  close(): Promise<void>
}

/** Shows a watcher's steps in its home, and tells systemd of them where it asks. */
export async function supervised(io: Io, stateDir: string, log: Log): Promise<Supervised> {
  const failed = (why: string) => log('heartbeat.failed', { why })
  const file = await keepStanding(stateDir, failed)
  const supervisor = supervisorOf(io.env, saidOnce(failed))
  const watchdogMs = supervisor?.watchdogMs ?? Infinity
  const stopping = () => supervisor?.say('STOPPING=1')
  io.signal.addEventListener('abort', stopping, { once: true })
  const tell = supervisor === null ? () => undefined : teller(supervisor)
  return {
    pulse: {
      everyMs: Math.min(showEveryMs, watchdogMs / 3),
      heartbeat(standing) {
        file.show(standing)
        if (!io.signal.aborted) tell(standing)
      }
    },
    async close() {
      io.signal.removeEventListener('abort', stopping)
      await Promise.all([file.close(), supervisor?.settled()])
    }
  }
}

/** Ready at the first beat; then as often as the watchdog wants to hear, and when something else is being done. */
function teller(supervisor: Supervisor): (standing: WatcherStatus) => void {
  const everyMs = (supervisor.watchdogMs ?? showEveryMs) / 4
  let writtenAt: number | undefined
  return standing => {
    const at = tick()
    if (writtenAt !== undefined && at - writtenAt < everyMs) return
    const first = writtenAt === undefined ? ['READY=1'] : []
    writtenAt = at
    supervisor.say(...first, 'WATCHDOG=1', `STATUS=${oneLine(statusOf(standing), 200)}`)
  }
}

function statusOf({ doing, reviews, troubles }: WatcherStatus): string {
  const [worst] = troubles
  const trouble = worst === undefined ? '' : `; ${worst.subject} failing since ${worst.since}: ${worst.why}`
  return `${doing.what}${doing.about === null ? '' : ` ${doing.about}`}, ${counted(reviews, 'review')}${trouble}`
}

function saidOnce(hear: (why: string) => void): (why: string) => void {
  const told = new Set<string>()
  return why => {
    if (!told.has(why)) hear(why)
    told.add(why)
  }
}
