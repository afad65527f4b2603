import { expect, it } from 'vitest'
import { compare, type Live } from '../../../src/systems/statements/compare.ts'
import type { Statement } from '../../../src/systems/statements/status-text.ts'
import { network, service, task } from '../../support/docker.ts'

const live: Live = {
  networks: [network()],
  services: [service()],
  tasks: [task()],
  routes: [
    {
      url: 'https://ci.example.test/',
      answer: {
        kind: 'answered',
        status: 200,
        version: '2',
        location: null,
        body: '',
        bodyCut: false,
        certificate: null,
        address: null
      }
    },
    { url: 'https://unseen.example.test/', answer: null, why: 'no such name' }
  ]
}
const row = (cells: Readonly<Record<string, string>>, under = ''): Statement => ({
  kind: 'row',
  line: 1,
  under,
  above: '',
  columns: Object.keys(cells),
  cells: Object.values(cells)
})
const kinds = (statement: Statement) => compare(statement, live).map(({ kind }) => kind)

it.each<[string, Readonly<Record<string, string>>, string]>([
  ['the subnet', { Network: 'proxy', Subnet: '10.10.0.0/16' }, 'confirmed'],
  ['another subnet', { Network: 'proxy', Subnet: '10.10.0.0/17' }, 'contradicted'],
  ['no subnet, where there is one', { Network: 'proxy', Subnet: '(none)' }, 'contradicted'],
  ['what is no subnet', { Network: 'proxy', Subnet: 'wide' }, 'not-judged'],
  ['a subnet that it marks as wrong', { Network: 'proxy', Subnet: '10.10.0.0/17 ❌' }, 'not-judged'],
  ['a network that is not there', { Network: 'absent', Subnet: '10.10.0.0/16' }, 'contradicted'],
  ['a part of the name of a network', { Network: 'prox', Subnet: '10.10.0.0/16' }, 'not-judged'],
  ['the replicas', { Service: 'shop_app', Replicas: '1/1' }, 'confirmed'],
  ['other replicas', { Service: 'shop_app', Replicas: '0/1' }, 'contradicted'],
  ['the image', { Service: 'shop_app', Image: 'shop:2' }, 'confirmed'],
  ['another image', { Service: 'shop_app', Image: 'shop:3' }, 'contradicted'],
  ['an image without a version', { Service: 'shop_app', Image: 'shop' }, 'not-judged'],
  ['the answer of a route', { URL: 'https://ci.example.test/', Status: '200' }, 'confirmed'],
  ['another answer', { URL: 'https://ci.example.test/', Status: '201' }, 'contradicted'],
  [
    'the answer of a route that could not be seen',
    { URL: 'https://unseen.example.test/', Status: '200' },
    'unseen'
  ],
  [
    'the answer of a route that the plan does not ask',
    { URL: 'https://other.example.test/', Status: '200' },
    'not-judged'
  ],
  ['something else', { Colour: 'blue' }, 'not-judged']
])('a row that says %s', (_, cells, kind) => {
  expect(kinds(row(cells))).toEqual([kind])
})

it('a row under words of another time is not judged', () => {
  const cells = { Network: 'proxy', Subnet: '10.10.0.0/17' }
  expect(kinds(row(cells, 'Before the change'))).toEqual(['not-judged'])
  expect(kinds(row(cells, 'Networks'))).toEqual(['contradicted'])
})

it('a row with two values is judged by both', () => {
  expect(kinds(row({ Service: 'shop_app', Replicas: '1/1', Image: 'shop:3' }))).toEqual([
    'confirmed',
    'contradicted'
  ])
})

it('a text of any length more than is judged is not', () => {
  const cells = (length: number) => ({ Network: 'proxy', Subnet: '10.10.0.0/16', Note: 'x'.repeat(length) })
  expect(kinds(row(cells(2_000)))).toEqual(['confirmed'])
  expect(kinds(row(cells(2_001)))).toEqual(['not-judged'])
})
