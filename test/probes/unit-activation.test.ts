import { describe, expect, it } from 'vitest'
import { unitActivation } from '../../probes/unit-activation.ts'
import type { Moment } from '../../src/systems/baseline/moment.ts'
import type { UnitState } from '../../src/systems/systemd/units.ts'
import { unitState } from '../support/boot.ts'

const created = Date.UTC(2026, 5, 13, 5, 38, 2) * 1000 + 125_154
const second = 1_000_000
const after: Moment = { micros: created, spanMicros: 0, said: 'the creation of network proxy', clock: 'host' }
const clock = { hostMicros: created + 60 * second, skewMs: 0, uncertaintyMs: 5 }
const unit = (rest: Partial<UnitState> = {}) =>
  unitState('swarm-init.service', { activeMicros: created + 15 * second, ...rest })
const inactive = { state: 'inactive' }
/** A oneshot without RemainAfterExit that its timer started and that ended well. */
const ran = (rest: Partial<UnitState> = {}) =>
  unitState('swarm-init.service', {
    remainAfterExit: false,
    active: 'inactive',
    sub: 'dead',
    startedMicros: created + 15 * second,
    inactiveMicros: created + 16 * second,
    after: ['basic.target', 'swarm-init.timer'],
    before: ['shutdown.target'],
    ...rest
  })
const params = (rest: object = {}) =>
  unitActivation.params.parse({ unit: 'swarm-init', after: { network: 'proxy' }, ...rest })
const outcome = (state: UnitState, moment: Moment | undefined = after, rest: object = {}) =>
  unitActivation
    .judge(moment === undefined ? { unit: state } : { unit: state, after: moment, clock }, params(rest))
    .map(({ outcome }) => outcome)

it.each<[name: string, outcome: string, state: UnitState, moment?: Moment | undefined, params?: object]>([
  ['an activation after it', 'pass', unit()],
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
  ['a oneshot that ran by its timer and ended', 'pass', ran(), after, inactive],
  ['it, one microsecond after', 'pass', ran({ startedMicros: created + 1 }), after, inactive],
  ['it, at the same microsecond', 'unknown', ran({ startedMicros: created }), after, inactive],
  ['it, before', 'fail', ran({ startedMicros: created - 1 }), after, inactive],
  [
    'it, by an activation of when it still remained',
    'pass',
    ran({ activeMicros: created - second }),
    after,
    inactive
  ],
  ['it, skipped by its ExecCondition', 'fail', ran({ result: 'exec-condition' }), after, inactive],
  ['it, expected active', 'fail', ran(), after],
  ['a oneshot that its timer has not started yet', 'fail', ran({ startedMicros: null }), after, inactive],
  [
    'one that its target wants, not started',
    'fail',
    ran({ startedMicros: null, after: [], before: ['multi-user.target', 'shutdown.target'] }),
    after,
    inactive
  ],
  [
    'one that nothing keeps loaded, and that may have run',
    'unknown',
    ran({ startedMicros: null, after: ['basic.target'], before: ['shutdown.target'] }),
    after,
    inactive
  ],
  [
    'a oneshot that runs now',
    'pass',
    ran({ active: 'activating', sub: 'start' }),
    after,
    { state: 'activating' }
  ],
  [
    'one that failed',
    'pass',
    ran({ active: 'failed', sub: 'failed', result: 'exit-code' }),
    after,
    { state: 'failed' }
  ],
  [
    'one that failed before',
    'fail',
    ran({ active: 'failed', result: 'exit-code', startedMicros: created - 1 }),
    after,
    { state: 'failed' }
  ],
  [
    'a service that starts now and was active before',
    'pass',
    unit({
      type: 'notify',
      active: 'activating',
      sub: 'start',
      startedMicros: created + second,
      activeMicros: created - second
    }),
    after,
    { state: 'activating' }
  ],
  [
    'a service that is stopped, by its last activation',
    'fail',
    unit({
      type: 'simple',
      active: 'inactive',
      startedMicros: created + second,
      activeMicros: created - second
    }),
    after,
    inactive
  ],
  [
    'a oneshot that remains, by when it became active',
    'pass',
    unit({ startedMicros: created - second, activeMicros: created + second })
  ],
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
      expected: 'an activation after the creation of network proxy',
      at: 'swarm-init.service',
      shows: ['swarm-init.service is active (exited), activated 2026-06-13T05:37:42.125154Z, Result=success']
    }
  ])
})

it('says when a unit started that never becomes active, and what a clock in doubt means', () => {
  expect(unitActivation.judge({ unit: ran(), after, clock }, params(inactive))).toMatchObject([
    {
      saw: 'swarm-init.service is inactive (dead), started 2026-06-13T05:38:17.125154Z: 15 s after the creation of network proxy'
    }
  ])
  const ahead = { ...clock, skewMs: 3_600_000 }
  expect(
    unitActivation.judge({ unit: unit(), after: { ...after, clock: 'reviewer' }, clock: ahead }, params())
  ).toEqual([
    {
      outcome: 'unknown',
      why: "swarm-init.service is active (exited), activated 2026-06-13T05:38:17.125154Z: the host's clock is 60 min ahead of the reviewer's, ±5 ms: too far off to compare with the creation of network proxy",
      shows: ['swarm-init.service is active (exited), activated 2026-06-13T05:38:17.125154Z, Result=success']
    }
  ])
})

describe('its falsifiers', () => {
  it.each([{}, { state: 'inactive' }, { state: 'failed' }])('fail with %j', rest => {
    const facts = { unit: unit(), after, clock }
    for (const state of [facts.unit, ran()]) {
      for (const untrue of unitActivation.falsify({ ...facts, unit: state }, params(rest))) {
        expect(unitActivation.judge(untrue, params(rest)).map(({ outcome }) => outcome)).toEqual(['fail'])
      }
    }
  })
})

it.each([{ unit: 'x', state: 'good' }, { unit: '*' }, { unit: 'x', since: 'y' }, {}])('refuses %j', given => {
  expect(unitActivation.params.safeParse(given).success).toBe(false)
})
