import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { isIPv6, type Socket } from 'node:net'
import { httpBounds } from '../lib/bounds.ts'
import { AdversaryError, messageOf } from '../lib/errors.ts'
import { tick } from '../os/clock.ts'

/** What is known of a request before its body. Nothing of it is believed yet. */
export interface HttpHead {
  readonly method: string
  /** As it was sent, without the query: nothing in it is encoded, doubled or relative. */
  readonly path: string
  /** As they were sent, names in small letters, doubles kept. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly peer: string
}

/** One request, whole. */
export interface HttpRequest extends HttpHead {
  readonly body: Uint8Array
}

export interface HttpAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

/** What becomes of a request, decided by its head. */
export type Admission =
  /** Its body is not read. */
  | { readonly kind: 'refused'; readonly answer: HttpAnswer }
  | {
      readonly kind: 'admitted'
      /** Whose allowance it counts against: one of a few names. */
      readonly lane: string
      /** As many requests as come are answered: the answer is no more work than a refusal. */
      readonly unlimited: boolean
      /** 0: it must not have a body. */
      readonly bodyBytes: number
      /** @param signal ends when the client is gone, the time is over, or the server closes. */
      handle(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> | HttpAnswer
    }

export interface HttpServerOptions {
  readonly address: string
  /** 0: any that is free. */
  readonly port: number
  /** Names by which the server is called (`Host`), besides those of loopback and the address that was connected to. */
  readonly hosts?: readonly string[]
  admit(head: HttpHead): Promise<Admission> | Admission
  /** An internal error: the client learns nothing of it. */
  fault(error: unknown, path: string): void
  /** A request for a name that is not the server's. @param host well-formed, at most 255 characters. */
  misdirected?(host: string, peer: string): void
  readonly limits?: Partial<HttpLimits>
}

export type HttpLimits = { readonly [Bound in keyof typeof httpBounds]: number }

/**
 * An HTTP/1.1 server with a limit for everything. Each route has allowances of its own, so that a flood of one costs
 * no other; where all connections are taken, the one that has been idle for longest gives way to a new one.
 *
 * @throws AdversaryError `usage` where the address cannot be listened on.
 */
export async function listen(
  options: HttpServerOptions
): Promise<{ readonly url: string; readonly port: number; close(): Promise<void> }> {
  const limits: HttpLimits = { ...httpBounds, ...options.limits }
  const closing = new AbortController()
  const slots = connectionSlots(limits.connections)
  const refusals = allowance(limits)
  const lanes = new Map<string, Lane>()
  const names = new Set(['localhost', '127.0.0.1', '[::1]', ...(options.hosts ?? [])].map(nameOf))

  const laneOf = (name: string): Lane => {
    const lane = lanes.get(name) ?? { allows: allowance(limits), receiving: new Set(), answering: 0 }
    lanes.set(name, lane)
    return lane
  }

  async function serve(exchange: Exchange): Promise<void> {
    const { request, refuse } = exchange
    const head = headOf(request, limits, names)
    if ('status' in head) {
      if (head.status === 421 && refusals()) options.misdirected?.(head.host, peerOf(request))
      return refuse(plain(head.status))
    }
    // A path that no route can have is refused in the same way as one that none has.
    const admitted: Admission =
      head.path === '' ? { kind: 'refused', answer: plain(404) } : await options.admit(head)
    if (admitted.kind === 'refused') return refuse(refusals() ? admitted.answer : plain(429))
    const lane = laneOf(admitted.lane)
    if (!admitted.unlimited && !lane.allows()) return refuse(plain(429, { 'retry-after': '5' }))
    const length = bodyLength(request)
    if (length > admitted.bodyBytes) return refuse(plain(413))
    let body: Uint8Array = new Uint8Array()
    if (length > 0) {
      slots.set(request.socket, 'receiving')
      const received = await receive(exchange, lane, admitted.bodyBytes, limits.bodies)
      if (!(received instanceof Uint8Array)) return refuse(received)
      body = received
    }
    if (lane.answering >= limits.answers) return refuse(plain(503, { 'retry-after': '5' }))
    lane.answering += 1
    slots.set(request.socket, 'answering')
    try {
      await respond(exchange, admitted, { ...head, body })
    } finally {
      lane.answering -= 1
    }
  }

  async function respond(
    { response, refuse, answer }: Exchange,
    { handle }: Extract<Admission, { kind: 'admitted' }>,
    asked: HttpRequest
  ): Promise<void> {
    const gone = new AbortController()
    response.once('close', () => gone.abort(new DOMException('the client disconnected', 'AbortError')))
    const signal = AbortSignal.any([gone.signal, closing.signal, AbortSignal.timeout(limits.answerMs)])
    try {
      answer(await handle(asked, signal))
    } catch (error) {
      if (!gone.signal.aborted) options.fault(error, asked.path)
      refuse(plain(500))
    }
  }

  const take = (request: IncomingMessage, response: ServerResponse) => {
    // A connection that breaks while its body comes in: there is no one left to answer.
    request.on('error', () => undefined)
    response.once('close', () => slots.set(request.socket, 'idle'))
    serve(exchangeOf(request, response, limits)).catch((error: unknown) => {
      if (!request.destroyed) options.fault(error, '')
      response.destroy()
    })
  }
  const server = createServer(
    {
      maxHeaderSize: limits.headBytes,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      connectionsCheckingInterval: Math.min(1_000, limits.headersMs),
      keepAliveTimeout: 5_000,
      insecureHTTPParser: false,
      requireHostHeader: true
    },
    take
  )
  // Whoever asks first whether to send a body learns that once it is wanted.
  server.on('checkContinue', take)
  server.on('connection', socket => slots.take(socket))
  // Node would drop the headers beyond a number silently, `Transfer-Encoding` among them: they are counted here.
  server.maxHeadersCount = 0
  server.maxRequestsPerSocket = limits.requestsPerConnection
  await started(server, options)
  const bound = server.address()
  const port = typeof bound === 'object' && bound !== null ? bound.port : options.port
  const host = isIPv6(options.address) ? `[${options.address}]` : options.address
  return {
    url: `http://${host}:${port}`,
    port,
    async close() {
      closing.abort(new DOMException('the server is shutting down', 'AbortError'))
      await new Promise<void>(done => {
        server.close(() => done())
        server.closeIdleConnections()
        // What is being answered ends by the signal; who still sends is not waited for.
        setTimeout(() => server.closeAllConnections(), 1_000).unref()
      })
    }
  }
}

function started(server: Server, { address, port }: HttpServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', error => {
      reject(
        new AdversaryError('usage', `cannot listen on ${address}, port ${port}: ${messageOf(error)}`, {
          hint: 'set another address or port in `serve.listen`, or with --listen',
          cause: error
        })
      )
    })
    server.listen({ host: address, port, exclusive: true }, () => resolve())
  })
}

/** What one route may cost. */
interface Lane {
  readonly allows: () => boolean
  /** Bodies that are being received, oldest first. */
  readonly receiving: Set<{ giveWay(): void }>
  answering: number
}

/** So many at once, and as many a second come back. */
function allowance({ perSecond, burst }: HttpLimits): () => boolean {
  let left: number = burst
  let last = tick()
  return () => {
    const now = tick()
    left = Math.min(burst, left + ((now - last) / 1000) * perSecond)
    last = now
    if (left < 1) return false
    left -= 1
    return true
  }
}

type SlotState = 'idle' | 'receiving' | 'answering'

/**
 * At most so many connections. A new one takes the place of the longest idle one of the peer that has most of them,
 * else of one whose body is still coming; what is being answered is never cut off.
 */
function connectionSlots(most: number): {
  take(socket: Socket): void
  set(socket: Socket, state: SlotState): void
} {
  // In order of their last change: the first has been as it is for longest.
  const slots = new Map<Socket, SlotState>()

  const oldest = (wanted: SlotState): Socket | null => {
    const peers = new Map<string, { readonly first: Socket; count: number }>()
    for (const [socket, state] of slots) {
      if (state !== wanted) continue
      const peer = socket.remoteAddress ?? ''
      const known = peers.get(peer) ?? { first: socket, count: 0 }
      known.count += 1
      peers.set(peer, known)
    }
    const [busiest] = [...peers.values()].sort((a, b) => b.count - a.count)
    return busiest?.first ?? null
  }

  return {
    take(socket) {
      if (slots.size >= most) {
        const victim = oldest('idle') ?? oldest('receiving') ?? socket
        slots.delete(victim)
        victim.destroy()
        if (victim === socket) return
      }
      slots.set(socket, 'idle')
      socket.once('close', () => slots.delete(socket))
    },
    set(socket, state) {
      if (!slots.delete(socket)) return
      slots.set(socket, state)
    }
  }
}

/** One request and how it is answered, at most once. */
interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  answer(answer: HttpAnswer): void
  /** Answers and ends the connection: what was not read of the body would be taken for the next request. */
  refuse(answer: HttpAnswer): void
}

function exchangeOf(request: IncomingMessage, response: ServerResponse, limits: HttpLimits): Exchange {
  const begin = ({ status, headers }: HttpAnswer, more: Readonly<Record<string, string>>): boolean => {
    if (response.headersSent || response.destroyed) return false
    response.writeHead(status, {
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...headers,
      ...more
    })
    const late = setTimeout(() => response.destroy(), limits.sendMs).unref()
    response.once('close', () => clearTimeout(late))
    return true
  }
  return {
    request,
    response,
    answer(answer) {
      if (begin(answer, {})) response.end(answer.body)
    },
    refuse(answer) {
      const body = Buffer.from(answer.body ?? '')
      if (!begin(answer, { connection: 'close', 'content-length': String(body.length) })) return
      if (request.complete) return void response.end(body)
      // Closed at once, the client may lose the answer to what it still sends: a little of that is discarded first.
      if (body.length > 0) response.write(body)
      else response.flushHeaders()
      const over = () => {
        if (!response.writableEnded) response.end()
      }
      let discarded = 0
      request.on('data', (chunk: Uint8Array) => {
        discarded += chunk.length
        if (discarded > limits.lingerBytes) over()
      })
      request.once('end', over)
      request.once('close', over)
      setTimeout(over, limits.lingerMs).unref()
    }
  }
}

function peerOf(request: IncomingMessage): string {
  return request.socket.remoteAddress ?? ''
}

/** The head, or how it is refused. */
function headOf(
  request: IncomingMessage,
  { headers: most }: HttpLimits,
  names: ReadonlySet<string>
): HttpHead | { readonly status: 400 | 431 | 501 } | { readonly status: 421; readonly host: string } {
  const headers = pairs(request.rawHeaders)
  if (headers.length > most) return { status: 431 }
  const values = (name: string) => headers.filter(([each]) => each === name).map(([, value]) => value)
  const coding = values('transfer-encoding')
  if (coding.length > 0 && request.httpVersion !== '1.1') return { status: 400 }
  if (coding.length > 1 || coding.some(value => value.toLowerCase() !== 'chunked')) return { status: 501 }
  const [host = '', second] = values('host')
  if (second !== undefined || !hostForm.test(host)) return { status: 400 }
  const target = request.url ?? ''
  // No absolute form: this is no proxy.
  if (!target.startsWith('/')) return { status: 400 }
  const name = nameOf(host)
  const local = request.socket.localAddress?.replace(/^::ffff:(?=[\d.]+$)/, '') ?? ''
  if (!names.has(name) && name !== (isIPv6(local) ? `[${local}]` : local)) return { status: 421, host: name }
  return {
    method: request.method ?? '',
    path: pathOf(target),
    headers,
    peer: peerOf(request)
  }
}

const hostForm = /^(?:\[[0-9a-f:.]{2,45}\]|[a-z0-9](?:[a-z0-9._-]{0,252}[a-z0-9])?\.?)(?::\d{1,5})?$/i

/** The name without port, last dot and capitals. */
function nameOf(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '')
}

/**
 * The path of a target if it is written in the one plain way; else nothing. A proxy that lets in what begins with
 * `/webhook` may read dots, backslashes, doubled slashes, parameters and encoded signs otherwise than we would.
 */
function pathOf(target: string): string {
  const [path = ''] = target.split('?', 1)
  const segments = path.split('/').slice(1)
  const isPlain = segments.every(
    (segment, index) =>
      /^[A-Za-z0-9._~-]*$/.test(segment) &&
      segment !== '.' &&
      segment !== '..' &&
      (segment !== '' || index === segments.length - 1)
  )
  return isPlain ? path : ''
}

function pairs(raw: readonly string[]): readonly (readonly [string, string])[] {
  const found: (readonly [string, string])[] = []
  for (let at = 0; at + 1 < raw.length; at += 2)
    found.push([(raw[at] ?? '').toLowerCase(), raw[at + 1] ?? ''])
  return found
}

/** In bytes as it is announced; where it comes in chunks, 1. */
function bodyLength({ headers }: IncomingMessage): number {
  return headers['transfer-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : 1
}

/** The body, or how it is refused. Where too many come at once, the one that has been coming for longest gives way. */
async function receive(
  { request, response }: Exchange,
  { receiving }: Lane,
  capBytes: number,
  atOnce: number
): Promise<Uint8Array | HttpAnswer> {
  const [oldest] = receiving
  if (receiving.size >= atOnce) oldest?.giveWay()
  return new Promise(done => {
    const chunks: Uint8Array[] = []
    let length = 0
    const over = (outcome: Uint8Array | HttpAnswer) => {
      receiving.delete(mine)
      request.off('data', more)
      done(outcome)
    }
    const mine = { giveWay: () => over(plain(408)) }
    const more = (chunk: Uint8Array) => {
      length += chunk.length
      chunks.push(chunk)
      if (length > capBytes) over(plain(413))
    }
    receiving.add(mine)
    request.on('data', more)
    request.once('end', () => over(Buffer.concat(chunks)))
    request.once('close', () => over(plain(400)))
    if (request.destroyed) over(plain(400))
    if (request.headers.expect !== undefined) response.writeContinue()
  })
}

function plain(status: number, headers: Readonly<Record<string, string>> = {}): HttpAnswer {
  return { status, headers }
}
