import { expect, it } from 'vitest'
import { pattern, patternText } from '../../src/lib/text/pattern.ts'
import { cpuMs } from '../support/cpu.ts'

it('finds a match anywhere in the text', () => {
  expect(
    pattern(String.raw`--subnet\s+10\.10\.0\.0/16\b`).test(
      'docker network create --subnet  10.10.0.0/16 proxy'
    )
  ).toBe(true)
  expect(pattern('^proxy$').test('a proxy')).toBe(false)
})

it.each<[expression: string, why: RegExp]>([
  ['(', /missing closing/],
  ['(?=a)', /linear-time/],
  [String.raw`(a)\1`, /escape sequence/],
  ['((a{900}){900}){900}', /repeat/],
  ['(.{0,900}x){0,900}', /too large/],
  ['(a{0,100}){0,9}'.repeat(9), /repeats too much|too large/],
  ['x'.repeat(3000), /longer than/]
])('refuses %.20s', (expression, why) => {
  expect(() => pattern(expression)).toThrow(RangeError)
  expect(() => pattern(expression)).toThrow(why)
  expect(patternText.safeParse(expression).success).toBe(false)
})

it.each(['(a+)+$', '(a|aa)+$', '(.*)(.*)(.*)(.*)[bc]', '.{0,900}[bc]'])(
  'takes linear time for %s',
  expression => {
    expect(cpuMs(() => pattern(expression).test(`${'a'.repeat(100_000)}!`))).toBeLessThan(4000)
  }
)

it.each(['a\n', 'a\nb', '\r\na', 'a\r'])('a line break is refused in what a plan gives: %j', expression => {
  expect(patternText.safeParse(expression).success).toBe(false)
})
