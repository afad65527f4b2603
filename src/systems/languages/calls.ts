import type { Blanks } from './blanks.ts'
import { pythonGrammar, type Token, tokens } from '../../lib/text/lexical.ts'
import type { Span } from './shell-syntax.ts'

/** Calls whose arguments are only printed. */
export interface Printing {
  /** What stands before the bracket. */
  readonly call: RegExp
  /** Arguments by which it prints into a file. */
  readonly unless?: RegExp
}

/**
 * Marks the arguments of calls that print, unless something is called in them.
 *
 * @param outermost hears of each token that no bracket is around.
 */
export function markPrinted(
  text: string,
  found: readonly Token[],
  mark: (span: Span) => void,
  { call, unless }: Printing,
  outermost: (token: Token) => void = () => undefined
) {
  const open: { readonly start: number; readonly prints: boolean; calls: boolean }[] = []
  /** How many of those that are open print: only they need to hear of calls. */
  let printing = 0
  let at = 0
  const code = (end: number) => {
    for (; at < end; at++) {
      const char = text[at]
      if (char === '(' || char === '[' || char === '{') {
        if (printing > 0 && char === '(') for (const outer of open) outer.calls = true
        const prints = char === '(' && call.test(text.slice(Math.max(0, at - 40), at))
        if (prints) printing += 1
        open.push({ start: at + 1, prints, calls: false })
        if (open.length > 200) return
      } else if (char === ')' || char === ']' || char === '}') {
        const inner = open.pop()
        if (inner?.prints !== true) continue
        printing -= 1
        const span = { start: inner.start, end: at }
        if (!inner.calls && unless?.test(text.slice(span.start, span.end)) !== true) mark(span)
      }
    }
  }
  for (const token of found) {
    code(token.start)
    at = token.end
    if (open.length === 0) outermost(token)
  }
  code(text.length)
}

/** Python: comments, strings that stand alone (docstrings), and what `print` and loggers only print. */
export function markPython(text: string, offset: number, blanked: Blanks) {
  const mark = ({ start, end }: Span) => blanked.set({ start: start + offset, end: end + offset }, 'inert')
  const found = tokens(text, pythonGrammar)
  markPrinted(text, found, mark, pythonPrinting, token => {
    if (token.kind === 'string' && standsAlone(text, token)) mark(token)
  })
  for (const token of found) if (token.kind === 'comment') mark(token)
}

const pythonPrinting: Printing = {
  call: /(?:^|[^\w.])(?:print|(?:log|logger|logging)\.[a-z]+|sys\.std(?:out|err)\.write)$/,
  unless: /\bfile\s*=\s*(?!sys\.std)/
}

function standsAlone(text: string, { start, end }: Span) {
  const before = text.slice(Math.max(0, start - 200), start)
  const after = text.slice(end, end + 200)
  return /(?:^|\n)[ \t]*[rbfuRBFU]{0,2}$/.test(before) && /^[ \t]*(?:#|\r?\n|$)/.test(after)
}
