import { pattern } from '../../lib/text/pattern.ts'
import { trimmedEnd } from '../../lib/text/trim.ts'
import { withheld } from '../languages/file-text.ts'
import { type CodeLine, type FileCode, fileCode } from '../programs/program-text.ts'

/** Where a text stands in a file: in a line that does something, in one that may, or where it is only said. Pure. */

/** Why nothing can be searched in it: all of it is encrypted or packed; or what is searched. */
export function searched(path: string, text: string): { readonly why: string } | SearchedFile {
  const rows = text.replace(/\n$/, '').split('\n')
  const hidden = withheld(text)
  if (hidden?.all === true) return { why: hidden.why }
  return {
    rows,
    code: fileCode(path, text),
    hidden: hidden?.why ?? null,
    isUtf8: !text.includes('\uFFFD')
  }
}

/** A line as it is shown, with its number. */
export interface Shown {
  readonly line: number
  readonly shows: readonly string[]
}

export interface Search {
  /** In a line that does something. */
  readonly does: Shown | null
  /** In a line that may be a comment or a message. */
  readonly may: Shown | null
  /** Anywhere in the file. */
  readonly said: Shown | null
  /** Why it may be there although it was not found; null where that is certain. */
  readonly blind: string | null
}

export function search(file: SearchedFile, { find, test, ascii }: Wanted): Search {
  const shown = (reading: Reading) => {
    const place = find(reading)
    return place === undefined ? null : quoted(file, place, test)
  }
  return {
    does: shown(does(file)),
    may: shown(may(file)),
    said: shown(raw(file)),
    blind: blindness(file, ascii)
  }
}

/** @param source a pattern of linear time. */
export function wantedPattern(source: string): Wanted {
  const expression = pattern(source)
  const test = (line: string) => expression.test(line)
  return { find: ({ lines }) => firstLine(lines, test), test, ascii: true }
}

export interface SearchedFile {
  /** The lines of the file as they are. */
  readonly rows: readonly string[]
  readonly code: FileCode
  /** Why a text that is not found may still be there. */
  readonly hidden: string | null
  readonly isUtf8: boolean
}

/** One reading of a file: what counts of it, by joined lines and by the lines of the file. */
interface Reading {
  readonly lines: readonly CodeLine[]
  readonly rows: readonly string[]
}

export interface Wanted {
  /** The number of the first line, and of the last one where there are several. */
  find(reading: Reading): Place | undefined
  /** Whether a line of the file shows it, or its first line. */
  test(line: string): boolean
  /** It can be found in a file of any encoding that contains ASCII. */
  readonly ascii: boolean
}

interface Place {
  readonly first: number
  readonly last: number
}

export function wantedText(text: string): Wanted {
  const wanted = trimmedEnd(text.replaceAll('\r\n', '\n'), '\n')
  const ascii = Buffer.byteLength(wanted) === wanted.length
  const [head = '', ...tail] = wanted.replace(/^(?:[ \t]*\n)+/, '').split('\n')
  const test = (line: string) => line.includes(head)
  if (tail.length === 0) return { find: ({ lines }) => firstLine(lines, test), test, ascii }
  return {
    find: ({ rows }) =>
      block(
        rows,
        head,
        tail.filter(line => line.trim() !== '')
      ),
    test,
    ascii
  }
}

function firstLine(lines: readonly CodeLine[], test: (line: string) => boolean): Place | undefined {
  const found = lines.find(({ text }) => test(text))
  return found && { first: found.line, last: found.line }
}

/**
 * Where lines follow each other, all moved in by the same white space: the first one ends with `head`, the last one
 * begins with the last of `tail`. Lines that hold nothing, or only a comment, are skipped.
 */
function block(rows: readonly string[], head: string, tail: readonly string[]): Place | undefined {
  const full = rows.flatMap((text, index) =>
    text.trim() === '' ? [] : [{ text: text.trimEnd(), line: index + 1 }]
  )
  const begin = head.trimEnd()
  for (const [index, { text, line }] of full.entries()) {
    if (!text.endsWith(begin)) continue
    const before = text.slice(0, text.length - begin.length)
    const following = full.slice(index + 1, index + 1 + tail.length)
    const [next] = following
    const [second = ''] = tail
    if (next === undefined || following.length < tail.length) return undefined
    // Text that begins in the middle of a line does not show how far the others are moved in.
    const indent =
      before.trim() === '' ? before : next.text.slice(0, Math.max(0, next.text.indexOf(second.trim())))
    const fits = following.every(({ text }, at) => {
      const wanted =
        indent.trim() === ''
          ? moved(tail[at] ?? '', indent, before.trim() === '' ? '' : leading(second))
          : null
      return wanted !== null && (at === tail.length - 1 ? text.startsWith(wanted) : text === wanted.trimEnd())
    })
    if (fits) return { first: line, last: following.at(-1)?.line ?? line }
  }
  return undefined
}

/** The line moved in by `indent` instead of `own`. */
function moved(line: string, indent: string, own: string): string {
  return indent + (line.startsWith(own) ? line.slice(own.length) : line.trimStart())
}

function leading(line: string): string {
  return /^[ \t]*/.exec(line)?.[0] ?? ''
}

function does({ code }: SearchedFile): Reading {
  return { lines: code.does, rows: code.rows.does }
}

function may({ code }: SearchedFile): Reading {
  return { lines: code.may, rows: code.rows.may }
}

function raw({ rows }: SearchedFile): Reading {
  return { lines: rows.map((text, index) => ({ line: index + 1, text })), rows }
}

function blindness({ hidden, isUtf8 }: SearchedFile, ascii: boolean): string | null {
  if (hidden !== null) return hidden
  return isUtf8 || ascii ? null : 'it is not UTF-8'
}

/** The line's number and the line as `grep -n` prints it; of a line continued by backslashes, the one that matches. */
function quoted({ rows }: SearchedFile, { first, last: end }: Place, test: (text: string) => boolean): Shown {
  if (end > first) {
    const shows = rows
      .slice(first - 1, Math.min(end, first + 9))
      .map((text, index) => numbered(first + index, text))
    return { line: first, shows }
  }
  let last = first
  while (rows[last - 1]?.endsWith('\\') === true) last += 1
  const own = rows.slice(first - 1, last).findIndex(test)
  const line = first + Math.max(0, own)
  const shown = own < 0 ? rows.slice(first - 1, last) : [rows[line - 1] ?? '']
  return { line, shows: shown.map((text, index) => numbered(line + index, text)) }
}

function numbered(line: number, text: string): string {
  return `${line}:${text.slice(0, 300)}`
}
