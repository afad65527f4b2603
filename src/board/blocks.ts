import { proseBounds } from '../lib/bounds.ts'

/**
 * The blocks of a section of a review file, read in one walk over its lines. A builder and a host choose the text, and
 * a page is made on the thread that answers whether a build may begin: a Markdown parser takes minutes for some texts,
 * and more than linear time for many. What reviews are made of is read here as Markdown; all else comes out as text.
 */
export type Block =
  | { readonly kind: 'paragraph' | 'heading' | 'html'; readonly text: string }
  /** `info`: the first word behind the fence. */
  | { readonly kind: 'code'; readonly info: string; readonly text: string }
  | { readonly kind: 'list'; readonly items: readonly (readonly Block[])[] }
  | { readonly kind: 'quote'; readonly blocks: readonly Block[] }

const heading = /^ {0,3}#{1,6}(?:[ \t]+|$)/
const rule = /^ {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$/
const fenceStart = /^( *)(`{3,}(?=[^`]*$)|~{3,})[ \t]*([\w-]*)/
const item = /^ *(?:[-+*]|\d{1,9}[.)])(?:[ \t]+|$)/
const quote = /^ {0,3}> ?/
const html = /^ {0,3}<\/?(?:details|summary)>/

/** @param depth of the lists and quotes around it; what is deeper than the bound is text. */
export function blocksOf(markdown: string, depth = 0): readonly Block[] {
  const lines = markdown.slice(0, proseBounds.characters).split(/\r\n?|\n/)
  const nests = depth < proseBounds.nesting
  const found: Block[] = []
  let at = 0

  /** The lines from here on that `wanted` takes. */
  const taken = (wanted: (line: string) => boolean): readonly string[] => {
    const start = at
    while (at < lines.length && wanted(lines[at] ?? '')) at += 1
    return lines.slice(start, at)
  }
  const begins = (line: string) =>
    heading.test(line) ||
    fenceStart.test(line) ||
    html.test(line) ||
    rule.test(line) ||
    (nests && (item.test(line) || quote.test(line)))

  while (at < lines.length) {
    const line = lines[at] ?? ''
    const fence = fenceStart.exec(line)
    if (isBlank(line) || rule.test(line)) at += 1
    else if (fence !== null) {
      at += 1
      found.push(
        code(
          fence,
          taken(each => !closes(each, fence[2] ?? ''))
        )
      )
      at += 1
    } else if (heading.test(line)) {
      at += 1
      found.push({ kind: 'heading', text: line.replace(heading, '') })
    } else if (html.test(line)) {
      at += 1
      found.push({ kind: 'html', text: line.trim() })
    } else if (nests && quote.test(line)) {
      const inside = taken(each => quote.test(each)).map(each => each.replace(quote, ''))
      found.push({ kind: 'quote', blocks: blocksOf(inside.join('\n'), depth + 1) })
    } else if (nests && item.test(line)) found.push({ kind: 'list', items: items(depth) })
    else if (/^(?: {4}|\t)/.test(line)) {
      const inside = taken(each => /^(?: {4}|\t)/.test(each)).map(each => each.replace(/^(?: {4}|\t)/, ''))
      found.push({ kind: 'code', info: '', text: inside.join('\n') })
    } else {
      at += 1
      const rest = taken(each => !isBlank(each) && !begins(each))
      found.push({ kind: 'paragraph', text: [line, ...rest].map(each => each.trimStart()).join('\n') })
    }
  }
  return found

  /** The items of a list: each begins with its mark, and goes on with lines that stand to the right of it. */
  function items(level: number): readonly (readonly Block[])[] {
    const list: (readonly Block[])[] = []
    const indent = indentOf(lines[at] ?? '')
    while (at < lines.length && item.test(lines[at] ?? '') && indentOf(lines[at] ?? '') <= indent + 1) {
      const [mark = ''] = item.exec(lines[at] ?? '') ?? []
      const first = (lines[at] ?? '').slice(mark.length)
      at += 1
      const inside = taken(each => isBlank(each) || indentOf(each) > indent)
      const rest = inside.map(each => each.slice(Math.min(indentOf(each), mark.length)))
      list.push(blocksOf([first, ...rest].join('\n'), level + 1))
    }
    return list
  }
}

function code(fence: RegExpExecArray, inside: readonly string[]): Block {
  const [, indent = '', , info = ''] = fence
  const text = inside.map(each => each.slice(Math.min(indentOf(each), indent.length))).join('\n')
  return { kind: 'code', info, text }
}

/** As long as the fence that is open, of the same sign, and nothing else. */
function closes(line: string, open: string): boolean {
  const words = line.trim()
  return (
    words.length >= open.length && words.startsWith(open) && words === open.charAt(0).repeat(words.length)
  )
}

function isBlank(line: string): boolean {
  return line.trim() === ''
}

function indentOf(line: string): number {
  let at = 0
  while (line[at] === ' ') at += 1
  return at
}
