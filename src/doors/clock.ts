/** The one door for time: nothing else reads a clock. */

/** Our clock, in milliseconds since 1970. It may jump. */
export function nowMs(): number {
  return Date.now()
}

/** A clock that only goes forward, in milliseconds since the process began. */
export function tick(): number {
  return performance.now()
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
