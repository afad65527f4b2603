import { expect, it } from 'vitest'
import type { BoundProbe, Finding } from '../../src/probe/probe.ts'
import { judge, outcomeOf } from '../../src/probe/run.ts'

const source = { key: 'a', place: 'host', take: async () => 1 } as const

function probe(judged: (seen: Readonly<Record<string, unknown>>) => readonly Finding[]): BoundProbe {
  return { id: 'p', given: {}, needs: { a: source }, judge: judged, falsify: () => [] }
}

const pass: Finding = { outcome: 'pass', saw: 'x' }
const seen = { seen: true, value: 7, evidence: [1] } as const

it('hands a probe only what it declared', () => {
  let got: unknown
  judge(
    probe(facts => {
      got = facts
      return [pass]
    }),
    { a: seen, b: seen }
  )
  expect(got).toEqual({ a: 7 })
})

it.each<[name: string, facts: Parameters<typeof judge>[1], judged: () => readonly Finding[], why: string]>([
  [
    'a fact that was not seen',
    { a: { seen: false, why: 'no route', evidence: [] } },
    () => [pass],
    'no route'
  ],
  ['a fact that was never gathered', {}, () => [pass], 'a was never gathered'],
  ['a probe that says nothing', { a: seen }, () => [], 'the probe judged nothing'],
  [
    'a probe that crashes',
    { a: seen },
    () => {
      throw new TypeError('undefined is not a function')
    },
    'the probe crashed: undefined is not a function'
  ]
])('%s is unknown, never pass', (_, facts, judged, why) => {
  expect(judge(probe(judged), facts)).toEqual([{ outcome: 'unknown', why }])
})

it.each<[outcomes: readonly Finding['outcome'][], outcome: string]>([
  [['pass', 'fail', 'unknown'], 'fail'],
  [['pass', 'unknown'], 'unknown'],
  [['pass', 'not-applicable'], 'pass'],
  [['not-applicable'], 'not-applicable'],
  [[], 'unknown']
])('%j is %s', (outcomes, outcome) => {
  const text = { saw: '', why: '', expected: '', at: '' }
  expect(outcomeOf(outcomes.map(each => ({ outcome: each, ...text })))).toBe(outcome)
})
