import { expect, it } from 'vitest'
import type { HostBaseline } from '../../../src/systems/baseline/baseline.ts'
import { compared } from '../../../src/systems/baseline/since-baseline.ts'
import { network, service } from '../../support/docker.ts'

const then: HostBaseline = {
  networks: { seen: true, items: [{ name: 'proxy', subnets: ['10.10.0.0/16'] }] },
  services: { seen: true, items: [{ name: 'shop_app', image: 'shop:2' }] },
  units: { seen: true, items: [{ name: 'x.service', starts: ['ExecStart=/x'] }] }
}
const unit = (name: string, text: string) => ({
  name,
  files: [{ path: `/${name}`, text: `[Service]\n${text}\n` }]
})
const now = {
  networks: [network()],
  services: [service()],
  programs: { services: [unit('x.service', 'ExecStart=/x')], programs: [], untold: [] }
}
const programs = (...services: ReturnType<typeof unit>[]) => ({ ...now.programs, services })
const changes = (changed: Partial<typeof now>, old: Partial<HostBaseline> = {}) =>
  compared({ ...then, ...old }, { ...now, ...changed }).changes.map(
    ({ kind, name, was, is }) => `${kind} ${name}: ${was ?? 'new'} → ${is ?? 'gone'}`
  )
const subnets = (...all: readonly string[]) =>
  network({ subnets: all.map(subnet => ({ subnet, gateway: null })) })

it.each<[string, Partial<typeof now>, readonly string[]]>([
  ['nothing differs', {}, []],
  [
    'a subnet is another one',
    { networks: [subnets('10.10.0.0/17')] },
    ['network proxy: 10.10.0.0/16 → 10.10.0.0/17']
  ],
  ['a network has no subnet left', { networks: [subnets()] }, ['network proxy: 10.10.0.0/16 → nothing']],
  ['a network is gone', { networks: [] }, ['network proxy: 10.10.0.0/16 → gone']],
  [
    'a network is new',
    { networks: [network(), network({ name: 'more', subnets: [] })] },
    ['network more: new → nothing']
  ],
  [
    'there are two of one name',
    { networks: [network(), network()] },
    ['network proxy: 10.10.0.0/16 → 10.10.0.0/16; 10.10.0.0/16']
  ],
  [
    'an image is another one',
    { services: [service({ template: { ...service().template, image: 'shop:20' } })] },
    ['service shop_app: shop:2 → shop:20']
  ],
  [
    'a start is another one',
    { programs: programs(unit('x.service', 'ExecStart=/x -v')) },
    ['unit x.service: ExecStart=/x → ExecStart=/x -v']
  ],
  [
    'what is no start of a unit is another one',
    { programs: programs(unit('x.service', 'Nice=5\nExecStart=/x')) },
    []
  ],
  [
    'an instance of a template came',
    { programs: programs(unit('x.service', 'ExecStart=/x'), unit('y@1.service', 'ExecStart=/y')) },
    []
  ]
])('%s', (_, changed, expected) => {
  expect(changes(changed)).toEqual(expected)
})

it('the order of subnets says nothing', () => {
  const both = ['10.10.0.0/16', '10.20.0.0/16']
  const networks: HostBaseline['networks'] = { seen: true, items: [{ name: 'proxy', subnets: both }] }
  expect(changes({ networks: [subnets(...both.toReversed())] }, { networks })).toEqual([])
})

it('of what the baseline did not see nothing is said', () => {
  expect(changes({ networks: [] }, { networks: { seen: false, why: 'no docker' } })).toEqual([])
})

it('one thing is told apart from several of its name', () => {
  const one = (networks: typeof now.networks) =>
    compared(then, { ...now, networks }).changes.map(change => change.one !== null)
  expect(one([subnets('10.10.0.0/17')])).toEqual([true])
  expect(one([network(), network()])).toEqual([false])
  expect(one([])).toEqual([false])
})
