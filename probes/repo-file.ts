import { joinedLines } from '../src/lib/text/trim.ts'
import * as z from 'zod'
import { patternText } from '../src/lib/text/pattern.ts'
import type { FileCode } from '../src/systems/programs/program-text.ts'
import { defineProbe, type Finding } from '../src/probe/probe.ts'
import { type RepoFile, repoPathParam, repoFile as source } from '../src/systems/repo/file.ts'
import {
  search,
  searched,
  type SearchedFile,
  type Wanted,
  wantedPattern,
  wantedText
} from '../src/systems/repo/text-search.ts'

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
    if (!asked) {
      const count = text === '' ? 0 : text.replace(/\n$/, '').split('\n').length
      const saw = `\`${file.path}\` at ${file.commit.slice(0, 7)} exists, ${count} ${count === 1 ? 'line' : 'lines'}`
      return [{ outcome: 'pass', saw }]
    }
    const read = searched(file.path, text)
    if ('why' in read) return [{ outcome: 'unknown', why: `${at} cannot be searched: ${read.why}` }]
    const findings: Finding[] = [
      ...listed(contains).map(text => present(file, read, `\`${shown(text)}\``, wantedText(text))),
      ...listed(matches).map(source =>
        present(file, read, `a match of \`${source}\``, wantedPattern(source))
      ),
      ...listed(lacks).map(text => absent(file, read, `\`${shown(text)}\``, wantedText(text)))
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

/** How a text is written in a sentence. */
function shown(text: string): string {
  return joinedLines(text, ' ⏎ ')
}

function present(file: RepoFile, read: SearchedFile, wanted: string, how: Wanted): Finding {
  const { code } = read
  const { does, may, said, blind } = search(read, how)
  if (does !== null) {
    const { line, shows } = does
    return { outcome: 'pass', saw: `${wanted} is in ${file.path}:${line}${asText(code)}`, shows }
  }
  if (may !== null) return doubtful(file, code, wanted, may.line)
  if (blind !== null)
    return { outcome: 'unknown', why: `${wanted} is not in ${file.path} as far as it can be read: ${blind}` }
  const expected = `${wanted} in a line that does something`
  if (said === null) {
    const at = `${file.path} at ${file.commit.slice(0, 7)}`
    return { outcome: 'fail', saw: `${wanted} nowhere in the file`, expected, at }
  }
  const { line, shows } = said
  return {
    outcome: 'fail',
    saw: `${wanted} only in a comment or where it is only said${asText(code)}`,
    expected,
    at: `${file.path}:${line}`,
    shows
  }
}

function absent(file: RepoFile, read: SearchedFile, unwanted: string, how: Wanted): Finding {
  const { code } = read
  const { does, may, said, blind } = search(read, how)
  if (does !== null) {
    const { line, shows } = does
    const at = `${file.path}:${line}`
    return { outcome: 'fail', saw: unwanted, expected: 'no line that does it', at, shows }
  }
  const perhaps = may ?? (code.language === null ? said : null)
  if (perhaps !== null) return doubtful(file, code, unwanted, perhaps.line)
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

function doubtful(file: RepoFile, code: FileCode, text: string, line: number): Finding {
  const reader =
    code.language === null
      ? 'how this file writes comments is not known'
      : `programs that read ${code.language} files differ there`
  return {
    outcome: 'unknown',
    why: `${text} is in ${file.path}:${line}, which may be a comment or a message: ${reader}`
  }
}

function asText({ language }: FileCode): string {
  if (language === null) return ' (judged as text: how it writes comments is not known)'
  return language === 'text' ? ' (judged as text)' : ''
}
