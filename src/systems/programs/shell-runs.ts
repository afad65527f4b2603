import { analysisBounds } from '../../lib/bounds.ts'
import { type Effort, unitEffort } from '../../lib/effort.ts'
import {
  type Command,
  type Item,
  type List,
  parseShell,
  plain,
  type Redirect,
  type Simple,
  type Word
} from '../languages/shell-syntax.ts'

/** One command that a script runs, with what stands around it. */
export interface RunCommand {
  /** For each word its possible values. What cannot be known without running it is `unknowable` in them. */
  readonly words: readonly Values[]
  readonly redirects: readonly { readonly operator: string; readonly target: Values }[]
  /** Line of the script, from 1. */
  readonly line: number
  /** The sourced file that it is in; null for the script itself. */
  readonly sourced: string | null
  /** The command as it is written, on one line, shortened. */
  readonly text: string
  /** The loops that it is in, outermost first. */
  readonly loops: readonly Loop[]
  /** Nobody waits for it. */
  readonly background: boolean
  /** Its failure is explicitly ignored (`|| true`). */
  readonly excused: boolean
  /** Something may decide whether it runs at all: a condition, or the Python around it. */
  readonly branch: boolean
  /** What counts is that it fails (`!`). */
  readonly negated: boolean
  /** What it prints is looked at: by a test, a variable, or a command after it in its pipe. */
  readonly looked: boolean
  /** The words of all commands of its pipe. */
  readonly pipe: readonly (readonly Values[])[]
  /** The shortest `timeout` around it, in seconds. */
  readonly timeout: number | null
  /** What its here-document holds. */
  readonly documents: readonly string[]
}

export type Values = readonly string[]

export interface Loop {
  readonly kind: 'while' | 'until' | 'for'
  readonly line: number
  /** Its first line as it is written. */
  readonly text: string
  /** Whether the command decides if the loop goes on, or is done over and over. */
  readonly role: 'condition' | 'body'
  /** The body holds a `break`, `exit` or `return`. */
  readonly leaves: boolean
  /** The condition is `true` or the like, so that only the body ends it. */
  readonly endless: boolean
  /** How often at most, where the script says so. */
  readonly rounds: number | null
  /** Seconds slept in each round; 0 for none. */
  readonly sleep: number
  /** What the condition makes of an exit code cannot be told. */
  readonly vague?: true
}

export interface Given {
  /** `$1`, `$2`, … */
  readonly args?: readonly Values[]
  readonly variables?: ReadonlyMap<string, string>
  /** The script's own path, for `$(dirname "$0")`. */
  readonly path?: string
  /** The text of a file that is sourced, by its path; undefined if it is not known. */
  readonly source?: (path: string) => string | undefined
  /** What this is a part of. Without it the work is bounded by itself. */
  readonly effort?: Effort
}

export interface Runs {
  /** In the order in which they are run, functions and inline scripts filled in where they are called. */
  readonly commands: readonly RunCommand[]
  /** The text could not be read to its end, or runs more than is looked at. */
  readonly broken: boolean
  /** It runs more than is followed. */
  readonly cut: boolean
}

/** Stands in a value for what cannot be known. No file name and no URL holds it. */
export const unknowable = '\0'

const limits = { depth: 24, commands: 4_000 } as const

/** What a command costs that is kept with all that is around it, in steps: functions that call others make thousands. */
const keptSteps = 100

/** At most so many of the texts that something may be; that it may be others stands behind them. */
export function fewValues(values: Values): Values {
  const few = new Set<string>()
  for (const value of values) {
    if (few.size >= analysisBounds.values && !few.has(value)) return [...few.add(unknowable)]
    few.add(value)
  }
  return [...few]
}

/** Every text of the one followed by every text of the other. What gets too long is not known. */
export function products(heads: Values, tails: Values): Values {
  const product = (head: string, tail: string) =>
    head.length + tail.length > analysisBounds.valueCharacters ? unknowable : head + tail
  const [head, otherHead] = heads
  const [tail, otherTail] = tails
  // Most have one text each. Those are joined without being looked at: that would copy them each time.
  if (head !== undefined && tail !== undefined && otherHead === undefined && otherTail === undefined)
    return [product(head, tail)]
  const isMore = heads.length * tails.length > 2 * analysisBounds.values
  const some = heads.slice(0, isMore ? Math.ceil((2 * analysisBounds.values) / tails.length) : heads.length)
  const values = some.flatMap(one => tails.map(other => product(one, other)))
  return fewValues(isMore ? [...values, unknowable] : values)
}

interface Around {
  readonly loops: readonly Loop[]
  readonly background: boolean
  readonly excused: boolean
  readonly negated: boolean
  readonly looked: boolean
  readonly timeout: number | null
  /** In a branch or loop: a value set here may or may not be the one that is read later. */
  readonly maybe: boolean
  readonly branch: boolean
  /** The line of an inline script's command, instead of its own. */
  readonly line: number | null
}

/** What a script runs. Any text has an answer, in bounded time. */
export function shellRuns(text: string, given: Given = {}): Runs {
  return runs(given, ({ script }) => script(text, nothingAround))
}

/** What one command runs: itself, and the script that is among its words (`sh -c '…'`). */
export function argvRuns(argv: readonly Values[], line: number, given: Given = {}): Runs {
  return runs(given, ({ argument }) => argument(argv, { ...nothingAround, line }))
}

const nothingAround: Around = {
  loops: [],
  background: false,
  excused: false,
  negated: false,
  looked: false,
  timeout: null,
  maybe: false,
  branch: false,
  line: null
}

interface Runner {
  script(source: string, around: Around): void
  argument(argv: readonly Values[], around: Around): void
}

function runs(given: Given, start: (runner: Runner) => void): Runs {
  const commands: RunCommand[] = []
  const functions = new Map<
    string,
    { readonly body: List; readonly source: string; readonly sourced: string | null }
  >()
  const variables = new Map<string, Values>(
    [...(given.variables ?? [])].map(([name, value]) => [name, [value]])
  )
  const active = new Set<string>()
  let args: readonly Values[] = given.args ?? []
  let broken = false
  let cut = false
  let depth = 0
  let steps = 0
  let sourced: string | null = null
  const effort = given.effort ?? unitEffort()

  start({ script, argument })
  return { commands, broken: broken || cut, cut }

  function argument(argv: readonly Values[], around: Around) {
    const line = around.line ?? 1
    const text = shortened(argv.map(([word]) => word ?? '?').join(' '))
    ran(argv, around, { redirects: [], line, text, pipe: [], documents: [] }, [])
  }

  /** False, and the script is cut, when there has been enough of it. */
  function spend(more: number): boolean {
    const goesOn = steps <= limits.commands && effort.spend(more)
    cut ||= !goesOn
    return goesOn
  }

  function script(source: string, around: Around) {
    if (!spend(source.length + 1)) return
    const parsed = parseShell(source)
    // What is known only in part need not be whole.
    if (parsed.broken && !source.includes(unknowable)) broken = true
    walk(parsed.body, around, source)
  }

  function walk(list: List, around: Around, source: string) {
    depth += 1
    if (depth > limits.depth) cut = true
    else {
      const lastWait = list.findLastIndex(waits)
      for (const [index, { links, background }] of list.entries()) {
        if (!spend(1)) break
        const waited = background && lastWait > index
        for (const [at, { pipeline, operator, negated }] of links.entries()) {
          if (!spend(1)) break
          const inner: Around = {
            ...around,
            background: around.background || (background && !waited),
            excused: around.excused || isExcuse(links[at + 1]),
            negated: around.negated !== negated,
            maybe: around.maybe || operator !== '',
            branch: around.branch || operator !== ''
          }
          const pipe: (readonly Values[])[] = []
          for (const [place, command] of pipeline.entries()) {
            one(command, { ...inner, looked: around.looked || place < pipeline.length - 1 }, source, pipe)
          }
        }
      }
    }
    depth -= 1
  }

  function one(command: Command, around: Around, source: string, pipe: (readonly Values[])[]) {
    steps += 1
    if (steps > limits.commands) {
      cut = true
      return
    }
    switch (command.kind) {
      case 'simple':
        return simple(command, around, source, pipe)
      case 'group':
        return walk(command.body, around, source)
      case 'function':
        functions.set(command.name, { body: command.body, source, sourced })
        return undefined
      case 'if':
        for (const { condition, body } of command.branches) {
          if (condition.length > 0) walk(condition, around, source)
          walk(body, { ...around, maybe: true, branch: true }, source)
        }
        return undefined
      case 'case':
        substitutions(command.subject, { ...around, looked: true }, source)
        for (const arm of command.arms) walk(arm, { ...around, maybe: true, branch: true }, source)
        return undefined
      case 'while':
      case 'until': {
        const loop = {
          kind: command.kind,
          line: around.line ?? command.line,
          text: headOf(command, source),
          leaves: leaves(command.body),
          endless: isEndless(command.kind, command.condition),
          rounds: null,
          sleep: sleeps(command.condition) + sleeps(command.body)
        }
        walk(command.condition, within({ ...loop, role: 'condition' }, around), source)
        return walk(command.body, within({ ...loop, role: 'body' }, around), source)
      }
      case 'for': {
        const items = command.items.flatMap(item => listed(item))
        for (const item of command.items) substitutions(item, around, source)
        if (command.variable !== '') variables.set(command.variable, fewValues(items))
        const rounds = command.items.length === 0 ? null : roundsOf(command.items, items)
        const loop: Loop = {
          kind: 'for',
          line: around.line ?? command.line,
          text: headOf(command, source),
          role: 'body',
          leaves: leaves(command.body),
          endless: false,
          rounds,
          sleep: sleeps(command.body)
        }
        return walk(command.body, within(loop, around), source)
      }
    }
  }

  function within(loop: Loop, around: Around): Around {
    return {
      ...around,
      loops: [...around.loops, loop],
      maybe: true,
      branch: around.branch || loop.kind !== 'for',
      excused: false,
      negated: false
    }
  }

  function simple(command: Simple, around: Around, source: string, pipe: (readonly Values[])[]) {
    const tested = /^(?:\[\[?|test)$/.test(plainOf(command.words[0]))
    for (const { value } of command.assigns) substitutions(value, { ...around, looked: true }, source)
    for (const word of command.words)
      substitutions(word, { ...around, looked: around.looked || tested }, source)
    for (const { target } of command.redirects) substitutions(target, around, source)
    // `A=b cmd` sets A for the command alone, which is all that follows it here; `A=b` by itself stays.
    for (const { name, value } of command.assigns) assign(name, expand(value), around)
    if (command.words.length === 0 && command.redirects.length === 0) return

    const words = command.words.flatMap(spread)
    const documents = command.redirects.flatMap(({ document }) =>
      document === undefined ? [] : [document.body]
    )
    ran(
      words,
      { ...around, looked: around.looked || tested },
      {
        redirects: command.redirects.map(({ operator, target }) => ({ operator, target: expand(target) })),
        line: around.line ?? command.line,
        text: written(command, source),
        pipe,
        documents
      },
      command.redirects
    )
  }

  function ran(
    words: readonly Values[],
    around: Around,
    as: Pick<RunCommand, 'redirects' | 'line' | 'text' | 'documents'> & {
      readonly pipe: (readonly Values[])[]
    },
    redirects: readonly Redirect[]
  ) {
    const { rest, timeout } = unwrapped(words)
    const limit = smaller(around.timeout, timeout)
    const { loops, background, excused, branch, negated, looked } = around
    if (!spend(keptSteps)) return
    as.pipe.push(rest)
    commands.push({
      ...as,
      words: rest,
      sourced,
      loops,
      background,
      excused,
      branch,
      negated,
      looked,
      timeout: limit
    })
    follow(rest, { ...around, timeout: limit }, as.line, redirects)
  }

  /** Goes into a function, and into the scripts that are arguments. */
  function follow(words: readonly Values[], around: Around, line: number, redirects: readonly Redirect[]) {
    const name = baseName(words[0]?.[0] ?? '')
    const called = functions.get(name)
    if (called !== undefined) {
      // A function that calls itself does nothing new.
      if (active.has(name)) return
      active.add(name)
      inPlaceOf({ args: words.slice(1), sourced: called.sourced }, () =>
        walk(called.body, around, called.source)
      )
      active.delete(name)
      return
    }
    if ((name === '.' || name === 'source') && depth < limits.depth) {
      const [path = ''] = words[1] ?? []
      const body = given.source?.(path)
      // A sourced file is the same program: its functions and variables stay.
      if (body !== undefined)
        inPlaceOf({ args, sourced: path }, () => script(body, { ...around, line: null }))
      return
    }
    if (/^(?:export|local|declare|readonly|typeset)$/.test(name)) {
      for (const values of words.slice(1)) {
        const [, variable] = /^([A-Za-z_]\w*)=/.exec(values[0] ?? '') ?? []
        if (variable !== undefined)
          assign(
            variable,
            values.map(value => value.slice(variable.length + 1)),
            around
          )
      }
      return
    }
    const inline = inlineScript(words)
    if (inline !== undefined) {
      inPlaceOf({ args: inline.args, sourced }, () => {
        for (const source of inline.sources) script(source, { ...around, line: around.line ?? line })
      })
    } else if (
      /^(?:ba|da|k|z)?sh$/.test(name) &&
      !words.slice(1).some(([word]) => word !== undefined && !word.startsWith('-'))
    ) {
      for (const { document } of redirects)
        if (document !== undefined) script(document.body, { ...around, line: around.line ?? line })
    }
  }

  /** Runs something in the place of another text, with its own arguments. */
  function inPlaceOf(
    place: { readonly args: readonly Values[]; readonly sourced: string | null },
    run: () => void
  ) {
    const before = { args, sourced }
    args = place.args
    sourced = place.sourced
    run()
    args = before.args
    sourced = before.sourced
  }

  function substitutions(word: Word, around: Around, source: string) {
    for (const part of word.parts) {
      if (part.kind === 'command') walk(part.body, { ...around, negated: false }, source)
    }
  }

  function assign(name: string, values: Values, around: Around) {
    const before = around.maybe ? (variables.get(name) ?? []) : []
    variables.set(name, fewValues([...before, ...values]))
  }

  /** A word's values. `"$@"` alone becomes as many words as there are arguments. */
  function spread(word: Word): readonly Values[] {
    const [only, second] = word.parts.filter(part => part.kind !== 'text' || part.text !== '')
    if (second === undefined && only?.kind === 'variable') {
      if (only.name === '@' || only.name === '*') return args
      if (!only.quoted) {
        const values = variable(only.name, only.fallback)
        const [value] = values
        if (values.length === 1 && value !== undefined && /\s/.test(value) && spend(value.length))
          return value
            .trim()
            .split(/\s+/)
            .map(one => [one])
      }
    }
    return [expand(word)]
  }

  /** The words that an unquoted `$list` or `a b` of a `for` stands for. */
  function listed(word: Word): Values {
    return spread(word).flatMap(values =>
      values.flatMap(value => (spend(value.length) ? value.split(/\s+/).filter(Boolean) : [unknowable]))
    )
  }

  function expand(word: Word): Values {
    let values: Values = ['']
    for (const part of word.parts) {
      const next: Values =
        part.kind === 'text'
          ? [part.text]
          : part.kind === 'variable'
            ? variable(part.name, part.fallback)
            : spend((part.end - part.start) / 8)
              ? printed(part.body)
              : [unknowable]
      if (!spend(1 + values.length * next.length)) return [unknowable]
      values = products(values, next)
    }
    return values
  }

  function variable(name: string, fallback: string | null): Values {
    if (/^[1-9]$/.test(name)) {
      const value = args[Number(name) - 1]
      if (value !== undefined) return value
    } else if (name === '0') return [given.path ?? unknowable]
    else if (name === '@' || name === '*')
      return !spend(args.length) ? [unknowable] : [args.map(values => values[0] ?? unknowable).join(' ')]
    const values = variables.get(name)
    if (values !== undefined && values.length > 0) return values
    return [fallback ?? unknowable]
  }

  /** What a substitution prints, in the few cases where that is plain. */
  function printed(body: List): Values {
    const flat = JSON.stringify(body)
    if (given.path !== undefined && flat.includes('"dirname"') && /"name":"(?:0|BASH_SOURCE)"/.test(flat)) {
      return [given.path.slice(0, given.path.lastIndexOf('/'))]
    }
    const [item] = body
    const [link] = item?.links ?? []
    const [command] = link?.pipeline ?? []
    if (
      body.length === 1 &&
      item?.links.length === 1 &&
      link?.pipeline.length === 1 &&
      command?.kind === 'simple'
    ) {
      const words = command.words.map(word => plain(word))
      if (
        words[0] === 'echo' &&
        command.words.every(word => word.parts.every(part => part.kind === 'text'))
      ) {
        return [words.slice(1).join(' ')]
      }
    }
    return [unknowable]
  }
}

const wrappers =
  /^(?:exec|command|builtin|env|nohup|setsid|nice|ionice|time|sudo|doas|stdbuf|timeout|chronic|!)$/
const takesValue: Readonly<Record<string, RegExp>> = {
  nice: /^-n$/,
  ionice: /^-[cn]$/,
  sudo: /^-[ugpC]$/,
  doas: /^-[uC]$/,
  stdbuf: /^-[ioe]$/,
  timeout: /^-[ks]$/,
  env: /^-[uCS]$/,
  exec: /^-a$/
}

/** The command behind `exec`, `env A=b`, `timeout 5m` and the like. */
export function unwrapped(words: readonly Values[]): {
  readonly rest: readonly Values[]
  readonly timeout: number | null
} {
  let rest = words
  let timeout: number | null = null
  for (let turns = 0; turns < 8; turns++) {
    const name = baseName(rest[0]?.[0] ?? '')
    if (!wrappers.test(name)) break
    let at = 1
    while (rest[at]?.[0]?.startsWith('-') === true)
      at += takesValue[name]?.test(rest[at]?.[0] ?? '') === true ? 2 : 1
    if (name !== 'timeout') while (/^[A-Za-z_]\w*=/.test(rest[at]?.[0] ?? '')) at += 1
    else {
      timeout = smaller(timeout, seconds(rest[at]?.[0] ?? ''))
      at += 1
    }
    if (rest.length <= at) break
    rest = rest.slice(at)
  }
  return { rest, timeout }
}

/** The scripts of `sh -c '…'` and `eval '…'`, with their arguments. */
function inlineScript(
  words: readonly Values[]
): { readonly sources: Values; readonly args: readonly Values[] } | undefined {
  const name = baseName(words[0]?.[0] ?? '')
  if (name === 'eval')
    return {
      sources: [
        words
          .slice(1)
          .map(([word]) => word ?? unknowable)
          .join(' ')
      ],
      args: []
    }
  if (!/^(?:(?:ba|da|a|k|z)?sh|busybox)$/.test(name)) return undefined
  const flag = words.findIndex(([word], at) => at > 0 && /^-[a-z]*c$/.test(word ?? ''))
  const sources = flag < 0 ? undefined : words[flag + 1]
  return sources === undefined ? undefined : { sources, args: words.slice(flag + 3) }
}

/** `|| true`, `|| echo …`: whatever happened, the script goes on. */
function isExcuse(next: Item['links'][number] | undefined): boolean {
  const [command] = next?.operator === '||' ? next.pipeline : []
  return command?.kind === 'simple' && /^(?:true|:|echo|printf|logger)$/.test(plainOf(command.words[0]))
}

function waits({ links }: List[number]): boolean {
  return links.some(({ pipeline }) =>
    pipeline.some(command => command.kind === 'simple' && plainOf(command.words[0]) === 'wait')
  )
}

/** The condition is always true, or only counts rounds or time: what is in the body ends the loop. */
function isEndless(kind: 'while' | 'until', condition: List): boolean {
  const always = kind === 'while' ? /^(?:true|:|sleep|1)$/ : /^false$/
  return simples(condition).every(({ words }) => {
    const name = plainOf(words[0])
    if (always.test(name)) return true
    const compares = words.some(word => /^-(?:lt|le|gt|ge|eq|ne)$/.test(plain(word)))
    const asks = words.some(word => word.parts.some(part => part.kind === 'command' && !isDate(part.body)))
    return /^(?:\[\[?|test)$/.test(name) && compares && !asks
  })
}

function isDate(list: List): boolean {
  return simples(list).every(({ words }) => plainOf(words[0]) === 'date')
}

/** Whether a `break` of this very loop, or the end of the script or function, is in its body. */
function leaves(body: List): boolean {
  return (
    simples(body).some(command => /^(?:exit|return|exec)$/.test(plainOf(command.words[0]))) ||
    simples(body, false).some(command => plainOf(command.words[0]) === 'break')
  )
}

function sleeps(body: List): number {
  return simples(body)
    .filter(command => plainOf(command.words[0]) === 'sleep')
    .reduce((sum, command) => sum + (seconds(plainOf(command.words[1])) ?? 1), 0)
}

/** The simple commands of a list, and those of its branches and groups. */
function simples(list: List, inLoops = true): readonly Simple[] {
  return list.flatMap(({ links }) =>
    links.flatMap(({ pipeline }) =>
      pipeline.flatMap((command): readonly Simple[] => {
        switch (command.kind) {
          case 'simple':
            return [command]
          case 'group':
            return simples(command.body, inLoops)
          case 'if':
            return command.branches.flatMap(({ condition, body }) => [
              ...simples(condition, inLoops),
              ...simples(body, inLoops)
            ])
          case 'case':
            return command.arms.flatMap(arm => simples(arm, inLoops))
          case 'function':
            return []
          case 'for':
            return inLoops ? simples(command.body) : []
          default:
            return inLoops ? [...simples(command.condition), ...simples(command.body)] : []
        }
      })
    )
  )
}

function roundsOf(items: readonly Word[], values: Values): number | null {
  const [only, second] = items
  if (only !== undefined && second === undefined) {
    const braces = /^\{(\d{1,6})\.\.(\d{1,6})\}$/.exec(plain(only))
    if (braces !== null) return Math.abs(Number(braces[2]) - Number(braces[1])) + 1
    const [part] = only.parts
    const [command] = part?.kind === 'command' ? simples(part.body) : []
    if (command !== undefined && plainOf(command.words[0]) === 'seq') {
      const numbers = command.words.slice(1).map(word => Number(plain(word)))
      const [first = Number.NaN, last] = numbers.length === 3 ? [numbers[0], numbers[2]] : numbers
      const rounds = last === undefined ? first : last - first + 1
      return Number.isFinite(rounds) ? Math.max(0, rounds) : null
    }
  }
  return values.some(value => value.includes(unknowable)) ? null : values.length
}

/** `90`, `1.5m`, `2h` in seconds. */
function seconds(text: string): number | null {
  const [, amount, unit = 's'] = /^(\d{1,9}(?:\.\d{1,9})?)([smhd]?)$/.exec(text) ?? []
  if (amount === undefined) return null
  const sizes: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 }
  return Number(amount) * (sizes[unit] ?? 1)
}

function smaller(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b
  return Math.min(a, b)
}

function written({ start, end }: Simple, source: string): string {
  return shortened(source.slice(start, Math.min(end, start + 400)))
}

function headOf({ start }: Command, source: string): string {
  return shortened(source.slice(start, start + 400).split(/(?<!\\)\n/, 1)[0] ?? '')
}

function shortened(text: string): string {
  const line = text.slice(0, 400).replaceAll(/\\?\s*\n\s*/g, ' ')
  return line.length > 200 ? `${line.slice(0, 199)}…` : line
}

function plainOf(word: Word | undefined): string {
  return word === undefined ? '' : plain(word)
}

/** The last part of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
