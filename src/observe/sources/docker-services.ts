import * as z from 'zod'
import { canonicalJson, sha256 } from '../../base/canonical.ts'
import type { FactSource, Look } from '../fact.ts'
import { readCommand, readPattern } from '../read-command.ts'
import {
  askDocker,
  byText,
  count,
  id,
  jsonArray,
  jsonLines,
  list,
  maybe,
  text,
  time,
  words
} from './docker-json.ts'

/** A swarm service as its manager describes it. Whether it is healthy is for probes to say. */
export interface SwarmService {
  readonly id: string
  readonly name: string
  /** The stack that it was deployed with; null for a service that was made by hand. */
  readonly stack: string | null
  readonly mode: Mode
  /** Wanted tasks at most per node; 0 for no limit. */
  readonly maxPerNode: number
  readonly template: Template
  /** Labels of the service itself (`deploy.labels`), where Traefik's routes are. */
  readonly labels: Readonly<Record<string, string>>
  readonly containerLabels: Readonly<Record<string, string>>
  /** Ids (rarely names) of the networks that its tasks join. */
  readonly networks: readonly string[]
  readonly virtualIps: readonly { readonly network: string; readonly address: string }[]
  readonly ports: readonly PublishedPort[]
  /** How the newest update went; null where there never was one. */
  readonly update: { readonly state: string; readonly message: string } | null
  /** The image of the spec that the newest update replaced. */
  readonly previousImage: string | null
  readonly createdMicros: number | null
  readonly updatedMicros: number | null
}

/** A port that the service is reached by from outside. */
export interface PublishedPort {
  /** `tcp`, `udp`, `sctp`. */
  readonly protocol: string
  /** On the host; 0 where docker chose one and does not say which. */
  readonly port: number
  /** `ingress`: every node answers for it. `host`: only nodes that run one of its tasks. */
  readonly mode: string
}

export type Mode =
  | { readonly kind: 'replicated'; readonly replicas: number }
  | { readonly kind: 'global' }
  | { readonly kind: 'replicated job'; readonly completions: number; readonly iteration: number }
  | { readonly kind: 'global job'; readonly iteration: number }

/** What tasks are made from. Two templates with the same digest start the same thing. */
export interface Template {
  readonly image: string
  /** Raised by `docker service update --force`. */
  readonly forced: number
  readonly digest: string
}

const templateShape = z.object({
  ContainerSpec: z.looseObject({ Image: text, Labels: words }).nullish(),
  ForceUpdate: count,
  Networks: list(z.object({ Target: text })),
  Placement: z.object({ MaxReplicas: count }).nullish()
})

export { templateShape }

/**
 * `docker service inspect` fills defaults into what it prints and `docker inspect --type task` does not, so
 * these are left out of the comparison: they are the same for a task and its service, or were never written.
 */
const filledIn = new Set(['StopGracePeriod', 'DNSConfig', 'Isolation', 'PullOptions'])

/** Of a service's TaskTemplate or a task's Spec. */
export function templateOf(spec: z.output<typeof templateShape>): Template {
  const container = Object.entries(spec.ContainerSpec ?? {}).filter(
    ([key, value]) => !filledIn.has(key) && value !== null
  )
  return {
    image: spec.ContainerSpec?.Image ?? '',
    forced: spec.ForceUpdate,
    digest: sha256(
      canonicalJson({
        container: Object.fromEntries(container),
        forced: spec.ForceUpdate,
        networks: spec.Networks.map(({ Target }) => Target).sort()
      })
    )
  }
}

const iteration = z.object({ Index: count }).nullish()
const shape = z.object({
  ID: id,
  CreatedAt: time,
  UpdatedAt: time,
  Spec: z.object({
    Name: z.string().min(1),
    Labels: words,
    TaskTemplate: templateShape,
    Mode: z.object({
      Replicated: maybe(z.object({ Replicas: count })),
      Global: maybe(z.object({})),
      ReplicatedJob: maybe(z.object({ TotalCompletions: count })),
      GlobalJob: maybe(z.object({}))
    })
  }),
  PreviousSpec: z.object({ TaskTemplate: templateShape }).nullish(),
  Endpoint: z
    .object({
      VirtualIPs: list(z.object({ NetworkID: text, Addr: text })),
      Ports: list(z.object({ Protocol: text, PublishedPort: count, PublishMode: text }))
    })
    .nullish(),
  UpdateStatus: maybe(z.object({ State: text, Message: text })),
  JobStatus: z.object({ JobIteration: iteration }).nullish()
})

/** The ids of all services, as the list shortens them. */
export async function serviceIds(look: Look): Promise<readonly string[]> {
  const { stdout } = await askDocker(look, readCommand.dockerServiceList())
  return jsonLines(z.object({ ID: id }), stdout).map(({ ID }) => ID)
}

/** Every service of the swarm; an empty list where a manager has none. */
export const swarmServices: FactSource<readonly SwarmService[]> = {
  key: 'swarm-services',
  place: 'host',
  reads: [readPattern.dockerServiceList(), readPattern.dockerServices()],
  async take(look) {
    const ids = await serviceIds(look)
    if (ids.length === 0) return []
    const { stdout } = await askDocker(look, readCommand.dockerServices(ids))
    return jsonArray(shape, stdout)
      .map(serviceOf)
      .sort(byText(service => service.name))
  }
}

function serviceOf(found: z.output<typeof shape>): SwarmService {
  const { Name, Labels, TaskTemplate } = found.Spec
  const update = found.UpdateStatus
  return {
    id: found.ID,
    name: Name,
    stack: Labels['com.docker.stack.namespace'] ?? null,
    mode: modeOf(found),
    maxPerNode: TaskTemplate.Placement?.MaxReplicas ?? 0,
    template: templateOf(TaskTemplate),
    labels: Labels,
    containerLabels: TaskTemplate.ContainerSpec?.Labels ?? {},
    networks: TaskTemplate.Networks.map(({ Target }) => Target),
    virtualIps: (found.Endpoint?.VirtualIPs ?? []).map(({ NetworkID, Addr }) => ({
      network: NetworkID,
      address: Addr
    })),
    ports: (found.Endpoint?.Ports ?? []).map(({ Protocol, PublishedPort, PublishMode }) => ({
      protocol: Protocol,
      port: PublishedPort,
      mode: PublishMode
    })),
    update:
      update === undefined || update.State === '' ? null : { state: update.State, message: update.Message },
    previousImage: found.PreviousSpec?.TaskTemplate.ContainerSpec?.Image ?? null,
    createdMicros: found.CreatedAt,
    updatedMicros: found.UpdatedAt
  }
}

function modeOf(found: z.output<typeof shape>): Mode {
  const { Replicated, Global, ReplicatedJob, GlobalJob } = found.Spec.Mode
  const round = found.JobStatus?.JobIteration?.Index ?? 0
  if (Replicated !== undefined) return { kind: 'replicated', replicas: Replicated.Replicas }
  if (ReplicatedJob !== undefined) {
    return { kind: 'replicated job', completions: ReplicatedJob.TotalCompletions, iteration: round }
  }
  if (GlobalJob !== undefined) return { kind: 'global job', iteration: round }
  if (Global !== undefined) return { kind: 'global' }
  throw new RangeError(`service ${found.Spec.Name} is of a mode that we do not know`)
}
