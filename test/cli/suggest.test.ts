import { expect, it } from 'vitest'
import { networkCandidates } from '../../src/cli/setup/suggest.ts'
import { at, engine, network } from '../support/docker.ts'

const chosen = network({ subnets: [{ subnet: '10.0.3.0/24', gateway: '10.0.3.1' }] })
const pinned = (...given: Parameters<typeof networkCandidates>) =>
  networkCandidates(...given).find(({ probe }) => probe === 'network-subnet')?.with['subnet']

it.each<[why: string, subnet: unknown, found: string | undefined]>([
  ['docker chose it', pinned([chosen], { networkproxy: [] }, engine(at(0))), undefined],
  ['somebody declared it', pinned([chosen], { networkproxy: ['10.0.3.0/24'] }, engine(at(0))), '10.0.3.0/24'],
  [
    'no task shows it, and it is like those that docker chooses',
    pinned([chosen], {}, engine(at(0))),
    undefined
  ],
  [
    'no task shows it, and docker chooses none like it',
    pinned([network()], {}, engine(at(0))),
    '10.10.0.0/16'
  ],
  ['no task shows it, nor is the engine seen', pinned([network()], {}, null), undefined]
])('suggests a subnet only where it is to stay: %s', (_, subnet, found) => {
  expect(subnet).toBe(found)
})

it('suggests the rest of the network all the same', () => {
  expect(networkCandidates([chosen], { networkproxy: [] }, engine(at(0)))).toMatchObject([
    { probe: 'network-subnet', with: { network: 'proxy', driver: 'overlay', attachable: true } },
    { probe: 'network-addresses' },
    { probe: 'subnet-collision' }
  ])
})
