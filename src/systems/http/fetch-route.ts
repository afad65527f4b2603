import { X509Certificate } from 'node:crypto'
import { isIP, type Socket } from 'node:net'
import { checkServerIdentity, type PeerCertificate, TLSSocket } from 'node:tls'
import { buildConnector, Client, type Dispatcher, errors, request as send } from 'undici'
import { messageOf } from '../../lib/errors.ts'
import { type Certificate, type RouteAnswer, type RouteRequest, Unseen } from '../../facts/fact.ts'
import { certificateOf, distrusted, failure, oneText, showCertificate, TlsFailure } from './tls.ts'

/**
 * Asks one URL with GET or HEAD, or for its certificate alone, on a connection of its own, and follows no redirect. Where it asks is the
 * plan's word alone (never a host's, a claim's or a redirect's), so it can be sent nowhere by those it
 * judges; the proxy settings of the environment are ignored.
 *
 * A refused or reset connection, a failed TLS handshake and an answer that is not HTTP are answers.
 *
 * @param signal abandons the request.
 * @throws Unseen where there was no answer to judge: no name, no route, no time, a URL or CA that cannot be used.
 */
export async function fetchRoute(request: RouteRequest, signal: AbortSignal): Promise<RouteAnswer> {
  const url = usableUrl(request)
  if (request.method === 'TLS') return showCertificate(request, url, signal)
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
    const answer = await send(url, {
      dispatcher: client,
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
    return failed(error, url, seen, request.address)
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
    throw new Unseen(`only http and https URLs are supported, not ${url.protocol}`)
  }
  if (url.username !== '' || url.password !== '') throw new Unseen('a URL with a password is not supported')
  if (address !== undefined && isIP(address) === 0) throw new Unseen(`not an IP address: ${address}`)
  if (ca !== undefined) {
    // TLS itself takes a text without a certificate for an empty list and then distrusts everybody.
    try {
      void new X509Certificate(ca)
    } catch (error) {
      throw new Unseen(`the CA file holds no readable certificate: ${messageOf(error)}`)
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
): buildConnector.connector {
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
      const certificate = certificateOf(socket.getPeerCertificate(true), request.ca)
      seen.tls = { alpnProtocol: socket.alpnProtocol, certificate }
      if (socket.authorized) return callback(null, socket)
      socket.destroy()
      const why = distrusted(String(socket.authorizationError), certificate, misnamed)
      return callback(new TlsFailure(why, certificate), null)
    })
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
  // What is not understood has not been read.
  const readAs = (cut: boolean) => {
    const text = decoded(chunks, oneText(answer.headers['content-type']) ?? '')
    return text === null ? { text: '', cut: true } : { text, cut }
  }
  try {
    for await (const chunk of answer.body) {
      if (packed || length + chunk.length > cap) {
        if (!packed) chunks.push(chunk.subarray(0, cap - length))
        return readAs(true)
      }
      chunks.push(chunk)
      length += chunk.length
    }
  } catch (error) {
    if (!deadline.aborted) throw error
    return readAs(true)
  }
  return readAs(false)
}

/**
 * Text by the charset that the answer names: a byte order mark first, then its header, then what the document says of
 * itself. Null: named, and not one that we know.
 */
function decoded(chunks: readonly Uint8Array[], contentType: string): string | null {
  const bytes = Buffer.concat(chunks)
  const mark = marks.find(({ start }) => bytes.subarray(0, start.length).equals(start))
  const label = mark?.label ?? charsetOf(contentType) ?? charsetWithin(bytes) ?? 'utf-8'
  try {
    const decoder = new TextDecoder(label)
    const text = decoder.decode(bytes)
    // Some releases of Node read windows-1252 as Latin-1, which has control characters in these places.
    return decoder.encoding === 'windows-1252'
      ? text.replace(/[\x80-\x9f]/g, char => high[char.charCodeAt(0) - 0x80] ?? char)
      : text
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}

/** What windows-1252 has from 0x80 to 0x9f. */
const high = [...'€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ']

const marks = [
  { start: Buffer.from([0xef, 0xbb, 0xbf]), label: 'utf-8' },
  { start: Buffer.from([0xfe, 0xff]), label: 'utf-16be' },
  { start: Buffer.from([0xff, 0xfe]), label: 'utf-16le' }
] as const

function charsetOf(contentType: string): string | undefined {
  return /;\s*charset\s*=\s*["']?([^\s"';,]{1,40})/i.exec(contentType)?.[1]
}

/** What a page of HTML or XML names in its first bytes, which are ASCII up to there. */
function charsetWithin(bytes: Buffer): string | undefined {
  const head = bytes.subarray(0, 1024).toString('latin1')
  return (
    /^<\?xml\s[^<>]{0,200}?encoding\s*=\s*["']([\w.:-]{1,40})["']/i.exec(head)?.[1] ??
    /<meta\s[^<>]{0,200}?charset\s*=\s*["']?([\w.:-]{1,40})/i.exec(head)?.[1]
  )
}

/** A failure that is an answer. A certificate that was shown before it is one as well. */
function failed(
  error: unknown,
  url: URL,
  { socket, tls }: Connection,
  pinned: string | undefined
): RouteAnswer {
  const address = pinned ?? socket?.remoteAddress ?? null
  const answer: RouteAnswer =
    error instanceof errors.HTTPParserError
      ? { kind: 'not-http', detail: messageOf(error), address }
      : failure(error, url, address)
  const certificate = tls?.certificate ?? null
  return answer.kind === 'answered' || certificate === null || answer.certificate
    ? answer
    : { ...answer, certificate }
}
