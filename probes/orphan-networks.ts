import * as z from 'zod'
import { anyGlobMatches } from '../src/lib/text/glob.ts'
import { isoMicros } from '../src/lib/instant.ts'
import { defineProbe, type Finding } from '../src/probe/probe.ts'
import { endpointOwners, type LooseEndpoint } from '../src/systems/docker/endpoints.ts'
import { mayBeUsedElsewhere, orphansAmong, stackOf } from '../src/systems/swarm/network-use.ts'
import { swarmNodes } from '../src/systems/swarm/nodes.ts'
import { type DockerNetwork, dockerNetworks } from '../src/systems/docker/networks.ts'
import { swarmServices } from '../src/systems/swarm/services.ts'

const params = z.strictObject({
  except: z.array(z.string().min(1)).min(1).optional().describe('networks left aside (globs)')
})

export const orphanNetworks = defineProbe({
  id: 'orphan-networks',
  asserts: 'Every network of a stack belongs to a stack that still runs, and every endpoint to a container',
  because:
    'A network that its stack left behind keeps its subnet, and the next deployment of a stack of that name joins it with all its old options. An endpoint without a container keeps its address, and keeps the network from being removed.',
  remedy:
    'Remove it with `docker network rm`, after a look at what is still attached to it; an endpoint with `docker network disconnect --force`.',
  fails: [
    'a network of a stack has no service of that stack, nor of another one, and no container',
    'an endpoint was at two looks, and no container that runs has it'
  ],
  params,
  hunts: { with: {}, severity: 'low' },
  needs: () => ({
    networks: dockerNetworks,
    services: swarmServices,
    owners: endpointOwners,
    nodes: swarmNodes
  }),

  judge({ networks, services, owners, nodes }, { except = [] }) {
    if (networks.length === 0) return [{ outcome: 'unknown', why: 'docker listed no network at all' }]
    const owned = networks.filter(one => stackOf(one) !== undefined && !anyGlobMatches(except, one.name))
    if (owned.length === 0 && owners.examined === 0)
      return [{ outcome: 'not-applicable', why: 'no network is of a stack, and nothing is attached to any' }]
    const orphans = orphansAmong(owned, services, owners.loose).map((one): Finding => {
      if (mayBeUsedElsewhere(one, nodes)) {
        const why = `${line(one)}: stack ${stackOf(one)} has no service, but a container of another node may be attached`
        return { outcome: 'unknown', why }
      }
      const rest = one.endpoints.filter(({ id }) => id !== `lb-${one.name}`).map(({ name }) => name)
      const left = rest.length === 0 ? 'nothing is attached to it' : `still attached: ${rest.join(', ')}`
      const saw = `${line(one)}: stack ${stackOf(one)} has no service, ${left}`
      return {
        outcome: 'fail',
        saw,
        expected: 'a stack that runs, or no network',
        at: `network ${one.name}`,
        filing: {
          subject: one.name,
          title: `network ${one.name} outlived its stack`,
          severity: 'low',
          story: [`${saw}.`, 'Its subnet stays taken, and a stack of that name would join it as it is.'],
          mend: `Remove it: docker network rm ${one.name}`
        }
      }
    })
    const loose = owners.loose.filter(({ network }) => !anyGlobMatches(except, network))
    const names = [...new Set(loose.map(({ network }) => network))]
    const [first, ...rest] = [
      ...orphans,
      ...names.map(name => leaked(loose.filter(({ network }) => network === name)))
    ]
    if (first !== undefined) return [first, ...rest]
    return [
      {
        outcome: 'pass',
        saw: `all ${owned.length} networks of stacks belong to one that runs, all ${owners.examined} endpoints to a container`,
        shows: owned.map(line)
      }
    ]
  },

  falsify(facts, { except = [] }) {
    const [judged] = facts.networks.filter(({ name }) => !anyGlobMatches(except, name))
    const orphans = facts.networks
      .filter(one => stackOf(one) !== undefined && !anyGlobMatches(except, one.name))
      .slice(0, 1)
      .map(one => ({
        ...facts,
        nodes: facts.nodes.slice(0, 1),
        networks: facts.networks.map(other => (other === one ? { ...one, endpoints: [] } : other)),
        services: facts.services.filter(
          ({ stack, networks }) => stack !== stackOf(one) && !networks.includes(one.id)
        )
      }))
    if (judged === undefined) return orphans
    const owner = 'its container is gone'
    const loose = [{ network: judged.name, name: 'falsified', address: null, owner, leaving: false }]
    return [...orphans, { ...facts, owners: { examined: 1, loose } }]
  }
})

/** @param loose of one network, at least one. */
function leaked(loose: readonly LooseEndpoint[]): Finding {
  const shows = loose.map(({ name, address, owner }) => `${name} (${address ?? 'no address'}): ${owner}`)
  const stays = loose.filter(({ leaving }) => !leaving)
  const [first = loose[0]] = stays
  const network = first?.network ?? ''
  if (stays.length === 0)
    return {
      outcome: 'unknown',
      why: `network ${network}: containers of ${loose.length} endpoints have just ended`,
      settlesWithinMs: 90_000,
      shows
    }
  const some = stays.length === 1 ? '1 endpoint has' : `${stays.length} endpoints have`
  const saw = `${some} no container that runs: ${stays.map(({ name }) => name).join(', ')}`
  return {
    outcome: 'fail',
    saw,
    expected: 'endpoints of containers that run',
    at: `network ${network}`,
    shows,
    filing: {
      subject: `${network} endpoints`,
      title: `network ${network} has endpoints without a container`,
      severity: 'low',
      story: [
        `Network ${network}: ${saw}. They were there at two looks.`,
        'Their addresses stay taken, and docker refuses to remove the network as long as they are there.'
      ],
      mend: `For each: docker network disconnect --force ${network} NAME. What stays then goes with a restart of the engine.`
    }
  }
}

function line({ name, subnets, createdMicros }: DockerNetwork): string {
  const since = createdMicros === null ? '' : `, since ${isoMicros(Math.floor(createdMicros / 1e6) * 1e6)}`
  return `${name} (${subnets.map(({ subnet }) => subnet).join(', ') || 'no subnet'}${since})`
}
