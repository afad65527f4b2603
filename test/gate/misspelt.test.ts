import { expect, it } from 'vitest'
import { misspelt } from '../../src/gate/misspelt.ts'

const signed = new Map([['p1', new Set(['M1', 'M1.1'])]])
const nothing = new Map<string, ReadonlySet<string>>()

it.each<[typed: string, meant: string | null, unsigned: string | null]>([
  ['p1_M1', 'p1-M1', 'p1-M1'],
  ['P1-M1', 'p1-M1', 'p1-M1'],
  ['p1M1', 'p1-M1', 'p1-M1'],
  ['p1_m1', 'p1-M1', 'p1-M1'],
  ['P1_M1.1', 'p1-M1.1', 'p1-M1.1'],
  ['PVFIX_M2', 'pvfix-M2', 'pvfix-M2'],
  // What fits the grammar of a phase may be one that is not signed yet.
  ['p1-m1', 'p1-M1', null],
  ['p1m1', 'p1-M1', null],
  // These may be right: waiting for them may help.
  ['p1-M2', null, null],
  ['p2-M1', null, null],
  ['p11-M1', null, null],
  ['p2', null, null],
  // No grammar is near.
  ['M1', null, null],
  ['p1.M1', null, null]
])('%s', (typed, meant, unsigned) => {
  expect(misspelt(typed, signed, [])).toBe(meant)
  expect(misspelt(typed, nothing, [])).toBe(unsigned)
})

it('follows a grammar of its own, signed or claimed', () => {
  expect(misspelt('P2_M1', new Map([['P1_x', new Set(['one'])]]), [])).toBe(null)
  const claimed = [{ record: { history: [{ subject: 'claim(P1_M1): done' }] } }]
  expect(misspelt('P1_M1', nothing, claimed)).toBe(null)
  expect(misspelt('P1', nothing, [{ record: { history: [{ subject: 'claim(P1-M1): done' }] } }])).toBe(null)
})
