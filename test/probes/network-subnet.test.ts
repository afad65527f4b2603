import { describe, expect, it } from 'vitest'
import { networkSubnet } from '../../probes/network-subnet.ts'
import { outcomeOf } from '../../src/probe/run.ts'
import type { DockerNetwork } from '../../src/systems/docker/networks.ts'
import { at, engine, network, worker } from '../support/docker.ts'

const clock = { hostMicros: at(900), skewMs: 40, uncertaintyMs: 20 }
const review = { micros: at(180), spanMicros: 999_999, said: 'the review of M1', clock: 'reviewer' as const }
const bridge = network({ id: 'networkbridge', name: 'bridge', driver: 'bridge', attachable: false })

function judged(params: object, found: Partial<DockerNetwork> | null, after = review, by = engine(at(900))) {
  const wish = networkSubnet.params.parse({ network: 'proxy', ...params })
  const networks = found === null ? [bridge] : [bridge, network(found)]
  const facts = { networks, engine: by, ...(wish.createdAfter === undefined ? {} : { after, clock }) }
  return { findings: networkSubnet.judge(facts, wish), wish, facts }
}

describe('network-subnet', () => {
  it.each<[why: string, params: object, found: Partial<DockerNetwork> | null, outcome: string]>([
    ['it is there', {}, {}, 'pass'],
    ['it is not', {}, null, 'fail'],
    ['a name that only begins alike', {}, { name: 'proxy2' }, 'fail'],
    ['the subnet', { subnet: '10.10.0.0/16' }, {}, 'pass'],
    [
      'a longer prefix',
      { subnet: '10.10.0.0/16' },
      { subnets: [{ subnet: '10.10.0.0/17', gateway: null }] },
      'fail'
    ],
    [
      'the default subnet',
      { subnet: '10.10.0.0/16' },
      { subnets: [{ subnet: '10.0.1.0/24', gateway: null }] },
      'fail'
    ],
    ['no subnet', { subnet: '10.10.0.0/16' }, { subnets: [] }, 'fail'],
    [
      'a second subnet of the same family',
      { subnet: '10.10.0.0/16' },
      {
        subnets: [
          { subnet: '10.10.0.0/16', gateway: null },
          { subnet: '10.11.0.0/16', gateway: null }
        ]
      },
      'fail'
    ],
    [
      'a subnet of a family that nobody asked about',
      { subnet: '10.10.0.0/16' },
      {
        subnets: [
          { subnet: '10.10.0.0/16', gateway: null },
          { subnet: 'fd00:10::/64', gateway: null }
        ]
      },
      'pass'
    ],
    [
      'both families, spelled differently',
      { subnet: ['fd00:0010::/64', '10.10.0.0/16'] },
      {
        subnets: [
          { subnet: '10.10.0.0/16', gateway: null },
          { subnet: 'fd00:10::/64', gateway: null }
        ]
      },
      'pass'
    ],
    ['the driver', { driver: 'overlay' }, {}, 'pass'],
    ['another driver', { driver: 'overlay' }, { driver: 'bridge' }, 'fail'],
    ['attachable', { attachable: true }, {}, 'pass'],
    ['not attachable', { attachable: true }, { attachable: false }, 'fail'],
    ['not to be attachable', { attachable: false }, {}, 'fail'],
    ['created after', { createdAfter: { review: 'M1' } }, {}, 'pass'],
    // git keeps whole seconds; the measurement is good to 20 ms, and the host is 40 ms ahead
    ['created just after', { createdAfter: { review: 'M1' } }, { createdMicros: at(181.07) }, 'pass'],
    [
      'created in the same second',
      { createdAfter: { review: 'M1' } },
      { createdMicros: at(180.5) },
      'unknown'
    ],
    ['created just before', { createdAfter: { review: 'M1' } }, { createdMicros: at(180.01) }, 'fail'],
    ['of unknown age', { createdAfter: { review: 'M1' } }, { createdMicros: null }, 'unknown'],

    // what the swarm could not allocate exists by name alone
    ['neither driver nor subnet', {}, { driver: '', subnets: [] }, 'fail'],
    ['an overlay without a subnet', { driver: 'overlay' }, { subnets: [] }, 'fail'],
    ['not allocated yet', {}, { driver: '', subnets: [], createdMicros: at(891) }, 'unknown'],
    [
      'a macvlan of the swarm, which has its subnets on each node',
      {},
      { driver: 'macvlan', subnets: [] },
      'pass'
    ],
    ['the network of the host', {}, { driver: 'host', scope: 'local', subnets: [] }, 'pass']
  ])('%s', (_, params, found, outcome) => {
    const { findings, facts, wish } = judged(params, found)
    expect(outcomeOf(findings)).toBe(outcome)
    if (outcome !== 'pass') return
    const untrue = networkSubnet.falsify(facts, wish)
    expect(untrue.length).toBe(1 + Object.keys(params).length)
    for (const facts of untrue) expect(outcomeOf(networkSubnet.judge(facts, wish))).toBe('fail')
  })

  it('says what it saw when all is as it should be', () => {
    expect(judged({ subnet: '10.10.0.0/16', createdAfter: { review: 'M1' } }, {}).findings).toEqual([
      {
        outcome: 'pass',
        saw: "proxy: 10.10.0.0/16 (overlay, attachable) created 2026-06-13T05:38:02Z, 302.085 s after the review of M1 (the host's clock is 40 ms ahead of the reviewer's, ±20 ms)",
        shows: ['proxy: 10.10.0.0/16 (overlay, attachable) created 2026-06-13T05:38:02Z']
      }
    ])
  })

  it('names each thing that is wrong', () => {
    const found = { subnets: [{ subnet: '10.0.1.0/24', gateway: '10.0.1.1' }], createdMicros: at(-3600) }
    const shows = ['proxy: 10.0.1.0/24 (overlay, attachable) created 2026-06-13T04:30:00Z']
    expect(judged({ subnet: '10.10.0.0/16', createdAfter: { review: 'M1' } }, found).findings).toEqual([
      { outcome: 'fail', saw: 'proxy is 10.0.1.0/24', expected: '10.10.0.0/16', at: 'network proxy', shows },
      {
        outcome: 'fail',
        saw: "proxy was created 2026-06-13T04:30:00Z, 63 min before the review of M1 (the host's clock is 40 ms ahead of the reviewer's, ±20 ms)",
        expected: 'a creation after the review of M1',
        at: 'network proxy',
        shows
      }
    ])
  })

  it('does not choose between networks of the same name, nor believe an empty list', () => {
    const wish = { network: 'proxy' }
    const twins = [network(), network({ id: 'othernetwork', scope: 'local' })]
    const by = { engine: engine(at(900)) }
    expect(outcomeOf(networkSubnet.judge({ networks: twins, ...by }, wish))).toBe('fail')
    expect(outcomeOf(networkSubnet.judge({ networks: [], ...by }, wish))).toBe('unknown')
  })

  it.each<[why: string, found: Partial<DockerNetwork> | null, outcome: string]>([
    ['it is not there', null, 'unknown'],
    ['it is there, in part', {}, 'unknown'],
    [
      'it is there, in part, with another subnet',
      { subnets: [{ subnet: '10.0.1.0/24', gateway: null }] },
      'unknown'
    ],
    ['a network of this host alone', { scope: 'local', driver: 'bridge' }, 'pass']
  ])('a node that does not see all of its swarm: %s', (_, found, outcome) => {
    for (const by of [
      worker(at(900)),
      { ...engine(at(900)), swarm: { ...engine(at(900)).swarm, error: 'The swarm does not have a leader' } },
      { ...engine(at(900)), swarm: { ...engine(at(900)).swarm, state: 'locked', manager: false } }
    ]) {
      expect(outcomeOf(judged({ subnet: '10.10.0.0/16' }, found, review, by).findings)).toBe(outcome)
    }
    const outside = { ...worker(at(900)), swarm: { ...worker(at(900)).swarm, state: 'inactive' } }
    expect(outcomeOf(judged({}, null, review, outside).findings)).toBe('fail')
  })

  it.each([
    { subnet: '10.10.0.1/16' },
    { subnet: '10.10.0.0' },
    { subnet: [] },
    { gateway: '10.0.0.1' },
    { network: '' }
  ])('refuses %j', params => {
    expect(networkSubnet.params.safeParse({ network: 'proxy', ...params }).success).toBe(false)
  })
})
