import { describe, expect, it } from 'vitest'
import { orphanNetworks } from '../../probes/orphan-networks.ts'
import { outcomeOf } from '../../src/judge/run.ts'
import { network, service } from '../support/docker.ts'

const labels = { 'com.docker.stack.namespace': 'shop' }
const lb = { id: 'lb-shop_default', name: 'shop_default-endpoint', ipv4: null, ipv6: null }
const own = network({ id: 'networkshop', name: 'shop_default', labels, endpoints: [lb] })
const facts = { networks: [network(), own], services: [service({ networks: ['networkshop'] })] }

describe('orphan-networks', () => {
  it.each<[why: string, outcome: string, changed: Partial<typeof facts>, params?: object]>([
    ['its stack runs', 'pass', {}],
    ['its stack is gone', 'fail', { services: [] }],
    [
      'its stack is gone, another one like it is not',
      'fail',
      { services: [service({ stack: 'shop2', networks: [] })] }
    ],
    ['its stack runs without it', 'pass', { services: [service({ networks: [] })] }],
    [
      'its stack is gone, another one uses it',
      'pass',
      { services: [service({ stack: 'blog', networks: ['networkshop'] })] }
    ],
    ["a network of nobody is nobody's orphan", 'not-applicable', { networks: [network()], services: [] }],
    ['an excepted one', 'not-applicable', { services: [] }, { except: ['shop_*'] }],
    ['no network at all', 'unknown', { networks: [] }]
  ])('%s: %s', (_, outcome, changed, params = {}) => {
    const wish = orphanNetworks.params.parse(params)
    const seen = { ...facts, ...changed }
    expect(outcomeOf(orphanNetworks.judge(seen, wish))).toBe(outcome)
    const untrue = orphanNetworks.falsify(seen, wish)
    expect(untrue.length).toBe(outcome === 'pass' || outcome === 'fail' ? 1 : 0)
    for (const one of untrue) expect(outcomeOf(orphanNetworks.judge(one, wish))).toBe('fail')
  })

  it('names the network, and what is still on it', () => {
    const loose = { id: 'c0ffee', name: 'debug', ipv4: '10.10.0.9/16', ipv6: null }
    const [finding] = orphanNetworks.judge(
      { networks: [{ ...own, endpoints: [lb, loose] }], services: [] },
      {}
    )
    expect(finding).toMatchObject({
      outcome: 'fail',
      saw: 'shop_default (10.10.0.0/16, since 2026-06-13T05:38:02Z): stack shop has no service, still attached: debug',
      expected: 'a stack that runs, or no network',
      at: 'network shop_default',
      filing: { subject: 'shop_default', severity: 'low' }
    })
  })
})
