import { readablePath } from '../../lib/secrets/readable-path.ts'
import { type Effort, unitEffort } from '../../lib/effort.ts'
import { kindOf, type TextKind } from './program-text.ts'
import { pythonRuns } from './python-runs.ts'
import {
  argvRuns,
  baseName,
  type Loop,
  type RunCommand,
  shellRuns,
  unknowable,
  type Values
} from './shell-runs.ts'
import type { ExecCommand } from '../languages/unit-file.ts'

/** A command of a unit's start, with the file that it is written in. */
export interface Run {
  readonly file: string
  readonly command: RunCommand
  /** Which of the unit's start commands it belongs to. */
  readonly exec: ExecCommand
  /** How many files away from the unit file. */
  readonly hop: number
}

/** A file that a start runs. `null` is a file that could not be read, or has not been yet. */
export type Texts = ReadonlyMap<string, string | null>

export interface ProgramRuns {
  /** In the order in which they run. */
  readonly runs: readonly Run[]
  /** Files that are run and are not among the texts, and how each is to be read. */
  readonly missing: readonly FileRef[]
  /** Every file that was looked into, in order, and what it is written in. */
  readonly read: ReadonlyMap<string, TextKind>
  /** Files that could not be read: `null` among the texts. */
  readonly unread: readonly string[]
  /** Files that could not be followed to their end. */
  readonly broken: readonly string[]
}

export interface FileRef {
  readonly path: string
  /** Executed: a program that may be a binary. Otherwise something reads it as text. */
  readonly executed: boolean
  /** It says what is deployed, and runs nothing itself. */
  readonly stack: boolean
  readonly hop: number
}

const maxRuns = 6_000

/** What a unit's start commands run, as far as the texts go. Pure; any text has an answer. */
export function programRuns(
  commands: readonly ExecCommand[],
  texts: Texts,
  options: {
    readonly hops: number
    readonly environment?: ReadonlyMap<string, string>
    /** Files that are given to `docker stack deploy` count as well. */
    readonly stacks?: boolean
    /** What is followed for the whole host. */
    readonly effort?: Effort
  }
): ProgramRuns {
  const runs: Run[] = []
  const missing = new Map<string, FileRef>()
  const read = new Map<string, TextKind>()
  const unread = new Set<string>()
  const broken = new Set<string>()
  const variables = options.environment ?? new Map<string, string>()
  const effort = unitEffort(options.effort)

  for (const exec of commands) {
    const argv = exec.argv.map(word => [word])
    const { commands: found, cut } = argvRuns(argv, exec.line, {
      variables,
      source: sourceIn('/'),
      effort
    })
    if (cut) broken.add(exec.path)
    add(found, { file: exec.path, exec, hop: 0, around: outermost, seen: [] })
  }
  return { runs, missing: [...missing.values()], read, unread: [...unread], broken: [...broken] }

  function add(found: readonly RunCommand[], at: Place) {
    for (const command of found) {
      if (runs.length >= maxRuns) {
        broken.add(at.file)
        return
      }
      const placed = inside(command, at.around)
      const file = command.sourced ?? at.file
      runs.push({ file, command: placed, exec: at.exec, hop: at.hop })
      for (const call of callsOf(command, folderOf(file))) follow(call, placed, at)
    }
  }

  function sourceIn(folder: string) {
    return (word: string) => texts.get(absolute(word, folder) ?? '') ?? undefined
  }

  function follow(call: Call, command: RunCommand, at: Place) {
    if (at.hop >= options.hops || at.seen.includes(call.path)) return
    if (call.as === 'stack' && options.stacks !== true) return
    const hop = at.hop + 1
    const text = texts.get(call.path)
    if (text === undefined) {
      if (!missing.has(call.path))
        missing.set(call.path, {
          path: call.path,
          executed: call.as === 'program',
          stack: call.as === 'stack',
          hop
        })
      return
    }
    if (text === null) {
      if (call.as !== 'stack') unread.add(call.path)
      return
    }
    if (call.as === 'sourced' || call.as === 'stack') {
      // What a sourced file does stands in the script's own commands; a stack file does nothing itself.
      read.set(call.path, call.as === 'stack' ? 'hash' : 'shell')
      return
    }
    const next: Place = {
      file: call.path,
      exec: at.exec,
      hop,
      around: command,
      seen: [...at.seen, call.path]
    }
    const kind = call.as === 'program' ? kindOf(call.path, text) : call.as
    read.set(call.path, kind)
    if (kind === 'shell') {
      const source = sourceIn(folderOf(call.path))
      const made = shellRuns(text, { args: call.args, variables, path: call.path, source, effort })
      if (made.broken) broken.add(call.path)
      add(made.commands, next)
    } else if (kind === 'python') {
      const made = pythonRuns(text, { args: call.args, variables, path: call.path, modules: texts, effort })
      if (made.broken) broken.add(call.path)
      for (const module of made.missing) {
        if (hop < options.hops && !missing.has(module))
          missing.set(module, { path: module, executed: false, stack: false, hop: hop + 1 })
      }
      for (const module of made.modules) read.set(module, 'python')
      add(made.commands, next)
    }
  }
}

interface Place {
  readonly file: string
  readonly exec: ExecCommand
  readonly hop: number
  readonly around: Pick<RunCommand, 'loops' | 'background' | 'excused' | 'branch' | 'looked' | 'timeout'>
  readonly seen: readonly string[]
}

const outermost: Place['around'] = {
  loops: [],
  background: false,
  excused: false,
  branch: false,
  looked: false,
  timeout: null
}

/** A called program stands in the loops of its caller. */
function inside(command: RunCommand, around: Place['around']): RunCommand {
  const loops: readonly Loop[] = [...around.loops, ...command.loops]
  const timeouts = [around.timeout, command.timeout].filter(timeout => timeout !== null)
  return {
    ...command,
    loops,
    background: around.background || command.background,
    excused: around.excused || command.excused,
    branch: around.branch || command.branch,
    timeout: timeouts.length === 0 ? null : Math.min(...timeouts)
  }
}

interface Call {
  readonly path: string
  readonly as: 'program' | 'shell' | 'python' | 'sourced' | 'stack'
  readonly args: readonly Values[]
}

/** The files that a command runs: itself, what it sources, what it gives to an interpreter. */
function callsOf({ words }: RunCommand, folder: string): readonly Call[] {
  const name = baseName(words[0]?.[0] ?? '')
  const script = () => {
    // Options of an interpreter: none of those that scripts use takes its value as a word, but for -m, -c, -o.
    const at = words.findIndex(([word = ''], index) => index > 0 && !word.startsWith('-'))
    const before = words[at - 1]?.[0] ?? ''
    return at < 0 || /^-[a-z]*[mco]$/.test(before) ? undefined : at
  }
  const from = (at: number | undefined, as: Call['as']): readonly Call[] => {
    if (at === undefined) return []
    return (words[at] ?? []).flatMap(word => {
      const path = absolute(word, folder)
      return path === null || (as === 'program' && isSystemProgram(path))
        ? []
        : [{ path, as, args: words.slice(at + 1) }]
    })
  }
  if (name === 'docker') return stackFiles(words).flatMap(at => from(at, 'stack'))
  if (name === '.' || name === 'source') return from(1, 'sourced')
  if (/^(?:ba|da|a|k|z)?sh$/.test(name)) return from(script(), 'shell')
  if (/^python[\d.]*$/.test(name)) return from(script(), 'python')
  return (words[0]?.[0] ?? '').includes('/') ? from(0, 'program') : []
}

/** Which words of a command are files that `docker stack deploy` reads. */
function stackFiles(words: readonly Values[]): readonly number[] {
  if (words[1]?.[0] !== 'stack') return []
  return words.flatMap((_, at) => (/^(?:-c|--compose-file)$/.test(words[at - 1]?.[0] ?? '') ? [at] : []))
}

/** The stack that a command deploys, and the files that say what is in it. */
export function stackOf({
  file,
  command: { words }
}: Run): { readonly name: string; readonly files: readonly string[] } | null {
  if (baseName(words[0]?.[0] ?? '') !== 'docker' || words[1]?.[0] !== 'stack') return null
  const files = stackFiles(words).flatMap(at => absolute(words[at]?.[0] ?? '', folderOf(file)) ?? [])
  return { name: words.at(-1)?.[0] ?? '', files }
}

/** Programs of the distribution, known by their names: what `curl` or `dockerd` does is not looked up in it. */
export function isSystemProgram(path: string): boolean {
  return wellKnown.has(baseName(path)) || systemFolders.test(path)
}

const systemFolders =
  /^(?:\/usr(?:\/local)?\/lib\/systemd|(?:\/usr)?\/(?:bin|sbin|lib|lib64|libexec)|\/run\/(?:current-system|wrappers|systemd\/generator[.a-z]*)|\/nix\/store\/[^/]+-(?:systemd|coreutils|util-linux|shadow|dbus|kmod)-[^/]+)\//

// Tools that a script may name by a path of their own, as on NixOS.
const wellKnown = new Set(
  (
    'awk base64 basename cat chmod chown containerd cp curl cut date dirname docker dockerd echo env false find ' +
    'git grep head host hostname id install ip iptables jq ln ls mkdir mktemp mount mountpoint mv nc ncat netcat nft nginx ' +
    'nix nixos-rebuild node openssl perl pgrep ping printf ps readlink rm rsync sed seq sleep sort ssh sshd ' +
    'systemctl systemd-notify tar tee test timeout touch tr true umount wget xargs yq'
  ).split(' ')
)

function absolute(word: string, folder: string): string | null {
  if (word === '' || word.includes(unknowable) || !word.includes('/')) return null
  return readablePath(word.startsWith('/') ? word : `${folder}/${word}`)
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'))
}
