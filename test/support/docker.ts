import type { DockerEngine } from '../../src/systems/docker/engine.ts'
import type { SwarmNode } from '../../src/systems/swarm/nodes.ts'
import type { DockerNetwork } from '../../src/systems/docker/networks.ts'
import type { SwarmService } from '../../src/systems/swarm/services.ts'
import type { SwarmTask } from '../../src/systems/swarm/tasks.ts'

/** Facts for tests of probes: a healthy thing, with what the test is about changed. */

/** Seconds after 2026-06-13T05:30:00Z, in microseconds. */
export function at(seconds: number): number {
  return Date.UTC(2026, 5, 13, 5, 30) * 1_000 + seconds * 1_000_000
}

export function network(changed: Partial<DockerNetwork> = {}): DockerNetwork {
  return {
    id: 'networkproxy',
    name: 'proxy',
    driver: 'overlay',
    scope: 'swarm',
    createdMicros: at(482.125),
    internal: false,
    attachable: true,
    ingress: false,
    subnets: [{ subnet: '10.10.0.0/16', gateway: '10.10.0.1' }],
    free: null,
    options: {},
    labels: {},
    endpoints: [],
    ...changed
  }
}

export function service(changed: Partial<SwarmService> = {}): SwarmService {
  return {
    id: 'serviceapp',
    name: 'shop_app',
    stack: 'shop',
    mode: { kind: 'replicated', replicas: 1 },
    maxPerNode: 0,
    template: template('2'),
    labels: {},
    containerLabels: {},
    networks: ['networkproxy'],
    virtualIps: [],
    ports: [],
    update: null,
    previousImage: null,
    createdMicros: at(0),
    updatedMicros: at(0),
    ...changed
  }
}

export function task(changed: Partial<SwarmTask> = {}): SwarmTask {
  return {
    id: 'taskone',
    service: 'serviceapp',
    slot: 1,
    node: 'nodeone',
    state: 'running',
    desired: 'running',
    createdMicros: at(10),
    stateMicros: at(12),
    error: '',
    exit: 0,
    template: template('2'),
    addresses: [],
    iteration: null,
    ...changed
  }
}

export function template(version: string) {
  return { image: `shop:${version}`, forced: 0, digest: `sha256:${version}` }
}

export function engine(now: number): DockerEngine {
  return {
    version: '20.10.24',
    nowMicros: now,
    localPools: [],
    swarm: { state: 'active', manager: true, pools: ['10.0.0.0/8'], subnetLength: 24 }
  }
}

/** An engine in the same swarm that is no manager of it. */
export function worker(now: number): DockerEngine {
  return { ...engine(now), swarm: { state: 'active', manager: false, pools: [], subnetLength: 0 } }
}

export function node(changed: Partial<SwarmNode> = {}): SwarmNode {
  return {
    id: 'nodeone',
    hostname: 'one',
    self: true,
    status: 'Ready',
    availability: 'Active',
    manager: 'Leader',
    ...changed
  }
}

/** A second node, a worker. */
export function other(changed: Partial<SwarmNode> = {}): SwarmNode {
  return node({ id: 'nodetwo', hostname: 'two', self: false, manager: '', ...changed })
}
