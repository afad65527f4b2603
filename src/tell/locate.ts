import type { Html, Nodes, Root, RootContent } from 'mdast'
import { remark } from 'remark'
import remarkGfm from 'remark-gfm'
import { type Part, scanner } from './scan.ts'

/**
 * Finds places in a review file that other people have written in as well. A parser locates; what exists is
 * never written again by it, because it would not come out as it went in.
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
 * @param size how much is parsed at once where something has to be, in bytes; Infinity: the whole text.
 */
export function headings(bytes: Uint8Array, size = leastParsed): readonly Heading[] {
  const text = latin1(bytes)
  const found: Heading[] = []
  const count = lineCounter(text)
  let line = 1
  let counted = 0
  const sure = headingOffsets(text, size)
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

/** Null: the parser is exhausted. */
function headingOffsets(text: string, size: number): readonly number[] | null {
  return unlessExhausted<readonly number[]>(text, dialects => {
    const { pieces, tail, sure } = cut(text, size, dialects)
    const seen = pieces.flatMap(piece => ('nodes' in piece ? headingsIn(piece) : headingOf(piece)))
    if (sure !== null) return seen.concat(headingOf(sure))
    return [...seen, ...headingsIn({ start: tail, nodes: dialects[0](text.slice(tail)).children })]
  })
}

function headingOf({ start, heading }: Part): number | readonly number[] {
  return heading ? start : []
}

function headingsIn({ start, nodes }: Parsed): readonly number[] {
  return (
    nodes
      // A heading with `===` under it has more than one line.
      .filter(node => node.type === 'heading' && node.position?.start.line === node.position?.end.line)
      .map(node => start + startOf(node))
  )
}

/** Counts the lines that end in a piece of the text: by `\n`, `\r\n`, or a `\r` by itself. */
function lineCounter(text: string): (from: number, to: number) => number {
  if (text.includes('\r')) return (from, to) => text.slice(from, to).match(/\r\n|\r|\n/g)?.length ?? 0
  return (from, to) => {
    let count = 0
    for (let at = text.indexOf('\n', from); at >= 0 && at < to; at = text.indexOf('\n', at + 1)) count += 1
    return count
  }
}

function words(source: string): string {
  const content = withoutEnd(source.replace(/^#+[ \t]*/, ''), ' \t')
  const open = withoutEnd(content, '#')
  const closed = open === '' || /[ \t]$/.test(open) ? withoutEnd(open, ' \t') : content
  return Buffer.from(closed, 'latin1').toString()
}

/** Without these signs at its end. An expression tries each row of them within the text as well: quadratic. */
function withoutEnd(text: string, signs: string): string {
  let end = text.length
  while (end > 0 && signs.includes(text.charAt(end - 1))) end -= 1
  return text.slice(0, end)
}

/**
 * What must follow these bytes so that the line after it begins a block of its own at the top level: the
 * end of a fence, a comment or an element that was left open, and an empty line. Empty when nothing must.
 *
 * @param size as for `headings`.
 */
export function openBlock(bytes: Uint8Array, size = leastParsed): Uint8Array {
  const text = latin1(bytes)
  const eol = lineEnd(bytes)
  const end = unlessExhausted(text, dialects => endOfOpen(text, eol, size, dialects))
  return Buffer.from(end ?? endOfAnything(text, eol), 'latin1')
}

function endOfOpen(text: string, eol: string, size: number, dialects: Dialects): string | null {
  const { pieces, tail } = cut(text, size, dialects)
  const rest = text.slice(tail)

  const ends: string[] = []
  let close = emptyLine(text, eol)
  let nodes = dialects.map(parse => below(rest + close, parse))
  // Only the last block can be open. That it is closed is seen, not assumed.
  while (nodes.includes(null)) {
    const open = dialects.find((_, index) => nodes[index] === null) ?? dialects[0]
    if (ends.length > 4) return null
    const everywhere = nodes.every(seen => seen === null)
    ends.push(...endOf(rest + close, open, everywhere))
    close = `${/[\r\n]$/.test(text) ? '' : eol}${ends.map(end => end + eol).join('')}${eol}`
    nodes = dialects.map(parse => below(rest + close, parse))
  }
  const before = pieces.flatMap(piece => markupOf(text, piece, dialects[0]))
  const html = htmlEnds([...before, ...(nodes[0] ?? []).map(markupIn)])
  return close + html.map(end => end + eol).join('') + (html.length > 0 ? eol : '')
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

/**
 * Bounds that no text written by people comes near, and in which the parser takes less than a second or two; for
 * a file of up to `whole` that is made to be slow, twenty. Of a longer one `parsed` bytes are parsed at most: what
 * reviews hold is not.
 */
const bounds = { whole: 2_097_152, parsed: 65_536, part: 131_072, nested: 100, marks: 10_000 } as const
const leastParsed = 4096

class Exhausted extends Error {}

/** The parsers for this text: they throw when they would be exhausted. */
function patient(text: string): Dialects {
  const dialects = dialectsFor(text)
  const most = text.length > bounds.whole ? bounds.parsed : 2 * bounds.whole
  const left = { bytes: most * dialects.length, marks: 4 * bounds.marks ** 2 }
  const careful =
    (parse: Dialect): Dialect =>
    part => {
      left.bytes -= part.length
      left.marks -= slowness(part)
      // A heading and the ends of open blocks come behind a part.
      if (part.length > bounds.part + 2048 || left.bytes < 0 || left.marks < 0) throw new Exhausted()
      return parse(part)
    }
  const [first, ...others] = dialects
  return [careful(first), ...others.map(careful)]
}

const deep = new RegExp(
  `^[ \\t]*(?:(?:>|[-+*]|\\d{1,9}[.)]|\\[\\^[^\\]\\s]{1,200}\\]:)[ \\t]*){${bounds.nested}}`,
  'm'
)

/** The parser is quadratic in the brackets and stars of a paragraph, and recurses into quotes in quotes. */
function slowness(text: string): number {
  if (deep.test(text)) return Number.POSITIVE_INFINITY
  let marks = 0
  for (const paragraph of text.split(/\n[ \t\r]*\n/)) {
    const own = (paragraph.match(/[*_~[\]!]/g)?.length ?? 0) ** 2
    if (own > bounds.marks ** 2) return Number.POSITIVE_INFINITY
    marks += own
  }
  return marks
}

function unlessExhausted<T>(text: string, locate: (dialects: Dialects) => T | null): T | null {
  try {
    return locate(patient(text))
  } catch (error) {
    // The stack overflowed: nested all the same, over many lines.
    if (error instanceof Exhausted || error instanceof RangeError) return null
    throw error
  }
}

/** `\r\n` if most lines of the file end so, else `\n`. */
export function lineEnd(bytes: Uint8Array): '\n' | '\r\n' {
  if (!bytes.includes(13)) return '\n'
  const ends = latin1(bytes).match(/\r?\n/g) ?? []
  return ends.filter(end => end.length === 2).length * 2 > ends.length ? '\r\n' : '\n'
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

type Dialect = (text: string) => Root
type Dialects = readonly [Dialect, ...Dialect[]]

const github = remark().use(remarkGfm).freeze()
const common = remark().freeze()
const parse: Dialect = text => github.parse(text)

/** Footnotes are the one block in which dialects differ so much that a fence may be open in one and not in another. */
function dialectsFor(text: string): Dialects {
  return text.includes('[^') ? [parse, plain => common.parse(plain)] : [parse]
}

/** A piece of the text that had to be parsed. */
interface Parsed {
  readonly start: number
  readonly nodes: readonly RootContent[]
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
function cut(text: string, size: number, dialects: Dialects): Cuts {
  const pieces: (Parsed | Part)[] = []
  let start = text.startsWith('\xef\xbb\xbf') ? 3 : 0
  // A CR by itself ends lines as well, and nobody writes it.
  const plain = Number.isFinite(size) && !(text.includes('\r') && /\r(?!\n)/.test(text))
  const partAt = scanner(text)
  for (;;) {
    const part = plain ? partAt(start) : null
    if (part !== null && !part.dubious) {
      if (part.end === text.length) return { pieces, tail: start, sure: part }
      pieces.push(part)
      start = part.end
      continue
    }
    const proven = provenPiece(text, start, Math.max(size, (part?.end ?? start) - start), dialects)
    if (proven === null) return { pieces, tail: start, sure: null }
    pieces.push({ start, nodes: proven.nodes })
    start = proven.end
  }
}

/**
 * The piece from `start` to a heading that the parser sees at the top level; null: there is none behind it.
 *
 * @param size of the piece, in bytes, at least.
 */
function provenPiece(
  text: string,
  start: number,
  size: number,
  dialects: Dialects
): { readonly nodes: readonly RootContent[]; readonly end: number } | null {
  const line = /^#{1,6} [^\r\n]*/gm
  for (let min = size; ; ) {
    line.lastIndex = Math.min(start + min, text.length)
    const next = line.exec(text)
    if (next === null) return null
    const piece = text.slice(start, next.index)
    const [nodes, ...others] = dialects.map(dialect => below(piece, dialect, next[0]))
    if (nodes && !others.includes(null)) return { nodes, end: next.index }
    min = 2 * piece.length
  }
}

/** The blocks of the text, if a heading put below it is at the top level; else null. */
function below(text: string, parse: Dialect, heading = '## x'): readonly RootContent[] | null {
  const { children } = parse(text + heading)
  const last = children.at(-1)
  return last?.type === 'heading' && startOf(last) === text.length ? children.slice(0, -1) : null
}

/** The lines that end the last block of the text. */
function endOf(text: string, parse: Dialect, everywhere: boolean): readonly string[] {
  const last = parse(text).children.at(-1)
  const at = last === undefined ? 0 : startOf(last)
  const source = text.slice(at).trimStart()
  const [, fence] = /^(`{3,}|~{3,})/.exec(source) ?? []
  if (fence !== undefined) {
    // Where no fence is open, its end would begin one; a fence with a word ends none, but may begin one. So the
    // two together fit both, and are used where dialects, or for an indented fence after lists parsers, differ.
    const sure = everywhere && /(?:^|[\r\n])$/.test(text.slice(0, at))
    return sure ? [fence] : [`${fence} end`, fence]
  }
  if (source.startsWith('<!--')) return ['-->']
  if (source.startsWith('<?')) return ['?>']
  if (source.startsWith('<![CDATA[')) return [']]>']
  const [, name] = /^<(script|pre|style|textarea)/i.exec(source) ?? []
  return [name === undefined ? '>' : `</${name.toLowerCase()}>`]
}

/** Elements that go on over headings, and hide or change what follows. */
const goingOn = new Set(
  (
    'details summary dialog template select svg math noscript object video audio iframe pre code kbd samp tt div center ' +
    'blockquote table ul ol dl a b i em strong s strike del ins u sub sup font small big script style textarea title xmp'
  ).split(' ')
)
/** Elements in which nothing but their end is a tag. */
const raw = new Set(['script', 'style', 'textarea', 'title', 'xmp', 'iframe', 'noscript'])
/** Ends a comment, a tag and a quoted attribute, whichever is open; a comment by itself. */
const endAll = `<!-- '> "> -->`

/** The HTML of one block. */
interface Markup {
  readonly values: readonly string[]
  /** What is opened in a list or a quote ends with it. */
  readonly lasts: boolean
}

function markupIn(node: RootContent): Markup {
  const lasts = node.type === 'html' || node.type === 'paragraph'
  return { values: htmlIn(node).map(({ value }) => value), lasts }
}

function markupOf(text: string, piece: Parsed | Part, parse: Dialect): readonly Markup[] {
  if ('nodes' in piece) return piece.nodes.map(markupIn)
  if (!piece.inline) return [{ values: piece.html, lasts: true }]
  return parse(text.slice(piece.start, piece.end)).children.map(markupIn)
}

/** What ends the HTML that is left open: Markdown ends such a block at an empty line, a browser does not. */
function htmlEnds(blocks: readonly Markup[]): readonly string[] {
  const open = openElements()
  // Reviews fold with the same few tags again and again.
  const known = new Map<string, readonly Tag[]>()
  let torn = false
  for (const { values, lasts } of blocks) {
    const stack = lasts ? open : openElements()
    for (const value of values) {
      let tags = known.get(value)
      if (tags === undefined) known.set(value, (tags = tagsIn(value)))
      torn = value === endAll ? false : !takeTags(tags, stack) || torn
    }
  }
  return [...(torn ? [endAll] : []), ...open.names().map(name => `</${name}>`)]
}

function htmlIn(node: Nodes): readonly Html[] {
  if (node.type === 'html') return [node]
  return 'children' in node ? node.children.flatMap(htmlIn) : []
}

interface Tag {
  readonly element: string
  readonly closing: boolean
  /** It ends within the text. */
  readonly whole: boolean
}

/** The elements that are open. What closes none of them is told by their number, however many there are. */
function openElements() {
  const stack: string[] = []
  const counts = new Map<string, number>()
  const count = (name: string, by: number) => counts.set(name, (counts.get(name) ?? 0) + by)
  return {
    top: () => stack.at(-1) ?? '',
    /** The innermost first. */
    names: (): readonly string[] => [...stack].reverse(),
    open(name: string) {
      stack.push(name)
      count(name, 1)
    },
    /** Closes the innermost of this name, and what was opened in it. */
    close(name: string) {
      if ((counts.get(name) ?? 0) === 0) return
      for (let closed = stack.pop(); closed !== undefined; closed = stack.pop()) {
        count(closed, -1)
        if (closed === name) return
      }
    }
  }
}

/** Opens and closes elements. False when the text ends within a tag or a comment. */
function takeTags(tags: readonly Tag[], elements: ReturnType<typeof openElements>): boolean {
  let ended = true
  for (const { element, closing, whole } of tags) {
    const top = elements.top()
    if (raw.has(top) && !(closing && element === top)) continue
    if (!whole) ended = false
    if (!goingOn.has(element)) continue
    if (closing) elements.close(element)
    else elements.open(element)
  }
  return ended
}

function tagsIn(html: string): readonly Tag[] {
  const tag =
    /<!--[^]*?(?:-->|$)|<(\/?)([a-z][a-z0-9-]*)(?:[^>"']|"[^"]*(?:"|$)|'[^']*(?:'|$))*(?:>|$)|<[!?][^>]*(?:>|$)/gi
  return [...html.matchAll(tag)].map(([found, slash, name = '']) => ({
    element: name.toLowerCase(),
    closing: slash === '/',
    whole: found.endsWith(found.startsWith('<!--') ? '-->' : '>')
  }))
}

function startOf(node: RootContent): number {
  const offset = node.position?.start.offset
  if (offset === undefined) throw new Error('the parser gave no position')
  return offset
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
