import { addressOf, blockOrNull, contains, size } from '../base/cidr.ts'
import { byText } from './sources/docker-json.ts'
import type { DockerNetwork } from './sources/docker-networks.ts'
import type { SwarmService } from './sources/docker-services.ts'
import type { SwarmTask } from './sources/docker-tasks.ts'
import { isOver } from './swarm.ts'

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
}

/**
 * How full each IPv4 subnet of a network is; IPv6 subnets do not run out. The engine's own count includes
 * addresses that leaked; engines before version 29 have none.
 *
 * @param held addresses in use, as `addressesOn` finds them.
 */
export function fillings(network: DockerNetwork, held: readonly string[]): readonly Filling[] {
  return network.subnets.flatMap(({ subnet }): readonly Filling[] => {
    const own = blockOrNull(subnet)
    if (own === null || own.family !== 4) return []
    // Less the network's own address, the broadcast address and the gateway.
    const room = Math.max(0, Number(size(own)) - 3)
    const used = held.filter(address => contains(own, blockOrNull(address) ?? own)).length
    const engines = network.free?.find(one => one.subnet === subnet)?.free
    const free = engines ?? Math.max(0, room - used)
    const leaked = engines === undefined ? '' : `, by the engine's own count`
    return [
      {
        room,
        free,
        said: `${network.name} ${own.text}: ${used} of ${room} addresses held, ${free} free${leaked}`
      }
    ]
  })
}
