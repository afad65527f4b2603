import * as z from 'zod'
import { globsParam } from '../src/lib/text/path-glob.ts'
import { patternText } from '../src/lib/text/pattern.ts'
import { defineProbe, type Finding } from '../src/probe/probe.ts'
import { type RepoTree, treeSearch } from '../src/systems/repo/tree-search.ts'
import { countRange, filesOf, isWithin, shownRange } from '../src/systems/repo/tree-count.ts'
import { holderOf } from '../src/systems/repo/tree-holders.ts'

const line = z
  .string()
  .max(1_000)
  .regex(/\S/, 'expected text that is more than white space')
  .regex(/^[^\r\n]*$/, 'expected one line')
const some = <Item extends z.ZodType>(item: Item) =>
  z.union([item.transform(one => [one]), z.array(item).min(1).max(50)])
const whole = z.number().int().min(1).max(1_000_000)

export const repoTree = defineProbe({
  id: 'repo-tree',
  asserts: "The files of the repo have the expected content at the claim's commit",
  because:
    'A name that was replaced in one file often stays in another; a builder looks where it worked, not everywhere.',
  remedy: 'Commit the change to the files named, and claim again.',
  fails: [
    'a file contains a forbidden text, in its content or its path',
    'no file contains a required text outside of comments and messages',
    'there are more or fewer files than expected'
  ],
  example: { paths: 'nix/**', lacks: '10.0.1.0/24' },
  params: z
    .strictObject({
      paths: globsParam.describe(
        'globs of the files: `*` within a name, `**` any folders; without a slash for any folder, with one at its end for all below; files that signed reviews wrote are left out'
      ),
      except: globsParam.default([]).describe('globs of files that are left out'),
      lacks: some(line).default([]).describe('text that no file may contain, in comments and paths neither'),
      contains: some(line)
        .default([])
        .describe('text that a file must contain outside comments and messages'),
      matches: some(patternText)
        .default([])
        .describe('linear-time regular expression (RE2) that such a line must match'),
      count: z
        .union([whole, z.strictObject({ atLeast: whole.optional(), atMost: whole.optional() })])
        .optional()
        .describe('how many files the globs must match')
    })
    .refine(
      ({ lacks, contains, matches, count }) =>
        lacks.length + contains.length + matches.length > 0 || countRange(count) !== null,
      { error: 'expected at least one of `lacks`, `contains`, `matches` and `count`' }
    ),

  needs: query => ({ tree: treeSearch(query) }),

  judge({ tree }, { lacks, contains, matches, count }) {
    const at = `commit ${tree.commit.slice(0, 7)}`
    const range = countRange(count)
    if (range !== null && !isWithin(tree.files, range))
      return [{ outcome: 'fail', saw: filesOf(tree.files), expected: shownRange(range), at }]
    if (tree.files === 0) return [{ outcome: 'unknown', why: `the globs match no file in ${at}` }]
    const findings: Finding[] = [
      ...lacks.map(text => absent(tree, text)),
      ...contains.map(text => present(tree, 'contains', text)),
      ...matches.map(text => present(tree, 'matches', text))
    ]
    const [first, ...rest] = findings
    return first === undefined
      ? [{ outcome: 'pass', saw: `${filesOf(tree.files)} in ${at}` }]
      : [first, ...rest]
  },

  falsify(facts, { lacks, contains, matches, count }) {
    const { tree } = facts
    const hit = { path: 'x', line: 1, shows: 'x' }
    const none = (text: string) => [{ text, count: 0, first: [] }]
    const searched = { ...tree, files: tree.files + 1, unread: { count: 0, first: [] } }
    return [
      ...lacks.map(text => ({ tree: { ...searched, lacks: [{ text, count: 1, first: [hit] }] } })),
      ...contains.map(text => ({ tree: { ...searched, contains: none(text) } })),
      ...matches.map(text => ({ tree: { ...searched, matches: none(text) } })),
      ...(countRange(count) === null ? [] : [{ tree: { ...tree, files: 0 } }])
    ]
  }
})

function absent(tree: RepoTree, text: string): Finding {
  const found = tree.lacks.find(each => each.text === text)
  if (found === undefined) return { outcome: 'unknown', why: `\`${text}\` was not searched for` }
  if (found.count === 0) {
    const unread = notSearched(tree)
    if (unread !== null)
      return { outcome: 'unknown', why: `\`${text}\` is in no file that was searched; ${unread}` }
    return { outcome: 'pass', saw: `\`${text}\` is in none of ${filesOf(tree.files)}${otherwise(tree)}` }
  }
  const [first] = found.first
  return {
    outcome: 'fail',
    saw: `\`${text}\` is in ${filesOf(found.count)}`,
    expected: 'no such file',
    at: first === undefined ? `commit ${tree.commit.slice(0, 7)}` : placeOf(first),
    shows: found.first.map(hit => `${placeOf(hit)}:${hit.shows}`)
  }
}

function placeOf({ path, line }: { readonly path: string; readonly line: number | null }): string {
  return line === null ? path : `${path}:${line}`
}

function present(tree: RepoTree, kind: 'contains' | 'matches', text: string): Finding {
  const wanted = kind === 'contains' ? `\`${text}\`` : `a match of \`${text}\``
  const held = tree[kind].find(each => each.text === text)
  if (held === undefined) return { outcome: 'unknown', why: `${wanted} was not searched for` }
  const found = holderOf(held, kind, tree.prose < tree.files)
  switch (found.kind) {
    case 'does':
      return { outcome: 'pass', saw: `${wanted} is in ${found.at}${found.how}`, shows: found.shows }
    case 'unclear':
      return { outcome: 'unknown', why: `${wanted} ${found.why}` }
    case 'said':
    case 'nowhere': {
      const unread = notSearched(tree)
      if (unread !== null)
        return { outcome: 'unknown', why: `${wanted} is in no file that was searched; ${unread}` }
      const expected = `${wanted} outside comments and messages`
      if (found.kind === 'said')
        return {
          outcome: 'fail',
          saw: `${wanted} is only in comments or messages`,
          expected,
          at: found.at,
          shows: found.shows
        }
      return {
        outcome: 'fail',
        saw: `${wanted} is in none of ${filesOf(tree.files)}`,
        expected,
        at: `commit ${tree.commit.slice(0, 7)}`
      }
    }
  }
}

function notSearched({ unread: { count, first } }: RepoTree): string | null {
  if (count === 0) return null
  return `${filesOf(count)} not searched: ${first.slice(0, 3).join('; ')}${count > 3 ? ' …' : ''}`
}

/** Files that are searched by their bytes, or written elsewhere: the reader of a pass should know of them. */
function otherwise({ binary, generated }: RepoTree): string {
  const parts = [
    ...(binary.count > 0 ? [`${binary.count} binary, by ${binary.count === 1 ? 'its' : 'their'} bytes`] : []),
    ...(generated.count > 0 ? [`${generated.count} generated or vendored`] : [])
  ]
  return parts.length === 0 ? '' : ` (${parts.join('; ')})`
}
