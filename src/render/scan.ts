/**
 * Reads the blocks of a Markdown text line by line, as far as that is certain, in linear time and without a
 * parser. What it is not certain of it hands back.
 *
 * A `#` at the margin makes a heading at the top level unless a fence or HTML is open there at the top level: no
 * list, note or quote goes on over such a line, no paragraph and no table. So this follows fences and HTML that
 * begin at the margin, and of HTML only what ends at an empty line. All else that might open a block which goes
 * on over a heading (an indented fence, a comment, `<pre>`, a footnote) makes the part dubious.
 */

/** From one heading at the top level, or the beginning of the text, to the next. Offsets in the text. */
export interface Part {
  readonly start: number
  readonly end: number
  /** Where headings begin that may be in it: its first line, if that is one. */
  readonly heading: boolean
  /** Something in it can be read in more than one way: it says nothing more, and `end` is where that is. */
  readonly dubious: boolean
  /** Blocks of HTML, as they are written. */
  readonly html: readonly string[]
  /** Its words may hold HTML as well. */
  readonly inline: boolean
  /**
   * The signs of the fence that is open at its end; null: none is. Nothing else outlives an empty line: the HTML
   * here ends at one.
   */
  readonly fence: string | null
}

/** Elements that begin HTML even within a paragraph, and end at an empty line: those that reviews fold with. */
const folding = /^<\/?(?:details|summary|div|p|table|hr|ul|ol)(?=[ \t>\r\n]|$)/i

/**
 * Answers the part that begins at an offset where nothing is open. To be asked from the front to the back.
 *
 * @param text with line ends that are `\n` or `\r\n`.
 */
export function scanner(text: string): (start: number) => Part {
  // Where the next `<` is, is looked up once for all lines before it, in whatever part.
  const angles = { next: -1 }
  return start => nextPart(text, start, angles)
}

function nextPart(text: string, start: number, angles: { next: number }): Part {
  /** Where the HTML began that goes on to the next empty line; -1: none. */
  let htmlStart = -1
  let html: string[] | null = null
  let inline = false
  let heading = false
  let openFence: string | null = null
  /** Where words begin that nobody looked at for code; none of it goes on over this line's beginning. */
  let unread = start
  const part = (end: number, dubious: boolean): Part => ({
    start,
    end,
    heading,
    dubious,
    html: html ?? none,
    inline,
    fence: openFence
  })

  for (let at = start; at < text.length; ) {
    const found = text.indexOf('\n', at)
    const next = found < 0 ? text.length : found + 1
    const first = text.charCodeAt(at)

    if (htmlStart >= 0) {
      if (blank(text, at)) {
        html ??= []
        html.push(text.slice(htmlStart, lineEndBefore(text, at)))
        htmlStart = -1
        unread = next
      }
      at = next
      continue
    }

    if (first === hash && isHeading(text, at)) {
      if (at > start) return part(at, false)
      heading = true
    } else if (first === backtick || first === tilde) {
      const length = fence(text, at, next)
      if (length > 0) {
        const signs = text.slice(at, at + length)
        const behind = behindFence(text, next, signs)
        if (behind < 0) openFence = signs
        at = behind < 0 ? text.length : behind
        unread = at
        continue
      }
    } else if (first === angle && begins(text, at)) {
      if (!folding.test(text.slice(at, at + 12))) return part(at, true)
      htmlStart = at
      at = next
      continue
    } else if (first === bracket && text.charCodeAt(at + 1) === caret) {
      return part(at, true)
    } else if (first === space && indented(text, at)) {
      return part(at, true)
    } else if (first === lf || first === cr) {
      unread = next
    }
    if (!inline) {
      if (angles.next < at) angles.next = angleFrom(text, at)
      while (!inline && angles.next < next) {
        if (!begins(text, angles.next)) angles.next = angleFrom(text, angles.next + 1)
        else if (onlyCode(text, unread, next)) {
          unread = next
          angles.next = angleFrom(text, next)
        } else inline = true
      }
    }
    at = next
  }
  if (htmlStart >= 0) html = [...(html ?? []), text.slice(htmlStart, lineEndBefore(text, text.length))]
  return part(text.length, false)
}

const none: readonly string[] = []

const [space, tab, hash, backtick, tilde, angle, bracket, caret, lf, cr] = [
  0x20, 0x09, 0x23, 0x60, 0x7e, 0x3c, 0x5b, 0x5e, 0x0a, 0x0d
] as const

function isHeading(text: string, at: number): boolean {
  let end = at
  while (end < at + 7 && text.charCodeAt(end) === hash) end += 1
  if (end === at + 7) return false
  const after = text.charCodeAt(end)
  return end === text.length || after === space || after === tab || after === lf || after === cr
}

/** How many signs the fence has that begins here; 0: it is none, since backticks have no others on their line. */
function fence(text: string, at: number, next: number): number {
  const length = run(text, at)
  if (length < 3) return 0
  return text.charCodeAt(at) === backtick && text.slice(at + length, next).includes('`') ? 0 : length
}

/** Where the line begins that comes after the end of a fence; -1: it has none. */
function behindFence(text: string, from: number, signs: string): number {
  for (let at = text.indexOf(signs, from); at >= 0; ) {
    const length = run(text, at)
    let begin = at
    while (begin > from && begin > at - 3 && text.charCodeAt(begin - 1) === space) begin -= 1
    if ((begin === from || text.charCodeAt(begin - 1) === lf) && blank(text, at + length)) {
      const end = text.indexOf('\n', at + length)
      return end < 0 ? text.length : end + 1
    }
    at = text.indexOf(signs, at + length)
  }
  return -1
}

/**
 * Whether no HTML can be in these lines because each `<` stands in code that begins and ends on its line. Words
 * are read from the left, so what is code depends on all lines of the paragraph before: on each of them every
 * row of backticks must have its end, and nothing may stand outside of code that takes a backtick for itself, as
 * a `<`, an address, the target or the name of a link and a backslash do. A table cuts code at a `|`.
 *
 * @param from where no words go on from the line before.
 */
function onlyCode(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; ) {
    // A copy, because what is looked up in the text is looked for up to its end.
    const line = text.slice(at, text.indexOf('\n', at) + 1 || text.length)
    let outside = 0
    for (let code = line.indexOf('`'); code >= 0; code = line.indexOf('`', outside)) {
      const end = endOfCode(line, code)
      if (end < 0 || !harmless(line, outside, code) || line.slice(code, end).includes('|')) return false
      outside = end
    }
    if (!harmless(line, outside, line.length)) return false
    at += line.length
  }
  return true
}

/** Behind the next row of as many backticks as begin here; -1: the line has none. */
function endOfCode(line: string, start: number): number {
  const length = run(line, start)
  for (let at = line.indexOf('`', start + length); at >= 0; ) {
    const found = run(line, at)
    if (found === length) return at + found
    at = line.indexOf('`', at + found)
  }
  return -1
}

const takesBackticks = /<|\\$|:\/\/|www\.|\][([]|\[\^/i

/** Whether words between code leave the backticks behind them, and those of the lines below, to make code. */
function harmless(text: string, from: number, to: number): boolean {
  return from === to || !takesBackticks.test(text.slice(from, to))
}

function run(text: string, at: number): number {
  const sign = text.charCodeAt(at)
  let end = at
  while (text.charCodeAt(end) === sign) end += 1
  return end - at
}

/** Whether nothing but spaces and tabs stands from here to the end of the line. */
function blank(text: string, at: number): boolean {
  let end = at
  while (text.charCodeAt(end) === space || text.charCodeAt(end) === tab) end += 1
  return end >= text.length || text.charCodeAt(end) === lf || text.charCodeAt(end) === cr
}

/** Where the line end begins that stands before this offset. */
function lineEndBefore(text: string, at: number): number {
  const end = text.charCodeAt(at - 1) === lf ? at - 1 : at
  return end < at && text.charCodeAt(end - 1) === cr ? end - 1 : end
}

function angleFrom(text: string, at: number): number {
  const found = text.indexOf('<', at)
  return found < 0 ? text.length : found
}

/** Whether the `<` here may begin HTML. */
function begins(text: string, at: number): boolean {
  const after = text.charCodeAt(at + 1)
  if (text.charCodeAt(at) !== angle) return false
  const letter = after | 0x20
  return (letter >= 0x61 && letter <= 0x7a) || after === 0x2f || after === 0x21 || after === 0x3f
}

/** Whether a line that begins with one to three spaces may begin a heading, a fence, HTML or a footnote. */
function indented(text: string, at: number): boolean {
  let begin = at
  while (begin < at + 4 && text.charCodeAt(begin) === space) begin += 1
  // Four, or a tab, make code or belong to something that ends at the margin.
  if (begin === at + 4 || text.charCodeAt(begin) === tab) return false
  const first = text.charCodeAt(begin)
  if (first === hash) return isHeading(text, begin)
  if (first === backtick || first === tilde) return run(text, begin) >= 3
  if (first === angle) return begins(text, begin)
  return first === bracket && text.charCodeAt(begin + 1) === caret
}
