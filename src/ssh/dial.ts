import { connect, type Socket } from 'node:net'
import { messageOf } from '../lib/errors.ts'
import { refusePenalised } from './penalty.ts'
import { reasonOf } from './reader/reader.ts'
import { type HostAddress, HostUnseen } from '../facts/session.ts'
import { resolveTarget, type SshTarget } from './ssh-config.ts'

/** A host that is being connected to. */
export interface Line {
  readonly target: SshTarget
  /** Rejects with HostUnseen. Whoever never awaits it need not care. */
  readonly socket: Promise<Socket>
  /** Lets go of it, whether it stands by now or not. */
  abort(): void
}

/**
 * Finds out where the host is, and begins to connect.
 *
 * @param signal of `loginLimit`.
 * @throws HostUnseen of kind `configuration`, and where the host has penalised us a moment ago.
 */
export async function dialHost(host: HostAddress, signal: AbortSignal): Promise<Line> {
  const target = await resolveTarget(host, signal)
  refusePenalised(addressOf(target))
  const given = new AbortController()
  const socket = dial(target, AbortSignal.any([signal, given.signal]))
  const abort = () => {
    given.abort(new HostUnseen('unreachable', `the connection to ${target.host} is no longer needed`))
    void socket.then(
      each => each.destroy(),
      () => undefined
    )
  }
  socket.catch(() => undefined)
  return { target, socket, abort }
}

/** The address that a host penalises us at. */
export function addressOf({ host, port }: SshTarget): string {
  return `${host} port ${port}`
}

function dial(target: SshTarget, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(reasonOf(signal))
    // Node gives each of several addresses a quarter of a second by itself; a far host needs more.
    const socket = connect({
      host: target.host,
      port: target.port,
      noDelay: true,
      autoSelectFamilyAttemptTimeout: 2_000
    })
    const settled = () => {
      socket.removeListener('error', failed)
      signal.removeEventListener('abort', stopped)
    }
    const failed = (error: Error) => {
      settled()
      reject(new HostUnseen('unreachable', whyNotDialled(target, error), error))
    }
    const stopped = () => {
      settled()
      socket.once('error', () => undefined)
      socket.destroy()
      reject(reasonOf(signal))
    }
    socket.once('error', failed)
    signal.addEventListener('abort', stopped, { once: true })
    socket.once('connect', () => {
      settled()
      // Until somebody listens: an error that nobody hears would end the process.
      socket.on('error', () => undefined)
      resolve(socket)
    })
  })
}

function whyNotDialled(target: SshTarget, error: Error): string {
  const at = `${target.host} port ${target.port}`
  const code = 'code' in error ? error.code : undefined
  switch (code) {
    case 'ENOTFOUND':
      return `unknown host name ${target.host}`
    case 'EAI_AGAIN':
      return `the host name ${target.host} could not be resolved`
    case 'ECONNREFUSED':
      return `${at} refused the connection`
    default:
      return `cannot connect to ${at}: ${messageOf(error)}`
  }
}
