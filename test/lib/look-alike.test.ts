import { expect, it } from 'vitest'
import { looksLike, readAs } from '../../src/lib/text/look-alike.ts'

it.each([
  ['REVIEW-p1.md', 'REVIEW-pl.md'],
  ['REVIEW-O.md', 'REVIEW-0.md'],
  ['REVIEW-rn.md', 'REVIEW-m.md'],
  ['REVIEW-pvfix.md', 'REVIEW-pvfix2.md'],
  ['REVIEW-größe.md', 'REVIEW-gruße.md']
])('%s and %s are honest names', async (a, b) => {
  expect(await looksLike(a, b)).toBe(false)
  expect(await looksLike(b, a)).toBe(false)
})

it.each([
  ['REVIEW-pvfix.md', 'review-PVFIX.md'],
  ['REVIEW-caf\u00e9.md', 'REVIEW-cafe\u0301.md'],
  ['REVIEW-pvfix.md', '\uff32\uff25\uff36\uff29\uff25\uff37-pvfix.md'],
  ['REVIEW-pvfix.md', 'REV\u0406EW-pvfix.md'],
  ['REVIEW-pvfix.md', 'REVIEW-pvfix.md\u200d']
])('%s can be taken for %s', async (a, b) => {
  expect(await looksLike(a, b)).toBe(true)
  expect(await looksLike(b, a)).toBe(true)
})

it('reads a word as a reader does', async () => {
  expect(await readAs('V\u0415\u0422\u041e M1 \u2014 \u1d20\u1d07\u1d1b\u1d0f')).toBe('veto m1 - veto')
})
