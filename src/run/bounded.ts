import { sleep } from '../doors/clock.ts'
import type { OpenSession } from '../doors/session.ts'

/** Whoever has not logged in after this long is waiting and not computing: the next may begin. In milliseconds. */
const holdMs = 1_000

/**
 * The same door, through which only so many begin at once: a login is what costs this machine most, and what a
 * host that is asked by many at once refuses first. Who waits for a turn spends nothing of the time that a login has.
 */
export function bounded(openSession: OpenSession, most: number): OpenSession {
  let inside = 0
  const queue: (() => void)[] = []
  const enter = () => {
    if (inside < most) {
      inside += 1
      return Promise.resolve()
    }
    return new Promise<void>(resolve => queue.push(resolve))
  }
  const leave = () => {
    const next = queue.shift()
    if (next === undefined) inside -= 1
    else next()
  }
  return async (host, options) => {
    await enter()
    const done = new AbortController()
    const session = openSession(host, options)
    const settled = session.then(
      () => done.abort(),
      () => done.abort()
    )
    void Promise.race([settled, sleep(holdMs, done.signal).catch(() => undefined)]).then(leave)
    return session
  }
}
