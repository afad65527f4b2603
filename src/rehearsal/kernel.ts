/**
 * The virtual clock and who runs on it. One process runs at a time, until it waits or ends; only when all wait does the
 * clock go on, to the next moment at which one is woken. So a run is the same each time, whatever the machine does.
 *
 * A process that goes round in a circle (twice the same way from a state to the same state, while nothing of the host has
 * changed) will do so for ever: it is not woken again until something changes. So it is known, not guessed, that a loop
 * has no end, and an hour of polling costs nothing.
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
  readonly run: (limits: KernelLimits) => Promise<KernelEnd>
  /** How many processes there have been. */
  readonly spawned: () => number
  /** Whose turn it is; null outside of every process. */
  readonly running: () => Process | null
  /** Names of processes that slept more often than they may, and were left asleep. */
  readonly exhausted: () => ReadonlySet<string>
}

export interface KernelLimits {
  /** In virtual milliseconds. */
  readonly horizon: number
  readonly turns: number
  /** Of one process: one that does something for ever, differently each time, is stopped there. */
  readonly sleeps: number
  /** Asked before the clock goes on: whether nothing that may still happen matters. */
  readonly over: () => boolean
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
   * @param state all that decides what the process does next but the host itself and the place in its program; null where
   * that cannot be told, and where what it does depends on the time.
   */
  readonly sleep: (ms: number, state?: string | null) => Promise<void>
  /** It has come to a place in its program, or has learnt something (the time) that decides what it does next. */
  readonly step: (what: string) => void
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

/** What a process has done since the host last changed: one word for each sleep, of the way to it and its state. */
interface Loop {
  readonly way: string[]
  readonly last: Map<string, number>
  steps: number
  repeats: boolean
  sleeps: number
}

/** A circle that is longer than this is not looked for. */
const longestWay = 4_000

/** Whether the process has now come twice the same way to where it is. */
function goesRound(loop: Loop, state: string): boolean {
  const word = `${loop.steps} ${state}`
  loop.steps = 0
  if (loop.way.length >= longestWay) forget(loop)
  const { way, last } = loop
  const before = last.get(word)
  const at = way.push(word) - 1
  last.set(word, at)
  if (before === undefined) return false
  const length = at - before
  for (let index = before + 1; index <= at; index++) {
    const earlier = index - length
    if (earlier < 0 || way[earlier] !== way[index]) return false
  }
  return true
}

function forget(loop: Loop): void {
  loop.way.length = 0
  loop.last.clear()
  loop.repeats = false
}

/** A hash of the steps so far and one more. */
function hashed(before: number, step: string): number {
  let hash = before
  for (let index = 0; index < step.length; index++)
    hash = Math.imul(hash ^ step.charCodeAt(index), 0x01_00_01_93) + 1
  return hash | 0
}

export function createKernel(): Kernel {
  let clock = 0
  /** By time; at the same time, by the order in which they were set. */
  const timers: Pending[] = []
  const ready: { readonly whose: Process; readonly go: () => void }[] = []
  let running: Process | null = null
  const living = new Map<Process, { readonly loop: Loop }>()
  let parked: () => void = () => {}
  const exhausted = new Set<string>()
  let spawned = 0
  let mostSleeps = Number.POSITIVE_INFINITY

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
    for (const { loop } of living.values()) forget(loop)
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
    spawned += 1
    const abort = new AbortController()
    const waiters: (() => void)[] = []
    let wake: ((error?: Killed) => void) | null = null
    let over = false
    const loop: Loop = { way: [], last: new Map(), steps: 0, repeats: false, sleeps: 0 }

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
          ready.push({ whose: self, go })
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
        loop.sleeps += 1
        loop.repeats = typeof state === 'string' && goesRound(loop, state)
        if (loop.sleeps > mostSleeps) exhausted.add(name)
        const woken = Number.isFinite(ms) && loop.sleeps <= mostSleeps
        return wait<void>(resume =>
          woken ? at(clock + Math.max(0, ms), () => resume(), { loop, ms }) : null
        )
      },
      step: what => {
        loop.steps = hashed(loop.steps, what)
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
    const begin = () => {
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
    }
    ready.push({ whose: self, go: begin })
    return self
  }

  const ends = new Map<Process, (then: () => void) => void>()
  let failure: unknown

  function onEnd(process: Process, then: () => void): void {
    ends.get(process)?.(then)
  }

  /** One process takes its turn: until it waits or ends. */
  async function turn({ whose, go }: { readonly whose: Process; readonly go: () => void }): Promise<void> {
    running = whose
    await new Promise<void>(resolve => {
      parked = resolve
      go()
    })
    running = null
  }

  async function run(limits: KernelLimits): Promise<KernelEnd> {
    let end: KernelEnd = 'settled'
    mostSleeps = limits.sleeps
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
      if (timer.at > clock && limits.over()) {
        end = 'horizon'
        break
      }
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

  return {
    now: () => clock,
    spawn,
    at: (ms, ring) => at(ms, ring),
    touch,
    run,
    exhausted: () => exhausted,
    running: () => running,
    spawned: () => spawned
  }
}
