import { parseJson } from '../../lib/json.ts'
import * as z from 'zod'
import { parseSystemdTime } from '../../lib/instant.ts'
import { type FactSource, type FactContext, Unseen } from '../../facts/fact.ts'
import { dockerPattern, dockerRead } from './reads.ts'
import { linuxPattern } from '../linux/reads.ts'
import { askDocker, onOwnDocker, refused, time } from './ask.ts'
import { count, flag, list, maybe, text } from '../../facts/answers.ts'

/** The engine, and its part in a swarm. */
export interface DockerEngine {
  readonly version: string
  /** The engine's clock when it was asked, in microseconds since 1970. */
  readonly nowMicros: number
  /** Pools that new local networks take their subnets from; empty where the built-in ones are used. */
  readonly localPools: readonly string[]
  /** How many tasks of each slot the swarm remembers, the present one among them; absent for docker's default, or more. */
  readonly taskHistory?: number
  readonly swarm: {
    /** `active`, `inactive`, `pending`, `error`, `locked`. */
    readonly state: string
    readonly manager: boolean
    /** Pools that new overlay networks take their subnets from; empty where this node is no manager. */
    readonly pools: readonly string[]
    /** How long the prefix of a subnet from the pools is; 0 where it is not known. */
    readonly subnetLength: number
    /** What keeps this node from answering for its swarm, such as a lost quorum; absent where nothing does. */
    readonly error?: string
  }
}

/**
 * Why this engine cannot show all of its swarm, or null where it can, or where it has no swarm: a worker lists an
 * overlay network only while one of its own tasks is on it, and a manager without a quorum lists none at all.
 */
export function partOfSwarm({ swarm }: DockerEngine): string | null {
  if (swarm.state === '' || swarm.state === 'inactive') return null
  if (swarm.state !== 'active') return `this node cannot see the swarm: it is ${swarm.state}`
  if (!swarm.manager)
    return 'this node is not a manager of its swarm, so it does not show networks that none of its own tasks uses'
  return swarm.error === undefined ? null : `the swarm does not respond to this manager: ${swarm.error}`
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
      Error: text,
      Cluster: z
        .object({
          DefaultAddrPool: list(z.string()),
          SubnetSize: count,
          Spec: z
            .object({
              Orchestration: z.object({ TaskHistoryRetentionLimit: z.number().nullish() }).nullish()
            })
            .nullish()
        })
        .nullish()
    })
    .nullish()
})

const defaultTaskHistory = 5

/** What `docker info` says of the engine. */
export const dockerEngine: FactSource<DockerEngine> = {
  key: 'docker-engine',
  place: 'host',
  reads: [dockerPattern.dockerInfo(), linuxPattern.hostTime()],
  timed: true,
  async take(look) {
    const { stdout } = await onOwnDocker(look, () => askDocker(look, dockerRead.dockerInfo()))
    const found = engine.parse(parseJson(stdout))
    // `docker info` ends with 0 and an almost empty answer where the client runs but the engine does not.
    const [complaint] = found.ServerErrors
    if (complaint !== undefined) throw refused(complaint) ?? new Unseen(`docker info: ${complaint}`)
    if (found.ServerVersion === '' || found.SystemTime === undefined) {
      throw new Unseen('docker info shows no server version or no time')
    }
    const { Swarm: swarm } = found
    const cluster = swarm?.Cluster
    const taskHistory = cluster?.Spec?.Orchestration?.TaskHistoryRetentionLimit ?? defaultTaskHistory
    return {
      version: found.ServerVersion,
      nowMicros: found.SystemTime,
      localPools: found.DefaultAddressPools.map(({ Base }) => Base),
      ...(taskHistory < 0 || taskHistory >= defaultTaskHistory ? {} : { taskHistory }),
      swarm: {
        state: swarm?.LocalNodeState ?? '',
        manager: swarm?.ControlAvailable ?? false,
        ...poolsOf(cluster),
        ...(swarm === undefined || swarm === null || swarm.Error === '' ? {} : { error: swarm.Error })
      }
    }
  }
}

/** `partOfSwarm`, for a source that has no engine among its facts; null also where docker said nothing of itself. */
export async function swarmHidden(look: FactContext): Promise<string | null> {
  try {
    return partOfSwarm(await dockerEngine.take(look))
  } catch (error) {
    if (error instanceof Unseen) return null
    throw error
  }
}

/**
 * From `swarm init` until the engine restarts, a swarm with the built-in pool has null here, and no length.
 *
 * @param cluster null or undefined where this node is no manager, or its swarm does not answer.
 */
function poolsOf(cluster: NonNullable<z.output<typeof engine>['Swarm']>['Cluster']) {
  if (cluster === undefined || cluster === null) return { pools: [], subnetLength: 0 }
  const builtIn = cluster.DefaultAddrPool.length === 0
  return {
    pools: builtIn ? ['10.0.0.0/8'] : cluster.DefaultAddrPool,
    subnetLength: cluster.SubnetSize === 0 ? 24 : cluster.SubnetSize
  }
}

/**
 * When the engine began to start, in microseconds since 1970 on the host; null where no docker.service runs
 * it. Not when it was ready: the swarm makes its new tasks in between.
 */
export const engineStart: FactSource<number | null> = {
  key: 'docker-engine-start',
  place: 'host',
  reads: [dockerPattern.engineStart()],
  async take(look) {
    const { stdout } = await look.read(dockerRead.engineStart())
    const properties = new Map(
      stdout.split('\n').map(line => [line.split('=', 1)[0] ?? '', line.slice(line.indexOf('=') + 1)])
    )
    // systemd answers 0 for units that do not exist.
    if (properties.get('LoadState') === undefined)
      throw new Unseen('systemd shows nothing about docker.service')
    return parseSystemdTime(properties.get('InactiveExitTimestamp') ?? '')
  }
}
