import type { Socket } from 'node:net'
import type {
  Algorithms,
  ClientChannel,
  ConnectConfig,
  ServerHostKeyAlgorithm,
  Client as SshClient
} from 'ssh2'
import ssh2 from 'ssh2'
import { fileBounds } from '../lib/bounds.ts'
import { messageOf } from '../lib/errors.ts'
import { printable } from '../lib/text/clean.ts'
import { dialHost, type Line } from './dial.ts'
import { readLooseText } from '../os/files.ts'
import { fingerprint, type KnownHost, keyType, knownName, lookUp } from './known-hosts.ts'
import { addressOf } from './dial.ts'
import { penalised, penalty } from './penalty.ts'
import { newStart, reasonOf, type Start, startReader, type Wire } from './reader/reader.ts'
import type { HostAddress, HostSession, SessionOptions } from '../facts/session.ts'
import { HostUnseen } from '../facts/session.ts'
import type { SshTarget } from './ssh-config.ts'
import { type Credentials, credentialsOf } from './keys.ts'

/** ssh2's own list still has SHA-1 signatures and unauthenticated ciphers. */
const algorithms: Algorithms = {
  kex: ['curve25519-sha256', 'curve25519-sha256@libssh.org', 'ecdh-sha2-nistp256'],
  cipher: ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'chacha20-poly1305@openssh.com', 'aes256-ctr'],
  hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com'],
  compress: ['none']
}
const hostKeyAlgorithms: readonly ServerHostKeyAlgorithm[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256'
]

/**
 * Reads a host over one SSH connection of our own (ssh2). The host key is always checked.
 *
 * @param line of `dialHost`.
 * @param login of `loginLimit`.
 */
export async function openSsh2(
  host: HostAddress,
  line: Line,
  options: SessionOptions,
  login: AbortSignal
): Promise<HostSession> {
  const client = await openClient(host, login, line)
  const start = newStart()
  const wire = await exec(client, start, login)
  return startReader(wire, start, options, login)
}

/**
 * Connects and logs in; nothing runs on the host yet.
 *
 * @param signal of `loginLimit`.
 * @throws HostUnseen with the true reason.
 */
export async function openClient(host: HostAddress, signal: AbortSignal, dialled?: Line): Promise<SshClient> {
  const { target, socket, abort } = dialled ?? (await dialHost(host, signal))
  try {
    const names = await knownNames(target, host)
    const credentials = await credentialsOf(target)
    return await login(await socket, target, names, credentials, signal)
  } catch (error) {
    abort()
    throw error
  }
}

interface Names {
  readonly name: string
  readonly files: string
  readonly known: KnownHost
}

async function knownNames(target: SshTarget, host: HostAddress): Promise<Names> {
  const texts: string[] = []
  const files: string[] = []
  for (const file of target.knownHosts) {
    try {
      const text = await readLooseText(file, fileBounds.ssh)
      if (text === null && file !== host.knownHosts) continue
      if (text === null) throw new Error('it does not exist')
      texts.push(text)
      files.push(file)
    } catch (error) {
      throw new HostUnseen('configuration', `cannot read ${file}: ${messageOf(error)}`, error)
    }
  }
  const inFiles =
    files.length > 0 ? files.join(', ') : `${target.knownHosts[0] ?? 'known_hosts'} (which does not exist)`
  const alias = target.hostKeyAlias?.toLowerCase()
  const name = alias ?? knownName(target.host, target.port)
  let known = lookUp(name, texts)
  // As OpenSSH does: the key of a host whose port is not on file may be on file without one.
  if (alias === undefined && target.port !== 22 && known.keys.length === 0) {
    const portless = lookUp(target.host.toLowerCase(), texts)
    known = {
      keys: portless.keys,
      revoked: [...known.revoked, ...portless.revoked],
      byAuthority: known.byAuthority || portless.byAuthority
    }
  }
  if (known.keys.length === 0 && known.byAuthority) {
    throw new HostUnseen(
      'configuration',
      `${name} is known by a certificate authority (${inFiles}): write \`transport: openssh\` for this host`
    )
  }
  return { name, files: inFiles, known }
}

function login(
  socket: Socket,
  target: SshTarget,
  names: Names,
  credentials: Credentials,
  signal: AbortSignal
): Promise<SshClient> {
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client()
    // An error without a listener would end the process, and one may come between two of ours.
    client.on('error', () => undefined)
    const notes: string[] = [...credentials.notes]
    let refusedKey: HostUnseen | undefined
    let received = ''
    let keysExchanged = false
    const reached = (): Reached => ({ target, received, keysExchanged })

    const failed = (reason: HostUnseen) => {
      settled()
      client.destroy()
      socket.destroy()
      reject(reason)
    }
    const onError = (error: Error & { level?: string }) => {
      // One agent that does not answer; the other methods still have their turn.
      if (error.level === 'agent') notes.push(`the agent: ${error.message}`)
      else failed(refusedKey ?? whyNoLogin(error, reached(), credentials.offered(), notes))
    }
    const onClose = () => failed(refusedKey ?? endedEarly(reached()))
    const onAbort = () => failed(reasonOf(signal))
    const settled = () => {
      signal.removeEventListener('abort', onAbort)
      client.removeListener('error', onError)
      client.removeListener('close', onClose)
    }

    client.on('error', onError)
    client.once('close', onClose)
    client.once('handshake', () => {
      keysExchanged = true
    })
    client.once('ready', () => {
      settled()
      resolve(client)
    })
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) return onAbort()
    if (socket.destroyed) {
      // Ended while ssh2 was loaded: nothing more comes of it.
      received = String(socket.read() ?? '')
      return failed(endedEarly(reached(), socket.errored ?? undefined))
    }

    const config: ConnectConfig = {
      sock: socket,
      username: target.user,
      algorithms: { ...algorithms, serverHostKey: preferred(names.known) },
      hostVerifier: (key: Buffer) => {
        refusedKey = whyNotThisKey(key, names)
        return refusedKey === undefined
      },
      authHandler: [...credentials.methods],
      // `loginLimit` has the deadline.
      readyTimeout: 0,
      keepaliveInterval: 5_000,
      keepaliveCountMax: 3
    }
    try {
      const listen = (chunk: Buffer) => {
        received += chunk.toString('latin1')
        if (received.length >= longestGreeting || greeted(received)) socket.removeListener('data', listen)
      }
      // A paused socket is not started by a listener: nothing may flow before ssh2 listens too, and it resumes it.
      socket.pause()
      socket.on('data', listen)
      client.connect(config)
    } catch (error) {
      failed(new HostUnseen('unreachable', `cannot log in to ${target.host}: ${messageOf(error)}`, error))
    }
  })
}

/** The types on file first: a host that is known by its RSA key alone must not be asked for another. */
function preferred(known: KnownHost): ServerHostKeyAlgorithm[] {
  const onFile = (algorithm: string) => {
    const type = algorithm.startsWith('rsa-') ? 'ssh-rsa' : algorithm
    return known.keys.some(key => key.type === type)
  }
  return [...hostKeyAlgorithms].sort((a, b) => Number(onFile(b)) - Number(onFile(a)))
}

function whyNotThisKey(key: Buffer, { name, files, known }: Names): HostUnseen | undefined {
  const shown = `${keyType(key)} ${fingerprint(key)}`
  if (known.revoked.some(blob => blob.equals(key))) {
    return new HostUnseen('host-key', `the host key of ${name} is revoked: ${shown} (${files})`)
  }
  if (known.keys.some(({ blob }) => blob.equals(key))) return undefined
  if (known.keys.length === 0) {
    return new HostUnseen(
      'host-key',
      `the host key of ${name} is unknown: ${shown} is not in ${files}. Compare it on the host, then log in once by hand`
    )
  }
  const onFile = known.keys.map(({ type, blob }) => `${type} ${fingerprint(blob)}`).join(', ')
  return new HostUnseen(
    'host-key',
    `the host key of ${name} has changed: it shows ${shown}, on file is ${onFile} (${files})`
  )
}

/** How far a login came. */
interface Reached {
  readonly target: SshTarget
  /** The first of what the host said, its version line included if that came. */
  readonly received: string
  /** Whether keys were exchanged. */
  readonly keysExchanged: boolean
}

/** A few of the keys: who has many in an agent has to say which one is meant anyway. */
function named(offered: readonly string[]): string {
  const rest = offered.length - 3
  return [...offered.slice(0, 3), ...(rest > 0 ? [`${rest} more`] : [])].join(', ')
}

function whyNoLogin(
  error: Error & { level?: string; code?: unknown },
  reached: Reached,
  offered: readonly string[],
  notes: readonly string[]
): HostUnseen {
  const { target, keysExchanged } = reached
  const also = notes.length > 0 ? ` (${notes.join('; ')})` : ''
  if (error.level === 'client-authentication' || (keysExchanged && /authentication/i.test(error.message))) {
    const keys = offered.length === 0 ? '' : ` with ${named(offered)}`
    const why = `${target.host} refused the login of ${target.user}${keys}${also}`
    return new HostUnseen('login-refused', why, error)
  }
  if (/no matching/i.test(error.message)) {
    const hint = 'write `transport: openssh` for this host'
    return new HostUnseen('configuration', `no algorithm in common with ${target.host}: ${hint}`, error)
  }
  if (/lost before handshake/i.test(error.message)) return endedEarly(reached)
  if (error.code === 'ECONNRESET' || error.code === 'EPIPE') return endedEarly(reached, error)
  return new HostUnseen('unreachable', `the connection to ${target.host} failed: ${error.message}`, error)
}

/** RFC 4253 4.2: lines of the server's own may come before the one with its version. */
function greeted(received: string): boolean {
  return /(?:^|[\r\n])SSH-/.test(received.slice(0, received.lastIndexOf('\n') + 1))
}

/** As many bytes as ssh2 takes before it gives a server up. */
const longestGreeting = 8_192

function endedEarly(reached: Reached, reset?: Error): HostUnseen {
  if (!greeted(reached.received) && penalty.test(reached.received))
    return penalised(addressOf(reached.target))
  const did = reset === undefined ? 'closed' : 'reset'
  const why = `${reached.target.host} ${did} the connection ${whenEnded(reached)}`
  return new HostUnseen('unreachable', why, reset)
}

function whenEnded({ received, keysExchanged }: Reached): string {
  if (keysExchanged) return 'before login'
  if (greeted(received)) return 'in the key exchange'
  if (received === '') return 'before its banner (too many connections, or not an SSH server?)'
  if (/^SSH-[^\n]*$/.test(received)) return 'in its banner'
  // An OpenSSH that is full, or has been annoyed by this address, says so here.
  return `before its banner, after sending: ${printable(received).slice(0, 100)}`
}

function exec(client: SshClient, start: Start, signal: AbortSignal): Promise<Wire> {
  return new Promise((resolve, reject) => {
    const lost = new Promise<HostUnseen>(resolveLost => {
      client.on('error', error =>
        resolveLost(new HostUnseen('unreachable', `the connection was lost: ${messageOf(error)}`, error))
      )
      client.once('close', () =>
        resolveLost(new HostUnseen('unreachable', 'the connection was closed by the host'))
      )
    })
    const onAbort = () => failed(reasonOf(signal))
    const failed = (reason: HostUnseen) => {
      signal.removeEventListener('abort', onAbort)
      client.destroy()
      reject(reason)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) return onAbort()
    void lost.then(({ message, cause }) =>
      failed(new HostUnseen('unreachable', `the host opened no session after login: ${message}`, cause))
    )
    const noSession = (error: unknown) =>
      failed(new HostUnseen('shell', `the host opened no session: ${messageOf(error)}`, error))
    try {
      client.exec(start.command, (error, channel) => {
        if (error !== undefined) return noSession(error)
        signal.removeEventListener('abort', onAbort)
        resolve(channelWire(client, channel, lost))
      })
    } catch (error) {
      // Thrown, not called back, when the connection is already gone.
      noSession(error)
    }
  })
}

function channelWire(client: SshClient, channel: ClientChannel, lost: Promise<HostUnseen>): Wire {
  let stderrText = ''
  let how = 'without an exit code'
  channel.stderr.on('data', (chunk: Buffer) => {
    stderrText = (stderrText + chunk.toString()).slice(-2_000)
  })
  channel.stderr.on('error', () => undefined)
  channel.on('exit', (code: number | null, signal?: string) => {
    how = code === null ? `by ${signal}` : `with ${code}`
  })
  const ended = new Promise<HostUnseen>(resolve => {
    channel.once('close', () => {
      // When the connection went, that is the reason, and its event comes after this one.
      setImmediate(() => {
        const also = stderrText.trim() === '' ? '' : `: ${stderrText.trim()}`
        resolve(new HostUnseen('shell', `the shell on the host exited ${how}${also}`))
      })
    })
  })
  return {
    stdin: channel,
    stdout: channel,
    dialled: true,
    gone: Promise.race([lost, ended]),
    destroy() {
      client.end()
      // A host that does not answer the goodbye must not keep the process alive.
      setImmediate(() => client.destroy())
    }
  }
}
