import { placeholder, type Pattern, readCommand } from '../../facts/read-command.ts'

const text = { capBytes: 128 * 1024, deadlineMs: 5_000 } as const

/** Where a host of containers fills up: the root, the journal, the store, images and volumes. */
export const disks = ['/', '/var', '/nix/store', '/var/lib/containerd', '/var/lib/docker'] as const

/**
 * What may be asked of Linux. Names come from a plan, ids and paths from the host's earlier answers: they are always
 * words after `--`, or words that a leading `-` cannot turn into an option.
 */
export const linuxPattern = {
  hostTime: () => ['date', '+%s%N'],
  diskBytes: () => ['df', '-P', '-k', '--', ...disks],
  diskInodes: () => ['df', '-P', '-i', '--', ...disks],
  folderBytes: () => ['df', '-P', '-k', '--', placeholder.path],
  folderInodes: () => ['df', '-P', '-i', '--', placeholder.path],
  listeners: () => ['ss', '-Hltnu'],
  /** The same, each with the control group that it belongs to. */
  listenerOwners: () => ['ss', '-Hltnu', '--cgroup'],
  mounts: () => ['cat', '/proc/self/mounts'],
  kernelSetting: (path: string) => ['cat', '--', `/proc/sys/${path}`],
  sshConnection: () => ['printenv', 'SSH_CONNECTION'],
  ipAddresses: () => ['ip', '-j', 'addr', 'show'],
  ipRoutes: (family: 4 | 6) => ['ip', '-j', `-${family}`, 'route', 'show', 'table', 'all'],
  scriptText: () => ['sed', '-n', '-e', '1{/^#!/!q;}', '-e', 'p', '--', placeholder.program],
  fileText: () => ['head', '-c', '131073', '--', placeholder.program],
  changeTimes: () => ['stat', '-L', '-c', '%Y %n', '--', placeholder.paths],
  linkTimes: () => ['stat', '-c', '%Y %n', '--', placeholder.paths],
  processes: () => ['ps', '-ww', '-o', 'pid=,args=', '-p', placeholder.pids]
} as const satisfies Record<string, (...words: never[]) => Pattern>

/** The same, filled in and with what counts as an answer. */
export const linuxRead = {
  /** What time it is there, in nanoseconds since 1970; busybox prints whole seconds and a literal `%N`. */
  hostTime: () => readCommand(linuxPattern.hostTime()),
  /** Of `disks`. Exit 1 is an answer: one of them is not there, and the others are told all the same. */
  diskBytes: () => readCommand(linuxPattern.diskBytes(), { answers: [0, 1] }),
  diskInodes: () => readCommand(linuxPattern.diskInodes(), { answers: [0, 1] }),
  folderBytes: (folder: string) => readCommand(linuxPattern.folderBytes(), {}, folder),
  folderInodes: (folder: string) => readCommand(linuxPattern.folderInodes(), {}, folder),
  /** Every socket that takes what comes in: TCP that listens, UDP that is not connected. Numbers, no names. */
  listeners: () => readCommand(linuxPattern.listeners()),
  listenerOwners: () => readCommand(linuxPattern.listenerOwners()),
  /** One value of /proc/sys. Not `sysctl`, which lies where a login without root does not look. */
  kernelSetting: (path: string) => readCommand(linuxPattern.kernelSetting(path)),
  /** Every mount of the login's namespace: device, folder, kind, options. */
  mounts: () => readCommand(linuxPattern.mounts()),
  /** Addresses and ports of this very login, as sshd sees them. Exit 1 is an answer: it came by no sshd. */
  sshConnection: () => readCommand(linuxPattern.sshConnection(), { answers: [0, 1] }),
  ipAddresses: () => readCommand(linuxPattern.ipAddresses()),
  ipRoutes: (family: 4 | 6) => readCommand(linuxPattern.ipRoutes(family)),
  /** When files last changed, in seconds since 1970, and their names. Exit 1 is an answer: one is not there. */
  changeTimes: (files: readonly string[]) =>
    readCommand(linuxPattern.changeTimes(), { answers: [0, 1] }, ...files),
  /** The same of links themselves: since when they lead where they do. */
  linkTimes: (files: readonly string[]) =>
    readCommand(linuxPattern.linkTimes(), { answers: [0, 1] }, ...files),
  /** Number and command line of these processes. Exit 1 is an answer: none of them is there any more. */
  processes: (found: readonly number[]) =>
    readCommand(linuxPattern.processes(), { answers: [0, 1] }, found.join(',')),
  /** A file if its first line says that it is a script; nothing of a binary. */
  scriptText: (file: string) => readCommand(linuxPattern.scriptText(), { ...text, priority: 1 }, file),
  /** A file that something reads as a program. */
  fileText: (file: string) => readCommand(linuxPattern.fileText(), text, file)
} as const
