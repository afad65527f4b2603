import type { Nodes } from 'mdast'
import { remark } from 'remark'
import remarkGfm from 'remark-gfm'
import { Unseen } from '../../facts/fact.ts'

/** One thing that a builder's status file says: a row of a table, or an `EXPECTED:` line. Hostile text throughout. */
export interface Statement {
  readonly kind: 'row' | 'expected'
  /** In the file, from 1. */
  readonly line: number
  /** The heading that it stands under, and the line above the table or the expectation. */
  readonly under: string
  readonly above: string
  /** The headings around that one, the outermost first; absent where there is none but the file's title. */
  readonly within?: readonly string[]
  /** The table's header; empty for an expectation, which has one cell. */
  readonly columns: readonly string[]
  readonly cells: readonly string[]
}

const caps = { characters: 256 * 1024, lineLength: 1000, statements: 500 } as const

/**
 * The tables and expectations of a Markdown text. Tables are found line by line and their cells are read with
 * remark: parsing the whole at once takes quadratic time, and a builder chooses the text.
 *
 * @throws Unseen for a text that is too long.
 */
export function parseStatements(text: string): readonly Statement[] {
  if (text.length > caps.characters)
    throw new Unseen(`the status file is longer than ${caps.characters} characters`)
  const lines = text.split(/\r?\n/)
  const found: Statement[] = []
  let fence: string | null = null
  let comment = false
  const headings: { readonly level: number; readonly text: string }[] = []
  let under = ''
  let above = ''
  let within: readonly string[] = []
  const enter = (level: number, text: string) => {
    while ((headings.at(-1)?.level ?? 0) >= level) headings.pop()
    within = headings.map(heading => heading.text.slice(0, 200))
    // The file's own title says nothing of what stands in it.
    if (level > 1 || found.length > 0 || !/status/i.test(text)) headings.push({ level, text })
    under = text
  }
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? ''
    if (found.length > caps.statements)
      throw new Unseen(`the status file has more than ${caps.statements} statements`)
    if (line.length > caps.lineLength) continue
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1]
    if (comment || (fence === null && /^ {0,3}<!--/.test(line))) {
      comment = !line.includes('-->')
      continue
    }
    if (mark !== undefined) {
      if (fence === null) fence = mark
      else if (mark.startsWith(fence) && line.trim() === mark) fence = null
      continue
    }
    const expected = /^[\s>*+-]*(?:\*\*|__|`)?EXPECTED(?:\*\*|__|`)?:(?:\*\*|__|`)?(.*)$/.exec(line)?.[1]
    if (expected !== undefined) {
      found.push({
        kind: 'expected',
        line: at + 1,
        under,
        ...(within.length === 0 ? {} : { within }),
        above,
        columns: [],
        cells: [expected.trim()]
      })
      continue
    }
    if (fence === null) {
      const heading = headingOf(line, lines[at + 1] ?? '')
      if (heading !== null) enter(heading.level, heading.text)
      const end = tableEnd(lines, at)
      if (end !== null) {
        found.push(
          ...rowsOf(lines, at, end).map(row => ({
            ...row,
            under,
            ...(within.length === 0 ? {} : { within }),
            above
          }))
        )
        at = end - 1
        continue
      }
    }
    if (line.trim() !== '') above = line.trim()
  }
  return found
}

/** The row of dashes below a table's head. */
function isDelimiter(line: string): boolean {
  if (/^ {4}/.test(line)) return false
  const cells = line.trim().split('|')
  if (cells.at(0) === '') cells.shift()
  if (cells.at(-1) === '') cells.pop()
  return cells.length > 0 && cells.every(cell => /^[ \t]*:?-+:?[ \t]*$/.test(cell))
}

/** A heading, a line that is bold as a whole, or the summary of what folds: what stands under them is of them. */
function headingOf(line: string, below: string): { readonly level: number; readonly text: string } | null {
  const [, marks, text = ''] = /^ {0,3}(#{1,6})\s(.*)/s.exec(line) ?? []
  if (marks !== undefined) return { level: marks.length, text: text.trim() }
  const plain = line.trim()
  if (/^ {0,3}[A-Za-z0-9*_]/.test(line) && /^ {0,3}(?:=+|-{2,}) *$/.test(below))
    return { level: below.includes('=') ? 1 : 2, text: plain }
  const bold = /^(?:\*\*|__)([^*_].{0,200}?)(?:\*\*|__):?$/.exec(plain)?.[1]
  const summary = /<summary>(.{0,300}?)<\/summary>/i.exec(plain)?.[1]
  if (bold !== undefined || summary !== undefined) return { level: 7, text: bold ?? summary ?? '' }
  return /<\/details>/i.test(plain) ? { level: 7, text: '' } : null
}

/** Behind the last row of the table that begins here; null where none does. */
function tableEnd(lines: readonly string[], start: number): number | null {
  const below = lines[start + 1] ?? ''
  if (lines[start]?.includes('|') !== true || !below.includes('|') || !isDelimiter(below)) return null
  let end = start + 2
  while (lines[end]?.includes('|') === true && end - start < caps.statements + 10) end += 1
  return end
}

/** Row by row: the parser takes quadratic time over some texts, and a row is short. */
function rowsOf(
  lines: readonly string[],
  start: number,
  end: number
): readonly Omit<Statement, 'under' | 'within' | 'above'>[] {
  const head = lines.slice(start, start + 2)
  return lines.slice(start + 2, end).map((line, index) => {
    const [columns = [], cells = []] = tableCells([...head, line])
    return { kind: 'row', line: start + index + 3, columns, cells }
  })
}

const parser = remark().use(remarkGfm).freeze()

function tableCells(lines: readonly string[]): readonly (readonly string[])[] {
  const [table] = parser.parse(lines.map(line => line.slice(0, caps.lineLength)).join('\n')).children
  if (table?.type !== 'table') return []
  return table.children.map(row => row.children.map(cell => textOf(cell).trim()))
}

function textOf(node: Nodes): string {
  // What is struck out is no longer said.
  if (node.type === 'delete') return ''
  if ('children' in node) return node.children.map(textOf).join('')
  return 'value' in node ? node.value : ''
}
