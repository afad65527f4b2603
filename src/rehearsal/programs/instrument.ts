import {
  parse,
  type PipelineNode,
  type ScriptNode,
  serialize,
  type SimpleCommandNode,
  type StatementNode,
  type WordNode
} from 'just-bash'

/** Runs a program by its path, or the command of the model with its base name: `__program /nix/store/…/bin/curl -s`. */
export const programWord = '__program'

/** Prints its words, quoted, so that `eval` makes the same words of them, behind `__program` if the first is a path. */
export const wordsWord = '__words'

/** Starts a piece of the program beside it, by its number, and prints the number of the job. */
export const backgroundWord = '__background'

/** Prints its words as a program that `eval` may run. */
export const evalWord = '__eval'

/** Prints the path of a file that holds what `.` is to read. */
export const sourceWord = '__source'

/** Waits for jobs. */
export const waitWord = '__wait'

/** A file below it is read wherever a command begins: its number tells which. */
export const markFolder = '/__at'

/** Where the interpreter has the commands that are handed to it: first in each `PATH`. */
export const ownFolder = '/usr/bin:/bin:'

/** Variables that stand for what the interpreter does not know. */
const ownPath = '__path'
const lastJob = '__job'

/** Where a command stands, and its words as they are written. */
export interface Mark {
  readonly line: number
  /** The name, where it is written plainly. */
  readonly name: string | null
  readonly words: readonly string[]
}

export interface Instrumented {
  readonly text: string
  /** Names of commands that are written plainly in it. */
  readonly names: ReadonlySet<string>
  /** Variables of which it reads what it never set, as far as that can be seen. */
  readonly reads: ReadonlySet<string>
  /** What it does next depends on the time. */
  readonly looksAtClock: boolean
}

export interface Registry {
  /** @returns the number of the file that stands for the mark. */
  readonly mark: (mark: Mark) => number
  /** @returns the number of a piece of a program that runs in the background. */
  readonly piece: (text: () => string) => number
}

/**
 * Rewrites a shell program so that the interpreter tells more of what it does, and does what it lacks; what the program
 * means stays. A text that does not parse is left as it is: its error is the interpreter's to report.
 */
export function instrument(text: string, registry: Registry = nothing): Instrumented {
  const script = parsed(text)
  if (script === null) return { text, names: new Set(), reads: new Set(), looksAtClock: true }
  const functions = new Set<string>()
  const names = new Set<string>()
  const reads = new Set<string>()
  const sets = new Set<string>()
  const definitions: string[] = []
  let looksAtClock = false
  let loops = 0
  visit(script, node => {
    const { type, name, parameter } = node
    if (type === 'FunctionDef' && typeof name === 'string') functions.add(name)
    if (type === 'Assignment' && typeof name === 'string') sets.add(name)
    if (type === 'Assignment' && name === 'PATH' && isWord(node['value']))
      node['value'] = {
        ...node['value'],
        parts: [{ type: 'Literal', value: ownFolder }, ...node['value'].parts]
      }
    if ((type === 'For' || type === 'CStyleFor') && typeof node['variable'] === 'string')
      sets.add(node['variable'])
    if (type === 'ParameterExpansion' && typeof parameter === 'string') {
      if (/^(?:SECONDS|EPOCH(?:REAL)?SECONDS|S?RANDOM|BASHPID)$/.test(parameter)) looksAtClock = true
      if (/^[A-Za-z_]\w*$/.test(parameter)) reads.add(parameter)
      if (parameter === '0' || /^BASH_SOURCE(?:\[.*\])?$/.test(parameter)) node['parameter'] = ownPath
      if (parameter === '!') node['parameter'] = lastJob
    }
    if (type === 'ArithVariable' && node['name'] === 'SECONDS') looksAtClock = true
  })
  const places = new Map<object, number>()
  visit(script, node => {
    if (!isSimple(node)) return
    const literal = literalOf(node.name ?? undefined)
    if (literal !== null && literal !== '') names.add(literal)
    if (literal === 'exec' && node.args.length === 0) return
    places.set(
      node,
      registry.mark({
        line: node.line ?? 1,
        name: literal,
        words: [node.name, ...node.args].map(word => (word === null ? '' : written(word)))
      })
    )
  })
  visit(script, node => {
    const place = places.get(node)
    if (isSimple(node)) named(node)
    // Its mark is read when its redirections are made, behind its words and before it runs.
    if (place !== undefined && Array.isArray(node['redirections']))
      node['redirections'].push({
        type: 'Redirection',
        fd: 9,
        operator: '<',
        target: word(`${markFolder}/${place}`)
      })
    if (node['type'] === 'Statement') {
      chained(node, functions)
      background(node, () => definitions.join('\n'), registry)
    }
    if (node['type'] === 'FunctionDef') definitions.push(definitionOf(node))
    // A loop over equal words, or lines, has no variable that tells its turns apart; see `Process.sleep`.
    const turns =
      node['type'] === 'For' || ((node['type'] === 'While' || node['type'] === 'Until') && readsInput(node))
    if (turns && Array.isArray(node['body']))
      node['body'].unshift(...statements(`__turn${++loops}=$((\${__turn${loops}:-0} + 1))`))
  })
  for (const name of sets) reads.delete(name)
  return { text: serialize(script), names, reads, looksAtClock }
}

const nothing: Registry = { mark: () => 0, piece: () => 0 }

function parsed(text: string): ScriptNode | null {
  for (const candidate of [text, withoutCoprocesses(text)]) {
    try {
      return parse(candidate)
    } catch {
      // Its error is reported where it runs.
    }
  }
  return null
}

/** The interpreter has no `coproc`: what it runs is put behind a word that `background` knows. */
function withoutCoprocesses(text: string): string {
  return text.replaceAll(
    /(^|[;&|({]|\bdo|\bthen)(\s*)coproc\s+(?:[A-Za-z_]\w*\s+(?=[{(]))?/g,
    `$1$2__coproc | `
  )
}

interface Node {
  [key: string]: unknown
}

/** Children before their parents, so that what is put in place of a node is not visited again. */
function visit(node: unknown, see: (node: Node) => void): void {
  if (Array.isArray(node)) for (const each of node) visit(each, see)
  else if (isNode(node)) {
    for (const each of Object.values(node)) visit(each, see)
    see(node)
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null
}

/** What is run by a path or by the value of a variable: the interpreter takes `"$@"` for one word. */
function named(node: Node): void {
  if (!isSimple(node)) return
  const { name, args } = node
  if (name === null) return
  const literal = literalOf(name)
  if (literal === 'exec' && args.length > 0 && literalOf(args[0])?.startsWith('-') !== true) {
    const [first, ...rest] = args
    const inner: SimpleCommandNode = { ...node, name: first ?? name, args: rest, redirections: [] }
    named({ ...inner })
    const group = statements(`{ ${serialize(scriptOf(rewritten(inner)))}\nexit $?; }`)[0]?.pipelines[0]
      ?.commands[0]
    if (group?.type === 'Group') become(node, { ...group, redirections: node.redirections })
  } else if (literal === 'eval') substitute(node, 'eval', evalWord, args)
  else if ((literal === '.' || literal === 'source') && args.length > 0) {
    const [file, ...rest] = args
    const found = simpleOf(`. "$(${callOf(node, sourceWord, file === undefined ? [] : [file])})"`)
    if (found !== null) Object.assign(node, { name: found.name, args: [...found.args, ...rest] })
  } else if (literal === 'wait') Object.assign(node, { name: word(waitWord) })
  else if (literal === 'command' && literalOf(args[0])?.includes('/') === true)
    Object.assign(node, { name: word(programWord) })
  else if (literal === null && name.parts.length > 0) substitute(node, 'eval', wordsWord, [name, ...args])
  else if (literal?.includes('/') === true)
    Object.assign(node, { name: word(programWord), args: [name, ...args] })
}

function rewritten(node: SimpleCommandNode): SimpleCommandNode {
  const copy = { ...node }
  named(copy)
  return copy
}

/** The command becomes `<outer> "$(<inner> <args>)"`. */
function substitute(node: SimpleCommandNode, outer: string, inner: string, args: readonly WordNode[]): void {
  const found = simpleOf(`${outer} "$(${callOf(node, inner, args)})"`)
  if (found !== null) Object.assign(node, { name: found.name, args: found.args })
}

function callOf(node: SimpleCommandNode, name: string, args: readonly WordNode[]): string {
  return serialize(
    scriptOf({ ...node, assignments: [], redirections: [], name: word(name), args: [...args] })
  ).trim()
}

/** `set -e` does not hold within what stands before `||` and `&&`, functions and groups included: as in an `if`. */
function chained(node: Node, functions: ReadonlySet<string>): void {
  if (!isStatement(node)) return
  const inner = node.pipelines.slice(0, -1)
  const held = inner.some(({ commands }) =>
    commands.some(
      command =>
        command.type === 'Group' ||
        (command.type === 'SimpleCommand' &&
          command.name !== null &&
          functions.has(literalOf(command.name) ?? ''))
    )
  )
  if (!held || node.operators.includes(';')) return
  let text = ''
  node.pipelines.forEach((pipeline, index) => {
    const part = pipelineText(pipeline)
    const before = node.operators[index - 1]
    if (before === undefined) text = part
    else
      text =
        before === '||' ? `if ${text}\nthen :\nelse ${part}\nfi` : `if ${text}\nthen ${part}\nelse ! :\nfi`
  })
  const [replaced] = statements(text)
  if (replaced !== undefined) Object.assign(node, { pipelines: replaced.pipelines, operators: [] })
}

/** What runs in the background becomes a program of its own, with the functions that are known so far. */
function background(node: Node, definitions: () => string, registry: Registry): void {
  if (!isStatement(node)) return
  const [first] = node.pipelines
  const [, ...rest] = first?.commands ?? []
  const isCoprocess = first?.commands[0]?.type === 'SimpleCommand' && nameOf(first) === '__coproc'
  if (!node.background && !isCoprocess) return
  const statement: StatementNode =
    isCoprocess && first !== undefined
      ? { ...node, pipelines: [{ ...first, commands: rest }], operators: [], background: false }
      : { ...node, background: false }
  const text = serialize({ type: 'Script', statements: [statement] })
  const number = registry.piece(() => `${definitions()}\n${text}`)
  const [replaced] = statements(`${lastJob}=$(${backgroundWord} ${number})`)
  if (replaced !== undefined) become(node, { ...replaced })
}

function nameOf({ commands: [command] }: PipelineNode): string | null {
  return command?.type === 'SimpleCommand' ? literalOf(command.name ?? undefined) : null
}

function definitionOf(node: Node): string {
  const command = parsed('f() { :; }')?.statements[0]
  if (command === undefined) return ''
  const [pipeline] = command.pipelines
  if (pipeline === undefined) return ''
  const copy: Node = { ...command, pipelines: [{ ...pipeline, commands: [node] }] }
  return isStatement(copy) ? serialize({ type: 'Script', statements: [copy] }) : ''
}

/** Its turns go by what is left to be read. */
function readsInput(loop: Node): boolean {
  let found = false
  visit(loop['condition'], node => {
    if (isSimple(node) && /^(?:read|mapfile|readarray)$/.test(literalOf(node.name ?? undefined) ?? ''))
      found = true
  })
  return found
}

function pipelineText(pipeline: PipelineNode): string {
  return serialize({
    type: 'Script',
    statements: [{ type: 'Statement', pipelines: [pipeline], operators: [], background: false }]
  }).trim()
}

function become(node: Node, other: object): void {
  for (const key of Object.keys(node)) delete node[key]
  Object.assign(node, other)
}

function isWord(node: unknown): node is WordNode {
  return isNode(node) && node['type'] === 'Word' && Array.isArray(node['parts'])
}

function isSimple(node: object): node is SimpleCommandNode {
  return 'type' in node && node.type === 'SimpleCommand' && 'args' in node
}

function isStatement(node: object): node is StatementNode {
  return 'type' in node && node.type === 'Statement' && 'pipelines' in node
}

function statements(text: string): StatementNode[] {
  return parse(text).statements
}

function simpleOf(text: string): SimpleCommandNode | null {
  const [command] = statements(text)[0]?.pipelines[0]?.commands ?? []
  return command?.type === 'SimpleCommand' ? command : null
}

function scriptOf(command: SimpleCommandNode): ScriptNode {
  return {
    type: 'Script',
    statements: [
      {
        type: 'Statement',
        pipelines: [{ type: 'Pipeline', commands: [command], negated: false }],
        operators: [],
        background: false
      }
    ]
  }
}

function word(text: string): WordNode {
  return { type: 'Word', parts: [{ type: 'Literal', value: text }] }
}

/** A word as it is written in the program. */
function written(node: WordNode): string {
  return (
    literalOf(node) ??
    serialize(
      scriptOf({ type: 'SimpleCommand', assignments: [], redirections: [], name: node, args: [] })
    ).trim()
  )
}

/** The text of a word without variables, substitutions and patterns; null for every other one. */
function literalOf(node: WordNode | undefined): string | null {
  let text = ''
  for (const part of node?.parts ?? []) {
    if (part.type === 'Literal' || part.type === 'SingleQuoted' || part.type === 'Escaped') text += part.value
    else if (part.type === 'DoubleQuoted') {
      const inner = literalOf({ type: 'Word', parts: part.parts })
      if (inner === null) return null
      text += inner
    } else if (part.type === 'Glob' && part.pattern === '[') text += part.pattern
    else return null
  }
  return text
}
