import { redact } from '../lib/secrets/redact.ts'
import { oneLine } from '../lib/text/clean.ts'

/**
 * The log of a watcher: one line of JSON an event, `{"time":…,"level":…,"event":…,…}`. This list is closed:
 * what is not on it cannot be logged, and `docs/log.md` and the schema of a line are made from it.
 */

/** A field means the same in every event. Numbers end in their unit, or count. */
export const logFields = {
  about: { type: 'text', tells: 'The subject: a claim as `<phase>-<milestone>`, or an orientation' },
  answer: { type: 'text', tells: '`accepted`, `blocked` or `skipped`' },
  after: { type: 'number', tells: 'Number of failures in a row before this event' },
  again_in_ms: { type: 'number', tells: 'Time until the next attempt, in milliseconds' },
  branch: { type: 'text', tells: 'The watched branch' },
  changes: { type: 'number', tells: 'Number of findings opened, closed or reopened' },
  claim: { type: 'text', tells: "Full sha of the claim's commit" },
  commit: { type: 'text', tells: 'Full sha of the commit' },
  home: { type: 'text', tells: 'The configuration folder, where one process watches several' },
  host: { type: 'text', tells: "The host's name in adversary.yaml" },
  milestone: { type: 'text', tells: 'The milestone' },
  path: { type: 'text', tells: 'The requested path' },
  peer: { type: 'text', tells: 'Address of the client' },
  phase: { type: 'text', tells: 'The phase' },
  plans: { type: 'text', tells: 'The phases that have a plan' },
  poll_ms: { type: 'number', tells: 'Interval between polls of the remote, in milliseconds' },
  repo: { type: 'text', tells: 'URL of the watched repository, without its password' },
  reviews: { type: 'number', tells: 'Number of reviews published by this watcher' },
  reviews_gone: { type: 'number', tells: 'Number of signed reviews removed with it' },
  routes: { type: 'text', tells: 'Names of the routes of the server' },
  seconds: { type: 'number', tells: 'Duration of the failure, in seconds' },
  subject: { type: 'text', tells: 'Subject of the commit' },
  times: { type: 'number', tells: 'Number of failures in a row' },
  url: { type: 'text', tells: 'Address of the server' },
  verdict: { type: 'text', tells: '`PASS`, `FAIL` or `INCONCLUSIVE`' },
  was: { type: 'text', tells: 'Full sha of the previous tip' },
  why: { type: 'text', tells: 'The reason' }
} as const satisfies Record<string, { readonly type: 'text' | 'number'; readonly tells: string }>

export type LogField = keyof typeof logFields

interface EventSpec {
  /** Its name in version 0.1, which each line carries for one more release. */
  readonly formerly: string
  readonly level: 'info' | 'warning' | 'error'
  readonly tells: string
  readonly always: readonly LogField[]
  readonly sometimes: readonly LogField[]
}

export const logEvents = {
  'watcher.started': {
    formerly: 'watching',
    level: 'info',
    tells: 'The watcher started',
    always: ['repo', 'branch', 'poll_ms'],
    sometimes: []
  },
  'plans.changed': {
    formerly: 'plans changed',
    level: 'info',
    tells: 'Plans or hosts changed, and are in use from now on',
    always: ['plans'],
    sometimes: []
  },
  'signers.changed': {
    formerly: 'signers changed',
    level: 'info',
    tells: 'The signing identity or the list of allowed signers changed, and is in use from now on',
    always: [],
    sometimes: []
  },
  'plans.invalid': {
    formerly: 'plans refused',
    level: 'error',
    tells:
      'The configuration is invalid: the last valid plans stay in use, but nothing runs while the signers are unknown',
    always: ['why'],
    sometimes: []
  },
  'claim.malformed': {
    formerly: 'malformed claim',
    level: 'warning',
    tells: 'A commit looks like a claim but is malformed; logged once',
    always: ['commit', 'subject', 'why'],
    sometimes: []
  },
  'claim.ignored': {
    formerly: 'not reviewed',
    level: 'warning',
    tells: 'A claim that gets no review; logged once',
    always: ['commit', 'phase', 'milestone', 'why'],
    sometimes: []
  },
  'orientation.started': {
    formerly: 'orienting',
    level: 'info',
    tells: 'The orientation of a phase started',
    always: ['phase'],
    sometimes: []
  },
  'orientation.published': {
    formerly: 'oriented',
    level: 'info',
    tells: 'The context of a phase was pushed, or another reviewer pushed it first (no commit)',
    always: ['phase'],
    sometimes: ['commit']
  },
  'review.started': {
    formerly: 'reviewing',
    level: 'info',
    tells: 'The review of a claim started',
    always: ['phase', 'milestone', 'claim'],
    sometimes: []
  },
  'review.published': {
    formerly: 'published',
    level: 'info',
    tells: 'The review of a claim was pushed',
    always: ['phase', 'milestone', 'claim', 'verdict', 'commit'],
    sometimes: []
  },
  'review.dropped': {
    formerly: 'dropped',
    level: 'info',
    tells: 'The review of a claim was discarded: another reviewer published one, or the claim was removed',
    always: ['phase', 'milestone', 'claim', 'verdict'],
    sometimes: []
  },
  'history.rewritten': {
    formerly: 'history rewritten',
    level: 'warning',
    tells: 'The branch was force-pushed: the last known tip is no longer in its history',
    always: ['branch', 'was', 'commit', 'reviews_gone'],
    sometimes: []
  },
  'review.removed': {
    formerly: 'review removed',
    level: 'warning',
    tells: 'A force-push removed a signed commit; its content is recorded again in the review file',
    always: ['phase', 'commit'],
    sometimes: ['milestone', 'verdict', 'claim']
  },
  'history.unknown': {
    formerly: 'history unknown',
    level: 'warning',
    tells: 'The clone no longer has the previous state of the branch',
    always: ['branch', 'why'],
    sometimes: []
  },
  'observation.failed': {
    formerly: 'could not see',
    level: 'warning',
    tells: 'Something could not be observed: there is no verdict yet, and it is retried',
    always: ['about', 'why', 'again_in_ms'],
    sometimes: ['claim']
  },
  'host.unreachable': {
    formerly: 'host unseen',
    level: 'warning',
    tells: 'A host answers no reads; it answered before',
    always: ['host', 'why'],
    sometimes: []
  },
  'host.recovered': {
    formerly: 'host seen',
    level: 'info',
    tells: 'An unreachable host answers again',
    always: ['host', 'after', 'seconds'],
    sometimes: []
  },
  'hunt.finished': {
    formerly: 'hunted',
    level: 'info',
    tells: 'The probes of the hunt ran',
    always: ['phase', 'changes'],
    sometimes: ['commit']
  },
  'task.failed': {
    formerly: 'failed',
    level: 'error',
    tells: 'A review, an orientation or a hunt failed, or, without a phase, the remote; it is retried',
    always: ['why', 'again_in_ms'],
    sometimes: ['phase', 'milestone', 'claim', 'times']
  },
  'home.failed': {
    formerly: 'home failed',
    level: 'error',
    tells: 'One of several configurations cannot be watched; the others continue',
    always: ['why', 'times'],
    sometimes: ['again_in_ms']
  },
  'remote.recovered': {
    formerly: 'recovered',
    level: 'info',
    tells: 'The remote answers again',
    always: ['after', 'seconds'],
    sometimes: []
  },
  'status.failed': {
    formerly: 'status not posted',
    level: 'warning',
    tells:
      'The forge refused a commit status: the review is valid, and the status is retried; logged once for each reason',
    always: ['about', 'why'],
    sometimes: []
  },
  'status.recovered': {
    formerly: 'statuses posted',
    level: 'info',
    tells: 'The forge accepts commit statuses again',
    always: ['after'],
    sometimes: []
  },
  'server.started': {
    formerly: 'listening',
    level: 'info',
    tells: 'The server of `serve` accepts requests',
    always: ['url', 'routes'],
    sometimes: []
  },
  'request.refused': {
    formerly: 'request refused',
    level: 'warning',
    tells:
      'Requests with a wrong signature or server name (`Host`); at most one line a second, with their number',
    always: ['path', 'peer', 'why', 'times'],
    sometimes: []
  },
  'request.failed': {
    formerly: 'request failed',
    level: 'error',
    tells: 'A request failed: internal error, or a missing secret',
    always: ['path', 'why'],
    sometimes: []
  },
  'build.validated': {
    formerly: 'build asked',
    level: 'info',
    tells: 'Drone asked whether a build may start; for other repositories at most once an hour',
    always: ['about', 'answer'],
    sometimes: ['why']
  },
  'heartbeat.failed': {
    formerly: 'not shown',
    level: 'warning',
    tells: 'The state for `status`, or the notification for systemd, could not be written; logged once',
    always: ['why'],
    sometimes: []
  },
  'watcher.stopped': {
    formerly: 'stopped',
    level: 'info',
    tells: 'The watcher received a signal and stops',
    always: [],
    sometimes: ['reviews', 'why']
  }
} as const satisfies Record<string, EventSpec>

export type LogEvent = keyof typeof logEvents

type ValueOf<Field extends LogField> = (typeof logFields)[Field]['type'] extends 'number' ? number : string

export type LogDetails<Event extends LogEvent> = {
  readonly [Field in (typeof logEvents)[Event]['always'][number]]: ValueOf<Field>
} & { readonly [Field in (typeof logEvents)[Event]['sometimes'][number]]?: ValueOf<Field> }

/** Takes one event. Whoever writes it down does it by `logLine`. */
export type Log = <Event extends LogEvent>(event: Event, details: LogDetails<Event>) => void

/**
 * One line, without its end.
 *
 * @param time ISO 8601 UTC.
 * @param home where one process watches several: whose event it is.
 * @param details hostile text: what a server, a host or a claim said may be in any of them. Here it is guarded.
 */
export function logLine<Event extends LogEvent>(
  time: string,
  event: Event,
  details: LogDetails<Event>,
  home?: string
): string {
  const guarded = Object.entries<unknown>(home === undefined ? details : { home, ...details }).map(
    ([field, value]) => [field, typeof value === 'string' ? oneLine(redact(value).text, 400) : value]
  )
  const { level, formerly } = logEvents[event]
  return JSON.stringify({ time, level, event, ...Object.fromEntries(guarded), formerly })
}
