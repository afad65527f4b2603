import { expect, it } from 'vitest'
import type { DockerNetwork } from '../../../src/systems/docker/networks.ts'
import { mayBeUsedElsewhere, orphansAmong } from '../../../src/systems/swarm/network-use.ts'
import type { SwarmService } from '../../../src/systems/swarm/services.ts'
import { network, node, other, service } from '../../support/docker.ts'

const owned = (changed: Partial<DockerNetwork> = {}) =>
  network({ labels: { 'com.docker.stack.namespace': 'blog' }, ...changed })
const endpoint = (name: string, id = 'c0ffee') => ({ id, name, ipv4: null, ipv6: null })
const elsewhere = service({ networks: ['another'] })
const loose = {
  network: 'proxy',
  name: 'tool',
  address: null,
  owner: 'its container is gone',
  leaving: false
}

it.each<[string, DockerNetwork, readonly SwarmService[], boolean]>([
  ['no stack has services', owned(), [], true],
  ['another stack runs elsewhere', owned(), [elsewhere], true],
  ['its stack runs', owned(), [service({ stack: 'blog', networks: [] })], false],
  ['a stack of a longer name runs', owned(), [service({ stack: 'blog2', networks: [] })], true],
  ['a service of another stack is on it', owned(), [service()], false],
  ['a container is on it', owned({ endpoints: [endpoint('tool')] }), [], false],
  ['its balancer alone is on it', owned({ endpoints: [endpoint('x', 'lb-proxy')] }), [], true],
  ['an endpoint of no container is on it', owned({ endpoints: [endpoint('x', 'ep-1')] }), [], true],
  [
    'a task of a service that is gone is on it',
    owned({ endpoints: [endpoint('blog_web.1.abcdefghijklmnopqrstuvwxy')] }),
    [],
    true
  ]
])('a network is an orphan where %s', (_, one, services, is) => {
  expect(orphansAmong([one], services, [])).toHaveLength(is ? 1 : 0)
})

it('a container that is gone uses no network; one that lost another network does', () => {
  const one = owned({ endpoints: [endpoint('tool')] })
  expect(orphansAmong([one], [], [loose])).toEqual([one])
  expect(orphansAmong([one], [], [{ ...loose, network: 'other' }])).toEqual([])
})

it.each([
  [network(), [node(), other()], true],
  [network(), [node()], false],
  [network({ attachable: false }), [node(), other()], false],
  [network({ scope: 'local' }), [node(), other()], false]
])('may be used on another node (%#)', (one, nodes, is) => {
  expect(mayBeUsedElsewhere(one, nodes)).toBe(is)
})
