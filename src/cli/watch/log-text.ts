import { sayDuration } from '../../lib/duration.ts'
import { redact } from '../../lib/secrets/redact.ts'
import { counted } from '../../lib/text/counted.ts'
import { oneLine } from '../../lib/text/clean.ts'
import type { Verdict } from '../../lib/words.ts'
import { type LogDetails, type LogEvent, logEvents } from '../../review/log.ts'
import { paint, type Style } from '../io.ts'
import { widthOf } from '../../lib/text/wrap.ts'
import { fit, pasted } from '../layout.ts'

/** The log of a watcher for the person at its terminal: when, of what, what happened, and what to do next. */

interface Told {
  /** A milestone, a phase or a host; empty: the watcher itself. */
  readonly about: string
  readonly what: string
  readonly verdict?: string
  /** What to do next; absent: nothing. */
  readonly next?: string
  /** As a command that can be pasted. */
  readonly command?: string
}

type Tellers = { readonly [Event in LogEvent]: (details: LogDetails<Event>) => Told }

const short = (sha: string) => sha.slice(0, 9)
const again = (ms: number) => `retry in ${sayDuration(ms)}`
const tellers: Tellers = {
  'watcher.started': ({ repo, branch, poll_ms }) => ({
    about: '',
    what: `watching ${branch} of ${repo}, every ${sayDuration(poll_ms)}`,
    next: 'wait for a claim; Ctrl-C stops the watcher'
  }),
  'plans.changed': ({ plans }) => ({ about: '', what: `the plans changed and are in use: ${plans}` }),
  'signers.changed': () => ({ about: '', what: 'the signers changed and are in use' }),
  'plans.invalid': ({ why }) => ({
    about: '',
    what: `the configuration is invalid, the last valid plans stay in use: ${why}`,
    next: 'see what is wrong with it:',
    command: 'adversary config check'
  }),
  'claim.malformed': ({ commit, subject, why }) => ({
    about: short(commit),
    what: `malformed claim "${subject}": ${why}`,
    next: 'the builder commits it again with a subject that fits'
  }),
  'claim.ignored': ({ commit, phase, milestone, why }) => ({
    about: `${phase}-${milestone}`,
    what: `claim ${short(commit)} gets no review: ${why}`
  }),
  'orientation.started': ({ phase }) => ({
    about: phase,
    what: 'reading the hosts: the context of the phase'
  }),
  'orientation.published': ({ phase, commit }) => ({
    about: phase,
    what:
      commit === undefined
        ? 'another reviewer pushed the context of the phase'
        : `context of the phase pushed as ${short(commit)}`
  }),
  'review.started': ({ phase, milestone, claim }) => ({
    about: `${phase}-${milestone}`,
    what: `reviewing claim ${short(claim)}`
  }),
  'review.published': ({ phase, milestone, claim, verdict, commit }) => ({
    about: `${phase}-${milestone}`,
    verdict,
    what: `claim ${short(claim)}, review pushed as ${short(commit)}`,
    ...(verdict === 'PASS' ? {} : nextOf(verdict, `${phase}-${milestone}`))
  }),
  'review.dropped': ({ phase, milestone, claim }) => ({
    about: `${phase}-${milestone}`,
    what: `review discarded: another reviewer answered claim ${short(claim)}, or it was removed`
  }),
  'history.rewritten': ({ branch, was, commit, reviews_gone }) => ({
    about: '',
    what: `${branch} was force-pushed from ${short(was)} to ${short(commit)}; ${counted(reviews_gone, 'review')} removed`,
    next: 'what was removed is recorded again; find out who pushed'
  }),
  'review.removed': ({ phase, milestone, commit }) => ({
    about: milestone === undefined ? phase : `${phase}-${milestone}`,
    what: `review ${short(commit)} was removed by the force-push and is recorded again`
  }),
  'history.unknown': ({ branch, why }) => ({
    about: '',
    what: `what a force-push of ${branch} removed is not known: ${why}`
  }),
  'observation.failed': ({ about, why, again_in_ms }) => ({
    about,
    what: `no verdict yet: ${why}; ${again(again_in_ms)}`,
    next: 'see what is missing:',
    command: 'adversary doctor'
  }),
  'host.unreachable': ({ host, why }) => ({
    about: host,
    what: `no answer: ${why}`,
    next: 'see what is missing:',
    command: 'adversary doctor'
  }),
  'host.recovered': ({ host, seconds }) => ({
    about: host,
    what: `answers again, after ${sayDuration(seconds * 1000)}`
  }),
  'hunt.finished': ({ phase, changes, commit }) => ({
    about: phase,
    what:
      changes === 0
        ? 'hunt finished, no finding changed'
        : `hunt finished, ${counted(changes, 'finding')} changed${commit === undefined ? '' : `, pushed as ${short(commit)}`}`,
    ...(changes === 0 ? {} : { next: 'see which:', command: `adversary finding list ${typed(phase)}` })
  }),
  'task.failed': ({ phase, milestone, why, again_in_ms }) => ({
    about: phase === undefined ? '' : milestone === undefined ? phase : `${phase}-${milestone}`,
    what: `failed: ${why}; ${again(again_in_ms)}`,
    next: 'see what is missing:',
    command: 'adversary doctor'
  }),
  'home.failed': ({ why, again_in_ms }) => ({
    about: '',
    what: `cannot be watched: ${why}${again_in_ms === undefined ? '' : `; ${again(again_in_ms)}`}`,
    next: 'see what is wrong with it:',
    command: 'adversary config check'
  }),
  'remote.recovered': ({ seconds }) => ({
    about: '',
    what: `the remote answers again, after ${sayDuration(seconds * 1000)}`
  }),
  'status.failed': ({ about, why }) => ({
    about,
    what: `the commit status was refused: ${why}; the review is valid, and the status is retried`,
    next: 'see what is missing:',
    command: 'adversary doctor'
  }),
  'status.recovered': () => ({ about: '', what: 'the forge accepts commit statuses again' }),
  'server.started': ({ url, routes }) => ({ about: '', what: `listening on ${url} (${routes})` }),
  'request.refused': ({ path, peer, why, times }) => ({
    about: '',
    what: `${counted(times, 'request')} refused${path === '' ? '' : ` (${path})`} from ${peer}: ${why}`
  }),
  'request.failed': ({ path, why }) => ({ about: '', what: `the request ${path} failed: ${why}` }),
  'build.validated': ({ about, answer, why }) => ({
    about,
    what: `Drone's build ${answer}${why === undefined ? '' : `: ${why}`}`
  }),
  'heartbeat.failed': ({ why }) => ({
    about: '',
    what: `the state for \`adversary status\` cannot be written: ${why}`
  }),
  'watcher.stopped': ({ reviews, why }) => ({
    about: '',
    what: `stopped${reviews === undefined ? '' : `, ${counted(reviews, 'review')} published`}${why === undefined ? '' : `: ${why}`}`
  })
}

function nextOf(verdict: string, target: string): Pick<Told, 'next' | 'command'> {
  const next = verdict === 'FAIL' ? 'fix what is marked ✗' : 'resolve what could not be seen'
  return {
    next: `${next}, then claim again:`,
    command: `git commit --allow-empty -m "claim(${typed(target)}): …" && git push`
  }
}

/** A name in a command that somebody may paste: a claim gave it, and claims have the grammar that the home allows. */
function typed(name: string): string {
  return /^[A-Za-z0-9][\w.-]{0,100}$/.test(name) ? name : '…'
}

const levels = { info: null, warning: 'yellow', error: 'red' } as const satisfies Record<string, Style | null>
const verdicts: Readonly<Record<Verdict, Style>> = { PASS: 'green', FAIL: 'red', INCONCLUSIVE: 'yellow' }
const isVerdict = (word: string): word is Verdict => Object.hasOwn(verdicts, word)

/** Where the words begin, behind the time. */
const margin = 10

/**
 * One event, on as many lines as the terminal needs.
 *
 * @param time ISO 8601 UTC.
 * @param home where one process watches several: whose event it is.
 * @param details hostile text: see `logLine`. Here it is guarded.
 */
export function logText<Event extends LogEvent>(
  time: string,
  event: Event,
  details: LogDetails<Event>,
  terminal: { readonly color: boolean; readonly columns: number },
  home?: string
): string {
  const guard = (text: string) => oneLine(redact(text).text, 400)
  const { about, what, verdict, next, command } = tellers[event](details)
  const style = levels[logEvents[event].level]
  // A number stays with its unit.
  const words = guard(what).replace(/(?<=\d) (?=(?:ms|s|min|h|d)\b)/g, '\u00a0')
  const said = [
    ...(home === undefined ? [] : [guard(home)]),
    ...(about === '' ? [] : [paint(terminal, 'bold', guard(about))]),
    ...(verdict === undefined
      ? []
      : [isVerdict(verdict) ? paint(terminal, verdicts[verdict], verdict) : guard(verdict)]),
    style === null ? words : paint(terminal, style, words)
  ].join('  ')
  const clock = /T(\d\d:\d\d:\d\d)/.exec(time)?.[1] ?? time
  return [
    ...fit(`${clock}Z ${said}`, terminal, 0, margin),
    ...(next === undefined
      ? []
      : nextLines(guard(next), command === undefined ? '' : guard(command), terminal))
  ].join('\n')
}

/** A command stands behind its words where there is room, else on lines that can be pasted. */
function nextLines(next: string, command: string, terminal: { readonly columns: number }): readonly string[] {
  const all = `next: ${command === '' ? next : `${next} ${command}`}`
  if (command === '' || margin + widthOf(all) <= terminal.columns)
    return fit(all, terminal, margin, margin + 6)
  return [...fit(`next: ${next}`, terminal, margin, margin + 6), ...pasted(command, terminal, margin + 6)]
}
