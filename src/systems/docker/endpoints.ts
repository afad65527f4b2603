import * as z from 'zod'
import { type FactSource, Unseen } from '../../facts/fact.ts'
import { dockerPattern, dockerRead } from './reads.ts'
import { askDocker, id, refused } from './ask.ts'
import { jsonLines, text } from '../../facts/answers.ts'
import { attached, dockerNetworks, type Endpoint } from './networks.ts'

/** An endpoint that no running container has. */
export interface LooseEndpoint {
  readonly network: string
  readonly name: string
  readonly address: string | null
  /** What became of its container, as a person would say it. */
  readonly owner: string
  /** Its container ended less than about a minute ago: it may be on its way out. */
  readonly leaving: boolean
}

export interface EndpointOwners {
  /** How many endpoints of containers there are, on all networks of the host. */
  readonly examined: number
  readonly loose: readonly LooseEndpoint[]
}

const row = z.object({ ID: id, State: z.string().min(1), Status: text })

/**
 * Whose the endpoints on this host are. One counts as loose only if it was there at both of two looks, with
 * the list of all containers between them: a container that is made or removed has one without the other for
 * a moment.
 */
export const endpointOwners: FactSource<EndpointOwners> = {
  key: 'endpoint-owners',
  place: 'host',
  reads: [
    dockerPattern.dockerNetworkList(),
    dockerPattern.dockerInfo(),
    dockerPattern.dockerNetworks(),
    dockerPattern.dockerContainers(),
    dockerPattern.dockerNetworksAgain()
  ],
  async take(look) {
    const networks = await dockerNetworks.take(look)
    // Asked only now: a container is listed before it has an endpoint.
    const { stdout } = await askDocker(look, dockerRead.dockerContainers())
    const containers = new Map(jsonLines(row, stdout).map(found => [found.ID, found]))
    const all = networks.flatMap(network =>
      network.endpoints
        .filter(endpoint => isContainers(endpoint, network.name))
        .map(endpoint => ({ network, endpoint }))
    )
    const first = all.flatMap(({ network, endpoint }) => {
      const { State, Status = '' } = containers.get(endpoint.id) ?? {}
      // `created` has endpoints too: it is about to start.
      if (State !== undefined && State !== 'exited' && State !== 'dead') return []
      const none = endpoint.id.startsWith('ep-') ? 'it belongs to no container' : 'its container is gone'
      const loose: LooseEndpoint = {
        network: network.name,
        name: endpoint.name,
        address: endpoint.ipv4 ?? endpoint.ipv6,
        owner: State === undefined ? none : `its container is ${State} (${Status})`,
        leaving: State !== undefined && /\bseconds? ago$/i.test(Status)
      }
      return [{ network, endpoint, loose }]
    })
    const ids = [...new Set(first.map(({ network }) => network.id))].sort()
    if (ids.length === 0) return { examined: all.length, loose: [] }
    const second = await askDocker(look, dockerRead.dockerNetworksAgain(ids))
    const words = second.stderr.split('\n').filter(line => line.trim() !== '')
    const other = words.find(line => !/no such network|network \S+ not found/i.test(line))
    if (second.exit !== 0 && (other !== undefined || words.length === 0)) {
      throw (
        refused(second.stderr) ?? new Unseen(`docker failed the second read: ${other ?? 'it gave no reason'}`)
      )
    }
    const again = new Map(jsonLines(attached, second.stdout).map(found => [found.id, found.endpoints]))
    const still = first.filter(({ network, endpoint }) =>
      again.get(network.id)?.some(one => one.id === endpoint.id && one.name === endpoint.name)
    )
    return { examined: all.length, loose: still.map(({ loose }) => loose) }
  }
}

/**
 * `lb-<network>` and `ingress-sbox` are the network's own, and what a build has while it runs is called
 * otherwise again. `ep-<id>` is docker's name for an endpoint that is in no container; while an engine starts,
 * the network's own load balancer is called so too, and known by its name.
 */
function isContainers(endpoint: Endpoint, network: string): boolean {
  if (endpoint.id.startsWith('ep-') && endpoint.name === `${network}-endpoint`) return false
  return /^(?:ep-)?[0-9a-f]{64}$/.test(endpoint.id)
}
