import { type FactSource, Unseen } from '../fact.ts'
import { readCommand, readPattern } from '../read-command.ts'

/** What the host takes connections and packets on, and what shows that this is all of it. */
export interface Listeners {
  readonly sockets: readonly Listener[]
  /** The port at which this login reached sshd; null where it came another way. */
  readonly sshPort: number | null
}

/** TCP that listens, or UDP that is not connected. */
export interface Listener {
  readonly protocol: 'tcp' | 'udp'
  /** `*`, `0.0.0.0`, `127.0.0.53`, `fe80::1`: without brackets and interface. */
  readonly address: string
  readonly port: number
}

/** Every listening socket of the host's own network namespace. */
export const listeners: FactSource<Listeners> = {
  key: 'listeners',
  place: 'host',
  reads: [readPattern.listeners(), readPattern.sshConnection()],
  async take(look) {
    const [sockets, login] = await Promise.all([
      look.read(readCommand.listeners()),
      look.read(readCommand.sshConnection())
    ])
    const found = sockets.stdout.split('\n').flatMap(listenerOf)
    if (found.length === 0) throw new Unseen('ss shows no listening socket at all')
    const [, port = ''] = /^\S+ \d+ \S+ (\d+)$/.exec(login.stdout.trim()) ?? []
    return { sockets: found, sshPort: port === '' ? null : Number(port) }
  }
}

/** `tcp LISTEN 0 128 [::]:22 [::]:*`; sockets of other protocols are left out. */
function listenerOf(line: string): readonly Listener[] {
  if (line.trim() === '') return []
  const [protocol = '', , , , local = ''] = line.trim().split(/\s+/)
  const at = local.lastIndexOf(':')
  const port = Number(local.slice(at + 1))
  if (at < 0 || !Number.isInteger(port) || port < 1) throw new RangeError(`ss printed: ${line}`)
  if (protocol !== 'tcp' && protocol !== 'udp') return []
  const address = local
    .slice(0, at)
    .replace(/^\[|\]/g, '')
    .replace(/%.*$/, '')
  return [{ protocol, address, port }]
}

/** Only the host itself reaches it. */
export function isLoopback({ address }: Listener): boolean {
  return /^(?:::ffff:)?127\./.test(address) || address === '::1'
}

/** It takes what comes in on any address of the host. */
export function isEverywhere({ address }: Listener): boolean {
  return address === '*' || address === '0.0.0.0' || address === '::'
}
