import type { Run } from './program-runs.ts'
import { baseName, unknowable, type Values } from './shell-runs.ts'

/** What `docker network create` is told, as far as the words can be known without running them. */
export interface NetworkCreate {
  /** With `unknowable` where a part of it cannot be known. */
  readonly name: string
  /** `bridge` where no driver is named. Null, here and below, where it cannot be known. */
  readonly driver: string | null
  /** Empty where docker chooses. */
  readonly subnets: readonly string[] | null
  readonly attachable: boolean | null
  readonly internal: boolean | null
  readonly options: Readonly<Record<string, string>> | null
  readonly run: Run
}

/** The words of a docker command behind docker's own options; null for what is no docker command. */
export function dockerWords({ command: { words } }: Pick<Run, 'command'>): readonly Values[] | null {
  if (baseName(words[0]?.[0] ?? '') !== 'docker') return null
  let at = 1
  while (words[at]?.[0]?.startsWith('-') === true)
    at += /^(?:-[Hcl]|--(?:host|context|log-level|config|tls(?:cacert|cert|key)))$/.test(words[at]?.[0] ?? '')
      ? 2
      : 1
  return words.slice(at)
}

/** What a run creates, if it is a `docker network create`: one for each name that the name's word may be. */
export function networkCreates(run: Run): readonly NetworkCreate[] {
  return networksCreated(run).map(made => ({ ...made, run }))
}

/** As `networkCreates`, of a command that no unit is known to run. */
export function networksCreated(run: Pick<Run, 'command'>): readonly Omit<NetworkCreate, 'run'>[] {
  const words = dockerWords(run)
  if (words?.[0]?.[0] !== 'network' || words[1]?.[0] !== 'create') return []
  const flags = new Map<string, (string | null)[]>()
  const plain: Values[] = []
  const rest = words.slice(2)
  for (let at = 0; at < rest.length; at++) {
    const values = rest[at] ?? []
    const [, long = '', equals, value = ''] = /^-{1,2}([^=]+?)(=([^]*))?$/.exec(values[0] ?? '') ?? []
    if (long === '') {
      plain.push(values)
      continue
    }
    const name = short[long] ?? long
    const takes = equals === undefined && !switches.has(name)
    const given = equals !== undefined ? value : takes ? known(rest[at + 1] ?? []) : 'true'
    const sure = values.length === 1 && given !== null && !given.includes(unknowable)
    flags.set(name, [...(flags.get(name) ?? []), sure ? given : null])
    if (takes) at += 1
  }
  // A word that cannot be known may be empty, or hold any number of flags. The last one is the name.
  const open = plain.slice(0, -1).some(values => known(values) === null)
  const all = (name: string): readonly string[] | null => {
    const values = flags.get(name) ?? []
    const sure = values.flatMap(value => value ?? [])
    return sure.length < values.length || (open && values.length === 0) ? null : sure
  }
  const flag = (name: string) => {
    const values = all(name)
    return values === null ? null : values.at(-1) === 'true'
  }
  const [driver, options] = [all('driver'), all('opt')]
  return (plain.at(-1) ?? []).map(name => ({
    name,
    driver: driver === null ? null : (driver.at(-1) ?? 'bridge'),
    subnets: all('subnet')?.flatMap(text => text.split(',')) ?? null,
    attachable: flag('attachable'),
    internal: flag('internal'),
    options: options === null ? null : Object.fromEntries(options.map(pair))
  }))
}

const short: Readonly<Record<string, string>> = { d: 'driver', o: 'opt' }
const switches = new Set(['attachable', 'internal', 'ingress', 'ipv4', 'ipv6', 'config-only'])

/** A word that has one value, which is known. */
function known(values: Values): string | null {
  const [only, second] = values
  return only === undefined || second !== undefined || only.includes(unknowable) ? null : only
}

function pair(text: string): readonly [string, string] {
  const at = text.indexOf('=')
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}

/** A name with gaps, as a glob: `app-?` where the end cannot be known is `app-*`. */
export function asGlob(name: string): string {
  return name
    .split(unknowable)
    .map(part => part.replace(/[*?[\]\\]/g, '\\$&'))
    .join('*')
}
