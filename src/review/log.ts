import { redact } from '../lib/secrets/redact.ts'
import { oneLine } from '../lib/text/clean.ts'

/**
 * The log of a watcher: one line of JSON an event, `{"time":…,"level":…,"event":…,…}`. This list is closed:
 * what is not on it cannot be logged, and `docs/log.md` and the schema of a line are made from it.
 */

/** A field means the same in every event. Numbers end in their unit, or count. */
export const logFields = {
  about: { type: 'text', tells: 'What it is about: a claim as `<phase>-<milestone>`, or an orientation' },
  answer: { type: 'text', tells: '`accepted`, `blocked` or `skipped`' },
  after: { type: 'number', tells: 'How many times in a row it had failed' },
  again_in_ms: { type: 'number', tells: 'When it is tried again, in milliseconds' },
  branch: { type: 'text', tells: 'The watched branch' },
  changes: { type: 'number', tells: 'How many findings were opened, closed or reopened' },
  claim: { type: 'text', tells: "Full sha of the claim's commit" },
  commit: { type: 'text', tells: 'Full sha of the commit' },
  home: { type: 'text', tells: 'The folder of the home, where one process watches several' },
  host: { type: 'text', tells: "The host's name in the home" },
  milestone: { type: 'text', tells: 'The milestone' },
  path: { type: 'text', tells: 'The path that was asked for' },
  peer: { type: 'text', tells: 'Address of who asked' },
  phase: { type: 'text', tells: 'The phase' },
  plans: { type: 'text', tells: 'The phases that have a plan' },
  poll_ms: { type: 'number', tells: 'How often the remote is asked, in milliseconds' },
  repo: { type: 'text', tells: 'URL of the watched repository, without its password' },
  reviews: { type: 'number', tells: 'How many reviews this watcher has published' },
  reviews_gone: { type: 'number', tells: 'How many signed reviews went with it' },
  routes: { type: 'text', tells: 'What the server answers' },
  seconds: { type: 'number', tells: 'For how long it was so, in seconds' },
  subject: { type: 'text', tells: 'Subject of the commit' },
  times: { type: 'number', tells: 'How many times in a row it has failed' },
  url: { type: 'text', tells: 'Where the server listens' },
  verdict: { type: 'text', tells: '`PASS`, `FAIL` or `INCONCLUSIVE`' },
  was: { type: 'text', tells: 'Full sha of the tip before' },
  why: { type: 'text', tells: 'The reason, in words' }
} as const satisfies Record<string, { readonly type: 'text' | 'number'; readonly tells: string }>

export type LogField = keyof typeof logFields

interface EventSpec {
  readonly level: 'info' | 'warning' | 'error'
  readonly tells: string
  readonly always: readonly LogField[]
  readonly sometimes: readonly LogField[]
}

export const logEvents = {
  watching: {
    level: 'info',
    tells: 'The watcher has begun',
    always: ['repo', 'branch', 'poll_ms'],
    sometimes: []
  },
  'plans changed': {
    level: 'info',
    tells: 'Plans or hosts of the home are other ones from now on',
    always: ['plans'],
    sometimes: []
  },
  'signers changed': {
    level: 'info',
    tells: 'Who signs reviews or who may sign is another one from now on',
    always: [],
    sometimes: []
  },
  'plans refused': {
    level: 'error',
    tells:
      'The home cannot be read: the plans that were understood last go on; nothing is done where it is not known who signs',
    always: ['why'],
    sometimes: []
  },
  'malformed claim': {
    level: 'warning',
    tells: 'A commit looks like a claim and is none; said once',
    always: ['commit', 'subject', 'why'],
    sometimes: []
  },
  'not reviewed': {
    level: 'warning',
    tells: 'A claim that gets no review; said once',
    always: ['commit', 'phase', 'milestone', 'why'],
    sometimes: []
  },
  orienting: {
    level: 'info',
    tells: 'A phase is looked at before any claim',
    always: ['phase'],
    sometimes: []
  },
  oriented: {
    level: 'info',
    tells: "The phase's context was pushed, or another reviewer was first (no commit)",
    always: ['phase'],
    sometimes: ['commit']
  },
  reviewing: {
    level: 'info',
    tells: 'A claim is looked at',
    always: ['phase', 'milestone', 'claim'],
    sometimes: []
  },
  published: {
    level: 'info',
    tells: 'The review of a claim was pushed',
    always: ['phase', 'milestone', 'claim', 'verdict', 'commit'],
    sometimes: []
  },
  dropped: {
    level: 'info',
    tells: 'The review of a claim was not needed: another reviewer has answered it, or it is gone',
    always: ['phase', 'milestone', 'claim', 'verdict'],
    sometimes: []
  },
  'history rewritten': {
    level: 'warning',
    tells: 'The branch was moved by force and does not build on the tip that was seen last',
    always: ['branch', 'was', 'commit', 'reviews_gone'],
    sometimes: []
  },
  'review removed': {
    level: 'warning',
    tells: 'A signed commit went with it; what it said is said again in the review file',
    always: ['phase', 'commit'],
    sometimes: ['milestone', 'verdict', 'claim']
  },
  'history unknown': {
    level: 'warning',
    tells: 'The clone cannot tell any more what the branch was before',
    always: ['branch', 'why'],
    sometimes: []
  },
  'could not see': {
    level: 'warning',
    tells: 'Something could not be seen: no answer yet, it is looked at again',
    always: ['about', 'why', 'again_in_ms'],
    sometimes: ['claim']
  },
  'host unseen': {
    level: 'warning',
    tells: 'A host answered not a single read, and had answered before',
    always: ['host', 'why'],
    sometimes: []
  },
  'host seen': {
    level: 'info',
    tells: 'A host that was unseen answers again',
    always: ['host', 'after', 'seconds'],
    sometimes: []
  },
  hunted: {
    level: 'info',
    tells: 'The probes that nobody asked for were run',
    always: ['phase', 'changes'],
    sometimes: ['commit']
  },
  failed: {
    level: 'error',
    tells: 'A claim, an orientation or a hunt failed; without a phase it is the remote: tried again',
    always: ['why', 'again_in_ms'],
    sometimes: ['phase', 'milestone', 'claim', 'times']
  },
  'home failed': {
    level: 'error',
    tells: 'One of several homes cannot be watched; the others go on',
    always: ['why', 'times'],
    sometimes: ['again_in_ms']
  },
  recovered: {
    level: 'info',
    tells: 'The remote answers again',
    always: ['after', 'seconds'],
    sometimes: []
  },
  'status not posted': {
    level: 'warning',
    tells:
      'The forge did not take a commit status: the review stands, and it is tried again; said once a reason',
    always: ['about', 'why'],
    sometimes: []
  },
  'statuses posted': {
    level: 'info',
    tells: 'The forge takes commit statuses again',
    always: ['after'],
    sometimes: []
  },
  listening: {
    level: 'info',
    tells: 'The server of `serve` takes requests',
    always: ['url', 'routes'],
    sometimes: []
  },
  'request refused': {
    level: 'warning',
    tells:
      'Requests whose signature or name of the server (`Host`) is wrong; at most one line a second, which counts them',
    always: ['path', 'peer', 'why', 'times'],
    sometimes: []
  },
  'request failed': {
    level: 'error',
    tells: 'A request could not be answered: a fault of our own, or a secret that is gone',
    always: ['path', 'why'],
    sometimes: []
  },
  'build asked': {
    level: 'info',
    tells: 'Drone asked whether a build may begin; of another repository at most once an hour',
    always: ['about', 'answer'],
    sometimes: ['why']
  },
  'not shown': {
    level: 'warning',
    tells: 'What the watcher does cannot be written down for `status`, or told to systemd; said once',
    always: ['why'],
    sometimes: []
  },
  stopped: {
    level: 'info',
    tells: 'The watcher was told to stop, and ends',
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
  return JSON.stringify({ time, level: logEvents[event].level, event, ...Object.fromEntries(guarded) })
}
