import { describe, expect, it } from 'vitest'
import { unitActivation } from '../../probes/unit-activation.ts'
import type { Moment } from '../../src/observe/sources/moment.ts'
import type { UnitState } from '../../src/observe/sources/units.ts'
import { unitState } from '../support/boot.ts'

const created = Date.UTC(2026, 5, 13, 5, 38, 2) * 1000 + 125_154
const second = 1_000_000
const after: Moment = { micros: created, spanMicros: 0, said: 'the creation of network proxy', clock: 'host' }
const clock = { hostMicros: created + 60 * second, skewMs: 0, uncertaintyMs: 5 }
const unit = (rest: Partial<UnitState> = {}) =>
  unitState('swarm-init.service', { activeMicros: created + 15 * second, ...rest })
const params = (rest: object = {}) =>
  unitActivation.params.parse({ unit: 'swarm-init', after: { network: 'proxy' }, ...rest })
const outcome = (state: UnitState, moment: Moment | undefined = after, rest: object = {}) =>
  unitActivation
    .judge(moment === undefined ? { unit: state } : { unit: state, after: moment, clock }, params(rest))
    .map(({ outcome }) => outcome)

it.each<[name: string, outcome: string, state: UnitState, moment?: Moment | undefined, params?: object]>([
  ['activated after it', 'pass', unit()],
  ['one microsecond after it', 'pass', unit({ activeMicros: created + 1 })],
  ['at the same microsecond', 'unknown', unit({ activeMicros: created })],
  ['one microsecond before it', 'fail', unit({ activeMicros: created - 1 })],
  ['the engine restarted since: neither time moves', 'pass', unit({ startedMicros: created - second })],
  [
    'two minutes in the future, as a look that takes long may see it',
    'pass',
    unit({ activeMicros: created + 180 * second })
  ],
  [
    'further in the future: its clock was set back since',
    'unknown',
    unit({ activeMicros: created + 180 * second + 1 })
  ],
  ['after something of the future', 'unknown', unit(), { ...after, micros: created + 3600 * second }],
  ['not found, which systemd answers with 0', 'fail', unit({ load: 'not-found', active: 'inactive' })],
  ['masked', 'fail', unit({ load: 'masked', active: 'inactive' })],
  ['failed', 'fail', unit({ active: 'failed', sub: 'failed', result: 'exit-code' })],
  ['still starting', 'fail', unit({ active: 'activating', sub: 'start' })],
  ['active after a bad result', 'fail', unit({ result: 'timeout' })],
  ['never activated', 'fail', unit({ activeMicros: null })],
  ['inactive as expected', 'pass', unit({ active: 'inactive', sub: 'dead' }), after, { state: 'inactive' }],
  ['active, expected inactive', 'fail', unit(), after, { state: 'inactive' }],
  [
    'after a review, within the clocks’ uncertainty',
    'unknown',
    unit({ activeMicros: created + 4_000 }),
    { ...after, clock: 'reviewer' }
  ],
  [
    'after a review, beyond it',
    'pass',
    unit({ activeMicros: created + 6_000 }),
    { ...after, clock: 'reviewer' }
  ]
])('%s: %s', (_, expected, state, moment, rest) => {
  expect(outcome(state, moment, rest)).toEqual([expected])
})

it('needs no time', () => {
  const judged = unitActivation.judge(
    { unit: unit() },
    unitActivation.params.parse({ unit: 'swarm-init.service' })
  )
  expect(judged).toEqual([
    {
      outcome: 'pass',
      saw: 'swarm-init.service is active (exited), activated 2026-06-13T05:38:17.125154Z',
      shows: ['swarm-init.service is active (exited), activated 2026-06-13T05:38:17.125154Z, Result=success']
    }
  ])
})

it('says both times when it fails', () => {
  expect(
    unitActivation.judge({ unit: unit({ activeMicros: created - 20 * second }), after, clock }, params())
  ).toEqual([
    {
      outcome: 'fail',
      saw: 'swarm-init.service is active (exited), activated 2026-06-13T05:37:42.125154Z: 20 s before the creation of network proxy',
      expected: 'activated after the creation of network proxy',
      at: 'swarm-init.service',
      shows: ['swarm-init.service is active (exited), activated 2026-06-13T05:37:42.125154Z, Result=success']
    }
  ])
})

describe('its falsifiers', () => {
  it.each([{}, { state: 'inactive' }, { state: 'failed' }])('fail with %j', rest => {
    const facts = { unit: unit(), after, clock }
    for (const untrue of unitActivation.falsify(facts, params(rest))) {
      expect(unitActivation.judge(untrue, params(rest)).map(({ outcome }) => outcome)).toEqual(['fail'])
    }
  })
})

it.each([{ unit: 'x', state: 'good' }, { unit: '*' }, { unit: 'x', since: 'y' }, {}])('refuses %j', given => {
  expect(unitActivation.params.safeParse(given).success).toBe(false)
})
