import { json, type Route } from './router.ts'

/** What is told of the watcher to whoever asks: nothing that a host, a claim or a remote said. */
export interface Health {
  readonly beatAtMs: number
  readonly polledAt: string | null
  readonly reviews: number
  /** How many times in a row the remote or the home could not be read. */
  readonly failures: number
}

/** A loop that has not been heard of for so long hangs, in milliseconds: a review may take minutes. */
const silentMs = 10 * 60_000
/** A remote may be away for a moment. */
const manyFailures = 3

/** `GET /healthz`: 200 while the watcher goes on and can read what it watches, else 503. */
export function healthRoute(health: () => Health | null, now: () => number): Route {
  return {
    method: 'GET',
    path: '/healthz',
    name: 'health',
    unlimited: true,
    handle() {
      const is = health()
      if (is === null) return json(503, { status: 'starting' })
      const { polledAt, reviews, failures } = is
      const status =
        Math.abs(now() - is.beatAtMs) > silentMs ? 'silent' : failures >= manyFailures ? 'failing' : 'ok'
      return json(status === 'ok' ? 200 : 503, { status, polledAt, reviews, failures })
    }
  }
}
