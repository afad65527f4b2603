import { z } from 'zod'
import { settingsOf, startCommands, type UnitFile } from '../../base/unit-text.ts'
import { type BaselineSeen, type FactSource, Unseen } from '../fact.ts'
import { list } from './docker-json.ts'
import { dockerNetworks } from './docker-networks.ts'
import { swarmServices } from './docker-services.ts'
import { bootPrograms } from './unit-programs.ts'

/** What the phase's orientation saw of each host, as far as later states are compared with it. */
export interface BaselineFacts {
  readonly commit: string
  /** ISO 8601 UTC. */
  readonly at: string
  readonly hosts: Readonly<Record<string, HostBaseline>>
}

export interface HostBaseline {
  readonly networks: Told<{ readonly subnets: readonly string[] }>
  readonly services: Told<{ readonly image: string }>
  /** What starts them, command by command. */
  readonly units: Told<{ readonly starts: readonly string[] }>
}

/** By name; or why the orientation could not see them. */
export type Told<Value> =
  | { readonly seen: true; readonly items: readonly ({ readonly name: string } & Value)[] }
  | { readonly seen: false; readonly why: string }

/** Evidence was written by whatever version was there then: only what is compared is asked of it. */
const networks = z
  .array(z.object({ name: z.string(), subnets: list(z.object({ subnet: z.string() })) }))
  .transform(all => all.map(({ name, subnets }) => ({ name, subnets: subnets.map(({ subnet }) => subnet) })))
const services = z
  .array(z.object({ name: z.string(), template: z.object({ image: z.string() }) }))
  .transform(all => all.map(({ name, template }) => ({ name, image: template.image })))
const file = z.object({ path: z.string(), text: z.string() })
const units = z
  .object({ services: z.array(z.object({ name: z.string(), files: z.array(file) })) })
  .transform(({ services }) => unitStarts(services))

/** The newest orientation before the phase's first claim, by host. Unseen where there is none. */
export const baseline: FactSource<BaselineFacts> = {
  key: 'baseline',
  place: 'record',
  async take(look) {
    const found = await look.record.baseline()
    if (found === null) throw new Unseen('no orientation was recorded before the first claim of the phase')
    const names = Object.keys(found.facts).flatMap(
      name => / @ (?<host>.+)$/.exec(name)?.groups?.['host'] ?? []
    )
    const hosts = [...new Set(names)].sort().map(host => [
      host,
      {
        networks: told(found, `${dockerNetworks.key} @ ${host}`, networks),
        services: told(found, `${swarmServices.key} @ ${host}`, services),
        units: told(found, `${bootPrograms.key} @ ${host}`, units)
      }
    ])
    return { commit: found.commit, at: found.at, hosts: Object.fromEntries(hosts) }
  }
}

/** The name of the host that is looked at, to find it among those of a baseline. */
export const hostName: FactSource<string> = {
  key: 'host-name',
  place: 'host',
  reads: [],
  take: async look => look.host
}

function told<Item extends { readonly name: string }>(
  { facts }: BaselineSeen,
  name: string,
  shape: z.ZodType<readonly Item[]>
): { readonly seen: true; readonly items: readonly Item[] } | { readonly seen: false; readonly why: string } {
  const fact = Object.hasOwn(facts, name) ? facts[name] : undefined
  if (fact === undefined) return { seen: false, why: 'no check or hunt of the plan asked for them then' }
  if (!fact.seen) return { seen: false, why: fact.why }
  const items = shape.safeParse(fact.value)
  return items.success
    ? { seen: true, items: items.data }
    : { seen: false, why: 'the evidence is of another version of this program' }
}

/**
 * What starts each unit, one command a line. Units that come and go by themselves are left out: instances of
 * templates, transient units, those that D-Bus starts when somebody asks, and systemd's own. A secret has
 * another mark in each review, so marks are made the same.
 */
export function unitStarts(
  services: readonly { readonly name: string; readonly files: readonly UnitFile[] }[]
): readonly { readonly name: string; readonly starts: readonly string[] }[] {
  return services.flatMap(({ name, files }) => {
    const commands = startCommands(files, name)
    const passing =
      name.includes('@') ||
      files.some(({ path }) => path.startsWith('/run/systemd/transient/')) ||
      settingsOf(files).some(({ section, key }) => section === 'Service' && key === 'BusName') ||
      (commands.length > 0 &&
        commands.every(({ argv }) => /\/systemd\/|-systemd-[^/]*\//.test(argv[0] ?? '')))
    const mark = /«redacted:([a-z-]+):[^»]*»/g
    const starts = commands.map(({ key, argv }) =>
      `${key}=${argv.join(' ')}`.replaceAll(mark, '«redacted:$1»')
    )
    return passing ? [] : [{ name, starts }]
  })
}
