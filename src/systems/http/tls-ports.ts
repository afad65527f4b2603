import type { StartTls } from '../../facts/fact.ts'

const ports: Readonly<Record<number, StartTls>> = {
  21: 'ftp',
  25: 'smtp',
  110: 'pop3',
  143: 'imap',
  389: 'ldap',
  587: 'smtp',
  2525: 'smtp',
  3306: 'mysql',
  5432: 'postgres'
}

/** The protocol of a well-known port; null where the handshake is the first that is said. */
export function protocolOf(port: number): StartTls | null {
  return ports[port] ?? null
}
