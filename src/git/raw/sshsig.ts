import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'
import { trimmedEnd } from '../../lib/text/trim.ts'

/**
 * SSH signatures of files (PROTOCOL.sshsig of OpenSSH), read in this process. It only ever says no: that a
 * signature is by a key that no list names, or does not fit. What remains ssh-keygen judges, with the list's names,
 * namespaces, dates and revocations. So a process is started for what was really signed with a listed key, and
 * a builder cannot make work by the thousand.
 */

export interface SshSignature {
  /** `SHA256:…` of the plain key, as `ssh-keygen -l` prints it. */
  readonly fingerprint: string
  /** The key as it stands in the signature, in base64. */
  readonly key: string
  /** The authority that certified the key, in base64; null for a plain key. */
  readonly authority: string | null
  /** Whether these bytes were signed with this key; null: of this kind of key this process cannot tell. */
  fits(payload: Uint8Array): boolean | null
}

const opening = '-----BEGIN SSH SIGNATURE-----'
const closing = '-----END SSH SIGNATURE-----'
/** A signature by an RSA key of 16384 bits, certified by another, in characters. */
const armorCap = 32_768

/** Keys that were read before, by their base64: making one ready to verify takes longer than verifying. */
export type KnownKeys = Map<string, Key | null>
const keysHeld = 1000

/** @returns null for what ssh-keygen could not read either. */
export function readSshSignature(text: string, known: KnownKeys = new Map()): SshSignature | null {
  const start = text.trimStart()
  const end = start.indexOf(closing)
  if (!start.startsWith(opening) || end < 0 || end > armorCap) return null
  const base64 = start.slice(opening.length, end).replace(/\s/g, '')
  if (base64 === '' || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return null
  const bytes = Buffer.from(base64, 'base64')
  // What is not base64 of these very bytes ssh-keygen does not read, nor what stands behind the signature.
  if (bytes.toString('base64') !== base64) return null
  if (bytes.toString('latin1', 0, 6) !== 'SSHSIG') return null
  const read = reader(bytes.subarray(6))
  const version = read.number()
  const key = read.string()
  const namespace = read.string()
  const reserved = read.string()
  const hash = read.string()?.toString('latin1')
  const signature = read.string()
  if (version !== 1 || key === null || namespace === null || reserved === null || signature === null)
    return null
  if (read.left() > 0) return null
  if (hash !== 'sha256' && hash !== 'sha512') return null
  const base64Key = key.toString('base64')
  const parsed = known.get(base64Key) ?? readKey(key)
  if (known.size >= keysHeld) known.clear()
  known.set(base64Key, parsed)
  if (parsed === null) return null
  return {
    fingerprint: fingerprintOf(parsed.plain),
    key: base64Key,
    authority: parsed.authority,
    fits(payload) {
      const digest = createHash(hash).update(payload).digest()
      const signed = Buffer.concat([
        Buffer.from('SSHSIG'),
        ...[namespace, reserved, Buffer.from(hash), digest].map(lengthBefore)
      ])
      // An authority may still have signed with SHA-1; a person may not.
      if (parsed.certified === false || reader(signature).string()?.toString('latin1') === 'ssh-rsa')
        return false
      return parsed.verify(signature, signed)
    }
  }
}

function fingerprintOf(key: Buffer): string {
  return `SHA256:${trimmedEnd(createHash('sha256').update(key).digest('base64'), '=')}`
}

/** Every word of an allowed-signers file that could be a key, in base64 as it is written there. */
export function listedKeys(allowed: string): ReadonlySet<string> {
  const words = allowed.split(/\s+/).filter(word => word.length >= 40 && /^[A-Za-z0-9+/]+={0,2}$/.test(word))
  return new Set(words.map(word => Buffer.from(word, 'base64').toString('base64')))
}

export interface Key {
  /** The key without what certifies it. */
  readonly plain: Buffer
  readonly authority: string | null
  /** Whether the authority signed the certificate; null for a plain key, or where this process cannot tell. */
  readonly certified: boolean | null
  /** Null: this process cannot tell. */
  verify(signature: Buffer, signed: Buffer): boolean | null
}

/** The fields of a public key of each kind, behind its name. */
const fieldsOf: Readonly<Record<string, number>> = {
  'ssh-ed25519': 1,
  'ssh-rsa': 2,
  'ssh-dss': 4,
  'ecdsa-sha2-nistp256': 2,
  'ecdsa-sha2-nistp384': 2,
  'ecdsa-sha2-nistp521': 2,
  'sk-ssh-ed25519@openssh.com': 2,
  'sk-ecdsa-sha2-nistp256@openssh.com': 3
}

function readKey(blob: Buffer): Key | null {
  const read = reader(blob)
  const name = read.string()?.toString('latin1') ?? ''
  const certificate = /^(?<plain>.+)-cert-v01(?<maker>@openssh\.com)$/.exec(name)?.groups
  const plain = certificate?.['plain'] ?? name
  const kind = [plain, `${plain}@openssh.com`].find(one => Object.hasOwn(fieldsOf, one))
  if (kind === undefined) return null
  if (certificate !== undefined) read.string()
  const fields = Array.from({ length: fieldsOf[kind] ?? 0 }, () => read.string())
  const values = fields.filter(field => field !== null)
  if (values.length !== fields.length) return null
  const key = Buffer.concat([Buffer.from(kind), ...values].map(lengthBefore))
  const by = verifier(kind, values)
  if (certificate === undefined) {
    return read.left() > 0 ? null : { plain: key, authority: null, certified: null, verify: by }
  }
  // Serial, kind, name, principals, times, options, extensions, reserved; then who certifies it, and how.
  read.skip(8 + 4)
  read.string()
  read.string()
  read.skip(8 + 8)
  for (let field = 0; field < 3; field++) read.string()
  const authority = read.string()
  const covered = blob.subarray(0, blob.length - read.left())
  const signature = read.string()
  if (authority === null || signature === null || read.left() > 0) return null
  const certifier = readKey(authority)
  if (certifier === null || certifier.authority !== null) return null
  return {
    plain: key,
    authority: authority.toString('base64'),
    certified: certifier.verify(signature, covered),
    verify: by
  }
}

function verifier(kind: string, fields: readonly Buffer[]): Key['verify'] {
  const hardware = kind.startsWith('sk-')
  const application = fields.at(-1) ?? Buffer.alloc(0)
  let ready: Open | null | undefined
  return (signature, signed) => {
    const open = ready === undefined ? keyOf(kind, fields) : ready
    ready = open
    const read = reader(signature)
    const name = read.string()?.toString('latin1') ?? ''
    const value = read.string()
    if (value === null) return false
    if (open === null) return null
    let message = signed
    if (hardware) {
      // What a security key signs: the application, its flags and counter, and the digest of the message.
      const flags = signature.subarray(signature.length - read.left())
      if (name !== kind) return null
      if (flags.length !== 5) return false
      const digests = [application, signed].map(part => createHash('sha256').update(part).digest())
      message = Buffer.concat([digests[0] ?? '', flags, digests[1] ?? ''].map(part => Buffer.from(part)))
    } else if (read.left() > 0) return false
    try {
      return open(name, value, message)
    } catch {
      return false
    }
  }
}

type Open = (name: string, value: Buffer, message: Buffer) => boolean | null

/** Null for keys that this process does not know, or that node refuses. */
function keyOf(kind: string, fields: readonly Buffer[]): Open | null {
  const [first = Buffer.alloc(0), second = Buffer.alloc(0)] = fields
  const jwk = (key: Readonly<Record<string, string>>): KeyObject | null => {
    try {
      return createPublicKey({ key, format: 'jwk' })
    } catch {
      return null
    }
  }
  if (kind === 'ssh-ed25519' || kind === 'sk-ssh-ed25519@openssh.com') {
    const key = jwk({ kty: 'OKP', crv: 'Ed25519', x: first.toString('base64url') })
    return key && ((_, value, message) => verify(null, message, key, value))
  }
  if (kind === 'ssh-rsa') {
    const key = jwk({ kty: 'RSA', e: unsigned(first), n: unsigned(second) })
    // The last in old certificates alone.
    const hashes: Readonly<Record<string, string>> = {
      'rsa-sha2-256': 'sha256',
      'rsa-sha2-512': 'sha512',
      'ssh-rsa': 'sha1'
    }
    return (
      key &&
      ((name, value, message) => {
        const hash = hashes[name]
        return hash === undefined ? false : verify(hash, message, key, padded(value, modulusBytes(second)))
      })
    )
  }
  const curve = /^(?:sk-)?ecdsa-sha2-nistp(?<bits>256|384|521)/.exec(kind)?.groups?.['bits']
  if (curve === undefined) return null
  const bytes = Math.ceil(Number(curve) / 8)
  // Uncompressed: a four, then both coordinates.
  if (second.length !== 1 + 2 * bytes || second[0] !== 4) return null
  const [x, y] = [second.subarray(1, 1 + bytes), second.subarray(1 + bytes)]
  const key = jwk({
    kty: 'EC',
    crv: `P-${curve}`,
    x: x.toString('base64url'),
    y: y.toString('base64url')
  })
  const hash = { '256': 'sha256', '384': 'sha384', '521': 'sha512' }[curve] ?? 'sha256'
  return (
    key &&
    ((_, value, message) => {
      const read = reader(value)
      const [r, s] = [read.string(), read.string()]
      if (r === null || s === null || read.left() > 0) return false
      return verify(
        hash,
        message,
        { key, dsaEncoding: 'ieee-p1363' },
        Buffer.concat([r, s].map(part => padded(trimmed(part), bytes)))
      )
    })
  )
}

function unsigned(number: Buffer): string {
  return trimmed(number).toString('base64url')
}

/** A number without the zeros before it. */
function trimmed(number: Buffer): Buffer {
  const first = number.findIndex(byte => byte !== 0)
  return first < 0 ? Buffer.alloc(0) : number.subarray(first)
}

function modulusBytes(modulus: Buffer): number {
  return trimmed(modulus).length
}

function padded(number: Buffer, bytes: number): Buffer {
  return number.length >= bytes ? number : Buffer.concat([Buffer.alloc(bytes - number.length), number])
}

function lengthBefore(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** Reads the wire format of SSH (RFC 4251); null behind the end. */
function reader(bytes: Buffer) {
  let at = 0
  const number = (): number | null => {
    if (at + 4 > bytes.length) {
      at = bytes.length
      return null
    }
    at += 4
    return bytes.readUInt32BE(at - 4)
  }
  return {
    number,
    string(): Buffer | null {
      const length = number()
      if (length === null || at + length > bytes.length) {
        at = bytes.length
        return null
      }
      at += length
      return bytes.subarray(at - length, at)
    },
    skip(length: number): void {
      at = Math.min(at + length, bytes.length)
    },
    left: () => bytes.length - at
  }
}
