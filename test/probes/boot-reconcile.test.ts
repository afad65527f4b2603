import { describe, expect, it } from 'vitest'
import { bootReconcile } from '../../probes/boot-reconcile.ts'
import { outcomeOf } from '../../src/probe/run.ts'
import type { DockerNetwork } from '../../src/systems/docker/networks.ts'
import type { SwarmService } from '../../src/systems/swarm/services.ts'
import { bootOf, type BootSketch, notRehearsed, rehearsalOf, type UnitSketch } from '../support/boot.ts'
import { at, engine, network, service } from '../support/docker.ts'

const create = 'docker network create --driver overlay --attachable --subnet 10.10.0.0/16 proxy'
const deploy = 'docker stack deploy -c /etc/shop.yml shop'
const guard = (make: string) => `if ! docker network inspect proxy >/dev/null 2>&1; then\n  ${make}\nfi`

interface Sketch {
  /** The script of swarm-init, and that of deploy-shop. */
  readonly init?: string
  readonly shop?: string
  readonly state?: NonNullable<UnitSketch['state']>
  readonly units?: BootSketch['units']
  readonly files?: NonNullable<BootSketch['files']>
  readonly proxy?: Partial<DockerNetwork> | null
  readonly networks?: readonly DockerNetwork[]
  readonly services?: readonly SwarmService[]
  readonly rehearsal?: typeof notRehearsed
}

function facts({
  init = guard(create),
  shop = deploy,
  state = {},
  proxy = {},
  rehearsal = notRehearsed,
  ...more
}: Sketch) {
  const { units = {}, files = {}, networks = [], services = [service()] } = more
  const both = { 'swarm-init': { script: init, state }, 'deploy-shop': { script: shop, state } }
  const boot = bootOf({ units: { ...both, ...units }, files })
  return {
    units: boot.units,
    programs: boot.programs,
    rehearsal,
    networks: [...(proxy === null ? [] : [network(proxy)]), ...networks],
    services,
    engine: engine(at(7200))
  }
}

const failed = { active: 'failed', result: 'exit-code' }
const own = (subnet: string) => ({ subnets: [{ subnet, gateway: null }] })
const made = (flags: string) => guard(`docker network create ${flags} proxy`)
const overlay = (flags: string) => made(`-d overlay --attachable ${flags}`)
const hand = service({ id: 'hand', name: 'hand_app', stack: 'hand' })
const debug = network({ id: 'networkdebug', name: 'debug', createdMicros: at(0) })
const onDebug = [service({ networks: ['networkproxy', 'networkdebug'] })]

const perl = {
  name: '/opt/deploy.pl',
  kind: 'program' as const,
  unit: 'deploy-hand.service',
  place: { path: '/etc/systemd/system/deploy-hand.service', line: 4 },
  why: 'it is run by perl'
}
const opaque = rehearsalOf({ unknowns: [perl] })

describe('boot-reconcile', () => {
  it.each<[why: string, outcome: string, sketch: Sketch, params?: object]>([
    ['all as the units make it', 'pass', {}],
    ['without a guard', 'pass', { init: create }],
    ['beside a program that cannot be looked into', 'pass', { rehearsal: opaque }],
    ['a stack that such a program may deploy', 'unknown', { rehearsal: opaque, services: [service(), hand] }],
    ['a stack that nothing deploys', 'fail', { rehearsal: rehearsalOf(), services: [service(), hand] }],
    [
      'nothing but what such a program may deploy',
      'unknown',
      { init: 'true', shop: 'true', rehearsal: opaque }
    ],
    [
      'another subnet, beside such a program',
      'fail',
      { init: overlay('--subnet 10.20.0.0/16'), rehearsal: opaque }
    ],
    [
      'a stack of a boot that could not be rehearsed',
      'unknown',
      { rehearsal: { ...opaque, answer: { unknown: 'it took too long' } }, services: [service(), hand] }
    ],
    [
      'flags in the other form',
      'pass',
      { init: 'docker network create proxy -d=overlay --attachable=true --subnet=10.10.0.0/16' }
    ],
    [
      'by another path, with options of docker',
      'pass',
      { init: `/usr/bin/docker -H unix:///x ${create.slice(7)}` }
    ],
    ['the subnet in a variable', 'pass', { init: `S=10.10.0.0/16\n${overlay('--subnet "$S"')}` }],
    ['the same block, spelled otherwise', 'pass', { init: overlay('--subnet 10.10.0.1/16') }],

    ['another subnet', 'fail', { init: overlay('--subnet 10.20.0.0/16') }],
    [
      'another subnet, in a program that it calls',
      'fail',
      { init: '/opt/net', files: { '/opt/net': `#!/bin/sh\n${overlay('--subnet 10.20.0.0/16')}` } }
    ],
    ['no subnet, and the live one is none that docker takes', 'fail', { init: overlay('') }],
    ['no subnet, and the live one is of the pool', 'pass', { init: overlay(''), proxy: own('10.0.1.0/24') }],
    [
      'no subnet, and the live one is as long, but of no pool',
      'fail',
      { init: overlay(''), proxy: own('172.30.1.0/24') }
    ],
    [
      'a second subnet of the other family, of which nobody speaks',
      'pass',
      {
        proxy: {
          subnets: [
            { subnet: '10.10.0.0/16', gateway: null },
            { subnet: 'fd00::/64', gateway: null }
          ]
        }
      }
    ],
    ['a subnet that only the run knows', 'pass', { init: overlay('--subnet "$(cat /etc/subnet)"') }],
    ['flags that only the run knows', 'pass', { init: made('$(cat /etc/flags)') }],
    [
      'flags that only the run knows, and one that it contradicts',
      'fail',
      { init: made('$(cat /etc/flags) --driver bridge') }
    ],
    ['no driver', 'fail', { init: made('--attachable --subnet 10.10.0.0/16') }],
    ['not attachable', 'fail', { init: made('-d overlay --subnet 10.10.0.0/16') }],
    [
      'attachable means nothing for a bridge',
      'pass',
      {
        init: 'docker network create --attachable proxy',
        proxy: { driver: 'bridge', scope: 'local', attachable: false }
      }
    ],
    ['internal', 'fail', { init: overlay('--subnet 10.10.0.0/16 --internal') }],
    ['encrypted, and live is not', 'fail', { init: overlay('--subnet 10.10.0.0/16 -o encrypted') }],
    ['live is encrypted, and it would not be', 'fail', { proxy: { options: { encrypted: '' } } }],
    [
      'both are encrypted',
      'pass',
      { init: overlay('--subnet 10.10.0.0/16 --opt encrypted'), proxy: { options: { encrypted: '' } } }
    ],
    [
      'an option of docker itself',
      'pass',
      { proxy: { options: { 'com.docker.network.driver.overlay.vxlanid_list': '4097' } } }
    ],
    [
      'two ways to make it, one of them as it is',
      'pass',
      { init: `if [ -e /x ]; then ${create}; else docker network create proxy; fi` }
    ],
    [
      'two ways to make it, neither as it is',
      'fail',
      {
        init: 'if [ -e /x ]; then docker network create proxy; else docker network create -d ipvlan proxy; fi'
      }
    ],
    ['only in a comment', 'pass', { init: `# docker network create proxy\n${create}` }],
    ['only in an echo', 'pass', { init: `echo docker network create proxy\n${create}` }],
    [
      'a unit that no boot starts',
      'pass',
      { units: { other: { script: made('-d bridge'), boots: false, state: { active: 'inactive' } } } }
    ],
    ['excepted', 'pass', { init: overlay('--subnet 10.20.0.0/16') }, { except: ['prox?'] }],

    ['a network that is not there', 'fail', { proxy: null, services: [service({ networks: [] })] }],
    [
      'a network that is not there, by a failed start',
      'pass',
      { proxy: null, state: failed, services: [service({ networks: [] })] }
    ],
    [
      'a network that is not there, on a condition',
      'pass',
      { init: `[ -e /x ] && ${create}`, proxy: null, services: [service({ networks: [] })] }
    ],
    [
      'a network that is not there, behind a way out',
      'pass',
      { init: `[ -e /x ] || exit 0\n${create}`, proxy: null, services: [service({ networks: [] })] }
    ],

    ['a stack that is not there', 'fail', { units: { more: { script: 'docker stack deploy -c x gone' } } }],
    [
      'one of a list that is not there',
      'fail',
      { units: { more: { script: 'for s in shop gone; do docker stack deploy -c $s.yml $s; done' } } }
    ],
    [
      'a stack that is not there, on a condition',
      'pass',
      { units: { more: { script: 'if [ -e /x ]; then docker stack deploy -c x gone; fi' } } }
    ],
    [
      'a stack that is not there, and its unit failed',
      'pass',
      { units: { more: { script: 'docker stack deploy -c x gone', state: failed } } }
    ],
    [
      'a stack that is not there, and its unit still starts',
      'pass',
      { units: { more: { script: 'docker stack deploy -c x gone', state: { active: 'activating' } } } }
    ],
    [
      'a stack that the start removes again',
      'pass',
      { units: { more: { script: 'docker stack deploy -c x gone\ndocker stack rm gone' } } }
    ],

    ['a stack by hand', 'fail', { services: [service(), hand] }],
    ['a stack by hand, excepted', 'pass', { services: [service(), hand] }, { except: ['hand'] }],
    ['a stack by hand, an hour old', 'fail', { services: [service(), { ...hand, createdMicros: at(3600) }] }],
    ['a stack by hand, younger', 'pass', { services: [service(), { ...hand, createdMicros: at(3601) }] }],
    ['a stack by hand, younger than a plan says', 'pass', { services: [service(), hand] }, { age: '3h' }],
    [
      'a stack of a list',
      'pass',
      { shop: 'for s in shop hand; do docker stack deploy -c $s.yml $s; done', services: [service(), hand] }
    ],
    [
      'a stack by abra',
      'pass',
      { units: { more: { script: 'abra app deploy hand' } }, services: [service(), hand] }
    ],
    [
      'a stack that a name with a gap may mean',
      'pass',
      { units: { more: { script: 'docker stack deploy -c x "ha$(cat /x)"' } }, services: [service(), hand] }
    ],
    [
      'a stack that a name with a gap cannot mean',
      'fail',
      { units: { more: { script: 'docker stack deploy -c x "x$(cat /x)"' } }, services: [service(), hand] }
    ],
    [
      'a stack that a Python program names',
      'pass',
      {
        units: { more: { script: 'python3 /opt/x.py' } },
        files: { '/opt/x.py': 'deploy("hand")' },
        services: [service(), hand]
      }
    ],
    [
      'a stack that a shell script only mentions',
      'fail',
      { units: { more: { script: 'docker service logs hand_app' } }, services: [service(), hand] }
    ],
    [
      'a stack by hand, and a program could not be read',
      'unknown',
      { units: { more: { script: '/opt/x' } }, files: { '/opt/x': null }, services: [service(), hand] }
    ],
    [
      'a program could not be read, and nobody misses it',
      'pass',
      { units: { more: { script: '/opt/x' } }, files: { '/opt/x': null } }
    ],
    [
      'a stack that only another unit deploys, which no boot starts',
      'fail',
      {
        units: {
          more: { script: 'docker stack deploy -c x hand', boots: false, state: { active: 'inactive' } }
        },
        services: [service(), hand]
      }
    ],

    ['a network by hand', 'fail', { networks: [debug], services: onDebug }],
    ['a network by hand, of nobody', 'pass', { networks: [debug] }],
    [
      'a network of a stack',
      'pass',
      { networks: [{ ...debug, labels: { 'com.docker.stack.namespace': 'shop' } }], services: onDebug }
    ],
    ['the ingress network', 'pass', { networks: [{ ...debug, ingress: true }], services: onDebug }],

    ['a failure that is ignored', 'fail', { init: guard(`${create} || true`) }],
    ['a failure that is only told', 'fail', { init: guard(`${create} || echo "already there"`) }],
    [
      'a failure that systemd ignores',
      'fail',
      { units: { more: { service: `ExecStart=-/usr/bin/${create}` } } }
    ],
    ['a deployment whose failure is ignored', 'fail', { shop: `${deploy} || :` }],
    [
      'a failure that is ignored, and looked at after',
      'pass',
      { init: `${create} || true\ndocker network inspect proxy >/dev/null` }
    ],
    [
      'a failure that is ignored, and not looked at after either',
      'fail',
      { init: `${create} || true\ndocker network inspect proxy || true` }
    ],
    ['a failure that ends it', 'pass', { init: `${create} || exit 1` }],
    [
      'a failure of something else that is ignored',
      'pass',
      { init: `docker network rm old || true\n${create}` }
    ],

    [
      'units that create nothing',
      'not-applicable',
      { init: 'true', shop: 'true', services: [service(), hand] }
    ],
    [
      'nothing that could be compared',
      'unknown',
      { init: 'true', shop: 'docker stack deploy -c x "$(cat /x)"', services: [service({ networks: [] })] }
    ]
  ])('%s: %s', (_, outcome, sketch, params = {}) => {
    const wish = bootReconcile.params.parse(params)
    const seen = facts(sketch)
    expect(outcomeOf(bootReconcile.judge(seen, wish))).toBe(outcome)
    const untrue = bootReconcile.falsify(seen, wish)
    expect(untrue.length).toBe(seen.networks.length === 0 ? 0 : 1)
    for (const one of untrue) expect(outcomeOf(bootReconcile.judge(one, wish))).toBe('fail')
  })

  it('says what is live, what a boot would make of it, and who', () => {
    const sketch = { init: 'docker network create --driver overlay proxy', services: [service(), hand] }
    const script = '/nix/store/0000000000-unit-script-swarm-init-start/bin/swarm-init-start:4'
    expect(bootReconcile.judge(facts(sketch), { age: '1h' })).toEqual([
      {
        outcome: 'fail',
        saw: 'network proxy is live with 10.10.0.0/16, attachable',
        expected: 'a /24 of 10.0.0.0/8, not attachable, as created by swarm-init.service',
        at: `${script}: docker network create --driver overlay proxy`,
        filing: expect.objectContaining({
          subject: 'network proxy',
          title: 'network proxy would be recreated differently',
          severity: 'high'
        })
      },
      {
        outcome: 'fail',
        saw: 'stack hand is live, but no unit that starts at boot deploys it',
        expected: 'a unit that creates it at boot',
        at: 'stack hand',
        filing: expect.objectContaining({ subject: 'stack hand', severity: 'medium' })
      }
    ])
  })

  it('says what it could not judge', () => {
    const sketch = { units: { more: { script: 'docker stack deploy -c x "$(cat /x)-app"' } } }
    const findings = bootReconcile.judge(facts(sketch), { age: '1h' })
    expect(findings).toMatchObject([
      {
        outcome: 'pass',
        saw: '2 networks and stacks would be recreated as they are',
        shows: ['network proxy, by swarm-init.service', 'stack shop, by deploy-shop.service']
      },
      {
        outcome: 'not-applicable',
        why: '1 item could not be compared',
        shows: [
          expect.stringMatching(
            /^…-app: the name is known only at run time \(.*deploy -c x "\$\(cat \/x\)-app"\)$/
          )
        ]
      }
    ])
  })
})
