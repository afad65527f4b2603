import { pythonGrammar, tokens } from '../../lib/text/lexical.ts'
import { lineAt, startsOfLines } from './shell-syntax.ts'

/** One token of a Python text. Comments are none. */
export interface PyToken {
  readonly kind: 'name' | 'number' | 'string' | 'mark'
  /** A string's content without its quotes; everything else as it is written. */
  readonly text: string
  /** Letters before a string's quotes, in lower case: `f`, `rb`, … */
  readonly prefix: string
  readonly line: number
}

/** A logical line and the lines that are indented below it. */
export interface PyBlock {
  readonly line: number
  readonly tokens: readonly PyToken[]
  readonly body: readonly PyBlock[]
}

const opensBlock = new Set(
  'while for if elif else try except finally with def class match case async'.split(' ')
)

/** The statements of a Python text, nested by indentation. Any text has an answer, in time linear in it. */
export function pythonBlocks(text: string): readonly PyBlock[] {
  const root: Open = { indent: -1, line: 0, tokens: [], body: [] }
  const stack: Open[] = [root]
  for (const { indent, line, tokens } of logicalLines(text)) {
    while (stack.length > 1 && (stack.at(-1)?.indent ?? -1) >= indent) stack.pop()
    for (const statement of statements(tokens)) {
      const [head, rest] = headOf(statement)
      const block: Open = { indent, line: head[0]?.line ?? line, tokens: head, body: [] }
      if (rest.length > 0) block.body.push({ line, tokens: rest, body: [] })
      stack.at(-1)?.body.push(block)
      if (opensBlock.has(head[0]?.text ?? '') && stack.length < 40) stack.push(block)
    }
  }
  return root.body
}

interface Open extends PyBlock {
  readonly indent: number
  readonly body: PyBlock[]
}

interface Logical {
  readonly indent: number
  readonly line: number
  readonly tokens: readonly PyToken[]
}

function logicalLines(text: string): readonly Logical[] {
  const starts = startsOfLines(text)
  const lines: Logical[] = []
  let current: PyToken[] = []
  let indent = 0
  let depth = 0
  let at = 0
  const flush = () => {
    if (current.length > 0) lines.push({ indent, line: current[0]?.line ?? 1, tokens: current })
    current = []
  }
  const push = (token: Omit<PyToken, 'line'>, offset: number) => {
    const line = lineAt(starts, offset)
    if (current.length === 0) indent = indentOf(text.slice(starts[line - 1] ?? 0, offset))
    current.push({ ...token, line })
  }
  const code = (end: number) => {
    const pattern = /\\\r?\n|\n|[A-Za-z_]\w*|\d[\w.]*|[=!<>]=|:=|\*\*|\S/gy
    for (;;) {
      while (at < end && (text[at] === ' ' || text[at] === '\t' || text[at] === '\r')) at += 1
      if (at >= end) break
      pattern.lastIndex = at
      const word = pattern.exec(text)?.[0]
      if (word === undefined) break
      if (word === '\n') {
        if (depth === 0) flush()
      } else if (!word.startsWith('\\')) {
        if ('([{'.includes(word)) depth += 1
        if (')]}'.includes(word)) depth = Math.max(0, depth - 1)
        const kind = /^[A-Za-z_]/.test(word) ? 'name' : /^\d/.test(word) ? 'number' : 'mark'
        push({ kind, text: word, prefix: '' }, at)
      }
      at += word.length
    }
    at = end
  }
  for (const token of tokens(text, pythonGrammar)) {
    code(token.start)
    at = token.end
    if (token.kind === 'comment') continue
    const last = current.at(-1)
    const prefixed =
      last?.kind === 'name' &&
      /^[rbfu]{1,2}$/i.test(last.text) &&
      text.slice(token.start - last.text.length, token.start) === last.text
    if (prefixed) current.pop()
    const { length } = token.quote
    const inner = text.slice(token.start + length, Math.max(token.start + length, token.end - length))
    const prefix = prefixed ? last.text.toLowerCase() : ''
    push(
      { kind: 'string', prefix, text: prefix.includes('r') ? inner : unescaped(inner) },
      token.start - prefix.length
    )
  }
  code(text.length)
  flush()
  return lines
}

function indentOf(blank: string): number {
  return blank.replaceAll('\t', '        ').length
}

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '\n': '' }

function unescaped(text: string): string {
  return text.replaceAll(
    /\\([^])/g,
    (_, char: string) => escapes[char] ?? ('"\'\\'.includes(char) ? char : `\\${char}`)
  )
}

/** Splits at semicolons outside of brackets. */
function statements(tokens: readonly PyToken[]): readonly (readonly PyToken[])[] {
  return split(tokens, ';').filter(part => part.length > 0)
}

/** Splits a compound statement that goes on behind its colon. */
function headOf(tokens: readonly PyToken[]): readonly [readonly PyToken[], readonly PyToken[]] {
  if (!opensBlock.has(tokens[0]?.text ?? '') || tokens[0]?.kind !== 'name') return [tokens, []]
  const [head = tokens, ...rest] = split(tokens, ':')
  const used = head.length + 1
  return rest.length === 0 ? [tokens, []] : [head, tokens.slice(used)]
}

/** Splits at a mark (or a word) that stands outside of all brackets. */
export function split(tokens: readonly PyToken[], at: string): readonly (readonly PyToken[])[] {
  // Most have none: those are not looked at closely, nor copied. A deeply nested call asks very often.
  if (!tokens.some(({ text }) => text === at)) return [tokens]
  const parts: (readonly PyToken[])[] = []
  let depth = 0
  let from = 0
  for (const [index, { kind, text }] of tokens.entries()) {
    if (kind === 'mark' && '([{'.includes(text)) depth += 1
    if (kind === 'mark' && ')]}'.includes(text)) depth -= 1
    if (depth !== 0 || text !== at || kind === 'string') continue
    parts.push(tokens.slice(from, index))
    from = index + 1
  }
  return from === 0 ? [tokens] : [...parts, tokens.slice(from)]
}

/** The index of the bracket that closes the one at `open`; the end of the tokens if none does. */
export function closing(tokens: readonly PyToken[], open: number): number {
  let depth = 0
  for (let at = open; at < tokens.length; at++) {
    const token = tokens[at]
    if (token?.kind !== 'mark') continue
    if ('([{'.includes(token.text)) depth += 1
    if (')]}'.includes(token.text)) depth -= 1
    if (depth <= 0) return at
  }
  return tokens.length
}

/** An f-string's literal text and, as tokens, the expressions in its braces. */
export function formatted(text: string, line: number): readonly (string | readonly PyToken[])[] {
  const parts: (string | readonly PyToken[])[] = []
  let literal = ''
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? ''
    if ((char === '{' || char === '}') && text[at + 1] === char) {
      literal += char
      at += 1
    } else if (char === '{') {
      const end = text.indexOf('}', at)
      const inner = unformatted(text.slice(at + 1, end < 0 ? text.length : end))
      parts.push(
        literal,
        logicalLines(inner).flatMap(({ tokens }) => tokens.map(token => ({ ...token, line })))
      )
      literal = ''
      at = end < 0 ? text.length : end
    } else literal += char
  }
  return [...parts, literal]
}

/** What stands between the braces less `!r` and the format behind a colon, which is behind every string and index. */
function unformatted(inner: string): string {
  const from = Math.max(...[']', "'", '"'].map(sign => inner.lastIndexOf(sign))) + 1
  const colon = inner.indexOf(':', from)
  return (colon < 0 ? inner : inner.slice(0, colon)).replace(/![rsa]$/, '')
}
