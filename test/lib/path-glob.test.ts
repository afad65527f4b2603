import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anchored, fixedFolder, pathGlobMatches } from '../../src/lib/text/path-glob.ts'
import { cpuMs } from '../support/cpu.ts'

describe('a glob', () => {
  it.each<[glob: string, path: string, matches: boolean]>([
    ['a.nix', 'a.nix', true],
    // Without a slash: a name, wherever it stands.
    ['a.nix', 'nix/deep/a.nix', true],
    ['*.nix', 'nix/modules/swarm.nix', true],
    ['nix', 'nix/a.nix', false],
    // With one: from the top.
    ['nix/*.nix', 'nix/a.nix', true],
    ['nix/*.nix', 'nix/modules/a.nix', false],
    ['nix/*.nix', 'old/nix/a.nix', false],
    ['/a.nix', 'a.nix', true],
    ['/a.nix', 'nix/a.nix', false],
    ['nix/', 'nix/modules/a.nix', true],
    ['nix/', 'nix', false],
    ['nix/**', 'nix/modules/a.nix', true],
    ['nix/**', 'nix', false],
    ['nix/**', 'nixos/a', false],
    ['**', 'a', true],
    ['**', 'a/b/c', true],
    ['**/a', 'a', true],
    ['**/a', 'x/y/a', true],
    ['src/**/a.ts', 'src/a.ts', true],
    ['src/**/a.ts', 'src/x/y/a.ts', true],
    ['src/**/a.ts', 'src/x/y/b.ts', false],
    ['src/**/x/**', 'src/x/x', true],
    ['src/**/x/**', 'src/a/x', false],
    ['[ab]/?', 'a/b', true],
    ['[ab]/?', 'c/b', false],
    ['a\\*', 'a*', true],
    ['a\\*', 'ab', false],
    ['src/*', 'src/.hidden', true]
  ])('%s, %s: %s', (glob, path, matches) => {
    expect(pathGlobMatches(glob, path)).toBe(matches)
    expect(pathGlobMatches(`/${anchored(glob)}`, path)).toBe(matches)
  })

  it('matches the path that it spells, and never one of another length without stars', () => {
    const name = fc.stringMatching(/^[a-z.]{1,6}$/)
    fc.assert(
      fc.property(fc.array(name, { minLength: 2, maxLength: 6 }), names => {
        const path = names.join('/')
        expect(pathGlobMatches(path, path)).toBe(true)
        expect(pathGlobMatches('**', path)).toBe(true)
        expect(pathGlobMatches(`${path}/x`, path)).toBe(false)
        expect(pathGlobMatches(path, `${path}/x`)).toBe(false)
      })
    )
  })

  it('takes no time, however many folders it leaves open', () => {
    const glob = `${'**/a*/'.repeat(100)}b`
    expect(cpuMs(() => pathGlobMatches(glob, `${'aaaa/'.repeat(800)}c`))).toBeLessThan(2_000)
  })
})

it.each([
  ['nix/**', 'nix'],
  ['nix/modules/*.nix', 'nix/modules'],
  ['nix/modules/swarm.nix', 'nix/modules/swarm.nix'],
  ['*.nix', ''],
  ['**', ''],
  ['nix/', 'nix'],
  ['a[b]/c', '']
])('of %s, %j is fixed', (glob, folder) => {
  expect(fixedFolder(glob)).toBe(folder)
})
