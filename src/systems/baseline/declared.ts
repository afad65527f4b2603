import { dockerWords, networksCreated } from '../programs/docker-commands.ts'
import { isWrittenImage } from '../docker/image-name.ts'
import { hostEffort, unitEffort } from '../../lib/effort.ts'
import { kindOf, type TextKind } from '../programs/program-text.ts'
import { type RunCommand, shellRuns, unknowable } from '../programs/shell-runs.ts'
import { startCommands } from '../languages/unit-file.ts'
import type { BroughtLine } from '../repo/commits.ts'

/** A network, a service or a unit that is there now, and differs from what was there. */
export interface Changed {
  readonly kind: 'network' | 'service' | 'unit'
  readonly name: string
  /** Subnets, the image, or what starts it; null where there was none. */
  readonly was: readonly string[] | null
  readonly is: readonly string[]
}

/** A line, and the commands in it where it is one of a shell program, or of one that Nix holds. */
interface FollowedLine extends BroughtLine {
  readonly runs: readonly RunCommand[]
}

/** Lines that were followed once, for all changes that they may declare. */
export interface FollowedLines {
  readonly lines: readonly FollowedLine[]
  /** False: there was more than is followed, so that what the rest declares or takes away is not known. */
  readonly whole: boolean
}

/** Follows lines that builders wrote, all of them within the steps of one host. Pure. */
export function followed(lines: readonly BroughtLine[]): FollowedLines {
  const effort = hostEffort()
  let whole = true
  const runsOf = ({ path, text }: BroughtLine): readonly RunCommand[] => {
    const kind = kindOfLine(path)
    if ((kind !== 'shell' && kind !== 'nix') || !text.includes('docker')) return []
    const { commands, cut } = shellRuns(text, { effort: unitEffort(effort) })
    whole &&= !cut
    return commands
  }
  return { lines: lines.map(line => ({ ...line, runs: runsOf(line) })), whole }
}

/**
 * The lines that declare a change: each names the thing together with what it is now, as something that is done
 * or set. Empty where that is not clear, and where two lines declare different things. Pure.
 */
export function declaring(change: Changed, { lines }: FollowedLines): readonly FollowedLine[] {
  switch (change.kind) {
    case 'network':
      return kept(
        lines,
        change.name,
        agreeing(lines, line => subnetsIn(line, change.name), equalTo(change.is))
      )
    case 'service':
      return agreeing(
        lines,
        line => imagesIn(line, change.name),
        ([written, ...more]) => {
          const [live, ...others] = change.is
          return (
            written !== undefined &&
            live !== undefined &&
            more.length + others.length === 0 &&
            isWrittenImage(live, written)
          )
        }
      )
    case 'unit':
      return startsDeclared(change, lines)
  }
}

/** @param said what a line says that the thing is; null where it says nothing of it. */
function agreeing(
  lines: readonly FollowedLine[],
  valuesIn: (line: FollowedLine) => readonly (readonly string[])[],
  isIt: (values: readonly string[]) => boolean
): readonly FollowedLine[] {
  const naming = lines.flatMap(line => valuesIn(line).map(values => ({ line, values })))
  return naming.every(({ values }) => isIt(values)) ? [...new Set(naming.map(({ line }) => line))] : []
}

/** What a later line of the same file takes away again is not declared to stay. */
function kept(
  lines: readonly FollowedLine[],
  name: string,
  declared: readonly FollowedLine[]
): readonly FollowedLine[] {
  const removing = lines.filter(line => line.runs.some(command => removes(command, name)))
  const isKept = removing.every(
    rm =>
      !declared.some(({ path }) => path === rm.path) ||
      declared.some(made => made.path === rm.path && made.line > rm.line)
  )
  return isKept ? declared : []
}

function removes(command: RunCommand, name: string): boolean {
  const words = dockerWords({ command }) ?? []
  return (
    words[0]?.[0] === 'network' &&
    /^(?:rm|remove)$/.test(words[1]?.[0] ?? '') &&
    words
      .slice(2)
      .flat()
      .some(word => word === name || word.includes(unknowable))
  )
}

function equalTo(is: readonly string[]) {
  const wanted = [...is].sort().join(' ')
  return (values: readonly string[]) => wanted !== '' && [...values].sort().join(' ') === wanted
}

function subnetsIn(line: FollowedLine, name: string): readonly (readonly string[])[] {
  const created = line.runs
    .flatMap(command => networksCreated({ command }))
    .flatMap(made => (made.name === name ? [made.subnets ?? []] : []))
  return [...created, ...settingsIn(line, name, 'subnet')]
}

function imagesIn(line: FollowedLine, name: string): readonly (readonly string[])[] {
  const updated = line.runs.flatMap(command => {
    const words = (dockerWords({ command }) ?? []).map(values =>
      values.length === 1 ? (values[0] ?? '') : unknowable
    )
    if (words[0] !== 'service' || words[1] !== 'update' || words.at(-1) !== name) return []
    const images = words.flatMap((word, at) =>
      word === '--image' ? (words[at + 1] ?? unknowable) : word.startsWith('--image=') ? word.slice(8) : []
    )
    return images.length === 0 ? [] : [images]
  })
  return [...updated, ...settingsIn(line, name, 'image')]
}

/** A line of a program without an ending has no first line to tell by: it counts as the shell's. */
function kindOfLine(path: string): TextKind {
  const kind = kindOf(path, '')
  return kind === 'plain' && !/\.[^./]+$/.test(path) ? 'shell' : kind
}

const setting = {
  hash: /^(?:- )?["']?([^\s"':=]+)["']?\s*[:=]\s*["']?([^\s"',;]+)["']?\s*,?$/,
  nix: /^(?:- )?["']?([^\s"':=]+)["']?\s*[:=]\s*["']?([^\s"',;]+)["']?\s*;?$/
} as const

/** `name: value` and `name = "value";`, or `{ name: …, subnet: … }` on one line, where such lines set things. */
function settingsIn(
  { path, text }: FollowedLine,
  name: string,
  what: 'subnet' | 'image'
): readonly (readonly string[])[] {
  const kind = kindOfLine(path)
  if ((kind !== 'hash' && kind !== 'nix') || text.length > 1_000) return []
  const [, key, value] = setting[kind].exec(text) ?? []
  const isKey = key === name || `.${key}`.endsWith(`.${name}.${what}`)
  if (isKey && value !== undefined && (kind !== 'nix' || text.endsWith('";'))) return [[value]]
  const inside = /^[^{}]*\{([^{}]*)\}[^{}]*$/.exec(text)?.[1]
  if (inside === undefined) return []
  const pairs = inside.split(/[,;]/).flatMap(part => {
    const [, key = '', value = ''] =
      /^\s*["']?([\w-]+)["']?\s*[:=]\s*["']?([^\s"']+)["']?\s*$/.exec(part) ?? []
    return key === '' ? [] : [[key, value] as const]
  })
  const valuesOf = (wanted: string) => pairs.flatMap(([key, value]) => (key === wanted ? [value] : []))
  return valuesOf('name').join() === name && valuesOf(what).length > 0 ? [valuesOf(what)] : []
}

/** What starts a unit is declared where each new command is, and as many as are gone. */
function startsDeclared({ name, was, is }: Changed, lines: readonly FollowedLine[]): readonly FollowedLine[] {
  const brought = is.filter(start => was?.includes(start) !== true)
  const gone = (was ?? []).filter(start => !is.includes(start))
  const replaced = gone.every(start => count(gone, keyOf(start)) <= count(brought, keyOf(start)))
  if (brought.length === 0 || !replaced) return []
  const found = brought.map(start => lines.find(line => startsIn(line, name, was === null, start)))
  return found.every(line => line !== undefined) ? [...new Set(found)] : []
}

const keyOf = (start: string) => start.split('=', 1)[0] ?? ''
const count = (starts: readonly string[], key: string) => starts.filter(start => keyOf(start) === key).length

/**
 * A line of the unit's own file, or of a drop-in of it, that is this start; or the setting of NixOS of which
 * this start's program is made.
 */
function startsIn({ path, text }: FollowedLine, name: string, isNew: boolean, start: string): boolean {
  const [file = '', folder = ''] = path.split('/').toReversed()
  if (file === name || (folder === `${name}.d` && file.endsWith('.conf'))) {
    const commands = startCommands([{ path: `/${path}`, text: `[Service]\n${text}\n` }], name)
    return commands.some(({ key, argv }) => `${key}=${argv.join(' ')}` === start)
  }
  if (kindOf(path, '') !== 'nix') return false
  const stem = name.replace(/\.service$/, '')
  const [, of, part = ''] =
    /^Exec\w+=\/nix\/store\/[0-9a-z]+-unit-script-([^/]+)-(start|pre-start|post-start)\/bin\/\S+$/.exec(
      start
    ) ?? []
  if (of !== stem) return false
  const [, set, attribute = ''] =
    /(?:^|\s)systemd\.services\.("[^"]+"|[\w-]+)(?:\.(\w+))?\s*=(?!=)/.exec(text) ?? []
  return set?.replaceAll('"', '') === stem && (isNew || attribute === madeOf[part])
}

const madeOf: Readonly<Record<string, string>> = {
  start: 'script',
  'pre-start': 'preStart',
  'post-start': 'postStart'
}
