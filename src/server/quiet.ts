/**
 * Lets something be logged often enough to be noticed and seldom enough to fill no disk: the first of each subject
 * at once, then one after `pauseMs`, which counts those before it. Of more than `most` subjects the others are one.
 *
 * @param now as ticks, in milliseconds.
 */
export function quieted({
  pauseMs,
  most,
  now
}: {
  readonly pauseMs: number
  readonly most: number
  now(): number
}): (subject: string, log: (times: number) => void) => void {
  const known = new Map<string, { loggedAt: number; times: number }>()
  return (subject, log) => {
    const key = known.has(subject) || known.size < most ? subject : ''
    const entry = known.get(key) ?? { loggedAt: -Infinity, times: 0 }
    known.set(key, entry)
    entry.times += 1
    if (now() - entry.loggedAt < pauseMs) return
    log(entry.times)
    entry.loggedAt = now()
    entry.times = 0
  }
}
