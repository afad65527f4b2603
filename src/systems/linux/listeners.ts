import { type FactSource, type FactContext, type ReadResult, Unseen } from '../../facts/fact.ts'
import { linuxPattern, linuxRead } from './reads.ts'

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
  /** The control group of whoever made it, such as `/system.slice/ssh.service`; absent where that is not shown. */
  readonly owner?: string
}

/** Every listening socket of the host's own network namespace. */
export const listeners: FactSource<Listeners> = {
  key: 'listeners',
  place: 'host',
  reads: [linuxPattern.listenerOwners(), linuxPattern.listeners(), linuxPattern.sshConnection()],
  async take(look) {
    const [sockets, login] = await Promise.all([socketsOf(look), look.read(linuxRead.sshConnection())])
    const found = sockets.stdout.split('\n').flatMap(listenerOf)
    if (found.length === 0) throw new Unseen('ss shows no listening sockets')
    const [, port = ''] = /^\S+ \d+ \S+ (\d+)$/.exec(login.stdout.trim()) ?? []
    return { sockets: found, sshPort: port === '' ? null : Number(port) }
  }
}

/** With their owners, where the host's ss (iproute2 5.8) and its kernel show them. */
async function socketsOf(look: FactContext): Promise<ReadResult> {
  try {
    return await look.read(linuxRead.listenerOwners())
  } catch (error) {
    if (error instanceof Unseen) return look.read(linuxRead.listeners())
    throw error
  }
}

/** `tcp LISTEN 0 128 [::]:22 [::]:* cgroup:/system.slice/ssh.service`; sockets of other protocols are left out. */
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
    .replace(/%.*/s, '')
  const [, owner = ''] = /\scgroup:(\/\S+)/.exec(line) ?? []
  return [{ protocol, address, port, ...(owner === '' ? {} : { owner }) }]
}

/** Only the host itself reaches it. */
export function isLoopback({ address }: Listener): boolean {
  return /^(?:::ffff:)?127\./.test(address) || address === '::1'
}

/** It takes what comes in on any address of the host. */
export function isEverywhere({ address }: Listener): boolean {
  return address === '*' || address === '0.0.0.0' || address === '::'
}
