import { X509Certificate } from 'node:crypto'
import { isIP, type Socket } from 'node:net'
import { checkServerIdentity, type PeerCertificate, TLSSocket } from 'node:tls'
import type { Dispatcher, buildConnector as Connector } from 'undici'
import { messageOf } from '../base/errors.ts'
import { type Certificate, type RouteAnswer, type RouteRequest, Unseen } from '../observe/fact.ts'
import { nowMs } from './clock.ts'
import { buildConnector, Client, errors, request as send } from './undici.ts'

/**
 * Asks one URL with GET or HEAD, on a connection of its own, and follows no redirect. Where it asks is the
 * plan's word alone (never a host's, a claim's or a redirect's), so it can be sent nowhere by those it
 * judges; the proxy settings of the environment are ignored.
 *
 * A refused or reset connection, a failed TLS handshake and something that is not HTTP are answers.
 *
 * @param signal abandons the request.
 * @throws Unseen where there was no answer to judge: no name, no route, no time, a URL or CA that cannot be used.
 */
export async function fetchRoute(request: RouteRequest, signal: AbortSignal): Promise<RouteAnswer> {
  const url = usableUrl(request)
  const deadline = AbortSignal.timeout(request.deadlineMs)
  const seen: Connection = { socket: null, tls: null }
  const ending = AbortSignal.any([signal, deadline])
  const client = new Client(url.origin, {
    // Offered explicitly: what a route speaks must not hang on a default of the client.
    allowH2: true,
    connect: connector(request, url, seen, ending),
    headersTimeout: 0,
    bodyTimeout: 0
  })
  try {
    const answer = await send(client, url, {
      method: request.method,
      headers: { 'user-agent': 'adversary-bot', accept: '*/*', 'accept-encoding': 'identity' },
      signal: ending
    })
    const { text, cut } = await readBody(answer, request.capBytes, deadline)
    return {
      kind: 'answered',
      status: answer.statusCode,
      version: seen.tls?.alpnProtocol === 'h2' ? '2' : '1.1',
      location: oneText(answer.headers['location']),
      body: text,
      bodyCut: cut,
      certificate: seen.tls?.certificate ?? null,
      address: seen.socket?.remoteAddress ?? request.address ?? null
    }
  } catch (error) {
    signal.throwIfAborted()
    if (deadline.aborted) throw new Unseen(`no answer within ${request.deadlineMs / 1000} s from ${url.host}`)
    return failure(error, url, request.address ?? seen.socket?.remoteAddress ?? null)
  } finally {
    await client.destroy()
  }
}

interface Connection {
  socket: Socket | null
  tls: { readonly alpnProtocol: string | false | null; readonly certificate: Certificate | null } | null
}

function usableUrl({ url: text, address, ca }: RouteRequest): URL {
  if (!URL.canParse(text)) throw new Unseen(`not a URL: ${text}`)
  const url = new URL(text)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new Unseen(`only http and https can be asked, not ${url.protocol}`)
  }
  if (url.username !== '' || url.password !== '') throw new Unseen('a URL with a password in it is not asked')
  if (address !== undefined && isIP(address) === 0) throw new Unseen(`not an IP address: ${address}`)
  if (ca !== undefined) {
    // TLS itself takes a text without a certificate for an empty list and then distrusts everybody.
    try {
      void new X509Certificate(ca)
    } catch (error) {
      throw new Unseen(`the CA file holds no certificate that can be read: ${messageOf(error)}`)
    }
  }
  return url
}

/**
 * Connects to the pinned address while name, SNI and certificate stay the URL's. The certificate is judged
 * here and not by the socket, so that one that fails can be told; nothing is sent to a server that fails.
 */
function connector(
  request: RouteRequest,
  url: URL,
  seen: Connection,
  signal: AbortSignal
): Connector.connector {
  const name = url.hostname.replace(/^\[(.*)\]$/, '$1')
  let misnamed: Error | undefined
  const connect = buildConnector({
    allowH2: true,
    maxCachedSessions: 0,
    // The signal ends a connection that is still being made; the client's own timer would end it a second late.
    timeout: 0,
    signal,
    // Node gives each address 250 ms by default; a far one is not a dead one.
    autoSelectFamilyAttemptTimeout: 2_500,
    rejectUnauthorized: false,
    checkServerIdentity: (_, certificate: PeerCertificate) => {
      misnamed = checkServerIdentity(name, certificate)
      return misnamed
    },
    ...(request.ca === undefined ? {} : { ca: request.ca })
  })
  return (options, callback) => {
    connect({ ...options, hostname: request.address ?? name }, (error, socket) => {
      if (error !== null) return callback(error, null)
      seen.socket = socket
      if (!(socket instanceof TLSSocket)) return callback(null, socket)
      const certificate = certificateOf(socket.getPeerCertificate())
      seen.tls = { alpnProtocol: socket.alpnProtocol, certificate }
      if (socket.authorized) return callback(null, socket)
      socket.destroy()
      const code = String(socket.authorizationError)
      return callback(new TlsFailure(misnamed?.message.trim() ?? distrust[code] ?? code, certificate), null)
    })
  }
}

class TlsFailure extends Error {
  override readonly name = 'TlsFailure'
  readonly certificate: Certificate | null

  constructor(message: string, certificate: Certificate | null) {
    super(message)
    this.certificate = certificate
  }
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

function certificateOf(peer: PeerCertificate): Certificate | null {
  // An empty object is what Node says when there is none.
  if (peer.valid_to === undefined) return null
  const end = Date.parse(peer.valid_to)
  // A date that OpenSSL itself calls bad: there is nothing to tell of such a certificate.
  if (Number.isNaN(end)) return null
  return {
    subject: oneText(peer.subject?.CN) ?? '',
    issuer: oneText(peer.issuer?.CN) ?? oneText(peer.issuer?.O) ?? '',
    validTo: new Date(end).toISOString(),
    secondsLeft: Math.floor((end - nowMs()) / 1000),
    names: (peer.subjectaltname ?? '').split(', ').filter(name => name !== '')
  }
}

/** At most `cap` bytes. A body that is still coming when the time is over is cut, not lost: the status is known. */
async function readBody(answer: Dispatcher.ResponseData, cap: number, deadline: AbortSignal) {
  // Nobody asked for the body: an endless one must not cost the deadline.
  if (cap === 0) {
    answer.body.on('error', () => undefined).destroy()
    return { text: '', cut: true }
  }
  // Asked for as it is; who packs it all the same has sent nothing that can be searched.
  const packed = (oneText(answer.headers['content-encoding']) ?? 'identity') !== 'identity'
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of answer.body) {
      if (packed || length + chunk.length > cap) {
        if (!packed) chunks.push(chunk.subarray(0, cap - length))
        return { text: decoded(chunks), cut: true }
      }
      chunks.push(chunk)
      length += chunk.length
    }
  } catch (error) {
    if (!deadline.aborted) throw error
    return { text: decoded(chunks), cut: true }
  }
  return { text: decoded(chunks), cut: false }
}

function decoded(chunks: readonly Uint8Array[]): string {
  return new TextDecoder().decode(Buffer.concat(chunks))
}

function oneText(value: string | readonly string[] | undefined): string | null {
  if (value === undefined) return null
  return typeof value === 'string' ? value : value.join(', ')
}

function failure(error: unknown, url: URL, address: string | null): RouteAnswer {
  if (error instanceof TlsFailure) {
    return { kind: 'tls-failure', detail: error.message, address, certificate: error.certificate }
  }
  const codes = codesOf(error)
  const has = (...wanted: readonly RegExp[]) => codes.some(code => wanted.some(one => one.test(code)))
  const detail = messageOf(error)
  if (has(/^ECONNREFUSED$/) && !has(/TIMEDOUT|TIMEOUT/)) return { kind: 'refused', detail, address }
  if (has(/^EPROTO$/, /^ERR_SSL_/, /^ERR_TLS_/))
    return { kind: 'tls-failure', detail, address, certificate: null }
  if (error instanceof errors.HTTPParserError) return { kind: 'not-http', detail, address }
  if (has(/^ECONNRESET$/, /^ECONNABORTED$/, /^EPIPE$/, /^UND_ERR_SOCKET$/, /^ERR_HTTP2_/)) {
    return { kind: 'reset', detail, address }
  }
  if (has(/^ENOTFOUND$/, /^EAI_/)) throw new Unseen(`the name ${url.hostname} does not resolve (${codes[0]})`)
  if (has(/^EHOSTUNREACH$/, /^ENETUNREACH$/)) throw new Unseen(`there is no way to ${url.host}: ${detail}`)
  if (has(/TIMEDOUT|TIMEOUT/)) throw new Unseen(`no answer from ${url.host} in time: ${detail}`)
  throw new Unseen(`${url.host} could not be asked: ${detail}`, { cause: error })
}

/** The codes of an error, of what it wraps, and of every address that was tried. */
function codesOf(error: unknown): readonly string[] {
  if (!(error instanceof Error)) return []
  const own = 'code' in error && typeof error.code === 'string' ? [error.code] : []
  const inner = error instanceof AggregateError ? error.errors : []
  return [...own, ...inner.flatMap(codesOf), ...(error.cause === undefined ? [] : codesOf(error.cause))]
}
