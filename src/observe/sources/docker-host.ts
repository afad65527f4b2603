import * as z from 'zod'
import { parseSystemdTime } from '../../base/instant.ts'
import { type FactSource, Unseen } from '../fact.ts'
import { readCommand, readPattern } from '../read-command.ts'
import {
  askDocker,
  byText,
  count,
  flag,
  id,
  jsonLines,
  list,
  maybe,
  refused,
  text,
  time
} from './docker-json.ts'

/** The engine, and its part in a swarm. */
export interface DockerEngine {
  readonly version: string
  /** The engine's clock when it was asked, in microseconds since 1970. */
  readonly nowMicros: number
  /** Pools that new local networks take their subnets from; empty where the built-in ones are used. */
  readonly localPools: readonly string[]
  readonly swarm: {
    /** `active`, `inactive`, `pending`, `error`, `locked`. */
    readonly state: string
    readonly manager: boolean
    /** Pools that new overlay networks take their subnets from; empty where this node is no manager. */
    readonly pools: readonly string[]
    /** How long the prefix of a subnet from the pools is; 0 where it is not known. */
    readonly subnetLength: number
  }
}

const engine = z.object({
  ServerErrors: list(z.string()),
  ServerVersion: text,
  SystemTime: maybe(time),
  DefaultAddressPools: list(z.object({ Base: text })),
  Swarm: z
    .object({
      LocalNodeState: text,
      ControlAvailable: flag,
      Cluster: z.object({ DefaultAddrPool: list(z.string()), SubnetSize: count }).nullish()
    })
    .nullish()
})

/** What `docker info` says of the engine. */
export const dockerEngine: FactSource<DockerEngine> = {
  key: 'docker-engine',
  place: 'host',
  reads: [readPattern.dockerInfo(), readPattern.hostTime()],
  timed: true,
  async take(look) {
    const { stdout } = await askDocker(look, readCommand.dockerInfo())
    const found = engine.parse(JSON.parse(stdout))
    // `docker info` ends with 0 and an almost empty answer where the client runs but the engine does not.
    const [complaint] = found.ServerErrors
    if (complaint !== undefined) throw refused(complaint) ?? new Unseen(`docker info: ${complaint}`)
    if (found.ServerVersion === '' || found.SystemTime === undefined) {
      throw new Unseen('docker info names no server version or no time')
    }
    return {
      version: found.ServerVersion,
      nowMicros: found.SystemTime,
      localPools: found.DefaultAddressPools.map(({ Base }) => Base),
      swarm: {
        state: found.Swarm?.LocalNodeState ?? '',
        manager: found.Swarm?.ControlAvailable ?? false,
        pools: found.Swarm?.Cluster?.DefaultAddrPool ?? [],
        subnetLength: found.Swarm?.Cluster?.SubnetSize ?? 0
      }
    }
  }
}

export interface SwarmNode {
  readonly id: string
  readonly hostname: string
  readonly self: boolean
  /** `Ready`, `Down`, `Unknown`, `Disconnected`. */
  readonly status: string
  /** `Active`, `Pause`, `Drain`. */
  readonly availability: string
  /** `Leader`, `Reachable`, `Unreachable`, or empty for a worker. */
  readonly manager: string
}

const node = z.object({
  ID: id,
  Hostname: text,
  Self: flag,
  Status: text,
  Availability: text,
  ManagerStatus: text
})

/** The nodes of the swarm, as a manager sees them. */
export const swarmNodes: FactSource<readonly SwarmNode[]> = {
  key: 'swarm-nodes',
  place: 'host',
  reads: [readPattern.dockerNodes()],
  async take(look) {
    const { stdout } = await askDocker(look, readCommand.dockerNodes())
    return jsonLines(node, stdout)
      .map(found => ({
        id: found.ID,
        hostname: found.Hostname,
        self: found.Self,
        status: found.Status,
        availability: found.Availability,
        manager: found.ManagerStatus
      }))
      .sort(byText(found => found.hostname))
  }
}

/**
 * When the engine began to start, in microseconds since 1970 on the host; null where no docker.service runs
 * it. Not when it was ready: the swarm makes its new tasks in between.
 */
export const engineStart: FactSource<number | null> = {
  key: 'docker-engine-start',
  place: 'host',
  reads: [readPattern.engineStart()],
  async take(look) {
    const { stdout } = await look.read(readCommand.engineStart())
    const said = new Map(
      stdout.split('\n').map(line => [line.split('=', 1)[0] ?? '', line.slice(line.indexOf('=') + 1)])
    )
    // systemd answers 0 for units that do not exist.
    if (said.get('LoadState') === undefined) throw new Unseen('systemd says nothing of docker.service')
    return parseSystemdTime(said.get('InactiveExitTimestamp') ?? '')
  }
}
