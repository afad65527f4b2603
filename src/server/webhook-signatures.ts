import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { HttpHead, HttpRequest } from './http-server.ts'
import { has, header } from './router.ts'

/**
 * Whether a request comes from who shares the secret. Pure: the time is given. Every comparison of what was sent
 * with what is secret takes the same time whatever was sent.
 */

type Signed = Pick<HttpRequest, 'headers' | 'body'>

/** Null: it is genuine. Else why not; no word of it comes from the request. */
export type Rejection = string | null

/** A signature is believed for as long, in milliseconds: clocks differ, and a network takes its time. */
const freshMs = 5 * 60_000

/** What can be said of a webhook by its head: whether there is anything to verify. */
export function verifyWebhookHead(head: Pick<HttpHead, 'headers'>): Rejection {
  return webhookSigns.some(name => has(head, name)) ? null : unsigned
}

const webhookSigns = [
  'x-hub-signature-256',
  'x-gitea-signature',
  'x-forgejo-signature',
  'webhook-signature',
  'x-gitlab-token'
] as const
const unsigned = 'the request is not signed'

/**
 * A webhook of Gitea, Forgejo, GitHub (HMAC-SHA256 of the body, in hex) or GitLab (the secret itself, or since
 * 18.x signed as the Standard Webhooks have it). Of several signatures in one request all must hold.
 */
export function verifyWebhook(request: Signed, secret: string, nowMs: number): Rejection {
  const checks: Rejection[] = []
  if (has(request, 'x-hub-signature-256')) {
    const sent = /^sha256=(?<hex>[0-9a-f]{64})$/.exec(header(request, 'x-hub-signature-256') ?? '')
    checks.push(verifyHex(sent?.groups?.['hex'], request.body, secret))
  }
  for (const name of ['x-gitea-signature', 'x-forgejo-signature']) {
    if (!has(request, name)) continue
    const sent = /^[0-9a-f]{64}$/.exec(header(request, name) ?? '')
    checks.push(verifyHex(sent?.[0], request.body, secret))
  }
  if (has(request, 'webhook-signature')) checks.push(verifyStandard(request, secret, nowMs))
  else if (has(request, 'x-gitlab-token')) {
    const sent = header(request, 'x-gitlab-token')
    checks.push(sent !== null && sameText(sent, secret) ? null : 'the token does not match')
  }
  return checks.length === 0 ? unsigned : (checks.find(rejection => rejection !== null) ?? null)
}

function verifyHex(hex: string | undefined, body: Uint8Array, secret: string): Rejection {
  if (hex === undefined) return 'the signature is malformed'
  const expected = createHmac('sha256', secret).update(body).digest()
  return timingSafeEqual(Buffer.from(hex, 'hex'), expected) ? null : 'the signature does not match'
}

/** `webhook-id`, `webhook-timestamp` and the body, joined by dots; the secret as it is, or base64 after `whsec_`. */
function verifyStandard(request: Signed, secret: string, nowMs: number): Rejection {
  const id = header(request, 'webhook-id')
  const stamp = header(request, 'webhook-timestamp')
  const sent = header(request, 'webhook-signature')
  if (id === null || stamp === null || sent === null || !/^\d{1,12}$/.test(stamp)) {
    return 'the signature is malformed'
  }
  if (Math.abs(nowMs - Number(stamp) * 1000) > freshMs) return 'the request is too old, or the clocks differ'
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret)
  const expected = createHmac('sha256', key).update(`${id}.${stamp}.`).update(request.body).digest()
  const fits = sent
    .split(' ')
    .slice(0, 10)
    .map(one => sameText(one, `v1,${expected.toString('base64')}`))
  return fits.includes(true) ? null : 'the signature does not match'
}

/** The headers that Drone signs, by its client's own list. */
const droneSigns = ['accept', 'accept-encoding', 'content-type', 'date', 'digest'] as const
const droneAccepts = 'application/vnd.drone.validate.v1+json'

/**
 * A request of Drone's validation extension: the five headers signed by hmac-sha256, the digest that of the body,
 * the date of these minutes. Drone's own handler checks neither digest nor date and lets the sender choose what
 * is signed; so this one does what that one leaves out.
 */
export function verifyDrone(request: Signed, secret: string, nowMs: number): Rejection {
  return verifyDroneHead(request, secret, nowMs) ?? verifyDroneBody(request)
}

/** The same as far as its head tells: all but that the signed digest is that of the body. */
export function verifyDroneHead(
  request: Pick<HttpHead, 'headers'>,
  secret: string,
  nowMs: number
): Rejection {
  const values = new Map<string, string>()
  for (const name of [...droneSigns, 'signature']) {
    const value = header(request, name)
    if (value === null) return `expected exactly one header ${name}`
    values.set(name, value)
  }
  const parameters = parametersOf(values.get('signature') ?? '')
  if (parameters === null) return 'the signature is malformed'
  if (parameters.get('algorithm') !== 'hmac-sha256') return 'the algorithm is not hmac-sha256'
  const listed = (parameters.get('headers') ?? '').split(' ')
  if (listed.length !== droneSigns.length || !droneSigns.every(name => listed.includes(name))) {
    return 'the signature does not cover the required headers'
  }
  const lines = listed.map(name => `${name}: ${values.get(name)}`).join('\n')
  const expected = createHmac('sha256', secret).update(lines).digest('base64')
  if (!sameText(parameters.get('signature') ?? '', expected)) return 'the signature does not match'

  const date = httpDate(values.get('date') ?? '')
  if (date === null || Math.abs(nowMs - date) > freshMs) return 'the request is too old, or the clocks differ'
  // The same secret may serve Drone's other extensions: what was signed for them is none for this one.
  if (values.get('accept') !== droneAccepts) return 'the request is not for a validation'
  return null
}

/** Whether the body is the one whose digest the head has signed. */
export function verifyDroneBody(request: Signed): Rejection {
  const digest = createHash('sha256').update(request.body).digest('base64')
  return sameText(header(request, 'digest') ?? '', `SHA-256=${digest}`)
    ? null
    : 'the digest does not match the body'
}

/** `keyId="…",algorithm="…",signature="…",headers="…"`, each once and nothing else; null: it is not that. */
function parametersOf(text: string): ReadonlyMap<string, string> | null {
  if (!/^(?:\w+="[^"\\]*")(?:,\w+="[^"\\]*"){3}$/.test(text)) return null
  const found = new Map(
    [...text.matchAll(/(?<=^|,)(?<key>\w+)="(?<value>[^"]*)"/g)].map(({ groups }) => [
      groups?.['key'] ?? '',
      groups?.['value'] ?? ''
    ])
  )
  const whole = ['keyId', 'algorithm', 'signature', 'headers'].every(key => found.has(key))
  return whole ? found : null
}

/** `Sat, 13 Jun 2026 05:33:07 GMT`, as Go writes it, and no other form; milliseconds since 1970. */
function httpDate(text: string): number | null {
  if (!/^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/.test(text)) return null
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? null : ms
}

/** By their digests: equal in length whatever is compared. */
function sameText(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}
