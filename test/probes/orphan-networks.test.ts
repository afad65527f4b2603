import { describe, expect, it } from 'vitest'
import { orphanNetworks } from '../../probes/orphan-networks.ts'
import type { EndpointOwners, LooseEndpoint } from '../../src/systems/docker/endpoints.ts'
import { outcomeOf } from '../../src/probe/run.ts'
import { network, node, other, service } from '../support/docker.ts'

const labels = { 'com.docker.stack.namespace': 'shop' }
const lb = { id: 'lb-shop_default', name: 'shop_default-endpoint', ipv4: null, ipv6: null }
const own = network({ id: 'networkshop', name: 'shop_default', labels, endpoints: [lb] })
const owners: EndpointOwners = { examined: 2, loose: [] }
const facts = {
  networks: [network(), own],
  services: [service({ networks: ['networkshop'] })],
  owners,
  nodes: [node()]
}
const loose: LooseEndpoint = {
  network: 'shop_default',
  name: 'shop_app.1.nuw0',
  address: '10.10.0.9/16',
  owner: 'its container is gone',
  leaving: false
}
const leaving = { ...loose, owner: 'its container is exited (Exited (0) 3 seconds ago)', leaving: true }
const seen = (...loose: readonly LooseEndpoint[]) => ({ owners: { examined: 2, loose } })

const debug = { id: 'c0ffee', name: 'debug', ipv4: '10.10.0.9/16', ipv6: null }
const leftover = { ...debug, name: 'shop_app.1.nuw03619sbh55ozvkqrr15vib' }

describe('orphan-networks', () => {
  it.each<[why: string, outcome: string, changed: Partial<typeof facts>, params?: object]>([
    ['its stack runs', 'pass', {}],
    ['its stack is gone', 'fail', { services: [] }],
    [
      'its stack is gone, another one like it is not',
      'fail',
      { services: [service({ stack: 'shop2', networks: [] })] }
    ],
    [
      'its stack is gone, a container is attached',
      'pass',
      { services: [], networks: [{ ...own, endpoints: [lb, debug] }] }
    ],
    [
      'its stack is gone, a container of a task of it is left',
      'fail',
      { services: [], networks: [{ ...own, endpoints: [lb, leftover] }] }
    ],
    [
      'its stack is gone, an endpoint without a container is left',
      'fail',
      {
        services: [],
        networks: [{ ...own, endpoints: [lb, debug] }],
        owners: { examined: 2, loose: [{ ...loose, name: 'debug' }] }
      }
    ],
    ['its stack is gone, and another node may use it', 'unknown', { services: [], nodes: [node(), other()] }],
    [
      'its stack is gone, and on another node only services can use it',
      'fail',
      { services: [], nodes: [node(), other()], networks: [{ ...own, attachable: false }] }
    ],
    ['its stack runs without it', 'pass', { services: [service({ networks: [] })] }],
    [
      'its stack is gone, another one uses it',
      'pass',
      { services: [service({ stack: 'blog', networks: ['networkshop'] })] }
    ],
    [
      "a network of nobody is nobody's orphan",
      'not-applicable',
      { networks: [network()], services: [], owners: { examined: 0, loose: [] } }
    ],
    ['a network of nobody with endpoints of containers', 'pass', { networks: [network()], services: [] }],
    ['an endpoint without a container', 'fail', seen(loose)],
    ['an endpoint of a container that has just ended', 'unknown', seen(leaving)],
    ['one of each', 'fail', seen(loose, leaving)],
    ['an endpoint on a network left aside', 'pass', seen(loose), { except: ['shop_*'] }],
    ['an excepted one', 'pass', { services: [] }, { except: ['shop_*'] }],
    [
      'an excepted one, and no endpoint',
      'not-applicable',
      { services: [], owners: { examined: 0, loose: [] } },
      { except: ['shop_*'] }
    ],
    ['no network at all', 'unknown', { networks: [] }]
  ])('%s: %s', (_, outcome, changed, params = {}) => {
    const wish = orphanNetworks.params.parse(params)
    const seen = { ...facts, ...changed }
    expect(outcomeOf(orphanNetworks.judge(seen, wish))).toBe(outcome)
    const untrue = orphanNetworks.falsify(seen, wish)
    expect(untrue.length > 0).toBe(seen.networks.length > 0)
    for (const one of untrue) expect(outcomeOf(orphanNetworks.judge(one, wish))).toBe('fail')
  })

  it('names the network, and what is still on it', () => {
    const [finding] = orphanNetworks.judge(
      { ...facts, networks: [{ ...own, endpoints: [lb, leftover] }], services: [] },
      {}
    )
    expect(finding).toMatchObject({
      outcome: 'fail',
      saw: 'shop_default (10.10.0.0/16, since 2026-06-13T05:38:02Z): stack shop has no service, still attached: shop_app.1.nuw03619sbh55ozvkqrr15vib',
      expected: 'a running stack, or no network',
      at: 'network shop_default',
      filing: { subject: 'shop_default', severity: 'low' }
    })
  })

  it('names the endpoints, and asks for time only where a container has just ended', () => {
    expect(orphanNetworks.judge({ ...facts, ...seen(loose, leaving) }, {})).toEqual([
      {
        outcome: 'fail',
        saw: '1 endpoint has no running container: shop_app.1.nuw0',
        expected: 'endpoints of running containers only',
        at: 'network shop_default',
        shows: [
          'shop_app.1.nuw0 (10.10.0.9/16): its container is gone',
          'shop_app.1.nuw0 (10.10.0.9/16): its container is exited (Exited (0) 3 seconds ago)'
        ],
        filing: expect.objectContaining({ subject: 'shop_default endpoints', severity: 'low' })
      }
    ])
    expect(orphanNetworks.judge({ ...facts, ...seen(leaving) }, {})).toMatchObject([
      { outcome: 'unknown', settlesWithinMs: 90_000 }
    ])
  })
})
