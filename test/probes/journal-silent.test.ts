import { expect, it } from 'vitest'
import { ZodError } from 'zod'
import { journalSilent } from '../../probes/journal-silent.ts'
import { outcomeOf } from '../../src/judge/run.ts'
import type { HostClock } from '../../src/observe/fact.ts'
import type { JournalSearch } from '../../src/observe/sources/journal.ts'

const base = Date.UTC(2026, 5, 13, 5, 33, 10) * 1000
const since = {
  micros: base,
  spanMicros: 999_999,
  clock: 'reviewer',
  said: 'the review of M1 at 2026-06-13T05:33:10Z'
}
const clock: HostClock = { hostMicros: base + 3_600_000_000, skewMs: 0, uncertaintyMs: 5 }
const silent: JournalSearch = {
  unit: 'docker.service',
  reachesMicros: base - 60_000_000,
  knowsUnit: true,
  searched: 40,
  unreadable: 0,
  dropped: [],
  found: 0,
  matches: []
}
const probe = journalSilent.bind({ unit: 'docker', matches: 'allocating VIP', since: { review: 'M1' } })
const judged = (search: Partial<JournalSearch>, at: Partial<HostClock> = {}) =>
  probe.judge({ search: { ...silent, ...search }, since, clock: { ...clock, ...at } })
const match = (later: number) => ({
  found: 1,
  matches: [{ micros: base + later, message: 'allocating VIP' }]
})

it.each<[name: string, search: Partial<JournalSearch>, outcome: string]>([
  ['silence in a journal that covers the time', {}, 'pass'],
  ['silence of a unit that wrote nothing since', { searched: 0 }, 'pass'],
  ['a journal that begins in the same second', { reachesMicros: base }, 'unknown'],
  ['a journal that begins just before', { reachesMicros: base - 5_001 }, 'pass'],
  ['a journal that begins later', { reachesMicros: base + 60_000_000 }, 'unknown'],
  ['no system journal', { reachesMicros: null }, 'unknown'],
  ['a unit that the journal has never heard of', { knowsUnit: false, searched: 0 }, 'unknown'],
  ['a message that cannot be read', { unreadable: 1 }, 'unknown'],
  ['messages that journald dropped', { dropped: ['Suppressed 9 messages from docker.service'] }, 'unknown'],
  ['a match after', match(1_005_000), 'fail'],
  ['a match in the second of the review', match(1_004_999), 'unknown'],
  ['a match before', match(-5_001), 'pass'],
  ['a match after, in a journal that covers nothing', { ...match(2_000_000), reachesMicros: null }, 'fail'],
  ['more matches than were kept, the kept ones before', { ...match(-5_001), found: 2 }, 'unknown']
])('%s', (_, search, outcome) => {
  expect(outcomeOf(judged(search))).toBe(outcome)
})

it('measures by the skew of the clock', () => {
  expect(outcomeOf(judged(match(-20_000_000), { skewMs: -30_000 }))).toBe('fail')
  expect(outcomeOf(judged(match(20_000_000), { skewMs: 30_000 }))).toBe('pass')
})

it('tells what it found, since when', () => {
  expect(judged({ found: 3, matches: [...match(-6_000).matches, ...match(60_000_000).matches] })).toEqual([
    {
      outcome: 'fail',
      saw: "2 messages match `allocating VIP`, the first 60 s after the review of M1 at 2026-06-13T05:33:10Z (the host's clock is 0 ms ahead of ours, ±5 ms)",
      expected: 'none since the review of M1 at 2026-06-13T05:33:10Z',
      at: 'docker.service',
      shows: ['2026-06-13T05:34:10Z allocating VIP']
    }
  ])
  expect(judged({})).toEqual([
    {
      outcome: 'pass',
      saw: '40 messages of docker.service since the review of M1 at 2026-06-13T05:33:10Z, none matches `allocating VIP`; the journal reaches back to 2026-06-13T05:32:10Z'
    }
  ])
})

it('can fail', () => {
  const [falsified] = probe.falsify({ search: silent, since, clock: { ...clock, skewMs: 90_000 } })
  expect(outcomeOf(probe.judge(falsified ?? {}))).toBe('fail')
})

it.each([
  [{ unit: 'docker', matches: 'x' }],
  [{ unit: '*', matches: 'x', since: { review: 'M1' } }],
  [{ unit: 'docker', matches: '(', since: { review: 'M1' } }],
  [{ unit: 'docker', since: { review: 'M1' } }]
])('refuses %j', params => {
  expect(() => journalSilent.bind(params)).toThrow(ZodError)
})
