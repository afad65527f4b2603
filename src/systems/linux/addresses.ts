import { parseJson } from '../../lib/json.ts'
import * as z from 'zod'
import { type FactSource, type FactContext, Unseen } from '../../facts/fact.ts'
import { type ReadCommand } from '../../facts/read-command.ts'
import { linuxPattern, linuxRead } from './reads.ts'
import { maybe } from '../../facts/answers.ts'

export interface HostAddresses {
  readonly interfaces: readonly HostInterface[]
  /** Of every routing table (a VPN often has its own), less what the kernel keeps for single addresses and multicast. */
  readonly routes: readonly HostRoute[]
}

export interface HostInterface {
  readonly name: string
  readonly addresses: readonly { readonly address: string; readonly length: number }[]
  /** The interface that this one is made on (macvlan, VLAN); absent where there is none in this namespace. */
  readonly on?: string
}

export interface HostRoute {
  readonly family: 4 | 6
  /** A prefix such as `10.0.0.0/8`, or an address. Default routes are `0.0.0.0/0` and `::/0`. */
  readonly to: string
  /** Null for a route that leads nowhere (`unreachable`, `blackhole`, `prohibit`). */
  readonly device: string | null
  readonly via: string | null
  /** `unicast`, `unreachable`, `blackhole`, `prohibit`, `throw`. */
  readonly kind: string
  /** `main`, or a table's number or name. */
  readonly table: string
}

const address = z.object({
  ifname: z.string().min(1),
  link: maybe(z.string()),
  addr_info: z.array(z.object({ local: maybe(z.string()), prefixlen: maybe(z.int()) })).nullish()
})

const route = z.object({
  type: maybe(z.string()),
  dst: z.string().min(1),
  dev: maybe(z.string()),
  gateway: maybe(z.string()),
  table: maybe(z.union([z.string(), z.number()])),
  nexthops: z.array(z.object({ dev: maybe(z.string()), gateway: maybe(z.string()) })).nullish()
})

/** Single addresses and groups that the kernel routes to itself; the interfaces say the same. */
const own = new Set(['local', 'broadcast', 'anycast', 'multicast'])

/** Every interface's addresses and every route of the host. */
export const hostAddresses: FactSource<HostAddresses> = {
  key: 'host-addresses',
  place: 'host',
  reads: [linuxPattern.ipAddresses(), linuxPattern.ipRoutes(4), linuxPattern.ipRoutes(6)],
  async take(look) {
    const [interfaces, four, six] = await Promise.all([
      askIp(look, linuxRead.ipAddresses(), address),
      askIp(look, linuxRead.ipRoutes(4), route),
      askIp(look, linuxRead.ipRoutes(6), route)
    ])
    return {
      interfaces: interfaces.map(found => ({
        name: found.ifname,
        addresses: (found.addr_info ?? []).flatMap(({ local, prefixlen }) =>
          local === undefined || prefixlen === undefined ? [] : [{ address: local, length: prefixlen }]
        ),
        ...(found.link === undefined || found.link === null ? {} : { on: found.link })
      })),
      routes: [...routesOf(4, four), ...routesOf(6, six)]
    }
  }
}

function routesOf(family: 4 | 6, found: readonly z.output<typeof route>[]): readonly HostRoute[] {
  return found
    .filter(({ type }) => type === undefined || !own.has(type))
    .map(({ type, dst, dev, gateway, table, nexthops }) => ({
      family,
      to: dst === 'default' ? (family === 4 ? '0.0.0.0/0' : '::/0') : dst,
      device: dev ?? nexthops?.[0]?.dev ?? null,
      via: gateway ?? nexthops?.[0]?.gateway ?? null,
      kind: type ?? 'unicast',
      table: table === undefined ? 'main' : String(table)
    }))
}

async function askIp<T>(look: FactContext, command: ReadCommand, item: z.ZodType<T>): Promise<readonly T[]> {
  let stdout: string
  try {
    stdout = (await look.read(command)).stdout
  } catch (error) {
    if (
      error instanceof Unseen &&
      /busybox|unrecognized option|invalid option|"-j" is unknown/i.test(error.message)
    ) {
      throw new Unseen('the ip command of the host has no JSON output (busybox, or an old iproute2)')
    }
    throw error
  }
  // ip prints nothing at all, rather than an empty array, where a family is switched off.
  return stdout.trim() === '' ? [] : z.array(item).parse(parseJson(stdout))
}
