import * as z from 'zod'
import { counted } from '../src/lib/text/counted.ts'
import { addressOf, block, blockOrNull, contains, subnetText } from '../src/lib/cidr.ts'
import { defineProbe, type Finding } from '../src/probe/probe.ts'
import { addressesOn } from '../src/systems/swarm/address-use.ts'
import { dockerNetworks } from '../src/systems/docker/networks.ts'
import { swarmServices } from '../src/systems/swarm/services.ts'
import { swarmTasks } from '../src/systems/swarm/tasks.ts'

const params = z.strictObject({
  network: z.string().min(1).describe('name of the docker network'),
  subnet: z
    .union([subnetText, z.array(subnetText).min(1)])
    .optional()
    .describe("default: the network's own")
})

export const networkAddresses = defineProbe({
  id: 'network-addresses',
  asserts: 'Every address in use on the network lies in its subnet, is used once, and is not its gateway',
  because:
    'An address outside the subnet, or one that two endpoints share, is stale or assigned twice: its holder is unreachable, or receives the traffic of another.',
  remedy:
    'Recreate the service that holds the address. If it gets the same address again, remove the services on the network, recreate the network, and deploy them again.',
  fails: [
    'an address is outside the subnet',
    'two endpoints have the same address',
    'an endpoint has the address of the gateway',
    'the network does not exist'
  ],
  example: { network: 'proxy' },
  params,
  needs: () => ({ networks: dockerNetworks, services: swarmServices, tasks: swarmTasks }),

  judge({ networks, services, tasks }, { network, subnet }) {
    const [found, twin] = networks.filter(({ name }) => name === network)
    if (found === undefined) {
      if (networks.length === 0) return [{ outcome: 'unknown', why: 'docker listed no networks' }]
      return [
        {
          outcome: 'fail',
          saw: `network ${network} does not exist`,
          expected: 'it to exist',
          at: `network ${network}`
        }
      ]
    }
    if (twin !== undefined) {
      return [
        { outcome: 'unknown', why: `several networks are named ${network}, so the check cannot choose one` }
      ]
    }
    const held = addressesOn(found, services, tasks)
    if (held.length === 0) return [{ outcome: 'not-applicable', why: `no address is in use on ${network}` }]

    const own = found.subnets.map(one => one.subnet)
    const wanted = subnet === undefined ? own : [subnet].flat()
    // Of a family that the plan does not name it says nothing: there the network's own subnets count.
    const allowedFor = (address: string) => {
      const named = wanted.filter(text => sameFamily(text, address))
      return named.length > 0 ? named : own.filter(text => sameFamily(text, address))
    }
    const allowed = [...new Set(held.flatMap(({ address }) => allowedFor(address)))]
    const gateways = found.subnets.flatMap(({ gateway }) => addressOf(gateway ?? '') ?? [])
    const shows = held.map(({ who, address }) => `${who} ${address}`)
    const findings: Finding[] = []
    for (const { who, address, key } of held) {
      const wrong = (saw: string, expected: string) =>
        findings.push({ outcome: 'fail', saw, expected, at: `${who} on network ${network}`, shows })
      const may = allowedFor(address)
      const inside = may.some(text => contains(blockOrNull(text) ?? nowhere, block(address)))
      if (!inside)
        wrong(
          `${who} has ${address}`,
          `an address in ${(may.length > 0 ? may : wanted).join(' or ') || 'a subnet'}`
        )
      if (gateways.includes(address)) wrong(`${who} has the gateway's address ${address}`, 'another address')
      const [first, other] = held.filter(one => one.address === address)
      if (other !== undefined && first?.key === key) {
        const all = held.filter(one => one.address === address).map(one => one.who)
        wrong(`${all.join(' and ')} share ${address}`, 'a separate address for each')
      }
    }
    const [first, ...rest] = findings
    if (first !== undefined) return [first, ...rest]
    const not = gateways.length === 0 ? '' : `, none equal to the gateway ${gateways.join(', ')}`
    const saw = `${counted(held.length, 'address', 'addresses')} in use on ${network}, all in ${allowed.join(' or ')}, no two equal${not}`
    return [{ outcome: 'pass', saw, shows }]
  },

  falsify(facts, { network }) {
    const on = facts.networks.find(({ name }) => name === network)
    if (on === undefined) return []
    const strays = [
      '0.0.0.1',
      ...addressesOn(on, facts.services, facts.tasks)
        .slice(0, 1)
        .map(one => one.address)
    ]
    return strays.map(ipv4 => {
      const stray = { id: 'stray', name: 'stray', ipv4, ipv6: null }
      const networks = facts.networks.map(one =>
        one === on ? { ...one, endpoints: [...one.endpoints, stray] } : one
      )
      return { ...facts, networks }
    })
  }
})

function sameFamily(subnet: string, address: string): boolean {
  return (blockOrNull(subnet) ?? nowhere).family === block(address).family
}

const nowhere = block('0.0.0.0/32')
