import { lane } from '../base/lane.ts'
import { sleep } from '../doors/clock.ts'
import type { OpenSession } from '../doors/session.ts'

/** Whoever has not logged in after this long is waiting and not computing: the next may begin. In milliseconds. */
const holdMs = 1_000

/**
 * The same door, through which only so many begin at once: a login is what costs this machine most, and what a
 * host that is asked by many at once refuses first. Who waits for a turn spends nothing of the time that a login has.
 */
export function bounded(openSession: OpenSession, most: number): OpenSession {
  const turn = lane(most)
  return (host, options) =>
    new Promise((resolve, reject) => {
      turn(async () => {
        const done = new AbortController()
        const session = openSession(host, options)
        session.then(resolve, reject)
        const settled = session.then(
          () => done.abort(),
          () => done.abort()
        )
        await Promise.race([settled, sleep(holdMs, done.signal).catch(() => undefined)])
      }).catch(reject)
    })
}
