import { spawn } from 'node:child_process'
import { messageOf } from '../lib/errors.ts'

/**
 * Tells systemd how we are (sd_notify). Node has no datagram sockets of this kind, so systemd's own program
 * does it: the unit must say `NotifyAccess=all`, for it is a child of ours that speaks.
 */
export interface Supervisor {
  /** In which time it wants to hear that we are alive, in milliseconds; null: it does not watch. */
  readonly watchdogMs: number | null
  /** Assignments as sd_notify(3) has them: `READY=1`. Never throws, and waits for nothing. */
  say(...assignments: readonly string[]): void
  /** Waits until what was said was heard, or could not be. */
  settled(): Promise<void>
}

const deadlineMs = 5_000

/**
 * The supervisor of this process, null where there is none.
 *
 * @param env as systemd gives it to a service: `NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`.
 * @param failed hears why something could not be said.
 */
export function supervisorOf(
  env: Readonly<Record<string, string | undefined>>,
  failed: (why: string) => void
): Supervisor | null {
  const socket = env['NOTIFY_SOCKET']
  if (socket === undefined || socket === '') return null
  let sent: Promise<void> = Promise.resolve()
  return {
    watchdogMs: watchdogMs(env),
    say(...assignments) {
      // One after the other: what is said last must be heard last.
      sent = sent
        .then(() => notify(socket, env['PATH'], assignments))
        .catch(error => failed(messageOf(error)))
    },
    settled: () => sent
  }
}

function watchdogMs(env: Readonly<Record<string, string | undefined>>): number | null {
  const { WATCHDOG_USEC: micros, WATCHDOG_PID: pid } = env
  if (micros === undefined || !/^[1-9]\d{0,15}$/.test(micros)) return null
  // Somebody else's, inherited through a shell between.
  if (pid !== undefined && pid !== String(process.pid)) return null
  return Number(micros) / 1000
}

function notify(socket: string, path: string | undefined, assignments: readonly string[]): Promise<void> {
  return new Promise((settle, reject) => {
    const child = spawn('systemd-notify', ['--', ...assignments], {
      env: { NOTIFY_SOCKET: socket, ...(path === undefined ? {} : { PATH: path }) },
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: deadlineMs,
      killSignal: 'SIGKILL'
    })
    let words = ''
    child.stderr.on('data', (bytes: Buffer) => {
      words = (words + bytes.toString()).slice(-500)
    })
    child.once('error', error => reject(new Error(`systemd-notify: ${messageOf(error)}`)))
    child.once('close', (code, signal) => {
      if (code === 0) settle()
      else reject(new Error(`systemd-notify exited ${signal ?? `with ${code}`}: ${words.trim()}`))
    })
  })
}
