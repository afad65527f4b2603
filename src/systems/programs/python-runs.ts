import { analysisBounds } from '../../lib/bounds.ts'
import { unitEffort } from '../../lib/effort.ts'
import { closing, type PyBlock, type PyToken, pythonBlocks, split } from '../languages/python-syntax.ts'
import {
  argumentsOf,
  bind,
  evaluate,
  type PyArguments,
  type PyScope,
  type PyValue,
  textOf,
  texts,
  union,
  unknown
} from './python-values.ts'
import {
  argvRuns,
  type Given,
  type Loop,
  type RunCommand,
  type Runs,
  unknowable,
  type Values
} from './shell-runs.ts'

export interface PythonRuns extends Runs {
  /** Files of the same folder that it imports and that are not among the modules. */
  readonly missing: readonly string[]
  /** Those that were looked into. */
  readonly modules: readonly string[]
}

const limits = { depth: 8, steps: 4_000 } as const

interface Around {
  readonly loops: readonly Loop[]
  /** In a `try` that catches. */
  readonly excused: boolean
  readonly depth: number
}

interface Function {
  readonly parameters: readonly PyToken[]
  readonly body: readonly PyBlock[]
  readonly scope: Map<string, PyValue>
}

/**
 * What a Python program asks of the world: HTTP, ports, files, and other programs, each with the loops that
 * it is in. Its calls are told as commands: `@http URL`, `@connect HOST PORT`, `@exists PATH`; what it runs
 * by `subprocess` is told as that command. Only constants are followed (also in dicts, functions' arguments,
 * `os.environ`, `sys.argv` and modules of the same folder). Any text has an answer, in bounded time.
 */
export function pythonRuns(
  text: string,
  given: Given & { readonly modules: ReadonlyMap<string, string | null> }
): PythonRuns {
  const commands: RunCommand[] = []
  const functions = new Map<string, Function>()
  const missing = new Set<string>()
  const modules = new Set<string>()
  const folder = (given.path ?? '').slice(0, (given.path ?? '').lastIndexOf('/'))
  const lines = text.split('\n')
  const looked = /\b(?:status_code|raise_for_status|is_success|getcode|status)\b|\.ok\b/.test(text)
  let steps = 0
  let exhausted = false
  const effort = given.effort ?? unitEffort()

  const globals = new Map<string, PyValue>([['sys.argv.0', textOf(given.path ?? unknowable)]])
  for (const [index, values] of (given.args ?? []).entries()) {
    globals.set(`sys.argv.${index + 1}`, { kind: 'text', values })
  }
  walk(blocksOf(text), globals, { loops: [], excused: false, depth: 0 })
  return {
    commands,
    broken: steps > limits.steps || exhausted,
    cut: steps > limits.steps || exhausted,
    missing: [...missing],
    modules: [...modules]
  }

  function scopeOf(scope: ReadonlyMap<string, PyValue>, depth: number): PyScope {
    return {
      lookup: name => scope.get(name) ?? globals.get(name),
      environment: name => given.variables?.get(name),
      spend,
      call: (name, args) => returned(name, args, depth)
    }
  }

  function spend(tokens: number): boolean {
    exhausted ||= !effort.spend(tokens)
    return !exhausted
  }

  function blocksOf(source: string): readonly PyBlock[] {
    if (source.length > analysisBounds.script) exhausted = true
    return !exhausted && spend(source.length) ? pythonBlocks(source) : []
  }

  function walk(blocks: readonly PyBlock[], scope: Map<string, PyValue>, around: Around) {
    for (const [index, block] of blocks.entries()) {
      steps += 1
      if (steps > limits.steps || exhausted) return
      const [first, second] = block.tokens
      const word = first?.text === 'async' ? second?.text : first?.text
      const at = first?.text === 'async' ? 2 : 1
      if (word === 'def') define(block, at, scope)
      else if (word === 'class') defineClass(block, scope, around)
      else if (word === 'while') {
        const condition = block.tokens.slice(1)
        const loop = { ...loopOf('while', block, isEndless(condition), null), vague: true } as const
        scan(condition, scope, { ...around, loops: [...around.loops, { ...loop, role: 'condition' }] })
        walk(block.body, scope, {
          ...around,
          excused: false,
          loops: [...around.loops, { ...loop, role: 'body' }]
        })
      } else if (word === 'for') {
        const [targets = [], iterated = []] = split(block.tokens.slice(at), 'in')
        scan(iterated, scope, around)
        const value = evaluate(iterated, scopeOf(scope, around.depth))
        for (const [name, each] of bind(targets, value)) scope.set(name, each)
        const rounds = roundsOf(iterated, value, scope, around)
        const loop: Loop = { ...loopOf('for', block, false, rounds), role: 'body' }
        walk(block.body, scope, { ...around, excused: false, loops: [...around.loops, loop] })
      } else if (word === 'import' || word === 'from') imported(block.tokens, scope)
      else {
        const next = blocks.slice(index + 1).find(({ tokens }) => tokens[0]?.text !== 'else')
        const caught = word === 'try' && next?.tokens[0]?.text === 'except'
        assigned(block.tokens, scope, around)
        walk(block.body, scope, caught ? { ...around, excused: true } : around)
      }
    }
  }

  function loopOf(
    kind: 'while' | 'for',
    block: PyBlock,
    endless: boolean,
    rounds: number | null
  ): Omit<Loop, 'role'> {
    const all = flat(block.body)
    return {
      kind,
      line: block.line,
      text: written(block.line),
      endless,
      rounds,
      leaves:
        all.some(({ tokens }) => /^(?:return|raise)$/.test(tokens[0]?.text ?? '')) ||
        all.some(({ tokens }) => tokens.some(({ text }) => /^(?:exit|_exit|quit)$/.test(text))) ||
        flat(block.body, false).some(({ tokens }) => tokens[0]?.text === 'break'),
      sleep: all.some(({ tokens }) => tokens.some(({ text }) => /^(?:sleep|wait)$/.test(text)))
        ? sleepOf(all)
        : 0
    }
  }

  function sleepOf(all: readonly PyBlock[]): number {
    const amounts = all.flatMap(({ tokens }) => {
      const at = tokens.findIndex(({ text, kind }) => kind === 'name' && /^(?:sleep|wait)$/.test(text))
      if (at < 0) return []
      const seconds = Number(
        texts(evaluate(tokens.slice(at + 2, closing(tokens, at + 1)), scopeOf(globals, limits.depth)))[0]
      )
      return [Number.isFinite(seconds) ? seconds : 1]
    })
    return amounts.reduce((sum, amount) => sum + amount, 0)
  }

  function roundsOf(
    iterated: readonly PyToken[],
    value: PyValue,
    scope: Map<string, PyValue>,
    around: Around
  ) {
    if (iterated[0]?.text === 'range') {
      const { positional } = argumentsOf(
        iterated.slice(2, closing(iterated, 1)),
        scopeOf(scope, around.depth)
      )
      const [first = Number.NaN, last] = positional.map(each => Number(texts(each)[0]))
      const rounds = last === undefined ? first : last - first
      return Number.isFinite(rounds) ? rounds : null
    }
    return value.kind === 'list' ? value.items.length : null
  }

  function define({ tokens, body }: PyBlock, at: number, scope: Map<string, PyValue>) {
    const name = tokens[at]?.text ?? ''
    functions.set(name, { parameters: tokens.slice(at + 2, closing(tokens, at + 1)), body, scope })
  }

  /** A class's attributes are a dict under its name; its methods are known by their own names. */
  function defineClass({ tokens, body }: PyBlock, scope: Map<string, PyValue>, around: Around) {
    const inner = new Map<string, PyValue>()
    walk(body, inner, around)
    const name = tokens[1]?.text ?? ''
    scope.set(name, { kind: 'dict', entries: inner })
    scope.set('self', { kind: 'dict', entries: inner })
  }

  /** `name = value`, also `a.b = value` and `name: str = value`. */
  function assigned(tokens: readonly PyToken[], scope: Map<string, PyValue>, around: Around) {
    scan(tokens, scope, around)
    const [target, ...rest] = split(tokens, '=')
    if (target === undefined || rest.length === 0 || target.length > 40) return
    const [name = []] = split(target, ':')
    const value = evaluate(rest.at(-1) ?? [], scopeOf(scope, around.depth))
    const plain = name.map(({ text }) => text).join('')
    if (!/^[A-Za-z_][\w.]*$/.test(plain)) return
    const before = around.loops.length > 0 || around.depth > 0 ? scope.get(plain) : undefined
    scope.set(plain, before === undefined ? value : union([before, value]))
  }

  function imported(tokens: readonly PyToken[], scope: Map<string, PyValue>) {
    const names = tokens.map(({ text }) => text)
    const module = names[1] === '.' ? (names[2] ?? '') : (names[1] ?? '')
    if (standard.has(module) || !/^\w+$/.test(module) || folder === '') return
    const path = `${folder}/${module}.py`
    const source = given.modules.get(path)
    if (source === undefined) missing.add(path)
    if (typeof source !== 'string' || modules.has(path)) return
    modules.add(path)
    const inner = new Map<string, PyValue>()
    walk(blocksOf(source), inner, { loops: [], excused: false, depth: 1 })
    if (names[0] === 'import') scope.set(module, { kind: 'dict', entries: inner })
    else for (const [name, value] of inner) scope.set(name, value)
  }

  /** Every call of a line, wherever in it. */
  function scan(tokens: readonly PyToken[], scope: Map<string, PyValue>, around: Around) {
    for (let at = 0; at < tokens.length; at++) {
      const token = tokens[at]
      if (token?.kind !== 'name' || tokens[at + 1]?.text !== '(' || steps > limits.steps || exhausted)
        continue
      steps += 1
      let from = at
      while (tokens[from - 1]?.text === '.' && /^(?:name|mark)$/.test(tokens[from - 2]?.kind ?? '')) from -= 2
      const name = tokens
        .slice(from, at + 1)
        .map(({ text }) => text)
        .join('')
      const end = closing(tokens, at + 1)
      if (!spend(end - at)) return
      const inner = scopeOf(scope, around.depth)
      const given = argumentsOf(tokens.slice(at + 2, end), inner)
      const before = from < at ? evaluate(tokens.slice(from, at - 1), inner) : unknown
      call({ name, last: token.text, line: token.line }, given, before, around)
    }
  }

  function call(
    callee: { readonly name: string; readonly last: string; readonly line: number },
    args: PyArguments,
    before: PyValue,
    around: Around
  ) {
    const { name, last, line } = callee
    const [first = unknown, second = unknown] = args.positional
    const emit = (words: readonly Values[], seen = looked) => run(words, line, { ...around, looked: seen })
    const own = functions.get(last)
    if (own !== undefined && (!name.includes('.') || /^(?:self|cls)\.|^[A-Za-z_]\w*\.\w+$/.test(name))) {
      enter(own, args, around)
      return
    }
    const [base] = before.kind === 'dict' ? texts(before.entries.get('\0url') ?? unknown) : []
    const url = [first, second, args.named.get('url') ?? unknown]
      .flatMap(texts)
      .filter(text => /^https?:\/\//i.test(text))
    if (base !== undefined && base !== unknowable && last === 'request')
      emit([['@http'], texts(second).map(path => base + path)])
    else if (last === 'urlopen') emit([['@http'], texts(first)], true)
    else if (/^(?:get|head|post|put|request|options|fetch)$/.test(last) && url.length > 0)
      emit([['@http'], url])
    else if (/^(?:create_connection|connect|connect_ex|open_connection)$/.test(last)) {
      const [host = first, port = second] = first.kind === 'list' ? first.items : []
      if (texts(port).some(each => /^\d+$/.test(each))) emit([['@connect'], texts(host), texts(port)])
    } else if (/^(?:os\.path\.(?:exists|isfile|isdir|lexists)|os\.(?:stat|access))$/.test(name))
      emit([['@exists'], texts(first)])
    else if (/^(?:exists|is_file|is_socket|is_dir)$/.test(last) && before.kind === 'text')
      emit([['@exists'], before.values])
    else if (name === 'os.system' || name === 'os.popen' || last === 'getoutput')
      shell(texts(first), line, around)
    else if (
      /^(?:run|call|check_call|check_output|Popen|create_subprocess_exec|create_subprocess_shell)$/.test(last)
    ) {
      const words = first.kind === 'list' ? first.items.map(texts) : args.positional.map(texts)
      if (first.kind === 'text' && (args.named.has('shell') || last === 'create_subprocess_shell'))
        shell(texts(first), line, around)
      else nested(words, line, around, last === 'Popen')
    }
  }

  function shell(sources: Values, line: number, around: Around) {
    for (const source of sources) nested([['sh'], ['-c'], [source]], line, around, false)
  }

  function nested(words: readonly Values[], line: number, around: Around, background: boolean) {
    const options = { effort, ...(given.variables === undefined ? {} : { variables: given.variables }) }
    const made = argvRuns(words, line, options)
    exhausted ||= made.cut
    for (const command of made.commands) {
      if (commands.length >= limits.steps) exhausted = true
      if (exhausted) return

      commands.push({
        ...command,
        text: command.text === '' ? written(line) : command.text,
        loops: [...around.loops, ...command.loops],
        background: background || command.background,
        excused: around.excused || command.excused,
        branch: true
      })
    }
  }

  function run(words: readonly Values[], line: number, around: Around & { readonly looked: boolean }) {
    const { loops, excused, looked } = around
    commands.push({
      words,
      line,
      loops,
      excused,
      branch: true,
      looked,
      redirects: [],
      background: false,
      negated: false,
      sourced: null,
      pipe: [words],
      timeout: null,
      documents: [],
      text: written(line)
    })
  }

  function enter({ parameters, body, scope }: Function, args: PyArguments, around: Around) {
    if (around.depth >= limits.depth) return
    walk(body, bound(parameters, args, scope, around.depth), { ...around, depth: around.depth + 1 })
  }

  function bound(
    parameters: readonly PyToken[],
    args: PyArguments,
    scope: Map<string, PyValue>,
    depth: number
  ) {
    spend(scope.size)
    const inner = new Map(exhausted ? [] : scope)
    const names = split(parameters, ',').filter(
      part => part[0]?.kind === 'name' && !/^(?:self|cls)$/.test(part[0].text)
    )
    for (const [index, part] of names.entries()) {
      const name = part[0]?.text ?? ''
      const [, fallback] = split(part, '=')
      const value = args.positional[index] ?? args.named.get(name)
      inner.set(
        name,
        value ?? (fallback === undefined ? unknown : evaluate(fallback, scopeOf(scope, depth + 1)))
      )
    }
    return inner
  }

  /** What a function of the program returns; a class is its attributes. */
  function returned(name: string, args: PyArguments, depth: number): PyValue | undefined {
    const last = name.slice(name.lastIndexOf('.') + 1)
    const own = functions.get(last)
    if (own === undefined) {
      const made = globals.get(last)
      if (made?.kind !== 'dict' || name.includes('.')) return undefined
      if (!spend(made.entries.size)) return unknown
      return { kind: 'dict', entries: new Map([...made.entries, ...args.named]) }
    }
    steps += 1
    if (depth >= limits.depth || steps > limits.steps) return unknown
    const scope = bound(own.parameters, args, own.scope, depth)
    const results: PyValue[] = []
    for (const { tokens } of flat(own.body)) {
      if (!spend(tokens.length)) break
      const [target, value] = split(tokens, '=')
      if (tokens[0]?.text === 'return') results.push(evaluate(tokens.slice(1), scopeOf(scope, depth + 1)))
      else if (target?.length === 1 && value !== undefined) {
        scope.set(target[0]?.text ?? '', evaluate(value, scopeOf(scope, depth + 1)))
      }
    }
    return results.length === 0 ? unknown : union(results)
  }

  function written(line: number) {
    return (lines[line - 1] ?? '').trim().slice(0, 200)
  }
}

/** The condition is always true, or only counts rounds or time: what is in the body ends the loop. */
function isEndless(condition: readonly PyToken[]): boolean {
  const text = condition.map(({ text }) => text).join('')
  const called = text.replaceAll(/\b(?:time\.)?(?:time|monotonic|perf_counter)\(\)/g, '')
  return /^(?:True|1)$/.test(text) || (/[<>]/.test(called) && !called.includes('('))
}

/** A block's statements and those below them; functions defined in it are other programs. */
function flat(blocks: readonly PyBlock[], inLoops = true): readonly PyBlock[] {
  return blocks.flatMap(block => {
    const word = block.tokens[0]?.text ?? ''
    if (word === 'def' || word === 'class') return []
    const isLoop = word === 'while' || word === 'for'
    return [block, ...(isLoop && !inLoops ? [] : flat(block.body, inLoops))]
  })
}

// Modules that no folder of ours holds.
const standard = new Set(
  (
    '__future__ abc argparse asyncio base64 collections contextlib copy csv dataclasses datetime docker enum errno ' +
    'fcntl functools glob hashlib hmac http httpx io ipaddress itertools json logging math os pathlib platform pwd ' +
    'random re requests select shlex shutil signal socket ssl stat string struct subprocess sys systemd tempfile ' +
    'textwrap threading time tomllib traceback types typing urllib urllib3 uuid warnings xml yaml aiohttp'
  ).split(' ')
)
