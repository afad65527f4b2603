/**
 * Fits the times of a recording into the time of the demo. A recording is of the past, and between its
 * first and its second half lie minutes of maintenance that the demo skips; but the product judges what
 * came after what. So every timestamp goes through one strictly rising map: all orders stay as recorded.
 */
export interface Timeline {
  /** From recorded to shown times, milliseconds since 1970, both rising. At least two points. */
  readonly points: readonly (readonly [recorded: number, shown: number])[]
}

const stamp =
  /(?:(?<day>Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?(?<date>\d{4}-\d\d-\d\d)(?<between>[T ])(?<time>\d\d:\d\d:\d\d)(?<fraction>\.\d+)?/g

const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']

/** The text with every UTC timestamp moved; digits of a second are kept as many as they were. */
export function moved(text: string, timeline: Timeline): string {
  return text.replace(stamp, (whole, ...rest) => {
    const { day, date, between, time, fraction } = rest.at(-1) as Record<string, string | undefined>
    const seconds = Date.parse(`${date}T${time}Z`)
    // Go writes `never` as the first day of the year 1.
    if (Number.isNaN(seconds) || String(date) < '2000') return whole
    const digits = (fraction ?? '').slice(1)
    const nanos = BigInt(seconds) * 1_000_000n + BigInt(digits.padEnd(9, '0').slice(0, 9) || '0')
    const shown = at(nanos, timeline)
    const ms = Number(shown / 1_000_000n)
    const iso = new Date(ms).toISOString()
    const left = shown - BigInt(Math.floor(ms / 1000)) * 1_000_000_000n
    const tail =
      digits === ''
        ? ''
        : `.${String(left).padStart(9, '0').padEnd(digits.length, '0').slice(0, digits.length)}`
    const name = day === undefined ? '' : `${days[new Date(ms).getUTCDay()]} `
    return `${name}${iso.slice(0, 10)}${between}${iso.slice(11, 19)}${tail}`
  })
}

function at(nanos: bigint, { points }: Timeline): bigint {
  const scaled = points.map(
    ([recorded, shown]) =>
      [BigInt(Math.round(recorded)) * 1_000_000n, BigInt(Math.round(shown)) * 1_000_000n] as const
  )
  const first = scaled[0]
  const last = scaled.at(-1)
  if (first === undefined || last === undefined) throw new RangeError('a time line needs points')
  // Before the first and after the last point time runs as it did.
  if (nanos <= first[0]) return nanos - first[0] + first[1]
  if (nanos >= last[0]) return nanos - last[0] + last[1]
  const index = scaled.findIndex(([recorded]) => recorded >= nanos)
  const [from, to] = [scaled[index - 1] ?? first, scaled[index] ?? last]
  return from[1] + ((nanos - from[0]) * (to[1] - from[1])) / (to[0] - from[0])
}
