import { type Block, block, blockOrNull, equals, overlaps } from '../base/cidr.ts'
import type { DockerNetwork } from './sources/docker-networks.ts'
import type { HostAddresses, HostRoute } from './sources/host-addresses.ts'

/** Something that lays claim to a block of addresses: a docker network, an interface, a route. */
export interface Holder {
  readonly kind: 'network' | 'interface' | 'route'
  /** The network's or the interface's name; for a route, its interface's. */
  readonly name: string
  readonly block: Block
  /** For a sentence: `network proxy (10.10.0.0/16)`, `interface eth0 (192.0.2.1/24)`, `route 10.0.0.0/8 dev wg0`. */
  readonly said: string
  /** Id of the docker network that this belongs to; null for what the host has on its own account. */
  readonly network: string | null
}

const linkLocal = block('fe80::/10')
const groups = block('ff00::/8')

/**
 * Everything on the host that holds addresses. Left out is what says nothing of its own: link-local and
 * group addresses, default routes, routes that lead nowhere, and the route that comes with an interface's
 * address.
 */
export function holders(networks: readonly DockerNetwork[], host: HostAddresses): readonly Holder[] {
  const ofNetworks = networks.flatMap(({ id, name, subnets }) =>
    subnets.flatMap(({ subnet }): Holder[] => {
      const held = blockOrNull(subnet)
      if (held === null) return []
      return [{ kind: 'network', name, block: held, said: `network ${name} (${held.text})`, network: id }]
    })
  )
  const ofInterfaces = host.interfaces.flatMap(({ name, addresses }) =>
    addresses.flatMap(({ address, length }): Holder[] => {
      const held = blockOrNull(`${address}/${length}`)
      if (held === null || overlaps(held, linkLocal)) return []
      const network = networks.find(one => isOwn(one, name, held, address))?.id ?? null
      return [
        { kind: 'interface', name, block: held, said: `interface ${name} (${address}/${length})`, network }
      ]
    })
  )
  const ofRoutes = host.routes.flatMap((route): Holder[] => {
    const held = blockOrNull(route.to)
    if (held === null || route.kind !== 'unicast' || isDefault(held)) return []
    if (overlaps(held, linkLocal) || overlaps(held, groups)) return []
    const name = route.device ?? ''
    const along = ofInterfaces.find(one => one.name === name && equals(one.block, held))
    if (along !== undefined && route.via === null) return []
    const network =
      route.via === null ? (networks.find(one => isOwn(one, name, held, null))?.id ?? null) : null
    return [{ kind: 'route', name, block: held, said: routeText(route), network }]
  })
  return [...ofNetworks, ...ofInterfaces, ...ofRoutes]
}

/**
 * Whether an interface is one that docker made for the network (its bridge, a macvlan's parent, an overlay's
 * own), by its name, or because it has the network's gateway as its address in the network's subnet.
 */
function isOwn(network: DockerNetwork, device: string, held: Block, address: string | null): boolean {
  const { id, options } = network
  const names = [options['com.docker.network.bridge.name'], `br-${id.slice(0, 12)}`, options['parent']]
  if (names.includes(device)) return true
  if (/^(?:ov|vx)-[0-9a-f]{6}-/.test(device) && device.endsWith(`-${id.slice(0, 5)}`)) return true
  return network.subnets.some(({ subnet, gateway }) => {
    const own = blockOrNull(subnet)
    return own !== null && gateway !== null && gateway === address && equals(own, held)
  })
}

/** Default routes, also in the halves that VPNs use, and IPv6's `2000::/3`. */
function isDefault({ family, length }: Block): boolean {
  return length <= (family === 4 ? 1 : 3)
}

function routeText({ to, device, via, table }: HostRoute): string {
  const parts = [`route ${to}`]
  if (via !== null) parts.push(`via ${via}`)
  if (device !== null) parts.push(`dev ${device}`)
  if (table !== 'main') parts.push(`table ${table}`)
  return parts.join(' ')
}

export type Pair = readonly [Holder, Holder]

/**
 * Each network with each later one, and with what is the host's own. What docker made for a network stands
 * behind that network, and two routes of the host are routing, no collision.
 */
export function allPairs(all: readonly Holder[]): readonly Pair[] {
  const networks = all.filter(({ kind }) => kind === 'network')
  const others = all.filter(({ network }) => network === null)
  return networks.flatMap((one, index) =>
    [...networks.slice(index + 1), ...others]
      .filter(other => other.network !== one.network)
      .map((other): Pair => [one, other])
  )
}

/** A proposed subnet with everything that is there, but for what the network has that it is for. */
export function pairsWith(
  subnet: string,
  network: string | undefined,
  networks: readonly DockerNetwork[],
  all: readonly Holder[]
): readonly Pair[] {
  const own = networks.filter(({ name }) => name === network).map(({ id }) => id)
  const wish = { kind: 'network', name: subnet, block: block(subnet), said: subnet, network: null } as const
  return all
    .filter(other => other.network === null || !own.includes(other.network))
    .map(other => [wish, other])
}

/** What the host has, one line each, without what docker made for its own networks, and without loopback. */
export function holdersTable(networks: readonly DockerNetwork[], all: readonly Holder[]): readonly string[] {
  const lines = networks.map(({ name, subnets }) => {
    return `${name}: ${subnets.map(({ subnet }) => subnet).join(', ') || '(none)'}`
  })
  const hosts = all.filter(
    ({ kind, network, name }) => kind !== 'network' && network === null && name !== 'lo'
  )
  return [...lines, ...hosts.map(({ said }) => said)]
}
