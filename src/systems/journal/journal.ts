import { parseJson } from '../../lib/json.ts'
import * as z from 'zod'
import { pattern } from '../../lib/text/pattern.ts'
import { type FactSource, type FactContext, type ReadResult, Unseen } from '../../facts/fact.ts'
import { type ReadCommand } from '../../facts/read-command.ts'
import { journalPattern, journalRead } from './reads.ts'
import { systemdPattern, systemdRead } from '../systemd/reads.ts'
import { earliestOnHost, type MomentRef, moment } from '../baseline/moment.ts'

/** What a search of one unit's messages found, and what shows that it looked. */
export interface JournalSearch {
  readonly unit: string
  /** Since when the system's journal holds messages, in microseconds on the host's clock; null: it holds none. */
  readonly reachesMicros: number | null
  /** Whether the journal holds any message of the unit, of whatever time. */
  readonly knowsUnit: boolean
  /** Messages that were searched. */
  readonly searched: number
  /** Messages among them whose text journald does not give. */
  readonly unreadable: number
  /** What journald said of messages of this unit that it dropped. */
  readonly dropped: readonly string[]
  readonly found: number
  /** The first of those found, at most 20, each cut at 500 characters. */
  readonly matches: readonly JournalMatch[]
  /** Where the unit's own words go, if that was asked. */
  readonly voice?: UnitVoice
}

export interface JournalMatch {
  readonly micros: number
  readonly message: string
  /** The container that wrote it: an engine may put what its containers say into its own unit's journal. */
  readonly container?: string
}

const kept = { matches: 20, characters: 500 } as const

/**
 * Searches what a unit wrote since about that moment (never later) for linear-time patterns, on our side.
 *
 * @param options.own leaves aside what its containers and systemd said: systemd's lines quote what unit files say.
 * @param options.voice asks as well where the unit's own words go.
 */
export function journalSearch(
  unit: string,
  patterns: readonly string[],
  since: MomentRef,
  { own = false, voice = false } = {}
): FactSource<JournalSearch> {
  return {
    key: `journal ${JSON.stringify([unit, patterns, since, ...(own ? ['own'] : []), ...(voice ? ['voice'] : [])])}`,
    place: 'host',
    reads: [
      ...(moment(since).reads ?? []),
      journalPattern.journalFiles(),
      own ? journalPattern.journalOwn(unit) : journalPattern.journalSample(unit),
      journalPattern.journal(unit),
      journalPattern.journalDrops(),
      ...(voice ? voiceReads(unit) : [])
    ],
    async take(look) {
      const [from, clock] = await Promise.all([moment(since).take(look), look.hostClock()])
      const seconds = Math.max(0, Math.floor(earliestOnHost(from, clock) / 1e6))
      const [files, sample, written, drops, heard] = await Promise.all([
        ask(look, journalRead.journalFiles()),
        ask(look, own ? journalRead.journalOwn(unit) : journalRead.journalSample(unit)),
        ask(look, journalRead.journal(unit, seconds)),
        ask(look, journalRead.journalDrops(seconds)),
        voice ? unitVoice(look, unit) : undefined
      ])
      const messages = parseMessages(written).filter(
        ({ container, writer }) => !own || (container === undefined && writer === unit)
      )
      const compiled = patterns.map(pattern)
      const found = messages.flatMap(({ message, writer: _, ...rest }) =>
        message !== null && compiled.some(one => one.test(message)) ? [{ ...rest, message }] : []
      )
      return {
        unit,
        reachesMicros: parseReach(files),
        knowsUnit: parseMessages(sample).length > 0,
        searched: messages.length,
        unreadable: messages.filter(({ message }) => message === null).length,
        dropped: parseMessages(drops).flatMap(({ message }) =>
          message?.includes(unit) === true ? [message] : []
        ),
        found: found.length,
        matches: found
          .slice(0, kept.matches)
          .map(match => ({ ...match, message: match.message.slice(0, kept.characters) })),
        ...(heard === undefined ? {} : { voice: heard })
      }
    }
  }
}

/** Where a unit's own words go. */
export interface UnitVoice {
  /** Whether the journal holds a message that the unit's own processes wrote, and not only systemd about it. */
  readonly wrote: boolean
  /** As systemd prints them: `journal`, `inherit`, `null`, `file:/var/log/x.log`; empty for units that have none. */
  readonly output: string
  readonly error: string
  /** Its journal namespace; empty for the system's own journal. */
  readonly namespace: string
  /** The least important level that is kept, from 0 to 7; null: all are. */
  readonly levelMax: number | null
}

const voiceProperties = ['Id', 'StandardOutput', 'StandardError', 'LogNamespace', 'LogLevelMax'] as const

function voiceReads(unit: string) {
  return [journalPattern.journalOwn(unit), systemdPattern.unitStates([unit], voiceProperties)]
}

async function unitVoice(look: FactContext, unit: string): Promise<UnitVoice> {
  const [own, shown] = await Promise.all([
    ask(look, journalRead.journalOwn(unit)),
    look.read(systemdRead.unitStates([unit], voiceProperties))
  ])
  const word = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(shown.stdout)?.[1]?.trim() ?? ''
  const level = word('LogLevelMax')
  return {
    wrote: parseMessages(own).length > 0,
    output: word('StandardOutput'),
    error: word('StandardError'),
    namespace: word('LogNamespace'),
    levelMax: /^[0-7]$/.test(level) ? Number(level) : null
  }
}

async function ask(look: FactContext, command: ReadCommand): Promise<string> {
  const { stdout, stderr }: ReadResult = await look.read(command)
  // Exit 0 all the same: the login sees its own messages and nobody else's.
  if (/not seeing messages from other users/i.test(stderr)) {
    throw new Unseen("the login may not read the system's journal (group systemd-journal or adm)")
  }
  return stdout
}

const text = z.union([z.string(), z.array(z.int().min(0).max(255)), z.null()])
const entry = z.object({
  __REALTIME_TIMESTAMP: z.string().regex(/^\d{1,16}$/),
  MESSAGE: z.union([text, z.array(text)]).optional(),
  CONTAINER_NAME: z.string().max(300).optional().catch(undefined),
  _SYSTEMD_UNIT: z.string().optional().catch(undefined)
})

/** One JSON object a line. A message is text, bytes where it is not UTF-8, a list of these, or null where journald keeps it. */
export function parseMessages(stdout: string): readonly (Omit<JournalMatch, 'message'> & {
  readonly message: string | null
  /** The unit whose process wrote it, by journald itself; systemd's own messages about units are of `init.scope`. */
  readonly writer?: string
})[] {
  return stdout
    .split('\n')
    .filter(line => line.trim() !== '' && line !== '-- No entries --')
    .map(line => {
      const { __REALTIME_TIMESTAMP, MESSAGE, CONTAINER_NAME, _SYSTEMD_UNIT } = entry.parse(parseJson(line))
      const by = {
        ...(CONTAINER_NAME === undefined ? {} : { container: CONTAINER_NAME }),
        ...(_SYSTEMD_UNIT === undefined ? {} : { writer: _SYSTEMD_UNIT })
      }
      return { micros: Number(__REALTIME_TIMESTAMP), message: messageText(MESSAGE), ...by }
    })
}

function messageText(value: z.infer<typeof entry>['MESSAGE']): string | null {
  // An entry without a message has nothing in which a pattern could be.
  if (value === undefined) return ''
  if (value === null || typeof value === 'string') return value
  if (value.every(item => typeof item === 'number')) return new TextDecoder().decode(Uint8Array.from(value))
  const parts = value.map(item => (typeof item === 'number' ? null : messageText(item)))
  return parts.includes(null) ? null : parts.join('\n')
}

/** The head of the oldest file of the system's own journal; users' files say nothing about units. */
export function parseReach(stdout: string): number | null {
  let isSystem = false
  let oldest: number | null = null
  for (const line of stdout.split('\n')) {
    const path = /^File path: (.+)$/.exec(line)?.[1]
    if (path !== undefined) isSystem = /\/system(?:@[^/]*)?\.journal~?$/.test(path)
    const hex = /^Head realtime timestamp: .*\(([0-9a-f]{1,14})\)$/.exec(line)?.[1]
    if (hex === undefined || !isSystem) continue
    const micros = Number.parseInt(hex, 16)
    // A file that was only just made has no entry yet.
    if (micros > 0 && (oldest === null || micros < oldest)) oldest = micros
  }
  return oldest
}
