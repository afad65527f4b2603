import { analysisBounds } from '../../lib/bounds.ts'

/**
 * A tolerant reader of POSIX shell (and the common bash additions): what a script would run, without
 * running it. It never throws, reads each character a bounded number of times, and where a text is no
 * shell at all it says so (`broken`) rather than guessing.
 */

export interface Script {
  readonly body: List
  /** Where the comments are, as offsets. */
  readonly comments: readonly Span[]
  /** Where a backslash ends a line that goes on, as offsets of the backslash. */
  readonly continued: readonly number[]
  /** A quote, a bracket or a here-document never closes, or it nests too deep to be read. */
  readonly broken: boolean
}

export type List = readonly Item[]

/** Commands joined by `&&` and `||`. */
export interface Item {
  readonly links: readonly Link[]
  /** Ended by `&`: whoever waits for the script does not wait for this. */
  readonly background: boolean
}

export interface Link {
  readonly operator: '' | '&&' | '||'
  readonly negated: boolean
  readonly pipeline: readonly Command[]
}

export interface Span {
  readonly start: number
  readonly end: number
}

interface At extends Span {
  /** Line of its first character, from 1. */
  readonly line: number
}

export type Command = Simple | Compound

export interface Simple extends At {
  readonly kind: 'simple'
  readonly assigns: readonly Assign[]
  readonly words: readonly Word[]
  readonly redirects: readonly Redirect[]
}

export type Compound = At & { readonly redirects: readonly Redirect[] } & (
    | { readonly kind: 'group'; readonly body: List }
    | { readonly kind: 'while' | 'until'; readonly condition: List; readonly body: List }
    | {
        readonly kind: 'for'
        readonly variable: string
        readonly items: readonly Word[]
        readonly body: List
      }
    | { readonly kind: 'if'; readonly branches: readonly Branch[] }
    | { readonly kind: 'case'; readonly subject: Word; readonly arms: readonly List[] }
    | { readonly kind: 'function'; readonly name: string; readonly body: List }
  )

export interface Branch {
  /** Empty for `else`. */
  readonly condition: List
  readonly body: List
}

export interface Assign extends At {
  readonly name: string
  readonly value: Word
}

export interface Redirect extends At {
  readonly operator: string
  readonly target: Word
  readonly document?: Document
}

export interface Document extends At {
  readonly body: string
}

export interface Word extends At {
  readonly parts: readonly Part[]
}

export type Part =
  | { readonly kind: 'text'; readonly text: string; readonly quoted: boolean }
  | {
      readonly kind: 'variable'
      readonly name: string
      readonly fallback: string | null
      readonly quoted: boolean
    }
  /** `$(…)`, a pair of backticks, or `<(…)`. */
  | { readonly kind: 'command'; readonly body: List; readonly start: number; readonly end: number }

const maxDepth = 40
const meta = new Set([' ', '\t', '\n', '\r', ';', '&', '|', '<', '>', '(', ')'])
const closers = new Set(['then', 'do', 'done', 'fi', 'elif', 'else', 'esac', '}'])

/** Reads a script. Any text has an answer; one that is too long to be a script is `broken`. */
export function parseShell(text: string): Script {
  if (text.length > analysisBounds.script) return { body: [], comments: [], continued: [], broken: true }
  const comments: Span[] = []
  const continued: number[] = []
  const awaited: { redirect: { document?: Document }; delimiter: string; indented: boolean }[] = []
  const lineStarts = startsOfLines(text)
  let at = 0
  let depth = 0
  let broken = false
  let inBackticks = false

  const lineOf = (offset: number) => lineAt(lineStarts, offset)
  const peek = (length = 1) => text.slice(at, at + length)
  const since = (start: number) => ({ start, end: at, line: lineOf(start) })

  const body = list(() => at >= text.length)
  return { body, comments, continued, broken }

  /** Everything up to what `ends` says: closing words and brackets that nobody opened are stepped over. */
  function list(ends: () => boolean): List {
    const items: Item[] = []
    depth += 1
    if (depth > maxDepth) {
      broken = true
      at = text.length
    }
    for (;;) {
      separators()
      if (at >= text.length || ends()) break
      const before = at
      const item = andOr()
      if (item.links.length > 0) items.push(item)
      if (at === before) {
        // Nobody opened this bracket or closing word: a syntax error to a shell.
        broken = true
        at += 1
      }
    }
    depth -= 1
    return items
  }

  function andOr(): Item {
    const links: Link[] = []
    let operator: Link['operator'] = ''
    for (;;) {
      const negated = keyword() === '!'
      if (negated) take('!')
      const pipeline = pipes()
      if (pipeline.length > 0) links.push({ operator, negated, pipeline })
      blanks()
      const next = peek(2)
      if (next !== '&&' && next !== '||') break
      operator = next
      at += 2
      separators(true)
    }
    const background = peek() === '&'
    if (background) at += 1
    return { links, background }
  }

  function pipes(): Command[] {
    const commands: Command[] = []
    for (;;) {
      const next = command()
      if (next !== undefined) commands.push(next)
      blanks()
      if (peek() !== '|' || peek(2) === '||') return commands
      at += peek(2) === '|&' ? 2 : 1
      separators(true)
    }
  }

  function command(): Command | undefined {
    blanks()
    const start = at
    const found = compound(start)
    if (found === undefined) return simple(start)
    return found
  }

  function compound(start: number): Compound | undefined {
    const done = <Rest extends object>(rest: Rest) => {
      const redirects = redirections()
      return { ...rest, redirects, ...since(start) }
    }
    if (peek(2) === '((') {
      arithmetic()
      return done({ kind: 'group' as const, body: [] })
    }
    if (peek() === '(') {
      at += 1
      const inner = list(() => peek() === ')')
      close(')')
      return done({ kind: 'group' as const, body: inner })
    }
    const word = keyword()
    switch (word) {
      case '{': {
        take(word)
        const inner = until('}')
        take('}')
        return done({ kind: 'group' as const, body: inner })
      }
      case 'while':
      case 'until': {
        take(word)
        const condition = until('do')
        return done({ kind: word, condition, body: loopBody() })
      }
      case 'for':
      case 'select':
        take(word)
        return done(forLoop())
      case 'if':
        take(word)
        return done({ kind: 'if' as const, branches: branches() })
      case 'case':
        take(word)
        return done(caseOf())
      case 'function': {
        take(word)
        blanks()
        const name = plain(shellWord())
        blanks()
        if (peek() === '(') parentheses()
        return functionOf(name, done)
      }
      default:
        return undefined
    }
  }

  function functionOf(
    name: string,
    done: <Rest extends object>(rest: Rest) => Rest & At & { redirects: Redirect[] }
  ) {
    separators(true)
    depth += 1
    const inner = depth > maxDepth ? undefined : command()
    depth -= 1
    const body: List =
      inner === undefined
        ? []
        : [{ background: false, links: [{ operator: '', negated: false, pipeline: [inner] }] }]
    return done({ kind: 'function' as const, name, body })
  }

  function parentheses() {
    at += 1
    blanks()
    close(')')
  }

  function branches(): Branch[] {
    const found: Branch[] = []
    let condition = until('then')
    take('then')
    for (;;) {
      found.push({ condition, body: until('elif', 'else', 'fi') })
      const word = keyword()
      if (word === 'elif') {
        take(word)
        condition = until('then')
        take('then')
      } else if (word === 'else') {
        take(word)
        condition = []
      } else {
        take('fi')
        return found
      }
    }
  }

  function forLoop() {
    blanks()
    if (peek(2) === '((') {
      arithmetic()
      separators()
      return { kind: 'for' as const, variable: '', items: [], body: loopBody() }
    }
    const variable = plain(shellWord())
    separators()
    const items: Word[] = []
    if (keyword() === 'in') {
      take('in')
      for (;;) {
        blanks()
        if (wordEnds()) break
        items.push(shellWord())
      }
      separators()
    }
    return { kind: 'for' as const, variable, items, body: loopBody() }
  }

  function loopBody(): List {
    separators()
    take('do')
    const inner = until('done')
    take('done')
    return inner
  }

  function caseOf() {
    blanks()
    const subject = shellWord()
    separators()
    take('in')
    const arms: List[] = []
    for (;;) {
      separators()
      if (at >= text.length || keyword() === 'esac') break
      if (peek() === '(') at += 1
      const before = at
      // The pattern: words and bars, up to its bracket.
      while (at < text.length && peek() !== ')' && peek() !== '\n') {
        if (wordEnds()) at += 1
        else shellWord()
      }
      if (peek() === ')') at += 1
      arms.push(list(() => peek(2) === ';;' || peek(2) === ';&' || keyword() === 'esac'))
      while (peek() === ';' || peek() === '&') at += 1
      if (at === before) {
        broken = true
        break
      }
    }
    take('esac')
    return { kind: 'case' as const, subject, arms }
  }

  function simple(start: number): Command | undefined {
    const assigns: Assign[] = []
    const words: Word[] = []
    const redirects: Redirect[] = []
    for (;;) {
      blanks()
      const from = at
      const redirect = redirection()
      if (redirect !== undefined) {
        redirects.push(redirect)
        continue
      }
      if (wordEnds()) break
      if (words.length === 0) {
        if (closers.has(keyword() ?? '')) break
        const name = /^[A-Za-z_]\w{0,99}\+?=/.exec(text.slice(at, at + 102))?.[0]
        if (name !== undefined) {
          at += name.length
          const value = peek() === '(' ? arrayOf() : shellWord()
          assigns.push({ name: name.replace(/\+?=$/, ''), value, ...since(from) })
          continue
        }
      }
      const word = shellWord()
      words.push(word)
      if (words.length === 1 && assigns.length === 0) {
        if (plain(word) === '[[') testWords(words)
        else if (/^[ \t]*\([ \t]*\)/.test(text.slice(at, at + 20))) {
          blanks()
          parentheses()
          return functionOf(plain(word), rest => ({ ...rest, redirects: redirections(), ...since(start) }))
        }
      }
    }
    if (assigns.length + words.length + redirects.length === 0) return undefined
    const last = [...assigns, ...words, ...redirects].reduce((end, part) => Math.max(end, part.end), start)
    return { kind: 'simple', assigns, words, redirects, start, end: last, line: lineOf(start) }
  }

  /** `[[ … ]]` has operators of its own: bars and brackets in it join no commands. */
  function testWords(words: Word[]) {
    while (at < text.length) {
      blanks()
      if (peek() === '\n' || peek() === ';' || at >= text.length) return
      if (wordEnds()) {
        at += 1
        continue
      }
      const word = shellWord()
      words.push(word)
      if (plain(word) === ']]') return
    }
  }

  /** The words of `name=(…)`, as one word. */
  function arrayOf(): Word {
    const start = at
    const parts: Part[] = []
    at += 1
    for (;;) {
      separators()
      if (at >= text.length) broken = true
      if (at >= text.length || peek() === ')') break
      if (wordEnds()) at += 1
      else parts.push(...shellWord().parts, { kind: 'text', text: ' ', quoted: false })
    }
    close(')')
    return { parts, ...since(start) }
  }

  function redirections(): Redirect[] {
    const found: Redirect[] = []
    for (;;) {
      blanks()
      const next = redirection()
      if (next === undefined) return found
      found.push(next)
    }
  }

  function redirection(): Redirect | undefined {
    const start = at
    const operator = /^(?:\d{0,3}|&)(?:<<<|<<-?|<&|<>|<|>>|>&|>\||>)/.exec(text.slice(at, at + 8))?.[0]
    if (operator === undefined || isSubstitution()) return undefined
    at += operator.length
    blanks()
    const target = shellWord()
    const redirect: { operator: string; target: Word; document?: Document } & At = {
      operator,
      target,
      ...since(start)
    }
    if (/^\d*<<-?$/.test(operator)) {
      awaited.push({ redirect, delimiter: plain(target), indented: operator.endsWith('-') })
    }
    return redirect
  }

  function documents() {
    for (const { redirect, delimiter, indented } of awaited.splice(0)) {
      const start = at
      let end = at
      let closed = false
      while (at < text.length && !closed) {
        const stop = endOfLine(at)
        const line = text.slice(at, stop).replace(/\r$/, '')
        closed = (indented ? line.replace(/^\t+/, '') : line) === delimiter
        end = closed ? at : stop
        at = Math.min(stop + 1, text.length)
      }
      if (!closed) broken = true
      redirect.document = { start, end, line: lineOf(start), body: text.slice(start, end) }
    }
  }

  function shellWord(): Word {
    const start = at
    const parts: Part[] = []
    let literal = ''
    const flush = () => {
      if (literal !== '') parts.push({ kind: 'text', text: literal, quoted: false })
      literal = ''
    }
    while (at < text.length) {
      const char = peek()
      if (wordEnds() || (isSubstitution() && at > start)) break
      if (char === '\\') {
        if (text[at + 1] === '\n') continued.push(at)
        else literal += text[at + 1] ?? ''
        at += 2
      } else if (char === "'") {
        flush()
        parts.push(quoted(at + 1))
      } else if (char === '"' || peek(2) === '$"') {
        flush()
        at += char === '"' ? 1 : 2
        parts.push(...doubleQuoted())
      } else if (peek(2) === "$'") {
        flush()
        parts.push(quoted(at + 2, true))
      } else if (char === '$' || char === '`' || isSubstitution()) {
        flush()
        const part = expansion(false)
        if (part === undefined) literal += char
        else parts.push(part)
      } else {
        literal += char
        at += 1
      }
    }
    flush()
    at = Math.min(at, text.length)
    return { parts, ...since(start) }
  }

  function quoted(from: number, escapes = false): Part {
    let end = text.indexOf("'", from)
    if (escapes) while (end > 0 && text[end - 1] === '\\') end = text.indexOf("'", end + 1)
    if (end < 0) broken = true
    const stop = end < 0 ? text.length : end
    at = stop + 1
    return { kind: 'text', text: text.slice(from, stop), quoted: true }
  }

  function doubleQuoted(): Part[] {
    const parts: Part[] = []
    let literal = ''
    const flush = () => {
      parts.push({ kind: 'text', text: literal, quoted: true })
      literal = ''
    }
    while (at < text.length && peek() !== '"' && !(inBackticks && peek() === '`')) {
      const char = peek()
      if (char === '\\') {
        const next = text[at + 1] ?? ''
        if (next === '\n') continued.push(at)
        else literal += '$`"\\'.includes(next) ? next : `\\${next}`
        at += 2
      } else if (char === '$' || char === '`') {
        const part = expansion(true)
        if (part === undefined) literal += char
        else {
          flush()
          parts.push(part)
        }
      } else {
        literal += char
        at += 1
      }
    }
    flush()
    close('"')
    return parts
  }

  /** What a `$`, a backtick or `<(` begins; undefined, one character on, if it begins nothing. */
  function expansion(inQuotes: boolean): Part | undefined {
    const start = at
    if (peek(3) === '$((') {
      at += 1
      arithmetic()
      return { kind: 'variable', name: '', fallback: null, quoted: inQuotes }
    }
    if (peek(2) === '$(' || isSubstitution()) {
      at += 2
      const inner = list(() => peek() === ')')
      close(')')
      return { kind: 'command', body: inner, start, end: at }
    }
    if (peek() === '`') {
      at += 1
      inBackticks = true
      const inner = list(() => peek() === '`')
      inBackticks = false
      close('`')
      return { kind: 'command', body: inner, start, end: at }
    }
    if (peek(2) === '${') return braces(inQuotes)
    const name = /^\$(?:[A-Za-z_]\w{0,99}|[0-9@*#?$!-])/.exec(text.slice(at, at + 102))?.[0]
    at += name?.length ?? 1
    return name === undefined
      ? undefined
      : { kind: 'variable', name: name.slice(1), fallback: null, quoted: inQuotes }
  }

  function braces(inQuotes: boolean): Part {
    const start = at + 2
    let open = 1
    at = start
    while (at < text.length && open > 0) {
      const char = peek()
      if (char === '{') open += 1
      else if (char === '}') open -= 1
      else if (char === '\\') at += 1
      at += 1
    }
    if (open > 0) broken = true
    at = Math.min(at, text.length)
    const inner = text.slice(start, at - 1)
    const [, name = '', fallback] = /^([A-Za-z_]\w{0,99}|[0-9@*#?!])(?::?[-=]([^$`]*))?$/s.exec(inner) ?? []
    return { kind: 'variable', name, fallback: fallback?.replaceAll(/["']/g, '') ?? null, quoted: inQuotes }
  }

  function arithmetic() {
    let open = 0
    while (at < text.length) {
      if (peek() === '(') open += 1
      if (peek() === ')') open -= 1
      at += 1
      if (open === 0) return
    }
    broken = true
  }

  /** Whether no word goes on, or begins, here. */
  function wordEnds() {
    if (at >= text.length || (inBackticks && peek() === '`')) return true
    return meta.has(peek()) && !isSubstitution()
  }

  function isSubstitution() {
    return peek(2) === '<(' || peek(2) === '>('
  }

  function until(...words: readonly string[]): List {
    return list(() => words.includes(keyword() ?? ''))
  }

  /** The bare word at the next command position, without taking it. */
  function keyword(): string | undefined {
    blanks()
    return /^(?:[a-z]{2,8}|[{}!])(?=[\s;&|()<>`]|$)/.exec(text.slice(at, at + 10))?.[0]
  }

  function take(word: string) {
    if (keyword() === word) at += word.length
    else broken = true
  }

  function close(bracket: string) {
    if (peek() === bracket) at += 1
    else broken = true
  }

  function blanks() {
    for (;;) {
      const char = peek()
      if (char === ' ' || char === '\t' || char === '\r') at += 1
      else if (char === '\\' && text[at + 1] === '\n') {
        continued.push(at)
        at += 2
      } else if (char === '#' && (at === 0 || meta.has(text[at - 1] ?? '') || text[at - 1] === '`')) {
        const end = endOfLine(at)
        comments.push({ start: at, end })
        at = end
      } else return
    }
  }

  /** Line ends and, unless an operator came before, semicolons. */
  function separators(linesOnly = false) {
    for (;;) {
      blanks()
      if (peek() === '\n') {
        at += 1
        documents()
      } else if (peek() === ';' && !linesOnly && text[at + 1] !== ';' && text[at + 1] !== '&') at += 1
      else return
    }
  }

  function endOfLine(from: number) {
    const end = text.indexOf('\n', from)
    return end < 0 ? text.length : end
  }
}

/** The word with its quotes removed; expansions stay out of it. */
export function plain(word: Word): string {
  return word.parts.map(part => (part.kind === 'text' ? part.text : '')).join('')
}

/** Offsets at which lines begin. */
export function startsOfLines(text: string): readonly number[] {
  const starts = [0]
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', end + 1)) starts.push(end + 1)
  return starts
}

/** The line, from 1, that an offset is on. */
export function lineAt(starts: readonly number[], offset: number): number {
  let low = 0
  let high = starts.length
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if ((starts[middle] ?? 0) <= offset) low = middle
    else high = middle
  }
  return low + 1
}

/** The words of a text that is one command without anything that a shell works out; null for every other text. */
export function commandWords(text: string): readonly string[] | null {
  const { body, broken } = parseShell(text)
  const [item, ...items] = body
  const [link, ...links] = item?.links ?? []
  const [command, ...commands] = link?.pipeline ?? []
  if (broken || item === undefined || link === undefined || command?.kind !== 'simple') return null
  if (items.length + links.length + commands.length > 0 || item.background || link.negated) return null
  const { words, redirects, assigns } = command
  const isPlain = words.every(({ parts }) => parts.every(({ kind }) => kind === 'text'))
  if (words.length === 0 || redirects.length + assigns.length > 0 || !isPlain) return null
  return words.map(plain)
}
