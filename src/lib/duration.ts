const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** What a duration looks like, for an error that says what was expected. */
export const durationForm = 'a duration such as `30s`, `15m` or `30d`'

/** `250ms`, `30s`, `15m`, `2h`, `30d` → milliseconds; null for everything else, zero included. */
export function parseDuration(text: string): number | null {
  const match = /^(?<count>[1-9]\d{0,8})(?<unit>ms|s|m|h|d)$/.exec(text)?.groups
  const unit = match?.['unit']
  return isUnit(unit) ? Number(match?.['count']) * unitMs[unit] : null
}

function isUnit(text: string | undefined): text is keyof typeof unitMs {
  return text !== undefined && Object.hasOwn(unitMs, text)
}

/**
 * Milliseconds for people: `340 ms`, `4.2 s`, `3 min 20 s`, `2 h 5 min`, `3 d`.
 *
 * @param finest `whole seconds` for ages, where a fraction says nothing: `0 s`, `7 s`.
 */
export function sayDuration(ms: number, finest: 'milliseconds' | 'whole seconds' = 'milliseconds'): string {
  if (finest === 'whole seconds' && ms < 10_000) return `${Math.round(ms / 1000)} s`
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`
  const s = Math.round(ms / 1000)
  if (s < 60) return `${s} s`
  if (s < 3600) return both(Math.floor(s / 60), 'min', s % 60, 's')
  const min = Math.round(s / 60)
  if (min < 48 * 60) return both(Math.floor(min / 60), 'h', min % 60, 'min')
  return both(Math.floor(min / 1440), 'd', Math.floor((min % 1440) / 60), 'h')
}

function both(many: number, large: string, few: number, small: string): string {
  return few === 0 ? `${many} ${large}` : `${many} ${large} ${few} ${small}`
}
