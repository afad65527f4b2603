import { describe, expect, it } from 'vitest'
import { addressExhaustion } from '../../probes/address-exhaustion.ts'
import { imageDrift } from '../../probes/image-drift.ts'
import { networkAddresses } from '../../probes/network-addresses.ts'
import { networkServices } from '../../probes/network-services.ts'
import { networkSubnet } from '../../probes/network-subnet.ts'
import { orphanNetworks } from '../../probes/orphan-networks.ts'
import { replicaCounts } from '../../probes/replica-counts.ts'
import { restartLoops } from '../../probes/restart-loops.ts'
import { strayStacks } from '../../probes/stray-stacks.ts'
import { subnetCollision } from '../../probes/subnet-collision.ts'
import type { AnyProbe, Finding } from '../../src/probe/probe.ts'
import { outcomeOf } from '../../src/probe/run.ts'
import { settle } from '../../src/review/review.ts'
import { closedAdapters } from '../support/doors.ts'
import { type Edition, realHost, recordedHosts, type RecordedHost } from '../support/recordings.ts'

const editions = ['before', 'after'] as const
const old = '10.0.1.0/24'
const wanted = '10.10.0.0/16'
const proxy = { network: 'proxy' }
const users = ['traefik_*_app', 'ccci-*_app', 'drone_*_app', 'warm-keycloak_*_app']

async function look(on: RecordedHost, edition: Edition, probe: AnyProbe, params: object) {
  const bound = probe.bind(params)
  const { checks, facts } = await settle(
    [{ probe: bound, title: probe.id, host: 'h', line: 0 }],
    closedAdapters({ open: async () => realHost(on, edition) }),
    { sleep: async () => undefined, tick: () => 0, until: -1, now: '2026-06-13T05:30:00Z' }
  )
  const values = Object.entries(checks[0]?.facts ?? {}).map(([need, name]) => {
    const fact = facts[name]
    return [need, fact?.seen === true ? fact.value : undefined]
  })
  const untrue = bound.falsify(Object.fromEntries(values)).map(facts => outcomeOf(bound.judge(facts)))
  return { outcome: checks[0]?.check.outcome, findings: checks[0]?.check.findings ?? [], untrue }
}

const shown = (findings: readonly Finding[]) => findings.flatMap(({ shows = [] }) => shows)

describe.each(recordedHosts)('the real host with %s, as it was recorded', host => {
  it.each<[probe: AnyProbe, params: object, before: string, after: string]>([
    [networkSubnet, { ...proxy, subnet: old, driver: 'overlay', attachable: true }, 'pass', 'fail'],
    [networkSubnet, { ...proxy, subnet: wanted, driver: 'overlay', attachable: true }, 'fail', 'pass'],
    [subnetCollision, { subnet: wanted }, 'pass', 'fail'],
    [subnetCollision, { subnet: wanted, ...proxy }, 'pass', 'pass'],
    [subnetCollision, { subnet: old }, 'fail', 'pass'],
    [subnetCollision, { subnet: '198.51.100.128/25' }, 'fail', 'fail'],
    [subnetCollision, { subnet: '2001:db8:51::/80' }, 'fail', 'fail'],
    [subnetCollision, { subnet: '2001:db8:52::/64' }, 'pass', 'pass'],
    [subnetCollision, {}, 'pass', 'pass'],
    [networkAddresses, proxy, 'pass', 'pass'],
    [networkAddresses, { ...proxy, subnet: wanted }, 'fail', 'pass'],
    [networkServices, { ...proxy, includes: users, excludes: ['backups_*', '*_db'] }, 'pass', 'pass'],
    [networkServices, { ...proxy, includes: ['backups_*'] }, 'fail', 'fail'],
    [replicaCounts, { services: 9 }, 'pass', 'pass'],
    [replicaCounts, { services: 10 }, 'fail', 'fail'],
    [replicaCounts, { services: { 'ccci-bridge_app': '1/1' } }, 'pass', 'pass'],
    [replicaCounts, { services: { 'ccci-bridge_app': '2/2' } }, 'fail', 'fail'],
    [strayStacks, { forbid: ['*-pr*'] }, 'pass', 'pass'],
    [strayStacks, { forbid: ['drone*'] }, 'fail', 'fail'],
    [restartLoops, {}, 'pass', 'pass'],
    [orphanNetworks, {}, 'pass', 'pass'],
    [imageDrift, { images: { 'ccci-bridge_app': 'bridge:local' } }, 'pass', 'pass'],
    [addressExhaustion, { growth: 100 }, 'pass', 'pass'],
    [addressExhaustion, { networks: ['proxy'], growth: 200 }, 'fail', 'pass']
  ])('$id $1', async (probe, params, before, after) => {
    for (const [edition, outcome] of [
      ['before', before],
      ['after', after]
    ] as const) {
      const found = await look(host, edition, probe, params)
      expect([edition, found.outcome]).toEqual([edition, outcome])
      expect(new Set(found.untrue)).toEqual(new Set(['fail']))
    }
  })

  it('shows every network with its subnet', async () => {
    const { findings } = await look(host, 'before', subnetCollision, { subnet: wanted })
    expect(shown(findings)).toEqual([
      'backups_ci_example_test_default: 10.0.4.0/24',
      'bridge: 172.17.0.0/16',
      'docker_gwbridge: 172.18.0.0/16',
      'host: (none)',
      'ingress: 10.0.0.0/24',
      'none: (none)',
      'proxy: 10.0.1.0/24',
      'traefik_ci_example_test_internal: 10.0.2.0/24',
      'warm-keycloak_ci_example_test_internal: 10.0.3.0/24',
      'interface host0 (198.51.100.2/24)',
      'interface host0 (2001:db8:51::2/64)'
    ])
  })

  it.each(editions)('shows nine services, %s', async edition => {
    const { findings } = await look(host, edition, replicaCounts, { services: 9 })
    expect(shown(findings).filter(line => line.endsWith('  1/1'))).toHaveLength(9)
  })

  it('shows who has which address after the maintenance', async () => {
    const { findings } = await look(host, 'after', networkAddresses, proxy)
    const lines = shown(findings)
    expect(lines).toHaveLength(13)
    for (const line of lines) expect(line).toMatch(/^[\w.() -]+ 10\.10\.0\.\d+$/)
    expect(lines.some(line => line.startsWith('proxy-endpoint '))).toBe(true)
  })

  it('says when the network was made', async () => {
    const { hostMicros } = realHost(host, 'before').clock
    const since = { createdAfter: new Date(hostMicros / 1000).toISOString() }
    expect((await look(host, 'after', networkSubnet, { ...proxy, ...since })).outcome).toBe('pass')
    expect((await look(host, 'before', networkSubnet, { ...proxy, ...since })).outcome).toBe('fail')
  })
})
