import * as z from 'zod'
import { judgingBounds } from '../src/lib/bounds.ts'
import { counted } from '../src/lib/text/counted.ts'
import { block, blockOrNull, contains, overlaps, relation, subnetText } from '../src/lib/cidr.ts'
import { globMatches } from '../src/lib/text/glob.ts'
import { defineProbe, type Finding } from '../src/probe/probe.ts'
import {
  allPairs,
  type Holder,
  holders,
  holdersTable,
  type Pair,
  pairsWith,
  tooManyHolders
} from '../src/systems/docker/subnets.ts'
import { type DockerEngine, dockerEngine, partOfSwarm } from '../src/systems/docker/engine.ts'
import { dockerNetworks } from '../src/systems/docker/networks.ts'
import { hostAddresses } from '../src/systems/linux/addresses.ts'

/** A side of an accepted pair: a glob for a network's or an interface's name, or a subnet. */
const side = z.string().min(1)
const params = z.strictObject({
  subnet: subnetText.optional().describe('a proposed subnet; without it the probe compares all pairs'),
  network: z
    .string()
    .min(1)
    .optional()
    .describe('the network that the subnet is for, which may have it already'),
  except: z
    .array(z.tuple([side, side]))
    .optional()
    .describe('accepted pairs, each side the glob of a network or interface, or a subnet')
})

export const subnetCollision = defineProbe({
  id: 'subnet-collision',
  asserts: 'No docker network shares an address with another network, an interface or a route of the host',
  because:
    'When two share an address, packets reach the wrong one, for some addresses and only some of the time.',
  remedy:
    'Give one of the two another subnet. To change the subnet of a docker network, remove and recreate the network.',
  fails: [
    'a network shares an address with another one, an interface or a route',
    'the proposed subnet shares an address with one of these'
  ],
  params,
  hunts: { with: {}, severity: 'high' },
  needs: () => ({ networks: dockerNetworks, host: hostAddresses, engine: dockerEngine }),

  judge({ networks, host, engine }, { subnet, network, except = [] }) {
    // There is always a loopback interface, and docker always has networks.
    if (networks.length === 0) return [{ outcome: 'unknown', why: 'docker listed no networks' }]
    if (host.interfaces.length === 0) return [{ outcome: 'unknown', why: 'ip listed no interfaces' }]
    const many = tooManyHolders(networks, host)
    if (many !== null) return [{ outcome: 'unknown', why: many }]
    const all = holders(networks, host)
    const shows = holdersTable(networks, all)

    const pairs = subnet === undefined ? allPairs(all, networks) : pairsWith(subnet, network, networks, all)
    const wanted = networks.filter(({ name }) => name === network).map(({ id }) => id)
    const doubted: Pair[] = []
    const shared: Pair[] = []
    for (const pair of pairs) {
      const [a, b] = pair
      if (!overlaps(a.block, b.block) || except.some(each => isPair(each, a, b))) continue
      const mayBeItsOwn = b.perhaps !== undefined && (b.perhaps === a.network || wanted.includes(b.perhaps))
      const list = mayBeItsOwn ? doubted : shared
      // One more than is shown, so that the number left out is shown too.
      if (list.length <= judgingBounds.findings) list.push(pair)
    }
    const findings = shared.map(([a, b]): Finding => {
      const how = relation(a.block, b.block)
      return {
        outcome: 'fail',
        saw: `${a.said} ${how} ${b.said}`,
        expected: 'no shared address',
        at: `${a.said} and ${b.said}`,
        shows,
        filing: {
          subject: `${a.said} / ${b.said}`,
          title: `${a.name} and ${b.name || b.said} share addresses`,
          severity: 'high',
          story: [
            `${a.said} ${how} ${b.said}.`,
            'Packets to an address that both hold reach only one of them: containers lose their route to that part of the network behind the host, or to each other.'
          ],
          remedy: 'Give one of the two a subnet that nothing else on the host holds.'
        }
      }
    })
    const [first, ...rest] = findings
    if (first !== undefined) return [first, ...rest]

    const [doubt, ...doubts] = doubted.map(
      ([a, b]): Finding => ({
        outcome: 'unknown',
        why: `${b.said} has the gateway of ${a.said}, whose driver is not built into docker, so it is unknown whether it is the interface of that network`,
        shows
      })
    )
    if (doubt !== undefined) return [doubt, ...doubts]
    const hidden = partOfSwarm(engine)
    if (hidden !== null) return [{ outcome: 'unknown', why: hidden, shows }]

    const held = (kind: Holder['kind']) => all.filter(one => one.kind === kind).length
    const others = `${counted(held('interface'), 'interface address', 'interface addresses')} and ${counted(held('route'), 'other route')}`
    if (subnet !== undefined) {
      const note = pools(engine, subnet)
      const saw = `${subnet} shares no address with ${counted(held('network'), 'docker subnet')}, ${others}${note}`
      return [{ outcome: 'pass', saw, shows }]
    }
    if (held('network') === 0)
      return [{ outcome: 'not-applicable', why: 'no docker network has a subnet', shows }]
    const saw =
      held('network') === 1
        ? `the only docker subnet shares no address with ${others}`
        : `${held('network')} docker subnets share no address with each other, nor with ${others}`
    return [{ outcome: 'pass', saw, shows }]
  },

  falsify(facts, { subnet }) {
    const taken = subnet ?? facts.networks.flatMap(one => one.subnets)[0]?.subnet
    if (taken === undefined) return []
    const [like] = facts.networks
    const { family } = block(taken)
    const stray = { family, to: taken, device: 'stray0', via: null, kind: 'unicast', table: 'main' }
    const route = { ...facts, host: { ...facts.host, routes: [...facts.host.routes, stray] } }
    if (like === undefined) return [route]
    const twin = {
      ...like,
      id: 'twin',
      name: 'twin',
      options: {},
      subnets: [{ subnet: taken, gateway: null }]
    }
    return [route, { ...facts, networks: [...facts.networks, twin] }]
  }
})

function isPair([one, other]: readonly [string, string], a: Holder, b: Holder): boolean {
  const is = (glob: string, held: Holder) => globMatches(glob, held.name) || glob === held.block.text
  return (is(one, a) && is(other, b)) || (is(one, b) && is(other, a))
}

function pools({ localPools, swarm }: DockerEngine, subnet: string): string {
  const around = [...swarm.pools, ...localPools].filter(pool => {
    const found = blockOrNull(pool)
    return found !== null && contains(found, block(subnet))
  })
  return around.length === 0 ? '' : `; note: it is inside the default address pool ${around.join(', ')}`
}
