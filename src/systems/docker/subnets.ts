import { judgingBounds } from '../../lib/bounds.ts'
import { addressOf, type Block, block, blockOrNull, contains, equals, overlaps } from '../../lib/cidr.ts'
import type { DockerNetwork } from './networks.ts'
import type { HostAddresses, HostInterface, HostRoute } from '../linux/addresses.ts'

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
  /** Id of a network of a driver that is not docker's own, which may have made this interface. */
  readonly perhaps?: string
}

const linkLocal = block('fe80::/10')
const groups = block('ff00::/8')

/**
 * Everything on the host that holds addresses. Left out is what says nothing of its own: link-local and
 * group addresses, default routes, routes that lead nowhere, and the route that comes with an interface's
 * address.
 */
export function holders(networks: readonly DockerNetwork[], host: HostAddresses): readonly Holder[] {
  const owners = networks.map(candidate)
  const ofNetworks = networks.flatMap(({ id, name, subnets }) =>
    subnets.flatMap(({ subnet }): Holder[] => {
      const held = blockOrNull(subnet)
      if (held === null) return []
      return [{ kind: 'network', name, block: held, said: `network ${name} (${held.text})`, network: id }]
    })
  )
  const ofInterfaces = host.interfaces.flatMap(one =>
    one.addresses.flatMap(({ address, length }): Holder[] => {
      const held = blockOrNull(`${address}/${length}`)
      if (held === null || overlaps(held, linkLocal)) return []
      const said = `interface ${one.name} (${address}/${length})`
      return [
        { kind: 'interface', name: one.name, block: held, said, ...ownerOf(owners, one, held, address) }
      ]
    })
  )
  const along = new Set(ofInterfaces.map(one => `${one.name} ${one.block.text}`))
  // The first of a name.
  const devices = new Map(host.interfaces.toReversed().map(one => [one.name, one] as const))
  const ofRoutes = host.routes.flatMap((route): Holder[] => {
    const held = blockOrNull(route.to)
    if (held === null || route.kind !== 'unicast' || isDefault(held)) return []
    if (overlaps(held, linkLocal) || overlaps(held, groups)) return []
    const name = route.device ?? ''
    if (route.via === null && along.has(`${name} ${held.text}`)) return []
    const device = devices.get(name) ?? { name }
    const owner = route.via === null ? ownerOf(owners, device, held, null) : { network: null }
    return [{ kind: 'route', name, block: held, said: routeText(route), ...owner }]
  })
  return [...ofNetworks, ...ofInterfaces, ...ofRoutes]
}

/** Why a host has more of what holds addresses than is compared, two and two; null where it has not. */
export function tooManyHolders(networks: readonly DockerNetwork[], host: HostAddresses): string | null {
  const subnets = networks.reduce((sum, one) => sum + 1 + one.subnets.length, 0)
  const addresses = host.interfaces.reduce((sum, one) => sum + one.addresses.length, 0)
  const others = addresses + host.routes.length
  if (subnets * (subnets + others) <= judgingBounds.pairs) return null
  return `${networks.length} networks, ${addresses} addresses and ${host.routes.length} routes are more than are compared with each other`
}

type Device = Pick<HostInterface, 'name' | 'on'>

/** A network with what its interfaces are told by. */
interface Candidate {
  readonly network: DockerNetwork
  readonly blocks: readonly Block[]
  readonly made: ReadonlySet<string | undefined>
}

function candidate(network: DockerNetwork): Candidate {
  const { id, options } = network
  const made = [options['com.docker.network.bridge.name'], `br-${id.slice(0, 12)}`, `dm-${id.slice(0, 12)}`]
  return { network, blocks: subnetsOf(network), made: new Set(made) }
}

/** Whose an interface's block is: a network's, perhaps a network's, or the host's own. */
function ownerOf(
  networks: readonly Candidate[],
  device: Device,
  held: Block,
  address: string | null
): Pick<Holder, 'network' | 'perhaps'> {
  const own = networks.find(one => isOwn(one, device, held))
  if (own !== undefined) return { network: own.network.id }
  const perhaps = networks.find(({ network }) => mayBeOwn(network, held, address))
  return perhaps === undefined ? { network: null } : { network: null, perhaps: perhaps.network.id }
}

/**
 * Whether an interface is one that docker made for the network: its bridge, an overlay's own, or what a macvlan
 * or ipvlan is made on. Its name tells, and never an address: a VPN may have the gateway's. Nor does the name
 * cover what lies outside of the network's own subnets: what else such an interface has is the host's.
 */
function isOwn({ network, blocks, made }: Candidate, device: Device, held: Block): boolean {
  const { parent } = network.options
  const isMade = made.has(device.name) || isOverlays(network, device.name)
  // Another interface on the parent is the host's own way into a macvlan: it is the same wire.
  const isOnParent = parent !== undefined && parent !== '' && (device.name === parent || device.on === parent)
  return (isMade || isOnParent) && blocks.some(own => contains(own, held))
}

/** An overlay's interfaces stay in its own namespace, but for where the kernel is told not to. */
function isOverlays({ driver, id }: DockerNetwork, device: string): boolean {
  return (
    driver === 'overlay' && /^(?:ov|vx)-[0-9a-f]{6}-/.test(device) && device.endsWith(`-${id.slice(0, 5)}`)
  )
}

const builtIn = new Set(['', 'bridge', 'overlay', 'macvlan', 'ipvlan', 'host', 'null'])

/** How a driver that is not docker's own names its interfaces is not known: one with the gateway may be its. */
function mayBeOwn({ driver, subnets }: DockerNetwork, held: Block, address: string | null): boolean {
  return (
    !builtIn.has(driver) &&
    subnets.some(({ subnet, gateway }) => {
      const own = blockOrNull(subnet)
      return own !== null && equals(own, held) && (address === null || addressOf(gateway ?? '') === address)
    })
  )
}

function subnetsOf({ subnets }: DockerNetwork): readonly Block[] {
  return subnets.flatMap(({ subnet }) => blockOrNull(subnet) ?? [])
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
 * behind that network, and two routes of the host are routing, no collision. A config-only network and one that
 * takes its settings from it are the same one.
 */
export function* allPairs(all: readonly Holder[], networks: readonly DockerNetwork[]): Generator<Pair> {
  const subnets = all.filter(({ kind }) => kind === 'network')
  const others = all.filter(({ network }) => network === null)
  const templates = templatesOf(networks)
  const same = (one: string | null, other: string | null) =>
    one === other || templates.get(one ?? '') === other || templates.get(other ?? '') === one
  for (const [index, one] of subnets.entries()) {
    for (let at = index + 1; at < subnets.length; at += 1) {
      const other = subnets[at]
      if (other !== undefined && !same(one.network, other.network)) yield [one, other]
    }
    for (const other of others) yield [one, other]
  }
}

/** By the id of each network that takes its settings from a config-only one: the id of that. */
function templatesOf(networks: readonly DockerNetwork[]): ReadonlyMap<string, string> {
  const templates = new Map(
    networks.flatMap(one => (one.configOnly === true ? [[one.name, one] as const] : [])).toReversed()
  )
  return new Map(
    networks.flatMap(({ id, configFrom }) => {
      const template = templates.get(configFrom ?? '')
      return template === undefined ? [] : [[id, template.id] as const]
    })
  )
}

/** A proposed subnet with everything that is there, but for what the network has that it is for. */
export function pairsWith(
  subnet: string,
  network: string | undefined,
  networks: readonly DockerNetwork[],
  all: readonly Holder[]
): readonly Pair[] {
  const templates = templatesOf(networks)
  const own = networks
    .filter(({ name }) => name === network)
    .flatMap(({ id }) => [id, templates.get(id) ?? id])
  const params = { kind: 'network', name: subnet, block: block(subnet), said: subnet, network: null } as const
  return all
    .filter(other => other.network === null || !own.includes(other.network))
    .map(other => [params, other])
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
