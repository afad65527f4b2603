import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { isIP } from 'node:net'

/** A certificate with its key, as PEM: made in the test, so that no tool is needed and none is committed. */
export interface Identity {
  readonly cert: string
  readonly key: string
  readonly name: string
}

interface Wanted {
  /** Common name. */
  readonly name: string
  /** DNS names and addresses. */
  readonly names?: readonly string[]
  readonly issuer?: Identity
  readonly authority?: boolean
  readonly from?: Date
  readonly until?: Date
}

const day = 86_400_000

/** Makes a certificate over a fresh P-256 key, signed by the issuer or by itself. */
export function certificate(wanted: Wanted): Identity {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const signer: KeyObject =
    wanted.issuer === undefined ? pair.privateKey : createPrivateKey(wanted.issuer.key)
  const extensions = [
    ...(wanted.authority === true
      ? [extension('551d13', der(0x30, Buffer.from('0101ff', 'hex')), true)]
      : []),
    ...(wanted.names === undefined ? [] : [extension('551d11', der(0x30, ...wanted.names.map(alternative)))])
  ]
  const ecdsaWithSha256 = der(0x30, Buffer.from('06082a8648ce3d040302', 'hex'))
  const body = der(
    0x30,
    Buffer.from('a003020102', 'hex'),
    der(0x02, Buffer.from([1 + Math.floor(Math.random() * 126)])),
    ecdsaWithSha256,
    named(wanted.issuer?.name ?? wanted.name),
    der(
      0x30,
      time(wanted.from ?? new Date(Date.now() - day)),
      time(wanted.until ?? new Date(Date.now() + day))
    ),
    named(wanted.name),
    pair.publicKey.export({ type: 'spki', format: 'der' }),
    ...(extensions.length === 0 ? [] : [der(0xa3, der(0x30, ...extensions))])
  )
  const signature = sign('sha256', body, signer)
  const whole = der(0x30, body, ecdsaWithSha256, der(0x03, Buffer.from([0]), signature))
  const lines = whole.toString('base64').replaceAll(/.{64}/g, '$&\n').trimEnd()
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    name: wanted.name
  }
}

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

function named(name: string): Buffer {
  const commonName = Buffer.from('0603550403', 'hex')
  return der(0x30, der(0x31, der(0x30, commonName, der(0x0c, Buffer.from(name)))))
}

function time(at: Date): Buffer {
  return der(0x18, Buffer.from(`${at.toISOString().replaceAll(/\D/g, '').slice(0, 14)}Z`))
}

function extension(oid: string, value: Buffer, critical = false): Buffer {
  const parts = [der(0x06, Buffer.from(oid, 'hex')), der(0x04, value)]
  if (critical) parts.splice(1, 0, Buffer.from('0101ff', 'hex'))
  return der(0x30, ...parts)
}

function alternative(name: string): Buffer {
  if (isIP(name) === 4) return der(0x87, Buffer.from(name.split('.').map(Number)))
  return der(0x82, Buffer.from(name))
}
