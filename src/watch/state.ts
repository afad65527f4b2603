import { isoSecond, nowMs, tick } from '../os/clock.ts'

/** What a watcher remembers between rounds; losing it costs a second look and nothing else. */
export interface WatchState {
  /** What will be tried again: a claim, by its sha, or `orientation <phase>`. */
  readonly waiting: Map<string, Waiting>
  /** When each phase was hunted last, as a tick. */
  readonly hunted: Map<string, number>
  /** Commits that are in the log already. */
  readonly logged: Set<string>
  /** Another reviewer has been faster than this one: claims are then taken in no order that both would take. */
  hasPeers: boolean
  /** Hosts that answered not a single read when they were asked last. */
  readonly hosts: Map<string, UnseenHost>
  /** The remote, while it does not answer. */
  remote: FailureStreak | null
  /** The home, while it cannot be read. */
  plans: FailureStreak | null
  doing: Doing
  /** How many reviews were published. */
  reviews: number
  /** How often the remote was asked and answered, and when last, in milliseconds since 1970. */
  polls: number
  polledMs: number | null
  readonly startedMs: number
  readonly pulse: Heartbeat
}

/** Something that goes wrong. `sinceMs` is by our clock, milliseconds since 1970. */
export interface FailureStreak {
  readonly sinceMs: number
  /** How many times in a row. */
  readonly times: number
  readonly why: string
}

/** Times are ticks. */
export interface Waiting extends FailureStreak {
  /** For people: `pvfix-M2`, `orientation of pvfix`. */
  readonly about: string
  readonly nextTick: number
  readonly pauseMs: number
  /** Since when a host could not be seen. */
  readonly unseenSince?: number
  /** What went wrong, where it was not the seeing. */
  readonly failure?: unknown
}

/** Times are ticks. */
export interface UnseenHost extends FailureStreak {
  readonly lastTick: number
  /** Before that it is not asked again. */
  readonly nextTick: number
  readonly pauseMs: number
}

interface Doing {
  readonly what: 'starting' | 'asking the remote' | 'orienting' | 'reviewing' | 'hunting' | 'waiting'
  readonly about: string | null
  readonly sinceMs: number
}

/** How a watcher stands, for people. Times are ISO 8601 UTC. Its words are hostile text, not guarded. */
export interface WatcherStatus {
  readonly startedAt: string
  /** When this was true: every step of the loop says it anew. */
  readonly beatAt: string
  readonly doing: { readonly what: Doing['what']; readonly about: string | null; readonly since: string }
  readonly polls: number
  /** When the remote answered last; null: not yet. */
  readonly polledAt: string | null
  readonly reviews: number
  readonly troubles: readonly {
    /** `remote`, `home`, a host's name, a claim, an orientation. */
    readonly subject: string
    readonly kind: 'remote' | 'home' | 'host' | 'work'
    readonly since: string
    readonly times: number
    readonly why: string
  }[]
}

/** Hears that the loop really goes on: from the loop itself at each of its steps, never from a timer beside it. */
export interface Heartbeat {
  /** While the loop waits, it beats this often, in milliseconds. */
  readonly everyMs: number
  heartbeat(standing: WatcherStatus): void
}

const unheard: Heartbeat = { everyMs: 30_000, heartbeat: () => undefined }

export function startState(pulse: Heartbeat = unheard): WatchState {
  const startedMs = nowMs()
  return {
    waiting: new Map(),
    hunted: new Map(),
    logged: new Set(),
    hasPeers: false,
    hosts: new Map(),
    remote: null,
    plans: null,
    doing: { what: 'starting', about: null, sinceMs: startedMs },
    reviews: 0,
    polls: 0,
    polledMs: null,
    startedMs,
    pulse
  }
}

/** The loop does something else from now on. */
export function step(state: WatchState, what: Doing['what'], about: string | null = null): void {
  state.doing = { what, about, sinceMs: nowMs() }
  heartbeat(state)
}

/** The loop is alive. */
export function heartbeat(state: WatchState): void {
  state.pulse.heartbeat(statusOf(state))
}

/** The same trouble once more, or its beginning. */
export function recordFailure(before: FailureStreak | null | undefined, why: string): FailureStreak {
  return { sinceMs: before?.sinceMs ?? nowMs(), times: (before?.times ?? 0) + 1, why }
}

/** Puts a piece of work off. What was known of it stays unless it is given anew. */
export function scheduleRetry(
  state: WatchState,
  key: string,
  next: { readonly about: string; readonly why: string; readonly pauseMs: number } & Partial<
    Pick<Waiting, 'nextTick' | 'unseenSince' | 'failure'>
  >
): void {
  const before = state.waiting.get(key)
  const { failure: _, ...kept } = before ?? {}
  state.waiting.set(key, {
    ...kept,
    nextTick: tick() + next.pauseMs,
    ...next,
    ...recordFailure(before, next.why)
  })
}

function statusOf(state: WatchState): WatcherStatus {
  const trouble = (
    kind: WatcherStatus['troubles'][number]['kind'],
    subject: string,
    { sinceMs, times, why }: FailureStreak
  ) => ({
    subject,
    kind,
    since: isoSecond(sinceMs),
    times,
    why
  })
  const { what, about, sinceMs } = state.doing
  return {
    startedAt: isoSecond(state.startedMs),
    beatAt: isoSecond(),
    doing: { what, about, since: isoSecond(sinceMs) },
    polls: state.polls,
    polledAt: state.polledMs === null ? null : isoSecond(state.polledMs),
    reviews: state.reviews,
    troubles: [
      ...(state.remote === null ? [] : [trouble('remote', 'remote', state.remote)]),
      ...(state.plans === null ? [] : [trouble('home', 'home', state.plans)]),
      ...[...state.hosts].map(([name, host]) => trouble('host', name, host)),
      ...[...state.waiting.values()].map(each => trouble('work', each.about, each))
    ]
  }
}
