import { openSession as openDoor } from '../../ssh/open-session.ts'
import type { Git } from '../../git/clone.ts'
import type { HostSession, OpenSession } from '../../facts/session.ts'
import { bounded } from '../../facts/bounded.ts'
import { judgeSealed, type Judgement, type SealedByName } from '../../probe/run.ts'
import { factName, type Unnumbered } from '../../facts/gather.ts'
import type { Sealed } from '../../facts/sealed.ts'
import { asksHost, hostOf, type ReviewCheck } from '../evaluate.ts'
import type { Progress } from './adapters.ts'
import { milestoneNamed } from '../../config/plan/milestones.ts'
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
            void session.catch(() => undefined).then(() => onItsWay())
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
  const named = milestoneNamed(home.plans, target)
  if (named === null) return []
  const asked = [...named.milestone.checks, ...named.plan.hunt.checks].filter(asksHost)
  return [...new Set(asked.flatMap(({ host }) => host ?? []))]
}

/**
 * Judges each check as soon as what it needs is seen, while others are still waited for. A judgement depends on the facts
 * alone: where one of them turns out to be another, the check is judged again.
 */
export function judgeEarly(checks: readonly ReviewCheck[]) {
  const waiting = checks.map(({ planned }) => ({
    planned,
    /** Each need of the probe with the name of its fact. */
    needs: Object.entries(planned.probe.needs).map(
      ([need, source]) => [need, factName(hostOf(planned), source)] as const
    ),
    facts: new Map<string, Sealed<Unnumbered>>()
  }))
  const judged = new Map<object, { readonly on: SealedByName; readonly judgement: Judgement }>()
  const judgeNow = ({ planned, facts }: (typeof waiting)[number]) => {
    if (judged.has(planned)) return
    const on = Object.fromEntries(facts)
    try {
      judged.set(planned, { on, judgement: judgeSealed(planned.probe, on) })
    } catch {
      // Where nobody waits for it nobody could be told: it is judged again, and fails, where somebody does.
    }
  }
  return {
    /** Takes a fact by its name. */
    hear(name: string, fact: Sealed<Unnumbered>): void {
      for (const each of waiting) {
        const by = each.needs.filter(([, wanted]) => wanted === name)
        for (const [need] of by) each.facts.set(need, fact)
        if (by.length > 0 && each.facts.size === each.needs.length) setImmediate(() => judgeNow(each))
      }
    },
    /** As `judgeSealed`, of that check. */
    judge(planned: ReviewCheck['planned'], sealed: SealedByName): Judgement {
      const before = judged.get(planned)
      if (before !== undefined && Object.entries(sealed).every(([need, fact]) => fact === before.on[need]))
        return before.judgement
      const judgement = judgeSealed(planned.probe, sealed)
      judged.set(planned, { on: sealed, judgement })
      return judgement
    }
  }
}

/**
 * Loads what is needed once the hosts have answered, while they are at work: from the first read on. Before that it would
 * hold them up.
 */
export function loadedOnRead<T>(progress: Progress, load: () => Promise<T>) {
  let loading: Promise<T> | undefined
  const once = () => (loading ??= load())
  return {
    load: once,
    progress: {
      ...progress,
      read(place, what) {
        // What goes wrong with it is for whoever needs it.
        setImmediate(() => void once().catch(() => undefined))
        return progress.read(place, what)
      }
    } satisfies Progress
  }
}
