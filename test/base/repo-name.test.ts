import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isSameRepo, repoName } from '../../src/base/repo-name.ts'

describe('the name of a repo', () => {
  it.each([
    'ssh://git@git.example.test/ops/infra.git',
    'ssh://git@git.example.test:2222/Ops/Infra.git/',
    'https://git.example.test/ops/infra',
    'https://git.example.test/ops//infra.git',
    'git@git.example.test:ops/infra.git',
    'git@git.example.test:/ops/infra.git',
    'alias:ops/infra',
    'ops/infra',
    'OPS/infra.git'
  ])('is the same in %s', url => {
    expect(repoName(url)).toBe('ops/infra')
    expect(isSameRepo(repoName(url) ?? '', 'ops/infra')).toBe(true)
    expect(isSameRepo(repoName(url) ?? '', 'Ops/Infra')).toBe(true)
  })

  it.each([
    ['/srv/git/ops/infra.git', 'srv/git/ops/infra'],
    ['file:///srv/git/ops/infra.git', 'srv/git/ops/infra'],
    ['/srv/ops/infra/.git', 'srv/ops/infra'],
    ['https://example.test/forge/ops/infra.git', 'forge/ops/infra'],
    ['https://example.test/%6fps/infra%20x.git', 'ops/infra-x']
  ])('%s: what the server puts in front stays', (url, name) => {
    expect(repoName(url)).toBe(name)
  })

  it.each([
    ['alice/infra', 'ops/infra'],
    ['devops/infra', 'ops/infra'],
    ['ops/infra-fork', 'ops/infra'],
    ['infra', 'ops/infra'],
    ['ops/infra/wiki', 'ops/infra'],
    ['mallory/ops/infra', 'ops/infra'],
    ['a/b/ops/infra', 'ops/infra'],
    ['ops/infra', 'mallory/ops/infra'],
    ['srv/git/ops/infra', 'ops/infra'],
    ['mallory/ops/infra', 'https://example.test/ops/infra.git'],
    ['ops/infra', ''],
    ['', 'ops/infra']
  ])('%s is not %s', (signed, told) => expect(isSameRepo(signed, told)).toBe(false))

  it('is null where there is none, and its own name', () => {
    for (const url of ['', '/', 'host:', 'https://example.test/', '.git']) expect(repoName(url)).toBeNull()
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.webUrl()), url => {
        const name = repoName(url)
        expect(name === null ? null : repoName(name)).toBe(name)
        expect(name ?? '').not.toMatch(/[\s\p{Cc}[\]*]/u)
      })
    )
  })
})
