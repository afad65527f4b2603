/**
 * The virtual clock and who runs on it. One process runs at a time, until it waits or ends; only when all wait does the
 * clock go on, to the next moment at which one is woken. So a run is the same each time, whatever the machine does.
 *
 * A process that goes to sleep in exactly the state in which it did before, while nothing of the host has changed, will
 * do so for ever: it is not woken again until something changes. So it is known, not guessed, that a loop has no end, and
 * an hour of polling costs nothing.
 */
export interface Kernel {
  /** Virtual milliseconds since the boot began. */
  readonly now: () => number
  readonly spawn: (name: string, body: (self: Process) => Promise<void>) => Process
  /** Calls `ring` at a moment, outside of every process. */
  readonly at: (ms: number, ring: () => void) => Timer
  /** Something of the host has changed: whoever looks again may see something else. */
  readonly touch: () => void
  /** Until nothing is left to happen, the horizon is reached, or so many turns were taken. Leaves no process behind. */
  readonly run: (limits: { readonly horizon: number; readonly turns: number }) => Promise<KernelEnd>
}

export type KernelEnd = 'settled' | 'horizon' | 'budget'

export interface Timer {
  readonly cancel: () => void
}

export interface Process {
  readonly name: string
  /** Aborted when it is killed: what it runs has to stop. */
  readonly signal: AbortSignal
  /**
   * Waits that long; throws `Killed`.
   *
   * @param state all that decides what the process does next but the host itself. Left out where it cannot be told, and
   * where what it does depends on the time.
   */
  readonly sleep: (ms: number, state?: string) => Promise<void>
  /** Waits until the other process has ended. */
  readonly join: (other: Process, ms?: number) => Promise<'ended' | 'timeout'>
  readonly ended: () => boolean
  readonly kill: () => void
}

export class Killed extends Error {
  override name = 'Killed'
}

interface Pending {
  at: number
  /** The process that it wakes, and how long that one sleeps. */
  readonly of: { readonly loop: Loop; readonly ms: number } | null
  readonly ring: () => void
  cancelled: boolean
}

/** The states in which a process went to sleep since the host last changed. */
interface Loop {
  readonly seen: Set<string>
  repeats: boolean
}

export function createKernel(): Kernel {
  let clock = 0
  /** By time; at the same time, by the order in which they were set. */
  const timers: Pending[] = []
  const ready: (() => void)[] = []
  const living = new Map<Process, { readonly loop: Loop }>()
  let parked: () => void = () => {}

  function at(ms: number, ring: () => void, of: Pending['of'] = null): Timer {
    const pending: Pending = { at: Math.max(clock, ms), of, ring, cancelled: false }
    insert(pending)
    return {
      cancel: () => {
        pending.cancelled = true
      }
    }
  }

  function insert(pending: Pending): void {
    let low = 0
    let high = timers.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const other = timers[middle]
      if (other !== undefined && other.at <= pending.at) low = middle + 1
      else high = middle
    }
    timers.splice(low, 0, pending)
  }

  function touch(): void {
    for (const { loop } of living.values()) {
      loop.seen.clear()
      loop.repeats = false
    }
    // Who was left asleep wakes at the moment at which it would have by now.
    const late = timers.filter(timer => timer.at < clock)
    timers.splice(0, late.length)
    for (const timer of late) {
      const ms = Math.max(1, timer.of?.ms ?? 1)
      timer.at += Math.ceil((clock - timer.at) / ms) * ms
      insert(timer)
    }
  }

  /** The next moment at which something may happen that has not happened before. */
  function nextTimer(): Pending | undefined {
    for (let index = 0; index < timers.length; index++) {
      const timer = timers[index]
      if (timer === undefined || timer.of?.loop.repeats === true) continue
      timers.splice(index, 1)
      return timer
    }
    return undefined
  }

  function spawn(name: string, body: (self: Process) => Promise<void>): Process {
    const abort = new AbortController()
    const waiters: (() => void)[] = []
    let wake: ((error?: Killed) => void) | null = null
    let over = false
    const loop: Loop = { seen: new Set(), repeats: false }

    /** Gives up the turn until `arrange` has called what it is handed. */
    function wait<T>(arrange: (resume: (value: T) => void) => Timer | null): Promise<T> {
      if (abort.signal.aborted) return Promise.reject(new Killed(name))
      return new Promise<T>((resolve, reject) => {
        let woken = false
        let timer: Timer | null = null
        const once = (go: () => void) => {
          if (woken) return
          woken = true
          wake = null
          timer?.cancel()
          ready.push(go)
        }
        wake = error => once(() => reject(error ?? new Killed(name)))
        timer = arrange(value => once(() => resolve(value)))
        parked()
      })
    }

    const self: Process = {
      name,
      signal: abort.signal,
      sleep: (ms, state) => {
        if (state !== undefined) {
          loop.repeats = loop.seen.has(state)
          loop.seen.add(state)
        }
        return wait<void>(resume =>
          Number.isFinite(ms) ? at(clock + Math.max(0, ms), () => resume(), { loop, ms }) : null
        )
      },
      join: (other, ms) =>
        other.ended()
          ? Promise.resolve('ended')
          : wait<'ended' | 'timeout'>(resume => {
              onEnd(other, () => resume('ended'))
              return ms === undefined ? null : at(clock + ms, () => resume('timeout'))
            }),
      ended: () => over,
      kill: () => {
        if (over || abort.signal.aborted) return
        abort.abort()
        wake?.()
      }
    }
    ends.set(self, then => waiters.push(then))
    living.set(self, { loop })
    ready.push(() => {
      // A body that throws has been killed, or is a fault of ours that its caller has to see: both end it.
      const end = () => {
        over = true
        living.delete(self)
        for (const then of waiters) then()
        parked()
      }
      if (abort.signal.aborted) end()
      else
        body(self).then(end, (error: unknown) => {
          if (!(error instanceof Killed)) failure ??= error
          end()
        })
    })
    return self
  }

  const ends = new Map<Process, (then: () => void) => void>()
  let failure: unknown

  function onEnd(process: Process, then: () => void): void {
    ends.get(process)?.(then)
  }

  /** One process takes its turn: until it waits or ends. */
  function turn(go: () => void): Promise<void> {
    return new Promise(resolve => {
      parked = resolve
      go()
    })
  }

  async function run(limits: { readonly horizon: number; readonly turns: number }): Promise<KernelEnd> {
    let end: KernelEnd = 'settled'
    for (let turns = 0; ; turns++) {
      if (failure !== undefined) throw failure
      const next = ready.shift()
      if (next !== undefined) {
        if (turns > limits.turns) {
          end = 'budget'
          break
        }
        await turn(next)
        continue
      }
      const timer = nextTimer()
      if (timer === undefined) {
        if (living.size > 0) end = 'horizon'
        break
      }
      if (timer.cancelled) continue
      if (timer.at > limits.horizon) {
        clock = limits.horizon
        end = 'horizon'
        break
      }
      clock = Math.max(clock, timer.at)
      timer.ring()
    }
    for (const each of living.keys()) each.kill()
    for (let next = ready.shift(); next !== undefined; next = ready.shift()) await turn(next)
    return end
  }

  return { now: () => clock, spawn, at: (ms, ring) => at(ms, ring), touch, run }
}
