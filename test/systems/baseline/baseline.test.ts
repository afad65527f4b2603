import { expect, it } from 'vitest'
import type { BaselineSeen, Fact } from '../../../src/facts/fact.ts'
import { gather } from '../../../src/facts/gather.ts'
import { baseline, hostName, unitStarts } from '../../../src/systems/baseline/baseline.ts'
import { network, service } from '../../support/docker.ts'
import { closedAdapters } from '../../support/doors.ts'

const seen = (value: unknown): Fact<unknown> => ({ seen: true, value, evidence: [1] })
const orientation = (facts: BaselineSeen['facts']): BaselineSeen => ({
  commit: 'e6349a9'.repeat(6).slice(0, 40),
  at: '2026-06-13T05:30:00Z',
  facts
})
const files = [
  { path: '/etc/systemd/system/a.service', text: '[Service]\nExecStart=/nix/store/1-a/bin/a --now\n' }
]

async function told(record: BaselineSeen | null) {
  const shut = closedAdapters()
  const adapters = closedAdapters({ record: { ...shut.record, baseline: async () => record } })
  const found = await gather([{ host: 'cc-ci', sources: [baseline, hostName] }], adapters)
  return { baseline: found.fact('cc-ci', baseline), host: found.fact('cc-ci', hostName) }
}

it('tells each host apart, and knows which one is looked at', async () => {
  const facts = {
    'docker-networks @ cc-ci': seen([network()]),
    'swarm-services @ cc-ci': seen([service()]),
    'unit-programs @ cc-ci': seen({ services: [{ name: 'a.service', files }], programs: [], untold: [] }),
    'docker-networks @ other': { seen: false, why: 'timed out', evidence: [] },
    'swarm-services @ other': seen({ of: 'another shape' }),
    'repo-file README.md': seen({})
  } as const
  const { baseline, host } = await told(orientation(facts))
  expect(host).toMatchObject({ seen: true, value: 'cc-ci' })
  expect(baseline).toMatchObject({
    seen: true,
    value: {
      at: '2026-06-13T05:30:00Z',
      hosts: {
        'cc-ci': {
          networks: { seen: true, items: [{ name: 'proxy', subnets: ['10.10.0.0/16'] }] },
          services: { seen: true, items: [{ name: 'shop_app', image: 'shop:2' }] },
          units: {
            seen: true,
            items: [{ name: 'a.service', starts: ['ExecStart=/nix/store/1-a/bin/a --now'] }]
          }
        },
        other: {
          networks: { seen: false, why: 'timed out' },
          services: { seen: false, why: expect.stringContaining('another version') },
          units: { seen: false, why: expect.stringContaining('no check or hunt') }
        }
      }
    }
  })
})

it('says that there is none', async () => {
  expect((await told(null)).baseline).toMatchObject({
    seen: false,
    why: 'no orientation was recorded before the first claim of the phase'
  })
})

it.each<[why: string, kept: boolean, name: string, text: string, path?: string]>([
  ['a unit', true, 'a.service', 'ExecStart=/opt/a'],
  ['a unit without a start', true, 'a.service', 'ExecStop=/opt/a'],
  ['an instance', false, 'user@1000.service', 'ExecStart=/opt/a'],
  ['transient', false, 'run-r1.service', 'ExecStart=/opt/a', '/run/systemd/transient/run-r1.service'],
  ['made at runtime by somebody', true, 'a.service', 'ExecStart=/opt/a', '/run/systemd/system/a.service'],
  ['started by D-Bus', false, 'b.service', 'BusName=org.example.b\nExecStart=/opt/b'],
  ["systemd's own", false, 'x.service', 'ExecStart=/nix/store/1-systemd-255/lib/systemd/systemd-hostnamed'],
  ["systemd's own, and another", true, 'x.service', 'ExecStartPre=/opt/a\nExecStart=/lib/systemd/systemd-x']
])('%s: %s', (_, kept, name, text, path = `/etc/systemd/system/${name}`) => {
  expect(unitStarts([{ name, files: [{ path, text: `[Service]\n${text}\n` }] }]).length).toBe(kept ? 1 : 0)
})

it('gives all marks of one kind the same face', () => {
  const unit = (mark: string) => [
    {
      name: 'a.service',
      files: [{ path: '/a.service', text: `[Service]\nExecStart=/opt/a --key ${mark}\n` }]
    }
  ]
  const [one, other] = [unitStarts(unit('«redacted:token:0a1b»')), unitStarts(unit('«redacted:token:9f8e»'))]
  expect(one).toEqual(other)
  expect(one).not.toEqual(unitStarts(unit('«redacted:password:0a1b»')))
})
