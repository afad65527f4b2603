import { isoMicros } from '../../lib/instant.ts'
import { counted } from '../../lib/text/counted.ts'
import type { UnitState } from './units.ts'

/**
 * What systemd's automatic restarts say of a service that runs at this moment. `NRestarts` is set to zero by every other
 * start, so where it is not zero, the present run was begun by an automatic restart.
 */
export type Restarts =
  | { readonly kind: 'none' }
  | { readonly kind: 'unseen'; readonly why: string }
  | {
      readonly kind: 'some'
      readonly said: string
      /** When the last of them began the present run, on the host's clock. */
      readonly startedMicros: number
      /** `young`: it has not run for long enough to know whether it goes on. */
      readonly trend: 'loop' | 'young' | 'settled'
      /** Until it is no longer young, if it keeps running. */
      readonly settlesWithinMs: number
    }

const minute = 60_000_000
const hour = 60 * minute

/** What has run for so long is in no loop, unless its runs are known to be as long. */
const longRun = 10 * minute
/** Fewer restarts are an accident. */
const fewest = 3

/**
 * @param nowMicros on the host's clock.
 * @param bootMicros when the host's first unit started, before which nothing was restarted; null: not known.
 */
export function restartsOf(unit: UnitState, nowMicros: number, bootMicros: number | null): Restarts {
  const { name, restarts, mainStartedMicros, activeMicros, startedMicros: begunMicros } = unit
  if (!name.endsWith('.service') || unit.load !== 'loaded' || !isUp(unit)) return { kind: 'none' }
  if (restarts === null)
    return { kind: 'unseen', why: `systemd does not show how often it restarted ${name} (NRestarts)` }
  if (restarts === 0) return { kind: 'none' }
  const often = `systemd restarted ${name} ${counted(restarts, 'time')}`
  const startedMicros = mainStartedMicros ?? activeMicros ?? begunMicros
  if (startedMicros === null) return { kind: 'unseen', why: `${often}, and does not show when` }
  const said = `${often}, the last time at ${isoMicros(startedMicros)}`
  const age = nowMicros - startedMicros
  if (age < -minute) return { kind: 'unseen', why: `${said}, which is in the future by the host's own clock` }
  const settlesWithinMs = Math.max(1_000, Math.ceil((longRun - age) / 1_000))
  // At most: when the first of them was is not known.
  const run = bootMicros === null ? Number.POSITIVE_INFINITY : (startedMicros - bootMicros) / restarts
  return { kind: 'some', said, startedMicros, trend: trendOf(restarts, age, run), settlesWithinMs }
}

/** @param run how long a run before this one was, on average. */
function trendOf(restarts: number, age: number, run: number): 'loop' | 'young' | 'settled' {
  if (age >= minute && age > 3 * run) return 'settled'
  if (restarts >= fewest && run < hour && age < hour) return 'loop'
  return age >= longRun ? 'settled' : 'young'
}

/** The earliest start that systemd remembers: that of the boot. */
export function bootOf(units: readonly UnitState[]): number | null {
  let first: number | null = null
  for (const { startedMicros, activeMicros } of units) {
    for (const micros of [startedMicros, activeMicros]) {
      if (micros !== null && (first === null || micros < first)) first = micros
    }
  }
  return first
}

/** Running, or on the way there or back; what waits for its restart is none of these. */
function isUp({ active, sub }: UnitState): boolean {
  return (
    /^(?:active|reloading|refreshing|activating|deactivating)$/.test(active) &&
    !sub.startsWith('auto-restart')
  )
}
