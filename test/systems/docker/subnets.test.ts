import { expect, it } from 'vitest'
import { allPairs, holders } from '../../../src/systems/docker/subnets.ts'
import type { HostRoute } from '../../../src/systems/linux/addresses.ts'
import { network } from '../../support/docker.ts'

const route = (to: string, changed: Partial<HostRoute> = {}): HostRoute => ({
  family: to.includes(':') ? 6 : 4,
  to,
  device: 'eth0',
  via: null,
  kind: 'unicast',
  table: 'main',
  ...changed
})
const eth0 = { name: 'eth0', addresses: [{ address: '192.0.2.7', length: 24 }] }
const held = (
  routes: readonly HostRoute[],
  networks: Parameters<typeof holders>[0] = [],
  interfaces = [eth0]
) => holders(networks, { interfaces, routes }).flatMap(({ kind, said }) => (kind === 'route' ? [said] : []))

it('the route that comes with an address says nothing of its own; one by a gateway to the same block does', () => {
  expect(held([route('192.0.2.0/24')])).toEqual([])
  expect(held([route('192.0.2.0/24', { via: '192.0.2.1' })])).toEqual([
    'route 192.0.2.0/24 via 192.0.2.1 dev eth0'
  ])
  expect(held([route('192.0.2.0/25')])).toEqual(['route 192.0.2.0/25 dev eth0'])
  expect(held([route('192.0.2.0/24', { device: 'wg0' })])).toEqual(['route 192.0.2.0/24 dev wg0'])
})

it.each<[to: string, is: boolean]>([
  ['0.0.0.0/0', false],
  ['0.0.0.0/1', false],
  ['128.0.0.0/1', false],
  ['0.0.0.0/2', true],
  ['::/0', false],
  ['2000::/3', false],
  ['2000::/4', true],
  ['fe80::/64', false],
  ['ff00::/8', false]
])('a route to %s holds addresses: %s', (to, is) => {
  expect(held([route(to, { via: '192.0.2.1' })])).toHaveLength(is ? 1 : 0)
})

it('a route that leads nowhere holds none', () => {
  expect(held([route('10.0.0.0/8', { kind: 'unreachable', device: null })])).toEqual([])
})

it("what an interface of docker's has outside of its network's subnets is the host's own", () => {
  const proxy = network({ driver: 'bridge', options: { 'com.docker.network.bridge.name': 'br-proxy' } })
  const bridge = {
    name: 'br-proxy',
    addresses: [
      { address: '10.10.0.1', length: 16 },
      { address: '172.20.0.1', length: 24 }
    ]
  }
  const all = holders([proxy], { interfaces: [bridge], routes: [] })
  expect(all.map(({ kind, said, network }) => [kind, said, network])).toEqual([
    ['network', 'network proxy (10.10.0.0/16)', 'networkproxy'],
    ['interface', 'interface br-proxy (10.10.0.1/16)', 'networkproxy'],
    ['interface', 'interface br-proxy (172.20.0.1/24)', null]
  ])
  expect([...allPairs(all, [proxy])].map(pair => pair.map(({ said }) => said))).toEqual([
    ['network proxy (10.10.0.0/16)', 'interface br-proxy (172.20.0.1/24)']
  ])
})

it("an interface with a gateway's address is not the network's for that", () => {
  const wireguard = { name: 'wg0', addresses: [{ address: '10.10.0.1', length: 16 }] }
  expect(holders([network()], { interfaces: [wireguard], routes: [] }).map(({ network }) => network)).toEqual(
    ['networkproxy', null]
  )
})
