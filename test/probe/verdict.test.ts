import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type CheckResult, decide } from '../../src/probe/verdict.ts'
import type { Outcome, Verdict } from '../../src/lib/words.ts'

function check(outcome: Outcome, title: string = outcome): CheckResult {
  return {
    probe: 'p',
    title,
    on: 'h',
    with: {},
    outcome,
    why: null,
    attempts: 1,
    flapped: false,
    findings: [],
    evidence: []
  }
}

it.each<[outcomes: readonly Outcome[], verdict: Verdict, why: string]>([
  [['pass'], 'PASS', 'the only check passed'],
  [['pass', 'not-applicable'], 'PASS', '1 of 2 checks passed'],
  [['pass', 'waived'], 'PASS', '1 of 2 checks passed, 1 waived: waived'],
  [['pass', 'pass'], 'PASS', 'both checks passed'],
  [['waived'], 'INCONCLUSIVE', 'no check passed'],
  [['not-applicable'], 'INCONCLUSIVE', 'no check passed'],
  [[], 'INCONCLUSIVE', 'no check passed'],
  [['pass', 'unknown'], 'INCONCLUSIVE', '1 of 2 checks could not be seen: unknown'],
  [['unknown', 'fail'], 'FAIL', '1 of 2 checks failed (fail); 1 more could not be seen']
])('%j is %s', (outcomes, verdict, why) => {
  const decision = decide(outcomes.map(outcome => check(outcome)))
  expect(decision).toEqual({ verdict, why })
})

it('an obstacle keeps a PASS back, and does not hide a FAIL', () => {
  expect(decide([check('pass')], ['M1 has no PASS'])).toEqual({
    verdict: 'INCONCLUSIVE',
    why: 'M1 has no PASS'
  })
  expect(decide([check('fail')], ['M1 has no PASS']).verdict).toBe('FAIL')
})

it('PASS means: something passed, and nothing failed or was unknown', () => {
  const outcome = fc.constantFrom<Outcome[]>('pass', 'fail', 'unknown', 'not-applicable', 'waived')
  fc.assert(
    fc.property(fc.array(outcome), fc.array(fc.string({ minLength: 1 })), (outcomes, obstacles) => {
      const { verdict } = decide(
        outcomes.map(each => check(each)),
        obstacles
      )
      const clean = outcomes.includes('pass') && !outcomes.includes('fail') && !outcomes.includes('unknown')
      expect(verdict === 'PASS').toBe(clean && obstacles.length === 0)
      expect(verdict === 'FAIL').toBe(outcomes.includes('fail'))
    })
  )
})
