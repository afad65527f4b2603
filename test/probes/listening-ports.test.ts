import { describe, expect, it } from 'vitest'
import { listeningPorts } from '../../probes/listening-ports.ts'
import { outcomeOf } from '../../src/probe/run.ts'
import type { Listener } from '../../src/systems/linux/listeners.ts'
import { at, engine, service, task } from '../support/docker.ts'

const docker = '/system.slice/docker.service'
const tcp = (port: number, address = '*', owner = docker): Listener => ({
  protocol: 'tcp',
  address,
  port,
  ...(owner === '' ? {} : { owner })
})
const udp = (port: number, address = '*'): Listener => ({ ...tcp(port, address), protocol: 'udp' })
const web = (owner: string, address = '*') => [tcp(22), tcp(443), tcp(80, address, owner)]
const node = { hostname: 'h', status: 'Ready', availability: 'Active', manager: 'Leader' }
const nodes = [
  { ...node, id: 'nodetwo', self: false },
  { ...node, id: 'nodeone', self: true }
]
const host = (port: number, protocol = 'tcp') => ({ protocol, port, mode: 'host' })
const ingress = (port: number) => ({ protocol: 'tcp', port, mode: 'ingress' })
const usual = [tcp(22), tcp(2377), udp(4789), tcp(443, '0.0.0.0'), tcp(631, '::1')]

interface Sketch {
  readonly sockets?: readonly Listener[]
  readonly sshPort?: number | null
  readonly ports?: readonly ReturnType<typeof host>[]
  readonly task?: Parameters<typeof task>[0]
}

const facts = ({ sockets = usual, sshPort = 22, ports = [host(443)], task: changed = {} }: Sketch) => ({
  listeners: { sockets, sshPort },
  services: [service({ ports })],
  tasks: [task(changed)],
  nodes,
  engine: engine(at(600))
})
const all = ['2377', '4789/udp', 443] as const

describe('listening-ports', () => {
  it.each<[why: string, outcome: string, sketch: Sketch, params?: object]>([
    ['as it should be', 'pass', {}],
    ['ss does not show sshd', 'unknown', { sockets: usual.slice(1) }],
    ['ss does not show sshd, and a port is missing', 'unknown', { sockets: [tcp(80)] }, { expect: [443] }],
    ['sshd has another port', 'pass', { sshPort: 2222, sockets: [tcp(2222), tcp(443)] }],
    ['sshd has another port, which ss does not show', 'unknown', { sshPort: 2222 }],
    ['no sshd between, and it is shown', 'pass', { sshPort: null }],
    ['no sshd between, and it listens elsewhere', 'pass', { sshPort: null, sockets: [tcp(2222), tcp(443)] }],
    [
      'no sshd between, and only loopback is shown',
      'unknown',
      { sshPort: null, sockets: [tcp(22, '127.0.0.1')] }
    ],
    [
      'no sshd between, and a port is missing',
      'fail',
      { sshPort: null, sockets: [tcp(2222), tcp(443)] },
      { expect: [80] }
    ],

    ['docker has the published port', 'pass', { sockets: web(docker), ports: [ingress(80)] }],
    ['nginx has it', 'fail', { sockets: web('/system.slice/nginx.service'), ports: [ingress(80)] }],
    [
      'nginx has it, for a port in host mode',
      'fail',
      { sockets: web('/system.slice/nginx.service'), ports: [host(80)] }
    ],
    [
      'a container in the host’s network has it',
      'fail',
      { sockets: web(`/docker/${'a'.repeat(64)}`), ports: [ingress(80)] }
    ],
    ['who has it is not shown', 'unknown', { sockets: web(''), ports: [ingress(80)] }],
    [
      'nginx has it on loopback, docker beyond',
      'pass',
      {
        sockets: [...web(docker), tcp(80, '127.0.0.1', '/system.slice/nginx.service')],
        ports: [ingress(80)]
      }
    ],
    [
      'nginx has it on one address, docker on another',
      'fail',
      {
        sockets: [...web(docker, '192.0.2.1'), tcp(80, '192.0.2.2', '/system.slice/nginx.service')],
        ports: [ingress(80)]
      }
    ],
    [
      'sshd has it',
      'fail',
      { sockets: [tcp(22, '*', '/system.slice/ssh.service'), tcp(443)], ports: [ingress(22)] }
    ],
    ['nginx has a port that nobody publishes', 'pass', { sockets: web('/system.slice/nginx.service') }],
    [
      'who has it is not shown, and it is excepted',
      'pass',
      { sockets: web(''), ports: [ingress(80)] },
      { except: ['shop_*'] }
    ],
    [
      'the engine runs in a unit of another name',
      'pass',
      {
        sockets: [
          tcp(22),
          tcp(7946, '*', '/system.slice/balena.service'),
          tcp(80, '*', '/system.slice/balena.service')
        ],
        ports: [ingress(80)]
      }
    ],

    ['expected, and there', 'pass', {}, { expect: [443, '4789/udp'] }],
    ['expected, and gone', 'fail', {}, { expect: [80] }],
    ['expected as UDP', 'fail', {}, { expect: ['443/udp'] }],
    ['expected, on loopback alone', 'fail', {}, { expect: [631] }],

    ['all allowed', 'pass', {}, { allow: all }],
    ['all allowed or expected', 'pass', {}, { allow: all.slice(1), expect: [2377] }],
    ['one not allowed', 'fail', { sockets: [...usual, tcp(8080)] }, { allow: all }],
    ['one not allowed, on loopback', 'pass', { sockets: [...usual, tcp(8080, '127.0.0.1')] }, { allow: all }],
    [
      'one not allowed, on one address',
      'fail',
      { sockets: [...usual, tcp(80, '192.0.2.1')] },
      { allow: all }
    ],
    ['a client', 'pass', { sockets: [...usual, udp(32_768)] }, { allow: all }],
    ['no client: too low', 'fail', { sockets: [...usual, udp(32_767)] }, { allow: all }],
    ['no client: TCP', 'fail', { sockets: [...usual, tcp(40_000)] }, { allow: all }],
    ['another one, and nobody said what is allowed', 'pass', { sockets: [...usual, tcp(8080)] }],

    ['published in host mode, and deaf', 'fail', { ports: [host(443), host(8080)] }],
    ['published in host mode, and only loopback', 'fail', { ports: [host(443), host(631)] }],
    ['published in host mode, and none listens', 'unknown', { ports: [host(8080)] }],
    ['published through the mesh, and deaf', 'fail', { ports: [ingress(8080)] }],
    ['published through the mesh', 'pass', { ports: [ingress(443)] }],
    ['as UDP, and only TCP listens', 'fail', { ports: [host(443), host(443, 'udp')] }],
    ['as SCTP, which ss is not asked for', 'pass', { ports: [host(443), host(9, 'sctp')] }],
    ['at a port that docker does not tell', 'pass', { ports: [host(0)] }],
    ['in host mode on another node', 'pass', { ports: [host(8080)], task: { node: 'nodetwo' } }],
    ['through the mesh, on another node', 'fail', { ports: [ingress(8080)], task: { node: 'nodetwo' } }],
    ['deaf, and not running', 'pass', { ports: [ingress(8080)], task: { state: 'failed' } }],
    ['deaf, running for 29 s', 'unknown', { ports: [ingress(8080)], task: { stateMicros: at(571) } }],
    ['deaf, running for 30 s', 'fail', { ports: [ingress(8080)], task: { stateMicros: at(570) } }],
    ['deaf, and excepted', 'pass', { ports: [ingress(8080)] }, { except: ['shop_*'] }],

    ['docker without TLS, everywhere', 'fail', { sockets: [...usual, tcp(2375)] }],
    ['docker without TLS, on loopback', 'pass', { sockets: [...usual, tcp(2375, '127.0.0.1')] }],
    ['docker without TLS, on one address', 'pass', { sockets: [...usual, tcp(2375, '192.0.2.1')] }],
    ['docker with TLS', 'pass', { sockets: [...usual, tcp(2376)] }],
    ['redis on every IPv6 address', 'fail', { sockets: [...usual, tcp(6379, '::')] }],
    ['redis that a plan allows', 'pass', { sockets: [...usual, tcp(6379)] }, { allow: [...all, 6379] }],
    ['its number as UDP', 'pass', { sockets: [...usual, udp(6379)] }]
  ])('%s: %s', (_, outcome, sketch, params = {}) => {
    const wish = listeningPorts.params.parse(params)
    const seen = facts(sketch)
    expect(outcomeOf(listeningPorts.judge(seen, wish))).toBe(outcome)
    const untrue = listeningPorts.falsify(seen, wish)
    expect(untrue.length).toBe(1 + (wish.expect?.length ?? 0) + (wish.allow === undefined ? 0 : 1))
    for (const one of untrue) expect(outcomeOf(listeningPorts.judge(one, wish))).toBe('fail')
  })

  it('says which port, whose, and how bad that is', () => {
    const sockets = [...usual, tcp(2375, '0.0.0.0'), tcp(2375, '::')]
    expect(listeningPorts.judge(facts({ sockets, ports: [host(443), host(8080)] }), {})).toEqual([
      {
        outcome: 'fail',
        saw: 'shop_app publishes 8080/tcp in host mode and runs, but nothing listens there',
        expected: 'a listener on 8080/tcp',
        at: '8080/tcp',
        filing: expect.objectContaining({
          subject: 'shop_app 8080/tcp',
          title: 'nothing listens on 8080/tcp, which shop_app publishes',
          severity: 'high'
        })
      },
      {
        outcome: 'fail',
        saw: '2375/tcp listens on every address; this is usually the port of the docker API without TLS: whoever reaches it is root on this host',
        expected: '2375/tcp on loopback only, or closed',
        at: '2375/tcp',
        filing: expect.objectContaining({
          subject: '2375/tcp',
          title: '2375/tcp is open on every address',
          severity: 'critical'
        })
      }
    ])
  })

  it.each([{ expect: ['443/sctp'] }, { expect: [] }, { allow: ['http'] }, { ports: [1] }])(
    'refuses %j',
    given => {
      expect(listeningPorts.params.safeParse(given).success).toBe(false)
    }
  )
})
