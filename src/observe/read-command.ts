/**
 * The only maker of commands. Each reads and never writes, and each knows which exit codes are
 * answers: any other exit means that the question was not answered, which is `unknown`.
 *
 * The brand keeps the rest of the code from building commands of its own. It stops accidents, not
 * a determined cast, so the account on the host should be read-only as well (`adversary lockdown`).
 */

declare const brand: unique symbol

export interface ReadCommand {
  readonly [brand]: true
  /** Program and arguments. No shell ever splits them; none holds a newline or a NUL. */
  readonly argv: readonly string[]
  /** The exit codes that are answers. */
  readonly answers: readonly number[]
  /** How long the host may take, in milliseconds. */
  readonly deadlineMs: number
  /** How many bytes of stdout are read. What is longer is cut, and a cut answer is `unknown`. */
  readonly capBytes: number
}

interface Limits {
  readonly answers?: readonly number[]
  readonly deadlineMs?: number
  readonly capBytes?: number
}

const defaults = { answers: [0], deadlineMs: 10_000, capBytes: 4 * 1024 * 1024 } as const

function command(argv: readonly string[], limits: Limits = {}): ReadCommand {
  for (const word of argv) {
    // A newline would end the word in the reader's protocol; nothing that we ask for has one.
    if (/[\0\r\n]/.test(word)) throw new RangeError('a word of a read command holds a line break or NUL')
  }
  return { ...defaults, ...limits, argv } as ReadCommand
}

/** The command as a person would type it into a POSIX shell. */
export function typed(command: Pick<ReadCommand, 'argv'>): string {
  return command.argv
    .map(word => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
    .join(' ')
}

const json = ['--format', '{{json .}}'] as const
const large = { capBytes: 16 * 1024 * 1024, deadlineMs: 20_000 } as const

/**
 * What may be asked of a host. Names and ids come from a plan or from the host's earlier answers:
 * they are always words after `--`, or words that a leading `-` cannot turn into an option.
 */
export const readCommand = {
  dockerNetworkList: () => command(['docker', 'network', 'ls', '--no-trunc', ...json]),
  dockerNetworks: (ids: readonly string[]) => command(['docker', 'network', 'inspect', '--', ...ids], large),
  dockerServiceList: () => command(['docker', 'service', 'ls', ...json]),
  dockerServices: (ids: readonly string[]) => command(['docker', 'service', 'inspect', '--', ...ids], large),
  dockerServiceTasks: (ids: readonly string[]) =>
    command(['docker', 'service', 'ps', '--no-trunc', ...json, '--', ...ids], large),
  /** Exit 1 is an answer too: a task may be gone since it was listed, and the others are printed all the same. */
  dockerTasks: (ids: readonly string[]) =>
    command(['docker', 'inspect', '--type', 'task', '--', ...ids], { ...large, answers: [0, 1] }),
  dockerNodes: () => command(['docker', 'node', 'ls', ...json]),
  dockerInfo: () => command(['docker', 'info', ...json]),
  engineStart: () =>
    command([
      'systemctl',
      'show',
      '-p',
      'LoadState,InactiveExitTimestamp',
      '--timestamp=us+utc',
      'docker.service'
    ]),
  ipAddresses: () => command(['ip', '-j', 'addr', 'show']),
  ipRoutes: (family: 4 | 6) => command(['ip', '-j', `-${family}`, 'route', 'show', 'table', 'all']),
  /** Unknown units answer 0 too, with LoadState=not-found. A systemd without `us+utc` answers 1. */
  unitStates: (patterns: readonly string[], properties: readonly string[]) =>
    command(
      ['systemctl', 'show', '--timestamp=us+utc', '-p', properties.join(','), '--', ...patterns],
      large
    ),
  /** Unit files and their drop-ins. Exit 1 is an answer: a unit of the pattern has no file. */
  unitTexts: (patterns: readonly string[]) =>
    command(['systemctl', 'cat', '--', ...patterns], { ...large, answers: [0, 1] }),
  /** A file if its first line says that it is a script; nothing of a binary. `path` is absolute. */
  scriptText: (path: string) =>
    command(['sed', '-n', '-e', '1{/^#!/!q;}', '-e', 'p', '--', path], {
      capBytes: 128 * 1024,
      deadlineMs: 5_000
    }),
  /** A file that something reads as a program. `path` is absolute. */
  fileText: (path: string) =>
    command(['head', '-c', '131073', '--', path], { capBytes: 128 * 1024, deadlineMs: 5_000 }),
  /** The journal's files, and since when each holds messages. */
  journalFiles: () => command(['journalctl', '--header', '--no-pager']),
  /** Messages of a unit, and of systemd about it, from a second since 1970 on. `--all`: the long ones too. */
  journal: (unit: string, since: number) =>
    command(
      [
        'journalctl',
        `--unit=${unit}`,
        `--since=@${since}`,
        '--output=json',
        '--output-fields=MESSAGE',
        '--all',
        '--no-pager'
      ],
      large
    ),
  /** One message of a unit, whichever: that there is one at all. */
  journalSample: (unit: string) =>
    command([
      'journalctl',
      `--unit=${unit}`,
      '--lines=1',
      '--output=json',
      '--output-fields=MESSAGE',
      '--all',
      '--no-pager'
    ]),
  /** What journald says of messages that it dropped because a unit wrote too many. */
  journalDrops: (since: number) =>
    command([
      'journalctl',
      `--since=@${since}`,
      '--output=json',
      '--output-fields=MESSAGE',
      '--all',
      '--no-pager',
      'MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e'
    ])
} as const
