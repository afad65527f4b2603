import { X509Certificate } from 'node:crypto'
import { connect, isIP, type Socket } from 'node:net'
import {
  checkServerIdentity,
  connect as connectTls,
  type DetailedPeerCertificate,
  rootCertificates,
  type TLSSocket
} from 'node:tls'
import { messageOf } from '../../lib/errors.ts'
import {
  type Certificate,
  type RouteAnswer,
  type RouteRequest,
  type StartTls,
  Unseen
} from '../../facts/fact.ts'
import { nowMs } from '../../os/clock.ts'
import { openings, type Opening } from './starttls.ts'

/**
 * Asks a server for its certificate: a TLS handshake, after the words in which the protocol of the port asks for one.
 * Nothing else is sent, so it does not matter what the server speaks, or whether it says anything.
 *
 * @param open how TLS is asked for before the handshake; by default, by the protocol that the request names.
 * @throws Unseen where there was no handshake to judge: no name, no route, no time, no TLS offered.
 */
export async function showCertificate(
  request: RouteRequest,
  url: URL,
  signal: AbortSignal,
  open: Opening | null = openingOf(request.startTls ?? null)
): Promise<RouteAnswer> {
  const name = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const deadline = AbortSignal.timeout(request.deadlineMs)
  const ending = AbortSignal.any([signal, deadline])
  const seen: {
    tls: TLSSocket | null
    certificate: Certificate | null
    distrust: string | null | undefined
  } = {
    tls: null,
    certificate: null,
    distrust: undefined
  }
  let socket: Socket | null = null
  const address = () => request.address ?? socket?.remoteAddress ?? null
  try {
    socket = await connected(request.address ?? name, Number(url.port || '443'), ending)
    await open?.(socket, name, ending)
    await handshake(socket, name, request.ca, ending, seen)
  } catch (error) {
    signal.throwIfAborted()
    // A server that asks for a certificate of ours breaks the handshake off: it has shown its own before.
    const { certificate, distrust } = seen
    if (certificate === null || distrust === undefined) {
      if (error instanceof Unseen) throw error
      if (deadline.aborted)
        throw new Unseen(`no answer within ${request.deadlineMs / 1000} s from ${url.host}`)
      return { ...failure(error, url, address()), ...(certificate === null ? {} : { certificate }) }
    }
  } finally {
    seen.tls?.destroy()
    socket?.destroy()
  }
  const { certificate, distrust = null } = seen
  if (distrust !== null) return { kind: 'tls-failure', detail: distrust, address: address(), certificate }
  return {
    kind: 'handshake',
    detail: 'only the handshake was requested',
    address: address(),
    certificate
  }
}

function connected(host: string, port: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, autoSelectFamilyAttemptTimeout: 2_500 })
    const stop = () => socket.destroy(new Unseen(`no connection in time to ${host}`))
    signal.addEventListener('abort', stop, { once: true })
    socket.once('connect', () => {
      signal.removeEventListener('abort', stop)
      socket.removeListener('error', reject)
      resolve(socket)
    })
    socket.once('error', reject)
    if (signal.aborted) stop()
  })
}

/** Ends with the handshake, or with whatever broke it off; `seen` has what was shown until then. */
function handshake(
  socket: Socket,
  name: string,
  ca: string | undefined,
  signal: AbortSignal,
  seen: { tls: TLSSocket | null; certificate: Certificate | null; distrust: string | null | undefined }
): Promise<void> {
  return new Promise((resolve, reject) => {
    const tls = connectTls({
      socket,
      ...(isIP(name) === 0 ? { servername: name } : {}),
      // Judged here, so that a certificate that fails is known as well.
      rejectUnauthorized: false,
      ...(ca === undefined ? {} : { ca })
    })
    seen.tls = tls
    const look = () => {
      const peer = tls.getPeerCertificate(true)
      const certificate = certificateOf(peer, ca)
      if (certificate === null) return
      seen.certificate = certificate
      const code = verifyError(tls)
      if (code === undefined) return
      const misnamed = checkServerIdentity(name, peer)
      seen.distrust =
        code === null && misnamed === undefined ? null : distrusted(code ?? '', certificate, misnamed)
    }
    const stop = () => tls.destroy(new Error('no handshake in time'))
    signal.addEventListener('abort', stop, { once: true })
    // Keys come after the certificate, but for the first ones of TLS 1.3: then there is none to see yet.
    tls.on('keylog', () => {
      if (seen.distrust === undefined) look()
    })
    tls.once('secureConnect', () => {
      look()
      resolve()
    })
    // Kept for what comes behind the handshake: a server that wants a certificate of ours says so only then.
    tls.on('error', reject)
    tls.once('close', () =>
      reject(Object.assign(new Error('the connection was closed'), { code: 'ECONNRESET' }))
    )
    if (signal.aborted) stop()
  })
}

/**
 * What OpenSSL says of the certificate; null where it trusts it. Node tells it only of a handshake that ended well:
 * before that it is asked at the handle, and where there is none, undefined.
 */
function verifyError(tls: TLSSocket): string | null | undefined {
  if (tls.authorized) return null
  const reason: unknown = tls.authorizationError
  if (reason !== null && reason !== undefined)
    return reason instanceof Error ? codeOf(reason) : String(reason)
  const handle: unknown = Reflect.get(tls, '_handle')
  if (typeof handle !== 'object' || handle === null || !('verifyError' in handle)) return undefined
  if (typeof handle.verifyError !== 'function') return undefined
  const error: unknown = handle.verifyError()
  if (error === null || error === undefined) return null
  return error instanceof Error ? codeOf(error) : undefined
}

function codeOf(error: Error): string {
  return 'code' in error ? String(error.code) : error.message
}

/** A certificate that a visitor would not accept. */
export class TlsFailure extends Error {
  override readonly name = 'TlsFailure'
  readonly certificate: Certificate | null

  constructor(message: string, certificate: Certificate | null) {
    super(message)
    this.certificate = certificate
  }
}

/** Why a certificate is not accepted, by OpenSSL's code, or because it is another host's. */
export function distrusted(
  code: string,
  certificate: Certificate | null,
  misnamed: Error | undefined
): string {
  if (code === 'CERT_HAS_EXPIRED' && certificate !== null && certificate.secondsLeft > 0) {
    const { intermediate } = certificate
    const which =
      intermediate === undefined ? '' : `: \`${intermediate.subject}\`, valid to ${intermediate.validTo}`
    return `a certificate above it in its chain has expired (CERT_HAS_EXPIRED)${which}`
  }
  return misnamed?.message.trim() ?? distrust[code] ?? code
}

const distrust: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'the certificate has expired (CERT_HAS_EXPIRED)',
  CERT_NOT_YET_VALID: 'the certificate is not valid yet (CERT_NOT_YET_VALID)',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate is self-signed (DEPTH_ZERO_SELF_SIGNED_CERT)',
  SELF_SIGNED_CERT_IN_CHAIN: 'its CA is not trusted (SELF_SIGNED_CERT_IN_CHAIN)',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its CA is not trusted (UNABLE_TO_GET_ISSUER_CERT_LOCALLY)',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'its CA is not trusted, or the chain is not sent whole (UNABLE_TO_VERIFY_LEAF_SIGNATURE)'
}

/** @param ca the text of the CA certificates that are trusted instead of the built-in ones. */
export function certificateOf(peer: DetailedPeerCertificate, ca: string | undefined): Certificate | null {
  // An empty object is what Node says when there is none.
  if (peer.valid_to === undefined) return null
  const end = Date.parse(peer.valid_to)
  // A date that OpenSSL itself calls bad: there is nothing to tell of such a certificate.
  if (Number.isNaN(end)) return null
  const first = chainOf(peer, ca)
    .map(one => ({ subject: oneText(one.subject?.CN) ?? '', end: Date.parse(one.valid_to) }))
    .sort((a, b) => a.end - b.end)[0]
  return {
    subject: oneText(peer.subject?.CN) ?? '',
    issuer: oneText(peer.issuer?.CN) ?? oneText(peer.issuer?.O) ?? '',
    ...until(end),
    names: (peer.subjectaltname ?? '').split(', ').filter(name => name !== ''),
    ...(first === undefined || !(first.end < end)
      ? {}
      : { intermediate: { subject: first.subject, ...until(first.end) } })
  }
}

function until(end: number) {
  return { validTo: new Date(end).toISOString(), secondsLeft: Math.floor((end - nowMs()) / 1000) }
}

/**
 * The intermediates between a certificate and the first one that a trusted root has signed. What a server sends
 * beyond is not on the way of a visitor who has that root: an expired cross-signature of it does not matter.
 */
function chainOf(peer: DetailedPeerCertificate, ca: string | undefined): readonly DetailedPeerCertificate[] {
  const chain: DetailedPeerCertificate[] = []
  let one = peer
  while (chain.length < 8 && !isAnchored(one, ca)) {
    const next: DetailedPeerCertificate | undefined = one.issuerCertificate
    // A root is its own issuer.
    if (next?.raw === undefined || next.fingerprint256 === one.fingerprint256) break
    if (isSelfIssued(next)) break
    chain.push(next)
    one = next
  }
  return chain
}

function isSelfIssued({ raw }: DetailedPeerCertificate): boolean {
  const own = new X509Certificate(raw)
  return own.checkIssued(own)
}

function isAnchored({ raw }: DetailedPeerCertificate, ca: string | undefined): boolean {
  const own = new X509Certificate(raw)
  return roots(ca).some(root => own.checkIssued(root) && own.verify(root.publicKey))
}

let builtIn: readonly X509Certificate[] | undefined

function roots(ca: string | undefined): readonly X509Certificate[] {
  if (ca !== undefined) return (ca.match(pem) ?? []).map(text => new X509Certificate(text))
  builtIn ??= rootCertificates.map(text => new X509Certificate(text))
  return builtIn
}

const pem = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

export function oneText(value: string | readonly string[] | undefined): string | null {
  if (value === undefined) return null
  return typeof value === 'string' ? value : value.join(', ')
}

/**
 * What a connection that failed says.
 *
 * @throws Unseen where it says nothing of the server.
 */
export function failure(error: unknown, url: URL, address: string | null): RouteAnswer {
  if (error instanceof TlsFailure) {
    return { kind: 'tls-failure', detail: error.message, address, certificate: error.certificate }
  }
  const codes = codesOf(error)
  const has = (...wanted: readonly RegExp[]) => codes.some(code => wanted.some(one => one.test(code)))
  const detail = messageOf(error)
  if (has(/^ECONNREFUSED$/) && !has(/TIMEDOUT|TIMEOUT/)) return { kind: 'refused', detail, address }
  if (has(/^EPROTO$/, /^ERR_SSL_/, /^ERR_TLS_/))
    return { kind: 'tls-failure', detail, address, certificate: null }
  if (has(/^ECONNRESET$/, /^ECONNABORTED$/, /^EPIPE$/, /^UND_ERR_SOCKET$/, /^ERR_HTTP2_/)) {
    return { kind: 'reset', detail, address }
  }
  if (has(/^ENOTFOUND$/, /^EAI_/)) throw new Unseen(`the name ${url.hostname} does not resolve (${codes[0]})`)
  if (has(/^EHOSTUNREACH$/, /^ENETUNREACH$/)) throw new Unseen(`no route to ${url.host}: ${detail}`)
  if (has(/TIMEDOUT|TIMEOUT/)) throw new Unseen(`no answer from ${url.host} in time: ${detail}`)
  throw new Unseen(`the request to ${url.host} failed: ${detail}`, { cause: error })
}

/** The codes of an error, of what it wraps, and of every address that was tried. */
function codesOf(error: unknown): readonly string[] {
  if (!(error instanceof Error)) return []
  const own = 'code' in error && typeof error.code === 'string' ? [error.code] : []
  const inner = error instanceof AggregateError ? error.errors : []
  return [...own, ...inner.flatMap(codesOf), ...(error.cause === undefined ? [] : codesOf(error.cause))]
}

function openingOf(protocol: StartTls | null): Opening | null {
  return protocol === null ? null : openings[protocol]
}
