import { expect, it } from 'vitest'
import { countRange, isWithin, shownRange } from '../../../src/systems/repo/tree-count.ts'

it.each<
  [
    given: Parameters<typeof countRange>[0],
    within: readonly number[],
    without: readonly number[],
    shown: string
  ]
>([
  [3, [3], [2, 4], '3 files'],
  [1, [1], [0, 2], '1 file'],
  [{ atLeast: 2 }, [2, 9_999], [1], 'at least 2 files'],
  [{ atMost: 2 }, [1, 2], [0, 3], 'at most 2 files'],
  [{ atLeast: 2, atMost: 4 }, [2, 4], [1, 5], '2 to 4 files']
])('%j', (given, within, without, shown) => {
  const range = countRange(given)
  expect(range).not.toBeNull()
  if (range === null) return
  for (const count of within) expect(isWithin(count, range)).toBe(true)
  for (const count of without) expect(isWithin(count, range)).toBe(false)
  expect(shownRange(range)).toBe(shown)
})

it.each([undefined, {}])('%j expects nothing', given => {
  expect(countRange(given)).toBeNull()
})
