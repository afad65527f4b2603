import { type DockerEngine } from '../docker/engine.ts'
import { type SwarmNode } from './nodes.ts'
import type { SwarmService } from './services.ts'
import type { SwarmTask } from './tasks.ts'
import type { Listener } from '../linux/listeners.ts'
import type { Severity } from '../../lib/words.ts'
import { tasksOf } from './service-health.ts'

/** Which ports there are, and whose; arithmetic for probes. A port is said as `443/tcp`. */

/** Daemons that by default ask nobody who they are, at the port that each has by custom. */
export const bareDaemons: Readonly<Record<string, readonly [daemon: string, severity: Severity]>> = {
  '2375/tcp': ['the docker API without TLS: whoever reaches it is root on this host', 'critical'],
  '2379/tcp': ['etcd', 'high'],
  '6379/tcp': ['redis', 'high'],
  '9200/tcp': ['elasticsearch', 'high'],
  '11211/tcp': ['memcached', 'high'],
  '11211/udp': ['memcached', 'high'],
  '27017/tcp': ['mongodb', 'high']
}

/** A port that a service is reached by on this node. */
export interface Served {
  readonly service: string
  readonly port: string
  readonly mode: string
  /** Its task has run for less than half a minute: the list of sockets may be older than that. */
  readonly young: boolean
}

interface Docker {
  readonly tasks: readonly SwarmTask[]
  readonly nodes: readonly SwarmNode[]
  readonly engine: DockerEngine
}

/** The ports that this node answers for: those in host mode of tasks that run here, the others of any that runs. */
export function servedHere(service: SwarmService, { tasks, nodes, engine }: Docker): readonly Served[] {
  const self = nodes.find(({ self }) => self)?.id
  const running = tasksOf(service, tasks).filter(({ state }) => state === 'running')
  return service.ports.flatMap(({ protocol, port, mode }): readonly Served[] => {
    const [task] = running.filter(({ node }) => mode !== 'host' || node === self)
    if (task === undefined || port === 0 || !/^(?:tcp|udp)$/.test(protocol)) return []
    const young = engine.nowMicros - (task.stateMicros ?? 0) < 30_000_000
    return [{ service: service.name, port: `${port}/${protocol}`, mode, young }]
  })
}

/** The ports that the engine of every node of a swarm listens at: who has these is docker. */
const engines = new Set(['2377/tcp', '7946/tcp', '7946/udp'])

/**
 * Whose sockets a port's are, beyond loopback: docker's (its own, or its proxies'), somebody else's, or not shown.
 * docker starts a task whose published port it could not take, and whoever has it answers instead.
 */
export function holderOf(
  port: string,
  sockets: readonly Listener[]
):
  | { readonly kind: 'docker' }
  | { readonly kind: 'unseen' }
  | { readonly kind: 'other'; readonly owner: string } {
  const owners = sockets.filter(socket => engines.has(portOf(socket))).flatMap(({ owner }) => owner ?? [])
  const isDockers = (owner: string) =>
    owners.length > 0 ? owners.includes(owner) : /\/(?:snap\.docker\.)?dockerd?(?:\.service)?$/.test(owner)
  const own = sockets.filter(socket => portOf(socket) === port)
  const other = own.find(({ owner }) => owner !== undefined && !isDockers(owner))
  if (other?.owner !== undefined) return { kind: 'other', owner: other.owner }
  return { kind: own.every(({ owner }) => owner !== undefined) ? 'docker' : 'unseen' }
}

/** Who publishes it, as the end of a sentence; empty where no service does. */
export function publisherOf(port: string, services: readonly SwarmService[]): string {
  const names = services
    .filter(({ ports }) => ports.some(one => `${one.port}/${one.protocol}` === port))
    .map(({ name }) => name)
  return names.length === 0 ? '' : `, published by ${names.join(', ')}`
}

/** Programs that only ask get their UDP ports from here, and are gone a moment later. */
export function isClientPort(port: string): boolean {
  return port.endsWith('/udp') && Number.parseInt(port, 10) >= 32_768
}

/** A socket's port. */
export function portOf({ port, protocol }: Listener): string {
  return `${port}/${protocol}`
}

/** A socket on one line. */
export function socketLine(socket: Listener): string {
  const address = socket.address.includes(':') ? `[${socket.address}]` : socket.address
  return `${socket.protocol} ${address}:${socket.port}`
}
