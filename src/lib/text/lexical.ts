/** How a language writes comments and strings: all that it takes to tell code from words about code. */
export interface Grammar {
  /** What begins a comment that ends with its line. */
  readonly line: readonly string[]
  /** The same, where nothing but white space stands before it on its line. */
  readonly first?: readonly string[]
  /** Comments over several lines. */
  readonly blocks?: readonly Block[]
  /** Strings and comments whose end depends on their beginning, such as here-documents. Tried first. */
  readonly special?: readonly Special[]
  /** `/…/` is a regular expression where no value stands before it. */
  readonly regex?: boolean
  /** Longest first. */
  readonly strings: readonly Quote[]
  /** Strings and comments begin only after white space or one of `=:,([{`, as in YAML. */
  readonly spaced?: boolean
}

interface Block {
  readonly open: string
  readonly close: string
  /** One inside another closes by itself. */
  readonly nested?: boolean
  /** Opens and closes only at the beginning of a line. */
  readonly first?: boolean
}

interface Special {
  readonly kind: Token['kind']
  /** Sticky, and bounded in what it looks at. */
  readonly open: RegExp
  /** What ends it: a text, or a line that is this word alone (and what may follow it). */
  readonly close: (groups: readonly string[]) => { readonly text: string } | { readonly lineOf: string }
}

interface Quote {
  readonly quote: string
  /** What makes the closing quote behind it no closing quote. */
  readonly escape?: string
  readonly lines: boolean
}

export interface Token {
  readonly kind: 'comment' | 'string'
  readonly start: number
  readonly end: number
  /** The quote of a string, `<<` for one that a line ends, `/` for a regular expression; empty for a comment. */
  readonly quote: string
}

export const hashGrammar: Grammar = {
  line: ['#'],
  strings: [
    { quote: '"', escape: '\\', lines: false },
    { quote: "'", lines: false }
  ],
  spaced: true
}

export const slashGrammar: Grammar = {
  line: ['//'],
  blocks: [{ open: '/*', close: '*/' }],
  strings: [
    { quote: '"', escape: '\\', lines: false },
    { quote: "'", escape: '\\', lines: false },
    { quote: '`', escape: '\\', lines: true }
  ]
}

export const pythonGrammar: Grammar = {
  line: ['#'],
  strings: [
    { quote: '"""', escape: '\\', lines: true },
    { quote: "'''", escape: '\\', lines: true },
    { quote: '"', escape: '\\', lines: false },
    { quote: "'", escape: '\\', lines: false }
  ]
}

/**
 * The comments and strings of a text, in order. A string that never closes ends with its line, or with the
 * text if its kind may span lines. Takes time linear in the text.
 */
export function tokens(text: string, grammar: Grammar): readonly Token[] {
  const found: Token[] = []
  const { strings, line, first = [], blocks = [], special = [], spaced = false, regex = false } = grammar
  let at = 0
  /** Whether only white space stands between here and the beginning of the line. */
  let isFirst = true
  while (at < text.length) {
    const start = at
    const begins = !spaced || start === 0 || /[\s=:,([{]/.test(text[start - 1] ?? '')
    const token = (begins ? specialAt(text, start, special) : undefined) ?? plainAt(start, begins)
    if (token === undefined) {
      if (text[start] === '\n') isFirst = true
      else if (!/\s/.test(text[start] ?? '')) isFirst = false
      at += 1
    } else {
      found.push(token)
      at = token.end
      isFirst = text[at - 1] === '\n'
    }
  }
  return found

  function plainAt(start: number, begins: boolean): Token | undefined {
    const comment = (end: number): Token => ({ kind: 'comment', start, end, quote: '' })
    for (const block of blocks) {
      if (
        !text.startsWith(block.open, start) ||
        (block.first === true && text[start - 1] !== '\n' && start > 0)
      )
        continue
      return comment(endOfBlock(text, start, block))
    }
    const begin = (mark: string) => text.startsWith(mark, start)
    if ((begins && line.some(begin)) || (isFirst && first.some(begin))) return comment(endOfLine(text, start))
    const quote = begins ? strings.find(({ quote }) => begin(quote)) : undefined
    if (quote !== undefined)
      return { kind: 'string', start, end: endOfString(text, start, quote), quote: quote.quote }
    const end = regex && text[start] === '/' ? endOfRegex(text, start) : undefined
    return end === undefined ? undefined : { kind: 'string', start, end, quote: '/' }
  }
}

function specialAt(text: string, start: number, special: readonly Special[]): Token | undefined {
  for (const { kind, open, close } of special) {
    open.lastIndex = start
    const match = open.exec(text)
    if (match === null) continue
    const from = start + match[0].length
    const ends = close(match.slice(1).map(group => group ?? ''))
    if ('text' in ends) {
      const end = text.indexOf(ends.text, from)
      return {
        kind,
        start,
        end: end < 0 ? text.length : end + ends.text.length,
        quote: kind === 'comment' ? '' : match[0]
      }
    }
    return { kind, start: endOfLine(text, start), end: lineOf(text, from, ends.lineOf), quote: '<<' }
  }
  return undefined
}

/** Where the line begins, behind `from`, whose first word is this one; the end of the text if there is none. */
function lineOf(text: string, from: number, word: string): number {
  for (let at = endOfLine(text, from) + 1; at < text.length; at = endOfLine(text, at) + 1) {
    const line = text.slice(at, at + 200 + word.length).trimStart()
    if (line.startsWith(word) && !/\w/.test(line[word.length] ?? '')) return at
  }
  return text.length
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from)
  return end < 0 ? text.length : end
}

function endOfBlock(
  text: string,
  start: number,
  { open, close, nested = false, first = false }: Block
): number {
  let depth = 0
  for (let at = start; at < text.length; ) {
    if (text.startsWith(open, at) && (depth === 0 || nested)) {
      depth += 1
      at += open.length
    } else if (text.startsWith(close, at) && (!first || text[at - 1] === '\n')) {
      depth -= 1
      at += close.length
      if (depth === 0) return first ? endOfLine(text, at) : at
    } else at += 1
  }
  return text.length
}

function endOfString(text: string, start: number, { quote, escape, lines }: Quote): number {
  for (let at = start + quote.length; at < text.length; at++) {
    if (text[at] === escape) at += 1
    else if (text.startsWith(quote, at)) return at + quote.length
    else if (!lines && text[at] === '\n') return at
  }
  return text.length
}

const longestRegex = 1_000

/** The end of a regular expression that begins at this slash; undefined where it divides. */
function endOfRegex(text: string, start: number): number | undefined {
  const before = text.slice(Math.max(0, start - 40), start).trimEnd()
  if (
    !/(?:^|[(,=:[!&|?{};+~^<>*%-]|\b(?:return|typeof|case|in|of|when|if|unless|and|or|not|split|match))$/.test(
      before
    )
  )
    return undefined
  let isClass = false
  for (let at = start + 1; at < Math.min(text.length, start + longestRegex); at++) {
    const char = text[at]
    if (char === '\n') return undefined
    if (char === '\\') at += 1
    else if (char === '[') isClass = true
    else if (char === ']') isClass = false
    else if (char === '/' && !isClass) return at + 1
  }
  return undefined
}
