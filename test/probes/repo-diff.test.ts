import { describe, expect, it } from 'vitest'
import { repoDiff } from '../../probes/repo-diff.ts'
import { outcomeOf } from '../../src/probe/run.ts'

const [from, to] = ['a'.repeat(40), 'b'.repeat(40)]
const diff = (...paths: readonly string[]) => ({ diff: { from, to, paths } })
const only = repoDiff.bind({ only: ['nix/**', '*.md'] })
const not = repoDiff.bind({ not: 'secrets/' })
const together = repoDiff.bind({ together: [['package.json', 'package-lock.json']] })
const all = repoDiff.bind({ only: 'nix/', not: 'nix/secret/', together: [['nix/a', 'nix/b']] })

describe('near misses', () => {
  it.each<[name: string, probe: typeof only, paths: readonly string[], outcome: string]>([
    ['all expected', only, ['nix/a', 'docs/b.md'], 'pass'],
    ['one more', only, ['nix/a', 'src/b.ts'], 'fail'],
    ['a folder of nearly that name', only, ['nixos/a'], 'fail'],
    ['nothing changed', only, [], 'unknown'],
    ['a name that is not UTF-8, outside', only, ['a\uFFFD'], 'fail'],
    ['none of the forbidden', not, ['a', 'b/secrets.md'], 'pass'],
    ['one of the forbidden', not, ['a', 'secrets/key'], 'fail'],
    ['nothing changed, nothing forbidden', not, [], 'unknown'],
    ['a name that is not UTF-8, perhaps forbidden', not, ['secr\uFFFDts'], 'unknown'],
    ['both', together, ['package.json', 'package-lock.json'], 'pass'],
    ['neither', together, ['a'], 'pass'],
    ['the first alone', together, ['package.json', 'a'], 'fail'],
    ['the second alone', together, ['package-lock.json'], 'fail'],
    ['as all say', all, ['nix/a', 'nix/b'], 'pass'],
    ['one of three is wrong', all, ['nix/a', 'nix/b', 'nix/secret/c'], 'fail']
  ])('%s', (_, probe, paths, outcome) => {
    expect(outcomeOf(probe.judge(diff(...paths)))).toBe(outcome)
  })
})

it('says which files, and between which commits', () => {
  expect(only.judge(diff('nix/a', 'src/b.ts', 'src/c.ts'))).toEqual([
    {
      outcome: 'fail',
      saw: '2 files changed outside of the expected files',
      expected: 'none',
      at: 'src/b.ts in aaaaaaa..bbbbbbb',
      shows: ['src/b.ts', 'src/c.ts']
    }
  ])
})

it.each<[name: string, params: object]>([
  ['nothing to expect', {}],
  ['a short id, which an API would resolve to something else', { since: 'abc1234', only: 'a' }],
  ['the name of a branch', { since: 'main', only: 'a' }],
  ['one path that belongs to nothing', { together: [['a']] }]
])('%s is refused', (_, params) => {
  expect(repoDiff.params.safeParse(params).success).toBe(false)
})
