import * as z from 'zod'
import { messageOf } from '../../lib/errors.ts'
import type { FactSource } from '../../facts/fact.ts'
import { byText, flag, jsonArray, jsonLines, text, words } from '../../facts/answers.ts'
import { dockerPattern } from '../docker/reads.ts'
import { swarmPattern, swarmRead } from './reads.ts'
import { askDocker, id, onOwnDocker } from '../docker/ask.ts'
import { type SwarmService, swarmServices } from './services.ts'

export interface SwarmNode {
  readonly id: string
  readonly hostname: string
  readonly self: boolean
  /** `Ready`, `Down`, `Unknown`, `Disconnected`. */
  readonly status: string
  /** `Active`, `Pause`, `Drain`. */
  readonly availability: string
  /** `Leader`, `Reachable`, `Unreachable`, or empty for a worker. */
  readonly manager: string
}

const node = z.object({
  ID: id,
  Hostname: text,
  Self: flag,
  Status: text,
  Availability: text,
  ManagerStatus: text
})

/** The nodes of the swarm, as a manager sees them. */
export const swarmNodes: FactSource<readonly SwarmNode[]> = {
  key: 'swarm-nodes',
  place: 'host',
  reads: [swarmPattern.dockerNodes(), dockerPattern.dockerInfo()],
  async take(look) {
    const { stdout } = await onOwnDocker(look, () => askDocker(look, swarmRead.dockerNodes()))
    return jsonLines(node, stdout)
      .map(found => ({
        id: found.ID,
        hostname: found.Hostname,
        self: found.Self,
        status: found.Status,
        availability: found.Availability,
        manager: found.ManagerStatus
      }))
      .sort(byText(found => found.hostname))
  }
}

/** What is known of a node beyond the list: only what placements of services ask for. */
export interface NodeDetail {
  readonly id: string
  /** `manager`, `worker`. */
  readonly role: string
  /** As the kernel says it: `linux`, `x86_64`. */
  readonly os: string
  readonly architecture: string
  readonly address: string
  readonly labels: Readonly<Record<string, string>>
  readonly engineLabels: Readonly<Record<string, string>>
}

export interface NodeDetails {
  /** Empty where no service asks for more than the list of nodes says. */
  readonly nodes: readonly NodeDetail[]
  /** Why they could not be seen, where they are needed; empty otherwise. */
  readonly why: string
}

const nodeDetail = z.object({
  ID: id,
  Spec: z.object({ Role: text, Labels: words }),
  Description: z
    .object({
      Platform: z.object({ Architecture: text, OS: text }).nullish(),
      Engine: z.object({ Labels: words }).nullish()
    })
    .nullish(),
  Status: z.object({ Addr: text }).nullish()
})

/** Labels, platforms and addresses of the nodes, where the placement of a service on every node asks for them. */
export const nodeDetails: FactSource<NodeDetails> = {
  key: 'swarm-node-details',
  place: 'host',
  reads: [...(swarmServices.reads ?? []), swarmPattern.dockerNodes(), swarmPattern.dockerNodeDetails()],
  async take(look) {
    const services = await swarmServices.take(look)
    if (!services.some(needsDetails)) return { nodes: [], why: '' }
    try {
      const nodes = await swarmNodes.take(look)
      const { stdout } = await askDocker(look, swarmRead.dockerNodeDetails(nodes.map(node => node.id)))
      return { nodes: jsonArray(nodeDetail, stdout).map(detailOf), why: '' }
    } catch (error) {
      // Only the services that ask for them are not known then.
      return { nodes: [], why: messageOf(error) }
    }
  }
}

function detailOf(found: z.output<typeof nodeDetail>): NodeDetail {
  return {
    id: found.ID,
    role: found.Spec.Role,
    os: found.Description?.Platform?.OS ?? '',
    architecture: found.Description?.Platform?.Architecture ?? '',
    address: found.Status?.Addr ?? '',
    labels: found.Spec.Labels,
    engineLabels: found.Description?.Engine?.Labels ?? {}
  }
}

/** Whether it wants a task on each of some nodes, and the list of nodes does not say on which. */
function needsDetails({ mode, constraints = [], platforms = [] }: SwarmService): boolean {
  if (mode.kind !== 'global' && mode.kind !== 'global job') return false
  return (
    platforms.length > 0 || constraints.some(text => !/^\s*node\.(?:id|hostname|role)\s*[!=]=/i.test(text))
  )
}
