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
  asserts: "The file has the expected content at the claim's commit",
  because: "A builder's description is not the patch: only the content of the commit gets deployed.",
  remedy: 'Commit the change to the file, outside of comments and echoes, and claim again.',
  fails: [
    'the text is missing, or only in a comment or an echo',
    'the file contains a forbidden text',
    'the file does not exist'
  ],
  example: { path: 'nix/modules/swarm.nix', contains: '--subnet 10.10.0.0/16' },
  params: z
    .strictObject({
      path: repoPathParam.describe('the file, as git names it'),
      contains: lines.optional().describe('text outside comments and echoes; its lines follow each other'),
      lacks: lines.optional().describe('text that no such line contains'),
      matches: patterns.optional().describe('linear-time regular expression (RE2) that such a line matches'),
      exists: z.boolean().default(true).describe('whether the file must exist or must not exist')
    })
    .refine(({ exists, contains, lacks, matches }) => exists || !(contains ?? lacks ?? matches), {
      error: 'a file that must not exist has no content to check'
    }),

  needs: ({ path }) => ({ file: source(path) }),

  judge({ file }, { contains, lacks, matches, exists }) {
    const at = `${file.path} at ${file.commit.slice(0, 7)}`
    if (file.text === null && file.unread === undefined) {
      const saw = `no file \`${file.path}\` in commit ${file.commit.slice(0, 7)}`
      return [exists ? { outcome: 'fail', saw, expected: 'it to exist', at } : { outcome: 'pass', saw }]
    }
    if (!exists) return [{ outcome: 'fail', saw: 'the file exists', expected: 'no such file', at }]

    const asked = [contains, lacks, matches].some(each => each !== undefined)
    if (file.text === null) {
      if (asked) return [{ outcome: 'unknown', why: file.unread ?? '' }]
      return [{ outcome: 'pass', saw: `\`${file.path}\` exists at ${file.commit.slice(0, 7)}` }]
    }
    if (asked && file.text.length > longest) {
      const why = `${at} has ${file.text.length} characters, more than the limit of ${longest}`
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
    return first === undefined
      ? [{ outcome: 'not-applicable', why: 'the check has no expectation' }]
      : [first, ...rest]
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
    return { outcome: 'unknown', why: `${wanted} is not in the readable part of ${file.path}: ${blind}` }
  const expected = `${wanted} outside comments and messages`
  if (said === null) {
    const at = `${file.path} at ${file.commit.slice(0, 7)}`
    return { outcome: 'fail', saw: `${wanted} is not in the file`, expected, at }
  }
  const { line, shows } = said
  return {
    outcome: 'fail',
    saw: `${wanted} is only in a comment or a message${asText(code)}`,
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
    return { outcome: 'fail', saw: `${unwanted} is in ${at}`, expected: 'no such line', at, shows }
  }
  const perhaps = may ?? (code.language === null ? said : null)
  if (perhaps !== null) return doubtful(file, code, unwanted, perhaps.line)
  if (blind !== null)
    return {
      outcome: 'unknown',
      why: `${unwanted} is not in the readable part of ${file.path}: ${blind}`
    }
  const count = code.does.length
  if (count === 0) return { outcome: 'unknown', why: `${file.path} has no line to search` }
  const where =
    count === 1
      ? `is not in the one line of ${file.path}`
      : `is in none of the ${count} lines of ${file.path}`
  return { outcome: 'pass', saw: `${unwanted} ${where}${asText(code)}` }
}

function doubtful(file: RepoFile, code: FileCode, text: string, line: number): Finding {
  const reader =
    code.language === null
      ? 'the comment syntax of this file is unknown'
      : `parsers of ${code.language} files differ here`
  return {
    outcome: 'unknown',
    why: `${text} is in ${file.path}:${line}, which may be a comment or a message: ${reader}`
  }
}

function asText({ language }: FileCode): string {
  if (language === null) return ' (judged as text: its comment syntax is unknown)'
  return language === 'text' ? ' (judged as text)' : ''
}
