import { expect, it } from 'vitest'
import { clockSkew } from '../../probes/clock-skew.ts'
import { outcomeOf } from '../../src/probe/run.ts'

const probe = clockSkew.bind({})
const judged = (skewMs: number, uncertaintyMs: number) =>
  probe.judge({ clock: { hostMicros: 0, skewMs, uncertaintyMs } })

it.each<[name: string, skewMs: number, uncertaintyMs: number, outcome: string]>([
  ['no skew', 0, 10, 'pass'],
  ['at the limit', 4_990, 10, 'pass'],
  ['over it by the uncertainty', 4_991, 10, 'unknown'],
  ['over it, perhaps', 5_010, 10, 'unknown'],
  ['over it for certain', 5_011, 10, 'fail'],
  ['behind, at the limit', -4_990, 10, 'pass'],
  ['behind, for certain', -5_011, 10, 'fail'],
  ['a line so slow that nothing can be told', 0, 6_000, 'unknown']
])('%s', (_, skewMs, uncertaintyMs, outcome) => {
  expect(outcomeOf(judged(skewMs, uncertaintyMs))).toBe(outcome)
})

it('says by how much', () => {
  expect(judged(-90_000, 12)).toMatchObject([
    {
      outcome: 'fail',
      saw: "the host's clock is 90 s behind the reviewer's, ±12 ms",
      expected: 'at most 5 s',
      at: 'the clock of the host',
      filing: { subject: 'clock', severity: 'medium' }
    }
  ])
})

it('can fail, whatever the limit', () => {
  for (const max of [0.1, 5, 3600]) {
    const bound = clockSkew.bind({ max })
    const falsified = bound.falsify({ clock: { hostMicros: 0, skewMs: 0, uncertaintyMs: 250 } })
    expect(falsified.map(facts => outcomeOf(bound.judge(facts)))).toEqual(['fail', 'fail'])
  }
})

it('hunts with parameters that its own schema takes', () => {
  expect(clockSkew.params.parse(clockSkew.hunts?.with)).toEqual({ max: 5 })
})
