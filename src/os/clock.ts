/** The one door for time: nothing else reads a clock. */

/** Our clock, in milliseconds since 1970. It may jump. */
export function nowMs(): number {
  return Date.now()
}

/** A clock that only goes forward, in milliseconds since the process began. */
export function tick(): number {
  return performance.now()
}

/** How often it is looked whether our own loop goes on, in milliseconds. */
const wakeMs = 50

/** A clock that stands still while our own loop does not go on. */
export interface AwakeClock {
  /** Milliseconds; only differences mean something. */
  now(): number
  stop(): void
}

/**
 * What others do is not waited for in the time in which nothing of it could be heard: while our one thread is busy with
 * what one host wrote, another host's answers lie in the socket. Who gives up on somebody lets a turn of the loop pass
 * first, in which they are heard.
 */
export function awakeClock(): AwakeClock {
  let stoodMs = 0
  let due = tick() + wakeMs
  const look = () => {
    const late = tick() - due
    if (late > wakeMs) stoodMs += late - wakeMs
    due = tick() + wakeMs
  }
  const timer = setInterval(look, wakeMs).unref()
  return {
    // Between the end of such a stretch and the timer, input may come first.
    now: () => Math.min(tick(), due + wakeMs) - stoodMs,
    stop: () => clearInterval(timer)
  }
}

/** ISO 8601 UTC to the second, `2026-06-13T05:33:07Z`. Without an argument: now. */
export function isoSecond(ms: number = nowMs()): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`
}

/** ISO 8601 UTC to the minute, as headings carry it: `2026-06-13T05:33Z`. Without an argument: now. */
export function isoMinute(ms: number = nowMs()): string {
  return `${new Date(ms).toISOString().slice(0, 16)}Z`
}

/**
 * Waits.
 *
 * @throws the signal's reason, at once, when the wait is abandoned.
 */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason)
    const stop = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, ms)
    signal?.addEventListener('abort', stop, { once: true })
  })
}
