import { expect, it } from 'vitest'
import { didYouMean, nearest } from '../../src/lib/text/nearest.ts'

it.each([
  ['hsot', 'host'],
  ['gtae', 'gate'],
  ['hots', 'host'],
  ['branhc', 'branch'],
  ['HOST', 'host'],
  ['hst', 'host'],
  ['hosst', 'host'],
  ['pots', null],
  ['', null]
])('%j is near %j', (word, near) => {
  expect(nearest(word, ['host', 'gate', 'branch'])).toBe(near)
  expect(didYouMean(word, ['host', 'gate', 'branch'])).toBe(
    near === null ? '' : `, did you mean \`${near}\`?`
  )
})
