import { expect, it } from 'vitest'
import type { BoundProbe, Finding } from '../../src/probe/probe.ts'
import { prove } from '../../src/probe/prove.ts'
import { seal } from '../../src/facts/sealed.ts'

/** A check is shown to be able to fail by what its own falsifiers make of the facts: each of these must fail. */

const source = { key: 'a', place: 'host', take: async () => 1 } as const
const text = { saw: '', why: '', expected: '', at: '' }

/** Judges `7` as what it was seen to be: the first of these outcomes; and what is falsified as the others. */
function probe(...falsified: readonly Finding['outcome'][]): BoundProbe {
  return {
    id: 'p',
    given: {},
    needs: { a: source },
    judge: ({ a }) => [typeof a === 'string' ? { outcome: falsified[Number(a)] ?? 'pass', ...text } : pass],
    falsify: ({ a }) => (a === 7 ? falsified.map((_, index) => ({ a: String(index) })) : [])
  }
}

const pass: Finding = { outcome: 'pass', saw: 'x' }
const sealed = { a: seal({ seen: true as const, value: 7 }) }
const shown = { a: { seen: true as const, value: 7, evidence: [1] } }

it.each<[falsified: readonly Finding['outcome'][], proof: ReturnType<typeof prove>]>([
  [['fail'], { kind: 'can fail', ways: 1 }],
  [['fail', 'fail'], { kind: 'can fail', ways: 2 }],
  [[], { kind: 'cannot fail', why: 'its parameters assert nothing that could be false' }],
  [['pass'], { kind: 'cannot fail', why: 'falsified facts no. 1 were judged pass' }],
  [['fail', 'pass'], { kind: 'cannot fail', why: 'falsified facts no. 2 were judged pass' }],
  // What is not known of falsified facts is no failure of theirs.
  [['unknown'], { kind: 'cannot fail', why: 'falsified facts no. 1 were judged unknown' }],
  [
    ['fail', 'not-applicable'],
    { kind: 'cannot fail', why: 'falsified facts no. 2 were judged not-applicable' }
  ]
])('falsified to %j', (falsified, proof) => {
  expect(prove(probe(...falsified), { sealed, shown })).toEqual(proof)
})

it('a judgement that crashes over what is falsified shows no failure', () => {
  const broken: BoundProbe = {
    ...probe('fail'),
    judge: () => {
      throw new TypeError('undefined is not a function')
    }
  }
  expect(prove(broken, { sealed, shown })).toMatchObject({ kind: 'cannot fail' })
})

it('without the facts there is nothing to falsify', () => {
  const why = 'no route to host'
  const unseen = {
    sealed: { a: seal({ seen: false as const, why }) },
    shown: { a: { seen: false as const, why, evidence: [] } }
  }
  expect(prove(probe('fail'), unseen)).toEqual({ kind: 'unseen', why })
  expect(prove(probe('fail'), { sealed: {}, shown: {} })).toEqual({
    kind: 'unseen',
    why: 'a was never gathered'
  })
})
