import { type HostClock, Unseen } from '../../facts/fact.ts'
import { parseDateSeconds } from '../../lib/instant.ts'

/** One more read of the host's clock: what `date +%s%N` printed, and when, by our clock and by one that only goes forward. */
export interface TimeRead {
  readonly printed: string
  /** When it was asked, in milliseconds since 1970 by our clock. */
  readonly askedMs: number
  /** Until its answer, in milliseconds. */
  readonly tookMs: number
}

/** What a clock that is being set right may gain or lose while a host is looked at, in milliseconds. */
const driftMs = 100

/**
 * Why times of this host cannot be compared: its clock, or ours, no longer stands to the other as at login. Null:
 * it does, as far as that can be measured.
 *
 * @throws Unseen when the host told no time.
 */
export function jumpOf(login: HostClock, { printed, askedMs, tookMs }: TimeRead): string | null {
  const printedTime = parseDateSeconds(printed)
  if (printedTime === null) throw new Unseen('the host does not show its time (`date +%s%N`)')
  const movedMs = printedTime.micros / 1000 - (askedMs + tookMs / 2) - login.skewMs
  const unsureMs = login.uncertaintyMs + tookMs / 2 + printedTime.unsureMs + driftMs
  if (Math.abs(movedMs) <= unsureMs) return null
  const way = movedMs < 0 ? 'back' : 'forward'
  return `the host's clock jumped ${way} by ${apart(Math.abs(movedMs))} against the reviewer's clock during the reads, so its times cannot be ordered`
}

function apart(ms: number): string {
  if (ms < 600_000) return `${Number((ms / 1000).toFixed(1))} s`
  return ms < 36_000_000 ? `${Math.round(ms / 60_000)} min` : `${Number((ms / 3_600_000).toFixed(1))} h`
}
