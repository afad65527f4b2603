import { describe, expect, it } from 'vitest'
import { ZodError } from 'zod'
import { claimTable } from '../../probes/claim-table.ts'
import { outcomeOf } from '../../src/probe/run.ts'
import type { RouteAnswer } from '../../src/facts/fact.ts'
import { parseStatements } from '../../src/systems/statements/status-text.ts'
import { network, service, task } from '../support/docker.ts'

const url = 'https://ci.example.test/'
const answer: RouteAnswer = {
  kind: 'answered',
  status: 200,
  version: '2',
  location: null,
  body: '',
  bodyCut: true,
  certificate: null,
  address: null
}
const image = 'registry.example.test/shop:1.4.2@sha256:0123'
const live = {
  networks: [
    network(),
    network({ name: 'host', subnets: [] }),
    network({
      name: 'dual',
      subnets: [
        { subnet: '10.1.0.0/24', gateway: null },
        { subnet: 'fd00::/64', gateway: null }
      ]
    }),
    network({ name: 'twin', id: 'twin1' }),
    network({ name: 'twin', id: 'twin2' })
  ],
  services: [service({ template: { ...service().template, image } })],
  tasks: [task({ template: { ...service().template, image } })],
  routes: [{ url, answer }]
}
const file = (text: string | null) => ({
  path: 'STATUS-pvfix.md',
  commit: 'e6349a9c0ffee',
  statements: text === null ? null : parseStatements(text)
})
const probe = claimTable.bind({ routes: [url] })
const judged = (text: string | null) => probe.judge({ file: file(text), ...live })
const table = (columns: string, row: string) =>
  `| ${columns} |\n|${columns.replaceAll(/[^|]+/g, '---')}|\n| ${row} |\n`

describe('a row', () => {
  it.each<[columns: string, row: string, outcome: string]>([
    ['Network | Subnet', 'proxy | 10.10.0.0/16', 'pass'],
    ['Network | Subnet', '`proxy` | `10.10.0.0/16`', 'pass'],
    ['Network | Subnet', 'proxy | 10.10.0.0/17', 'fail'],
    ['Network | Subnet', 'proxy | 10.10.0.1/16', 'pass'],
    ['Network | Subnet', 'proxy | (none)', 'fail'],
    ['Network | Subnet', 'host | (none)', 'pass'],
    ['Network | Subnet', 'host | —', 'pass'],
    ['Network | Subnet', 'proxy | a /16', 'not-applicable'],
    ['Network | Subnet', 'nobody | 10.9.0.0/16', 'fail'],
    ['Network | Subnet', 'prox | 10.9.0.0/16', 'not-applicable'],
    ['Network | Subnet', 'twin | 10.9.0.0/16', 'not-applicable'],
    ['Network | Subnet', 'dual | fd00::/64, 10.1.0.0/24', 'pass'],
    ['Network | Subnet', 'dual | 10.1.0.0/24', 'fail'],
    ['Network (live) | CIDR', 'proxy | 10.10.0.0/16', 'pass'],
    ['Name | Driver | Subnet', 'proxy | overlay | 10.10.0.0/16', 'pass'],
    ['Name | Subnet', 'nobody | 10.9.0.0/16', 'not-applicable'],
    ['Network | Old subnet', 'proxy | 10.0.1.0/24', 'not-applicable'],
    ['Network | Colour', 'proxy | blue', 'not-applicable'],
    ['Service | Replicas', 'shop_app | 1/1', 'pass'],
    ['Service | Replicas', 'shop_app | 1/2', 'fail'],
    ['Service | Replicas', 'shop | 1/1', 'not-applicable'],
    ['Service | Replicas', 'nobody_app | 1/1', 'fail'],
    ['Service | Replicas', 'shop_app | healthy', 'not-applicable'],
    ['Service | Image', `shop_app | ${image}`, 'pass'],
    ['Service | Image', 'shop_app | registry.example.test/shop:1.4.2', 'pass'],
    ['Service | Version', 'shop_app | 1.4.2', 'pass'],
    ['Service | Version', 'shop_app | 4.2', 'fail'],
    ['Service | Version', 'shop_app | 1.4.1', 'fail'],
    ['Service | Replicas | Image', 'shop_app | 1/1 | shop:1.4.1', 'fail'],
    ['URL | Status', `${url} | 200`, 'pass'],
    ['Route | HTTP status', 'ci.example.test | HTTP/2 200', 'pass'],
    ['Route | Status', `${url} | 303`, 'fail'],
    ['Route | Status', 'https://evil.example.test/ | 200', 'not-applicable'],
    ['Step | Done', 'patch | yes', 'not-applicable'],
    ['Network | Subnet', 'proxy (overlay) | 10.10.0.0/16', 'pass'],
    ['Network | Subnet', 'proxy ✓ | 10.10.0.0/16 ✅', 'pass'],
    ['Network | Subnet', 'proxy (overlay) | 10.10.0.0/17', 'fail'],
    ['Network | Subnet', 'nobody (overlay) | 10.10.0.0/16', 'fail'],
    ['Network | Subnet', 'the proxy network | 10.9.0.0/16', 'not-applicable'],
    ['Network | Subnet', 'proxy | 10.0.1.0/24 → 10.10.0.0/16', 'pass'],
    ['Network | Subnet', 'proxy | 10.0.1.0/24 -> 10.10.0.0/16', 'pass'],
    ['Network | Subnet', 'proxy | 10.0.1.0/24 => 10.10.0.0/16', 'pass'],
    ['Network | Subnet', 'proxy | 10.0.1.0/24 to 10.10.0.0/16', 'pass'],
    ['Network | Subnet', 'proxy | from 10.0.1.0/24 to 10.10.0.0/16', 'pass'],
    ['Network | Subnet', 'proxy | was 10.0.1.0/24, now 10.10.0.0/16', 'pass'],
    ['Network | Subnet', 'proxy | 10.10.0.0/16 (was 10.0.1.0/24)', 'pass'],
    ['Network | Subnet', 'proxy | 10.10.0.0/16, previously 10.0.1.0/24', 'pass'],
    ['Network | Subnet', 'proxy | ~~10.0.1.0/24~~ 10.10.0.0/16', 'pass'],
    ['Network | Subnet', 'proxy | 10.10.0.0/16 → 10.0.1.0/24', 'fail'],
    ['Network | Subnet', 'proxy | was 10.10.0.0/16, now 10.0.1.0/24', 'fail'],
    ['Network | Subnet', 'proxy | 10.10.0.0/16 ← 10.0.1.0/24', 'not-applicable'],
    ['Network | Subnet', 'proxy ❌ | 10.0.1.0/24', 'not-applicable'],
    ['Network | Subnet | Host', 'proxy | 10.0.1.0/24 | cc-ci-2', 'not-applicable'],
    ['Service | Replicas', 'shop_app ✓ | 1/1', 'pass'],
    ['Service | Replicas', 'shop_app | 1/1 ✅', 'pass'],
    ['Service | Replicas', 'shop_app | 0/1 → 1/1', 'pass'],
    ['Service | Replicas', 'shop_app | 1/1 → 0/1', 'fail'],
    ['Service | Replicas', 'shop_app | 1 / 1 running', 'pass'],
    ['Service | Version', 'shop_app | v1.4.2', 'pass'],
    ['Service | Version', 'shop_app | v1.4.1', 'fail'],
    ['Service | Version', 'shop_app | 1.4.1 → v1.4.2 ✓', 'pass'],
    ['Service | Version', 'shop_app | 1.4', 'not-applicable'],
    ['Service | Version', 'shop_app | 1', 'not-applicable'],
    ['Service | Version', 'shop_app | 1.40', 'fail'],
    ['Service | Version', 'shop_app | latest', 'fail'],
    ['Service | Image', 'shop_app | registry.example.test/shop', 'not-applicable'],
    ['Service | Image', 'shop_app | shop:v1.4.2', 'fail'],
    ['URL | Status', `${url} | 502 → 200`, 'pass'],
    ['URL | Status', `${url} | 200 → 502`, 'fail'],
    ['URL | Status', `${url} | 200 (was 502)`, 'pass'],
    ['URL | Status', `${url} | 200 or 303`, 'not-applicable']
  ])('%s: %s', (columns, row, outcome) => {
    expect(outcomeOf(judged(table(columns, row)))).toBe(outcome)
  })

  it.each([
    '## Rollback',
    '## If it fails\n### Networks',
    '# Baseline\n\n## Networks',
    '## Roll-back plan',
    'Rollback\n--------',
    '**Rollback**\n\nDo this:',
    '<details>\n<summary>History</summary>',
    '## cc-ci-2',
    '## Host: backup',
    '## On db1.example.test',
    '### `web2.example.test`',
    '## The other host',
    'As it is on cc-ci-2:'
  ])('under %j is of another time or host', above => {
    const text = `# STATUS pvfix\n\n${above}\n\n${table('Network | Subnet', 'proxy | 10.0.1.0/24')}`
    expect(outcomeOf(judged(text))).toBe('not-applicable')
  })

  it.each([
    '## Networks',
    '## pvfix-M2',
    '# STATUS-pvfix\n\n## M2',
    '## Rollback\n\nNothing.\n\n## Networks as they are',
    '**Rollback**\n\nNothing.\n\n## Networks',
    '<details>\n<summary>History</summary>\n\nNone.\n\n</details>',
    'Live on this host:'
  ])('under %j is judged', above => {
    const text = `# STATUS pvfix\n\n${above}\n\n${table('Network | Subnet', 'proxy | 10.0.1.0/24')}`
    expect(outcomeOf(judged(text))).toBe('fail')
  })

  it.each(['## Before the maintenance', 'The plan:', '## Previous state', 'Target state:'])(
    'under %s is not about now',
    above => {
      expect(outcomeOf(judged(`${above}\n\n${table('Network | Subnet', 'proxy | 10.0.1.0/24')}`))).toBe(
        'not-applicable'
      )
    }
  )
})

describe('an expectation', () => {
  it.each<[text: string, outcome: string]>([
    ['EXPECTED: network proxy has 10.10.0.0/16', 'pass'],
    ['EXPECTED: network proxy has 10.0.1.0/24', 'fail'],
    ['`docker network inspect proxy`\nEXPECTED: 10.10.0.0/16', 'pass'],
    ['```\ndocker network inspect proxy\nEXPECTED: 10.0.1.0/24\n```', 'fail'],
    ['docker network inspect proxy dual\nEXPECTED: 10.0.1.0/24', 'not-applicable'],
    ['EXPECTED: proxy 10.10.0.0/16 or 10.11.0.0/16', 'not-applicable'],
    ['EXPECTED: on this host 10.9.0.0/16', 'not-applicable'],
    ['docker service ls | grep shop_app\nEXPECTED: 1/1', 'pass'],
    ['EXPECTED: shop_app=0/1', 'fail'],
    [`curl -sI ${url}\nEXPECTED: HTTP/2 200`, 'pass'],
    [`EXPECTED: ${url} → 404`, 'fail'],
    ['EXPECTED: all healthy', 'not-applicable']
  ])('%s', (text, outcome) => {
    expect(outcomeOf(judged(text))).toBe(outcome)
  })
})

it('names file, line and live value of what it contradicts, and says what it did not judge', () => {
  const text = `${table('Network | Subnet', 'proxy | 10.0.1.0/24')}| host | (none) |\n\nEXPECTED: fine\n`
  expect(judged(text)).toEqual([
    {
      outcome: 'fail',
      saw: 'network proxy: 10.10.0.0/16',
      expected: '10.0.1.0/24, as stated in the status file',
      at: 'STATUS-pvfix.md:3',
      shows: ['3: | proxy | 10.0.1.0/24 |']
    },
    {
      outcome: 'pass',
      saw: '1 value of STATUS-pvfix.md at e6349a9 matches the host',
      shows: ['4: network host (none) = no subnet']
    },
    {
      outcome: 'not-applicable',
      why: '1 row of STATUS-pvfix.md at e6349a9 was not judged',
      shows: ['6: EXPECTED: fine (not understood)']
    }
  ])
})

it('without a file, or a statement in it, nothing is judged', () => {
  expect(judged(null)).toEqual([
    { outcome: 'not-applicable', why: 'STATUS-pvfix.md at e6349a9 does not exist' }
  ])
  expect(outcomeOf(judged('All fine.'))).toBe('not-applicable')
})

it('a route that could not be seen is unknown', () => {
  const routes = [{ url, answer: null, why: 'no answer within 10 s' }]
  const findings = probe.judge({ file: file(table('URL | Status', `${url} | 200`)), ...live, routes })
  expect(findings).toEqual([{ outcome: 'unknown', why: `${url}: no answer within 10 s` }])
})

it('can fail', () => {
  const falsified = probe.falsify({ file: file('All fine.'), ...live })
  expect(falsified.map(facts => outcomeOf(probe.judge(facts)))).toEqual(['fail'])
})

it.each([[{ path: '../STATUS.md' }], [{ routes: ['ftp://x/'] }], [{ paths: 'x' }]])('refuses %j', params => {
  expect(() => claimTable.bind(params)).toThrow(ZodError)
})
