import {
  parse,
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

/**
 * Rewrites a shell program so that the interpreter tells more of what it does, and does what it lacks; what the program
 * means stays. A text that does not parse is left as it is: its error is the interpreter's to tell.
 */
export function instrument(text: string): string {
  try {
    const script = parse(text)
    const functions = new Set<string>()
    visit(script, node => {
      if (node['type'] === 'FunctionDef' && typeof node['name'] === 'string') functions.add(node['name'])
    })
    let loops = 0
    visit(script, node => {
      if (node['type'] === 'SimpleCommand') named(node)
      if (node['type'] === 'Statement') chained(node, functions)
      // A loop over equal words has no variable that tells its turns apart; see `Process.sleep`.
      if (node['type'] === 'For' && Array.isArray(node['body']))
        node['body'].unshift(...statements(`__turn${++loops}=$((\${__turn${loops}:-0} + 1))`))
    })
    return serialize(script)
  } catch {
    return text
  }
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
    const group = statements(`{ ${serialize(scriptOf(inner))}\nexit $?; }`)[0]?.pipelines[0]?.commands[0]
    if (group?.type === 'Group') become(node, { ...group, redirections: node.redirections })
  } else if (literal === null && name.parts.length > 0) {
    const words = serialize(
      scriptOf({ ...node, assignments: [], redirections: [], name: word(wordsWord), args: [name, ...args] })
    )
    const evaluated = simpleOf(`eval "$(${words.trim()})"`)
    if (evaluated !== null) Object.assign(node, { name: evaluated.name, args: evaluated.args })
  } else if (literal?.includes('/') === true)
    Object.assign(node, { name: word(programWord), args: [name, ...args] })
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
    const part = serialize({
      type: 'Script',
      statements: [{ type: 'Statement', pipelines: [pipeline], operators: [], background: false }]
    }).trim()
    const before = node.operators[index - 1]
    if (before === undefined) text = part
    else
      text =
        before === '||' ? `if ${text}\nthen :\nelse ${part}\nfi` : `if ${text}\nthen ${part}\nelse ! :\nfi`
  })
  const [replaced] = statements(text)
  if (replaced !== undefined) Object.assign(node, { pipelines: replaced.pipelines, operators: [] })
}

function become(node: Node, other: object): void {
  for (const key of Object.keys(node)) delete node[key]
  Object.assign(node, other)
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

/** The text of a word without variables, substitutions and patterns; null for every other one. */
function literalOf(node: WordNode | undefined): string | null {
  let text = ''
  for (const part of node?.parts ?? []) {
    if (part.type === 'Literal' || part.type === 'SingleQuoted' || part.type === 'Escaped') text += part.value
    else if (part.type === 'DoubleQuoted') {
      const inner = literalOf({ type: 'Word', parts: part.parts })
      if (inner === null) return null
      text += inner
    } else return null
  }
  return text
}
