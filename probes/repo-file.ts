import { joinedLines, trimmedEnd } from '../src/lib/text/trim.ts'
import * as z from 'zod'
import { withheld } from '../src/systems/languages/file-text.ts'
import { pattern, patternText } from '../src/lib/text/pattern.ts'
import { type CodeLine, type FileCode, fileCode } from '../src/systems/programs/program-text.ts'
import { defineProbe, type Finding } from '../src/probe/probe.ts'
import { type RepoFile, repoPathParam, repoFile as source } from '../src/systems/repo/file.ts'

const line = z.string().regex(/\S/, 'expected text that is more than white space')
const lines = z.union([line, z.array(line).min(1)])
const patterns = z.union([patternText, z.array(patternText).min(1)])

export const repoFile = defineProbe({
  id: 'repo-file',
  asserts: "The file says at the claim's commit what it should",
  because: 'What a builder says of a patch is not the patch: only what the commit holds gets deployed.',
  remedy: 'Commit the change to the file, outside of comments and echoes, and claim again.',
  fails: [
    'the text is not there, or stands in a comment or an echo only',
    'a text is there that should not be',
    'the file is not there'
  ],
  example: { path: 'nix/modules/swarm.nix', contains: '--subnet 10.10.0.0/16' },
  params: z
    .strictObject({
      path: repoPathParam.describe('the file, as git names it'),
      contains: lines
        .optional()
        .describe('text outside of comments and echoes; of several lines, one below the other'),
      lacks: lines.optional().describe('text that is nowhere in such lines'),
      matches: patterns.optional().describe('linear-time regular expression (RE2) that such a line matches'),
      exists: z.boolean().default(true).describe('whether the file must be there, or must not')
    })
    .refine(({ exists, contains, lacks, matches }) => exists || !(contains ?? lacks ?? matches), {
      error: 'a file that must not exist cannot be asked for its content'
    }),

  needs: ({ path }) => ({ file: source(path) }),

  judge({ file }, { contains, lacks, matches, exists }) {
    const at = `${file.path} at ${file.commit.slice(0, 7)}`
    if (file.text === null && file.unread === undefined) {
      const saw = `no file \`${file.path}\` in commit ${file.commit.slice(0, 7)}`
      return [exists ? { outcome: 'fail', saw, expected: 'that it exists', at } : { outcome: 'pass', saw }]
    }
    if (!exists) return [{ outcome: 'fail', saw: 'the file is there', expected: 'no such file', at }]

    const asked = [contains, lacks, matches].some(each => each !== undefined)
    if (file.text === null) {
      if (asked) return [{ outcome: 'unknown', why: file.unread ?? '' }]
      return [{ outcome: 'pass', saw: `\`${file.path}\` is there at ${file.commit.slice(0, 7)}` }]
    }
    if (asked && file.text.length > longest) {
      const why = `${at} has ${file.text.length} characters, more than the ${longest} that are judged`
      return [{ outcome: 'unknown', why }]
    }
    const text = file.text.replaceAll('\r\n', '\n')
    const rows = text.replace(/\n$/, '').split('\n')
    if (!asked) {
      const count = text === '' ? 0 : rows.length
      const saw = `\`${file.path}\` at ${file.commit.slice(0, 7)} exists, ${count} ${count === 1 ? 'line' : 'lines'}`
      return [{ outcome: 'pass', saw }]
    }
    const hidden = withheld(text)
    if (hidden?.all === true) return [{ outcome: 'unknown', why: `${at} cannot be searched: ${hidden.why}` }]
    const read: Read = {
      file,
      rows,
      code: fileCode(file.path, text),
      hidden: hidden?.why ?? null,
      isUtf8: !text.includes('\uFFFD')
    }
    const findings: Finding[] = [
      ...listed(contains).map(wanted => present(read, `\`${shown(wanted)}\``, ofText(wanted))),
      ...listed(matches).map(source => {
        const expression = pattern(source)
        const test = (line: string) => expression.test(line)
        return present(read, `a match of \`${source}\``, {
          find: ({ lines }) => firstLine(lines, test),
          test,
          ascii: true
        })
      }),
      ...listed(lacks).map(unwanted => absent(read, `\`${shown(unwanted)}\``, ofText(unwanted)))
    ]
    const [first, ...rest] = findings
    return first === undefined ? [{ outcome: 'not-applicable', why: 'nothing was asked' }] : [first, ...rest]
  },

  falsify({ file: { path, commit } }, { lacks, exists }) {
    const file = { path, commit }
    if (!exists) return [{ file: { ...file, text: '' } }]
    return [{ file: { ...file, text: null } }, ...listed(lacks).map(text => ({ file: { ...file, text } }))]
  }
})

/** How long a file may be, in characters: telling code from comments takes some hundred bytes for each line. */
const longest = 4 * 1024 * 1024

function listed(value: string | readonly string[] | undefined): readonly string[] {
  return typeof value === 'string' ? [value] : (value ?? [])
}

interface Read {
  readonly file: RepoFile
  /** The lines of the file as they are. */
  readonly rows: readonly string[]
  readonly code: FileCode
  /** Why what is not found may be there all the same. */
  readonly hidden: string | null
  readonly isUtf8: boolean
}

/** One reading of a file: what counts of it, by joined lines and by the lines of the file. */
interface Reading {
  readonly lines: readonly CodeLine[]
  readonly rows: readonly string[]
}

interface Wanted {
  /** The number of the first line, and of the last one where there are several. */
  find(reading: Reading): Place | undefined
  /** Whether a line of the file shows it, or its first line. */
  test(line: string): boolean
  /** It can be told in a file of any encoding that has ASCII in it. */
  readonly ascii: boolean
}

interface Place {
  readonly first: number
  readonly last: number
}

function ofText(text: string): Wanted {
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
 * begins with the last of `tail`. Lines that hold nothing, or a comment alone, are passed over.
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
    // Text that begins in the middle of a line says nothing of how far the others are moved in.
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

/** How a text is written in a sentence. */
function shown(text: string): string {
  return joinedLines(text, ' ⏎ ')
}

function does({ code }: Read): Reading {
  return { lines: code.does, rows: code.rows.does }
}

function may({ code }: Read): Reading {
  return { lines: code.may, rows: code.rows.may }
}

function raw({ rows }: Read): Reading {
  return { lines: rows.map((text, index) => ({ line: index + 1, text })), rows }
}

function present(read: Read, wanted: string, { find, test, ascii }: Wanted): Finding {
  const { file, code } = read
  const found = find(does(read))
  if (found !== undefined) {
    const [line, shows] = quoted(read, found, test)
    return { outcome: 'pass', saw: `${wanted} is in ${file.path}:${line}${asText(code)}`, shows }
  }
  const perhaps = find(may(read))
  if (perhaps !== undefined) return doubtful(read, wanted, quoted(read, perhaps, test)[0])
  const blind = blindness(read, ascii)
  if (blind !== null)
    return { outcome: 'unknown', why: `${wanted} is not in ${file.path} as far as it can be read: ${blind}` }
  const expected = `${wanted} in a line that does something`
  const said = find(raw(read))
  if (said === undefined) {
    const at = `${file.path} at ${file.commit.slice(0, 7)}`
    return { outcome: 'fail', saw: `${wanted} nowhere in the file`, expected, at }
  }
  const [line, shows] = quoted(read, said, test)
  return {
    outcome: 'fail',
    saw: `${wanted} only in a comment or where it is only said${asText(code)}`,
    expected,
    at: `${file.path}:${line}`,
    shows
  }
}

function absent(read: Read, unwanted: string, { find, test, ascii }: Wanted): Finding {
  const { file, code } = read
  const found = find(does(read))
  if (found !== undefined) {
    const [line, shows] = quoted(read, found, test)
    const at = `${file.path}:${line}`
    return { outcome: 'fail', saw: unwanted, expected: 'no line that does it', at, shows }
  }
  const perhaps = find(may(read)) ?? (code.language === null ? find(raw(read)) : undefined)
  if (perhaps !== undefined) return doubtful(read, unwanted, quoted(read, perhaps, test)[0])
  const blind = blindness(read, ascii)
  if (blind !== null)
    return {
      outcome: 'unknown',
      why: `${unwanted} is not in ${file.path} as far as it can be read: ${blind}`
    }
  const count = code.does.length
  if (count === 0) return { outcome: 'unknown', why: `${file.path} has no line in which it could be` }
  const where =
    count === 1
      ? `is not in the one line of ${file.path}`
      : `is in none of the ${count} lines of ${file.path}`
  return { outcome: 'pass', saw: `${unwanted} ${where}${asText(code)}` }
}

function doubtful({ file, code }: Read, text: string, line: number): Finding {
  const reader =
    code.language === null
      ? 'how this file writes comments is not known'
      : `programs that read ${code.language} files differ there`
  return {
    outcome: 'unknown',
    why: `${text} is in ${file.path}:${line}, which may be a comment or a message: ${reader}`
  }
}

function blindness({ hidden, isUtf8 }: Read, ascii: boolean): string | null {
  if (hidden !== null) return hidden
  return isUtf8 || ascii ? null : 'it is not UTF-8'
}

function asText({ language }: FileCode): string {
  if (language === null) return ' (judged as text: how it writes comments is not known)'
  return language === 'text' ? ' (judged as text)' : ''
}

/** The line's number and the line as `grep -n` prints it; of a line continued by backslashes, the one that matches. */
function quoted(
  { rows }: Read,
  { first, last: end }: Place,
  test: (text: string) => boolean
): readonly [number, readonly string[]] {
  if (end > first)
    return [
      first,
      rows.slice(first - 1, Math.min(end, first + 9)).map((text, index) => numbered(first + index, text))
    ]
  let last = first
  while (rows[last - 1]?.endsWith('\\') === true) last += 1
  const own = rows.slice(first - 1, last).findIndex(test)
  const line = first + Math.max(0, own)
  const shown = own < 0 ? rows.slice(first - 1, last) : [rows[line - 1] ?? '']
  return [line, shown.map((text, index) => numbered(line + index, text))]
}

function numbered(line: number, text: string): string {
  return `${line}:${text.slice(0, 300)}`
}
