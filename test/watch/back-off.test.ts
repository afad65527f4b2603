import { expect, it } from 'vitest'
import { doubled, jittered } from '../../src/watch/back-off.ts'

it('doubles up to the longest pause, and stays there', () => {
  const pauses: number[] = []
  for (let n = 0; n < 8; n += 1) pauses.push(doubled(pauses.at(-1), 5_000, 120_000))
  expect(pauses).toEqual([5_000, 10_000, 20_000, 40_000, 80_000, 120_000, 120_000, 120_000])
})

it('is never shorter than that, and at most a quarter longer', () => {
  expect([0, 0.5, 0.999_999].map(at => Math.round(jittered(1_000, () => at)))).toEqual([1_000, 1_125, 1_250])
  const many = Array.from({ length: 100 }, () => jittered(1_000))
  expect(new Set(many).size).toBeGreaterThan(90)
  for (const pause of many) {
    expect(pause).toBeGreaterThanOrEqual(1_000)
    expect(pause).toBeLessThan(1_250)
  }
})
