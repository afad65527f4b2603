import type { Nodes } from 'mdast'
import { type ParsingBudget, pause } from '../lib/effort.ts'
import { readAs } from '../lib/text/look-alike.ts'
import { trimmedEnd } from '../lib/text/trim.ts'

/**
 * What people mean by headings that they write by hand: vetoes and verdicts, in whatever form and spelling. Errs on the
 * side of hearing a veto: who wrote it is on the list, and lifts it again.
 */

/** A text that shows as a heading. Offsets are bytes in what was read. */
export interface Shown {
  readonly text: string
  readonly from: number
  readonly to: number
}

/**
 * Everything in a Markdown text that shows as a heading, wherever it stands: with `#`, underlined, as HTML, in a quote, a
 * list or a table, and a paragraph that is bold as a whole. What stands in code or in a comment is none.
 * Of a text that would exhaust the parser: what looks like one.
 */
export async function shownHeadings(bytes: Uint8Array, budget?: ParsingBudget): Promise<readonly Shown[]> {
  const source = Buffer.from(bytes).toString()
  const offset = offsets(source)
  const { treeOf } = await import('../render/parse.ts')
  await pause()
  const tree = treeOf(source, budget)
  if (tree === null)
    return likeHeadings(source).map(({ text, at }) => shown(text, at, at + text.length, offset))
  const found: Shown[] = []
  /** Code and comments. */
  const unread: (readonly [from: number, to: number])[] = []
  const blank = (from: number, to: number) => {
    unread.push([from, to])
  }
  const visit = (node: Nodes) => {
    const from = node.position?.start.offset ?? 0
    const to = node.position?.end.offset ?? 0
    if (node.type === 'code') blank(from, to)
    if (node.type === 'inlineCode') blank(from, to)
    if (node.type === 'html')
      for (const { 0: comment, index } of node.value.matchAll(/<!--[\s\S]*?(?:-->|$)/g))
        blank(from + index, from + index + comment.length)
    if (node.type === 'heading') found.push(shown(textOf(node), from, to, offset))
    if (node.type === 'paragraph' || node.type === 'tableCell') {
      const text = textOf(node)
      if (isBold(node)) found.push(shown(text, from, to, offset))
      // With no space behind the signs, or in a cell, they make no heading by the rules, and one to a reader.
      for (const line of text.split('\n'))
        if (/^\s*[#\uff03=]+/u.test(line))
          found.push(shown(line.replace(/^[\s#\uff03=]+/u, ''), from, to, offset))
    }
    if ('children' in node) node.children.forEach(visit)
  }
  visit(tree)
  // HTML spans blocks, so it is read in the whole text.
  for (const { from, to, text } of elements(blanked(source, unread)))
    for (const line of paragraphs(withoutTags(text))) found.push(shown(line, from, to, offset))
  return found.sort((a, b) => a.from - b.from)
}

/** A text of the same length, with blanks for these parts of it. */
function blanked(source: string, parts: readonly (readonly [from: number, to: number])[]): string {
  const pieces: string[] = []
  let done = 0
  for (const [from, to] of [...parts].sort((a, b) => a[0] - b[0])) {
    if (to <= done) continue
    const start = Math.max(from, done)
    pieces.push(source.slice(done, start), source.slice(start, to).replace(/[^\n]/g, ' '))
    done = to
  }
  return [...pieces, source.slice(done)].join('')
}

/** Elements of HTML that are headings, with the text up to their end or that of all. Each part is read once. */
function* elements(
  source: string
): Generator<{ readonly from: number; readonly to: number; readonly text: string }> {
  const roles = [...source.matchAll(/\brole\s*=\s*["']?heading/gi)].map(({ index }) => index)
  const tags = /<([a-z][\w-]*)/gi
  let nextRole = 0
  let close = 0
  for (let tag = tags.exec(source); tag !== null; tag = tags.exec(source)) {
    const { 1: whole = '', index: from } = tag
    if (close < tags.lastIndex) close = source.indexOf('>', tags.lastIndex)
    if (close < 0) return
    while ((roles[nextRole] ?? close) < from) nextRole += 1
    const hasRole = (roles[nextRole] ?? close) < close
    const name = /^(?:h[1-6]|summary|caption|th|legend)\b/i.exec(whole)?.[0] ?? (hasRole ? whole : null)
    if (name === null) continue
    const ends = new RegExp(`</${name}\\b`, 'gi')
    ends.lastIndex = close + 1
    const end = ends.exec(source)
    const to = end === null ? source.length : ends.lastIndex
    yield { from, to, text: source.slice(close + 1, end?.index ?? to) }
    tags.lastIndex = to
  }
}

/** What stands between lines that are blank. */
function paragraphs(text: string): readonly string[] {
  const found: string[][] = [[]]
  for (const line of text.split('\n')) {
    if (line.trim() === '') found.push([])
    else found.at(-1)?.push(line)
  }
  return found.map(lines => lines.join('\n'))
}

function shown(text: string, from: number, to: number, offset: (index: number) => number): Shown {
  return { text: text.replace(/\s+/g, ' ').trim(), from: offset(from), to: offset(to) }
}

/** Lines that look like a heading, of a text that nobody parses. */
function likeHeadings(source: string): readonly { readonly text: string; readonly at: number }[] {
  const like = /<h[1-6]\b|\brole\s*(?:=|$)|^[ \t>+*|-]*(?:#|\*\*|__)/i
  const underline = /^[ \t>]*(?:=+|-+)[ \t]*$/
  let next = 0
  return source.split('\n').flatMap((text, index, lines) => {
    const at = next
    next += text.length + 1
    const isLike = like.test(text) || (text !== '' && underline.test(lines[index + 1] ?? ''))
    return isLike ? [{ text: withoutTags(text).replace(/^[\s>#*+|=-]+/, ''), at }] : []
  })
}

/** Bytes before a character. Asked in any order. */
function offsets(source: string): (index: number) => number {
  if (!/[^\0-\x7f]/.test(source)) return index => index
  return index => Buffer.byteLength(source.slice(0, index))
}

/** The words of a node as they show. */
function textOf(node: Nodes): string {
  if (node.type === 'html') return withoutTags(node.value)
  if (node.type === 'break') return ' '
  if ('value' in node) return node.value
  if ('alt' in node) return node.alt ?? ''
  return 'children' in node ? node.children.map(textOf).join('') : ''
}

const entities: Readonly<Record<string, string>> = {
  amp: '&',
  colon: ':',
  nbsp: ' ',
  Tab: ' ',
  NewLine: ' ',
  shy: ''
}

function withoutTags(html: string): string {
  return tagless(html.replace(/<!--[\s\S]*?(?:-->|$)/g, '')).replace(
    /&(?:#x(?<hex>[0-9a-f]{1,6})|#(?<digits>\d{1,7})|(?<name>[a-z]+));?/gi,
    (entity, hex, digits, name) => {
      if (name !== undefined) return entities[name] ?? entity
      const point = Number.parseInt(hex ?? digits, hex === undefined ? 10 : 16)
      return point > 0x10ffff ? '' : String.fromCodePoint(point)
    }
  )
}

function tagless(html: string): string {
  const tags = /<\/?[a-z!?]/gi
  const kept: string[] = []
  let done = 0
  for (let tag = tags.exec(html); tag !== null; tag = tags.exec(html)) {
    const close = html.indexOf('>', tags.lastIndex)
    if (close < 0) break
    kept.push(html.slice(done, tag.index))
    done = close + 1
    tags.lastIndex = done
  }
  return [...kept, html.slice(done)].join('')
}

function isBold(node: Nodes): boolean {
  if (!('children' in node)) return false
  const telling = node.children.filter(child => !(child.type === 'text' && /^[\s\p{P}]*$/u.test(child.value)))
  return (
    telling.length > 0 &&
    telling.every(child => child.type === 'strong' || (child.type === 'emphasis' && isBold(child)))
  )
}

/** What a heading does to gates. No milestone: what it names is not understood. */
export interface Spoken {
  readonly what: 'veto' | 'lift' | 'FAIL' | 'INCONCLUSIVE'
  readonly milestones: readonly string[]
}

const token = String.raw`[a-z]{1,4}\d+(?:\.\d+)*`
const item = String.raw`(?:milestones?\s+)?${token}(?:\s*(?:-|\.{2,3}|…|to|through|until)\s*${token}|-\d+)?`
const list = String.raw`${item}(?:\s*(?:,|;|/|&|\+|\band\b|\bor\b)\s*(?:(?:and|or)\s+)?${item})*`
const word = String.raw`veto(?:e[ds]|ed|s|ing)?|v[\s._]e[\s._]t[\s._]o(?![a-z])`
const lifted = String.raw`(?:is\s+|was\s+|(?:has|have)\s+been\s+)?(?:lifted|cleared|withdrawn|revoked)`
const patterns = {
  any: new RegExp(String.raw`(?<![a-z])(?:${word})|veto|\u0432\u0435\u0442\u043e`),
  /** The one denial that leaves no doubt. */
  none: /^[^a-z0-9]*vetoed (?:nothing|none)$/,
  lift: new RegExp(String.raw`(?:${word})\W*${lifted}\b`),
  vetoFirst: new RegExp(
    String.raw`^[^a-z0-9]*(?:${word})[\s:-]*(?:\b(?:on|of|for|against)\s+)?(?<list>${list})(?![\w])(?<rest>.*)$`
  ),
  listFirst: new RegExp(
    String.raw`^[^a-z0-9]*(?<list>${list})(?:[\s:+&,/-]|\b(?:pass|fail|failed|inconclusive|is|are)\b)*(?:${word})(?![\w])(?<rest>.*)$`
  ),
  liftFirst: new RegExp(
    String.raw`^[^a-z0-9]*(?:${word})\W*${lifted}\b[\s:-]*(?:\b(?:on|of|for)\s+)?(?<list>${list}|\*)?(?![\w])(?<rest>.*)$`
  ),
  listLifted: new RegExp(
    String.raw`^[^a-z0-9]*(?<list>${list})(?:[\s:+&,/-]|\b(?:pass|is|are)\b)*(?:${word})\W*${lifted}\b(?<rest>.*)$`
  ),
  verdict: new RegExp(
    String.raw`^[^a-z0-9]*(?<list>${list})(?:\s*\([^)]*\))?\s*[:-]*\s*(?<verdict>fail(?:ed|ure)?|inconclusive)\b`
  )
} as const

/** What a heading says of gates; null: nothing. */
export async function spokenIn(heading: string): Promise<Spoken | null> {
  const text = (await readAs(heading.replace(/[*_~`\\]/g, '')))
    .replace(/[“”„"'’]/g, '')
    .replace(/\s+/g, ' ')
    .slice(0, 2000)
  const cyrillic = heading.toLowerCase().includes('\u0432\u0435\u0442\u043e')
  if (patterns.any.test(text) || cyrillic) {
    if (patterns.none.test(text)) return null
    if (patterns.lift.test(text)) {
      return { what: 'lift', milestones: named(text, [patterns.liftFirst, patterns.listLifted]) }
    }
    return { what: 'veto', milestones: named(text, [patterns.vetoFirst, patterns.listFirst]) }
  }
  const found = patterns.verdict.exec(text)?.groups
  if (found === undefined) return null
  const what = found['verdict'] === 'inconclusive' ? 'INCONCLUSIVE' : 'FAIL'
  return { what, milestones: listed(found['list'] ?? '') ?? [] }
}

/** The milestones that are named and nothing but them; none where there is more to it, or more than one reading. */
function named(text: string, forms: readonly RegExp[]): readonly string[] {
  for (const form of forms) {
    const groups = form.exec(text)?.groups
    if (groups === undefined) continue
    const rest = groups['rest'] ?? ''
    // Behind a colon or a dash stands the reason.
    if (!/^\s*(?:$|[:.!]|-+\s|\s-)/.test(rest)) return []
    if (!/^\s*(?:$|:|-+\s|\s-)/.test(rest) && new RegExp(token).test(rest)) return []
    const milestones = groups['list'] === '*' ? ['*'] : listed(groups['list'] ?? '')
    return milestones ?? []
  }
  return []
}

const digits = '0123456789'

/** How many milestones a range may have that is understood. */
const longestRange = 100

/** `m1, m2 and m4-m6` → M1, M2, M4, M5, M6; null for a range of which it is not known what lies in it. */
function listed(list: string): readonly string[] | null {
  const milestones: string[] = []
  for (const match of list.matchAll(
    new RegExp(
      String.raw`(?<from>${token})(?:\s*(?:-|\.{2,3}|…|to|through|until)\s*(?<to>${token})|-(?<end>\d+))?`,
      'g'
    )
  )) {
    const { from = '', to, end } = match.groups ?? {}
    const last = to ?? (end === undefined ? undefined : trimmedEnd(from, digits) + end)
    if (last === undefined) {
      milestones.push(from.toUpperCase())
      continue
    }
    const prefix = trimmedEnd(from, digits)
    const first = Number(from.slice(prefix.length))
    const count = Number(last.slice(prefix.length)) - first
    if (prefix !== trimmedEnd(last, digits) || !(count >= 0 && count <= longestRange)) return null
    for (let at = 0; at <= count; at++) milestones.push(`${prefix}${first + at}`.toUpperCase())
  }
  return milestones
}
