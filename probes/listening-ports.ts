import { counted } from '../src/lib/text/counted.ts'
import * as z from 'zod'
import { anyGlobMatches } from '../src/lib/text/glob.ts'
import { defineProbe, type Finding } from '../src/probe/probe.ts'
import {
  bareDaemons as bare,
  isClientPort,
  portOf,
  publisherOf,
  servedHere,
  socketLine
} from '../src/systems/swarm/ports.ts'
import { deaf, exposed, taken } from '../src/systems/swarm/port-troubles.ts'
import { dockerEngine } from '../src/systems/docker/engine.ts'
import { swarmNodes } from '../src/systems/swarm/nodes.ts'
import { swarmServices } from '../src/systems/swarm/services.ts'
import { swarmTasks } from '../src/systems/swarm/tasks.ts'
import { isEverywhere, isLoopback, type Listener, listeners } from '../src/systems/linux/listeners.ts'

const port = z
  .union([z.int().min(1).max(65_535), z.string().regex(/^\d{1,5}(?:\/(?:tcp|udp))?$/)], {
    error: 'expected 443 or 53/udp'
  })
  .transform(given => (String(given).includes('/') ? String(given) : `${given}/tcp`))
const ports = z.array(port).min(1).optional()

export const listeningPorts = defineProbe({
  id: 'listening-ports',
  asserts: 'Only the expected ports listen',
  because:
    'docker starts a service even when it cannot bind its published port, and an unauthenticated daemon on every address is one firewall rule away from public access.',
  remedy:
    'Find the program that has the port (`ss -lntup` as root); publish the port again, or bind the daemon to 127.0.0.1.',
  fails: [
    'nothing listens on a port that is expected, or that a service publishes here',
    'another program has the port that a service publishes',
    'something listens on a port that is not allowed',
    'an unauthenticated daemon listens on every address'
  ],
  params: z.strictObject({
    expect: ports.describe('ports that listen beyond loopback: `443` or `53/udp`'),
    allow: ports.describe(
      'the only other ports that may listen, besides `expect` and the SSH port of the connection'
    ),
    except: z.array(z.string().min(1)).min(1).optional().describe('services to exclude (globs)')
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
    if (sshPort === null && sockets.every(socket => socket.protocol !== 'tcp' || isLoopback(socket))) {
      const why = 'ss shows no listening socket beyond loopback, so it may not see the sockets of the host'
      return [{ outcome: 'unknown', why, shows: sockets.map(socketLine) }]
    }
    // Without sshd between, the login is on the host itself, wherever its sshd listens.
    if (sshPort !== null && !sockets.some(socket => portOf(socket) === proof)) {
      const why = `ss does not show ${proof}, where sshd listens, so it does not see the sockets of the host`
      return [{ outcome: 'unknown', why, shows: sockets.map(socketLine) }]
    }
    const outside = sockets.filter(socket => !isLoopback(socket))
    const heard = new Set(outside.map(portOf))
    const may = new Set([...expect, ...(allow ?? [])])
    const services = docker.services.filter(({ name }) => !anyGlobMatches(except, name))
    const published = services.flatMap(service => servedHere(service, docker))
    // Only docker's userland proxy listens for a port in host mode, and an engine may run without it.
    const proxied = published.some(({ mode, port }) => mode === 'host' && heard.has(port))

    const findings = [
      ...expect
        .filter(port => !heard.has(port))
        .map((port): Finding => {
          const inside = sockets.some(socket => portOf(socket) === port)
          const saw = inside ? `${port} listens on loopback only` : `nothing listens on ${port}`
          return { outcome: 'fail', saw, expected: `a listener on ${port}`, at: port }
        }),
      ...[...heard]
        .filter(port => allow !== undefined && port !== proof && !may.has(port) && !isClientPort(port))
        .map((port): Finding => {
          const lines = outside.filter(socket => portOf(socket) === port).map(socketLine)
          const saw = `${lines.join(', ')}${publisherOf(port, services)}`
          return {
            outcome: 'fail',
            saw,
            expected: `only ${[...new Set([...may, proof])].join(', ')}`,
            at: port
          }
        }),
      ...published.filter(({ port }) => !heard.has(port)).map(served => deaf(served, proxied)),
      ...published.filter(({ port }) => heard.has(port)).flatMap(served => taken(served, outside)),
      ...[...heard]
        .filter(port => outside.some(socket => portOf(socket) === port && isEverywhere(socket)))
        .filter(port => allow === undefined && Object.hasOwn(bare, port) && !may.has(port))
        .map(port => exposed(port, publisherOf(port, services)))
    ]
    const [first, ...rest] = findings
    if (first !== undefined) return [first, ...rest]
    const some =
      published.length === 0
        ? 'no service publishes a port here'
        : `including ${published.length === 1 ? 'the port' : `all ${published.length} ports`} that services publish here`
    const saw = `${counted(heard.size, 'port listens', 'ports listen')} beyond loopback (${[...heard].join(', ')}), ${some}`
    return [{ outcome: 'pass', saw, shows: outside.map(socketLine) }]
  },

  falsify(facts, { expect = [], allow }) {
    const { sockets, sshPort } = facts.listeners
    const change = (sockets: readonly Listener[]) => ({ ...facts, listeners: { sockets, sshPort } })
    const ssh: Listener = { protocol: 'tcp', address: '*', port: sshPort ?? 22 }
    const at = (port: string): Listener => ({ ...ssh, port: Number(port.split('/')[0]) })
    const may = [portOf(ssh), ...expect, ...(allow ?? [])]
    const free = (ports: readonly string[]) => ports.filter(port => !may.includes(port)).slice(0, 1)
    return [
      ...free(Object.keys(bare).filter(port => port.endsWith('/tcp'))).map(port => change([ssh, at(port)])),
      ...expect
        .filter(port => port !== portOf(ssh))
        .map(port => change([ssh, ...sockets.filter(socket => portOf(socket) !== port)])),
      ...(allow === undefined ? [] : free(['1/tcp', '2/tcp', '3/tcp']).map(port => change([ssh, at(port)])))
    ]
  }
})
