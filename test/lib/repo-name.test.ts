import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isSameRepo, repoName } from '../../src/lib/repo-name.ts'

describe('the name of a repo', () => {
  it.each([
    'ssh://git@git.example.test/ops/infra.git',
    'ssh://git@git.example.test:2222/Ops/Infra.git/',
    'ssh://git@GIT.example.test.:2222/ops/infra',
    'https://git.example.test/ops/infra',
    'https://git.example.test:8443/ops//infra.git',
    'https://u:p%40@git.example.test/ops/infra',
    'git@git.example.test:ops/infra.git',
    'git@Git.Example.test:/ops/infra.git',
    'git.example.test:ops/infra',
    '[git@git.example.test:2222]:ops/infra.git',
    'git@[git.example.test:2222]:ops/infra.git',
    '//git.example.test/ops/infra',
    '//Git.Example.Test/Ops/infra.git'
  ])('has host and path, and is the same in %s', url => {
    expect(repoName(url)).toBe('//git.example.test/ops/infra')
    for (const told of ['ops/infra', 'Ops/Infra', 'https://git.example.test/ops/infra', 'alias:ops/infra'])
      expect(isSameRepo(repoName(url) ?? '', told)).toBe(true)
    for (const told of [
      'https://git.example.com/ops/infra',
      'https://git.example.test/mallory/ops/infra',
      'git.example.test/ops/infra',
      'mallory/ops/infra',
      'infra'
    ])
      expect(isSameRepo(repoName(url) ?? '', told)).toBe(false)
  })

  it.each([
    'alias:ops/infra',
    'git@alias:ops/infra.git',
    'ssh://alias/ops/infra',
    'ops/infra',
    'OPS/infra.git'
  ])('is the path alone in %s, which counts for that path', url => {
    expect(repoName(url)).toBe('ops/infra')
    for (const told of ['ops/infra', 'https://git.example.test/Ops/infra'])
      expect(isSameRepo(repoName(url) ?? '', told)).toBe(true)
    for (const told of ['infra', 'mallory/ops/infra', '//git.example.test/mallory/ops/infra'])
      expect(isSameRepo(repoName(url) ?? '', told)).toBe(false)
  })

  it.each([
    ['/srv/git/ops/infra.git', 'srv/git/ops/infra'],
    ['//srv/git/ops/infra.git', 'srv/git/ops/infra'],
    ['file:///srv/git/ops/infra.git', 'srv/git/ops/infra'],
    ['file://git.example.test/srv/ops/infra', 'srv/ops/infra'],
    ['/srv/ops/infra/.git', 'srv/ops/infra'],
    ['git.example.test/ops/infra', 'git.example.test/ops/infra'],
    ['https://example.test/forge/ops/infra.git', '//example.test/forge/ops/infra'],
    ['https://example.test/%6fps/infra%20x.git', '//example.test/ops/infra-x'],
    ['ssh://git@m\u00fcnchen.example.test/ops/infra', '//xn--mnchen-3ya.example.test/ops/infra'],
    ['ssh://git@192.0.2.7:2222/ops/infra', '//192.0.2.7/ops/infra'],
    ['ssh://git@[2001:DB8::1]:22/ops/infra', '//2001:db8::1/ops/infra'],
    ['git@[2001:db8::1]:ops/infra', '//2001:db8::1/ops/infra'],
    ['//2001:db8::1/ops/infra', '//2001:db8::1/ops/infra']
  ])('%s is %s', (url, name) => {
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
    ['example.test/ops/infra', 'https://example.test/ops/infra'],
    ['//example.test/ops/infra', 'example.test/ops/infra'],
    ['//evil.test/ops/infra', '//example.test/ops/infra'],
    ['//example.test.evil.test/ops/infra', '//example.test/ops/infra'],
    ['ops/infra', ''],
    ['', 'ops/infra'],
    ['', '']
  ])('%s is not %s', (signed, told) => expect(isSameRepo(signed, told)).toBe(false))

  it('is null where there is none, and its own name', () => {
    for (const url of ['', '/', 'host:', 'https://example.test/', '.git']) expect(repoName(url)).toBeNull()
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.webUrl(),
          fc.string({ unit: 'binary' }).map(text => `//a.b${text}/c`),
          fc.ipV6().map(host => `ssh://[${host}]/x`)
        ),
        url => {
          const name = repoName(url)
          expect(name === null ? null : repoName(name)).toBe(name)
          expect(name ?? '').not.toMatch(/[\s\p{Cc}[\]*]/u)
        }
      )
    )
  })
})
