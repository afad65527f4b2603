import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anyGlobMatches, globMatches, textLike } from '../../src/lib/text/glob.ts'
import { cpuMs } from '../support/cpu.ts'

describe('globMatches', () => {
  it.each([
    ['*-pr*', 'hedgedoc-pr12', true],
    ['*-pr*', 'hedgedocpr12', false],
    ['warm-*', 'warm-keycloak', true],
    ['warm-*', 'lukewarm-keycloak', false],
    ['*', '', true],
    ['', '', true],
    ['', 'a', false],
    ['?', '', false],
    ['?', 'a', true],
    ['?', '😀', true],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['[a-c]x', 'bx', true],
    ['[a-c]x', 'dx', false],
    ['[!a-c]x', 'dx', true],
    ['[^a-c]x', 'ax', false],
    ['[]]', ']', true],
    ['[a', '[a', true],
    ['[a-]', '-', true],
    ['\\*', '*', true],
    ['\\*', 'a', false],
    ['a.c', 'abc', false],
    ['a*b*c', 'axxbyyc', true],
    ['a*b*c', 'axxbyy', false],
    ['a**', 'a', true]
  ])('%j against %j is %j', (glob, text, matches) => {
    expect(globMatches(glob, text)).toBe(matches)
  })

  it('matches a text that is spelled literally', () => {
    fc.assert(
      fc.property(fc.string(), text => {
        expect(globMatches(text.replaceAll(/[\\*?[]/g, '\\$&'), text)).toBe(true)
      })
    )
  })

  it('agrees with a regular expression over stars, marks and letters', () => {
    const word = fc.array(fc.constantFrom('a', 'b', '*', '?'), { maxLength: 8 }).map(list => list.join(''))
    const text = fc.array(fc.constantFrom('a', 'b'), { maxLength: 10 }).map(list => list.join(''))
    fc.assert(
      fc.property(word, text, (glob, text) => {
        const pattern = new RegExp(`^${glob.replaceAll('*', '.*').replaceAll('?', '.')}$`)
        expect(globMatches(glob, text)).toBe(pattern.test(text))
      })
    )
  })

  it('does not explode on a glob made to make matchers explode', () => {
    const took = cpuMs(() => expect(globMatches(`${'*a'.repeat(200)}b`, 'a'.repeat(5_000))).toBe(false))
    expect(took).toBeLessThan(2_000)
  })
})

it('takes any of several', () => {
  expect(anyGlobMatches(['x*', 'y*'], 'yes')).toBe(true)
  expect(anyGlobMatches([], 'yes')).toBe(false)
})

describe('textLike', () => {
  it.each(['*', '?', 'warm-*', '*-pr[0-9]*', '[!a-z]', '[^x]', '[]]', '\\*', '[a', 'é*'])(
    'matches %j',
    glob => {
      expect(globMatches(glob, textLike(glob))).toBe(true)
      expect(textLike(glob)).not.toBe('')
    }
  )

  it('matches any glob of letters, marks and classes', () => {
    const piece = fc.constantFrom('a', '-', '*', '?', '[a-f]', '[!a-f]', '[^0-9]')
    fc.assert(
      fc.property(fc.array(piece), pieces => {
        const glob = pieces.join('')
        expect(globMatches(glob, textLike(glob))).toBe(true)
      })
    )
  })
})
