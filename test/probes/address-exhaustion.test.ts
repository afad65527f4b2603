import { describe, expect, it } from 'vitest'
import { addressExhaustion } from '../../probes/address-exhaustion.ts'
import { outcomeOf } from '../../src/probe/run.ts'
import type { LooseEndpoint } from '../../src/systems/docker/endpoints.ts'
import type { DockerNetwork } from '../../src/systems/docker/networks.ts'
import { at, engine, network, service, task } from '../support/docker.ts'

/** A /28: 13 addresses for services and tasks, less those that containers hold. */
function facts(held: number, changed: Partial<DockerNetwork> = {}) {
  const endpoints = Array.from({ length: held }, (_, index) => ({
    id: `container${index}`,
    name: `container${index}`,
    ipv4: `10.10.0.${index + 2}/28`,
    ipv6: null
  }))
  const subnets = [{ subnet: '10.10.0.0/28', gateway: '10.10.0.1' }]
  return {
    networks: [network({ subnets, endpoints, ...changed })],
    services: [service()],
    tasks: [task()],
    engine: engine(at(900)),
    nodes: [],
    owners: { examined: held, loose: [] as readonly LooseEndpoint[] }
  }
}

/** The first containers are gone, and their addresses are not. */
const leaked = (held: number, gone: number, changed: Partial<DockerNetwork> = {}) => ({
  ...facts(held, changed),
  owners: {
    examined: held,
    loose: Array.from({ length: gone }, (_, index) => ({
      network: 'proxy',
      name: `container${index}`,
      address: `10.10.0.${index + 2}/28`,
      owner: 'its container is gone',
      leaving: false
    }))
  }
})

const subnets = (subnet: string) => ({ subnets: [{ subnet, gateway: null }] })
const waiting = (seconds: number) => [task({ state: 'new', createdMicros: at(900 - seconds) })]

/** So many containers from an address on, in a /24 of which docker gives out a /29. */
function range(
  held: number,
  from: number,
  one: Partial<DockerNetwork['subnets'][number]> = {},
  changed: Partial<DockerNetwork> = {}
) {
  const subnet = { subnet: '10.10.0.0/24', gateway: '10.10.0.64', range: '10.10.0.64/29', ...one }
  const endpoints = Array.from({ length: held }, (_, index) => ({
    id: `container${index}`,
    name: `container${index}`,
    ipv4: `10.10.0.${index + from + 1}/24`,
    ipv6: null
  }))
  return facts(0, { subnets: [subnet], endpoints, ...changed })
}

describe('address-exhaustion', () => {
  it.each<[why: string, outcome: string, given: ReturnType<typeof facts>, params?: object]>([
    // 20 % of 13 is 2.6: three must be free
    ['3 of 13 free', 'pass', facts(10)],
    ['2 of 13 free', 'fail', facts(11)],
    ['half of 13 free, half wanted', 'fail', facts(7), { free: 50 }],
    ['half of 13 free, and one more', 'pass', facts(6), { free: 50 }],
    ['room for three more services', 'pass', facts(7), { growth: 3 }],
    ['room for three, four to come', 'fail', facts(7), { growth: 4 }],
    ['a larger subnet', 'pass', facts(11, subnets('10.10.0.0/16'))],
    [
      'what the engine counts, leaks included',
      'fail',
      facts(1, { free: [{ subnet: '10.10.0.0/28', free: 2 }] })
    ],
    ['leaked ones count', 'fail', leaked(11, 5)],
    ['a bridge that is asked for', 'fail', facts(11, { driver: 'bridge' }), { networks: ['proxy'] }],
    ['a bridge', 'not-applicable', facts(11, { driver: 'bridge' })],
    // only part of the subnet is given out: a /29 in a /24, whose first address is the gateway's
    ['the part that is given out is full', 'fail', range(7, 64)],
    ['half of the part that is given out is free', 'pass', range(3, 64)],
    [
      'others have the rest of that part',
      'fail',
      range(3, 64, { reserved: ['10.10.0.68', '10.10.0.69', '10.10.0.70', '10.10.0.71'] })
    ],
    [
      'addresses that others have outside of that part',
      'pass',
      range(3, 64, { reserved: ['10.10.0.9', '10.10.0.10'] })
    ],
    ['what was given out by hand outside of that part', 'pass', range(7, 100)],
    [
      'a part whose last address is the one for broadcasts',
      'pass',
      range(5, 249, { range: '10.10.0.248/29', gateway: '10.10.0.1' })
    ],
    [
      'what the engine counts of that part',
      'fail',
      range(6, 64, {}, { free: [{ subnet: '10.10.0.0/24', free: 1 }] })
    ],
    ['IPv6', 'not-applicable', facts(11, subnets('fd00:10::/64'))],
    ['another network than asked for', 'not-applicable', facts(11), { networks: ['back*'] }],
    ['a task a minute without an address', 'pass', { ...facts(1), tasks: waiting(60) }],
    ['a task longer without an address', 'fail', { ...facts(1), tasks: waiting(61) }],
    ['no network at all', 'unknown', { ...facts(1), networks: [] }]
  ])('%s: %s', (_, outcome, given, params = {}) => {
    const wish = addressExhaustion.params.parse(params)
    expect(outcomeOf(addressExhaustion.judge(given, wish))).toBe(outcome)
    const untrue = addressExhaustion.falsify(given, wish)
    expect(untrue.length).toBe(outcome === 'pass' || outcome === 'fail' ? 1 : 0)
    for (const one of untrue) expect(outcomeOf(addressExhaustion.judge(one, wish))).toBe('fail')
  })

  it('says what part is given out, and takes nothing outside of it for leaked', () => {
    const said = (given: ReturnType<typeof facts>) => addressExhaustion.judge(given, {})[0]
    expect(said(range(7, 64))).toMatchObject({
      saw: 'proxy 10.10.0.0/24, of which docker assigns 10.10.0.64/29: 7 of 7 addresses held, 0 free'
    })
    expect(said(range(6, 64, {}, { free: [{ subnet: '10.10.0.0/24', free: 1 }] }))).toMatchObject({
      saw: 'proxy 10.10.0.0/24, of which docker assigns 10.10.0.64/29: 6 of 7 addresses held, 1 free, as counted by the engine'
    })
  })

  it('counts what is held, and names the network', () => {
    expect(addressExhaustion.judge(facts(11), {})[0]).toMatchObject({
      outcome: 'fail',
      saw: 'proxy 10.10.0.0/28: 11 of 13 addresses held, 2 free',
      expected: 'at least 3 free',
      at: 'network proxy',
      filing: { subject: 'proxy', title: 'network proxy runs out of addresses' }
    })
  })

  it.each<[why: string, given: ReturnType<typeof facts>, says: string, nodes?: number]>([
    [
      'what an endpoint without a container holds',
      leaked(11, 2),
      '11 of 13 addresses held (2 of them leaked: no container uses them), 2 free'
    ],
    [
      'what the engine counts beyond that',
      leaked(3, 1, { free: [{ subnet: '10.10.0.0/28', free: 2 }] }),
      '3 of 13 addresses held (1 of them leaked: no container uses it), 8 more leaked, because nothing uses them, 2 free, as counted by the engine'
    ],
    [
      'or another node has it',
      facts(3, { free: [{ subnet: '10.10.0.0/28', free: 2 }] }),
      '3 of 13 addresses held, 8 more leaked, or used on another node, 2 free, as counted by the engine',
      2
    ]
  ])('leaked: %s', (_, given, says, count = 1) => {
    const node = { hostname: 'n', self: false, status: 'Ready', availability: 'Active', manager: '' }
    const nodes = Array.from({ length: count }, (_, index) => ({ ...node, id: `n${index}` }))
    const [finding] = addressExhaustion.judge({ ...given, nodes }, {})
    expect(finding).toMatchObject({ outcome: 'fail', saw: `proxy 10.10.0.0/28: ${says}` })
    expect(finding.shows?.slice(1)).toEqual(
      given.owners.loose.map(
        ({ name, address }) => `  ${address?.slice(0, -3)} has leaked: ${name}, its container is gone`
      )
    )
  })

  const since = { micros: at(600), spanMicros: 0, said: 'the restart', clock: 'host' as const }
  const clock = { hostMicros: at(900), skewMs: 0, uncertaintyMs: 10 }
  const message = 'could not find an available IP while allocating VIP'
  it.each<
    [
      why: string,
      outcome: string,
      micros: readonly number[],
      reachesMicros: number | null,
      knowsUnit: boolean
    ]
  >([
    ['silence', 'pass', [], at(0), true],
    ['a failure since', 'fail', [at(601)], at(0), true],
    ['a failure before', 'pass', [at(599)], at(0), true],
    ['a failure at that very time', 'unknown', [at(600)], at(0), true],
    ['a journal that begins too late', 'unknown', [], at(601), true],
    ['no journal', 'unknown', [], null, true],
    [
      'more failures around that time than were kept',
      'unknown',
      Array.from({ length: 20 }, () => at(599)),
      at(0),
      true
    ],
    ['a journal without the engine', 'unknown', [], at(0), false]
  ])('the journal: %s: %s', (_, outcome, micros, reachesMicros, knowsUnit) => {
    const matches = micros.map(micros => ({ micros, message }))
    const found = {
      unit: 'docker.service',
      searched: 9,
      unreadable: 0,
      dropped: [],
      found: matches.length === 20 ? 21 : matches.length,
      matches
    }
    const journal = { ...found, reachesMicros, knowsUnit }
    const findings = addressExhaustion.judge(
      { ...facts(1), journal, since, clock },
      { since: { unit: 'docker' } }
    )
    expect(outcomeOf(findings)).toBe(outcome)
  })
})
