import { describe, expect, it } from 'vitest'
import { repoTree } from '../../probes/repo-tree.ts'
import { outcomeOf } from '../../src/probe/run.ts'
import type { RepoTree } from '../../src/systems/repo/tree-search.ts'

const none = { count: 0, first: [] } as const
const old = '10.0.1.0/24'
const wanted = '--subnet 10.10.0.0/16'
const tree: RepoTree = {
  commit: 'e6349a9c0ffee000000000000000000000000000',
  files: 12,
  bytes: 4_096,
  prose: 3,
  binary: none,
  generated: none,
  unread: none,
  lacks: [{ text: old, count: 0, first: [] }],
  contains: [
    { text: wanted, count: 1, first: [{ path: 'a.sh', text: `docker network create ${wanted} proxy\n` }] }
  ],
  matches: [{ text: 'proxy$', count: 0, first: [] }]
}
const hit = { path: 'nix/b.nix', line: 7, shows: `  # ${old}` }
const unread = { count: 1, first: ['old.zip: it is binary (zip)'] }

const lacks = repoTree.bind({ paths: '**', lacks: old })
const contains = repoTree.bind({ paths: '**', contains: wanted })
const matches = repoTree.bind({ paths: '**', matches: 'proxy$' })
const twelve = repoTree.bind({ paths: '**', count: 12 })
const both = repoTree.bind({ paths: '**', lacks: old, contains: wanted })

describe('near misses', () => {
  it.each<[name: string, probe: typeof lacks, facts: Partial<RepoTree>, outcome: string]>([
    ['no file has it', lacks, {}, 'pass'],
    ['one file has it', lacks, { lacks: [{ text: old, count: 1, first: [hit] }] }, 'fail'],
    ['no file has it, one was not searched', lacks, { unread }, 'unknown'],
    [
      'one has it, one was not searched',
      lacks,
      { unread, lacks: [{ text: old, count: 1, first: [hit] }] },
      'fail'
    ],
    ['the globs match nothing', lacks, { files: 0 }, 'unknown'],
    ['it was not searched for', lacks, { lacks: [] }, 'unknown'],
    ['binaries were searched by their bytes', lacks, { binary: { count: 1, first: ['a'] } }, 'pass'],
    ['a program has it', contains, {}, 'pass'],
    ['a program has it, one was not searched', contains, { unread }, 'pass'],
    ['nobody has it', contains, { contains: [{ text: wanted, count: 0, first: [] }] }, 'fail'],
    [
      'nobody has it, one was not searched',
      contains,
      { unread, contains: [{ text: wanted, count: 0, first: [] }] },
      'unknown'
    ],
    [
      'a comment has it',
      contains,
      { contains: [{ text: wanted, count: 1, first: [{ path: 'a.sh', text: `# ${wanted}\n` }] }] },
      'fail'
    ],
    [
      'only a document has it',
      contains,
      { contains: [{ text: wanted, count: 1, first: [{ path: 'a.md', text: `${wanted}\n` }] }] },
      'unknown'
    ],
    [
      'only a document has it, and only documents were asked',
      contains,
      { prose: 12, contains: [{ text: wanted, count: 1, first: [{ path: 'a.md', text: `${wanted}\n` }] }] },
      'pass'
    ],
    ['it was not searched for', contains, { contains: [] }, 'unknown'],
    ['no line matches', matches, {}, 'fail'],
    [
      'a line matches',
      matches,
      { matches: [{ text: 'proxy$', count: 1, first: [{ path: 'a.sh', text: 'x proxy\n' }] }] },
      'pass'
    ],
    ['as many files as expected', twelve, {}, 'pass'],
    ['one fewer', twelve, { files: 11 }, 'fail'],
    ['one more', twelve, { files: 13 }, 'fail'],
    ['none at all', twelve, { files: 0 }, 'fail'],
    ['one of two is wrong', both, { lacks: [{ text: old, count: 1, first: [hit] }] }, 'fail']
  ])('%s', (_, probe, facts, outcome) => {
    expect(outcomeOf(probe.judge({ tree: { ...tree, ...facts } }))).toBe(outcome)
  })
})

it('names every place that it kept', () => {
  const places = [hit, { path: 'old-10.0.1.0/24.conf', line: null, shows: 'old-10.0.1.0/24.conf' }]
  expect(lacks.judge({ tree: { ...tree, lacks: [{ text: old, count: 31, first: places }] } })).toEqual([
    {
      outcome: 'fail',
      saw: '`10.0.1.0/24` is in 31 files',
      expected: 'no such file',
      at: 'nix/b.nix:7',
      shows: ['nix/b.nix:7:  # 10.0.1.0/24', 'old-10.0.1.0/24.conf:old-10.0.1.0/24.conf']
    }
  ])
})

it('a pass says what was searched in another way', () => {
  const facts = { ...tree, binary: { count: 2, first: ['a', 'b'] }, generated: { count: 1, first: ['c'] } }
  expect(lacks.judge({ tree: facts })).toEqual([
    {
      outcome: 'pass',
      saw: '`10.0.1.0/24` is in none of 12 files (2 binary, by their bytes; 1 generated or vendored)'
    }
  ])
})

it.each<[name: string, params: object]>([
  ['nothing to expect', { paths: '**' }],
  ['an empty range', { paths: '**', count: {} }],
  ['no file at all, which a slip of a glob would make true', { paths: '**', count: 0 }],
  ['a text of blanks', { paths: '**', lacks: '  ' }],
  ['a text of two lines', { paths: '**', lacks: 'a\nb' }],
  ['no globs', { paths: [], lacks: 'a' }],
  ['a negated glob', { paths: '!a', lacks: 'a' }],
  ['a pathspec of git', { paths: ':(top)a', lacks: 'a' }],
  ['an expression that is none', { paths: '**', matches: '(' }]
])('%s is refused', (_, params) => {
  expect(repoTree.params.safeParse(params).success).toBe(false)
})
