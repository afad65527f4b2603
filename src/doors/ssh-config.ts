import { readdir } from 'node:fs/promises'
import { homedir, userInfo } from 'node:os'
import { basename, dirname, isAbsolute, join, resolve } from 'node:path'
import { parse } from 'ssh-config'
import { fileBounds } from '../base/bounds.ts'
import { messageOf } from '../base/errors.ts'
import { readLooseText } from './files.ts'
import type { HostAddress } from './session.ts'
import { HostUnseen } from './session.ts'

/** `[user@]host[:port]`, taken apart. An IPv6 address needs brackets to carry a port. */
export interface Destination {
  readonly user: string | undefined
  readonly host: string
  readonly port: number | undefined
}

/** Where a host is, who logs in with what, and which files know its key. */
export interface SshTarget {
  readonly host: string
  readonly port: number
  readonly user: string
  /** Private keys to try, in this order. */
  readonly identityFiles: readonly string[]
  /** Only those keys may be used, of the agent's too. */
  readonly identitiesOnly: boolean
  /** The agent's socket. */
  readonly agent: string | undefined
  /** The name that known_hosts is asked for, if it is not the host's own. */
  readonly hostKeyAlias: string | undefined
  readonly knownHosts: readonly string[]
}

const longestDestination = 300

/** @throws HostUnseen of kind `configuration`. */
export function parseDestination(text: string): Destination {
  if (text.length > longestDestination) throw unusable('a host is written in more than 300 characters')
  const [, user, bracketed, bracketedPort, plain, plainPort, bare] =
    /^(?:ssh:\/\/)?(?:([^@\s]+)@)?(?:\[([^\]\s@]+)\](?::(\d+))?|([^:\s@[\]]+)(?::(\d+))?|([^\s@[\]]*:[^\s@[\]]*:[^\s@[\]]*))$/.exec(
      text
    ) ?? []
  const host = bracketed ?? plain ?? bare
  const port = bracketedPort ?? plainPort
  // A leading `-` would be an option of `ssh`; control characters are nobody's name.
  if (host === undefined || /^-|\p{Cc}/u.test(host) || (user !== undefined && /^-|\p{Cc}/u.test(user))) {
    throw unusable(`\`${text}\` is not an alias of ~/.ssh/config and not user@host:port`)
  }
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) {
    throw unusable(`${port} is not a port (in \`${text}\`)`)
  }
  return { user, host, port: port === undefined ? undefined : Number(port) }
}

const defaultKeys = ['id_ed25519', 'id_ecdsa', 'id_rsa']
const needOpenssh = [
  'proxyjump',
  'proxycommand',
  'certificatefile',
  'pkcs11provider',
  'knownhostscommand',
  'bindaddress',
  'bindinterface'
]

/**
 * What ~/.ssh/config says about a host, as far as we can do it ourselves. The system's own
 * /etc/ssh/ssh_config and `Match exec` are not read; keywords that would lead elsewhere are refused.
 *
 * @throws HostUnseen of kind `configuration`.
 */
export async function resolveTarget(address: HostAddress): Promise<SshTarget> {
  const wanted = parseDestination(address.ssh)
  const config = await configOf(wanted, address.configFile)
  const one = (key: string) => config.get(key)?.[0]

  for (const key of needOpenssh) {
    const value = one(key)
    if (value !== undefined && value.toLowerCase() !== 'none') {
      throw unusable(
        `~/.ssh/config sets ${key} for ${wanted.host}: write \`transport: openssh\` for this host`
      )
    }
  }

  const user = wanted.user ?? one('user') ?? userInfo().username
  const host = expand(one('hostname') ?? wanted.host, { h: wanted.host })
  const port = wanted.port ?? Number(one('port') ?? 22)
  const path = (text: string) =>
    resolve(expand(tilde(text), { h: host, r: user, u: userInfo().username, d: homedir(), n: wanted.host }))

  const home = join(homedir(), '.ssh')
  const files = config
    .get('identityfile')
    ?.filter(file => file.toLowerCase() !== 'none')
    .map(path)
  const agent = one('identityagent') ?? 'SSH_AUTH_SOCK'
  return {
    host,
    port,
    user,
    identityFiles:
      address.identityFile !== undefined
        ? [address.identityFile]
        : (files ?? defaultKeys.map(name => join(home, name))),
    identitiesOnly: address.identityFile !== undefined || one('identitiesonly')?.toLowerCase() === 'yes',
    agent:
      agent === 'none' ? undefined : agent === 'SSH_AUTH_SOCK' ? process.env['SSH_AUTH_SOCK'] : path(agent),
    hostKeyAlias: one('hostkeyalias'),
    knownHosts:
      address.knownHosts !== undefined
        ? [address.knownHosts]
        : [
            ...(config.get('userknownhostsfile')?.map(path) ?? [
              join(home, 'known_hosts'),
              join(home, 'known_hosts2')
            ]),
            ...(config.get('globalknownhostsfile')?.map(path) ?? ['/etc/ssh/ssh_known_hosts'])
          ]
  }
}

/** The keywords that apply to a host, in lower case, each with its values. */
async function configOf(
  wanted: Destination,
  configFile: string | null | undefined
): Promise<ReadonlyMap<string, readonly string[]>> {
  if (configFile === null) return new Map()
  const file = configFile ?? join(homedir(), '.ssh', 'config')
  const text = await readConfig(file, configFile === undefined)
  // It would ask nslookup, and lead to another host than the one that is written down.
  if (/^[ \t]*CanonicalizeHostname[\s=]+"?(yes|always)/im.test(text)) {
    throw unusable(`${file} canonicalizes host names: write \`transport: openssh\` for this host`)
  }
  try {
    const computed = parse(text).compute(
      wanted.user === undefined ? { Host: wanted.host } : { Host: wanted.host, User: wanted.user },
      { ignoreCase: true, matchExec: false }
    )
    return new Map(Object.entries(computed).map(([key, value]) => [key, [value].flat()]))
  } catch (error) {
    throw unusable(`${file} is not understood: ${messageOf(error)}`)
  }
}

/** A configuration with its top-level `Include`s in place. */
async function readConfig(file: string, mayLack: boolean, depth = 0): Promise<string> {
  if (depth > 8) throw unusable(`${file} is included too deep`)
  const text = await readLooseText(file, fileBounds.ssh).catch((error: unknown) => {
    throw unusable(`cannot read ${file}: ${messageOf(error)}`)
  })
  if (text === null) {
    if (mayLack) return ''
    throw unusable(`cannot read ${file}: there is no such file`)
  }
  const lines: string[] = []
  let inSection = false
  for (const line of text.split(/\r?\n/)) {
    const [, keyword, behind] = /^\s*(Host|Match|Include)(?=[\s=])(.*)/is.exec(line) ?? []
    const rest = behind?.replace(/^\s*=?\s*/, '')
    if (keyword === undefined || rest === undefined) {
      lines.push(line)
    } else if (keyword.toLowerCase() !== 'include') {
      inSection = true
      lines.push(line)
    } else if (inSection) {
      throw unusable(
        `${file} has an Include within a Host or Match: write \`transport: openssh\` for this host`
      )
    } else {
      for (const pattern of rest.match(/"[^"]*"|\S+/g) ?? []) {
        for (const path of await matches(tilde(pattern.replaceAll('"', '')))) {
          // What follows an included file is again for every host.
          lines.push(await readConfig(path, true, depth + 1), 'Host *')
        }
      }
    }
  }
  return lines.join('\n')
}

/** The files that an Include names: `*` and `?` in the last part of the path, as people write it. */
async function matches(pattern: string): Promise<readonly string[]> {
  const path = isAbsolute(pattern) ? pattern : join(homedir(), '.ssh', pattern)
  const [folder, name] = [dirname(path), basename(path)]
  if (/[*?[]/.test(folder) || name.includes('[')) {
    throw unusable(`Include ${pattern} is more than we follow: write \`transport: openssh\` for this host`)
  }
  if (!/[*?]/.test(name)) return [path]
  const names = await readdir(folder).catch(() => [])
  return names
    .filter(entry => wildcard(name, entry) && !entry.startsWith('.'))
    .sort()
    .map(entry => join(folder, entry))
}

/** OpenSSH's patterns: `*` for any characters, `?` for one. Never slower than text times pattern. */
export function wildcard(pattern: string, text: string): boolean {
  let [p, t] = [0, 0]
  let [star, mark] = [-1, 0]
  while (t < text.length) {
    if (p < pattern.length && pattern[p] === '*') {
      star = p++
      mark = t
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[t])) {
      p++
      t++
    } else if (star >= 0) {
      p = star + 1
      t = ++mark
    } else return false
  }
  while (pattern[p] === '*') p++
  return p === pattern.length
}

function tilde(path: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path
}

function expand(text: string, tokens: Readonly<Record<string, string>>): string {
  return text.replace(/%(.?)/g, (whole, letter: string) => {
    if (letter === '%') return '%'
    const value = Object.hasOwn(tokens, letter) ? tokens[letter] : undefined
    if (value === undefined) {
      throw unusable(`~/.ssh/config uses ${whole} in \`${text}\`: write \`transport: openssh\` for this host`)
    }
    return value
  })
}

function unusable(message: string): HostUnseen {
  return new HostUnseen('configuration', message)
}
