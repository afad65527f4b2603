/**
 * Instants as whole microseconds since 1970 UTC: what systemd and docker know, and still exact in a number.
 */

/** `2026-06-13T05:38:02.125154Z`; whole seconds without a fraction. */
export function isoMicros(micros: number): string {
  const seconds = new Date(Math.floor(micros / 1e6) * 1000).toISOString().slice(0, 19)
  const rest = ((micros % 1e6) + 1e6) % 1e6
  return rest === 0 ? `${seconds}Z` : `${seconds}.${String(rest).padStart(6, '0')}Z`
}

/**
 * An ISO 8601 time with its zone (`Z` or `+02:00`), seconds and fraction optional.
 *
 * @throws RangeError for anything else, a time without a zone included: nobody knows when that is.
 */
export function parseIso(text: string): number {
  const [, day, time, seconds = ':00', fraction = '', zone] =
    /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(:\d\d)?(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(text) ?? []
  return instant(text, `${day}T${time}${seconds}${zone}`, fraction)
}

/**
 * The way Go prints a time, which is how docker lists one: `2026-06-13 07:38:02.125154677 +0200 CEST`. The
 * numeric offset counts; the zone's name may be anything.
 *
 * @throws RangeError for anything else, Go's zero time (`0001-01-01 …`) included.
 */
export function parseGoTime(text: string): number {
  const [, day, time, fraction = '', hours, minutes] =
    /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,9}))? ([+-]\d\d)(\d\d)(?: |$)/.exec(text) ?? []
  return instant(text, `${day}T${time}${hours}:${minutes}`, fraction)
}

/**
 * What systemd prints under `--timestamp=us+utc`: `Sat 2026-06-13 05:38:17.146113 UTC`.
 *
 * @returns null for empty and `n/a`: it never happened.
 * @throws RangeError for anything else, another zone than UTC included.
 */
export function parseSystemdTime(text: string): number | null {
  if (text === '' || text === 'n/a') return null
  const [, day, time, fraction = ''] =
    /^[A-Z][a-z]{2} (\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))? UTC$/.exec(text) ?? []
  return instant(text, `${day}T${time}Z`, fraction)
}

function instant(text: string, iso: string, fraction: string): number {
  const ms = Date.parse(iso)
  if (!(ms > 0)) throw new RangeError(`not a time: ${JSON.stringify(text.slice(0, 60))}`)
  return ms * 1000 + Number(fraction.slice(0, 6).padEnd(6, '0'))
}

/** A time as `date +%s%N` prints it, as far as it tells one. */
export interface PrintedTime {
  readonly micros: number
  /** How far it may be off, either way, in milliseconds. */
  readonly unsureMs: number
}

/** What `date +%s%N` printed; busybox prints whole seconds and a literal `%N`. Null: it is no time. */
export function parseDateSeconds(printed: string): PrintedTime | null {
  const digits = /^\d{9,19}/.exec(printed)?.[0]
  if (digits === undefined) return null
  if (digits.length < 16) return { micros: Number(digits) * 1e6 + 500_000, unsureMs: 500 }
  return { micros: Number(BigInt(digits) / 1000n), unsureMs: 0 }
}
