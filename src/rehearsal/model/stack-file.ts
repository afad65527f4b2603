import { readYaml } from '../../lib/read-yaml.ts'
import type { PortFact } from '../rehearsal-facts.ts'

/** A service as its stack or compose file wants it. */
export interface StackService {
  readonly key: string
  readonly image: string
  /** For a stack those of the service (`deploy.labels`), for compose those of its containers, in one. */
  readonly labels: Readonly<Record<string, string>>
  readonly ports: readonly PortFact[]
  readonly replicas: number | null
  readonly containerName: string | null
  /** Argv of its health check; null where there is none. */
  readonly health: {
    readonly argv: readonly string[]
    readonly everyMs: number
    readonly retries: number
  } | null
  /** Services that have to be healthy, or to have ended, before. */
  readonly dependsOn: readonly { readonly key: string; readonly condition: string }[]
  readonly hostNetwork: boolean
  readonly profiles: readonly string[]
}

export interface StackNetwork {
  readonly key: string
  /** Its name where one is given. */
  readonly name: string | null
  readonly external: boolean
  readonly driver: string
  readonly subnets: readonly string[]
}

export interface StackFile {
  readonly name: string | null
  readonly services: readonly StackService[]
  readonly networks: readonly StackNetwork[]
  /** It is not YAML, or not of this shape. */
  readonly unclear: boolean
}

/**
 * Reads a stack or compose file.
 *
 * @param valueOf fills in a variable; null where it has no value.
 */
export function stackFile(text: string, valueOf: (name: string) => string | null = () => null): StackFile {
  const nothing = { name: null, services: [], networks: [], unclear: true }
  let root: unknown
  try {
    const doc = readYaml(text.slice(0, 1_000_000), { logLevel: 'silent', uniqueKeys: false, merge: true })
    if (doc.errors.length > 0) return nothing
    root = doc.toJS({ maxAliasCount: 1_000 })
  } catch {
    // It nests deeper than is read, or its aliases do.
    return nothing
  }
  if (!isMap(root)) return nothing
  const fill = (value: unknown) => filled(said(value), valueOf)
  const name = fill(root['name'])
  return {
    name: name === '' ? null : name,
    services: entries(root['services']).map(([key, value]) => serviceOf(key, value, fill)),
    networks: entries(root['networks']).map(([key, value]) => networkOf(key, value, fill)),
    unclear: false
  }
}

type Fill = (value: unknown) => string

function serviceOf(key: string, value: unknown, fill: Fill): StackService {
  const service = isMap(value) ? value : {}
  const deploy = isMap(service['deploy']) ? service['deploy'] : {}
  const replicas = fill(deploy['replicas'] ?? service['scale'])
  return {
    key,
    image: fill(service['image']),
    labels: Object.fromEntries([...labelsOf(service['labels'], fill), ...labelsOf(deploy['labels'], fill)]),
    ports: list(service['ports']).flatMap(port => portsOf(port, fill)),
    replicas: fill(deploy['mode']) === 'global' ? null : /^\d+$/.test(replicas) ? Number(replicas) : 1,
    containerName: fill(service['container_name']) || null,
    health: healthOf(service['healthcheck'], fill),
    dependsOn: Array.isArray(service['depends_on'])
      ? service['depends_on'].map(one => ({ key: fill(one), condition: 'service_started' }))
      : entries(service['depends_on']).map(([other, how]) => ({
          key: other,
          condition: isMap(how) ? fill(how['condition']) : 'service_started'
        })),
    hostNetwork:
      fill(service['network_mode']) === 'host' ||
      list(service['networks']).includes('host') ||
      entries(service['networks']).some(([network]) => network === 'host'),
    profiles: list(service['profiles']).map(fill)
  }
}

function networkOf(key: string, value: unknown, fill: Fill): StackNetwork {
  const network = isMap(value) ? value : {}
  const external = network['external']
  const ipam = isMap(network['ipam']) ? network['ipam'] : {}
  const name = fill(network['name']) || (isMap(external) ? fill(external['name']) : '')
  return {
    key,
    name: name || null,
    external: external === true || isMap(external) || fill(external) === 'true',
    driver: fill(network['driver']),
    subnets: list(ipam['config']).flatMap(one => (isMap(one) ? [fill(one['subnet'])].filter(Boolean) : []))
  }
}

function healthOf(value: unknown, fill: Fill): StackService['health'] {
  if (!isMap(value) || value['disable'] === true) return null
  const test = value['test']
  const words = Array.isArray(test) ? test.map(fill) : ['CMD-SHELL', fill(test)]
  const [how, ...rest] = words
  if (how === 'NONE' || rest.join('') === '') return null
  const every = seconds(fill(value['interval']))
  const retries = Number(fill(value['retries']))
  return {
    argv: how === 'CMD' ? rest : ['/bin/sh', '-c', rest[0] ?? ''],
    everyMs: (every ?? 30) * 1_000,
    retries: Number.isInteger(retries) && retries > 0 ? retries : 3
  }
}

function seconds(text: string): number | null {
  const parts = [...text.matchAll(/(\d{1,9}(?:\.\d{1,9})?)(ms|h|m|s)/g)]
  if (parts.length === 0) return null
  const units: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3_600 }
  return parts.reduce((sum, [, number = '0', unit = 's']) => sum + Number(number) * (units[unit] ?? 1), 0)
}

/** `80`, `8080:80`, `127.0.0.1:8080:80/tcp`, `8080-8081:80-81`, or a map. */
function portsOf(value: unknown, fill: Fill): readonly PortFact[] {
  if (isMap(value)) {
    const target = Number(fill(value['target']))
    const protocol = fill(value['protocol']) === 'udp' ? 'udp' : 'tcp'
    return [{ protocol, port: Number(fill(value['published'])) || 0, target }]
  }
  return publishedPorts(fill(value))
}

/** As `docker run -p` and compose write it. */
export function publishedPorts(text: string): readonly PortFact[] {
  const [, host = '', target = '', protocol = 'tcp'] =
    /^(?:(?:\[[^\]]*\]|\d+(?:\.\d+){3}):)?(?:([\d-]*):)?([\d-]+)(?:\/(tcp|udp))?$/.exec(text) ?? []
  if (target === '') return []
  const targets = range(target)
  const hosts = host === '' ? [] : range(host)
  return targets.map((one, index) => ({
    protocol: protocol === 'udp' ? 'udp' : 'tcp',
    port: hosts[index] ?? 0,
    target: one
  }))
}

function range(text: string): readonly number[] {
  const [first = 0, last = first] = text.split('-').map(Number)
  const length = Math.min(Math.max(0, last - first), 100) + 1
  return Array.from({ length }, (_, index) => first + index)
}

function labelsOf(value: unknown, fill: Fill): readonly (readonly [string, string])[] {
  if (Array.isArray(value))
    return value.map(item => {
      const text = fill(item)
      const at = text.indexOf('=')
      return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
    })
  return entries(value).map(([key, label]) => [key, fill(label)])
}

/** What stays in place of a variable without a value. */
export const gap = '\u{fffd}'

/** Fills in `$NAME`, `${NAME}`, `${NAME:-word}` and their like; `$$` is a dollar. */
function filled(text: string, valueOf: (name: string) => string | null): string {
  return text.replaceAll(
    /\$(?:\$|([A-Za-z_]\w*)|\{([A-Za-z_]\w{0,100})(?:(:?[-?+])([^}]{0,500}))?\})/g,
    (_, bare?: string, name?: string, operator?: string, word?: string) => {
      const variable = bare ?? name
      if (variable === undefined) return '$'
      const value = valueOf(variable)
      const set = operator?.startsWith(':') === true ? value !== null && value !== '' : value !== null
      if (operator?.endsWith('+') === true) return set ? (word ?? '') : ''
      if (set && value !== null) return value
      return operator?.endsWith('-') === true ? (word ?? '') : gap
    }
  )
}

type Map = Readonly<Record<string, unknown>>

function isMap(value: unknown): value is Map {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value.slice(0, 1_000) : []
}

function entries(value: unknown): readonly (readonly [string, unknown])[] {
  return isMap(value) ? Object.entries(value).slice(0, 1_000) : []
}

function said(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : ''
}
