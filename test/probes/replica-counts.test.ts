import { describe, expect, it } from 'vitest'
import { replicaCounts } from '../../probes/replica-counts.ts'
import { outcomeOf } from '../../src/probe/run.ts'
import type { NodeDetail, NodeDetails, SwarmNode } from '../../src/systems/swarm/nodes.ts'
import type { SwarmService } from '../../src/systems/swarm/services.ts'
import type { SwarmTask } from '../../src/systems/swarm/tasks.ts'
import { at, engine, node, other, service, task, template } from '../support/docker.ts'

interface Case {
  readonly service?: Partial<SwarmService>
  readonly tasks?: readonly Partial<SwarmTask>[]
  readonly params?: object
  /** Seconds: now, and when the engine started. */
  readonly now?: number
  readonly since?: number | null
  readonly nodes?: readonly SwarmNode[]
  readonly details?: NodeDetails
}

const none: NodeDetails = { nodes: [], why: '' }

function judged(given: Case) {
  const { service: changed = {}, tasks = [{}], params = {}, now = 900, since = 0 } = given
  const facts = {
    nodes: given.nodes ?? [node(), ...(tasks.some(one => one.node === 'nodetwo') ? [other()] : [])],
    details: given.details ?? none,
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

/** A health check with a start period of 300 s; its task is starting for so many seconds. */
const slowStart = (seconds: number): Case => ({
  service: { times: { healthy: 420e6, restartDelay: 5e6 } },
  tasks: [{ state: 'starting', createdMicros: at(900 - seconds - 30), stateMicros: at(900 - seconds) }]
})

/** It works, ends, and is to start again after five minutes; its next task waits for so many seconds. */
const turns = (seconds: number): Case => ({
  service: { times: { healthy: null, restartDelay: 300e6 } },
  tasks: [
    ended(100, 10, { state: 'complete', error: '' }),
    { state: 'ready', desired: 'ready', createdMicros: at(900 - seconds), stateMicros: at(900 - seconds) }
  ]
})

const everywhere = { mode: { kind: 'global' } } as const
/** A global service on the first of two nodes, and what is on the second. */
const spread = (second: Partial<SwarmTask> | null, changed: Partial<Case> = {}): Case => ({
  service: { ...everywhere, ...changed.service },
  tasks: [{ slot: 0 }, ...(second === null ? [] : [{ slot: 0, node: 'nodetwo', ...second }])],
  nodes: changed.nodes ?? [node(), other()],
  details: changed.details ?? none
})
const rejected = { state: 'rejected', desired: 'shutdown', error: 'No such image: shop:2' }
const detail = (id: string, changed: Partial<NodeDetail> = {}): NodeDetail => ({
  id,
  role: 'worker',
  os: 'linux',
  architecture: 'x86_64',
  address: '198.51.100.2',
  labels: {},
  engineLabels: {},
  ...changed
})
const known = (changed: Partial<NodeDetail>): NodeDetails => ({
  nodes: [
    detail('nodeone', { labels: { zone: 'a' }, engineLabels: { gpu: 'yes' }, address: '192.0.2.2' }),
    detail('nodetwo', changed)
  ],
  why: ''
})
const only = (constraint: string, details: NodeDetails = none) =>
  spread(null, { service: { constraints: [constraint] }, details })

describe('replica-counts', () => {
  it.each<[why: string, outcome: string, given: Case]>([
    // a global service wants a task on each node that may have one
    ['a task on each', 'pass', spread({})],
    ['none on the second node', 'fail', spread(null)],
    ['rejected on the second node', 'fail', spread(rejected)],
    ['given up on the second node', 'fail', spread({ state: 'failed', desired: 'shutdown' })],
    [
      'its second node is drained',
      'pass',
      spread(null, { nodes: [node(), other({ availability: 'Drain' })] })
    ],
    ['its second node is down', 'pass', spread({}, { nodes: [node(), other({ status: 'Down' })] })],
    [
      'its second node is paused',
      'pass',
      spread(null, { nodes: [node(), other({ availability: 'Pause' })] })
    ],
    [
      'its task on a paused node runs on',
      'pass',
      spread({}, { nodes: [node(), other({ availability: 'Pause' })] })
    ],
    [
      'its task on a paused node does not',
      'fail',
      spread(
        { state: 'preparing', createdMicros: at(10) },
        { nodes: [node(), other({ availability: 'Pause' })] }
      )
    ],
    [
      'its second node does not answer',
      'unknown',
      spread({}, { nodes: [node(), other({ status: 'Unknown' })] })
    ],
    ['being started on the second node', 'unknown', spread({ state: 'preparing', createdMicros: at(880) })],
    ['only managers are wanted', 'pass', only('node.role==manager')],
    ['only workers are wanted', 'fail', only('node.role == worker')],
    ['all but the second node are wanted', 'pass', only('node.hostname!=two')],
    ['a label that the second node lacks', 'pass', only('node.labels.zone==a', known({}))],
    [
      'a label that the second node has',
      'fail',
      only('node.labels.zone==A', known({ labels: { zone: 'a' } }))
    ],
    ['any other value of a label', 'fail', only('node.labels.zone!=b', known({}))],
    ['a label of the engine', 'pass', only('engine.labels.gpu==yes', known({}))],
    ['a label that could not be seen', 'unknown', only('node.labels.zone==a', { nodes: [], why: 'refused' })],
    ['a constraint that is not known', 'unknown', only('node.colour==red', known({}))],
    ['an address that the second node has not', 'pass', only('node.ip==192.0.2.0/24', known({}))],
    [
      'an image for another machine than the second node',
      'pass',
      spread(
        { state: 'pending', error: 'no suitable node (unsupported platform on 1 node)' },
        {
          service: { platforms: [{ architecture: 'amd64', os: 'linux' }] },
          details: known({ architecture: 'aarch64' })
        }
      )
    ],
    [
      'an image for the machine of the second node',
      'fail',
      spread(null, {
        service: {
          platforms: [
            { architecture: 'amd64', os: 'linux' },
            { architecture: 'arm64', os: 'linux' }
          ]
        },
        details: known({ architecture: 'aarch64' })
      })
    ],
    [
      'a global job that one of two nodes rejected',
      'fail',
      {
        service: { mode: { kind: 'global job', iteration: 1 } },
        tasks: [
          { slot: 0, state: 'complete', iteration: 1 },
          { slot: 0, node: 'nodetwo', state: 'rejected', iteration: 1 }
        ]
      }
    ],
    [
      'a global job that never came to a node',
      'unknown',
      {
        service: { mode: { kind: 'global job', iteration: 1 } },
        tasks: [{ slot: 0, state: 'complete', iteration: 1 }],
        nodes: [node(), other()]
      }
    ],
    [
      'a global job that completed on a node that is drained since',
      'pass',
      {
        service: { mode: { kind: 'global job', iteration: 1 } },
        tasks: [
          { slot: 0, state: 'complete', iteration: 1 },
          { slot: 0, node: 'nodetwo', state: 'complete', iteration: 1 }
        ],
        nodes: [node(), other({ availability: 'Drain' })]
      }
    ],

    // a task that is said to run on a node that is down does not
    [
      '1/1 on a node that is down',
      'fail',
      { tasks: [{ node: 'nodetwo' }], nodes: [node(), other({ status: 'Down' })] }
    ],
    ['1/1 on a node that was removed', 'fail', { tasks: [{ node: 'nodethree' }], nodes: [node()] }],
    [
      '1/1 on a node that does not answer',
      'unknown',
      { tasks: [{ node: 'nodetwo' }], nodes: [node(), other({ status: 'Disconnected' })] }
    ],
    [
      '1/1, and the task before it on a node that went down',
      'pass',
      {
        tasks: [{ ...old, node: 'nodetwo', desired: 'shutdown' }, {}],
        nodes: [node(), other({ status: 'Down' })]
      }
    ],
    ['no node at all', 'unknown', { nodes: [] }]
  ])('%s: %s', (_, outcome, given) => {
    expect(outcomeOf(judged(given))).toBe(outcome)
  })

  it('names the node that has no task, and why', () => {
    expect(judged(spread(rejected))).toMatchObject([
      {
        outcome: 'fail',
        saw: '1/2: its newest task on two is rejected (No such image: shop:2)',
        expected: '2/2'
      }
    ])
    expect(
      judged({ tasks: [{ node: 'nodetwo' }], nodes: [node(), other({ status: 'Down' })] })
    ).toMatchObject([{ saw: '0/1: its newest task is on node two, which is down' }])
  })

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
    ['a completed update', 'pass', { service: { update: { state: 'completed', message: '' } } }],
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
    ['a task 599 s in preparation', 'unknown', { tasks: [{ state: 'preparing', createdMicros: at(301) }] }],
    ['a task 600 s in preparation', 'fail', { tasks: [{ state: 'preparing', createdMicros: at(300) }] }],
    [
      'a task 59 s after a node accepted it',
      'unknown',
      { tasks: [{ state: 'accepted', createdMicros: at(841) }] }
    ],
    [
      'a task 60 s after a node accepted it',
      'fail',
      { tasks: [{ state: 'accepted', createdMicros: at(840) }] }
    ],

    // by its own times: 300 s to start, then 3 tries of 40 s
    ['within its start period', 'unknown', slowStart(299)],
    ['within the tries after its start period', 'unknown', slowStart(419)],
    ['after all of these', 'fail', slowStart(420)],
    [
      'starting for a minute without any health check',
      'fail',
      {
        service: { times: { healthy: 0, restartDelay: 5e6 } },
        tasks: [{ state: 'starting', createdMicros: at(10), stateMicros: at(840) }]
      }
    ],
    [
      'starting for five minutes by a health check that only the image knows',
      'unknown',
      { tasks: [{ state: 'starting', createdMicros: at(10), stateMicros: at(600) }] }
    ],
    [
      'starting for ten minutes by such a one',
      'fail',
      { tasks: [{ state: 'starting', createdMicros: at(10), stateMicros: at(300) }] }
    ],
    ['between two turns, within its delay', 'unknown', turns(239)],
    ['longer than its delay after its last turn', 'fail', turns(360)],
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
    const facts = {
      services: [],
      tasks: [],
      engine: engine(at(0)),
      since: at(0),
      nodes: [node()],
      details: none
    }
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
      since: at(0),
      nodes: [node()],
      details: none
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
