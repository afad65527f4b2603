import * as z from 'zod'
import { counted } from '../src/lib/text/counted.ts'
import { anyGlobMatches } from '../src/lib/text/glob.ts'
import { isoMicros } from '../src/lib/instant.ts'
import { defineProbe, type Finding } from '../src/probe/probe.ts'
import { endpointOwners, type LooseEndpoint } from '../src/systems/docker/endpoints.ts'
import { mayBeUsedElsewhere, orphansAmong, stackOf } from '../src/systems/swarm/network-use.ts'
import { swarmNodes } from '../src/systems/swarm/nodes.ts'
import { type DockerNetwork, dockerNetworks } from '../src/systems/docker/networks.ts'
import { swarmServices } from '../src/systems/swarm/services.ts'

const params = z.strictObject({
  except: z.array(z.string().min(1)).min(1).optional().describe('networks to exclude (globs)')
})

export const orphanNetworks = defineProbe({
  id: 'orphan-networks',
  asserts: 'Every network of a stack belongs to a running stack, and every endpoint to a container',
  because:
    'A network left by a removed stack keeps its subnet, and the next deployment of a stack with that name joins it with all its old options. An endpoint without a container keeps its address and blocks the removal of the network.',
  remedy:
    'Check what is still attached, then remove the network with `docker network rm`, or the endpoint with `docker network disconnect --force`.',
  fails: [
    'a network of a stack has no service of any stack, and no container',
    'two reads show an endpoint that no running container has'
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
    if (networks.length === 0) return [{ outcome: 'unknown', why: 'docker listed no networks' }]
    const owned = networks.filter(one => stackOf(one) !== undefined && !anyGlobMatches(except, one.name))
    if (owned.length === 0 && owners.examined === 0)
      return [
        { outcome: 'not-applicable', why: 'no network belongs to a stack, and no network has an endpoint' }
      ]
    const orphans = orphansAmong(owned, services, owners.loose).map((one): Finding => {
      if (mayBeUsedElsewhere(one, nodes)) {
        const why = `${line(one)}: stack ${stackOf(one)} has no service, but a container on another node may be attached`
        return { outcome: 'unknown', why }
      }
      const rest = one.endpoints.filter(({ id }) => id !== `lb-${one.name}`).map(({ name }) => name)
      const left = rest.length === 0 ? 'nothing is attached to it' : `still attached: ${rest.join(', ')}`
      const saw = `${line(one)}: stack ${stackOf(one)} has no service, ${left}`
      return {
        outcome: 'fail',
        saw,
        expected: 'a running stack, or no network',
        at: `network ${one.name}`,
        filing: {
          subject: one.name,
          title: `network ${one.name} is left from a removed stack`,
          severity: 'low',
          story: [
            `${saw}.`,
            'Its subnet stays reserved, and a new stack with that name would join it with its old options.'
          ],
          remedy: `Remove it: docker network rm ${one.name}`
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
        saw: `${counted(owned.length, 'stack network')} and ${counted(owners.examined, 'endpoint')}: every network belongs to a running stack, every endpoint to a container`,
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
      why: `network ${network}: the containers of ${counted(loose.length, 'endpoint')} have just exited`,
      settlesWithinMs: 90_000,
      shows
    }
  const some = stays.length === 1 ? '1 endpoint has' : `${stays.length} endpoints have`
  const saw = `${some} no running container: ${stays.map(({ name }) => name).join(', ')}`
  return {
    outcome: 'fail',
    saw,
    expected: 'endpoints of running containers only',
    at: `network ${network}`,
    shows,
    filing: {
      subject: `${network} endpoints`,
      title: `network ${network} has endpoints without a container`,
      severity: 'low',
      story: [
        `Network ${network}: ${saw}. Two reads show them.`,
        'Their addresses stay reserved, and docker refuses to remove the network while they exist.'
      ],
      remedy: `Run for each: docker network disconnect --force ${network} NAME. Restart the engine if some remain.`
    }
  }
}

function line({ name, subnets, createdMicros }: DockerNetwork): string {
  const since = createdMicros === null ? '' : `, since ${isoMicros(Math.floor(createdMicros / 1e6) * 1e6)}`
  return `${name} (${subnets.map(({ subnet }) => subnet).join(', ') || 'no subnet'}${since})`
}
