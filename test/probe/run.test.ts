import { describe, expect, it } from 'vitest'
import { openVeil } from '../../src/lib/secrets/veil.ts'
import type { BoundProbe, Finding } from '../../src/probe/probe.ts'
import { judge, judgeSealed, outcomeOf, publish } from '../../src/probe/run.ts'
import { seal } from '../../src/facts/sealed.ts'

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
  ['a probe that says nothing', { a: seen }, () => [], 'the probe returned no finding'],
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

describe('published', () => {
  const veil = openVeil('salt')
  veil.read('A=1\nDB_PASSWORD=x7Kp-mQ2vLw9Zr4T\n')
  const secret = 'x7Kp-mQ2vLw9Zr4T'
  const fail = (at: string, saw: string): Finding => ({ outcome: 'fail', saw, expected: 'other', at })
  /** Judges and publishes a probe over one fact, as it was read and as it is recorded. */
  const published = (one: BoundProbe, read: unknown, recorded: unknown, given: unknown = one.given) => {
    const facts = { a: seal({ seen: true as const, value: read }) }
    const shown = { a: { seen: true as const, value: recorded, evidence: [1] } }
    return publish(one, judgeSealed(one, facts), facts, { shown, given }, veil)
  }
  const mark = veil.shown(secret)

  it('says the same of hidden facts in the words for these', () => {
    const one = probe(({ a }) => [fail('b', `it is ${a}`)])
    expect(published(one, secret, mark)).toEqual({
      findings: [fail('b', `it is ${mark}`)],
      restsOnHidden: false
    })
  })

  it('takes no words about another thing, whatever the outcome', () => {
    const one = probe(({ a }) => [a === secret ? fail('line 1', 'the first') : fail('line 2', 'the second')])
    expect(published(one, secret, mark).findings).toEqual([fail('line 1', 'the first')])
    const filed = (subject: string): Finding => ({
      outcome: 'fail',
      saw: subject,
      expected: '',
      at: 'b',
      filing: { subject, title: subject, severity: 'low', story: [], remedy: '' }
    })
    const other = probe(({ a }) => [filed(a === secret ? 'one' : 'two')])
    expect(published(other, secret, mark).findings).toEqual([filed('one')])
  })

  it('rests on hidden text where the hidden facts come out otherwise', () => {
    const one = probe(({ a }) => (a === secret ? [pass] : [fail('b', 'x')]))
    expect(published(one, secret, mark)).toEqual({ findings: [pass], restsOnHidden: true })
  })

  it('rests on hidden text where the recorded parameters come out otherwise, or are refused', () => {
    const bound = (given: unknown): BoundProbe => ({
      ...probe(({ a }) => (a === given ? [pass] : [fail('b', 'x')])),
      given,
      rebind: bound
    })
    // What was read is recorded as it is: the secret stands in the parameters alone.
    expect(published(bound('open'), 'open', 'open')).toMatchObject({ restsOnHidden: false })
    expect(published(bound('open'), 'open', 'open', mark)).toEqual({ findings: [pass], restsOnHidden: true })
    const refusing = (given: unknown): BoundProbe => ({
      ...bound(given),
      rebind: () => {
        throw new RangeError('expected a password')
      }
    })
    expect(published(refusing('open'), 'open', 'open', mark)).toMatchObject({ restsOnHidden: true })
  })
})
