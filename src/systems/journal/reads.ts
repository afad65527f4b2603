import { placeholder, large, type Pattern, readCommand } from '../../facts/read-command.ts'

const messages = [
  '--output=json',
  '--output-fields=MESSAGE,CONTAINER_NAME,_SYSTEMD_UNIT',
  '--all',
  '--no-pager'
] as const

/**
 * What may be asked of the journal. Names come from a plan, ids and paths from the host's earlier answers: they are always
 * words after `--`, or words that a leading `-` cannot turn into an option.
 */
export const journalPattern = {
  journalFiles: () => ['journalctl', '--header', '--no-pager'],
  journal: (unit: string) => ['journalctl', `--unit=${unit}`, placeholder.since, ...messages],
  journalSample: (unit: string) => ['journalctl', `--unit=${unit}`, '--lines=1', ...messages],
  journalOwn: (unit: string) => ['journalctl', `_SYSTEMD_UNIT=${unit}`, '--lines=1', ...messages],
  journalDrops: () => [
    'journalctl',
    placeholder.since,
    ...messages,
    'MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e'
  ]
} as const satisfies Record<string, (...words: never[]) => Pattern>

/** The same, filled in and with what counts as an answer. */
export const journalRead = {
  /** The journal's files, and since when each holds messages. */
  journalFiles: () => readCommand(journalPattern.journalFiles()),
  /** Messages of a unit, and of systemd about it, from a second since 1970 on. `--all`: the long ones too. */
  journal: (unit: string, second: number) => readCommand(journalPattern.journal(unit), large, String(second)),
  /** One message of a unit, whichever: that there is one at all. */
  journalSample: (unit: string) => readCommand(journalPattern.journalSample(unit)),
  /** One message that the unit's own processes wrote; `--unit` also gives those of systemd about it. */
  journalOwn: (unit: string) => readCommand(journalPattern.journalOwn(unit)),
  /** What journald says of messages that it dropped because a unit wrote too many. */
  journalDrops: (second: number) => readCommand(journalPattern.journalDrops(), {}, String(second))
} as const
