import { describe, expect, it } from 'vitest'
import type { Listener } from '../../../src/systems/linux/listeners.ts'
import { deaf, exposed, taken } from '../../../src/systems/swarm/port-troubles.ts'
import { holderOf, isClientPort, publisherOf, servedHere } from '../../../src/systems/swarm/ports.ts'
import { at, engine, node, other, service, task } from '../../support/docker.ts'

const socket = (port: number, owner?: string): Listener => ({
  protocol: 'tcp',
  address: '*',
  port,
  ...(owner === undefined ? {} : { owner })
})
const [docker, nginx] = ['/system.slice/docker.service', '/system.slice/nginx.service']

it.each<[string, readonly Listener[], string]>([
  ['docker by its unit', [socket(443, docker)], 'docker'],
  ['a snap of docker', [socket(443, '/system.slice/snap.docker.dockerd.service')], 'docker'],
  ['docker by who has the ports of the engine', [socket(2377, '/x'), socket(443, '/x')], 'docker'],
  ['another one than has the ports of the engine', [socket(2377, '/x'), socket(443, docker)], 'other'],
  ['another program', [socket(443, nginx)], 'other'],
  ['a name that only begins like docker', [socket(443, '/system.slice/dockerish.service')], 'other'],
  ['docker, and another program', [socket(443, docker), socket(443, nginx)], 'other'],
  ['nobody that is shown', [socket(443)], 'unseen'],
  ['docker, and nobody that is shown', [socket(443, docker), socket(443)], 'unseen']
])('a port is held by %s', (_, sockets, kind) => {
  expect(holderOf('443/tcp', sockets).kind).toBe(kind)
})

it.each([
  ['32767/udp', false],
  ['32768/udp', true],
  ['32768/tcp', false]
])('%s is a port of programs that only ask: %s', (port, is) => {
  expect(isClientPort(port)).toBe(is)
})

describe('the ports that are served here', () => {
  const published = (mode: string, protocol = 'tcp', port = 443) =>
    service({ ports: [{ protocol, port, target: 443, mode }] as never })
  const seen = (one: ReturnType<typeof service>, tasks = [task()], now = at(60)) =>
    servedHere(one, { tasks, nodes: [node(), other()], engine: engine(now) })

  it.each([
    ['of a task that runs here', seen(published('host')), 1],
    ['of a task that runs elsewhere', seen(published('host'), [task({ node: 'nodetwo' })]), 0],
    [
      'of every node, by a task that runs elsewhere',
      seen(published('ingress'), [task({ node: 'nodetwo' })]),
      1
    ],
    ['of no task that runs', seen(published('ingress'), [task({ state: 'starting' })]), 0],
    ['of a protocol that ss does not list', seen(published('ingress', 'sctp')), 0],
    ['that docker has not chosen yet', seen(published('ingress', 'tcp', 0)), 0]
  ])('%s', (_, served, count) => {
    expect(served).toHaveLength(count)
  })

  it.each([
    [41.9, true],
    [42, false]
  ])('of a task that runs since second 12, at second %d: young is %s', (second, young) => {
    expect(seen(published('host'), [task()], at(second))).toMatchObject([{ young }])
  })

  it('are named by who publishes them', () => {
    expect(publisherOf('443/tcp', [published('host')])).toBe(', published by shop_app')
    expect(publisherOf('443/udp', [published('host')])).toBe('')
  })
})

const served = { service: 'shop_app', port: '443/tcp', mode: 'host', young: false }

it.each([
  ['young', { ...served, young: true }, true, 'unknown'],
  ['in host mode, where proxies show', served, true, 'fail'],
  ['in host mode, where none shows', served, false, 'unknown'],
  ['of every node', { ...served, mode: 'ingress' }, false, 'fail']
])('a published port at which nothing listens: %s', (_, one, proxied, outcome) => {
  expect(deaf(one, proxied).outcome).toBe(outcome)
})

it.each<[string, readonly Listener[], readonly string[]]>([
  ['docker has', [socket(443, docker)], []],
  ['another program has', [socket(443, nginx)], ['fail']],
  ['somebody has who is not shown', [socket(443)], ['unknown']]
])('a published port that %s', (_, sockets, outcomes) => {
  expect(taken(served, sockets).map(({ outcome }) => outcome)).toEqual(outcomes)
})

it('docker without TLS is worse than the others', () => {
  expect(exposed('2375/tcp', '')).toMatchObject({ filing: { severity: 'critical' } })
  expect(exposed('6379/tcp', '')).toMatchObject({ filing: { severity: 'high' } })
})
