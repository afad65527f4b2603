import * as z from 'zod'
import { type FactSource, type FactContext, Unseen } from '../../facts/fact.ts'
import { dockerPattern } from '../docker/reads.ts'
import { swarmPattern, swarmRead } from './reads.ts'
import { askDocker, id, onOwnDocker, refused, time } from '../docker/ask.ts'
import { byText, count, jsonArray, jsonLines, list, text } from '../../facts/answers.ts'
import { serviceIds, type Template, templateOf, templateShape } from './services.ts'

/** One task of the swarm: running, on its way, or ended and still remembered (five a slot by default). */
export interface SwarmTask {
  readonly id: string
  readonly service: string
  /** From 1; 0 for tasks of global services, which have a node instead. */
  readonly slot: number
  readonly node: string
  /** `new`, `pending`, `assigned`, …, `running`, `complete`, `shutdown`, `failed`, `rejected`, `remove`, `orphaned`. */
  readonly state: string
  /** What the swarm wants it to be: `running`, `ready`, `shutdown`, `remove`, `complete`. */
  readonly desired: string
  /** When it was made, and when it came into its state: microseconds since 1970. */
  readonly createdMicros: number | null
  readonly stateMicros: number | null
  readonly error: string
  readonly exit: number | null
  readonly template: Template
  readonly addresses: readonly { readonly network: string; readonly addresses: readonly string[] }[]
  /** Which run of a job it belongs to; null for tasks of other services. */
  readonly iteration: number | null
}

const shape = z.object({
  ID: id,
  CreatedAt: time,
  Spec: templateShape,
  ServiceID: text,
  Slot: count,
  NodeID: text,
  DesiredState: text,
  Status: z.object({
    Timestamp: time.nullish(),
    State: z.string().min(1),
    Err: text,
    ContainerStatus: z.object({ ExitCode: z.number().nullish() }).nullish()
  }),
  NetworksAttachments: list(
    z.object({ Network: z.object({ ID: text }).nullish(), Addresses: list(z.string()) })
  ),
  JobIteration: z.object({ Index: count }).nullish()
})

/** Every task of every service, typed: one list of services, one of their tasks, one look at all of these. */
export const swarmTasks: FactSource<readonly SwarmTask[]> = {
  key: 'swarm-tasks',
  place: 'host',
  reads: [
    swarmPattern.dockerServiceList(),
    dockerPattern.dockerInfo(),
    swarmPattern.dockerServiceTasks(),
    swarmPattern.dockerTasks()
  ],
  take: look => onOwnDocker(look, () => inspected(look))
}

async function inspected(look: FactContext): Promise<readonly SwarmTask[]> {
  const services = await serviceIds(look)
  if (services.length === 0) return []
  const rows = await askDocker(look, swarmRead.dockerServiceTasks(services))
  const ids = jsonLines(z.object({ ID: id }), rows.stdout).map(({ ID }) => ID)
  if (ids.length === 0) return []
  const { exit, stdout, stderr } = await askDocker(look, swarmRead.dockerTasks(ids))
  const lost = stderr.split('\n').filter(line => line.trim() !== '')
  // A task that was dropped from the history since it was listed is simply gone. Any other complaint is not an answer.
  const other = lost.find(line => !/no such task|task \S+ not found/i.test(line))
  if (exit !== 0 && (other !== undefined || lost.length === 0)) {
    throw refused(stderr) ?? new Unseen(`docker could not inspect the tasks: ${other ?? 'it gave no reason'}`)
  }
  const tasks = jsonArray(shape, stdout).map(taskOf)
  if (tasks.length + (exit === 0 ? 0 : lost.length) < ids.length) {
    throw new Unseen(`docker listed ${ids.length} tasks, but inspected only ${tasks.length}`)
  }
  return tasks.sort(byText(task => `${task.service} ${task.slot} ${task.node} ${task.id}`))
}

/**
 * Which subnets the swarm's own specs of networks declare, by the network's id, as its tasks show them: an empty
 * list for a network whose subnet docker chose. Networks that no task has joined are left out.
 */
export const declaredSubnets: FactSource<Readonly<Record<string, readonly string[]>>> = {
  key: 'declared-subnets',
  place: 'host',
  reads: swarmTasks.reads ?? [],
  async take(look) {
    const services = await serviceIds(look)
    if (services.length === 0) return {}
    const rows = await askDocker(look, swarmRead.dockerServiceTasks(services))
    const ids = jsonLines(z.object({ ID: id }), rows.stdout).map(({ ID }) => ID)
    if (ids.length === 0) return {}
    const { stdout } = await askDocker(look, swarmRead.dockerTasks(ids))
    const attachments = jsonArray(declaration, stdout).flatMap(task => task.NetworksAttachments)
    return Object.fromEntries(
      attachments
        .flatMap(({ Network: network }) => (network === null || network === undefined ? [] : [network]))
        .map(({ ID, Spec }) => [
          ID,
          (Spec?.IPAMOptions?.Configs ?? []).map(({ Subnet }) => Subnet).filter(Boolean)
        ])
    )
  }
}

const declaration = z.object({
  NetworksAttachments: list(
    z.object({
      Network: z
        .object({
          ID: id,
          Spec: z
            .object({ IPAMOptions: z.object({ Configs: list(z.object({ Subnet: text })) }).nullish() })
            .nullish()
        })
        .nullish()
    })
  )
})

function taskOf(found: z.output<typeof shape>): SwarmTask {
  return {
    id: found.ID,
    service: found.ServiceID,
    slot: found.Slot,
    node: found.NodeID,
    state: found.Status.State,
    desired: found.DesiredState,
    createdMicros: found.CreatedAt,
    stateMicros: found.Status.Timestamp ?? null,
    error: found.Status.Err,
    exit: found.Status.ContainerStatus?.ExitCode ?? null,
    template: templateOf(found.Spec),
    addresses: found.NetworksAttachments.map(({ Network, Addresses }) => ({
      network: Network?.ID ?? '',
      addresses: Addresses
    })),
    iteration: found.JobIteration?.Index ?? null
  }
}
