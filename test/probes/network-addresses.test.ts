import { describe, expect, it } from 'vitest'
import { networkAddresses } from '../../probes/network-addresses.ts'
import { outcomeOf } from '../../src/probe/run.ts'
import type { DockerNetwork } from '../../src/systems/docker/networks.ts'
import { network, service, task } from '../support/docker.ts'

const other = network({
  id: 'networkother',
  name: 'other',
  subnets: [{ subnet: '10.0.2.0/24', gateway: '10.0.2.1' }]
})
const taskId = 'nuw03619sbh55ozvkqrr15vib'
const lb = { id: 'lb-proxy', name: 'proxy-endpoint', ipv4: '10.10.0.3/16', ipv6: null }

/** One service with its VIP, its task and the task's container, and the network's balancer. */
function facts(given: {
  readonly vip?: string
  readonly task?: string
  readonly container?: string
  readonly state?: string
  readonly network?: Partial<DockerNetwork>
  readonly more?: DockerNetwork['endpoints']
}) {
  const { vip = '10.10.0.4/16', container = '10.10.0.5/16', state = 'running', more = [] } = given
  const endpoints = [{ id: '17a7', name: `shop_app.1.${taskId}`, ipv4: container, ipv6: null }, lb, ...more]
  return {
    networks: [other, network({ endpoints, ...given.network })],
    services: [
      service({
        virtualIps: [
          { network: 'networkproxy', address: vip },
          { network: 'networkother', address: '10.0.2.1/24' }
        ]
      })
    ],
    tasks: [
      task({
        id: taskId,
        state,
        addresses: [
          { network: 'networkproxy', addresses: [given.task ?? '10.10.0.5/16'] },
          { network: 'networkother', addresses: ['10.0.2.1/24'] }
        ]
      })
    ]
  }
}

function container(ipv4: string | null, ipv6: string | null = null) {
  return { id: 'c0ffee', name: 'backup', ipv4, ipv6 }
}

const two = {
  subnets: [
    { subnet: '10.10.0.0/16', gateway: '10.10.0.1' },
    { subnet: 'fd00:10::/64', gateway: 'fd00:10::1' }
  ]
}

describe('network-addresses', () => {
  it.each<[why: string, outcome: string, given: Parameters<typeof facts>[0], params?: object]>([
    ['all inside', 'pass', {}],
    [
      'the first and the last address',
      'pass',
      { vip: '10.10.0.0/16', task: '10.10.255.255/16', container: '10.10.255.255/16' }
    ],
    ['a task outside', 'fail', { task: '10.0.1.9/24', container: '10.0.1.9/24' }],
    ['a task just outside', 'fail', { task: '10.11.0.0/16', container: '10.11.0.0/16' }],
    ['a VIP outside', 'fail', { vip: '10.0.1.4/24' }],
    ["an endpoint that is not its task's", 'fail', { container: '10.0.1.5/24' }],
    ['a task outside that has ended', 'pass', { task: '10.0.1.9/24', state: 'shutdown' }],
    ['a VIP that is also a task', 'fail', { vip: '10.10.0.5/16' }],
    ["a container with the balancer's address", 'fail', { more: [container('10.10.0.3/16')] }],
    ['a container beside it', 'pass', { more: [container('10.10.0.6/16')] }],
    ['a container without an address', 'pass', { more: [container(null)] }],
    ['a VIP that is the gateway', 'fail', { vip: '10.10.0.1/16' }],
    ['inside the subnet that the plan says', 'pass', {}, { subnet: '10.10.0.0/24' }],
    [
      'inside the network, outside of what the plan says',
      'fail',
      { vip: '10.10.1.4/16' },
      { subnet: '10.10.0.0/24' }
    ],
    ['IPv6 inside', 'pass', { network: two, more: [], vip: 'fd00:10::4/64' }],
    ['IPv6 outside', 'fail', { network: two, vip: 'fd00:11::4/64' }],
    ['IPv6 gateway, spelled differently', 'fail', { network: two, vip: 'fd00:0010:0::1/64' }],
    ['IPv6 on a network without it', 'fail', { vip: 'fd00:10::4/64' }],
    // a family that the plan does not name is judged by the network's own subnet of it
    [
      'IPv6 inside, and the plan says IPv4',
      'pass',
      { network: two, vip: 'fd00:10::4/64' },
      { subnet: '10.10.0.0/16' }
    ],
    [
      'IPv6 outside, and the plan says IPv4',
      'fail',
      { network: two, vip: 'fd00:11::4/64' },
      { subnet: '10.10.0.0/16' }
    ],
    [
      'IPv4 outside of what the plan says, IPv6 inside',
      'fail',
      { network: two, more: [container('10.10.1.6/16', 'fd00:10::6')] },
      { subnet: '10.10.0.0/24' }
    ],
    ['IPv4 inside, and the plan says IPv6', 'pass', { network: two }, { subnet: 'fd00:10::/64' }],
    [
      'IPv4 outside, and the plan says IPv6',
      'fail',
      { network: two, vip: '10.11.0.4/16' },
      { subnet: 'fd00:10::/64' }
    ],
    [
      'IPv6 on a network without it, and the plan says IPv4',
      'fail',
      { vip: 'fd00:10::4/64' },
      { subnet: '10.10.0.0/16' }
    ],
    [
      'both, and the plan says both',
      'pass',
      { network: two, vip: 'fd00:10::4/64' },
      { subnet: ['10.10.0.0/16', 'fd00:10::/64'] }
    ]
  ])('%s: %s', (_, outcome, given, params = {}) => {
    const wish = networkAddresses.params.parse({ network: 'proxy', ...params })
    const seen = facts(given)
    const findings = networkAddresses.judge(seen, wish)
    expect(outcomeOf(findings)).toBe(outcome)
    const untrue = networkAddresses.falsify(seen, wish)
    expect(untrue.length).toBe(2)
    for (const one of untrue) expect(outcomeOf(networkAddresses.judge(one, wish))).toBe('fail')
  })

  it('names the holder of the address, and shows every holder', () => {
    expect(
      networkAddresses.judge(facts({ task: '10.0.1.9/24', container: '10.0.1.9/24' }), { network: 'proxy' })
    ).toEqual([
      {
        outcome: 'fail',
        saw: 'shop_app.1 has 10.0.1.9',
        expected: 'an address in 10.10.0.0/16',
        at: 'shop_app.1 on network proxy',
        shows: ['shop_app.1 10.0.1.9', 'proxy-endpoint 10.10.0.3', 'shop_app (VIP) 10.10.0.4']
      }
    ])
  })

  it('says which networks it cannot judge', () => {
    const { networks, services, tasks } = facts({})
    const judge = (networks: readonly DockerNetwork[]) =>
      outcomeOf(networkAddresses.judge({ networks, services, tasks }, { network: 'proxy' }))
    expect(judge([])).toBe('unknown')
    expect(judge([other])).toBe('fail')
    expect(judge([...networks, network({ id: 'twin' })])).toBe('unknown')
    expect(
      outcomeOf(
        networkAddresses.judge({ networks: [network()], services: [], tasks: [] }, { network: 'proxy' })
      )
    ).toBe('not-applicable')
  })
})
