import { createHash, createHmac } from 'node:crypto'
import { globMatches } from '../lib/text/glob.ts'
import { trimmedEnd } from '../lib/text/trim.ts'

/** What known_hosts files say about one host. */
export interface KnownHost {
  /** The keys it may show, as the blobs of the protocol. */
  readonly keys: readonly { readonly type: string; readonly blob: Buffer }[]
  /** Keys that nobody may show under this name any more. */
  readonly revoked: readonly Buffer[]
  /** The host is known by the authority that signs its key, which only OpenSSH can check. */
  readonly byAuthority: boolean
}

/** `SHA256:…` as ssh prints it. */
export function fingerprint(blob: Uint8Array): string {
  return `SHA256:${trimmedEnd(createHash('sha256').update(blob).digest('base64'), '=')}`
}

/** The name that known_hosts knows a host by: with its port, unless that is 22. */
export function knownName(host: string, port: number): string {
  return port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`
}

/** The type that a key blob itself says it has. */
export function keyType(blob: Buffer): string {
  const length = blob.length >= 4 ? blob.readUInt32BE(0) : 0
  return blob.subarray(4, 4 + length).toString('latin1')
}

/**
 * Looks a name up in the text of known_hosts files: plain names, lists, wildcards, negation, hashed
 * names, `@revoked` and `@cert-authority`. Lines that make no sense are passed over, as OpenSSH does.
 */
export function lookUp(name: string, texts: readonly string[]): KnownHost {
  const keys: { type: string; blob: Buffer }[] = []
  const revoked: Buffer[] = []
  let byAuthority = false
  for (const line of texts.flatMap(text => text.split('\n'))) {
    const fields = line.trim().split(/[ \t]+/)
    const marker = fields[0]?.startsWith('@') === true ? fields.shift() : undefined
    const [names, type, encoded] = fields
    if (names === undefined || type === undefined || encoded === undefined || names.startsWith('#')) continue
    if (!namesHost(names, name)) continue
    const blob = Buffer.from(encoded, 'base64')
    if (keyType(blob) !== type) continue
    if (marker === undefined) keys.push({ type, blob })
    else if (marker === '@revoked') revoked.push(blob)
    else if (marker === '@cert-authority') byAuthority = true
  }
  return { keys, revoked, byAuthority }
}

function namesHost(names: string, name: string): boolean {
  if (names.startsWith('|')) return isHashOf(names, name)
  let named = false
  for (const pattern of names.toLowerCase().split(',')) {
    if (pattern.startsWith('!')) {
      // A name that is excluded is excluded whatever else the line says.
      if (wildcard(pattern.slice(1), name)) return false
    } else if (wildcard(pattern, name)) named = true
  }
  return named
}

/** `|1|salt|HMAC-SHA1(salt, name)`, both in base64. */
function isHashOf(hashed: string, name: string): boolean {
  const [, version, salt, hash] = hashed.split('|')
  if (version !== '1' || salt === undefined || hash === undefined) return false
  const key = Buffer.from(salt, 'base64')
  return (
    key.length === 20 && createHmac('sha1', key).update(name).digest().equals(Buffer.from(hash, 'base64'))
  )
}

/** OpenSSH's patterns: `*` for any characters, `?` for one, and everything else is itself. */
export function wildcard(pattern: string, text: string): boolean {
  if (!/[*?]/.test(pattern)) return pattern === text
  return globMatches(pattern.replace(/[[\\]/g, '\\$&'), text)
}
