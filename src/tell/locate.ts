import type { Html, Nodes, Root, RootContent } from 'mdast'
import { remark } from 'remark'
import remarkGfm from 'remark-gfm'

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
}

/**
 * The real `#` headings at the top level: none in fences, comments, HTML, lists or quotes. Of a file that is made
 * to exhaust a parser, every line that looks like one: whoever reads them errs on the side of seeing a veto.
 */
export function headings(bytes: Uint8Array): readonly Heading[] {
  const text = latin1(bytes)
  const found: Heading[] = []
  let line = 1
  let counted = 0
  for (const offset of headingOffsets(text)) {
    line += text.slice(counted, offset).match(/\r\n|\r|\n/g)?.length ?? 0
    counted = offset
    const [source = ''] = /^[^\r\n]*/.exec(text.slice(offset, offset + 10_000)) ?? []
    found.push({ line, offset, depth: /^#*/.exec(source)?.[0].length ?? 0, text: words(source) })
  }
  return found
}

function headingOffsets(text: string): readonly number[] {
  const cuts = parsed(text)
  if (cuts === null) {
    return [...text.matchAll(/(?<=^[ ]{0,3})#{1,6}(?=[ \t\r\n]|$)/gm)].map(({ index }) => index)
  }
  return cuts.flatMap(({ start, nodes }) =>
    nodes
      // A heading with `===` under it has more than one line.
      .filter(node => node.type === 'heading' && node.position?.start.line === node.position?.end.line)
      .map(node => start + startOf(node))
  )
}

function parsed(text: string): readonly Part[] | null {
  return unlessExhausted(text, () => {
    const cuts = split(text)
    return cuts && [...cuts.parts, { start: cuts.tail, nodes: parse(text.slice(cuts.tail)).children }]
  })
}

function words(source: string): string {
  const content = source.replace(/^#+/, '').trim()
  const closed = /^#*$|[ \t]#+$/.test(content) ? content.replace(/#+$/, '').trimEnd() : content
  return Buffer.from(closed, 'latin1').toString()
}

/**
 * What must follow these bytes so that the line after it begins a block of its own at the top level: the
 * end of a fence, a comment or an element that was left open, and an empty line. Empty when nothing must.
 */
export function openBlock(bytes: Uint8Array): Uint8Array {
  const text = latin1(bytes)
  const eol = lineEnd(bytes)
  return Buffer.from(unlessExhausted(text, () => endOfOpen(text, eol)) ?? endOfAnything(text, eol), 'latin1')
}

function endOfOpen(text: string, eol: string): string | null {
  const cuts = split(text)
  if (cuts === null) return null
  const rest = text.slice(cuts.tail)
  const dialects = dialectsFor(text)

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
  const html = htmlEnds([...cuts.parts.flatMap(part => part.nodes), ...(nodes[0] ?? [])])
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
 * Bounds that no text written by people comes near, and in which the parser takes less than a second or two; of
 * a whole file that is made to be slow, twenty.
 */
const bounds = { whole: 2_097_152, part: 131_072, nested: 100, marks: 10_000 } as const

/** The parser is quadratic in the brackets and stars of a paragraph, and recurses into quotes in quotes. */
function unlessExhausted<T>(text: string, locate: () => T | null): T | null {
  if (text.length > bounds.whole) return null
  let marks = 0
  for (const paragraph of text.split(/\n[ \t\r]*\n/)) {
    marks += (paragraph.match(/[*_~[\]!]/g)?.length ?? 0) ** 2
    if (marks > bounds.marks ** 2) return null
  }
  const nested = new RegExp(
    `^[ \\t]*(?:(?:>|[-+*]|\\d{1,9}[.)]|\\[\\^[^\\]\\s]{1,200}\\]:)[ \\t]*){${bounds.nested}}`,
    'm'
  )
  if (nested.test(text)) return null
  try {
    return locate()
  } catch (error) {
    // The stack overflowed: nested all the same, over many lines.
    if (error instanceof RangeError) return null
    throw error
  }
}

/** `\r\n` if most lines of the file end so, else `\n`. */
export function lineEnd(bytes: Uint8Array): '\n' | '\r\n' {
  const ends = latin1(bytes).match(/\r?\n/g) ?? []
  return ends.filter(end => end.length === 2).length * 2 > ends.length ? '\r\n' : '\n'
}

function emptyLine(text: string, eol: string): string {
  // A lone CR and our LF would be one line end.
  if (/^(?:\xef\xbb\xbf)?$/.test(text) || /(?:^|[\r\n])[ \t]*(?:\n|\r)$/.test(text.replace(/\r\n$/, '\n')))
    return ''
  return text.endsWith('\n') ? eol : eol + eol
}

type Dialect = (text: string) => Root

const github = remark().use(remarkGfm).freeze()
const common = remark().freeze()
const parse: Dialect = text => github.parse(text)

/** Footnotes are the one block in which dialects differ so much that a fence may be open in one and not in another. */
function dialectsFor(text: string): readonly [Dialect, ...Dialect[]] {
  return text.includes('[^') ? [parse, plain => common.parse(plain)] : [parse]
}

interface Part {
  readonly start: number
  readonly nodes: readonly RootContent[]
}

/**
 * Cuts the text before headings at the top level. From such a line on the parser is in the state in which it
 * began, so that the parts parse to what the whole would parse to, in linear instead of quadratic time. Each
 * cut is proven: the part is parsed together with that line, and the line must come out as such a heading.
 *
 * @param size of a part, in bytes, at least.
 * @returns null when no cut can be proven for too long.
 */
export function split(
  text: string,
  size = 4096
): { readonly parts: readonly Part[]; readonly tail: number } | null {
  const parts: Part[] = []
  const dialects = dialectsFor(text)
  let start = text.startsWith('\xef\xbb\xbf') ? 3 : 0
  const line = /^#{1,6} [^\r\n]*/gm
  for (let min = size; ; ) {
    line.lastIndex = start + min
    const next = line.exec(text)
    if ((next?.index ?? text.length) - start > bounds.part) return null
    if (next === null) return { parts, tail: start }
    const part = text.slice(start, next.index)
    const [nodes, ...others] = dialects.map(dialect => below(part, dialect, next[0]))
    if (nodes && !others.includes(null)) {
      parts.push({ start, nodes })
      start = next.index
      min = size
    } else min = 2 * part.length
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

/** What ends the HTML that is left open: Markdown ends such a block at an empty line, a browser does not. */
function htmlEnds(nodes: readonly RootContent[]): readonly string[] {
  const open: string[] = []
  let torn = false
  for (const node of nodes) {
    const inParagraph = node.type === 'paragraph'
    // What is opened in a list or a quote ends with it.
    const stack = node.type === 'html' || inParagraph ? open : []
    for (const { value } of htmlIn(node)) {
      torn = value === endAll ? false : !takeTags(value, stack) || torn
    }
  }
  return [...(torn ? [endAll] : []), ...open.reverse().map(name => `</${name}>`)]
}

function htmlIn(node: Nodes): readonly Html[] {
  if (node.type === 'html') return [node]
  return 'children' in node ? node.children.flatMap(htmlIn) : []
}

/** Opens and closes elements on the stack. False when the text ends within a tag or a comment. */
function takeTags(html: string, stack: string[]): boolean {
  const tag =
    /<!--[^]*?(?:-->|$)|<(\/?)([a-z][a-z0-9-]*)(?:[^>"']|"[^"]*(?:"|$)|'[^']*(?:'|$))*(?:>|$)|<[!?][^>]*(?:>|$)/gi
  let whole = true
  for (const [found, slash, name = ''] of html.matchAll(tag)) {
    const element = name.toLowerCase()
    const top = stack.at(-1) ?? ''
    if (raw.has(top) && !(slash === '/' && element === top)) continue
    if (!found.endsWith(found.startsWith('<!--') ? '-->' : '>')) whole = false
    if (!goingOn.has(element)) continue
    if (slash !== '/') stack.push(element)
    else if (stack.includes(element)) stack.length = stack.lastIndexOf(element)
  }
  return whole
}

function startOf(node: RootContent): number {
  const offset = node.position?.start.offset
  if (offset === undefined) throw new Error('the parser gave no position')
  return offset
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
