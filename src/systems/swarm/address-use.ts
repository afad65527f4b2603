import { addressOf, type Block, blockOrNull, contains, lastAddress, size } from '../../lib/cidr.ts'
import type { LooseEndpoint } from '../docker/endpoints.ts'
import { byText } from '../../facts/answers.ts'
import type { DockerNetwork, Subnet } from '../docker/networks.ts'
import type { SwarmService } from './services.ts'
import type { SwarmTask } from './tasks.ts'
import { isOver } from './service-health.ts'

export interface Held {
  /** Who holds it: a task and its endpoint are the same holder. */
  readonly key: string
  readonly who: string
  readonly address: string
}

/** Every address in use on the network: endpoints on this host, tasks of every node, and virtual addresses of services. */
export function addressesOn(
  network: DockerNetwork,
  services: readonly SwarmService[],
  tasks: readonly SwarmTask[]
): readonly Held[] {
  const all: Held[] = []
  const add = (key: string, who: string, texts: readonly (string | null)[]) => {
    for (const text of texts) {
      const address = addressOf(text ?? '')
      if (address === null || all.some(one => one.key === key && one.address === address)) continue
      all.push({ key, who, address })
    }
  }
  for (const { id, name, virtualIps } of services) {
    const own = virtualIps.filter(one => one.network === network.id)
    add(
      `vip ${id}`,
      `${name} (VIP)`,
      own.map(({ address }) => address)
    )
  }
  for (const task of tasks.filter(task => !isOver(task))) {
    const name = services.find(({ id }) => id === task.service)?.name ?? task.service
    const own = task.addresses.filter(one => one.network === network.id)
    add(
      task.id,
      `${name}.${task.slot || task.node}`,
      own.flatMap(({ addresses }) => addresses)
    )
  }
  for (const { id, name, ipv4, ipv6 } of network.endpoints) {
    // The container of a task is named after it: service, slot, and the task's id.
    const task = tasks.find(one => name.endsWith(`.${one.id}`))?.id
    add(task ?? id, task === undefined ? name : name.slice(0, -task.length - 1), [ipv4, ipv6])
  }
  return all.sort(
    byText(({ address, key }) => `${address.replace(/\d+/g, part => part.padStart(3, '0'))} ${key}`)
  )
}

export interface Filling {
  /** How many addresses the subnet has for services and tasks, and how many are left. */
  readonly room: number
  readonly free: number
  readonly said: string
  /** Addresses that no container, task or service has, one line each. */
  readonly leaked: readonly string[]
}

/**
 * How full each IPv4 subnet of a network is; IPv6 subnets do not run out. What counts is the part that docker
 * gives out, which `--ip-range` makes smaller than the subnet. What an endpoint without a container holds has
 * leaked. The engine's own count, which engines before version 29 do not have, tells of others.
 *
 * @param held addresses in use, as `addressesOn` finds them.
 * @param loose endpoints without a container, of all networks.
 * @param alone whether this is the swarm's only node: others have addresses that it does not show.
 */
export function fillings(
  network: DockerNetwork,
  held: readonly Held[],
  loose: readonly LooseEndpoint[],
  alone: boolean
): readonly Filling[] {
  return network.subnets.flatMap((one): readonly Filling[] => {
    const { subnet } = one
    const own = blockOrNull(subnet)
    if (own === null || own.family !== 4) return []
    const { pool, kept } = poolOf(own, one)
    const room = Math.max(0, Number(size(pool)) - kept.size - (one.gateway === null ? 1 : 0))
    const inside = held.filter(
      ({ address }) => contains(pool, blockOrNull(address) ?? own) && !kept.has(address)
    )
    const used = new Set(inside.map(({ address }) => address))
    const unowned = loose.filter(one => one.network === network.name && !one.leaving)
    const leaked = [...used].flatMap(address => {
      const holders = inside.filter(one => one.address === address)
      const lost = unowned.find(one => addressOf(one.address ?? '') === address)
      return lost === undefined || holders.length > 1
        ? []
        : [`${address} has leaked: ${lost.name}, ${lost.owner}`]
    })
    const engines = network.free?.find(one => one.subnet === subnet)?.free
    const free = engines ?? Math.max(0, room - used.size)
    const unseen = room - used.size - free
    const lost =
      leaked.length === 0
        ? ''
        : ` (${leaked.length} of them leaked: no container uses ${leaked.length === 1 ? 'it' : 'them'})`
    const whose = alone ? 'leaked, because nothing uses them' : 'leaked, or used on another node'
    const more = unseen > 0 ? `, ${unseen} more ${whose}` : ''
    const count = engines === undefined ? '' : `, as counted by the engine`
    const part = pool.text === own.text ? '' : `, of which docker assigns ${pool.text}`
    const said = `${network.name} ${own.text}${part}: ${used.size} of ${room} addresses held${lost}${more}, ${free} free${count}`
    return [{ room, free, said, leaked }]
  })
}

/** What docker gives addresses out of, and which of these it never gives out. Without a gateway, it takes one more. */
function poolOf(own: Block, { gateway, range, reserved = [] }: Subnet) {
  const part = blockOrNull(range ?? '')
  const pool = part !== null && contains(own, part) ? part : own
  const kept = [own.base, lastAddress(own), gateway, ...reserved]
    .map(text => addressOf(text ?? ''))
    .flatMap(address => (address !== null && contains(pool, blockOrNull(address) ?? own) ? [address] : []))
  return { pool, kept: new Set(kept) }
}
