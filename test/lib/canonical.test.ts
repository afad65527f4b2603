import fc from 'fast-check'
import { expect, it } from 'vitest'
import { canonicalJson, canonicalLines } from '../../src/lib/canonical.ts'

// Signed digests are over these bytes: they may never change.
it.each<[value: unknown, bytes: string]>([
  [{ b: 1, a: [{ d: null, c: true }] }, '{"a":[{"c":true,"d":null}],"b":1}'],
  [{ a: 3, 10: 1, 9: 2 }, '{"9":2,"10":1,"a":3}'],
  [{ B: 1, a: 2, '': 3, '\uE000': 4, '\u{1F600}': 5 }, '{"":3,"B":1,"a":2,"\u{1F600}":5,"\uE000":4}'],
  [JSON.parse('{"__proto__":{"b":1,"a":2}}'), '{"__proto__":{"a":2,"b":1}}'],
  [{ a: undefined }, '{}'],
  [-0, '0'],
  [1e21, '1e+21'],
  ['\ud800\u2028"', '"\\ud800\u2028\\""']
])('%j is %s', (value, bytes) => {
  expect(canonicalJson(value)).toBe(bytes)
  expect(JSON.parse(canonicalLines(value))).toEqual(JSON.parse(bytes))
})

it.each([Number.NaN, Number.POSITIVE_INFINITY, 1n, Symbol('s'), () => 1, [undefined], { a: [() => 1] }])(
  'there are no bytes for %s',
  value => {
    expect(() => canonicalJson(value)).toThrow(TypeError)
  }
)

it('is one text for one value, and says all of it', () => {
  const backwards = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(backwards)
    if (value === null || typeof value !== 'object') return value
    return Object.fromEntries(
      Object.entries(value)
        .reverse()
        .map(([key, member]) => [key, backwards(member)])
    )
  }
  fc.assert(
    fc.property(fc.jsonValue(), value => {
      expect(canonicalJson(backwards(value))).toBe(canonicalJson(value))
      expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)))
    })
  )
})
