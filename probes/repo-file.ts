import * as z from 'zod'
import { pattern, patternText } from '../src/base/pattern.ts'
import { type CodeLine, codeOf } from '../src/base/program-text.ts'
import { defineProbe, type Finding } from '../src/judge/probe.ts'
import { type RepoFile, repoFile as source, repoPathParam } from '../src/observe/sources/repo-file.ts'

const line = z
  .string()
  .min(1)
  .regex(/^.*$/, 'expected text without a line break: lines are searched one by one')
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
      contains: lines.optional().describe('text of one line, outside of comments and echoes'),
      lacks: lines.optional().describe('text that no such line may have'),
      matches: patterns.optional().describe('linear-time regular expression (RE2) that such a line matches'),
      exists: z.boolean().default(true).describe('whether the file must be there, or must not')
    })
    .refine(({ exists, contains, lacks, matches }) => exists || !(contains ?? lacks ?? matches), {
      error: 'a file that must not exist cannot be asked for its content'
    }),

  needs: ({ path }) => ({ file: source(path) }),

  judge({ file }, { contains, lacks, matches, exists }) {
    const at = `${file.path} at ${file.commit.slice(0, 7)}`
    if (file.text === null) {
      const saw = `no file \`${file.path}\` in commit ${file.commit.slice(0, 7)}`
      return [exists ? { outcome: 'fail', saw, expected: 'that it exists', at } : { outcome: 'pass', saw }]
    }
    if (!exists) return [{ outcome: 'fail', saw: 'the file is there', expected: 'no such file', at }]

    const code = codeOf(file.path, file.text)
    const findings: Finding[] = [
      ...listed(contains).map(text => present(file, code, `\`${text}\``, line => line.includes(text))),
      ...listed(matches).map(source => {
        const expression = pattern(source)
        return present(file, code, `a match of \`${source}\``, line => expression.test(line))
      }),
      ...listed(lacks).map(text => absent(file, code, text))
    ]
    const [first, ...rest] = findings
    if (first !== undefined) return [first, ...rest]
    return [{ outcome: 'pass', saw: `${at} exists, ${file.text.split('\n').length} lines` }]
  },

  falsify({ file }, { lacks, exists }) {
    if (!exists) return [{ file: { ...file, text: '' } }]
    return [{ file: { ...file, text: null } }, ...listed(lacks).map(text => ({ file: { ...file, text } }))]
  }
})

function listed(value: string | readonly string[] | undefined): readonly string[] {
  return typeof value === 'string' ? [value] : (value ?? [])
}

function present(
  file: RepoFile,
  code: readonly CodeLine[],
  wanted: string,
  test: (text: string) => boolean
): Finding {
  const found = code.find(({ text }) => test(text))
  if (found !== undefined) {
    const [line, shows] = quoted(file, found.line, test)
    return { outcome: 'pass', saw: `${wanted} is in ${file.path}:${line}`, shows }
  }
  const expected = `${wanted} in a line that does something`
  const said = rawLines(file).findIndex(test) + 1
  if (said === 0) {
    const at = `${file.path} at ${file.commit.slice(0, 7)}`
    return { outcome: 'fail', saw: `${wanted} nowhere in the file`, expected, at }
  }
  const [line, shows] = quoted(file, said, test)
  return {
    outcome: 'fail',
    saw: `${wanted} only in a comment or where it is only said`,
    expected,
    at: `${file.path}:${line}`,
    shows
  }
}

function absent(file: RepoFile, code: readonly CodeLine[], unwanted: string): Finding {
  const test = (text: string) => text.includes(unwanted)
  const found = code.find(({ text }) => test(text))
  if (found !== undefined) {
    const [line, shows] = quoted(file, found.line, test)
    const at = `${file.path}:${line}`
    return { outcome: 'fail', saw: `\`${unwanted}\``, expected: 'no line that does it', at, shows }
  }
  if (code.length === 0) return { outcome: 'unknown', why: `${file.path} has no line in which it could be` }
  return { outcome: 'pass', saw: `\`${unwanted}\` is in none of the ${code.length} lines of ${file.path}` }
}

function rawLines({ text }: RepoFile): readonly string[] {
  return (text ?? '').split(/\r?\n/)
}

/** The line's number and the line as `grep -n` prints it; of a line continued by backslashes, the one that matches. */
function quoted(
  file: RepoFile,
  first: number,
  test: (text: string) => boolean
): readonly [number, readonly string[]] {
  const raw = rawLines(file)
  let last = first
  while (raw[last - 1]?.endsWith('\\') === true) last += 1
  const own = raw.slice(first - 1, last).findIndex(test)
  const line = first + Math.max(0, own)
  const shown = own < 0 ? raw.slice(first - 1, last) : [raw[line - 1] ?? '']
  return [line, shown.map((text, index) => `${line + index}:${text.slice(0, 300)}`)]
}
