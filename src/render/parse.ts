import type { Html, Nodes, Root, RootContent } from 'mdast'
import { remark } from 'remark'
import remarkGfm from 'remark-gfm'
import type { Markup } from './markup.ts'

/**
 * What the lines of a Markdown text alone do not tell, by a parser, which takes a while to load: to be imported
 * when it is needed.
 */

/** What a parser sees in a piece of a text. Offsets in the text. */
export interface Parsed {
  /** Where headings begin that are at the top level. */
  readonly headings: readonly number[]
  markup(): readonly Markup[]
}

/** Asks the parsers about one text. All of it throws a RangeError when they would be exhausted, or are. */
export interface Parser {
  /**
   * The piece from `start` to a heading that they see at the top level; null: there is none behind it.
   *
   * @param size of the piece, in bytes, at least.
   */
  provenPiece(start: number, size: number): (Parsed & { readonly end: number }) | null
  /** What stands from `start` to `end`, where nothing is open. */
  piece(start: number, end: number): Parsed
  /**
   * What must follow the text, and what it leaves open of HTML; null: its last block cannot be ended.
   *
   * @param start of the last piece.
   * @param closed what these lines are to be written as, so that an empty line follows.
   */
  ending(
    start: number,
    closed: (ends: readonly string[]) => string
  ): { readonly close: string; readonly markup: readonly Markup[] } | null
}

export function parserOf(text: string): Parser {
  const dialects = patient(text)
  const [first] = dialects
  return {
    provenPiece(start, size) {
      const line = /^#{1,6} [^\r\n]*/gm
      for (let min = size; ; ) {
        line.lastIndex = Math.min(start + min, text.length)
        const next = line.exec(text)
        if (next === null) return null
        const piece = text.slice(start, next.index)
        const [nodes, ...others] = dialects.map(dialect => below(piece, dialect, next[0]))
        if (nodes && !others.includes(null)) return { ...parsed(nodes, start), end: next.index }
        min = 2 * piece.length
      }
    },
    piece: (start, end) => parsed(first(text.slice(start, end)).children, start),
    ending(start, closed) {
      const rest = text.slice(start)
      const ends: string[] = []
      let close = closed(ends)
      let nodes = dialects.map(parse => below(rest + close, parse))
      // Only the last block can be open. That it is closed is seen, not assumed.
      while (nodes.includes(null)) {
        const open = dialects.find((_, index) => nodes[index] === null) ?? first
        if (ends.length > 4) return null
        const everywhere = nodes.every(seen => seen === null)
        ends.push(...endOf(rest + close, open, everywhere))
        close = closed(ends)
        nodes = dialects.map(parse => below(rest + close, parse))
      }
      return { close, markup: (nodes[0] ?? []).map(markupIn) }
    }
  }
}

function parsed(nodes: readonly RootContent[], start: number): Parsed {
  return {
    headings: nodes
      // A heading with `===` under it has more than one line.
      .filter(node => node.type === 'heading' && node.position?.start.line === node.position?.end.line)
      .map(node => start + startOf(node)),
    markup: () => nodes.map(markupIn)
  }
}

function markupIn(node: RootContent): Markup {
  const lasts = node.type === 'html' || node.type === 'paragraph'
  return { values: htmlIn(node).map(({ value }) => value), lasts }
}

function htmlIn(node: Nodes): readonly Html[] {
  if (node.type === 'html') return [node]
  return 'children' in node ? node.children.flatMap(htmlIn) : []
}

/** All of a text that is not too long, as GitHub reads it; null: it would exhaust the parser. */
export function treeOf(text: string): Root | null {
  try {
    return patient(text)[0](text)
  } catch (error) {
    // Also when the stack overflowed.
    if (error instanceof RangeError) return null
    throw error
  }
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

/**
 * Bounds that no text written by people comes near, and in which the parser takes less than a second or two; for
 * a file of up to `whole` that is made to be slow, twenty. Of a longer one `parsed` bytes are parsed at most: what
 * reviews hold is not.
 */
const bounds = { whole: 2_097_152, parsed: 65_536, part: 131_072, nested: 100, marks: 10_000 } as const

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
      if (part.length > bounds.part + 2048 || left.bytes < 0 || left.marks < 0) {
        throw new RangeError('the text would exhaust the parser')
      }
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

function startOf(node: RootContent): number {
  const offset = node.position?.start.offset
  if (offset === undefined) throw new Error('the parser gave no position')
  return offset
}
