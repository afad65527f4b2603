import { execFile } from 'node:child_process'
import { homedir, userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { fileBounds } from '../lib/bounds.ts'
import { messageOf } from '../lib/errors.ts'
import { printable } from '../lib/text/clean.ts'
import { readLooseText } from '../os/files.ts'
import type { HostAddress } from '../facts/session.ts'
import { HostUnseen } from '../facts/session.ts'

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
  if (text.length > longestDestination) throw unusable('the host is longer than 300 characters')
  const [, user, bracketed, bracketedPort, plain, plainPort, bare] =
    /^(?:ssh:\/\/)?(?:([^@\s]+)@)?(?:\[([^\]\s@]+)\](?::(\d+))?|([^:\s@[\]]+)(?::(\d+))?|([^\s@[\]]*:[^\s@[\]]*:[^\s@[\]]*))$/.exec(
      text
    ) ?? []
  const host = bracketed ?? plain ?? bare
  const port = bracketedPort ?? plainPort
  // A leading `-` would be an option of `ssh`; control characters are nobody's name.
  if (host === undefined || /^-|\p{Cc}/u.test(host) || (user !== undefined && /^-|\p{Cc}/u.test(user))) {
    throw unusable(`\`${text}\` is neither an alias of ~/.ssh/config nor user@host:port`)
  }
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) {
    throw unusable(`${port} is not a port (in \`${text}\`)`)
  }
  return { user, host, port: port === undefined ? undefined : Number(port) }
}

const defaultKeys = ['id_ed25519', 'id_ecdsa', 'id_rsa']
/** Lead elsewhere, or ask for what ssh2 cannot do. */
const needOpenssh = [
  'proxyjump',
  'proxycommand',
  'certificatefile',
  'pkcs11provider',
  'knownhostscommand',
  'revokedhostkeys',
  'bindaddress',
  'bindinterface'
]

/**
 * What ~/.ssh/config sets for a host, as `ssh -G` reads it. The system's own /etc/ssh/ssh_config is not read, and what
 * would run a program or lead elsewhere is refused.
 *
 * @throws HostUnseen of kind `configuration`, or the reason of the signal.
 */
export async function resolveTarget(address: HostAddress, signal?: AbortSignal): Promise<SshTarget> {
  const wanted = parseDestination(address.ssh)
  const config = await configOf(wanted, address, signal)
  const one = (key: string) => config.get(key)?.[0]

  for (const key of needOpenssh) {
    const value = one(key)
    if (value !== undefined && value.toLowerCase() !== 'none') {
      throw unusable(
        `~/.ssh/config sets ${key} for ${wanted.host}: write \`transport: openssh\` for this host`
      )
    }
  }
  // It would ask a name server, and lead to another host than the one that is written down.
  if (/^(?:yes|true|always)$/.test(one('canonicalizehostname') ?? 'no')) {
    throw unusable(
      `~/.ssh/config canonicalizes host names for ${wanted.host}: write \`transport: openssh\` for this host`
    )
  }

  const user = one('user') ?? wanted.user ?? userInfo().username
  const host = one('hostname') ?? wanted.host
  const port = Number(one('port') ?? wanted.port ?? 22)
  const path = (text: string) =>
    resolve(expand(tilde(text), { h: host, r: user, u: userInfo().username, d: homedir(), n: wanted.host }))

  const home = join(homedir(), '.ssh')
  const files = config.get('identityfile')
  const agent = (one('identityagent') ?? 'SSH_AUTH_SOCK').replace(/^SSH_AUTH_SOCK$/, '$$SSH_AUTH_SOCK')
  return {
    host,
    port,
    user,
    identityFiles:
      address.identityFile !== undefined
        ? [address.identityFile]
        : files === undefined || areDefaults(files)
          ? defaultKeys.map(name => join(home, name))
          : files.filter(file => file.toLowerCase() !== 'none').map(path),
    identitiesOnly: address.identityFile !== undefined || one('identitiesonly') === 'yes',
    agent: agent === 'none' ? undefined : agent.startsWith('$') ? process.env[agent.slice(1)] : path(agent),
    hostKeyAlias: one('hostkeyalias'),
    knownHosts:
      address.knownHosts !== undefined
        ? [address.knownHosts]
        : [
            ...(pathsOf(one('userknownhostsfile'))?.map(path) ?? [
              join(home, 'known_hosts'),
              join(home, 'known_hosts2')
            ]),
            ...(pathsOf(one('globalknownhostsfile'))?.map(path) ?? [
              '/etc/ssh/ssh_known_hosts',
              '/etc/ssh/ssh_known_hosts2'
            ])
          ]
  }
}

/** The keywords that apply to a host, in lower case, each with its values; none without a configuration. */
async function configOf(
  { user, host, port }: Destination,
  { configFile, timeoutMs }: HostAddress,
  signal: AbortSignal | undefined
): Promise<ReadonlyMap<string, readonly string[]>> {
  if (configFile === null) return new Map()
  const file = configFile ?? join(homedir(), '.ssh', 'config')
  const text = await readLooseText(file, fileBounds.ssh).catch((error: unknown) => {
    throw unusable(`cannot read ${file}: ${messageOf(error)}`)
  })
  if (text === null) {
    // Where there is none, each of many hosts is spared a process.
    if (configFile === undefined) return new Map()
    throw unusable(`cannot read ${file}: it does not exist`)
  }
  const words = ['-G', '-T', '-F', file, ...destinationWords({ user, host, port })]
  // `Match exec` is run by this shell: ssh refuses to, instead of taking one answer or the other for it.
  const env = { ...process.env, LC_ALL: 'C', SHELL: noShell }
  const limits = { env, timeout: timeoutMs, maxBuffer: 1024 ** 2, ...(signal && { signal }) }
  let output: string
  try {
    output = (await promisify(execFile)('ssh', words, limits)).stdout
  } catch (error) {
    signal?.throwIfAborted()
    throw unusable(`${whyNotRead(file, error)}: write \`transport: openssh\` for this host`)
  }
  const config = new Map<string, string[]>()
  for (const line of output.split('\n')) {
    const [, key, value] = /^(\w+) (.*)$/.exec(line) ?? []
    if (key !== undefined && value !== undefined) config.set(key, [...(config.get(key) ?? []), value])
  }
  return config
}

/** There everywhere, and nowhere a program. */
const noShell = '/dev/null'

function whyNotRead(file: string, error: unknown): string {
  const output = error instanceof Error && 'stderr' in error ? printable(String(error.stderr)).trim() : ''
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
    return `\`ssh\`, which reads ${file}, is not installed`
  }
  if (output.includes(`Shell "${noShell}"`)) return `${file} uses \`Match exec\`, which is not supported`
  return `ssh cannot read ${file}: ${(output === '' ? messageOf(error) : output).slice(0, 300)}`
}

/** The destination as `ssh` takes it, which may not take it for an option. */
export function destinationWords({ user, host, port }: Destination): readonly string[] {
  return [
    ...(user === undefined ? [] : ['-l', user]),
    ...(port === undefined ? [] : ['-p', String(port)]),
    '--',
    host
  ]
}

/** `ssh -G` names all keys that ssh would try by itself, some of which ssh2 cannot use, and does not say that it chose them. */
function areDefaults(files: readonly string[]): boolean {
  return (
    defaultKeys.every(name => files.includes(`~/.ssh/${name}`)) &&
    files.every(file => /^~\/\.ssh\/id_(?:rsa|dsa|xmss|(?:ecdsa|ed25519)(?:_sk)?)$/.test(file))
  )
}

/** Files of known hosts, whose tokens older versions of ssh leave as they are; undefined: its defaults. */
function pathsOf(value: string | undefined): readonly string[] | undefined {
  if (value === undefined) return undefined
  const home = join(userInfo().homedir, '.ssh/known_hosts')
  // It goes by the user's account, where all else here goes by HOME.
  if (value === `${home} ${home}2`) return undefined
  if (value.toLowerCase() === 'none') return []
  const paths = value.split(' ')
  if (!paths.every(each => /^(?:\/|~\/|%d\/)/.test(each))) {
    throw unusable(
      `~/.ssh/config names a known_hosts file with a space or a relative path (${value}): write \`transport: openssh\` for this host`
    )
  }
  return paths
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
