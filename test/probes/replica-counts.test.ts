import { describe, expect, it } from 'vitest'
import { replicaCounts } from '../../probes/replica-counts.ts'
import { outcomeOf } from '../../src/judge/run.ts'
import type { SwarmService } from '../../src/observe/sources/docker-services.ts'
import type { SwarmTask } from '../../src/observe/sources/docker-tasks.ts'
import { at, engine, service, task, template } from '../support/docker.ts'

interface Case {
  readonly service?: Partial<SwarmService>
  readonly tasks?: readonly Partial<SwarmTask>[]
  readonly params?: object
  /** Seconds: now, and when the engine started. */
  readonly now?: number
  readonly since?: number | null
}

function judged({ service: changed = {}, tasks = [{}], params = {}, now = 900, since = 0 }: Case) {
  const facts = {
    services: [service(changed)],
    tasks: tasks.map((one, index) => task({ id: `task${index}`, ...one })),
    engine: engine(at(now)),
    since: since === null ? null : at(since)
  }
  return replicaCounts.judge(facts, replicaCounts.params.parse(params))
}

/** A task that ended by itself after `ran` seconds. */
function ended(from: number, ran: number, changed: Partial<SwarmTask> = {}): Partial<SwarmTask> {
  return {
    state: 'failed',
    desired: 'shutdown',
    createdMicros: at(from),
    stateMicros: at(from + ran),
    error: 'task: non-zero exit (1)',
    ...changed
  }
}

const old = { template: template('1') }
const two = { mode: { kind: 'replicated', replicas: 2 } } as const
const job = { mode: { kind: 'replicated job', completions: 2, iteration: 3 } } as const
const runs = (from: number): Partial<SwarmTask> => ({ createdMicros: at(from), stateMicros: at(from + 1) })

describe('replica-counts', () => {
  it.each<[why: string, outcome: string, given: Case]>([
    ['1/1', 'pass', {}],
    ['0/1, the task gone', 'fail', { tasks: [] }],
    ['1/2', 'fail', { service: two }],
    ['2/2', 'pass', { service: two, tasks: [{}, { slot: 2 }] }],
    ['2/2 with a limit per node', 'pass', { service: { ...two, maxPerNode: 1 }, tasks: [{}, { slot: 2 }] }],
    ['2/1', 'fail', { tasks: [{}, { slot: 2 }] }],
    ['0/0', 'fail', { service: { mode: { kind: 'replicated', replicas: 0 } }, tasks: [] }],
    [
      '0/0 where the plan says so',
      'pass',
      {
        service: { mode: { kind: 'replicated', replicas: 0 } },
        tasks: [],
        params: { services: { shop_app: '0/0' } }
      }
    ],
    ['1/1 where the plan wants 2/2', 'fail', { params: { services: { shop_app: '2/2' } } }],
    ['a running task that should be gone', 'fail', { tasks: [{ desired: 'shutdown' }] }],

    // the number is right, the spec is not
    ['1/1 of the old spec', 'fail', { tasks: [old] }],
    ['the new task beside the old one', 'fail', { tasks: [{}, { ...old, slot: 2 }] }],
    ['the old task ended', 'pass', { tasks: [{ ...old, state: 'shutdown', desired: 'shutdown' }, {}] }],
    ['an update that completed', 'pass', { service: { update: { state: 'completed', message: '' } } }],
    [
      'an update that was rolled back',
      'fail',
      { service: { update: { state: 'rollback_completed', message: '' } } }
    ],
    ['an update that paused', 'fail', { service: { update: { state: 'paused', message: '' } } }],
    ['a roll-back that paused', 'fail', { service: { update: { state: 'rollback_paused', message: '' } } }],
    ['an update that goes on', 'unknown', { service: { update: { state: 'updating', message: '' } } }],
    [
      'a roll-back that goes on',
      'unknown',
      { service: { update: { state: 'rollback_started', message: '' } } }
    ],

    // global services want one task a node
    [
      'global on two nodes',
      'pass',
      { service: { mode: { kind: 'global' } }, tasks: [{ slot: 0 }, { slot: 0, node: 'nodetwo' }] }
    ],
    [
      'global on one of two nodes',
      'fail',
      {
        service: { mode: { kind: 'global' } },
        tasks: [{ slot: 0 }, { slot: 0, node: 'nodetwo', state: 'failed' }]
      }
    ],
    ['global without a node', 'fail', { service: { mode: { kind: 'global' } }, tasks: [] }],

    // jobs
    [
      'a job that completed',
      'pass',
      {
        service: job,
        tasks: [1, 2].map(slot => ({ slot, state: 'complete', desired: 'complete', iteration: 3 }))
      }
    ],
    ['a job that completed half', 'fail', { service: job, tasks: [{ state: 'complete', iteration: 3 }] }],
    [
      'a job whose last run completed',
      'fail',
      { service: job, tasks: [1, 2].map(slot => ({ slot, state: 'complete', iteration: 2 })) }
    ],
    [
      'a job at work',
      'unknown',
      { service: job, tasks: [{ iteration: 3 }, { slot: 2, state: 'complete', iteration: 3 }] }
    ],
    [
      'a global job that completed',
      'pass',
      {
        service: { mode: { kind: 'global job', iteration: 0 } },
        tasks: [{ slot: 0, state: 'complete', iteration: 0 }]
      }
    ],

    // on its way, for a minute
    ['a task 19 s without a node', 'unknown', { tasks: [{ state: 'pending', createdMicros: at(881) }] }],
    ['a task 20 s without a node', 'fail', { tasks: [{ state: 'pending', createdMicros: at(880) }] }],
    [
      'an update 59 s without a node',
      'unknown',
      {
        service: { update: { state: 'updating', message: '' } },
        tasks: [{ state: 'pending', createdMicros: at(841) }]
      }
    ],
    [
      'an update 60 s without a node',
      'fail',
      {
        service: { update: { state: 'updating', message: '' } },
        tasks: [{ state: 'pending', createdMicros: at(840) }]
      }
    ],
    [
      'an update long in preparation',
      'unknown',
      {
        service: { update: { state: 'updating', message: '' } },
        tasks: [{ state: 'preparing', createdMicros: at(10) }]
      }
    ],
    ['a task 59 s in preparation', 'unknown', { tasks: [{ state: 'preparing', createdMicros: at(841) }] }],
    ['a task 60 s in preparation', 'fail', { tasks: [{ state: 'preparing', createdMicros: at(840) }] }],
    [
      'a young task after a failed one',
      'fail',
      { tasks: [ended(840, 20), { state: 'starting', createdMicros: at(880) }] }
    ],
    [
      'a young task after one that the restart of the engine ended',
      'unknown',
      { since: 860, tasks: [ended(10, 855), { state: 'starting', createdMicros: at(880) }] }
    ],

    // restart loops: three ends within an hour, and a run that has not outlasted them
    ['two ends, running for 29 s', 'unknown', { tasks: [ended(800, 10), ended(820, 10), runs(870)] }],
    ['two ends, running for 30 s', 'pass', { tasks: [ended(800, 10), ended(820, 10), runs(869)] }],
    ['two ends of runs of a minute', 'unknown', { tasks: [ended(700, 60), ended(770, 60), runs(840)] }],
    ['two ends of longer runs', 'pass', { tasks: [ended(700, 61), ended(770, 61), runs(840)] }],
    ['one end', 'pass', { tasks: [ended(880, 5), runs(890)] }],
    [
      'two ends, nothing runs',
      'fail',
      {
        tasks: [ended(860, 10), ended(880, 10), { state: 'ready', desired: 'ready', createdMicros: at(895) }]
      }
    ],
    [
      'three ends in a slot that is wanted no more',
      'pass',
      { tasks: [{}, ...[800, 820, 840].map(from => ended(from, 10, { slot: 2 }))] }
    ],
    [
      'a young task after one that failed an hour ago',
      'unknown',
      { now: 4_500, tasks: [ended(840, 20), { state: 'starting', createdMicros: at(4_490) }] }
    ],
    ['two ends, long ago', 'pass', { tasks: [ended(800, 10), ended(820, 10), runs(840)] }],
    ['three ends', 'fail', { tasks: [ended(800, 10), ended(820, 10), ended(840, 10), runs(870)] }],
    [
      'three ends, two minutes ago',
      'pass',
      { now: 991, tasks: [ended(800, 10), ended(820, 10), ended(840, 10), runs(870)] }
    ],
    [
      'three ends, almost two minutes ago',
      'fail',
      { now: 990, tasks: [ended(800, 10), ended(820, 10), ended(840, 10), runs(870)] }
    ],
    [
      'three ends with exit 0',
      'fail',
      { tasks: [800, 820, 840].map(from => ended(from, 10, { state: 'complete' })).concat(runs(870)) }
    ],
    [
      'three tasks shut down by the swarm',
      'pass',
      { tasks: [800, 820, 840].map(from => ended(from, 10, { state: 'shutdown' })).concat(runs(870)) }
    ],
    [
      'three ends of the old spec',
      'pass',
      { tasks: [800, 820, 840].map(from => ended(from, 10, old)).concat(runs(870)) }
    ],
    [
      'three ends in three slots',
      'pass',
      {
        service: { mode: { kind: 'replicated', replicas: 3 } },
        tasks: [1, 2, 3].flatMap(slot => [ended(800, 10, { slot }), { ...runs(870), slot }])
      }
    ],
    [
      'three ends before the engine started',
      'pass',
      { since: 860, tasks: [ended(800, 10), ended(820, 10), ended(840, 10), runs(870)] }
    ],
    [
      'an engine of unknown age',
      'fail',
      { since: null, tasks: [ended(800, 10), ended(820, 10), ended(840, 10), runs(870)] }
    ],
    [
      'slow ends, half an hour each',
      'fail',
      { now: 9_000, tasks: [ended(1_000, 1_790), ended(2_800, 1_790), ended(4_600, 1_790), runs(6_400)] }
    ],
    [
      'slow ends, outlasted twice over',
      'pass',
      { now: 10_000, tasks: [ended(1_000, 1_790), ended(2_800, 1_790), ended(4_600, 1_790), runs(6_400)] }
    ],
    [
      'three ends over more than an hour',
      'pass',
      { now: 6_500, tasks: [ended(1_000, 10), ended(2_800, 10), ended(4_601, 10), runs(6_400)] }
    ],

    // what is counted
    ['as many services as the plan says', 'pass', { params: { services: 1 } }],
    ['fewer', 'fail', { params: { services: 2 } }],
    ['the stack', 'pass', { params: { stacks: ['sh*'] } }],
    ['a stack that is not there', 'fail', { params: { stacks: ['shop', 'blog'] } }],
    [
      'a sick service that is excepted, so nothing is left',
      'not-applicable',
      { tasks: [], params: { except: ['shop_*'] } }
    ],
    [
      'a sick service beside the one that is named',
      'fail',
      { tasks: [], params: { services: { other: '1/1' } } }
    ]
  ])('%s: %s', (_, outcome, given) => {
    expect(outcomeOf(judged(given))).toBe(outcome)
  })

  it('says that an empty swarm has no services', () => {
    const facts = { services: [], tasks: [], engine: engine(at(0)), since: at(0) }
    expect(outcomeOf(replicaCounts.judge(facts, {}))).toBe('not-applicable')
    expect(outcomeOf(replicaCounts.judge(facts, { services: 9 }))).toBe('fail')
  })

  it('names the service, and shows its tasks', () => {
    const tasks = [
      ended(10, 800, { ...old, state: 'shutdown', error: '' }),
      ended(815, 2, { state: 'rejected', error: 'No such image: shop:2' })
    ]
    expect(judged({ tasks, params: { services: 1 } })).toEqual([
      {
        outcome: 'fail',
        saw: '0/1: its newest task is rejected (No such image: shop:2)',
        expected: '1/1',
        at: 'service shop_app',
        shows: [
          'shop_app  0/1',
          '  task 1 shop:1 (another spec) shutdown since 2026-06-13T05:43:30Z',
          '  task 1 shop:2 rejected since 2026-06-13T05:43:37Z: No such image: shop:2'
        ]
      }
    ])
  })

  it('waits a minute for an update, and no longer', () => {
    const [finding] = judged({ service: { update: { state: 'updating', message: 'update in progress' } } })
    expect(finding).toMatchObject({
      outcome: 'unknown',
      why: 'shop_app: update in progress (updating: update in progress)',
      settlesWithinMs: 60_000
    })
  })

  it('can be falsified for every service that it judges, and for none that it does not', () => {
    const facts = {
      services: [service(), service({ id: 'servicedb', name: 'shop_db' })],
      tasks: [task(), task({ id: 'taskdb', service: 'servicedb' })],
      engine: engine(at(900)),
      since: at(0)
    }
    for (const [wish, falsifiers] of [
      [{}, 2],
      [{ services: 2 }, 3],
      [{ except: ['*_db'] }, 1],
      [{ services: { shop_db: '1/1' } }, 2]
    ] as const) {
      const params = replicaCounts.params.parse(wish)
      expect(outcomeOf(replicaCounts.judge(facts, params))).toBe('pass')
      const untrue = replicaCounts.falsify(facts, params)
      expect(untrue.length).toBe(falsifiers)
      for (const facts of untrue) expect(outcomeOf(replicaCounts.judge(facts, params))).toBe('fail')
    }
  })

  it.each([{ services: 0 }, { services: { a: '1' } }, { stacks: [] }, { service: 9 }])(
    'refuses %j',
    params => {
      expect(replicaCounts.params.safeParse(params).success).toBe(false)
    }
  )
})
