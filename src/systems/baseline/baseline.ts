import * as z from 'zod'
import { unmarked } from '../../lib/secrets/secret-name.ts'
import { startPrograms } from '../systemd/running-program.ts'
import { settingsOf, startCommands, type UnitFile } from '../languages/unit-file.ts'
import { type BaselineSeen, type FactSource, Unseen } from '../../facts/fact.ts'
import { list } from '../../facts/answers.ts'
import { dockerNetworks } from '../docker/networks.ts'
import { swarmServices } from '../swarm/services.ts'
import { bootPrograms } from '../systemd/unit-programs.ts'
import { allUnits } from '../systemd/units.ts'

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
const filesOf = z.object({ services: z.array(z.object({ name: z.string(), files: z.array(file) })) })
const units = filesOf.transform(({ services }) => unitStarts(services))

const states = z.array(z.object({ name: z.string(), startedMicros: z.number().nullish() }))
const programs = z.object({ programs: z.array(z.object({ path: z.string(), text: z.string().nullish() })) })

/** The newest orientation before the phase's first claim, by host. Unseen where there is none. */
export const baseline: FactSource<BaselineFacts> = {
  key: 'baseline',
  place: 'record',
  async take(look) {
    const found = await look.record.baseline()
    if (found === null) throw new Unseen('no orientation was recorded before the first claim of the phase')
    const hosts = hostsOf(found).map(host => [
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

/** How each unit had been started when the phase's orientation looked. */
export interface StartsBefore {
  /** ISO 8601 UTC. */
  readonly at: string
  readonly hosts: Readonly<Record<string, readonly StartBefore[]>>
}

export interface StartBefore {
  readonly name: string
  /** When its last start had begun, in microseconds since 1970 on the host's clock. */
  readonly startedMicros: number
  readonly starts: readonly string[]
  /** The texts of its start programs, by path; marks of secrets made the same. */
  readonly texts: Readonly<Record<string, string>>
}

/** The newest orientation before the phase's first claim. Null where there is none, or it did not see the units. */
export const startsBefore: FactSource<StartsBefore | null> = {
  key: 'starts-before',
  place: 'record',
  async take(look) {
    const found = await look.record.baseline()
    if (found === null) return null
    const hosts = hostsOf(found).map(host => [host, startsOn(found, host)])
    return { at: found.at, hosts: Object.fromEntries(hosts) }
  }
}

function startsOn({ facts }: BaselineSeen, host: string): readonly StartBefore[] {
  const value = (key: string) => {
    const fact = facts[`${key} @ ${host}`]
    return fact?.seen === true ? fact.value : undefined
  }
  const [seen, told] = [states.safeParse(value(allUnits.key)), value(bootPrograms.key)]
  const [made, read] = [filesOf.safeParse(told), programs.safeParse(told)]
  if (!seen.success || !made.success || !read.success) return []
  const started = new Map(seen.data.map(({ name, startedMicros }) => [name, startedMicros ?? null]))
  return made.data.services.flatMap(({ name, files }) => {
    const startedMicros = started.get(name) ?? null
    if (startedMicros === null) return []
    const [unit] = unitStarts([{ name, files }])
    return unit === undefined
      ? []
      : [{ name, startedMicros, starts: unit.starts, texts: startTexts(files, name, read.data.programs) }]
  })
}

/** The texts of what starts a unit, by path, marks of secrets made the same. */
export function startTexts(
  files: readonly UnitFile[],
  unit: string,
  programs: readonly { readonly path: string; readonly text?: string | null | undefined }[]
): Readonly<Record<string, string>> {
  const named = startPrograms(files, unit)
  return Object.fromEntries(
    programs.flatMap(({ path, text }) =>
      named.includes(path) && typeof text === 'string' ? [[path, unmarked(text)]] : []
    )
  )
}

function hostsOf({ facts }: BaselineSeen): readonly string[] {
  const names = Object.keys(facts).flatMap(name => name.split(' @ ').slice(1).join(' @ ') || [])
  return [...new Set(names)].sort()
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
  if (fact === undefined) return { seen: false, why: 'no check or hunt of the plan read them then' }
  if (!fact.seen) return { seen: false, why: fact.why }
  const items = shape.safeParse(fact.value)
  return items.success
    ? { seen: true, items: items.data }
    : { seen: false, why: 'the evidence comes from another version of adversary' }
}

/**
 * What starts each unit, one command a line. Units that come and go by themselves are left out: instances of
 * templates, transient units, those that D-Bus starts when somebody asks, and systemd's own. Marks of secrets are
 * made the same.
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
      (commands.length > 0 && commands.every(({ argv }) => isOfSystemd(argv[0] ?? '')))
    const starts = commands.map(({ key, argv }) => unmarked(`${key}=${argv.join(' ')}`))
    return passing ? [] : [{ name, starts }]
  })
}

/** Whether a program lies in a folder of systemd's own, or in its package of the Nix store. */
function isOfSystemd(program: string): boolean {
  const folders = program.split('/').slice(0, -1)
  return folders.slice(1).includes('systemd') || folders.some(name => name.includes('-systemd-'))
}
