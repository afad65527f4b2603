import { expect, it } from 'vitest'
import { health, isRecurring, loopsOf, staffing } from '../../../src/systems/swarm/service-health.ts'
import type { SwarmService } from '../../../src/systems/swarm/services.ts'
import type { SwarmTask } from '../../../src/systems/swarm/tasks.ts'
import { at, service, task, template } from '../../support/docker.ts'

const now = at(10_000)
const old = at(1_000)
/** A task that ended at a second after it was made at another. */
const ended = (id: string, made: number, end: number, changed: Partial<SwarmTask> = {}): SwarmTask =>
  task({
    id,
    state: 'failed',
    desired: 'shutdown',
    createdMicros: at(made),
    stateMicros: at(end),
    exit: 1,
    ...changed
  })
const running = (made: number, changed: Partial<SwarmTask> = {}) =>
  task({ createdMicros: at(made), stateMicros: at(made), ...changed })
const two = service({ mode: { kind: 'replicated', replicas: 2 } })
const second = running(20, { id: 'tasktwo', slot: 2 })

it.each<[string, SwarmService, readonly SwarmTask[], string | undefined, boolean | null]>([
  ['runs what it wants', service(), [running(20)], undefined, true],
  ['runs one of two', two, [running(20)], undefined, false],
  ['runs two of two', two, [running(20), second], undefined, true],
  ['runs as many as the plan says', two, [running(20), second], '2/2', true],
  ['runs fewer than the plan says', two, [running(20), second], '3/3', false],
  ['runs more than the plan says', two, [running(20), second], '1/1', false],
  ['wants nothing', service({ mode: { kind: 'replicated', replicas: 0 } }), [], undefined, false],
  [
    'wants nothing, as the plan says',
    service({ mode: { kind: 'replicated', replicas: 0 } }),
    [],
    '0/0',
    true
  ],
  ['runs another spec', service(), [running(20, { template: template('1') })], undefined, false],
  [
    'runs the spec and another',
    service(),
    [running(20), running(20, { id: 'x', template: template('1') })],
    undefined,
    false
  ],
  ['runs what should not run', service(), [running(20, { desired: 'shutdown' })], undefined, false],
  [
    'has only just begun',
    service(),
    [task({ state: 'starting', createdMicros: now - 1e6, stateMicros: now - 1e6 })],
    undefined,
    null
  ],
  [
    'waits for a node for 19 seconds',
    service(),
    [task({ state: 'pending', createdMicros: now - 19e6, stateMicros: null })],
    undefined,
    null
  ],
  [
    'waits for a node for 20 seconds',
    service(),
    [task({ state: 'pending', createdMicros: now - 20e6, stateMicros: null })],
    undefined,
    false
  ],
  [
    'has started for 599 seconds, by an unknown health check',
    service(),
    [task({ state: 'starting', createdMicros: old, stateMicros: now - 599e6 })],
    undefined,
    null
  ],
  [
    'has started for 600 seconds, by an unknown health check',
    service(),
    [task({ state: 'starting', createdMicros: old, stateMicros: now - 600e6 })],
    undefined,
    false
  ],
  [
    'starts after it failed',
    service(),
    [ended('x', 9_000, 9_900), task({ state: 'starting', createdMicros: now, stateMicros: now })],
    undefined,
    false
  ]
])('a service that %s', (_, one, tasks, expected, healthy) => {
  expect(health(one, tasks, expected, null, now)).toMatchObject({ healthy })
})

const update = (state: string) => service({ update: { state, message: '', startedMicros: null } as never })

it.each([
  ['completed', true],
  ['updating', null],
  ['rollback_started', null],
  ['paused', false],
  ['rollback_paused', false],
  ['rollback_completed', false]
])('a service whose update is %s', (state, healthy) => {
  expect(health(update(state), [running(20)], undefined, null, now)).toMatchObject({ healthy })
})

it.each([
  [59, null],
  [60, false]
])('an update whose task waits for a node for %d seconds', (seconds, healthy) => {
  const waiting = task({ id: 'w', state: 'pending', createdMicros: now - seconds * 1e6, stateMicros: null })
  expect(health(update('updating'), [running(20), waiting], undefined, null, now)).toMatchObject({ healthy })
})

/** Three runs of ten seconds, and one that began then. */
const three = [ended('a', 9_000, 9_010), ended('b', 9_015, 9_025), ended('c', 9_030, 9_040)]

it.each<[string, readonly SwarmTask[], number, readonly boolean[]]>([
  ['three ends and a young run', [...three, running(9_045)], 9_100, [true]],
  [
    'three ends and no run',
    [...three, task({ state: 'ready', desired: 'ready', createdMicros: at(9_045), stateMicros: null })],
    9_046,
    [true]
  ],
  ['a run that lasts 119 seconds', [...three, running(9_045)], 9_164, [true]],
  ['a run that lasts 120 seconds', [...three, running(9_045)], 9_165, []],
  ['two ends of short runs, and a run of 29 seconds', [...three.slice(1), running(9_045)], 9_074, [false]],
  ['two ends of short runs, and a run of 30 seconds', [...three.slice(1), running(9_045)], 9_075, []],
  ['one end', [...three.slice(2), running(9_045)], 9_046, []],
  [
    'ends of another spec',
    [...three.map(end => ({ ...end, template: template('1') })), running(9_045)],
    9_046,
    []
  ],
  ['a slot that is not wanted', three, 9_046, []],
  [
    'ends that an update made',
    [...three.map(end => ({ ...end, state: 'shutdown' })), running(9_045)],
    9_046,
    []
  ],
  [
    'ends an hour apart',
    [ended('a', 1_000, 1_010), ended('b', 3_000, 3_010), ended('c', 4_600, 4_610), running(4_615)],
    4_620,
    [true]
  ],
  [
    'ends more than an hour apart',
    [ended('a', 1_000, 1_010), ended('b', 3_000, 3_010), ended('c', 4_600, 4_611), running(4_616)],
    4_620,
    []
  ]
])('a restart loop: %s', (_, tasks, seconds, certain) => {
  expect(loopsOf(service(), tasks, null, at(seconds)).map(loop => loop.certain)).toEqual(certain)
})

it('what ended before the engine began to start is no loop', () => {
  const tasks = [...three, running(9_045)]
  expect(loopsOf(service(), tasks, at(9_000), at(9_046))).toHaveLength(1)
  expect(loopsOf(service(), tasks, at(9_031), at(9_046))).toEqual([])
})

it.each([
  [29_999_999, false],
  [30_000_000, true]
])('a restart delay of %d microseconds makes turns: %s', (restartDelay, recurs) => {
  const one = service({ times: { healthy: null, restartDelay } })
  expect(isRecurring(one)).toBe(recurs)
  const completed = three.map(end => ({ ...end, state: 'complete', exit: 0 }))
  expect(loopsOf(one, [...completed, running(9_045)], null, at(9_046)).length > 0).toBe(!recurs)
})

it('a job counts what its present run completed', () => {
  const job = service({ mode: { kind: 'replicated job', completions: 2, iteration: 3 } as never })
  const done = task({ state: 'complete', desired: 'complete', iteration: 3 })
  expect(staffing(job, [done, { ...done, id: 'b' }])).toMatchObject({ have: 2, want: 2 })
  expect(staffing(job, [done, { ...done, id: 'b', iteration: 2 }])).toMatchObject({ have: 1, want: 2 })
})
