import type { Client, ClientChannel } from 'ssh2'
import { messageOf } from '../lib/errors.ts'
import { sleep } from '../os/clock.ts'
import { loginLimit, newStart } from './reader/reader.ts'
import type { HostAddress, SessionOptions } from '../facts/session.ts'
import { openClient } from './ssh2-session.ts'

/** How a host took what a locked key may not do. */
export type Trial =
  | { readonly kind: 'refused'; readonly how: string }
  | { readonly kind: 'allowed'; readonly how: string }
  | { readonly kind: 'unclear'; readonly how: string }

/** What is tried with a key, each of it harmless where it is allowed. */
export const trials = [
  'command',
  'shell',
  'terminal',
  'sftp',
  'forward',
  'docker socket',
  'remote forward'
] as const
export type TrialName = (typeof trials)[number]

/** How long one trial may take, in milliseconds. */
const trialMs = 5_000

/** The exit code of a refusal by the forced command. */
const refusal = 126

/**
 * Tries with the key of a host what a locked key may not do, one after the other on one connection (ssh2).
 *
 * @throws HostUnseen where the host cannot be logged in to.
 */
export async function tryKey(
  host: HostAddress,
  options: SessionOptions
): Promise<Readonly<Record<TrialName, Trial>>> {
  const limit = loginLimit(host, options)
  const client = await openClient(host, limit.signal).finally(limit.done)
  try {
    return {
      command: await limited(client, () => ended(exec(client, 'echo adversary'))),
      shell: await limited(client, () => ended(shell(client))),
      terminal: await limited(client, () => opened(exec(client, newStart().command, true), 'a terminal')),
      sftp: await limited(client, () => sftp(client)),
      forward: await limited(client, () => forward(client)),
      'docker socket': await limited(client, () => dockerSocket(client)),
      'remote forward': await limited(client, () => remoteForward(client))
    }
  } finally {
    client.end()
    setImmediate(() => client.destroy())
  }
}

async function limited(client: Client, trial: () => Promise<Trial>): Promise<Trial> {
  const enough = new AbortController()
  const late = sleep(trialMs, enough.signal).then(
    (): Trial => ({ kind: 'unclear', how: 'no answer' }),
    (): Trial => ({ kind: 'unclear', how: 'no answer' })
  )
  const closed = new Promise<Trial>(resolve => {
    client.once('close', () => resolve({ kind: 'unclear', how: 'the connection was closed' }))
  })
  try {
    return await Promise.race([trial(), late, closed])
  } catch (error) {
    return { kind: 'unclear', how: messageOf(error) }
  } finally {
    enough.abort()
  }
}

function exec(client: Client, command: string, pty = false): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    client.exec(command, { pty }, (error, channel) =>
      error === undefined ? resolve(channel) : reject(error)
    )
  })
}

function shell(client: Client): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    client.shell(false, (error, channel) => (error === undefined ? resolve(channel) : reject(error)))
  })
}

/** Whether what runs on the channel is the refusal; its stdin is closed at once. */
async function ended(channel: Promise<ClientChannel>): Promise<Trial> {
  const got = await channel.catch((error: unknown) => messageOf(error))
  if (typeof got === 'string') return { kind: 'refused', how: got }
  return new Promise(resolve => {
    let code: number | null = null
    got.on('exit', (exit: number | null) => {
      code = exit
    })
    got.on('error', () => undefined)
    got.on('close', () =>
      resolve({ kind: code === refusal ? 'refused' : 'allowed', how: `exited with ${code ?? 'a signal'}` })
    )
    got.resume()
    got.stderr.resume()
    got.end()
  })
}

async function opened(channel: Promise<ClientChannel>, what: string): Promise<Trial> {
  const got = await channel.catch((error: unknown) => messageOf(error))
  if (typeof got === 'string') return { kind: 'refused', how: got }
  got.on('error', () => undefined)
  got.close()
  return { kind: 'allowed', how: `the host opened ${what}` }
}

function sftp(client: Client): Promise<Trial> {
  return new Promise(resolve => {
    client.sftp((error, session) => {
      if (error !== undefined) return resolve({ kind: 'refused', how: error.message })
      session.end()
      resolve({ kind: 'allowed', how: 'the host opened an sftp session' })
    })
  })
}

function forward(client: Client): Promise<Trial> {
  return new Promise(resolve => {
    client.forwardOut('127.0.0.1', 0, '127.0.0.1', 22, (error, channel) => resolve(forwarded(error, channel)))
  })
}

/**
 * The way to root that a read-only command list alone would leave open. sshd has one answer for a socket that it
 * may not open and for one that is not there; that forwarding is off, the trial of a port shows.
 */
function dockerSocket(client: Client): Promise<Trial> {
  return new Promise(resolve => {
    client.openssh_forwardOutStreamLocal('/var/run/docker.sock', (error, channel) =>
      resolve(error === undefined ? forwarded(error, channel) : { kind: 'refused', how: error.message })
    )
  })
}

function forwarded(error: Error | undefined, channel: ClientChannel): Trial {
  if (error === undefined) {
    channel.on('error', () => undefined)
    channel.close()
    return { kind: 'allowed', how: 'the host opened the forward' }
  }
  // RFC 4254 5.1: 1 is "administratively prohibited"; 2 means that it was allowed, and nothing listened.
  const reason = 'reason' in error ? error.reason : undefined
  if (reason === 2) return { kind: 'allowed', how: 'the host tried to connect' }
  return { kind: reason === 1 ? 'refused' : 'unclear', how: error.message }
}

function remoteForward(client: Client): Promise<Trial> {
  return new Promise(resolve => {
    client.forwardIn('127.0.0.1', 0, (error, port) => {
      if (error !== undefined) return resolve({ kind: 'refused', how: error.message })
      client.unforwardIn('127.0.0.1', port, () => undefined)
      resolve({ kind: 'allowed', how: 'the host opened a listening port' })
    })
  })
}
