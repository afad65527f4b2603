import { isReadProgram, readablePath } from '../base/program-runs.ts'

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
  /** How many rounds of reads wait for its answer, one behind the other: the longest way is begun first. */
  readonly leads: number
}

interface Limits {
  readonly answers?: readonly number[]
  readonly deadlineMs?: number
  readonly capBytes?: number
  readonly leads?: number
}

/**
 * The most that any read asks for: what a host that `lockdown` guards grants to whoever has the key. Bytes are those of
 * stdout, seconds those of a deadline, words those of a command.
 */
export const mostAsked = { capBytes: 16 * 1024 * 1024, seconds: 20, words: 4_096 } as const

const defaults = { answers: [0], deadlineMs: 10_000, capBytes: 4 * 1024 * 1024, leads: 0 } as const

/**
 * One place of a command: a word that is always this one, or a blank that only the host's own earlier answers,
 * or the time of a review, can fill.
 */
export type Place =
  | string
  /** One or more ids as docker makes them; always the last place. */
  | { readonly blank: 'ids' }
  /** An absolute path of a file that a unit's start runs or sources, whose content is read. */
  | { readonly blank: 'program' }
  /** An absolute path: the folder of docker's data. */
  | { readonly blank: 'path' }
  /** One or more absolute paths, of whose files the times are asked; always the last place. */
  | { readonly blank: 'paths' }
  /** Numbers of processes, apart by commas. */
  | { readonly blank: 'pids' }
  /** A word that begins like this and ends in seconds since 1970. */
  | { readonly blank: 'seconds'; readonly after: string }

/** What a command may look like, place by place: commands are made from it, and `lockdown` guards hosts by it. */
export type Pattern = readonly Place[]

/** Whether a command is one that the pattern allows. */
export function fits(pattern: Pattern, argv: readonly string[]): boolean {
  if (takesMany(pattern.at(-1)) ? argv.length < pattern.length : argv.length !== pattern.length) return false
  return argv.every((word, index) => {
    const place = pattern[Math.min(index, pattern.length - 1)]
    return place !== undefined && fills(place, word)
  })
}

/** Whether a place takes one word or more. */
export function takesMany(place: Place | undefined): boolean {
  return typeof place === 'object' && (place.blank === 'ids' || place.blank === 'paths')
}

function fills(place: Place, word: string): boolean {
  if (typeof place === 'string') return word === place
  switch (place.blank) {
    case 'ids':
      return /^[0-9a-z]{12,64}$/.test(word)
    case 'program':
      return isReadProgram(word)
    case 'path':
    case 'paths':
      return readablePath(word) === word
    case 'pids':
      return word.length <= 4_000 && /^\d+(?:,\d+)*$/.test(word)
    case 'seconds':
      return word.startsWith(place.after) && /^\d{1,12}$/.test(word.slice(place.after.length))
  }
}

/** A command of a pattern, its blanks filled in their order. */
function command(pattern: Pattern, limits: Limits = {}, ...blanks: readonly string[]): ReadCommand {
  let filled = 0
  const argv: readonly string[] = pattern.flatMap(place => {
    if (typeof place === 'string') return place
    const rest = blanks.slice(filled)
    filled += takesMany(place) ? rest.length : 1
    return takesMany(place) ? rest : `${place.blank === 'seconds' ? place.after : ''}${rest[0] ?? ''}`
  })
  for (const word of argv) {
    // A newline would end the word in the reader's protocol; nothing that we ask for has one.
    if (/[\0\r\n]/.test(word)) throw new RangeError('a word of a read command holds a line break or NUL')
  }
  if (!fits(pattern, argv)) {
    const wrong = argv.find((word, index) => !fills(pattern[Math.min(index, pattern.length - 1)] ?? '', word))
    throw new RangeError(
      `\`${argv.slice(0, 3).join(' ')}\` takes no ${wrong === undefined ? 'empty list' : JSON.stringify(wrong)}`
    )
  }
  if (argv.length > mostAsked.words)
    throw new RangeError(
      `\`${argv.slice(0, 3).join(' ')}\` takes ${mostAsked.words} words at most, and these are ${argv.length}`
    )
  return { ...defaults, ...limits, argv } as ReadCommand
}

/** A command of a pattern that asks for nothing that is there: to see whether a host lets it through. */
export function sampleOf(pattern: Pattern): ReadCommand {
  const nothing = {
    ids: '0'.repeat(12),
    program: '/nix/store/adversary-lockdown',
    path: '/nix/store/adversary-lockdown',
    paths: '/nix/store/adversary-lockdown',
    // One more than Linux ever gives.
    pids: '4194305',
    seconds: '999999999999'
  }
  const blanks = pattern.flatMap(place => (typeof place === 'string' ? [] : [nothing[place.blank]]))
  return command(pattern, {}, ...blanks)
}

/** The command as a person would type it into a POSIX shell. */
export function typed(command: Pick<ReadCommand, 'argv'>): string {
  return command.argv
    .map(word => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
    .join(' ')
}

const json = ['--format', '{{json .}}'] as const
const messages = ['--output=json', '--output-fields=MESSAGE,CONTAINER_NAME', '--all', '--no-pager'] as const
const large = { capBytes: mostAsked.capBytes, deadlineMs: mostAsked.seconds * 1000 } as const
const text = { capBytes: 128 * 1024, deadlineMs: 5_000 } as const

const ids = { blank: 'ids' } as const
const path = { blank: 'path' } as const
const program = { blank: 'program' } as const
const paths = { blank: 'paths' } as const
const pids = { blank: 'pids' } as const
const since = { blank: 'seconds', after: '--since=@' } as const

/** Where a host of containers fills up: the root, the journal, the store, images and volumes. */
export const disks = ['/', '/var', '/nix/store', '/var/lib/containerd', '/var/lib/docker'] as const

/**
 * Everything that may be asked of a host. Names come from a plan, ids and paths from the host's earlier
 * answers: they are always words after `--`, or words that a leading `-` cannot turn into an option.
 */
export const readPattern = {
  dockerNetworkList: () => ['docker', 'network', 'ls', '--no-trunc', ...json],
  dockerNetworks: () => ['docker', 'network', 'inspect', '--', ids],
  /** The same question in other words: whoever asks it wants a second look, and not the first one's answer. */
  dockerNetworksAgain: () => ['docker', 'network', 'inspect', ...json, '--', ids],
  dockerContainers: () => ['docker', 'ps', '--all', '--no-trunc', ...json],
  dockerServiceList: () => ['docker', 'service', 'ls', ...json],
  dockerServices: () => ['docker', 'service', 'inspect', '--', ids],
  dockerServiceTasks: () => ['docker', 'service', 'ps', '--no-trunc', ...json, '--', ids],
  dockerTasks: () => ['docker', 'inspect', '--type', 'task', '--', ids],
  dockerNodes: () => ['docker', 'node', 'ls', ...json],
  dockerNodeDetails: () => ['docker', 'node', 'inspect', '--', ids],
  dockerInfo: () => ['docker', 'info', ...json],
  engineStart: () => [
    'systemctl',
    'show',
    '-p',
    'LoadState,InactiveExitTimestamp',
    '--timestamp=us+utc',
    'docker.service'
  ],
  hostTime: () => ['date', '+%s%N'],
  diskBytes: () => ['df', '-P', '-k', '--', ...disks],
  diskInodes: () => ['df', '-P', '-i', '--', ...disks],
  folderBytes: () => ['df', '-P', '-k', '--', path],
  folderInodes: () => ['df', '-P', '-i', '--', path],
  listeners: () => ['ss', '-Hltnu'],
  /** The same, each with the control group that it belongs to. */
  listenerOwners: () => ['ss', '-Hltnu', '--cgroup'],
  mounts: () => ['cat', '/proc/self/mounts'],
  sshConnection: () => ['printenv', 'SSH_CONNECTION'],
  ipAddresses: () => ['ip', '-j', 'addr', 'show'],
  ipRoutes: (family: 4 | 6) => ['ip', '-j', `-${family}`, 'route', 'show', 'table', 'all'],
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
  unitTexts: (units: readonly string[]) => ['systemctl', 'cat', '--', ...units],
  scriptText: () => ['sed', '-n', '-e', '1{/^#!/!q;}', '-e', 'p', '--', program],
  fileText: () => ['head', '-c', '131073', '--', program],
  changeTimes: () => ['stat', '-L', '-c', '%Y %n', '--', paths],
  linkTimes: () => ['stat', '-c', '%Y %n', '--', paths],
  processes: () => ['ps', '-ww', '-o', 'pid=,args=', '-p', pids],
  nixosVersion: () => ['nixos-version', '--json'],
  nixosSwitch: () => ['stat', '-c', '%Y', '--', '/run/current-system'],
  nixosKernels: () => ['readlink', '-f', '--', '/run/booted-system/kernel', '/run/current-system/kernel'],
  journalFiles: () => ['journalctl', '--header', '--no-pager'],
  journal: (unit: string) => ['journalctl', `--unit=${unit}`, since, ...messages],
  journalSample: (unit: string) => ['journalctl', `--unit=${unit}`, '--lines=1', ...messages],
  journalOwn: (unit: string) => ['journalctl', `_SYSTEMD_UNIT=${unit}`, '--lines=1', ...messages],
  journalDrops: () => ['journalctl', since, ...messages, 'MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e']
} as const satisfies Record<string, (...words: never[]) => Pattern>

/** The same, filled in and with what counts as an answer. */
export const readCommand = {
  dockerNetworkList: () => command(readPattern.dockerNetworkList(), { leads: 1 }),
  dockerNetworks: (found: readonly string[]) => command(readPattern.dockerNetworks(), large, ...found),
  /** Exit 1 is an answer: a network may be gone since the first look, and the others are printed all the same. */
  dockerNetworksAgain: (found: readonly string[]) =>
    command(readPattern.dockerNetworksAgain(), { ...large, answers: [0, 1] }, ...found),
  /** Every container that the engine knows, whatever became of it. */
  dockerContainers: () => command(readPattern.dockerContainers(), large),
  dockerServiceList: () => command(readPattern.dockerServiceList(), { leads: 2 }),
  dockerServices: (found: readonly string[]) => command(readPattern.dockerServices(), large, ...found),
  dockerServiceTasks: (found: readonly string[]) =>
    command(readPattern.dockerServiceTasks(), { ...large, leads: 1 }, ...found),
  /** Exit 1 is an answer too: a task may be gone since it was listed, and the others are printed all the same. */
  dockerTasks: (found: readonly string[]) =>
    command(readPattern.dockerTasks(), { ...large, answers: [0, 1] }, ...found),
  dockerNodes: () => command(readPattern.dockerNodes()),
  dockerNodeDetails: (found: readonly string[]) => command(readPattern.dockerNodeDetails(), large, ...found),
  dockerInfo: () => command(readPattern.dockerInfo()),
  engineStart: () => command(readPattern.engineStart()),
  /** What time it is there, in nanoseconds since 1970; busybox prints whole seconds and a literal `%N`. */
  hostTime: () => command(readPattern.hostTime()),
  /** Of `disks`. Exit 1 is an answer: one of them is not there, and the others are told all the same. */
  diskBytes: () => command(readPattern.diskBytes(), { answers: [0, 1] }),
  diskInodes: () => command(readPattern.diskInodes(), { answers: [0, 1] }),
  folderBytes: (folder: string) => command(readPattern.folderBytes(), {}, folder),
  folderInodes: (folder: string) => command(readPattern.folderInodes(), {}, folder),
  /** Every socket that takes what comes in: TCP that listens, UDP that is not connected. Numbers, no names. */
  listeners: () => command(readPattern.listeners()),
  listenerOwners: () => command(readPattern.listenerOwners()),
  /** Every mount of the login's namespace: device, folder, kind, options. */
  mounts: () => command(readPattern.mounts()),
  /** Addresses and ports of this very login, as sshd sees them. Exit 1 is an answer: it came by no sshd. */
  sshConnection: () => command(readPattern.sshConnection(), { answers: [0, 1] }),
  ipAddresses: () => command(readPattern.ipAddresses()),
  ipRoutes: (family: 4 | 6) => command(readPattern.ipRoutes(family)),
  /** Unknown units answer 0 too, with LoadState=not-found. A systemd without `us+utc` answers 1. */
  unitStates: (units: readonly string[], properties: readonly string[]) =>
    command(readPattern.unitStates(units, properties), { ...large, leads: units.includes('*') ? 3 : 1 }),
  /** Unit files and their drop-ins. Exit 1 is an answer: a unit of the pattern has no file. */
  unitTexts: (units: readonly string[]) =>
    command(readPattern.unitTexts(units), {
      ...large,
      answers: [0, 1],
      leads: units.includes('*.service') ? 3 : 1
    }),
  /** When files last changed, in seconds since 1970, and their names. Exit 1 is an answer: one is not there. */
  changeTimes: (files: readonly string[]) =>
    command(readPattern.changeTimes(), { answers: [0, 1] }, ...files),
  /** The same of links themselves: since when they lead where they do. */
  linkTimes: (files: readonly string[]) => command(readPattern.linkTimes(), { answers: [0, 1] }, ...files),
  /** Number and command line of these processes. Exit 1 is an answer: none of them is there any more. */
  processes: (found: readonly number[]) =>
    command(readPattern.processes(), { answers: [0, 1] }, found.join(',')),
  /** Exit 127 is an answer: no NixOS. */
  nixosVersion: () => command(readPattern.nixosVersion(), { answers: [0, 127] }),
  /** When the system that is active now was activated, in seconds since 1970. Exit 1 is an answer: no NixOS. */
  nixosSwitch: () => command(readPattern.nixosSwitch(), { answers: [0, 1] }),
  /** Which kernel was booted, and which one the system that is active now has. Exit 1 is an answer: no NixOS. */
  nixosKernels: () => command(readPattern.nixosKernels(), { answers: [0, 1] }),
  /** A file if its first line says that it is a script; nothing of a binary. */
  scriptText: (file: string) => command(readPattern.scriptText(), { ...text, leads: 1 }, file),
  /** A file that something reads as a program. */
  fileText: (file: string) => command(readPattern.fileText(), text, file),
  /** The journal's files, and since when each holds messages. */
  journalFiles: () => command(readPattern.journalFiles()),
  /** Messages of a unit, and of systemd about it, from a second since 1970 on. `--all`: the long ones too. */
  journal: (unit: string, second: number) => command(readPattern.journal(unit), large, String(second)),
  /** One message of a unit, whichever: that there is one at all. */
  journalSample: (unit: string) => command(readPattern.journalSample(unit)),
  /** One message that the unit's own processes wrote; `--unit` also gives those of systemd about it. */
  journalOwn: (unit: string) => command(readPattern.journalOwn(unit)),
  /** What journald says of messages that it dropped because a unit wrote too many. */
  journalDrops: (second: number) => command(readPattern.journalDrops(), {}, String(second)),
  /** What no review asks: a host that `lockdown` guards refuses them, and another one is not harmed. */
  unlisted: () =>
    [
      ['true'],
      ['docker', 'version'],
      ['docker', 'network', 'ls'],
      ['head', '-c', '1', '--', '/etc/passwd']
    ].map(words => command(words))
} as const
