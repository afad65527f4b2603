import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { isIPv6 } from 'node:net'
import { AdversaryError, messageOf } from '../base/errors.ts'
import { tick } from './clock.ts'

/** One request, whole. Nothing of it is believed yet. */
export interface HttpRequest {
  readonly method: string
  /** Without the query. */
  readonly path: string
  readonly query: URLSearchParams
  /** As they were sent, names in small letters, doubles kept. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Uint8Array
  readonly peer: string
}

export interface HttpAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

export interface HttpServerOptions {
  readonly address: string
  /** 0: any that is free. */
  readonly port: number
  /** @param signal ends when the asker is gone, the time is over, or the server closes. */
  handle(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer>
  /** A fault while answering: the asker is told nothing of it. */
  fault(error: unknown, path: string): void
  readonly limits?: Partial<HttpLimits>
}

export interface HttpLimits {
  readonly bodyBytes: number
  /** For the headers, and for the whole request, in milliseconds. */
  readonly headersMs: number
  readonly requestMs: number
  /** For the answer. */
  readonly answerMs: number
  readonly connections: number
  /** Requests with a body that are read or answered at once. */
  readonly bodies: number
  /** Requests a second over all askers, and how many may come at once. */
  readonly perSecond: number
  readonly burst: number
}

/** Push events are some kilobytes; nobody has much to say to a reviewer. */
const defaults: HttpLimits = {
  bodyBytes: 2 * 1024 * 1024,
  headersMs: 5_000,
  requestMs: 10_000,
  answerMs: 60_000,
  connections: 200,
  bodies: 16,
  perSecond: 50,
  burst: 200
}

/**
 * An HTTP/1.1 server with a limit for everything: who sends slowly, much, often or never ends costs that
 * connection and nothing else.
 *
 * @throws AdversaryError `usage` where the address cannot be listened on.
 */
export async function listen(
  options: HttpServerOptions
): Promise<{ readonly url: string; readonly port: number; close(): Promise<void> }> {
  const limits = { ...defaults, ...options.limits }
  const closing = new AbortController()
  const bucket = allowance(limits)
  let bodies = 0

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!bucket()) return end(response, plain(429), true)
    const path = pathOf(request)
    if (path === null) return end(response, plain(400), true)
    const hasBody =
      (request.headers['content-length'] ?? '0') !== '0' || 'transfer-encoding' in request.headers
    if (!hasBody) return respond(request, response, path, new Uint8Array())
    if (bodies >= limits.bodies) return end(response, plain(503, { 'retry-after': '5' }), true)
    if (Number(request.headers['content-length'] ?? 0) > limits.bodyBytes)
      return end(response, plain(413), true)
    bodies += 1
    try {
      const body = await read(request, limits.bodyBytes)
      if (body === null) return end(response, plain(413), true)
      await respond(request, response, path, body)
    } finally {
      bodies -= 1
    }
  }

  async function respond(
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    body: Uint8Array
  ): Promise<void> {
    const gone = new AbortController()
    response.once('close', () => gone.abort(new DOMException('the asker is gone', 'AbortError')))
    const signal = AbortSignal.any([gone.signal, closing.signal, AbortSignal.timeout(limits.answerMs)])
    const asked: HttpRequest = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      headers: pairs(request.rawHeaders),
      body,
      peer: request.socket.remoteAddress ?? ''
    }
    try {
      end(response, await options.handle(asked, signal), false)
    } catch (error) {
      if (!gone.signal.aborted) options.fault(error, url.pathname)
      end(response, plain(500), true)
    }
  }

  const server = createServer(
    {
      maxHeaderSize: 16 * 1024,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      connectionsCheckingInterval: Math.min(1_000, limits.headersMs),
      keepAliveTimeout: 5_000,
      insecureHTTPParser: false,
      requireHostHeader: true
    },
    (request, response) => {
      // A connection that breaks while its body comes in: nobody is there to be told.
      request.on('error', () => undefined)
      answer(request, response).catch((error: unknown) => {
        if (!request.destroyed) options.fault(error, '')
        response.destroy()
      })
    }
  )
  server.maxConnections = limits.connections
  server.maxHeadersCount = 64
  server.maxRequestsPerSocket = 100
  await started(server, options)
  const bound = server.address()
  const port = typeof bound === 'object' && bound !== null ? bound.port : options.port
  const host = isIPv6(options.address) ? `[${options.address}]` : options.address
  return {
    url: `http://${host}:${port}`,
    port,
    async close() {
      closing.abort(new DOMException('the server closes', 'AbortError'))
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
          hint: 'another address or port in `serve.listen`, or --listen',
          cause: error
        })
      )
    })
    server.listen({ host: address, port, exclusive: true }, () => resolve())
  })
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

function pathOf(request: IncomingMessage): URL | null {
  const target = request.url ?? ''
  // No absolute form: this is no proxy.
  if (!target.startsWith('/') || !URL.canParse(target.replace(/^\/+/, '/'), 'http://localhost')) return null
  return new URL(target.replace(/^\/+/, '/'), 'http://localhost')
}

function pairs(raw: readonly string[]): readonly (readonly [string, string])[] {
  const found: (readonly [string, string])[] = []
  for (let at = 0; at + 1 < raw.length; at += 2)
    found.push([(raw[at] ?? '').toLowerCase(), raw[at + 1] ?? ''])
  return found
}

/** Null: it is longer. */
async function read(request: IncomingMessage, capBytes: number): Promise<Uint8Array | null> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of request) {
    if (!(chunk instanceof Uint8Array)) throw new TypeError('a body of bytes')
    length += chunk.length
    if (length > capBytes) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function plain(status: number, headers: Readonly<Record<string, string>> = {}): HttpAnswer {
  return { status, headers }
}

function end(response: ServerResponse, { status, headers, body }: HttpAnswer, close: boolean): void {
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, {
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
    ...(close ? { connection: 'close' } : {})
  })
  response.end(body)
  // What was not read would otherwise be taken for the next request, or be waited for.
  if (close) response.once('finish', () => response.socket?.destroySoon())
}
