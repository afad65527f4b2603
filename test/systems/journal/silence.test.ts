import { expect, it } from 'vitest'
import type { Moment } from '../../../src/systems/baseline/moment.ts'
import type { JournalSearch, UnitVoice } from '../../../src/systems/journal/journal.ts'
import { silence } from '../../../src/systems/journal/silence.ts'

const micros = (seconds: number) => (1_781_000_000 + seconds) * 1e6
const since: Moment = { micros: micros(0), spanMicros: 0, said: 'the moment', clock: 'host' }
const clock = { hostMicros: micros(1_000), skewMs: 0, uncertaintyMs: 1 }
const quiet: JournalSearch = {
  unit: 'x.service',
  reachesMicros: micros(-1),
  knowsUnit: true,
  searched: 3,
  unreadable: 0,
  dropped: [],
  found: 0,
  matches: []
}
const voice: UnitVoice = { wrote: true, output: 'journal', error: 'inherit', namespace: '', levelMax: null }
const heard = (seconds: number) => ({ found: 1, matches: [{ micros: micros(seconds), message: 'an error' }] })

it.each<[string, Partial<JournalSearch>, string]>([
  ['nothing was written', {}, 'silent'],
  ['it was written a second later', heard(1), 'matched'],
  ['it was written a second before', heard(-1), 'silent'],
  ['the journal begins a second later', { reachesMicros: micros(1) }, 'unknown'],
  ['there is no journal', { reachesMicros: null }, 'unknown'],
  ['the unit is not in the journal', { knowsUnit: false }, 'unknown'],
  ['one message is no text', { unreadable: 1 }, 'unknown'],
  ['messages were dropped', { dropped: ['Suppressed 3 messages'] }, 'unknown'],
  ['more was found than kept, all before', { found: 2, matches: heard(-1).matches }, 'unknown'],
  ['it was written later, whatever was dropped', { ...heard(1), dropped: ['Suppressed'] }, 'matched'],
  ['all that it writes is there', { voice }, 'silent'],
  ['the least important is kept too', { voice: { ...voice, levelMax: 7 } }, 'silent'],
  ['the least important is not kept', { voice: { ...voice, levelMax: 6 } }, 'unknown'],
  ['only systemd wrote about it', { voice: { ...voice, wrote: false } }, 'unknown'],
  ['it writes into a file', { voice: { ...voice, output: 'file:/var/log/x' } }, 'unknown'],
  ['its errors go to nothing', { voice: { ...voice, error: 'null' } }, 'silent'],
  ['it has a journal of its own', { voice: { ...voice, namespace: 'own' } }, 'unknown']
])('silence where %s', (_, changed, kind) => {
  expect(silence({ ...quiet, ...changed }, since, clock).kind).toBe(kind)
})

it('counts what was found beyond what was kept', () => {
  expect(silence({ ...quiet, ...heard(1), found: 7 }, since, clock)).toMatchObject({ count: 7 })
})

it('what lies within the error of the clocks is not told', () => {
  const reviewed: Moment = { ...since, clock: 'reviewer' }
  const rough = { ...clock, uncertaintyMs: 2_000 }
  expect(silence({ ...quiet, ...heard(1), reachesMicros: micros(-60) }, reviewed, rough).kind).toBe('unknown')
  expect(silence({ ...quiet, ...heard(3), reachesMicros: micros(-60) }, reviewed, rough).kind).toBe('matched')
})
