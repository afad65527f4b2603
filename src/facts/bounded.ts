import pLimit from 'p-limit'
import { sleep, tick } from '../os/clock.ts'
import type { HostAddress, OpenSession } from './session.ts'

/** A login keeps its place at least this long, in milliseconds. */
const leastMs = 1_000
/** So many times as long as logins take at the moment: whoever needs that is waiting and not computing. */
const patience = 4

/**
 * The same door, through which only so many begin at once: a login is what costs this machine and its hosts most,
 * and what a host that is asked by many at once refuses first. Who waits for a turn spends nothing of the time that
 * a login has.
 *
 * A host that says nothing must not hold up others for its whole deadline, so the next may begin before it has
 * answered. How long that takes is measured and not fixed: where all logins are slow because a machine is busy, more
 * of them at once would make each slower, until all run into their deadlines.
 */
export function bounded(openSession: OpenSession, most: number): OpenSession {
  const turn = pLimit(most)
  /** What logins take at the moment, in milliseconds; null before the first. */
  let usualMs: number | null = null
  const holdMs = ({ timeoutMs }: HostAddress) =>
    Math.max(leastMs, usualMs === null ? timeoutMs / 2 : patience * usualMs)

  return (host, options) =>
    new Promise((resolve, reject) => {
      turn(async () => {
        const began = tick()
        const done = new AbortController()
        const session = openSession(host, options)
        session.then(resolve, reject)
        void session.then(
          () => {
            const took = tick() - began
            usualMs = usualMs === null ? took : (3 * usualMs + took) / 4
            done.abort()
          },
          () => done.abort()
        )
        // What is usual may be learned, or grow, while this one is waited for.
        while (!done.signal.aborted) {
          const left = began + holdMs(host) - tick()
          if (left <= 0) return
          await sleep(Math.min(left, leastMs), done.signal).catch(() => undefined)
        }
      }).catch(reject)
    })
}
