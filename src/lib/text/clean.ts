import { sha256 } from '../canonical.ts'
import { trimmedEnd, trimmedStart } from './trim.ts'

/**
 * Guards for hostile text. Whatever a host prints or a claim says reaches a review, a log or a terminal
 * through one of these, and through nothing else. All are total: any text in, harmless text out.
 */

/** Bytes as text. Invalid UTF-8 becomes U+FFFD; a byte order mark stays, for `clean` to drop. */
export function toText(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
}

// Terminated sequences go with their payload, as on a terminal. Of an unterminated one only the
// introducer goes, or one stray ESC could hide the rest of the evidence.
const terminal =
  /(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b[\]P^_X]|[\x9d\x90\x9e\x9f\x98])[^\x07\x1b\x90\x98\x9c-\x9f\r\n]*(?:\x07|\x1b\\|\x9c)|\x1b[ -/]*[0-~]?/g // oxlint-disable-line no-control-regex
// Default-ignorable covers zero-width, bidirectional, variation selectors, tags and fillers.
const invisible =
  /[\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\ufff9-\ufffb]|(?![\t\n])\p{Cc}/gu

/**
 * Text without terminal sequences, control, bidirectional, zero-width and other invisible characters.
 * Every kind of line end becomes `\n`, tabs stay, lone surrogates become U+FFFD, and a pile of combining
 * marks is cut at eight. Idempotent.
 */
export function clean(text: string): string {
  return text
    .replace(terminal, '')
    .replace(/\r\n?|[\v\f\u0085\u2028\u2029]/g, '\n')
    .replace(invisible, '')
    .replace(/\p{Surrogate}/gu, '\ufffd')
    .replace(/(\p{M}{8})\p{M}+/gu, '$1')
}

/** `clean`, on one line without tabs or double spaces, at most `max` characters (then it ends in `…`). */
export function oneLine(text: string, max = 1000): string {
  return shorten(clean(text).replace(/\s+/gu, ' ').trim(), max)
}

function shorten(text: string, max: number): string {
  if (text.length <= max) return text
  // Never half of a surrogate pair.
  return `${text.slice(0, Math.max(0, max - 1)).replace(/[\ud800-\udbff]$/, '')}…`
}

/** What a stranger said before any protocol held: what is not printable ASCII is a space. */
export function printable(text: string): string {
  return text.replaceAll(/[^ -~]+/g, ' ').trim()
}

/**
 * A fenced block that nothing inside can close: the fence is longer than every run of backticks in it.
 * `info` is kept only if it is a plain word. No line break at the end.
 */
export function fence(text: string, info = ''): string {
  const body = trimmedEnd(clean(text), '\n')
  const ticks = '`'.repeat(Math.max(3, longestRun(body) + 1))
  return `${ticks}${/^[a-z][a-z0-9-]*$/.test(info) ? info : ''}\n${body}\n${ticks}`
}

/** Inline code, one line, at most `max` characters of it; nothing inside can end it. `(empty)` for nothing. */
export function inline(text: string, max = 300): string {
  const body = oneLine(text, max)
  if (body === '') return '(empty)'
  const ticks = '`'.repeat(longestRun(body) + 1)
  const pad = body.startsWith('`') || body.endsWith('`') ? ' ' : ''
  return `${ticks}${pad}${body}${pad}${ticks}`
}

function longestRun(text: string): number {
  let longest = 0
  for (const [run] of text.matchAll(/`+/g)) longest = Math.max(longest, run.length)
  return longest
}

const number = String.raw`±?\p{N}+(?:[.,:]\p{N}+)*[\p{L}%]*`
const letters = String.raw`[\p{L}\p{M}\p{N}]+`
const word = new RegExp(
  `^[("“‘]*(?:\\d{4}-\\d\\d-\\d\\d(?:T[\\d:.]+Z)?|e\\.g\\.|i\\.e\\.|(?:${number}|${letters})(?:['’/-](?:${number}|${letters}))*)[)"'”’.,;:!?%…]*$`,
  'u'
)
/** What a forge would link: commit ids, `GH-12` and the like of issue trackers. */
const reference = /^[("“‘]*(?:[0-9a-f]{7,}|\p{L}+-\d)/iu
const punctuation = /^[("“‘)”’.,;:!?%…/–—-]+$/u
const betweenWords = /^(?:[–—→←·…✓✗✔✘&=+%]|\d+%)$/u

/**
 * One line of prose in which nothing is Markdown, HTML, a mention, a link, an issue or an emoji. Words that
 * could be any of these come out as inline code, which every forge leaves alone (escapes do not stop
 * mentions); `` `code` `` stays code. Starts no list or heading, even at the start of a line.
 *
 * @param max characters of the text that are kept.
 */
export function plain(text: string, max = 1000): string {
  const tokens = oneLine(text, max).match(/`[^`]+`|\s+|[^\s`]+|`/gu) ?? []
  const parts: { code: boolean; span: boolean; text: string }[] = []
  const add = (code: boolean, span: boolean, value: string) => {
    const [before, space] = [parts.at(-2), parts.at(-1)]
    if (code && space?.code) {
      // Two runs of backticks must never touch.
      parts.splice(-1, 1, { code, span: space.span, text: space.text + value })
    } else if (code && !span && space?.text === ' ' && before?.code && !before.span) {
      parts.splice(-2, 2, { code, span, text: `${before.text} ${value}` })
    } else if (value !== '') parts.push({ code, span, text: value })
  }
  tokens.forEach((token, index) => {
    const glued = isSpan(tokens[index - 1]) || isSpan(tokens[index + 1])
    if (isSpan(token)) add(true, true, token.slice(1, -1))
    else if (token === ' ' || isTame(token, index === 0, glued)) {
      add(false, false, token === '-' && !glued ? '–' : token)
    } else {
      const { head, core, tail } = unwrapped(token)
      add(false, false, head)
      add(true, false, core)
      add(false, false, tail)
    }
  })
  return parts.map(part => (part.code ? inline(part.text, max) : part.text)).join('')
}

/** Punctuation around a word that becomes code stays outside, but `f(x)` keeps its bracket. */
function unwrapped(token: string): { head: string; core: string; tail: string } {
  const rest = trimmedStart(token, '("“‘')
  const core = trimmedEnd(rest, ')"”’.,;:!?…')
  const head = token.slice(0, token.length - rest.length)
  const tail = rest.slice(core.length)
  if (core === '' || /^\d+$/.test(core)) return { head: '', core: token, tail: '' }
  const closed = core.includes('(') ? (/^\)+/.exec(tail)?.[0] ?? '') : ''
  return { head, core: core + closed, tail: tail.slice(closed.length) }
}

function isSpan(token: string | undefined): boolean {
  return token !== undefined && /^`.+`$/u.test(token)
}

function isTame(token: string, first: boolean, glued: boolean): boolean {
  if (glued && punctuation.test(token)) return true
  if (token === '-') return true
  if (betweenWords.test(token)) return !first || !/^[=+]$/.test(token)
  if (first && /^\d+[.)]/.test(token)) return false
  return word.test(token) && !reference.test(token)
}

/**
 * Text of at most `max` characters; what is cut off is said in a last line, with the length and the
 * digest of the whole.
 */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text
  const head = text.slice(0, max).replace(/[\ud800-\udbff]$/, '')
  return `${head}\n… cut here: ${head.length} of ${text.length} characters shown, the whole is ${sha256(text)}`
}

/**
 * Text in which no continuous-integration server finds a word to skip a build: `[ci skip]`, `[skip ci]`,
 * `[no ci]`, `[skip actions]`, `[actions skip]` and their like, `***no_ci***`, and `skip-checks:`.
 */
export function skipMarkers(text: string): string {
  return text
    .replace(/\[([^[\]]*)\]/gu, (whole: string, inside: string) =>
      /skip|no[\W_]*(?:ci|build)/iu.test(inside) ? `(${inside})` : whole
    )
    .replace(/\*{1,3}(\s*no[\s_-]*ci\s*)\*{1,3}/giu, '$1')
    .replace(/(skip[\s_-]*checks?)\s*:/giu, '$1 –')
}

/** A label for a Mermaid diagram, to be put between double quotes: letters, digits and tame punctuation. */
export function mermaidLabel(text: string, max = 60): string {
  const label = oneLine(text, 10 * max).replace(/[^\p{L}\p{N} _.,:/=+-]+/gu, ' ')
  return shorten(label.replace(/ +/g, ' ').trim(), max) || '?'
}
