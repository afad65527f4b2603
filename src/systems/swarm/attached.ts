import { addressOf } from '../../lib/cidr.ts'
import { type DockerNetwork, isTaskName } from '../docker/networks.ts'
import { ofPresentSpec } from './service-health.ts'
import type { SwarmService } from './services.ts'
import type { SwarmTask } from './tasks.ts'

/** Who is on a network; analysis for probes. */

export interface Attached {
  readonly name: string
  /**
   * `idle`: a service that may be on it, and of which no task runs. `leftover`: the container of a task whose
   * service is gone, which is there, but has no owner.
   */
  readonly state: 'there' | 'coming' | 'idle' | 'leftover'
  readonly addresses: readonly string[]
}

/** Services on the network wherever they run, and the containers on it here that belong to none. */
export function attachedTo(
  network: DockerNetwork,
  services: readonly SwarmService[],
  tasks: readonly SwarmTask[]
): readonly Attached[] {
  const { id, name, endpoints } = network
  const plain = (text: string | null) => [addressOf(text ?? '') ?? []].flat()
  const own = services.filter(
    service =>
      service.networks.includes(id) ||
      service.networks.includes(name) ||
      service.virtualIps.some(one => one.network === id)
  )
  const ofServices = own.map(service => {
    const here = endpoints.filter(one => isTaskOf(service, one.name)).flatMap(one => plain(one.ipv4))
    const virtual = service.virtualIps.filter(one => one.network === id).flatMap(one => plain(one.address))
    return {
      name: service.name,
      state: stateOn(
        id,
        service,
        tasks.filter(task => task.service === service.id)
      ),
      addresses: [...here, ...virtual.map(address => `(VIP ${address})`)]
    }
  })
  const containers = endpoints
    // The network's own balancer, and the ingress sandbox.
    .filter(one => one.id !== `lb-${name}` && one.id !== 'ingress-sbox')
    .filter(one => !services.some(service => isTaskOf(service, one.name)))
    .map(one => ({
      name: one.name,
      state: isTaskName(one.name) ? ('leftover' as const) : ('there' as const),
      addresses: plain(one.ipv4)
    }))
  return [...ofServices, ...containers]
}

const starting = new Set(['assigned', 'accepted', 'preparing', 'ready', 'starting'])

/** What a service has on the network: its spec does not attach it. */
function stateOn(id: string, service: SwarmService, own: readonly SwarmTask[]): 'there' | 'coming' | 'idle' {
  const on = own.filter(
    task => ofPresentSpec(service, task) || task.addresses.some(({ network }) => network === id)
  )
  if (on.some(({ state, desired }) => state === 'running' && desired === 'running')) return 'there'
  return on.some(({ state, desired }) => starting.has(state) && desired !== 'shutdown') ? 'coming' : 'idle'
}

function isTaskOf(service: SwarmService, container: string): boolean {
  return container.startsWith(`${service.name}.`) && isTaskName(container)
}
