import fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  isoMicros,
  parseDateSeconds,
  parseGoTime,
  parseIso,
  parseSystemdTime
} from '../../src/lib/instant.ts'

const micros = Date.UTC(2026, 5, 13, 5, 38, 2) * 1000

it.each<[text: string, expected: number]>([
  ['2026-06-13 05:38:02.125154677 +0000 UTC', micros + 125_154],
  ['2026-06-13 07:38:02.125154677 +0200 CEST', micros + 125_154],
  ['2026-06-13 01:08:02.1 -0430 -0430', micros + 100_000],
  ['2026-06-13 05:38:02 +0000 UTC', micros],
  ['2026-06-13 05:38:02.5 +0000 UTC m=+0.123456789', micros + 500_000]
])('reads the time that Go prints as %s', (text, expected) => {
  expect(parseGoTime(text)).toBe(expected)
})

it.each([
  '0001-01-01 00:00:00 +0000 UTC',
  '2026-06-13T05:38:02Z',
  '2026-06-13 05:38:02',
  '2026-13-13 05:38:02 +0000 UTC',
  '2026-06-13 05:38:02 +0000x',
  ''
])('refuses %j as a time of Go', text => {
  expect(() => parseGoTime(text)).toThrow(RangeError)
})

it.each<[text: string, expected: number | null]>([
  ['Sat 2026-06-13 05:38:02.146113 UTC', micros + 146_113],
  ['Sat 2026-06-13 05:38:02 UTC', micros],
  ['n/a', null],
  ['', null]
])('reads the time that systemd prints as %j', (text, expected) => {
  expect(parseSystemdTime(text)).toBe(expected)
})

it.each(['Sat 2026-06-13 07:38:02 CEST', '@1781329082', 'Sat 2026-06-13'])('refuses %j of systemd', text => {
  expect(() => parseSystemdTime(text)).toThrow(RangeError)
})

it.each<[text: string, expected: number]>([
  ['2026-06-13T05:38:02Z', micros],
  ['2026-06-13T05:38Z', micros - 2_000_000],
  ['2026-06-13T07:38:02.000001+02:00', micros + 1]
])('reads the ISO time %s', (text, expected) => {
  expect(parseIso(text)).toBe(expected)
})

it.each(['2026-06-13', '2026-06-13T05:38:02', '2026-06-31T25:00:00Z', 'yesterday'])('refuses %j', text => {
  expect(() => parseIso(text)).toThrow(RangeError)
})

it('prints what it reads', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1_000_000, max: 4_000_000_000_000_000 }), at => {
      expect(parseIso(isoMicros(at))).toBe(at)
    })
  )
})

it.each([
  ['1781328791125154677\n', { micros: 1_781_328_791_125_154, unsureMs: 0 }],
  ['1781328791%N\n', { micros: 1_781_328_791_500_000, unsureMs: 500 }],
  ['12345678', null],
  ['date: invalid', null],
  ['', null]
])('what `date` printed: %j', (printed, told) => {
  expect(parseDateSeconds(printed)).toEqual(told)
})
