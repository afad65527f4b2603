import { describe, expect, it } from 'vitest'
import { undeclaredChange } from '../../probes/undeclared-change.ts'
import { outcomeOf } from '../../src/judge/run.ts'
import type { HostBaseline } from '../../src/observe/sources/baseline.ts'
import { network, service, template } from '../support/docker.ts'

const start = (hash: string) => `/nix/store/${hash}-unit-script-app-start/bin/app-start`
const unit = (name: string, hash = 'aaa') => ({
  name,
  files: [{ path: `/etc/systemd/system/${name}`, text: `[Service]\nExecStart=${start(hash)}\n` }]
})
const then: HostBaseline = {
  networks: {
    seen: true,
    items: [
      { name: 'proxy', subnets: ['10.10.0.0/16'] },
      { name: 'bridge', subnets: [] }
    ]
  },
  services: { seen: true, items: [{ name: 'shop_app', image: 'shop:2' }] },
  units: { seen: true, items: [{ name: 'app.service', starts: [`ExecStart=${start('aaa')}`] }] }
}
const bridge = network({ id: 'networkbridge', name: 'bridge', subnets: [] })
const programs = (...services: ReturnType<typeof unit>[]) => ({ services, programs: [], untold: [] })
const facts = {
  before: { commit: 'e6349a9'.repeat(6).slice(0, 40), at: '2026-06-13T05:30:00Z', hosts: { 'cc-ci': then } },
  host: 'cc-ci',
  networks: [bridge, network()],
  services: [service()],
  programs: programs(unit('app.service'))
}
const other = network({ subnets: [{ subnet: '10.20.0.0/16', gateway: null }] })
const before = (changed: Partial<HostBaseline>) => ({
  before: { ...facts.before, hosts: { 'cc-ci': { ...then, ...changed } } }
})

describe('undeclared-change', () => {
  it.each<[why: string, outcome: string, changed: Partial<typeof facts>, expect?: readonly string[]]>([
    ['nothing differs', 'pass', {}],
    ['only ids and times differ', 'pass', { networks: [bridge, network({ id: 'new', createdMicros: 1 })] }],
    ['only the number of tasks differs', 'pass', { services: [service({ mode: { kind: 'global' } })] }],
    ['a new network', 'fail', { networks: [...facts.networks, network({ name: 'debug' })] }],
    [
      'a new network, expected',
      'pass',
      { networks: [...facts.networks, network({ name: 'debug' })] },
      ['deb*']
    ],
    [
      'a new network, another one expected',
      'fail',
      { networks: [...facts.networks, network({ name: 'debug' })] },
      ['de']
    ],
    ['a second network of one name', 'fail', { networks: [...facts.networks, network()] }],
    ['a network gone', 'fail', { networks: [bridge] }],
    ['another subnet', 'fail', { networks: [bridge, other] }],
    ['another subnet, expected', 'pass', { networks: [bridge, other] }, ['proxy']],
    ['no network listed', 'unknown', { networks: [] }],
    ['a new service', 'fail', { services: [service(), service({ name: 'shop_db' })] }],
    ['a service gone', 'fail', { services: [] }],
    ['another image', 'fail', { services: [service({ template: template('3') })] }],
    ['another image, expected', 'pass', { services: [service({ template: template('3') })] }, ['shop_*']],
    ['another start program', 'fail', { programs: programs(unit('app.service', 'bbb')) }],
    [
      'another start program, expected',
      'pass',
      { programs: programs(unit('app.service', 'bbb')) },
      ['app.service']
    ],
    [
      'another start program, expected in short',
      'pass',
      { programs: programs(unit('app.service', 'bbb')) },
      ['app']
    ],
    ['a new unit', 'fail', { programs: programs(unit('app.service'), unit('new.service')) }],
    ['a unit gone', 'fail', { programs: programs() }],
    ['somebody logged in', 'pass', { programs: programs(unit('app.service'), unit('user@0.service')) }],
    ['expected, and it never changed', 'pass', {}, ['proxy']],
    ['another host', 'unknown', { host: 'other' }],
    ['a host called after a property', 'unknown', { host: 'constructor' }],
    ['the baseline could not see the units', 'unknown', before({ units: { seen: false, why: 'timed out' } })],
    [
      'nor the units, and a network changed',
      'fail',
      { ...before({ units: { seen: false, why: 'timed out' } }), networks: [bridge, other] }
    ]
  ])('%s: %s', (_, outcome, changed, expected = []) => {
    const wish = undeclaredChange.params.parse({ expect: expected })
    const seen = { ...facts, ...changed }
    expect(outcomeOf(undeclaredChange.judge(seen, wish))).toBe(outcome)
    if (outcome === 'unknown') return
    const untrue = undeclaredChange.falsify(seen, wish)
    expect(untrue.length).toBe(1)
    for (const one of untrue) expect(outcomeOf(undeclaredChange.judge(one, wish))).toBe('fail')
  })

  it('names each thing, as it was and as it is', () => {
    const seen = {
      ...facts,
      networks: [bridge, other],
      services: [],
      programs: programs(unit('app.service', 'bbb'), unit('new.service'))
    }
    const since = 'the baseline of 2026-06-13T05:30:00Z (e6349a9)'
    const wish = (was: string) => `${was}, as in ${since}, or a change that the plan expects`
    expect(undeclaredChange.judge(seen, { expect: ['new'] })).toEqual([
      {
        outcome: 'fail',
        saw: 'network proxy: 10.20.0.0/16',
        expected: wish('10.10.0.0/16'),
        at: 'network proxy'
      },
      { outcome: 'fail', saw: 'service shop_app: gone', expected: wish('shop:2'), at: 'service shop_app' },
      {
        outcome: 'fail',
        saw: `unit app.service: ExecStart=${start('bbb')}`,
        expected: wish(`ExecStart=${start('aaa')}`),
        at: 'unit app.service'
      }
    ])
  })

  it('cannot fail where everything is expected', () => {
    expect(undeclaredChange.falsify(facts, { expect: ['*'] })).toEqual([])
  })
})
