import * as z from 'zod'
import { canonicalJson, sha256 } from '../../lib/canonical.ts'
import type { FactSource, FactContext } from '../../facts/fact.ts'
import { dockerPattern } from '../docker/reads.ts'
import { swarmPattern, swarmRead } from './reads.ts'
import { askDocker, id, onOwnDocker, time } from '../docker/ask.ts'
import { byText, count, jsonArray, jsonLines, list, maybe, text, words } from '../../facts/answers.ts'

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
  /** Which nodes may run it, as written: `node.labels.zone==a`. Absent: any. */
  readonly constraints?: readonly string[]
  /** What its image runs on; an empty word is any. Absent where docker did not ask the registry: any. */
  readonly platforms?: readonly Platform[]
  /** Its own times; absent where they are docker's defaults: see `defaultTimes`. */
  readonly times?: ServiceTimes
}

export const defaultTimes: ServiceTimes = { healthy: null, restartDelay: 5_000_000 }

export interface Platform {
  /** As Go writes it (`amd64`), or as the kernel does (`x86_64`). */
  readonly architecture: string
  readonly os: string
}

/** What a service's spec allows its tasks, in microseconds. */
export interface ServiceTimes {
  /** Until an unhealthy start has failed; null where the spec has no health check (the image may have one). */
  readonly healthy: number | null
  /** Between the end of a task and the start of the next. */
  readonly restartDelay: number
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

/** Read apart from the rest of the spec, whose digest is over what docker wrote and not over what is filled in. */
const healthcheck = z
  .object({
    Test: list(z.string()),
    Interval: count,
    Timeout: count,
    Retries: count,
    StartPeriod: count
  })
  .nullish()

const templateShape = z.object({
  ContainerSpec: z.looseObject({ Image: text, Labels: words }).nullish(),
  ForceUpdate: count,
  Networks: list(z.object({ Target: text })),
  Placement: z
    .object({
      MaxReplicas: count,
      Constraints: list(z.string()),
      Platforms: list(z.object({ Architecture: text, OS: text }))
    })
    .nullish(),
  RestartPolicy: z.object({ Delay: z.number().nullish() }).nullish()
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
export async function serviceIds(look: FactContext): Promise<readonly string[]> {
  const { stdout } = await askDocker(look, swarmRead.dockerServiceList())
  return jsonLines(z.object({ ID: id }), stdout).map(({ ID }) => ID)
}

/** Every service of the swarm; an empty list where a manager has none. */
export const swarmServices: FactSource<readonly SwarmService[]> = {
  key: 'swarm-services',
  place: 'host',
  reads: [swarmPattern.dockerServiceList(), dockerPattern.dockerInfo(), swarmPattern.dockerServices()],
  take: look => onOwnDocker(look, () => inspected(look))
}

async function inspected(look: FactContext): Promise<readonly SwarmService[]> {
  const ids = await serviceIds(look)
  if (ids.length === 0) return []
  const { stdout } = await askDocker(look, swarmRead.dockerServices(ids))
  return jsonArray(shape, stdout)
    .map(serviceOf)
    .sort(byText(service => service.name))
}

function serviceOf(found: z.output<typeof shape>): SwarmService {
  const { Name, Labels, TaskTemplate } = found.Spec
  const { Constraints: constraints = [], Platforms: platforms = [] } = TaskTemplate.Placement ?? {}
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
    updatedMicros: found.UpdatedAt,
    ...(constraints.length === 0 ? {} : { constraints }),
    ...(platforms.length === 0
      ? {}
      : { platforms: platforms.map(({ Architecture, OS }) => ({ architecture: Architecture, os: OS })) }),
    ...timesOf(TaskTemplate)
  }
}

/** Docker's own defaults where the spec has 0 or nothing. It writes nanoseconds. */
function timesOf({ ContainerSpec, RestartPolicy }: z.output<typeof templateShape>): {
  readonly times?: ServiceTimes
} {
  const micros = (nanos: number) => Math.round(nanos / 1_000)
  const restartDelay = micros(RestartPolicy?.Delay ?? 5e9)
  const check = healthcheck.parse(ContainerSpec?.['Healthcheck']) ?? null
  if (check === null) {
    return restartDelay === defaultTimes.restartDelay ? {} : { times: { healthy: null, restartDelay } }
  }
  if (check.Test[0] === 'NONE') return { times: { healthy: 0, restartDelay } }
  const tries = check.Retries === 0 ? 3 : check.Retries
  const each = (check.Interval === 0 ? 30e9 : check.Interval) + (check.Timeout === 0 ? 30e9 : check.Timeout)
  return { times: { healthy: micros(check.StartPeriod + tries * each), restartDelay } }
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
