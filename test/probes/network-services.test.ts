import { describe, expect, it } from 'vitest'
import { networkServices } from '../../probes/network-services.ts'
import type { SwarmTask } from '../../src/systems/swarm/tasks.ts'
import { outcomeOf } from '../../src/probe/run.ts'
import { network, service, task, template } from '../support/docker.ts'

const vip = { network: 'networkproxy', address: '10.10.0.4/16' }
const app = service({ virtualIps: [vip] })
const db = service({ id: 'servicedb', name: 'shop_db', networks: ['networkback'] })
const blog = service({ id: 'serviceblog', name: 'blog_app', networks: ['proxy'] })
const lb = { id: 'lb-proxy', name: 'proxy-endpoint', ipv4: '10.10.0.3/16', ipv6: null }
const of = { id: '17a7', name: 'shop_app.1.nuw03619sbh55ozvkqrr15vib', ipv4: '10.10.0.5/16', ipv6: null }
const loose = { id: 'c0ffee', name: 'debug', ipv4: '10.10.0.9/16', ipv6: null }
const proxy = network({ endpoints: [lb, of] })
const tasks = [
  task(),
  task({ id: 'taskdb', service: 'servicedb' }),
  task({ id: 'taskblog', service: 'serviceblog' })
]
const all = {
  networks: [proxy, network({ id: 'networkback', name: 'back' })],
  services: [app, db, blog],
  tasks: tasks as readonly SwarmTask[]
}
const wanted = { includes: ['shop_app'] }
const old = { template: template('1') }

describe('network-services', () => {
  it.each<[why: string, outcome: string, params: object, facts: Partial<typeof all>]>([
    ['whoever is there', 'pass', {}, {}],
    ['who should be there', 'pass', { includes: ['shop_*', 'blog_app'] }, {}],
    ['one who is not', 'fail', { includes: ['shop_app', 'forum_*'] }, {}],
    ['one who is on another network', 'fail', { includes: ['shop_db'] }, {}],
    ['one by name of the network', 'pass', { includes: ['blog_app'] }, {}],
    [
      'one by its VIP alone',
      'pass',
      { includes: ['shop_app'] },
      { services: [service({ networks: [], virtualIps: [vip] })] }
    ],
    [
      'one without replicas',
      'fail',
      wanted,
      { services: [service({ mode: { kind: 'replicated', replicas: 0 } })], tasks: [] }
    ],
    ['one whose task failed', 'fail', wanted, { tasks: [task({ state: 'failed', desired: 'shutdown' })] }],
    ['one whose task finds no node', 'fail', wanted, { tasks: [task({ state: 'pending' })] }],
    ['one whose task is being started', 'unknown', wanted, { tasks: [task({ state: 'starting' })] }],
    ['one whose task is to go', 'fail', wanted, { tasks: [task({ desired: 'shutdown' })] }],
    ['one whose task is of another spec, elsewhere', 'fail', wanted, { tasks: [task(old)] }],
    [
      'one whose task is of another spec, and there',
      'pass',
      wanted,
      { tasks: [task({ ...old, addresses: [{ network: 'networkproxy', addresses: ['10.10.0.5/16'] }] })] }
    ],
    ['a job that is done', 'fail', wanted, { tasks: [task({ state: 'complete', desired: 'complete' })] }],
    [
      'an excluded one without replicas, which its spec puts there',
      'fail',
      { excludes: ['shop_app'] },
      { services: [service({ mode: { kind: 'replicated', replicas: 0 } })], tasks: [] }
    ],
    ['nobody excluded', 'pass', { excludes: ['shop_db', '*-pr*'] }, {}],
    ['one excluded', 'fail', { excludes: ['shop_*'] }, {}],
    [
      'a loose container',
      'pass',
      { includes: ['debug'] },
      { networks: [network({ endpoints: [lb, of, loose] })] }
    ],
    [
      'an excluded loose container',
      'fail',
      { excludes: ['debug'] },
      { networks: [network({ endpoints: [loose] })] }
    ],
    [
      'the balancer is nobody',
      'not-applicable',
      {},
      { services: [db], networks: [network({ endpoints: [lb] })] }
    ],
    [
      'nobody there, somebody elsewhere',
      'pass',
      { excludes: ['x'] },
      { services: [db], networks: [network()] }
    ],
    ['nobody anywhere', 'not-applicable', { excludes: ['x'] }, { services: [], networks: [network()] }],
    ['no such network', 'fail', {}, { networks: [network({ name: 'proxy2' })] }],
    ['no network at all', 'unknown', {}, { networks: [] }],
    ['two such networks', 'unknown', {}, { networks: [proxy, network({ id: 'twin' })] }]
  ])('%s: %s', (_, outcome, params, changed) => {
    const wish = networkServices.params.parse({ network: 'proxy', ...params })
    const facts = { ...all, ...changed }
    expect(outcomeOf(networkServices.judge(facts, wish))).toBe(outcome)
    if (outcome !== 'pass') return
    const untrue = networkServices.falsify(facts, wish)
    expect(untrue.length).toBeGreaterThanOrEqual(Object.keys(params).length)
    for (const one of untrue) expect(outcomeOf(networkServices.judge(one, wish))).toBe('fail')
  })

  it('shows who is there, with their addresses', () => {
    expect(networkServices.judge(all, { network: 'proxy' })).toEqual([
      {
        outcome: 'pass',
        saw: '2 services and containers on proxy: shop_app, blog_app',
        shows: ['shop_app 10.10.0.5 (VIP 10.10.0.4)', 'blog_app']
      }
    ])
  })

  it('names whom it misses', () => {
    expect(
      networkServices.judge({ ...all, services: [blog] }, { network: 'proxy', includes: ['shop_*'] })
    ).toEqual([
      {
        outcome: 'fail',
        saw: 'nothing matching shop_* is attached',
        expected: 'it to be attached',
        at: 'network proxy',
        shows: ['blog_app', 'shop_app.1.nuw03619sbh55ozvkqrr15vib 10.10.0.5']
      }
    ])
  })
})

it.each(['web\n', 'a b', ''])('refuses a glob that no name can match: %j', glob => {
  expect(networkServices.params.safeParse({ network: 'proxy', excludes: [glob] }).success).toBe(false)
  expect(networkServices.params.safeParse({ network: 'proxy', includes: [glob] }).success).toBe(false)
})
