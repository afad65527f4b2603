import type { Html, Nodes, Root, RootContent } from 'mdast'
import { remark } from 'remark'
import remarkGfm from 'remark-gfm'
import { parsingBounds } from '../lib/bounds.ts'
import { type ParsingBudget, pause } from '../lib/effort.ts'
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
  provenPiece(start: number, size: number): Promise<(Parsed & { readonly end: number }) | null>
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

export function parserOf(text: string, budget?: ParsingBudget): Parser {
  const dialects = patient(text, budget)
  const [first] = dialects
  return {
    async provenPiece(start, size) {
      const line = /^#{1,6} [^\r\n]*/gm
      for (let min = size; ; ) {
        line.lastIndex = Math.min(start + min, text.length)
        const next = line.exec(text)
        if (next === null) return null
        const piece = text.slice(start, next.index)
        await pause()
        const [nodes, ...others] = dialects.map(dialect => below(piece, dialect, next[0]))
        if (nodes && !others.includes(null)) return { ...parsed(nodes, start), end: next.index }
        min = 2 * piece.length
      }
    },
    piece: (start, end) => parsed(first(text.slice(start, end)), start),
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
      return { close, markup: (nodes[0] ?? []).map(({ markup }) => markup) }
    }
  }
}

function parsed(blocks: readonly Block[], start: number): Parsed {
  return {
    // A heading with `===` under it has more than one line.
    headings: blocks.filter(({ heading, lines }) => heading && lines === 1).map(({ at }) => start + at),
    markup: () => blocks.map(({ markup }) => markup)
  }
}

/** What is kept of a block at the top level. */
interface Block {
  readonly heading: boolean
  readonly lines: number
  /** Offset in what was parsed. */
  readonly at: number
  readonly markup: Markup
}

function blockOf(node: RootContent): Block {
  const { start, end } = node.position ?? {}
  return {
    heading: node.type === 'heading',
    lines: 1 + (end?.line ?? 0) - (start?.line ?? 0),
    at: startOf(node),
    markup: markupIn(node)
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
export function treeOf(text: string, budget?: ParsingBudget): Root | null {
  try {
    allowance(text, budget)(text)
    return github.parse(text)
  } catch (error) {
    // Also when the stack overflowed.
    if (error instanceof RangeError) return null
    throw error
  }
}

type Dialect = (text: string) => readonly Block[]
type Dialects = readonly [Dialect, ...Dialect[]]

const github = remark().use(remarkGfm).freeze()
const common = remark().freeze()

/**
 * What was parsed last: a gate reads the same pieces as often as reviews stand behind them. What a text may cost does not
 * depend on it.
 */
function remembering(parse: (text: string) => Root): Dialect {
  const known = new Map<string, readonly Block[]>()
  let characters = 0
  return text => {
    const before = known.get(text)
    if (before !== undefined) return before
    const blocks = parse(text).children.map(blockOf)
    characters += text.length
    if (characters > remembered) {
      known.clear()
      characters = text.length
    }
    known.set(text, blocks)
    return blocks
  }
}

/** In characters. */
const remembered = 2_097_152

const parse = remembering(text => github.parse(text))
const plainly = remembering(text => common.parse(text))

/** Footnotes are the one block in which dialects differ so much that a fence may be open in one and not in another. */
function dialectsFor(text: string): Dialects {
  return text.includes('[^') ? [parse, plainly] : [parse]
}

/** The parsers for this text: they throw when they would be exhausted. */
function patient(text: string, budget: ParsingBudget | undefined): Dialects {
  const spend = allowance(text, budget)
  const careful =
    (parse: Dialect): Dialect =>
    part => {
      spend(part)
      return parse(part)
    }
  const [first, ...others] = dialectsFor(text)
  return [careful(first), ...others.map(careful)]
}

/** Counts what parsing parts of this text takes. @throws RangeError for more than it may. */
function allowance(text: string, budget: ParsingBudget | undefined): (part: string) => void {
  let left = text.length > parsingBounds.whole ? parsingBounds.workOfLonger : parsingBounds.work
  return part => {
    // A heading and the ends of open blocks come behind a part.
    const work = part.length > parsingBounds.part + 2048 ? Number.POSITIVE_INFINITY : workOf(part)
    left -= work
    if (left < 0 || work > parsingBounds.workOfPart || budget?.spend(part, work) === false)
      throw new RangeError('the text would exhaust the parser')
  }
}

const deep = new RegExp(
  `^[ \\t]*(?:(?:>|[-+*]|\\d{1,9}[.)]|\\[\\^[^\\]\\s]{1,200}\\]:)[ \\t]*){${parsingBounds.nested}}`,
  'm'
)

/**
 * What parsing takes at most, in microseconds of a slow machine: by measurements of texts that are made to be slow. The
 * parser is quadratic in the brackets and stars of a paragraph, and in the lines that begin, continue or underline a
 * block; and it recurses into quotes in quotes.
 */
export function workOf(text: string): number {
  if (deep.test(text)) return Number.POSITIVE_INFINITY
  let work = 5 * text.length
  for (const paragraph of text.split(/\n[ \t\r]*\n/)) {
    const marks = paragraph.match(/[*_~[\]!]/g)?.length ?? 0
    if (marks > parsingBounds.marks) return Number.POSITIVE_INFINITY
    work += marks ** 2 / 40
  }
  let lines = 0
  let touchy = 0
  let before: 'blank' | 'text' | 'contained' = 'blank'
  for (const line of text.split(/\r\n|\r|\n/)) {
    lines += 1
    let markers = 0
    marker.lastIndex = 0
    while (marker.test(line)) markers += 1
    if (markers === 0 && before !== 'blank' && /^[ \t]*(?:=+|-+)[ \t]*$/.test(line)) touchy += 2
    else if (markers === 0 && before === 'contained') touchy += 1
    else touchy += markers
    if (/^[ \t]*$/.test(line)) before = 'blank'
    else if (markers > 0) before = 'contained'
    else if (before === 'blank') before = 'text'
  }
  return work + 50 * lines + touchy ** 2 / 16
}

/** Begins a quote, an item of a list or a footnote, behind others of the same line. */
const marker = /[ \t]*(?:>|(?:[-+*]|\d{1,9}[.)]|\[\^[^\]\s]{1,200}\]:)(?=[ \t]|$))/y

/** The blocks of the text, if a heading put below it is at the top level; else null. */
function below(text: string, parse: Dialect, heading = '## x'): readonly Block[] | null {
  const blocks = parse(text + heading)
  const last = blocks.at(-1)
  return last?.heading === true && last.at === text.length ? blocks.slice(0, -1) : null
}

/** The lines that end the last block of the text. */
function endOf(text: string, parse: Dialect, everywhere: boolean): readonly string[] {
  const at = parse(text).at(-1)?.at ?? 0
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
