import { expect, it } from 'vitest'
import { parsingBudget } from '../../src/lib/effort.ts'

it('a budget is spent by one more than it has, and stays spent', () => {
  const budget = parsingBudget(10)
  expect([budget.spend('a', 4), budget.spend('b', 6), budget.isSpent()]).toEqual([true, true, false])
  expect([budget.spend('c', 1), budget.isSpent()]).toEqual([false, true])
  expect(budget.spend('d', 0)).toBe(false)
})

it('what was counted before costs nothing', () => {
  const budget = parsingBudget(10)
  for (let n = 0; n < 5; n += 1) expect(budget.spend('a', 6)).toBe(true)
  expect(budget.isSpent()).toBe(false)
})
