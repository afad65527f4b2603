/** How a language writes comments and strings: all that it takes to tell code from words about code. */
export interface Grammar {
  /** What begins a comment that ends with its line. */
  readonly line: readonly string[]
  /** What begins and ends a comment over several lines. */
  readonly block?: readonly [open: string, close: string]
  /** Longest first. */
  readonly strings: readonly Quote[]
  /** Strings and comments begin only after white space or one of `=:,([{`, as in YAML. */
  readonly spaced?: boolean
}

interface Quote {
  readonly quote: string
  /** What makes the closing quote no closing quote; `before` it, or `after` it as in Nix. */
  readonly escape?: string
  readonly notBefore?: RegExp
  readonly lines: boolean
}

export interface Token {
  readonly kind: 'comment' | 'string'
  readonly start: number
  readonly end: number
  /** The quote of a string; empty for a comment. */
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
  block: ['/*', '*/'],
  strings: [
    { quote: '"', escape: '\\', lines: false },
    { quote: "'", escape: '\\', lines: false },
    { quote: '`', escape: '\\', lines: true }
  ]
}

export const nixGrammar: Grammar = {
  line: ['#'],
  block: ['/*', '*/'],
  strings: [
    { quote: "''", notBefore: /['$\\]/, lines: true },
    { quote: '"', escape: '\\', lines: true }
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
  let at = 0
  while (at < text.length) {
    const start = at
    const begins = grammar.spaced !== true || start === 0 || /[\s=:,([{]/.test(text[start - 1] ?? '')
    const quote = begins ? grammar.strings.find(({ quote }) => text.startsWith(quote, start)) : undefined
    if (quote !== undefined) {
      at = endOfString(text, start, quote)
      found.push({ kind: 'string', start, end: at, quote: quote.quote })
    } else if (begins && grammar.line.some(mark => text.startsWith(mark, start))) {
      const end = text.indexOf('\n', start)
      at = end < 0 ? text.length : end
      found.push({ kind: 'comment', start, end: at, quote: '' })
    } else if (grammar.block !== undefined && text.startsWith(grammar.block[0], start)) {
      const end = text.indexOf(grammar.block[1], start + grammar.block[0].length)
      at = end < 0 ? text.length : end + grammar.block[1].length
      found.push({ kind: 'comment', start, end: at, quote: '' })
    } else at += 1
  }
  return found
}

function endOfString(text: string, start: number, { quote, escape, notBefore, lines }: Quote): number {
  for (let at = start + quote.length; at < text.length; at++) {
    if (text[at] === escape) at += 1
    else if (text.startsWith(quote, at)) {
      if (notBefore === undefined || !notBefore.test(text[at + quote.length] ?? '')) return at + quote.length
      at += quote.length
    } else if (!lines && text[at] === '\n') return at
  }
  return text.length
}
