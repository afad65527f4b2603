import { describe, expect, it } from 'vitest'
import { addressesOn, fillings } from '../../../src/systems/swarm/address-use.ts'
import type { LooseEndpoint } from '../../../src/systems/docker/endpoints.ts'
import { network, service, task } from '../../support/docker.ts'

const subnet = { subnet: '10.10.0.0/28', gateway: '10.10.0.1' }
const endpoint = (id: string, address: string) => ({ id, name: id, ipv4: `${address}/28`, ipv6: null })
const lost = (address: string, changed: Partial<LooseEndpoint> = {}): LooseEndpoint => ({
  network: 'proxy',
  name: 'lost',
  address: `${address}/28`,
  owner: 'its container is gone',
  leaving: false,
  ...changed
})

describe('how full a subnet is', () => {
  const proxy = (...addresses: readonly string[]) =>
    network({ subnets: [subnet], endpoints: addresses.map((address, nth) => endpoint(`c${nth}`, address)) })
  const filled = (one: ReturnType<typeof network>, loose: readonly LooseEndpoint[] = []) =>
    fillings(one, addressesOn(one, [], []), loose, true).map(({ room, free, leaked }) => ({
      room,
      free,
      leaked
    }))

  it('counts neither the subnet, its last address, the gateway, nor what is reserved', () => {
    expect(filled(proxy())).toEqual([{ room: 13, free: 13, leaked: [] }])
    expect(filled(proxy('10.10.0.2', '10.10.0.3'))).toEqual([{ room: 13, free: 11, leaked: [] }])
    // Endpoints of the network itself have these: they take none of what there is room for.
    expect(filled(proxy('10.10.0.1', '10.10.0.0', '10.10.0.15'))).toEqual([
      { room: 13, free: 13, leaked: [] }
    ])
    const reserved = network({
      subnets: [{ ...subnet, reserved: ['10.10.0.9'] }],
      endpoints: [endpoint('c', '10.10.0.9')]
    })
    expect(filled(reserved)).toEqual([{ room: 12, free: 12, leaked: [] }])
  })

  it('an address without a container has leaked, on this network and while nobody else has it', () => {
    const leaked = ['10.10.0.2 has leaked: lost, its container is gone']
    expect(filled(proxy('10.10.0.2'), [lost('10.10.0.2')])).toMatchObject([{ free: 12, leaked }])
    expect(filled(proxy('10.10.0.2'), [lost('10.10.0.3')])).toMatchObject([{ leaked: [] }])
    expect(filled(proxy('10.10.0.2'), [lost('10.10.0.2', { network: 'other' })])).toMatchObject([
      { leaked: [] }
    ])
    expect(filled(proxy('10.10.0.2'), [lost('10.10.0.2', { leaving: true })])).toMatchObject([{ leaked: [] }])
    // A container that has it now has it: the other one left.
    expect(filled(proxy('10.10.0.2', '10.10.0.2'), [lost('10.10.0.2')])).toMatchObject([{ leaked: [] }])
  })

  it('of IPv6 nothing is said: it does not run out', () => {
    expect(filled(network({ subnets: [{ subnet: 'fd00::/64', gateway: 'fd00::1' }] }))).toEqual([])
  })
})

describe('who has which address', () => {
  it('a task and its endpoint are one, a task that is over has none', () => {
    const addresses = [{ network: 'networkproxy', addresses: ['10.10.0.5/28'] }]
    const one = network({
      subnets: [subnet],
      endpoints: [{ ...endpoint('c', '10.10.0.5'), name: 'shop_app.1.taskone' }]
    })
    const services = [service({ virtualIps: [{ network: 'networkproxy', address: '10.10.0.4/28' }] })]
    expect(addressesOn(one, services, [task({ addresses })])).toEqual([
      { key: 'vip serviceapp', who: 'shop_app (VIP)', address: '10.10.0.4' },
      { key: 'taskone', who: 'shop_app.1', address: '10.10.0.5' }
    ])
    const over = task({ addresses, id: 'other', state: 'failed' })
    expect(addressesOn({ ...one, endpoints: [] }, [], [over])).toEqual([])
    const elsewhere = task({ addresses: [{ network: 'another', addresses: ['10.10.0.5/28'] }] })
    expect(addressesOn({ ...one, endpoints: [] }, [], [elsewhere])).toEqual([])
  })
})
