import { expect, it } from 'vitest'
import type { DockerNetwork } from '../../../src/systems/docker/networks.ts'
import { attachedTo } from '../../../src/systems/swarm/attached.ts'
import type { SwarmTask } from '../../../src/systems/swarm/tasks.ts'
import { network, service, task, template } from '../../support/docker.ts'

const taskName = 'shop_app.1.abcdefghijklmnopqrstuvwxy'
const endpoint = (name: string, id = 'c0ffee') => ({ id, name, ipv4: '10.10.0.3/16', ipv6: null })
const on = (...endpoints: DockerNetwork['endpoints']) => network({ endpoints })

it.each<[string, SwarmTask, string]>([
  ['runs', task(), 'there'],
  ['should no longer run', task({ desired: 'shutdown' }), 'idle'],
  ['is being started', task({ state: 'starting' }), 'coming'],
  ['waits for a node', task({ state: 'pending' }), 'idle'],
  ['is being started, and should not be', task({ state: 'starting', desired: 'shutdown' }), 'idle'],
  ['failed', task({ state: 'failed' }), 'idle'],
  ['runs another spec, without an address there', task({ template: template('1') }), 'idle'],
  [
    'runs another spec, with an address there',
    task({
      template: template('1'),
      addresses: [{ network: 'networkproxy', address: '10.10.0.3/16' }] as never
    }),
    'there'
  ],
  ['is of another service', task({ service: 'another' }), 'idle']
])('a service whose task %s', (_, one, state) => {
  expect(attachedTo(on(), [service()], [one])).toMatchObject([{ name: 'shop_app', state }])
})

it.each([
  ['container that somebody attached', endpoint('tool'), [{ name: 'tool', state: 'there' }]],
  ['task whose service is gone', endpoint(taskName), [{ name: taskName, state: 'leftover' }]],
  ["network's own balancer", endpoint('proxy-endpoint', 'lb-proxy'), []],
  ["balancer of another network's name", endpoint('x', 'lb-proxy2'), [{ name: 'x', state: 'there' }]],
  ['sandbox of the ingress', endpoint('ingress-endpoint', 'ingress-sbox'), []]
])('on a network without services, a %s', (_, one, expected) => {
  expect(attachedTo(on(one), [], [])).toMatchObject(expected)
})

it('a service is on it by the id of its spec, by name, or by a virtual address; not by another one', () => {
  const names = (changed: Parameters<typeof service>[0]) =>
    attachedTo(on(), [service(changed)], []).map(({ name }) => name)
  expect(names({ networks: ['networkproxy'] })).toEqual(['shop_app'])
  expect(names({ networks: ['proxy'] })).toEqual(['shop_app'])
  const virtual = { network: 'networkproxy', address: '10.10.0.2/16' }
  expect(names({ networks: [], virtualIps: [virtual] })).toEqual(['shop_app'])
  expect(names({ networks: ['networkproxy2'], virtualIps: [{ ...virtual, network: 'x' }] })).toEqual([])
})
