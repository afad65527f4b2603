import { describe, expect, it } from 'vitest'
import type { FactSource } from '../../../src/facts/fact.ts'
import { gather } from '../../../src/facts/gather.ts'
import { endpointOwners } from '../../../src/systems/docker/endpoints.ts'
import { dockerEngine, engineStart } from '../../../src/systems/docker/engine.ts'
import { nodeDetails, swarmNodes } from '../../../src/systems/swarm/nodes.ts'
import { dockerNetworkList, dockerNetworks } from '../../../src/systems/docker/networks.ts'
import { type SwarmService, swarmServices } from '../../../src/systems/swarm/services.ts'
import { declaredSubnets, swarmTasks } from '../../../src/systems/swarm/tasks.ts'
import { closedAdapters, type Recorded, recordedSession } from '../../support/doors.ts'
import { at } from '../../support/docker.ts'

const list = "docker network ls --no-trunc --format '{{json .}}'"
const services = "docker service ls --format '{{json .}}'"
const tasks = "docker service ps --no-trunc --format '{{json .}}' -- "
const info = "docker info --format '{{json .}}'"
const start = 'systemctl show -p LoadState,InactiveExitTimestamp --timestamp=us+utc docker.service'

async function taken<T>(source: FactSource<T>, recorded: Recorded) {
  const session = recordedSession(recorded)
  const gathered = await gather(
    [{ host: 'h', sources: [source] }],
    closedAdapters({ open: async () => session })
  )
  return { fact: gathered.fact('h', source), rounds: session.rounds.map(round => round.length) }
}

const proxyRow = {
  CreatedAt: '2026-06-13 07:38:02.125154677 +0200 CEST',
  Driver: 'overlay',
  ID: 'n9iau1d0lu0jg47ahop23lu6k',
  IPv6: 'false',
  Internal: 'false',
  Labels: '',
  Name: 'proxy',
  Scope: 'swarm'
}
const proxyDetail = {
  Name: 'proxy',
  Id: 'n9iau1d0lu0jg47ahop23lu6k',
  // An engine that restarted says so here, and only here.
  Created: '2026-06-14T00:00:00.1Z',
  EnableIPv6: false,
  IPAM: { Driver: 'default', Options: null, Config: [{ Subnet: '10.10.0.0/16', Gateway: '10.10.0.1' }] },
  Attachable: true,
  Ingress: false,
  Containers: {
    'lb-proxy': { Name: 'proxy-endpoint', IPv4Address: '10.10.0.3/16', IPv6Address: '' },
    '17a7': { Name: 'drone_app.1.nuw0', IPv4Address: '10.10.0.5/16', IPv6Address: '' }
  },
  Options: null,
  Labels: null
}

describe('networks', () => {
  it('are the list, with its true times, and the details, in two rounds', async () => {
    const { fact, rounds } = await taken(dockerNetworks, {
      [list]: { stdout: `${JSON.stringify(proxyRow)}\n` },
      'docker network inspect -- n9iau1d0lu0jg47ahop23lu6k': { stdout: JSON.stringify([proxyDetail]) }
    })
    expect(rounds).toEqual([2, 1])
    expect(fact).toEqual({
      seen: true,
      evidence: [1, 2, 3],
      value: [
        {
          id: 'n9iau1d0lu0jg47ahop23lu6k',
          name: 'proxy',
          driver: 'overlay',
          scope: 'swarm',
          createdMicros: at(482) + 125_154,
          internal: false,
          attachable: true,
          ingress: false,
          subnets: [{ subnet: '10.10.0.0/16', gateway: '10.10.0.1' }],
          free: null,
          options: {},
          labels: {},
          endpoints: [
            { id: '17a7', name: 'drone_app.1.nuw0', ipv4: '10.10.0.5/16', ipv6: null },
            { id: 'lb-proxy', name: 'proxy-endpoint', ipv4: '10.10.0.3/16', ipv6: null }
          ]
        }
      ]
    })
  })

  it.each([null, [], undefined])('have no subnet where docker says %j', async Config => {
    const detail = { ...proxyDetail, IPAM: { Driver: 'default', Config }, Containers: null }
    const { fact } = await taken(dockerNetworks, {
      [list]: { stdout: JSON.stringify(proxyRow) },
      'docker network inspect -- n9iau1d0lu0jg47ahop23lu6k': { stdout: JSON.stringify([detail]) }
    })
    expect(fact).toMatchObject({ seen: true, value: [{ subnets: [], endpoints: [] }] })
  })

  it('are not inspected where there are none', async () => {
    expect(await taken(dockerNetworks, { [list]: { stdout: '' } })).toMatchObject({
      fact: { seen: true, value: [] },
      rounds: [2]
    })
  })

  it('have the part that docker gives addresses out of, what others have, and whose settings they take', async () => {
    const detail = {
      ...proxyDetail,
      IPAM: {
        Driver: 'default',
        Config: [
          {
            Subnet: '10.10.0.0/16',
            IPRange: '10.10.0.64/29',
            Gateway: '10.10.0.64',
            AuxiliaryAddresses: { printer: '10.10.0.66', camera: '10.10.0.65' }
          },
          { Subnet: 'fd00:10::/64', IPRange: '', AuxiliaryAddresses: null }
        ]
      },
      ConfigFrom: { Network: 'template' },
      ConfigOnly: true
    }
    const { fact } = await taken(dockerNetworks, {
      [list]: { stdout: JSON.stringify(proxyRow) },
      'docker network inspect -- n9iau1d0lu0jg47ahop23lu6k': { stdout: JSON.stringify([detail]) }
    })
    expect(fact).toMatchObject({
      value: [
        {
          configOnly: true,
          configFrom: 'template',
          subnets: [
            {
              subnet: '10.10.0.0/16',
              gateway: '10.10.0.64',
              range: '10.10.0.64/29',
              reserved: ['10.10.0.65', '10.10.0.66']
            },
            { subnet: 'fd00:10::/64', gateway: null }
          ]
        }
      ]
    })
  })

  const own = { ServerVersion: '26.1.5', Name: 'ci-host' }
  it.each<[why: string, said: object | string, unseen: string | null]>([
    ['its own engine', { ...own, ClientInfo: { Context: 'default' } }, null],
    ['an engine that names no context', own, null],
    ['words that are no JSON', 'Client: Docker Engine', null],
    [
      'another context',
      { ...own, ClientInfo: { Context: 'prod-eu' } },
      'the engine of ci-host of its context "prod-eu"'
    ],
    [
      'another context that does not respond',
      {
        ServerErrors: ['Cannot connect to the Docker daemon at tcp://192.0.2.1:2376'],
        ClientInfo: { Context: 'prod-eu' }
      },
      'the engine of its context "prod-eu"'
    ],
    ['podman', { host: { buildahVersion: '1.39' }, store: {}, registries: {}, version: {} }, 'is podman']
  ])('are of this host alone: %s', async (_, said, unseen) => {
    const stdout = typeof said === 'string' ? said : JSON.stringify(said)
    for (const source of [dockerNetworks, dockerNetworkList, swarmServices, swarmTasks, swarmNodes]) {
      const recorded: Recorded = {
        [list]: { stdout: unseen === null ? JSON.stringify(proxyRow) : '{"name":"podman"}' },
        'docker network inspect -- n9iau1d0lu0jg47ahop23lu6k': { stdout: JSON.stringify([proxyDetail]) },
        [services]: { stdout: '' },
        "docker node ls --format '{{json .}}'": { stdout: '' },
        [info]: { stdout }
      }
      const { fact } = await taken<unknown>(source, recorded)
      expect(fact).toMatchObject(
        unseen === null ? { seen: true } : { seen: false, why: expect.stringContaining(unseen) }
      )
    }
  })

  it.each([
    [{ ...proxyRow, ID: '--help' }, 'output not understood'],
    [{ ...proxyRow, ID: 'a b' }, 'output not understood'],
    [{ ...proxyRow, CreatedAt: 'yesterday' }, 'output not understood']
  ])('are not understood as %j', async (row, why) => {
    const { fact } = await taken(dockerNetworkList, { [list]: { stdout: JSON.stringify(row) } })
    expect(fact).toMatchObject({ seen: false, why: expect.stringContaining(why) })
  })

  it('are unseen where one was listed but not inspected', async () => {
    const { fact } = await taken(dockerNetworks, {
      [list]: { stdout: JSON.stringify(proxyRow) },
      'docker network inspect -- n9iau1d0lu0jg47ahop23lu6k': { stdout: '[]' }
    })
    expect(fact).toMatchObject({ seen: false, why: 'docker listed network proxy, but did not inspect it' })
  })
})

describe('whose the endpoints are', () => {
  const c = (letter: string) => letter.repeat(64)
  const ps = "docker ps --all --no-trunc --format '{{json .}}'"
  const again = "docker network inspect --format '{{json .}}' -- n9iau1d0lu0jg47ahop23lu6k"
  const container = (letter: string, State: string, Status = 'Up 3 hours') =>
    JSON.stringify({ ID: c(letter), State, Status })
  const detail = (...keys: readonly string[]) => ({
    ...proxyDetail,
    Containers: Object.fromEntries(
      ['lb-proxy', ...keys].map(key => [key, { Name: `of ${key.slice(0, 4)}`, IPv4Address: '10.10.0.5/16' }])
    )
  })
  const host = (first: readonly string[], containers: readonly string[], second?: Recorded[string]) =>
    taken(endpointOwners, {
      [list]: { stdout: JSON.stringify(proxyRow) },
      'docker network inspect -- n9iau1d0lu0jg47ahop23lu6k': { stdout: JSON.stringify([detail(...first)]) },
      [ps]: { stdout: containers.join('\n') },
      ...(second === undefined ? {} : { [again]: second })
    })
  const still = (...keys: readonly string[]) => ({ stdout: JSON.stringify(detail(...keys)) })

  it.each(['running', 'paused', 'restarting', 'created', 'removing'])(
    'takes one look where each has its container (%s)',
    async state => {
      expect(await host([c('a')], [container('a', state)])).toMatchObject({
        fact: { seen: true, value: { examined: 1, loose: [] } },
        rounds: [2, 1, 1]
      })
    }
  )

  it('leaves aside what is no container’s: of the network itself, or of a build', async () => {
    const { fact } = await host(['ingress-sbox', 'k3x9d1gq8v5w2m7n4b6c0z1ah'], [])
    expect(fact).toMatchObject({ seen: true, value: { examined: 0, loose: [] } })
  })

  it('leaves aside the load balancer of a network while the engine starts', async () => {
    const Containers = { [`ep-${c('a')}`]: { Name: 'proxy-endpoint', IPv4Address: '10.10.0.5/16' } }
    const { fact } = await taken(endpointOwners, {
      [list]: { stdout: JSON.stringify(proxyRow) },
      'docker network inspect -- n9iau1d0lu0jg47ahop23lu6k': {
        stdout: JSON.stringify([{ ...proxyDetail, Containers }])
      },
      [ps]: { stdout: '' }
    })
    expect(fact).toMatchObject({ seen: true, value: { examined: 0, loose: [] } })
  })

  it.each<[key: string, containers: readonly string[], owner: string, leaving: boolean]>([
    [c('a'), [container('b', 'running')], 'its container is gone', false],
    [`ep-${c('a')}`, [container('a', 'running')], 'it belongs to no container', false],
    [
      c('a'),
      [container('a', 'exited', 'Exited (0) 2 minutes ago')],
      'its container is exited (Exited (0) 2 minutes ago)',
      false
    ],
    [
      c('a'),
      [container('a', 'exited', 'Exited (0) 5 seconds ago')],
      'its container is exited (Exited (0) 5 seconds ago)',
      true
    ],
    [
      c('a'),
      [container('a', 'exited', 'Exited (0) Less than a second ago')],
      'its container is exited (Exited (0) Less than a second ago)',
      true
    ]
  ])('tells %s of %j', async (key, containers, owner, leaving) => {
    const { fact } = await host([key], containers, still(key))
    const name = `of ${key.slice(0, 4)}`
    expect(fact).toMatchObject({
      seen: true,
      value: { examined: 1, loose: [{ network: 'proxy', name, address: '10.10.0.5/16', owner, leaving }] }
    })
  })

  it.each<[why: string, second: Recorded[string]]>([
    ['is gone at the second look', still(c('b'))],
    ['is gone with its network', { exit: 1, stderr: 'Error response from daemon: network n9 not found\n' }]
  ])('lets go of one that %s', async (_, second) => {
    const { fact } = await host([c('a')], [], second)
    expect(fact).toMatchObject({ seen: true, value: { examined: 1, loose: [] } })
  })

  it.each<[second: Recorded[string] | undefined]>([
    [undefined],
    [{ why: 'the connection was lost' }],
    [{ exit: 1, stderr: '' }],
    [{ exit: 1, stderr: 'Cannot connect to the Docker daemon\n' }]
  ])('is unseen without a second look (%j)', async second => {
    expect((await host([c('a')], [], second)).fact).toMatchObject({ seen: false })
  })
})

it.each([
  [
    'Got permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock',
    'the login may not read docker'
  ],
  [
    'permission denied while trying to connect to the docker API at unix:///var/run/docker.sock',
    'the login may not read docker'
  ],
  [
    'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?',
    'does not respond'
  ],
  [
    "Error response from daemon: This node is not a swarm manager. Worker nodes can't be used",
    'not a swarm manager'
  ],
  ['Error response from daemon: something new', 'ended with 1: Error response from daemon: something new']
])('docker refusing with %j is unseen', async (stderr, why) => {
  const { fact } = await taken(swarmServices, { [services]: { exit: 1, stderr } })
  expect(fact).toMatchObject({ seen: false, why: expect.stringContaining(why) })
})

const taskTemplate = {
  ContainerSpec: { Image: 'bridge:local', Labels: { a: 'b' }, Args: ['nginx'], Env: null },
  Networks: [{ Target: 'n9iau1d0lu0jg47ahop23lu6k', Aliases: ['app'] }],
  ForceUpdate: 0
}
const serviceDetail = {
  ID: 'jvty61713dmycnj0g57oiorxp',
  CreatedAt: '2026-06-13T05:30:00Z',
  UpdatedAt: '2026-06-13T05:30:00.000001Z',
  Spec: {
    Name: 'ccci-bridge_app',
    Labels: { 'com.docker.stack.namespace': 'ccci-bridge', 'traefik.enable': 'true' },
    // What `docker service inspect` fills in, and a task does not have.
    TaskTemplate: {
      ...taskTemplate,
      ContainerSpec: {
        ...taskTemplate.ContainerSpec,
        StopGracePeriod: 10_000_000_000,
        DNSConfig: {},
        Isolation: 'default'
      },
      Resources: {},
      RestartPolicy: { Condition: 'any', Delay: 5_000_000_000, MaxAttempts: 0 },
      Placement: { MaxReplicas: 2 },
      Runtime: 'container'
    },
    Mode: { Replicated: { Replicas: 1 } }
  },
  Endpoint: { Spec: {}, VirtualIPs: [{ NetworkID: 'n9iau1d0lu0jg47ahop23lu6k', Addr: '10.10.0.8/16' }] }
}
const taskDetail = {
  ID: 'ndttrvrs9oluttzzm537o0ozu',
  CreatedAt: '2026-06-13T05:30:01Z',
  Labels: {},
  Spec: taskTemplate,
  ServiceID: 'jvty61713dmycnj0g57oiorxp',
  Slot: 1,
  NodeID: 'jspielqia7g7mghvorp2rp2o1',
  Status: {
    Timestamp: '2026-06-13T05:30:02.5Z',
    State: 'running',
    Message: 'started',
    ContainerStatus: { ContainerID: '56cb', PID: 984, ExitCode: 0 }
  },
  DesiredState: 'running',
  NetworksAttachments: [{ Network: { ID: 'n9iau1d0lu0jg47ahop23lu6k' }, Addresses: ['10.10.0.9/16'] }]
}

describe('services and tasks', () => {
  const recorded = {
    [services]: { stdout: '{"ID":"jvty61713dmy","Name":"ccci-bridge_app","Replicas":"1/1"}\n' },
    'docker service inspect -- jvty61713dmy': { stdout: JSON.stringify([serviceDetail]) },
    [`${tasks}jvty61713dmy`]: {
      stdout: '{"ID":"ndttrvrs9oluttzzm537o0ozu"}\n{"ID":"gone0000000000000000000000"}\n'
    },
    'docker inspect --type task -- ndttrvrs9oluttzzm537o0ozu gone0000000000000000000000': {
      exit: 1,
      stdout: JSON.stringify([taskDetail]),
      stderr: 'Error: No such task: gone0000000000000000000000\n'
    }
  }

  it('have the same template, whatever docker fills in for one of them', async () => {
    const { fact } = await taken(swarmServices, recorded)
    const { fact: found, rounds } = await taken(swarmTasks, recorded)
    expect(rounds).toEqual([2, 1, 1])
    if (!fact.seen || !found.seen) throw new Error('unseen')
    expect(fact.value).toMatchObject([
      {
        name: 'ccci-bridge_app',
        stack: 'ccci-bridge',
        mode: { kind: 'replicated', replicas: 1 },
        maxPerNode: 2,
        update: null,
        virtualIps: [{ network: 'n9iau1d0lu0jg47ahop23lu6k', address: '10.10.0.8/16' }]
      }
    ])
    expect(found.value).toMatchObject([
      { id: 'ndttrvrs9oluttzzm537o0ozu', state: 'running', stateMicros: at(2.5), iteration: null }
    ])
    expect(JSON.parse(JSON.stringify(found.value))[0].template).toEqual(
      JSON.parse(JSON.stringify(fact.value))[0].template
    )
  })

  it.each([
    [
      'another argument',
      { ...taskTemplate, ContainerSpec: { ...taskTemplate.ContainerSpec, Args: ['caddy'] } }
    ],
    ['a forced update', { ...taskTemplate, ForceUpdate: 1 }],
    ['another network', { ...taskTemplate, Networks: [{ Target: 'other' }] }]
  ])('have different templates after %s', async (_, Spec) => {
    const ids = '{"ID":"ndttrvrs9oluttzzm537o0ozu"}'
    const changed = {
      ...recorded,
      [`${tasks}jvty61713dmy`]: { stdout: ids },
      'docker inspect --type task -- ndttrvrs9oluttzzm537o0ozu': {
        stdout: JSON.stringify([{ ...taskDetail, Spec }])
      }
    }
    const [one, other] = [await taken(swarmServices, changed), await taken(swarmTasks, changed)]
    if (!one.fact.seen || !other.fact.seen) throw new Error('unseen')
    const digest = (value: unknown) => JSON.parse(JSON.stringify(value))[0].template.digest
    expect(digest(other.fact.value)).not.toBe(digest(one.fact.value))
  })

  it.each([
    [
      { ReplicatedJob: { MaxConcurrent: 1, TotalCompletions: 3 } },
      { kind: 'replicated job', completions: 3, iteration: 4 }
    ],
    [{ GlobalJob: {} }, { kind: 'global job', iteration: 4 }],
    [{ Global: {} }, { kind: 'global' }],
    [{ Replicated: {} }, { kind: 'replicated', replicas: 0 }]
  ])('of mode %j', async (Mode, mode) => {
    const detail = {
      ...serviceDetail,
      Spec: { ...serviceDetail.Spec, Mode },
      JobStatus: { JobIteration: { Index: 4 } },
      UpdateStatus: { State: 'paused', Message: 'update paused due to failure' },
      Endpoint: null
    }
    const { fact } = await taken(swarmServices, {
      ...recorded,
      'docker service inspect -- jvty61713dmy': { stdout: JSON.stringify([detail]) }
    })
    expect(fact).toMatchObject({ value: [{ mode, update: { state: 'paused' }, virtualIps: [] }] })
  })

  it('are not inspected where there are none', async () => {
    expect(await taken(swarmServices, { [services]: { stdout: '' } })).toMatchObject({
      fact: { value: [] },
      rounds: [2]
    })
    expect(await taken(swarmTasks, { [services]: { stdout: '\n' } })).toMatchObject({
      fact: { value: [] },
      rounds: [2]
    })
  })

  const placed = (Placement: object, more: object = {}) => ({
    ...serviceDetail,
    Spec: {
      ...serviceDetail.Spec,
      TaskTemplate: { ...serviceDetail.Spec.TaskTemplate, Placement, ...more },
      Mode: { Global: {} }
    }
  })
  const seconds = 1e9

  it.each<[why: string, more: object, times: object | undefined]>([
    ['docker’s own', {}, undefined],
    ['docker’s own, written out', { RestartPolicy: { Delay: 5 * seconds } }, undefined],
    ['no delay', { RestartPolicy: { Delay: 0 } }, { healthy: null, restartDelay: 0 }],
    ['a delay', { RestartPolicy: { Delay: 600 * seconds } }, { healthy: null, restartDelay: 600e6 }],
    [
      'a health check, with its start period',
      {
        ContainerSpec: {
          Image: 'x:1',
          Healthcheck: {
            Test: ['CMD', 'true'],
            Interval: 10 * seconds,
            Timeout: 5 * seconds,
            Retries: 2,
            StartPeriod: 300 * seconds
          }
        }
      },
      { healthy: 330e6, restartDelay: 5e6 }
    ],
    [
      'a health check of docker’s own times',
      { ContainerSpec: { Image: 'x:1', Healthcheck: { Test: ['CMD', 'true'] } } },
      { healthy: 180e6, restartDelay: 5e6 }
    ],
    [
      'a health check that is switched off',
      { ContainerSpec: { Image: 'x:1', Healthcheck: { Test: ['NONE'] } } },
      { healthy: 0, restartDelay: 5e6 }
    ]
  ])('have their own times: %s', async (_, more, times) => {
    const { fact } = await taken(swarmServices, {
      ...recorded,
      'docker service inspect -- jvty61713dmy': { stdout: JSON.stringify([placed({}, more)]) }
    })
    const [found] = (fact.seen ? fact.value : []) as readonly SwarmService[]
    expect(found?.name).toBe('ccci-bridge_app')
    expect(found?.times).toEqual(times)
  })

  const nodes = "docker node ls --format '{{json .}}'"
  const one =
    '{"Hostname":"ci-host","ID":"jspielqia7g7mghvorp2rp2o1","ManagerStatus":"Leader","Self":true,"Status":"Ready"}\n'
  const detail = {
    ID: 'jspielqia7g7mghvorp2rp2o1',
    Spec: { Labels: { zone: 'a' }, Role: 'manager', Availability: 'active' },
    Description: { Platform: { Architecture: 'x86_64', OS: 'linux' }, Engine: { EngineVersion: '20.10.24' } },
    Status: { State: 'ready', Addr: '198.51.100.2' }
  }
  it.each<[why: string, placement: object, asked: boolean]>([
    ['any node', {}, false],
    [
      'a constraint that the list of nodes answers',
      { Constraints: ['node.role == manager', 'node.hostname!=b'] },
      false
    ],
    ['a label', { Constraints: ['node.labels.zone==a'] }, true],
    ['a platform', { Platforms: [{ Architecture: 'amd64', OS: 'linux' }] }, true]
  ])('ask for more of the nodes only where their placement does: %s', async (_, placement, asked) => {
    const host: Recorded = {
      ...recorded,
      'docker service inspect -- jvty61713dmy': { stdout: JSON.stringify([placed(placement)]) },
      [nodes]: { stdout: one }
    }
    const node = { 'docker node inspect -- jspielqia7g7mghvorp2rp2o1': { stdout: JSON.stringify([detail]) } }
    expect((await taken(nodeDetails, { ...host, ...node })).fact).toMatchObject({
      value: {
        why: '',
        nodes: asked ? [{ role: 'manager', os: 'linux', architecture: 'x86_64', labels: { zone: 'a' } }] : []
      }
    })
    expect((await taken(nodeDetails, host)).fact).toMatchObject({
      value: { nodes: [], why: asked ? expect.stringContaining('docker node inspect') : '' }
    })
  })

  it('show which subnets somebody declared', async () => {
    const network = (ID: string, Spec: object) => ({ Network: { ID, Spec }, Addresses: [] })
    const declared = { Driver: {}, Configs: [{ Subnet: '10.10.0.0/16' }] }
    const task = {
      ...taskDetail,
      NetworksAttachments: [
        network('n9iau1d0lu0jg47ahop23lu6k', { IPAMOptions: declared }),
        network('pk9n2ga25herxlnknt5ut0n97', { Name: 'x' }),
        network('b6mn9nemqjrv4nto3zfmzolhj', { IPAMOptions: { Configs: null } })
      ]
    }
    const { fact } = await taken(declaredSubnets, {
      ...recorded,
      'docker inspect --type task -- ndttrvrs9oluttzzm537o0ozu gone0000000000000000000000': {
        exit: 1,
        stdout: JSON.stringify([task])
      }
    })
    expect(fact).toMatchObject({
      value: {
        n9iau1d0lu0jg47ahop23lu6k: ['10.10.0.0/16'],
        pk9n2ga25herxlnknt5ut0n97: [],
        b6mn9nemqjrv4nto3zfmzolhj: []
      }
    })
  })

  it.each([
    [
      'any other complaint',
      { exit: 1, stdout: '[]', stderr: 'Error response from daemon: rpc error\n' },
      'rpc error'
    ],
    ['no word at all', { exit: 1, stdout: '[]', stderr: '' }, 'gave no reason'],
    ['half of the tasks', { exit: 0, stdout: JSON.stringify([taskDetail]), stderr: '' }, 'inspected only 1']
  ])('are unseen after %s', async (_, answer, why) => {
    const { fact } = await taken(swarmTasks, {
      ...recorded,
      'docker inspect --type task -- ndttrvrs9oluttzzm537o0ozu gone0000000000000000000000': answer
    })
    expect(fact).toMatchObject({ seen: false, why: expect.stringContaining(why) })
  })
})

describe('the engine', () => {
  const said = {
    ServerVersion: '20.10.24',
    SystemTime: '2026-06-13T05:30:00.5Z',
    Swarm: {
      LocalNodeState: 'active',
      ControlAvailable: true,
      Cluster: { DefaultAddrPool: ['10.0.0.0/8'], SubnetSize: 24 }
    }
  }

  it('says its pools and its time', async () => {
    expect((await taken(dockerEngine, { [info]: { stdout: JSON.stringify(said) } })).fact).toMatchObject({
      value: {
        version: '20.10.24',
        nowMicros: at(0.5),
        localPools: [],
        swarm: { state: 'active', manager: true, pools: ['10.0.0.0/8'], subnetLength: 24 }
      }
    })
  })

  it.each<[limit: unknown, known: number | undefined]>([
    [undefined, undefined],
    [null, undefined],
    [5, undefined],
    [50, undefined],
    // all of them
    [-1, undefined],
    [4, 4],
    [1, 1],
    [0, 0]
  ])('says how many tasks are remembered where these are few: %j', async (limit, known) => {
    const Orchestration = { TaskHistoryRetentionLimit: limit }
    const Swarm = { ...said.Swarm, Cluster: { ...said.Swarm.Cluster, Spec: { Orchestration } } }
    const { fact } = await taken(dockerEngine, { [info]: { stdout: JSON.stringify({ ...said, Swarm }) } })
    expect(fact).toMatchObject({ value: { version: '20.10.24' } })
    if (known === undefined) expect(fact).not.toHaveProperty('value.taskHistory')
    else expect(fact).toHaveProperty('value.taskHistory', known)
  })

  it('is no manager outside of a swarm', async () => {
    const Swarm = { LocalNodeState: 'inactive', ControlAvailable: false, Cluster: null }
    const stdout = JSON.stringify({
      ...said,
      Swarm,
      DefaultAddressPools: [{ Base: '172.30.0.0/16', Size: 24 }]
    })
    expect((await taken(dockerEngine, { [info]: { stdout } })).fact).toMatchObject({
      value: { localPools: ['172.30.0.0/16'], swarm: { manager: false, pools: [] } }
    })
  })

  it.each<[why: string, Cluster: object | null, pools: readonly string[], subnetLength: number]>([
    ['no pool, as until the engine restarts', { DefaultAddrPool: null, SubnetSize: 0 }, ['10.0.0.0/8'], 24],
    ['an empty one', { DefaultAddrPool: [] }, ['10.0.0.0/8'], 24],
    ['a pool without a length', { DefaultAddrPool: ['10.20.0.0/16'], SubnetSize: 0 }, ['10.20.0.0/16'], 24],
    [
      'two pools',
      { DefaultAddrPool: ['10.20.0.0/16', '10.30.0.0/16'], SubnetSize: 26 },
      ['10.20.0.0/16', '10.30.0.0/16'],
      26
    ],
    ['nothing of its swarm', null, [], 0]
  ])('has the built-in pool where docker says null: %s', async (_, Cluster, pools, subnetLength) => {
    const stdout = JSON.stringify({ ...said, Swarm: { ...said.Swarm, Cluster } })
    expect((await taken(dockerEngine, { [info]: { stdout } })).fact).toMatchObject({
      value: { swarm: { pools, subnetLength } }
    })
  })

  it('says what keeps its swarm from answering', async () => {
    const Error = 'rpc error: code = Unknown desc = The swarm does not have a leader.'
    const stdout = JSON.stringify({ ...said, Swarm: { ...said.Swarm, Cluster: null, Error } })
    expect((await taken(dockerEngine, { [info]: { stdout } })).fact).toMatchObject({
      value: { swarm: { error: Error, pools: [] } }
    })
  })

  it('is unseen where only the client answers, although that ends with 0', async () => {
    const stdout = JSON.stringify({
      ServerErrors: ['permission denied while trying to connect'],
      ServerVersion: ''
    })
    expect((await taken(dockerEngine, { [info]: { stdout } })).fact).toMatchObject({
      seen: false,
      why: expect.stringContaining('may not read docker')
    })
  })

  it.each([
    ['LoadState=loaded\nInactiveExitTimestamp=Sat 2026-06-13 05:30:01.250000 UTC\n', at(1.25)],
    ['InactiveExitTimestamp=\nLoadState=not-found\n', null]
  ])('started: %j', async (stdout, value) => {
    expect((await taken(engineStart, { [start]: { stdout } })).fact).toMatchObject({ seen: true, value })
  })

  it('knows its nodes', async () => {
    const stdout =
      '{"Availability":"Active","Hostname":"ci-host","ID":"jspielqia7g7mghvorp2rp2o1","ManagerStatus":"Leader","Self":true,"Status":"Ready"}\n'
    expect(
      (await taken(swarmNodes, { "docker node ls --format '{{json .}}'": { stdout } })).fact
    ).toMatchObject({
      value: [{ hostname: 'ci-host', self: true, status: 'Ready' }]
    })
  })
})
