import { openSession as openDoor } from '../../ssh/open-session.ts'
import type { Git } from '../../git/clone.ts'
import type { HostSession, OpenSession } from '../../facts/session.ts'
import { bounded } from '../../facts/bounded.ts'
import { asksHost } from '../review.ts'
import type { Workspace, PlanFile } from '../../config/workspace.ts'

/** Sessions that are being opened while the repo is still fetched: neither needs to wait for the other. */
export interface Early {
  /**
   * Begins to log in to hosts, to each of them once. Nothing is asked of them yet, and what goes wrong is told to
   * whoever wants them.
   *
   * @returns when all that are begun for the first time are on their way. Never rejects.
   */
  begin(names: readonly string[]): Promise<void>
  /** Hands out a session that was opened early, each of them once; what is opened after that is opened anew. */
  readonly openSession: OpenSession
  /** Closes those that nobody wanted. */
  close(): Promise<void>
}

export function openEarly(seat: {
  readonly home: Pick<Workspace, 'hosts' | 'concurrency'>
  readonly signal: AbortSignal
}): Early {
  const openSession = bounded(openDoor, seat.home.concurrency)
  const begun = new Set<string>()
  const waiting = new Map<
    string,
    { readonly session: Promise<HostSession>; readonly stop: AbortController }
  >()
  return {
    async begin(names) {
      const ways: Promise<void>[] = []
      for (const name of names) {
        const host = seat.home.hosts.get(name)
        if (host === undefined || begun.has(name)) continue
        begun.add(name)
        const stop = new AbortController()
        const signal = AbortSignal.any([seat.signal, stop.signal])
        ways.push(
          new Promise(onItsWay => {
            const session = openSession(host, { signal, begun: onItsWay })
            session.then(
              () => onItsWay(),
              () => onItsWay()
            )
            waiting.set(name, { session, stop })
          })
        )
      }
      await Promise.all(ways)
    },
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

/** The same clone, with its first fetch of the branch begun: whoever fetches it first is handed that one. */
export function fetching(git: Git, branch: string): Git {
  let ahead: Promise<string | null> | null = git.fetch(branch)
  ahead.catch(() => undefined)
  return {
    ...git,
    fetch(name, options) {
      const begun = name === branch ? ahead : null
      if (begun !== null) ahead = null
      return begun ?? git.fetch(name, options)
    }
  }
}

/** The host that a review of `<phase>-<milestone>` most likely asks, before a plan is understood: the plan's own. */
export function likelyHost(
  { hosts }: Pick<Workspace, 'hosts'>,
  plans: readonly PlanFile[],
  target: string
): readonly string[] {
  for (const { stem, file } of plans) {
    const phase = file.at(['phase']) ?? stem
    if (typeof phase !== 'string' || !target.startsWith(`${phase}-`)) continue
    if (!file.has(['milestones', target.slice(phase.length + 1)])) continue
    const host = file.at(['host']) ?? (hosts.size === 1 ? [...hosts.keys()][0] : undefined)
    return typeof host === 'string' ? [host] : []
  }
  return []
}

/** The hosts that a review of `<phase>-<milestone>` asks, as far as the plans know that milestone. */
export function hostsAskedBy(home: Workspace, target: string): readonly string[] {
  for (const plan of home.plans.values()) {
    const milestone = plan.milestones.find(({ id }) => `${plan.phase}-${id}` === target)
    if (milestone === undefined) continue
    const asked = [...milestone.checks, ...plan.hunt.checks].filter(asksHost)
    return [...new Set(asked.flatMap(({ host }) => host ?? []))]
  }
  return []
}
