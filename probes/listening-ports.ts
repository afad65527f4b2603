import { z } from 'zod'
import { anyGlobMatches } from '../src/base/glob.ts'
import { defineProbe, type Finding } from '../src/judge/probe.ts'
import {
  type DockerEngine,
  dockerEngine,
  type SwarmNode,
  swarmNodes
} from '../src/observe/sources/docker-host.ts'
import { type SwarmService, swarmServices } from '../src/observe/sources/docker-services.ts'
import { type SwarmTask, swarmTasks } from '../src/observe/sources/docker-tasks.ts'
import { isEverywhere, isLoopback, type Listener, listeners } from '../src/observe/sources/listeners.ts'
import { tasksOf } from '../src/observe/swarm.ts'
import type { Severity } from '../src/words.ts'

const port = z
  .union([z.int().min(1).max(65_535), z.string().regex(/^\d{1,5}(?:\/(?:tcp|udp))?$/)], {
    error: 'expected 443 or 53/udp'
  })
  .transform(given => (String(given).includes('/') ? String(given) : `${given}/tcp`))
const ports = z.array(port).min(1).optional()

/** Daemons that by default ask nobody who they are, at the port that each has by custom. */
const bare: Readonly<Record<string, readonly [daemon: string, severity: Severity]>> = {
  '2375/tcp': ['the docker API without TLS: whoever reaches it is root on this host', 'critical'],
  '2379/tcp': ['etcd', 'high'],
  '6379/tcp': ['redis', 'high'],
  '9200/tcp': ['elasticsearch', 'high'],
  '11211/tcp': ['memcached', 'high'],
  '11211/udp': ['memcached', 'high'],
  '27017/tcp': ['mongodb', 'high']
}

export const listeningPorts = defineProbe({
  id: 'listening-ports',
  asserts: 'What should listen listens, and nothing that should not',
  because:
    'docker starts a service whose published port it could not take all the same, and a daemon without a password that listens everywhere is one firewall rule away from everyone.',
  remedy: 'See who has the port (`ss -lntup` as root); publish it anew, or bind the daemon to 127.0.0.1.',
  params: z.strictObject({
    expect: ports.describe('ports that listen beyond loopback: `443` or `53/udp`'),
    allow: ports.describe('with those expected, and the ssh port that we came in by, the only ones that may'),
    except: z.array(z.string().min(1)).min(1).optional().describe('services left aside (globs)')
  }),
  hunts: { with: {}, severity: 'high' },
  needs: () => ({
    listeners,
    services: swarmServices,
    tasks: swarmTasks,
    nodes: swarmNodes,
    engine: dockerEngine
  }),

  judge({ listeners: { sockets, sshPort }, ...docker }, { expect = [], allow, except = [] }) {
    const proof = `${sshPort ?? 22}/tcp`
    if (!sockets.some(socket => said(socket) === proof)) {
      const why = `ss does not even show ${proof}, where sshd listens: it does not see the host's own sockets`
      return [{ outcome: 'unknown', why, shows: sockets.map(line) }]
    }
    const outside = sockets.filter(socket => !isLoopback(socket))
    const heard = new Set(outside.map(said))
    const may = new Set([...expect, ...(allow ?? [])])
    const services = docker.services.filter(({ name }) => !anyGlobMatches(except, name))
    const published = services.flatMap(service => servedHere(service, docker))
    // Only docker's userland proxy listens for a port in host mode, and an engine may run without it.
    const proxied = published.some(({ mode, port }) => mode === 'host' && heard.has(port))

    const findings = [
      ...expect
        .filter(port => !heard.has(port))
        .map((port): Finding => {
          const inside = sockets.some(socket => said(socket) === port)
          const saw = inside ? `${port} listens on loopback alone` : `nobody listens at ${port}`
          return { outcome: 'fail', saw, expected: `${port} listens`, at: port }
        }),
      ...[...heard]
        .filter(port => allow !== undefined && port !== proof && !may.has(port) && !isClientPort(port))
        .map((port): Finding => {
          const lines = outside.filter(socket => said(socket) === port).map(line)
          const saw = `${lines.join(', ')}${publisherOf(port, services)}`
          return {
            outcome: 'fail',
            saw,
            expected: `only ${[...new Set([...may, proof])].join(', ')}`,
            at: port
          }
        }),
      ...published.filter(({ port }) => !heard.has(port)).map(served => deaf(served, proxied)),
      ...[...heard]
        .filter(port => outside.some(socket => said(socket) === port && isEverywhere(socket)))
        .filter(port => allow === undefined && Object.hasOwn(bare, port) && !may.has(port))
        .map(port => exposed(port, publisherOf(port, services)))
    ]
    const [first, ...rest] = findings
    if (first !== undefined) return [first, ...rest]
    const some =
      published.length === 0
        ? 'no service publishes one here'
        : `with all ${published.length} that services publish here`
    const saw = `${heard.size} ports listen beyond loopback (${[...heard].join(', ')}), ${some}`
    return [{ outcome: 'pass', saw, shows: outside.map(line) }]
  },

  falsify(facts, { expect = [], allow }) {
    const { sockets, sshPort } = facts.listeners
    const change = (sockets: readonly Listener[]) => ({ ...facts, listeners: { sockets, sshPort } })
    const ssh: Listener = { protocol: 'tcp', address: '*', port: sshPort ?? 22 }
    const at = (port: string): Listener => ({ ...ssh, port: Number(port.split('/')[0]) })
    const may = [said(ssh), ...expect, ...(allow ?? [])]
    const free = (ports: readonly string[]) => ports.filter(port => !may.includes(port)).slice(0, 1)
    return [
      ...free(Object.keys(bare).filter(port => port.endsWith('/tcp'))).map(port => change([ssh, at(port)])),
      ...expect
        .filter(port => port !== said(ssh))
        .map(port => change([ssh, ...sockets.filter(socket => said(socket) !== port)])),
      ...(allow === undefined ? [] : free(['1/tcp', '2/tcp', '3/tcp']).map(port => change([ssh, at(port)])))
    ]
  }
})

interface Served {
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
function servedHere(service: SwarmService, { tasks, nodes, engine }: Docker): readonly Served[] {
  const self = nodes.find(({ self }) => self)?.id
  const running = tasksOf(service, tasks).filter(({ state }) => state === 'running')
  return service.ports.flatMap(({ protocol, port, mode }): readonly Served[] => {
    const [task] = running.filter(({ node }) => mode !== 'host' || node === self)
    if (task === undefined || port === 0 || !/^(?:tcp|udp)$/.test(protocol)) return []
    const young = engine.nowMicros - (task.stateMicros ?? 0) < 30_000_000
    return [{ service: service.name, port: `${port}/${protocol}`, mode, young }]
  })
}

function deaf({ service, port, mode, young }: Served, proxied: boolean): Finding {
  const saw = `${service} publishes ${port} in ${mode} mode and runs, but nobody listens there`
  if (young) return { outcome: 'unknown', why: `${saw} yet`, settlesWithinMs: 30_000 }
  if (mode === 'host' && !proxied) {
    const why = `${saw}, nor at any port in host mode: this engine may publish without its userland proxy`
    return { outcome: 'unknown', why }
  }
  return {
    outcome: 'fail',
    saw,
    expected: `${port} listens`,
    at: port,
    filing: {
      subject: `${service} ${port}`,
      title: `nobody listens at ${port}, which ${service} publishes`,
      severity: 'high',
      story: [`${saw}.`, 'docker counts the task as running whether or not it got its port.'],
      mend: 'Look for the port in the journal of docker.service, then update the service with --force.'
    }
  }
}

function exposed(port: string, publisher: string): Finding {
  const [daemon = '', severity = 'high'] = bare[port] ?? []
  const saw = `${port} listens on every address${publisher}: by custom the port of ${daemon}`
  return {
    outcome: 'fail',
    saw,
    expected: `${port} on loopback alone, if at all`,
    at: port,
    filing: {
      subject: port,
      title: `${port} is open on every address`,
      severity,
      story: [`${saw}.`, 'Whether a firewall stands before it cannot be seen from the list of sockets.'],
      mend: 'Bind it to 127.0.0.1 or to the address that needs it, or put authentication before it.'
    }
  }
}

function publisherOf(port: string, services: readonly SwarmService[]): string {
  const names = services
    .filter(({ ports }) => ports.some(one => `${one.port}/${one.protocol}` === port))
    .map(({ name }) => name)
  return names.length === 0 ? '' : `, published by ${names.join(', ')}`
}

/** Programs that only ask get their UDP ports from here, and are gone a moment later. */
function isClientPort(port: string): boolean {
  return port.endsWith('/udp') && Number.parseInt(port, 10) >= 32_768
}

function said({ port, protocol }: Listener): string {
  return `${port}/${protocol}`
}

function line(socket: Listener): string {
  const address = socket.address.includes(':') ? `[${socket.address}]` : socket.address
  return `${socket.protocol} ${address}:${socket.port}`
}
