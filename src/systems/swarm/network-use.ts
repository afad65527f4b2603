import type { LooseEndpoint } from '../docker/endpoints.ts'
import { type DockerNetwork, isTaskName } from '../docker/networks.ts'
import type { SwarmNode } from './nodes.ts'
import type { SwarmService } from './services.ts'

/** Whether a network of a stack is still used; analysis for probes. */

/** Containers attached by hand: the network is in use, whatever became of its stack. */
function usersOf({ name, endpoints }: DockerNetwork, loose: readonly LooseEndpoint[]) {
  const lost = loose.filter(({ network }) => network === name).map(one => one.name)
  return endpoints.filter(
    one =>
      one.id !== `lb-${name}` &&
      one.id !== 'ingress-sbox' &&
      !one.id.startsWith('ep-') &&
      !isTaskName(one.name) &&
      !lost.includes(one.name)
  )
}

/** A node shows only its own endpoints, and a container that is no task belongs to no service. */
export function mayBeUsedElsewhere(
  { attachable, scope }: DockerNetwork,
  nodes: readonly SwarmNode[]
): boolean {
  return attachable && scope === 'swarm' && nodes.length > 1
}

export function stackOf({ labels }: DockerNetwork): string | undefined {
  return labels['com.docker.stack.namespace']
}

/** Networks of stacks that have no service any more, and that nothing here uses. */
export function orphansAmong(
  owned: readonly DockerNetwork[],
  services: readonly SwarmService[],
  loose: readonly LooseEndpoint[]
): readonly DockerNetwork[] {
  const stacks = new Set(services.map(({ stack }) => stack))
  return (
    owned
      // A service of another stack may live on it: then it is in use, whatever became of its own stack.
      .filter(
        one =>
          !stacks.has(stackOf(one) ?? null) && !services.some(service => service.networks.includes(one.id))
      )
      .filter(one => usersOf(one, loose).length === 0)
  )
}
