import {
  type Command,
  type List,
  lineAt,
  parseShell,
  plain,
  type Simple,
  startsOfLines,
  type Word
} from '../../systems/languages/shell-syntax.ts'
import { isSilent } from '../../systems/languages/shell.ts'
import { baseName } from '../../systems/programs/shell-runs.ts'
import { kindOf } from '../../systems/programs/program-text.ts'
import type { ExecutedLine } from '../../systems/systemd/executed-lines.ts'
import type { Executed } from '../answer.ts'
import type { UnitAnswer } from './unit-answer.ts'
import { commandText, placeText } from './boot-timeline.ts'
import { saysTheSame } from './command-words.ts'

/** What a rehearsed start executed, for texts that a plan expects in it. Pure. */

/** `undone`: it was executed, and a later command of the same start took back what it made. */
export type Standing =
  | {
      readonly kind: 'executed'
      readonly where: string
      readonly text: string
      readonly code: number | null
    }
  | { readonly kind: 'undone'; readonly where: string; readonly by: string }
  | { readonly kind: 'not seen' }

/** A command that was executed in which the text is, its variables filled in. */
export function inExecuted({ executed }: UnitAnswer, test: (text: string) => boolean): Standing {
  const found = executed.filter(one => isDoing(one) && test(textOf(one)))
  return standingOf(found, executed)
}

/** It does more than to print. */
function isDoing({ kind, argv }: Executed): boolean {
  return kind === 'program' && !isSilent(baseName(argv[0] ?? ''))
}

/** Its words. One with blanks in it may be a script for somebody else, of which nothing needs be executed. */
function textOf({ argv }: Executed): string {
  return argv.map(word => (/\s/.test(word) ? '\0' : word)).join(' ')
}

/** Whether a start executed a command, its options in any order. */
export function hasRun(
  { executed }: UnitAnswer,
  wanted: readonly string[]
): Standing | { readonly kind: 'unsure'; readonly where: string; readonly text: string } {
  const programs = executed.filter(({ kind }) => kind === 'program')
  const by = (sameness: string) => programs.filter(({ argv }) => saysTheSame(wanted, argv) === sameness)
  const same = standingOf(by('same'), executed)
  if (same.kind !== 'not seen') return same
  const [unsure] = by('unsure')
  return unsure === undefined
    ? same
    : { kind: 'unsure', where: whereOf(unsure), text: commandText(unsure.argv) }
}

/**
 * Whether the commands of a line were executed: all of them, so that none of those that the text is part of is dead
 * code behind `false &&`.
 */
export function wasExecuted(
  { executed, reached }: UnitAnswer,
  { file, line }: ExecutedLine,
  text: string
): Standing {
  const lines = new Set(reached.filter(({ path }) => path === file).flatMap(each => each.lines))
  if (kindOf(file, text) === 'python') {
    const written = text.split('\n').slice(0, line)
    const isWhole =
      lines.size > 0 ? lines.has(line) && !decides.test(written.at(-1) ?? '') : isFirstOf(written)
    return isWhole
      ? { kind: 'executed', where: `${file}:${line}`, text: '', code: null }
      : { kind: 'not seen' }
  }
  // What is sourced has no first line that names a shell; what is no script of one has no such commands reached.
  const commands = commandsIn(text).filter(command => command.first === line)
  const there = executed.filter(({ place }) => place?.path === file && place.line === line)
  const ran = commands.map(({ names, isAlone }) => {
    const found = there.filter(({ argv }) => names.includes(baseName(argv[0] ?? '')))
    return { found, isReached: found.length > 0 || (isAlone && lines.has(line)) }
  })
  if (ran.length === 0 || !ran.every(({ isReached }) => isReached)) return { kind: 'not seen' }
  const undone = ran.flatMap(({ found }) => found).map(one => undoneBy(one, executed))
  const [by] = undone.filter(each => each !== undefined)
  const where = `${file}:${line}`
  return by === undefined
    ? { kind: 'executed', where, text: '', code: null }
    : { kind: 'undone', where, by: `${whereOf(by)}: ${commandText(by.argv)}` }
}

/** What makes a line of Python do something now and then, or later. */
const decides = /\b(?:if|else|and|or|lambda|def|class|for|while|try|with)\b/

/**
 * Whether the last of these lines of a Python program is a call that is certainly made: it stands by itself at the outermost
 * level, and nothing before it could have ended the program or gone round for ever.
 */
function isFirstOf(lines: readonly string[]): boolean {
  const ends = /\b(?:exit|_exit|quit|raise|exec[lv]p?e?|abort|while|assert|SystemExit)\b/
  const last = lines.at(-1) ?? ''
  return /^[\w.]+\(/.test(last) && !lines.some(line => ends.test(line)) && !decides.test(last)
}

function standingOf(found: readonly Executed[], all: readonly Executed[]): Standing {
  const [first] = found
  if (first === undefined) return { kind: 'not seen' }
  const kept = found.filter(one => undoneBy(one, all) === undefined)
  const lasting = kept.find(({ code }) => code === 0 || code === null) ?? kept[0]
  if (lasting !== undefined)
    return {
      kind: 'executed',
      where: whereOf(lasting),
      text: commandText(lasting.argv),
      code: lasting.code
    }
  const by = undoneBy(first, all)
  return {
    kind: 'undone',
    where: whereOf(first),
    by: by === undefined ? '' : `${whereOf(by)}: ${commandText(by.argv)}`
  }
}

function whereOf({ place, unit }: Executed): string {
  return place === null ? unit : placeText(place)
}

/** What makes something of Docker, and what takes it away again; the name stands last, or behind `--name`. */
const making =
  /^(?:network create|volume create|service create|secret create|config create|stack (?:deploy|up)|run|create|container (?:run|create))$/
const removing = /^(?:network|volume|service|secret|config|stack|container)? ?(?:rm|remove|down)$/

function undoneBy(one: Executed, all: readonly Executed[]): Executed | undefined {
  const made = dockerObject(one.argv)
  if (made === null || !making.test(made.verb)) return undefined
  const isOf = (kind: string) =>
    /^(?:run|create|rm|remove|down)$/.test(kind) ? 'container' : (kind.split(' ')[0] ?? '')
  return all.slice(all.indexOf(one) + 1).find(other => {
    const taken = dockerObject(other.argv)
    return (
      other.code !== null &&
      taken !== null &&
      removing.test(taken.verb) &&
      isOf(taken.verb) === isOf(made.verb) &&
      taken.names.some(name => made.names.includes(name))
    )
  })
}

function dockerObject(
  argv: readonly string[]
): { readonly verb: string; readonly names: readonly string[] } | null {
  if (!/^(?:docker|podman)$/.test(baseName(argv[0] ?? ''))) return null
  const words = argv.slice(1).filter(word => !word.startsWith('-'))
  const [object = '', verb = '', ...names] = words
  const isManaged = /^(?:network|volume|service|secret|config|stack|container)$/.test(object)
  const named = argv.flatMap((word, at) => {
    const [, value] = /^--name=(.+)$/.exec(word) ?? []
    return value ?? (argv[at - 1] === '--name' ? [word] : [])
  })
  return isManaged
    ? { verb: `${object} ${verb}`, names: [...names, ...named] }
    : { verb: object, names: [verb, ...names, ...named] }
}

interface PlacedCommand {
  /** The line that it begins on. */
  readonly first: number
  /** Plain words that may name what is executed: itself, or what it wraps. */
  readonly names: readonly string[]
  /** Nothing else begins on its line: that the line was reached says that it was executed. */
  readonly isAlone: boolean
}

/** The simple commands of a script, those of functions and substitutions too. */
function commandsIn(text: string): readonly PlacedCommand[] {
  const { body, broken } = parseShell(text)
  if (broken) return []
  const starts = startsOfLines(text)
  const found: { readonly command: Simple; readonly around: ReadonlySet<number> }[] = []
  const word = ({ parts }: Word, around: ReadonlySet<number>) => {
    for (const part of parts) if (part.kind === 'command') list(part.body, around)
  }
  const one = (command: Command, around: ReadonlySet<number>): void => {
    for (const { target } of command.redirects) word(target, around)
    const inner = new Set([...around, lineAt(starts, command.start)])
    switch (command.kind) {
      case 'simple':
        if (command.words.length > 0) found.push({ command, around })
        for (const each of command.words) word(each, inner)
        for (const { value } of command.assigns) word(value, inner)
        return
      case 'if':
        for (const { condition, body: taken } of command.branches) {
          list(condition, inner)
          list(taken, inner)
        }
        return
      case 'case':
        for (const arm of command.arms) list(arm, inner)
        return
      case 'while':
      case 'until':
        list(command.condition, inner)
        list(command.body, inner)
        return
      default:
        list(command.body, inner)
    }
  }
  const list = (items: List, around: ReadonlySet<number>): void => {
    for (const { links } of items)
      for (const { pipeline } of links) for (const command of pipeline) one(command, around)
  }
  list(body, new Set())
  const perLine = new Map<number, number>()
  for (const { command } of found) {
    const line = lineAt(starts, command.start)
    perLine.set(line, (perLine.get(line) ?? 0) + 1)
  }
  return found.map(({ command, around }) => {
    const first = lineAt(starts, command.start)
    return {
      first,
      names: command.words
        .slice(0, 6)
        .map(each => baseName(plain(each)))
        .filter(name => name !== ''),
      isAlone: perLine.get(first) === 1 && !around.has(first)
    }
  })
}
