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
