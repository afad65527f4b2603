import { openSession as openDoor } from '../doors/open-session.ts'
import type { HostSession, OpenSession } from '../doors/session.ts'
import { bounded } from './bounded.ts'
import { asksHost } from './review.ts'
import type { Seat } from './world.ts'
import type { Home } from '../home/home.ts'

/** Sessions that are being opened while the repo is still fetched: neither needs to wait for the other. */
export interface Early {
  /** Hands out a session that was opened early, each of them once; what is opened after that is opened anew. */
  readonly openSession: OpenSession
  /** Closes those that nobody wanted. */
  close(): Promise<void>
}

/** Begins to log in to the hosts. Nothing is asked of them yet, and what goes wrong is told to whoever wants them. */
export function openEarly(seat: Seat, names: readonly string[]): Early {
  const openSession = bounded(seat.openSession ?? openDoor, seat.home.concurrency)
  const waiting = new Map<
    string,
    { readonly session: Promise<HostSession>; readonly stop: AbortController }
  >()
  for (const name of names) {
    const host = seat.home.hosts.get(name)
    if (host === undefined) continue
    const stop = new AbortController()
    const session = openSession(host, { signal: AbortSignal.any([seat.signal, stop.signal]) })
    session.catch(() => undefined)
    waiting.set(name, { session, stop })
  }
  return {
    openSession(host, options) {
      const early = waiting.get(host.name)
      if (early === undefined) return openSession(host, options)
      waiting.delete(host.name)
      const { signal } = options
      // From now on it is given up when its review is.
      const follow = () => early.stop.abort(signal.reason)
      if (signal.aborted) follow()
      else signal.addEventListener('abort', follow, { once: true })
      return early.session
    },
    async close() {
      const unwanted = [...waiting.values()]
      waiting.clear()
      await Promise.all(
        unwanted.map(async ({ session, stop }) => {
          stop.abort(new Error('the session was not needed'))
          await session.then(
            each => each.close(),
            () => undefined
          )
        })
      )
    }
  }
}

/** The hosts that a review of `<phase>-<milestone>` asks, as far as the plans know that milestone. */
export function hostsAskedBy(home: Home, target: string): readonly string[] {
  for (const plan of home.plans.values()) {
    const milestone = plan.milestones.find(({ id }) => `${plan.phase}-${id}` === target)
    if (milestone === undefined) continue
    const asked = [...milestone.checks, ...plan.hunt.checks].filter(asksHost)
    return [...new Set(asked.flatMap(({ host }) => host ?? []))]
  }
  return []
}
