import * as z from 'zod'
import type { FactSource, FactContext } from '../../facts/fact.ts'
import { Unseen } from '../../facts/fact.ts'
import { dockerPattern, dockerRead } from './reads.ts'
import { askDocker, id, onOwnDocker, time } from './ask.ts'
import { byText, flag, jsonArray, jsonLines, list, maybe, text, words } from '../../facts/answers.ts'

/** A docker network as the list shows it. */
export interface ListedNetwork {
  readonly id: string
  readonly name: string
  readonly driver: string
  /** `swarm`, `local` or `global`. */
  readonly scope: string
  /** Microseconds since 1970. Unlike `inspect`'s Created, it survives restarts of the engine. */
  readonly createdMicros: number | null
}

export interface DockerNetwork extends ListedNetwork {
  readonly internal: boolean
  readonly attachable: boolean
  readonly ingress: boolean
  readonly subnets: readonly Subnet[]
  readonly options: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  /** What the engine itself says is still free; null where it does not say (before version 29). */
  readonly free: readonly { readonly subnet: string; readonly free: number }[] | null
  /** What is attached on this host: containers, and the network's own load balancer. */
  readonly endpoints: readonly Endpoint[]
  /** It only holds settings for networks that are made from it; absent where it does not. */
  readonly configOnly?: true
  /** Name of the config-only network that it takes its settings from; absent where it has its own. */
  readonly configFrom?: string
}

export interface Subnet {
  readonly subnet: string
  readonly gateway: string | null
  /** `--ip-range`: docker gives out addresses of this part alone. Absent: of the whole subnet. */
  readonly range?: string
  /** `--aux-address`: these are in use by others, and docker never gives them out. Absent: none. */
  readonly reserved?: readonly string[]
}

export interface Endpoint {
  /** Id of the container, or `lb-<network>`, `ingress-sbox`. */
  readonly id: string
  /** For a task: `<service>.<slot>.<task id>`. */
  readonly name: string
  /** With its prefix, such as `10.0.1.9/24`; null where it has none. */
  readonly ipv4: string | null
  readonly ipv6: string | null
}

/** Whether a container is called as docker calls those of tasks: by service, slot or node, and the task's id. */
export function isTaskName(name: string): boolean {
  return /\.[0-9a-z]+\.[0-9a-z]{25}$/.test(name)
}

const row = z.object({
  ID: id,
  Name: z.string().min(1),
  Driver: text,
  Scope: text,
  CreatedAt: time
})

const address = text.transform(value => (value === '' ? null : value))

const detail = z.object({
  Id: id,
  Internal: flag,
  Attachable: flag,
  Ingress: flag,
  IPAM: z
    .object({
      Config: list(
        z.object({
          Subnet: text,
          Gateway: address,
          IPRange: text,
          AuxiliaryAddresses: words
        })
      )
    })
    .nullish(),
  ConfigOnly: flag,
  ConfigFrom: z.object({ Network: text }).nullish(),
  Options: words,
  Labels: words,
  Status: maybe(
    z.object({
      IPAM: maybe(
        z.object({ Subnets: maybe(z.record(z.string(), z.object({ DynamicIPsAvailable: z.number() }))) })
      )
    })
  ),
  Containers: z
    .record(z.string(), z.object({ Name: text, IPv4Address: address, IPv6Address: address }))
    .nullish()
})

/** A network as `inspect` prints it, as far as what is attached to it goes. */
export const attached = z
  .object({ Id: id, Containers: detail.shape.Containers })
  .transform(found => ({ id: found.Id, endpoints: endpointsOf(found.Containers) }))

async function listed(look: FactContext): Promise<readonly ListedNetwork[]> {
  const { stdout } = await askDocker(look, dockerRead.dockerNetworkList())
  return jsonLines(row, stdout)
    .map(({ ID, Name, Driver, Scope, CreatedAt }) => ({
      id: ID,
      name: Name,
      driver: Driver,
      scope: Scope,
      createdMicros: CreatedAt
    }))
    .sort(byText(network => `${network.name} ${network.id}`))
}

/** Every network's name, driver and true time of creation. */
export const dockerNetworkList: FactSource<readonly ListedNetwork[]> = {
  key: 'docker-network-list',
  place: 'host',
  reads: [dockerPattern.dockerNetworkList(), dockerPattern.dockerInfo()],
  take: look => onOwnDocker(look, () => listed(look))
}

/** Every network with its subnets, options and what is attached to it on this host. */
export const dockerNetworks: FactSource<readonly DockerNetwork[]> = {
  key: 'docker-networks',
  place: 'host',
  reads: [dockerPattern.dockerNetworkList(), dockerPattern.dockerInfo(), dockerPattern.dockerNetworks()],
  take: look => onOwnDocker(look, () => inspected(look))
}

async function inspected(look: FactContext): Promise<readonly DockerNetwork[]> {
  const networks = await listed(look)
  // `inspect` without a name is an error of usage, not an empty list.
  if (networks.length === 0) return []
  const { stdout } = await askDocker(look, dockerRead.dockerNetworks(networks.map(network => network.id)))
  const details = new Map(jsonArray(detail, stdout).map(found => [found.Id, found]))
  return networks.map(network => {
    const found = details.get(network.id)
    if (found === undefined) throw new Unseen(`docker listed network ${network.name}, but did not inspect it`)
    return {
      ...network,
      internal: found.Internal,
      attachable: found.Attachable,
      ingress: found.Ingress,
      subnets: (found.IPAM?.Config ?? []).filter(({ Subnet }) => Subnet !== '').map(subnetOf),
      free: freeOf(found.Status?.IPAM?.Subnets),
      options: found.Options,
      labels: found.Labels,
      endpoints: endpointsOf(found.Containers),
      ...(found.ConfigOnly ? { configOnly: true as const } : {}),
      ...((found.ConfigFrom?.Network ?? '') === '' ? {} : { configFrom: found.ConfigFrom?.Network ?? '' })
    }
  })
}

type Config = NonNullable<z.output<typeof detail>['IPAM']>['Config'][number]

function subnetOf({ Subnet, Gateway, IPRange, AuxiliaryAddresses }: Config): Subnet {
  const reserved = Object.values(AuxiliaryAddresses).sort()
  return {
    subnet: Subnet,
    gateway: Gateway,
    ...(IPRange === '' ? {} : { range: IPRange }),
    ...(reserved.length === 0 ? {} : { reserved })
  }
}

function endpointsOf(containers: z.output<typeof detail>['Containers']): readonly Endpoint[] {
  return Object.entries(containers ?? {})
    .map(([key, at]) => ({ id: key, name: at.Name, ipv4: at.IPv4Address, ipv6: at.IPv6Address }))
    .sort(byText(endpoint => `${endpoint.name} ${endpoint.id}`))
}

function freeOf(subnets: Readonly<Record<string, { readonly DynamicIPsAvailable: number }>> | undefined) {
  if (subnets === undefined) return null
  return Object.entries(subnets)
    .map(([subnet, { DynamicIPsAvailable }]) => ({ subnet, free: DynamicIPsAvailable }))
    .sort(byText(({ subnet }) => subnet))
}
