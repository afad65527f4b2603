import { expect, it } from 'vitest'
import { ZodError } from 'zod'
import { journalSilent } from '../../probes/journal-silent.ts'
import { outcomeOf } from '../../src/probe/run.ts'
import type { HostClock } from '../../src/facts/fact.ts'
import type { JournalSearch, UnitVoice } from '../../src/systems/journal/journal.ts'

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

const voice: UnitVoice = { wrote: true, output: 'journal', error: 'inherit', namespace: '', levelMax: null }
it.each<[name: string, outcome: string, voice: Partial<UnitVoice>, why?: string]>([
  ['the unit itself has written there', 'pass', {}],
  ['only systemd has, about it', 'unknown', { wrote: false }, 'only messages of systemd about it'],
  [
    'its output goes to a file',
    'unknown',
    { output: 'file:/var/log/x.log' },
    'StandardOutput=file:/var/log/x.log'
  ],
  ['appended', 'unknown', { output: 'append:/var/log/x.log' }],
  ['truncated', 'unknown', { output: 'truncate:/var/log/x.log' }],
  ['only its errors do', 'unknown', { error: 'append:/var/log/x.err' }, 'StandardError=append'],
  ['to a socket', 'unknown', { output: 'socket' }],
  ['to a file descriptor', 'unknown', { output: 'fd:out' }],
  ['to a terminal', 'unknown', { output: 'tty' }],
  ['to the kernel', 'unknown', { output: 'kmsg' }],
  ['to the console as well', 'pass', { output: 'journal+console' }],
  ['to syslog, which is the journal', 'pass', { output: 'syslog' }],
  ['nowhere, and it writes by syslog(3)', 'pass', { output: 'null', error: 'null' }],
  ['nowhere at all', 'unknown', { output: 'null', error: 'null', wrote: false }],
  ['inherited', 'pass', { output: 'inherit', error: 'inherit' }],
  ['a unit without output, such as a timer', 'pass', { output: '', error: '' }],
  ['a journal of its own', 'unknown', { namespace: 'shop' }, 'journal namespace `shop`'],
  ['it, although it once wrote here', 'unknown', { namespace: 'shop', wrote: true }],
  ['less important messages are not kept', 'unknown', { levelMax: 4 }, 'LogLevelMax'],
  ['all levels are kept', 'pass', { levelMax: 7 }]
])('%s: %s', (_, outcome, more, why = '') => {
  const search = { ...silent, voice: { ...voice, ...more } }
  const facts = { search, since, clock }
  const findings = probe.judge(facts)
  expect(outcomeOf(findings)).toBe(outcome)
  expect(JSON.stringify(findings)).toContain(why)
  // What was found was written, wherever the rest goes.
  expect(outcomeOf(probe.judge({ ...facts, search: { ...search, ...match(2_000_000) } }))).toBe('fail')
  expect(probe.falsify(facts).map(untrue => outcomeOf(probe.judge(untrue)))).toEqual(['fail'])
})

it('measures by the skew of the clock', () => {
  expect(outcomeOf(judged(match(-20_000_000), { skewMs: -30_000 }))).toBe('fail')
  expect(outcomeOf(judged(match(20_000_000), { skewMs: 30_000 }))).toBe('pass')
})

it('tells what it found, since when', () => {
  expect(judged({ found: 3, matches: [...match(-6_000).matches, ...match(60_000_000).matches] })).toEqual([
    {
      outcome: 'fail',
      saw: "2 messages match `allocating VIP`, the first 60 s after the review of M1 at 2026-06-13T05:33:10Z (the host's clock is 0 ms ahead of the reviewer's, ±5 ms)",
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
