import type { ParsingBudget } from '../lib/effort.ts'
import { trimmedEnd } from '../lib/text/trim.ts'
import { htmlEnds, type Markup } from './markup.ts'
import type { Parsed, Parser } from './parse.ts'
import { type Part, scanner } from './scan.ts'

/**
 * Finds places in a review file that other people have written in as well. Its lines locate, and a parser where
 * they leave a doubt; what exists is never written again by it, because it would not come out as it went in.
 *
 * Bytes are read as Latin-1, one character a byte, so that offsets are byte offsets whatever the bytes are:
 * only ASCII characters make blocks of Markdown.
 */

export interface Heading {
  /** From 1. */
  readonly line: number
  /** The byte where the `#` is. */
  readonly offset: number
  readonly depth: number
  /** What stands behind the `#`, as it is written, without a closing row of `#`. */
  readonly text: string
  /** Whether it is at the top level nobody knows: the file exhausts the parser. */
  readonly guessed?: true
}

/**
 * The real `#` headings at the top level: none in fences, comments, HTML, lists or quotes. Of a file that is made
 * to exhaust a parser, every line that looks like one, as guessed: whoever reads them errs on the side of seeing a veto.
 *
 * @param options.size how much is parsed at once where something has to be, in bytes; Infinity: the whole text.
 * @param options.budget what it may take together with other texts.
 */
export async function headings(
  bytes: Uint8Array,
  { size = leastParsed, budget }: { readonly size?: number; readonly budget?: ParsingBudget | undefined } = {}
): Promise<readonly Heading[]> {
  const text = latin1(bytes)
  const found: Heading[] = []
  const count = lineCounter(text)
  let line = 1
  let counted = 0
  const sure = await unlessExhausted(() => headingOffsets(text, size, budget))
  const guessed = sure === null ? ({ guessed: true } as const) : {}
  for (const offset of sure ?? likeHeadings(text)) {
    line += count(counted, offset)
    counted = offset
    const [source = ''] = /^[^\r\n]*/.exec(text.slice(offset, offset + 10_000)) ?? []
    found.push({ line, offset, depth: /^#*/.exec(source)?.[0].length ?? 0, text: words(source), ...guessed })
  }
  return found
}

function likeHeadings(text: string): readonly number[] {
  return [...text.matchAll(/(?<=^[ ]{0,3})#{1,6}(?=[ \t\r\n]|$)/gm)].map(({ index }) => index)
}

async function headingOffsets(
  text: string,
  size: number,
  budget: ParsingBudget | undefined
): Promise<readonly number[]> {
  const parser = loader(text, budget)
  const { pieces, tail, sure } = await cut(text, size, parser)
  const last = sure ?? (await parser()).piece(tail, text.length)
  return [...pieces, last].flatMap(piece => {
    if ('headings' in piece) return piece.headings
    return piece.heading ? piece.start : []
  })
}

/** Counts the lines that end in a piece of the text: by `\n`, `\r\n`, or a `\r` by itself. */
function lineCounter(text: string): (from: number, to: number) => number {
  if (loneCr(text)) return (from, to) => text.slice(from, to).match(/\r\n|\r|\n/g)?.length ?? 0
  return (from, to) => {
    let count = 0
    for (let at = text.indexOf('\n', from); at >= 0 && at < to; at = text.indexOf('\n', at + 1)) count += 1
    return count
  }
}

/** Whether a CR by itself ends a line, which nobody writes. */
function loneCr(text: string): boolean {
  return text.includes('\r') && /\r(?!\n)/.test(text)
}

function words(source: string): string {
  const content = trimmedEnd(source.replace(/^#+[ \t]*/, ''), ' \t')
  const open = trimmedEnd(content, '#')
  const closed = open === '' || /[ \t]$/.test(open) ? trimmedEnd(open, ' \t') : content
  return Buffer.from(closed, 'latin1').toString()
}

/**
 * What must follow these bytes so that the line after it begins a block of its own at the top level: the
 * end of a fence, a comment or an element that was left open, and an empty line. Empty when nothing must.
 *
 * @param size as for `headings`.
 */
export async function openBlock(bytes: Uint8Array, size = leastParsed): Promise<Uint8Array> {
  const text = latin1(bytes)
  const eol = lineEnd(bytes)
  const end = await unlessExhausted(() => endOfOpen(text, eol, size))
  return Buffer.from(end ?? endOfAnything(text, eol), 'latin1')
}

async function endOfOpen(text: string, eol: string, size: number): Promise<string | null> {
  const parser = loader(text)
  const { pieces, tail, sure } = await cut(text, size, parser)
  const closed = (ends: readonly string[]) =>
    ends.length === 0
      ? emptyLine(text, eol)
      : `${/[\r\n]$/.test(text.slice(-1)) ? '' : eol}${ends.map(end => end + eol).join('')}${eol}`
  const end =
    sure === null || sure.inline
      ? (await parser()).ending(tail, closed)
      : { close: closed(sure.fence === null ? [] : [sure.fence]), markup: [htmlOf(sure)] }
  if (end === null) return null

  const markup: (readonly Markup[])[] = []
  for (const piece of pieces) {
    if ('markup' in piece) markup.push(piece.markup())
    else if (piece.inline) markup.push((await parser()).piece(piece.start, piece.end).markup())
    else markup.push([htmlOf(piece)])
  }
  const html = htmlEnds([...markup, end.markup].flat())
  return end.close + html.map(line => line + eol).join('') + (html.length > 0 ? eol : '')
}

function htmlOf({ html }: Part): Markup {
  return { values: html, lasts: true }
}

/**
 * What ends any block that can be open at the end of a file, for every parser and without asking one. Only one
 * of a fence and five kinds of HTML outlives an empty line and text at the margin. The first line ends HTML and
 * is text in a fence; then each pair ends a fence of its kind, is text in one of the other, and else is an
 * empty block of code: a fence with a word behind it may begin one, but ends none.
 */
export function endOfAnything(text: string, eol: string): string {
  const pair = (run: RegExp, sign: string) => {
    let longest = 3
    for (const [found] of text.matchAll(run)) longest = Math.max(longest, found.length)
    return [`${sign.repeat(longest)} end`, sign.repeat(longest)]
  }
  const html = '--> ?> ]]> </script></pre></style></textarea>'
  return [emptyLine(text, eol) + html, '', ...pair(/`+/g, '`'), ...pair(/~+/g, '~'), '', ''].join(eol)
}

const leastParsed = 4096

/** The parser for this text, which is loaded only when somebody asks for it. */
function loader(text: string, budget?: ParsingBudget): () => Promise<Parser> {
  let loaded: Promise<Parser> | undefined
  return () => (loaded ??= import('./parse.ts').then(({ parserOf }) => parserOf(text, budget)))
}

async function unlessExhausted<T>(locate: () => Promise<T>): Promise<T | null> {
  try {
    return await locate()
  } catch (error) {
    // Also when the stack overflowed: nested all the same, over many lines.
    if (error instanceof RangeError) return null
    throw error
  }
}

/** `\r\n` if most lines of the file end so, else `\n`. */
export function lineEnd(bytes: Uint8Array): '\n' | '\r\n' {
  if (!bytes.includes(13)) return '\n'
  const text = latin1(bytes)
  let more = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) {
    more += text.charCodeAt(at - 1) === 13 ? 1 : -1
  }
  return more > 0 ? '\r\n' : '\n'
}

function emptyLine(text: string, eol: string): string {
  if (/^(?:\xef\xbb\xbf)?$/.test(text)) return ''
  let from = text.length
  while (from > 0 && ' \t\r\n'.includes(text.charAt(from - 1))) from -= 1
  // A lone CR and our LF would be one line end.
  const end = text.slice(from).replace(/\r\n$/, '\n')
  if ((from === 0 ? /(?:^|[\r\n])[ \t]*(?:\n|\r)$/ : /[\r\n][ \t]*(?:\n|\r)$/).test(end)) return ''
  return text.endsWith('\n') ? eol : eol + eol
}

interface Cuts {
  readonly pieces: readonly (Parsed | Part)[]
  /** Where the last piece begins, in which something may be open. */
  readonly tail: number
  /** What is known of that one; null: it has to be parsed. */
  readonly sure: Part | null
}

/**
 * Cuts the text before headings at the top level. From such a line on the parser is in the state in which it
 * began, so that the pieces parse to what the whole would parse to, in linear instead of quadratic time. Where a
 * cut is not certain by the lines alone it is proven: the piece is parsed together with the heading's line, and
 * that line must come out as such a heading.
 */
async function cut(text: string, size: number, parser: () => Promise<Parser>): Promise<Cuts> {
  const pieces: (Parsed | Part)[] = []
  let start = text.startsWith('\xef\xbb\xbf') ? 3 : 0
  const plain = Number.isFinite(size) && !loneCr(text)
  const partAt = scanner(text)
  for (;;) {
    const part = plain ? partAt(start) : null
    if (part !== null && !part.dubious) {
      if (part.end === text.length) return { pieces, tail: start, sure: part }
      pieces.push(part)
      start = part.end
      continue
    }
    const asked = await parser()
    const proven = await asked.provenPiece(start, Math.max(size, (part?.end ?? start) - start))
    if (proven === null) return { pieces, tail: start, sure: null }
    pieces.push(proven)
    start = proven.end
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
