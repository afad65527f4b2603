import { counted } from '../../lib/text/counted.ts'
import { isoMicros } from '../../lib/instant.ts'
import type { HostClock } from '../../facts/fact.ts'
import type { JournalMatch, JournalSearch, UnitVoice } from './journal.ts'
import type { Moment } from '../baseline/moment.ts'
import { isAfter } from '../baseline/moment-order.ts'

/** What a search of the journal shows of the time since a moment. */
export type Silence =
  /** It was written that often since; `first` says when, against the moment. */
  | {
      readonly kind: 'matched'
      readonly count: number
      readonly first: string
      readonly lines: readonly string[]
    }
  /** The journal does not show it. */
  | { readonly kind: 'unknown'; readonly why: string }
  /** It was not written; `searched` and `reach` show that it would have been seen. */
  | { readonly kind: 'silent'; readonly searched: string; readonly reach: string }

/** Whether what was searched for was written since a moment, in a journal that covers all the time since then. */
export function silence(search: JournalSearch, since: Moment, clock: HostClock): Silence {
  const { unit, searched, found, matches, reachesMicros } = search
  const orders = matches.map(match => ({ match, ...isAfter(match.micros, since, clock) }))
  const after = orders.filter(({ order }) => order === 'after')
  const [first] = after
  if (first !== undefined) {
    // Those beyond the kept ones are later still.
    const count = after.length + found - matches.length
    return {
      kind: 'matched',
      count,
      first: first.why,
      lines: after.slice(0, 5).map(({ match }) => line(match))
    }
  }
  const reach = reachesMicros === null ? 'nothing' : isoMicros(reachesMicros)
  const why = blindness()
  if (why !== null) return { kind: 'unknown', why }
  return { kind: 'silent', searched: `${counted(searched, 'message')} of ${unit} since ${since.said}`, reach }

  function blindness(): string | null {
    if (found > matches.length) return 'the journal has more matches around that time than the probe keeps'
    const close = orders.find(({ order }) => order === 'too-close')
    if (close !== undefined) return `a message matches at ${isoMicros(close.match.micros)}: ${close.why}`
    if (reachesMicros === null) return 'the host has no system journal that the login can read'
    const { order } = isAfter(reachesMicros, since, clock)
    if (order !== 'before') return `the journal reaches back only to ${reach}, not to ${since.said}`
    if (!search.knowsUnit) return `the journal holds no message of ${unit}, which may log elsewhere`
    const elsewhere = search.voice === undefined ? null : logsElsewhere(unit, search.voice)
    if (elsewhere !== null) return elsewhere
    if (search.unreadable > 0)
      return `${counted(search.unreadable, 'message')} of ${unit} could not be read as text`
    const [dropped] = search.dropped
    return dropped === undefined ? null : `journald dropped messages: ${dropped}`
  }
}

/** Why the journal does not hold all that the unit writes; null: it holds everything. */
function logsElsewhere(
  unit: string,
  { wrote, output, error, namespace, levelMax }: UnitVoice
): string | null {
  if (namespace !== '')
    return `${unit} logs to the journal namespace \`${namespace}\`, which the probe does not read`
  const streams = [`StandardOutput=${output}`, `StandardError=${error}`]
  const away = streams.find(stream => !/=(?:$|journal|syslog|inherit$|null$)/.test(stream))
  if (away !== undefined) return `not all output of ${unit} goes to the journal (${away})`
  if (!wrote)
    return `the journal holds no message from ${unit} itself, only messages of systemd about it; the unit may log elsewhere`
  return levelMax === null || levelMax === 7
    ? null
    : `the journal drops messages of ${unit} less important than level ${levelMax} (LogLevelMax)`
}

function line({ micros, message, container }: JournalMatch): string {
  const by = container === undefined ? '' : `container ${container}: `
  return `${isoMicros(micros)} ${by}${message.slice(0, 300)}`
}
