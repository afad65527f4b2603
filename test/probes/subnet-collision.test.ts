import { describe, expect, it } from 'vitest'
import { subnetCollision } from '../../probes/subnet-collision.ts'
import { judgingBounds } from '../../src/lib/bounds.ts'
import { judge, outcomeOf } from '../../src/probe/run.ts'
import type { DockerNetwork } from '../../src/systems/docker/networks.ts'
import type { HostAddresses, HostRoute } from '../../src/systems/linux/addresses.ts'
import { cpuMs } from '../support/cpu.ts'
import { at, engine, network, worker } from '../support/docker.ts'

const bridge = network({
  id: 'a5e1a7d790fbe648922e48542713957b',
  name: 'bridge',
  driver: 'bridge',
  // The default bridge has no gateway in `inspect`: only its name tells that docker0 is its own.
  subnets: [{ subnet: '172.17.0.0/16', gateway: null }],
  options: { 'com.docker.network.bridge.name': 'docker0' }
})
const host = network({ id: 'hosthosthost', name: 'host', driver: 'host', subnets: [] })

function facts(networks: readonly Partial<DockerNetwork>[], more: Partial<HostAddresses> = {}) {
  return {
    networks: [
      bridge,
      host,
      ...networks.map((one, index) => network({ id: `network${index}xxxxxxxx`, ...one }))
    ],
    host: {
      interfaces: [
        {
          name: 'lo',
          addresses: [
            { address: '127.0.0.1', length: 8 },
            { address: '::1', length: 128 }
          ]
        },
        {
          name: 'eth0',
          addresses: [
            { address: '192.0.2.10', length: 24 },
            { address: 'fe80::1', length: 64 }
          ]
        },
        { name: 'docker0', addresses: [{ address: '172.17.0.1', length: 16 }] },
        ...(more.interfaces ?? [])
      ],
      routes: [
        route('0.0.0.0/0', { device: 'eth0', via: '192.0.2.1' }),
        route('192.0.2.0/24', { device: 'eth0' }),
        route('172.17.0.0/16', { device: 'docker0' }),
        route('fe80::/64', { device: 'eth0' }),
        ...(more.routes ?? [])
      ]
    },
    engine: engine(at(0))
  }
}

function route(to: string, more: Partial<HostRoute> = {}): HostRoute {
  return {
    family: to.includes(':') ? 6 : 4,
    to,
    device: 'wg0',
    via: null,
    kind: 'unicast',
    table: 'main',
    ...more
  }
}

function on(name: string, address: string, length: number): Partial<HostAddresses> {
  return { interfaces: [{ name, addresses: [{ address, length }] }] }
}

const subnets = (...list: readonly string[]) => ({ subnets: list.map(subnet => ({ subnet, gateway: null })) })
const via = { routes: [route('10.8.0.0/13', { via: '192.0.2.7', device: 'eth0' })] }

describe('subnet-collision', () => {
  it.each<[why: string, outcome: string, given: ReturnType<typeof facts>, params: object]>([
    // a proposed subnet
    ['free', 'pass', facts([]), { subnet: '10.10.0.0/16' }],
    ['equal to a network', 'fail', facts([{}]), { subnet: '10.10.0.0/16' }],
    ['inside a network', 'fail', facts([{}]), { subnet: '10.10.255.0/24' }],
    ['around a network', 'fail', facts([{}]), { subnet: '10.0.0.0/8' }],
    ['beside a network', 'pass', facts([{}]), { subnet: '10.11.0.0/16' }],
    ['just before a network', 'pass', facts([{}]), { subnet: '10.9.255.0/24' }],
    [
      'equal to the network that it is for',
      'pass',
      facts([{}]),
      { subnet: '10.10.0.0/16', network: 'proxy' }
    ],
    ['equal to another than it is for', 'fail', facts([{}]), { subnet: '10.10.0.0/16', network: 'bridge' }],
    ['around an address of an interface', 'fail', facts([]), { subnet: '192.0.2.0/28' }],
    ['beside the block of an interface', 'pass', facts([]), { subnet: '192.0.3.0/24' }],
    ['inside a route', 'fail', facts([], via), { subnet: '10.10.0.0/16' }],
    ['beside a route', 'pass', facts([], via), { subnet: '10.16.0.0/16' }],
    ['of the other family', 'pass', facts([{}], via), { subnet: 'fd00:10::/64' }],
    ['IPv6 inside a network', 'fail', facts([subnets('fd00:10::/48')]), { subnet: 'fd00:10:0:1::/64' }],
    ['IPv6 beside a network', 'pass', facts([subnets('fd00:10::/48')]), { subnet: 'fd00:11::/48' }],
    ['IPv6 inside a route', 'fail', facts([], { routes: [route('fd00::/8')] }), { subnet: 'fd00:10::/64' }],

    // all pairs
    ['only what docker made', 'pass', facts([{}]), {}],
    ['two networks alike', 'fail', facts([{}, { name: 'other' }]), {}],
    [
      'two networks, one in the other',
      'fail',
      facts([{}, { name: 'other', ...subnets('10.10.3.0/24') }]),
      {}
    ],
    ['two networks side by side', 'pass', facts([{}, { name: 'other', ...subnets('10.11.0.0/24') }]), {}],
    ['one network of two families', 'pass', facts([subnets('10.10.0.0/16', 'fd00:10::/64')]), {}],
    ['an interface in a network', 'fail', facts([{}], on('tailscale0', '10.10.0.9', 32)), {}],
    ['a network in the block of an interface', 'fail', facts([{}], on('eth1', '10.1.0.1', 8)), {}],
    ['an interface beside a network', 'pass', facts([{}], on('eth1', '10.11.0.1', 16)), {}],
    ['a route around a network', 'fail', facts([{}], via), {}],
    [
      'a route equal to a network, by another way',
      'fail',
      facts([{}], { routes: [route('10.10.0.0/16')] }),
      {}
    ],
    [
      "a route of a VPN's own table",
      'fail',
      facts([{}], { routes: [route('10.10.0.0/24', { table: '52' })] }),
      {}
    ],
    [
      'two overlapping routes of the host',
      'pass',
      facts([], { routes: [route('10.0.0.0/8'), route('10.1.0.0/16')] }),
      {}
    ],

    // not collisions: what is the network's own, and what says nothing
    [
      'its bridge, by id',
      'pass',
      facts([{ id: '228e9c35bf81f0f0' }], on('br-228e9c35bf81', '10.10.0.1', 16)),
      {}
    ],
    [
      'a bridge of another id, with another address',
      'fail',
      facts([{ id: '228e9c35bf81f0f0' }], on('br-228e9c35bf82', '10.10.0.2', 16)),
      {}
    ],
    // docker gives an overlay no interface in the host's own namespace: who has the gateway is somebody else
    ['an interface with its gateway', 'fail', facts([{}], on('custom0', '10.10.0.1', 16)), {}],
    [
      'a LAN with the gateway of a bridge of another name',
      'fail',
      facts([{ driver: 'bridge', id: '228e9c35bf81f0f0' }], on('eth1', '10.10.0.1', 16)),
      {}
    ],
    [
      'a VPN with the gateway of an IPv6 overlay',
      'fail',
      facts([{ subnets: [{ subnet: 'fd00:10::/64', gateway: 'fd00:10::1' }] }], on('wg0', 'fd00:10::1', 64)),
      {}
    ],
    [
      'the bridge that its options name',
      'pass',
      facts(
        [{ driver: 'bridge', options: { 'com.docker.network.bridge.name': 'shop0' } }],
        on('shop0', '10.10.0.1', 16)
      ),
      {}
    ],
    [
      'a second address of its bridge, in its subnet',
      'pass',
      facts([{ id: '228e9c35bf81f0f0' }], on('br-228e9c35bf81', '10.10.0.7', 32)),
      {}
    ],
    [
      'a second address of its bridge, in the subnet of another network',
      'fail',
      facts(
        [{ id: '228e9c35bf81f0f0' }, { name: 'other', ...subnets('10.11.0.0/16') }],
        on('br-228e9c35bf81', '10.11.0.7', 32)
      ),
      {}
    ],
    [
      'a route along its bridge, far beyond its subnet',
      'fail',
      facts([{ id: '228e9c35bf81f0f0' }], {
        routes: [route('10.0.0.0/8', { device: 'br-228e9c35bf81' })]
      }),
      {}
    ],
    [
      'the gateway of a driver that is not of docker, which may be its own',
      'unknown',
      facts([{ driver: 'weaveworks/net-plugin:2.8' }], on('weave', '10.10.0.1', 16)),
      {}
    ],
    [
      'another address in the subnet of such a driver',
      'fail',
      facts([{ driver: 'weaveworks/net-plugin:2.8' }], on('wg0', '10.10.0.9', 32)),
      {}
    ],
    [
      'an interface with its gateway, but another prefix',
      'fail',
      facts([{}], on('custom0', '10.10.0.1', 24)),
      {}
    ],
    [
      'the route of its bridge',
      'pass',
      facts([{ id: '228e9c35bf81f0f0' }], { routes: [route('10.10.0.0/16', { device: 'br-228e9c35bf81' })] }),
      {}
    ],
    [
      'the LAN of a macvlan',
      'pass',
      facts([{ driver: 'macvlan', ...subnets('192.0.2.0/24'), options: { parent: 'eth0' } }]),
      {}
    ],
    [
      'the LAN of a macvlan on another interface',
      'fail',
      facts([{ driver: 'macvlan', ...subnets('192.0.2.0/24'), options: { parent: 'eth1' } }]),
      {}
    ],
    [
      'another address of the parent of a macvlan, in its LAN',
      'pass',
      facts(
        [{ driver: 'macvlan', ...subnets('192.0.2.0/24'), options: { parent: 'eth0' } }],
        on('eth0', '192.0.2.77', 32)
      ),
      {}
    ],
    [
      'another block of the parent of a macvlan, around another network',
      'fail',
      facts(
        [{}, { name: 'lan', driver: 'macvlan', ...subnets('192.0.2.0/24'), options: { parent: 'eth0' } }],
        on('eth0', '10.0.0.5', 8)
      ),
      {}
    ],
    [
      'a macvlan inside another block of its parent',
      'fail',
      facts(
        [{ driver: 'macvlan', ...subnets('10.9.0.0/24'), options: { parent: 'eth0' } }],
        on('eth0', '10.0.0.5', 8)
      ),
      {}
    ],
    [
      'an on-link route through the parent, around the macvlan',
      'fail',
      facts([{ driver: 'macvlan', ...subnets('10.9.0.0/24'), options: { parent: 'eth0' } }], {
        routes: [route('10.8.0.0/13', { device: 'eth0' })]
      }),
      {}
    ],
    [
      'an on-link route through the parent, to the subnet of another network',
      'fail',
      facts(
        [{}, { name: 'lan', driver: 'ipvlan', ...subnets('192.0.2.0/24'), options: { parent: 'eth0' } }],
        { routes: [route('10.10.3.0/24', { device: 'eth0' })] }
      ),
      {}
    ],
    [
      'the subnet of a macvlan by a router on its parent',
      'fail',
      facts([{ driver: 'macvlan', ...subnets('10.9.0.0/24'), options: { parent: 'eth0' } }], {
        routes: [route('10.9.0.0/24', { device: 'eth0', via: '192.0.2.1' })]
      }),
      {}
    ],
    [
      "the host's own way into a macvlan",
      'pass',
      facts([{ driver: 'macvlan', ...subnets('192.0.2.0/24'), options: { parent: 'eth0' } }], {
        interfaces: [{ name: 'shim0', on: 'eth0', addresses: [{ address: '192.0.2.223', length: 32 }] }],
        routes: [route('192.0.2.192/27', { device: 'shim0' })]
      }),
      {}
    ],
    [
      'the same on another interface than the parent',
      'fail',
      facts([{ driver: 'macvlan', ...subnets('192.0.2.0/24'), options: { parent: 'eth0' } }], {
        interfaces: [{ name: 'shim0', on: 'eth1', addresses: [{ address: '192.0.2.223', length: 32 }] }]
      }),
      {}
    ],

    // a config-only network is a template
    [
      'a config-only network and the one that is made from it',
      'pass',
      facts([
        { name: 'template', driver: 'null', scope: 'local', configOnly: true, ...subnets('10.9.0.0/24') },
        { name: 'made', driver: 'macvlan', configFrom: 'template', ...subnets('10.9.0.0/24') }
      ]),
      {}
    ],
    [
      'a config-only network and one that is made from another',
      'fail',
      facts([
        { name: 'template', driver: 'null', scope: 'local', configOnly: true, ...subnets('10.9.0.0/24') },
        { name: 'made', driver: 'macvlan', configFrom: 'elsewhere', ...subnets('10.9.0.0/24') }
      ]),
      {}
    ],
    [
      'two networks of the same template',
      'fail',
      facts([
        { name: 'template', driver: 'null', scope: 'local', configOnly: true, ...subnets('10.9.0.0/24') },
        { name: 'made', driver: 'macvlan', configFrom: 'template', ...subnets('10.9.0.0/24') },
        { name: 'again', driver: 'macvlan', configFrom: 'template', ...subnets('10.9.0.0/24') }
      ]),
      {}
    ],
    [
      'the subnet of the network that is made from the template',
      'pass',
      facts([
        { name: 'template', driver: 'null', scope: 'local', configOnly: true, ...subnets('10.9.0.0/24') },
        { name: 'made', driver: 'macvlan', configFrom: 'template', subnets: [] }
      ]),
      { subnet: '10.9.0.0/24', network: 'made' }
    ],
    [
      "an overlay's own interface",
      'pass',
      facts([{ id: 'n9iau1d0lu0j' }], on('ov-001001-n9iau', '10.10.0.1', 16)),
      {}
    ],
    [
      'the default route in halves',
      'pass',
      facts([{}], { routes: [route('0.0.0.0/1'), route('128.0.0.0/1')] }),
      {}
    ],
    ['a quarter of the world', 'fail', facts([{}], { routes: [route('0.0.0.0/2')] }), {}],
    [
      'IPv6 default routes',
      'pass',
      facts([subnets('2001:db8::/64')], { routes: [route('::/0'), route('2000::/3')] }),
      {}
    ],
    [
      'an unreachable route',
      'pass',
      facts([{}], { routes: [route('10.0.0.0/8', { kind: 'unreachable', device: null })] }),
      {}
    ],
    ['link-local everywhere', 'pass', facts([subnets('fe80::/64')]), {}],

    // accepted
    ['an accepted pair', 'pass', facts([{}], via), { except: [['proxy', 'eth*']] }],
    [
      'an accepted pair, the other way round, by subnet',
      'pass',
      facts([{}], via),
      { except: [['10.8.0.0/13', 'proxy']] }
    ],
    ['an accepted pair of other things', 'fail', facts([{}], via), { except: [['bridge', 'eth0']] }]
  ])('%s: %s', (_, outcome, given, params) => {
    const wish = subnetCollision.params.parse(params)
    expect(outcomeOf(subnetCollision.judge(given, wish))).toBe(outcome)
    for (const untrue of subnetCollision.falsify(given, wish)) {
      expect(outcomeOf(subnetCollision.judge(untrue, wish))).toBe('fail')
    }
  })

  it.each<[why: string, outcome: string, given: ReturnType<typeof facts>, params: object]>([
    ['all apart, as far as it shows', 'unknown', facts([{}]), {}],
    ['a proposed subnet that is free, as far as it shows', 'unknown', facts([]), { subnet: '10.10.0.0/16' }],
    ['what it shows collides', 'fail', facts([{}], via), {}]
  ])('on a worker: %s: %s', (_, outcome, given, params) => {
    const wish = subnetCollision.params.parse(params)
    const findings = subnetCollision.judge({ ...given, engine: worker(at(0)) }, wish)
    expect(outcomeOf(findings)).toBe(outcome)
    if (outcome === 'unknown')
      expect(findings).toMatchObject([{ why: expect.stringContaining('not a manager') }])
  })

  it('says what it compared, and that a pool around the subnet is only a note', () => {
    expect(subnetCollision.judge(facts([subnets('10.0.1.0/24')]), { subnet: '10.10.0.0/16' })).toEqual([
      {
        outcome: 'pass',
        saw: '10.10.0.0/16 shares no address with 2 docker subnets, 4 interface addresses and 0 other routes; note: it is inside the default address pool 10.0.0.0/8',
        shows: [
          'bridge: 172.17.0.0/16',
          'host: (none)',
          'proxy: 10.0.1.0/24',
          'interface eth0 (192.0.2.10/24)'
        ]
      }
    ])
  })

  it('files what it finds under both names and blocks', () => {
    const [finding, ...rest] = subnetCollision.judge(facts([{}], via), {})
    expect(rest).toEqual([])
    expect(finding).toMatchObject({
      outcome: 'fail',
      saw: 'network proxy (10.10.0.0/16) lies in route 10.8.0.0/13 via 192.0.2.7 dev eth0',
      expected: 'no shared address',
      at: 'network proxy (10.10.0.0/16) and route 10.8.0.0/13 via 192.0.2.7 dev eth0',
      filing: {
        subject: 'network proxy (10.10.0.0/16) / route 10.8.0.0/13 via 192.0.2.7 dev eth0',
        title: 'proxy and eth0 share addresses'
      }
    })
  })

  it('does not believe empty lists', () => {
    const whole = facts([{}])
    const blind = { ...whole, host: { interfaces: [], routes: [] } }
    expect(outcomeOf(subnetCollision.judge({ ...whole, networks: [] }, {}))).toBe('unknown')
    expect(outcomeOf(subnetCollision.judge(blind, { subnet: '10.10.0.0/16' }))).toBe('unknown')
    expect(outcomeOf(subnetCollision.judge({ ...whole, networks: [host] }, {}))).toBe('not-applicable')
  })
})

describe('a host of more than anybody has', { timeout: 300_000 }, () => {
  const address = (n: number) => `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`
  const routes = (count: number) =>
    Array.from({ length: count }, (_, n) => route(`${address(n * 256)}/24`, { via: '192.0.2.1' }))
  const nets = (count: number, subnet: (n: number) => string) =>
    Array.from({ length: count }, (_, n) => ({
      name: `n${n}`,
      subnets: [{ subnet: subnet(n), gateway: null }]
    }))
  const bound = subnetCollision.bind({})

  it('45,000 routes are compared with its networks, in little time', () => {
    const of = facts(
      nets(10, n => `172.30.${n}.0/24`),
      { routes: routes(45_000) }
    )
    const took = cpuMs(() => expect(outcomeOf(judge(bound, seen(of)))).toBe('pass'))
    expect(took).toBeLessThan(10_000)
    const one = facts(
      nets(1, () => '10.0.7.0/24'),
      { routes: routes(45_000) }
    )
    expect(judge(bound, seen(one))).toMatchObject([
      { outcome: 'fail', at: expect.stringContaining('10.0.7.0/24') }
    ])
  })

  it('more pairs than are compared are unknown', () => {
    const of = facts(
      nets(4_000, n => `172.30.${n % 256}.0/24`),
      { routes: routes(45_000) }
    )
    expect(judge(bound, seen(of))).toMatchObject([
      {
        outcome: 'unknown',
        why: expect.stringMatching(/^4002 networks, \d+ addresses and \d+ routes are more/)
      }
    ])
  })

  it('more collisions than a check tells are counted', () => {
    const found = judge(bound, seen(facts(nets(60, () => '10.0.0.0/8'))))
    expect(found.length).toBe(judgingBounds.findings + 1)
    expect(outcomeOf(found)).toBe('fail')
    expect(found.at(-1)).toMatchObject({
      outcome: 'unknown',
      why: expect.stringContaining('more are not listed')
    })
  })

  const seen = (of: ReturnType<typeof facts>) =>
    Object.fromEntries(Object.entries(of).map(([name, value]) => [name, { seen: true, value } as const]))
})
