import { sleep } from '../os/clock.ts'

/** Wakes a sleeper early. Rings while nobody sleeps are kept, and are one ring however many they were. */
export interface WakeSignal {
  notify(): void
  /**
   * Sleeps until the time is over or somebody rings.
   *
   * @returns whether somebody did. @throws the signal's reason.
   */
  wait(ms: number, signal: AbortSignal): Promise<boolean>
}

/** Between two wakings by rings, in milliseconds: as many rings as may come, git is asked no more often. */
const shortestMs = 250

export function makeWakeSignal(): WakeSignal {
  let rung = false
  let wake = new AbortController()
  return {
    notify() {
      rung = true
      wake.abort()
    },
    async wait(ms, signal) {
      await sleep(Math.min(shortestMs, ms), signal)
      if (!rung && ms > shortestMs) {
        wake = new AbortController()
        const either = AbortSignal.any([signal, wake.signal])
        await sleep(ms - shortestMs, either).catch(() => signal.throwIfAborted())
      }
      const answer = rung
      rung = false
      return answer
    }
  }
}
