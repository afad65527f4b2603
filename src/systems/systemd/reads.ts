import { large, type Pattern, readCommand } from '../../facts/read-command.ts'

/**
 * What may be asked of systemd. Names come from a plan, ids and paths from the host's earlier answers: they are always
 * words after `--`, or words that a leading `-` cannot turn into an option.
 */
export const systemdPattern = {
  unitStates: (units: readonly string[], properties: readonly string[]) => [
    'systemctl',
    'show',
    // Without it systemctl leaves out the inactive ones of a pattern.
    ...(units.includes('*') ? ['--all'] : []),
    '--timestamp=us+utc',
    '-p',
    properties.join(','),
    '--',
    ...units
  ],
  unitTexts: (units: readonly string[]) => ['systemctl', 'cat', '--', ...units]
} as const satisfies Record<string, (...words: never[]) => Pattern>

/** The same, filled in and with what counts as an answer. */
export const systemdRead = {
  /** Unknown units answer 0 too, with LoadState=not-found. A systemd without `us+utc` answers 1. */
  unitStates: (units: readonly string[], properties: readonly string[]) =>
    readCommand(systemdPattern.unitStates(units, properties), {
      ...large,
      priority: units.includes('*') ? 3 : 1
    }),
  /** Unit files and their drop-ins. Exit 1 is an answer: a unit of the pattern has no file. */
  unitTexts: (units: readonly string[]) =>
    readCommand(systemdPattern.unitTexts(units), {
      ...large,
      answers: [0, 1],
      priority: units.includes('*.service') ? 3 : 1
    })
} as const
