import { httpBounds } from '../../src/lib/bounds.ts'
import { Agent, get } from 'node:http'
import { connect, type Socket } from 'node:net'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import {
  type Admission,
  type HttpAnswer,
  type HttpHead,
  type HttpLimits,
  type HttpRequest,
  listen
} from '../../src/server/http-server.ts'
import { router } from '../../src/server/router.ts'
import { generous } from '../support/pace.ts'

/** What a server does to who sends too much, too slowly, too often or never ends: nothing for anybody else. */

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

const seen: HttpRequest[] = []
const faults: string[] = []
const misdirected: string[] = []
async function serve(
  limits: Partial<HttpLimits> = {},
  handle: (request: HttpRequest, signal: AbortSignal) => Promise<HttpAnswer> = async request => {
    seen.push(request)
    return { status: 200, body: `${request.method} ${request.path} ${request.body.length}` }
  }
) {
  return serveBy(one(handle, limits.bodyBytes), limits)
}

function one(handle: Handle, bodyBytes = 2 * 1024 * 1024): (head: HttpHead) => Admission {
  return () => ({ kind: 'admitted', lane: 'one', unlimited: false, bodyBytes, handle })
}

type Handle = (request: HttpRequest, signal: AbortSignal) => Promise<HttpAnswer>

async function serveBy(
  admit: (head: HttpHead) => Promise<Admission> | Admission,
  limits: Partial<HttpLimits> = {},
  hosts: readonly string[] = ['x']
) {
  seen.length = 0
  faults.length = 0
  misdirected.length = 0
  const server = await listen({
    address: '127.0.0.1',
    port: 0,
    hosts,
    admit,
    fault: error => faults.push(String(error)),
    misdirected: host => misdirected.push(host),
    limits
  })
  open.push(server)
  return server
}

/** Writes bytes and answers all that comes back until the server ends the connection, or after a while. */
function raw(
  port: number,
  bytes: string,
  afterMs = generous(8_000)
): Promise<{ readonly text: string; readonly ended: boolean }> {
  return new Promise(done => {
    let text = ''
    const socket: Socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    const finish = (ended: boolean) => {
      clearTimeout(timer)
      socket.destroy()
      done({ text, ended })
    }
    const timer = setTimeout(() => finish(false), afterMs)
    socket.on('data', chunk => {
      text += chunk.toString()
    })
    socket.on('error', () => undefined)
    socket.on('close', () => finish(true))
  })
}

it('hands over the request whole, headers as they came, doubles kept', async () => {
  const { url, port } = await serve()
  const answer = await fetch(`${url}/a?b=1`, { method: 'POST', body: 'hello' })
  expect(await answer.text()).toBe('POST /a 5')
  expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
  expect(answer.headers.get('cache-control')).toBe('no-store')
  await raw(port, 'GET / HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nx-a: 2\r\nConnection: close\r\n\r\n')
  expect(seen[1]?.headers.filter(([name]) => name === 'x-a')).toEqual([
    ['x-a', '1'],
    ['x-a', '2']
  ])
})

describe('refuses', () => {
  it('a body that is longer than it says it takes: told at once, or noticed while it comes', async () => {
    const { url, port } = await serve({ bodyBytes: 1000 })
    expect((await fetch(url, { method: 'POST', body: 'x'.repeat(1000) })).status).toBe(200)
    const told = await raw(port, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n')
    expect(told.text).toMatch(/^HTTP\/1\.1 413 /)
    expect(told.ended).toBe(true)
    const chunk = `${(600).toString(16)}\r\n${'x'.repeat(600)}\r\n`
    const chunked = await raw(
      port,
      `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}${chunk}`
    )
    expect(chunked.text).toMatch(/^HTTP\/1\.1 413 /)
    expect(chunked.ended).toBe(true)
    expect(seen).toHaveLength(1)
  })

  it('who sends headers or a body a byte now and then', async () => {
    const { port } = await serve({ headersMs: 300, requestMs: 600 })
    const headers = await raw(port, 'GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ')
    expect(headers.ended).toBe(true)
    const body = await raw(port, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc')
    expect(body.ended).toBe(true)
    expect(seen).toEqual([])
  })

  it('headers beyond measure, what is not HTTP, a request without a host, and being a proxy', async () => {
    const { port } = await serve()
    const long = await raw(port, `GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`)
    expect(long.text).toMatch(/^HTTP\/1\.1 431 /)
    expect((await raw(port, 'hello there\r\n\r\n')).text).toMatch(/^HTTP\/1\.1 400 /)
    expect((await raw(port, 'GET / HTTP/1.1\r\n\r\n')).text).toMatch(/^HTTP\/1\.1 400 /)
    expect(
      (await raw(port, 'GET http://elsewhere.example.test/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'))
        .text
    ).toMatch(/^HTTP\/1\.1 400 /)
    expect(
      (
        await raw(
          port,
          'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
        )
      ).text
    ).toMatch(/^HTTP\/1\.1 400 /)
    expect(seen).toEqual([])
  })

  it('more requests than are allowed, and takes them again later', async () => {
    const { url } = await serve({ burst: 3, perSecond: 2 })
    const codes: number[] = []
    for (let n = 0; n < 5; n += 1) codes.push((await fetch(url)).status)
    expect(codes.slice(0, 3)).toEqual([200, 200, 200])
    expect(codes).toContain(429)
    await new Promise(done => setTimeout(done, 1_100))
    expect((await fetch(url)).status).toBe(200)
  })

  it('more answers at once than are allowed', async () => {
    let release = () => {}
    const held = new Promise<void>(done => {
      release = done
    })
    const { url } = await serve({ answers: 1 }, async () => {
      await held
      return { status: 200 }
    })
    const first = fetch(url, { method: 'POST', body: 'a' })
    await new Promise(done => setTimeout(done, 200))
    expect((await fetch(url, { method: 'POST', body: 'b' })).status).toBe(503)
    release()
    expect((await first).status).toBe(200)
  })

  it('the thirty-third answer at once, and answers thirty-two', async () => {
    let release = () => {}
    const held = new Promise<void>(done => {
      release = done
    })
    let begun = 0
    let full = () => {}
    const allBegun = new Promise<void>(done => {
      full = done
    })
    const { url } = await serve({ bodies: 64 }, async () => {
      begun += 1
      if (begun === 32) full()
      await held
      return { status: 200 }
    })
    expect(httpBounds.answers).toBe(32)
    const answers = Array.from({ length: 32 }, () => fetch(url, { method: 'POST', body: 'a' }))
    await allBegun
    expect((await fetch(url, { method: 'POST', body: 'b' })).status).toBe(503)
    release()
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(Array(32).fill(200))
  })

  it('the hundred-and-first request of one connection, and takes a hundred', async () => {
    const { url } = await serve({ perSecond: 10_000, burst: 10_000 })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const ask = () =>
      new Promise<readonly [status: number | undefined, port: number | undefined]>((done, failed) => {
        const request = get(url, { agent }, response => {
          const { localPort } = response.socket
          response.resume().once('end', () => done([response.statusCode, localPort]))
        })
        request.once('error', failed)
      })
    const answers: (readonly [status: number | undefined, port: number | undefined])[] = []
    for (let asked = 0; asked < 101; asked += 1) answers.push(await ask())
    agent.destroy()
    expect(httpBounds.requestsPerConnection).toBe(100)
    expect(answers.every(([status]) => status === 200)).toBe(true)
    const ports = answers.map(([, port]) => port)
    expect(new Set(ports.slice(0, 100)).size).toBe(1)
    expect(ports[100]).not.toBe(ports[0])
  })

  it('the body that has been coming for longest, where too many come at once', async () => {
    const { url, port } = await serve({ bodies: 2, requestMs: 60_000 })
    const slow = Array.from({ length: 3 }, (_, n) =>
      raw(port, `POST /slow-${n} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc`, 60_000)
    )
    const [first] = await Promise.all([Promise.any(slow), fetch(url, { method: 'POST', body: 'whole' })])
    expect(first.text).toMatch(/^HTTP\/1\.1 408 /)
    expect((await fetch(url, { method: 'POST', body: 'whole' })).status).toBe(200)
    expect(seen.map(({ path }) => path)).toEqual(['/', '/'])
  })
})

describe('the head', () => {
  const ask = (port: number, head: string) =>
    raw(port, `${head}\r\nConnection: close\r\n\r\n`).then(({ text }) =>
      Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1])
    )

  it('at the bound of headers and one past it: none of them is dropped unseen', async () => {
    const { port } = await serve()
    const fillers = (count: number) => Array.from({ length: count }, (_, n) => `X-${n}: ${n}`).join('\r\n')
    expect(await ask(port, `GET / HTTP/1.1\r\nHost: x\r\n${fillers(62)}`)).toBe(200)
    expect(await ask(port, `GET / HTTP/1.1\r\nHost: x\r\n${fillers(63)}`)).toBe(431)
    const hidden = await raw(
      port,
      `POST / HTTP/1.1\r\nHost: x\r\n${fillers(70)}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`
    )
    expect([hidden.text.slice(0, 12), hidden.ended]).toEqual(['HTTP/1.1 431', true])
    expect(seen).toHaveLength(1)
  })

  it.each([
    ['two names of the server', 'Host: x\r\nHost: x', 400],
    ['two names, one of them empty', 'Host: x\r\nHost:', 400],
    ['no name in it', 'Host:', 400],
    ['a name with a user', 'Host: me@x', 400],
    ['a name with a path', 'Host: x/y', 400],
    ['a name with a port that is none', 'Host: x:y', 400],
    ['a list of names', 'Host: x, localhost', 400],
    ['a foreign name', 'Host: evil.example.test', 421],
    ['a foreign address', 'Host: 203.0.113.7:8750', 421],
    ['a name that begins like ours', 'Host: localhost.evil.example.test', 421],
    ['a foreign name that another header calls ours', 'Host: evil.example.test\r\nX-Forwarded-Host: x', 421],
    ['a coding that is not ours', 'Host: x\r\nTransfer-Encoding: gzip, chunked', 501],
    ['its own name', 'Host: X', 200],
    ['its own name, whole, with a port', 'Host: x.:8750', 200],
    ['loopback', 'Host: localhost:1', 200],
    ['the address that was connected to', 'Host: 127.0.0.1', 200]
  ])('with %s', async (_, headers, status) => {
    const { port } = await serve()
    expect(await ask(port, `GET / HTTP/1.1\r\n${headers}`)).toBe(status)
    expect(seen).toHaveLength(status === 200 ? 1 : 0)
    expect(misdirected).toHaveLength(status === 421 ? 1 : 0)
  })

  it('of HTTP/1.0 needs a name as well, and has no chunks', async () => {
    const { port } = await serve()
    expect(await ask(port, 'GET / HTTP/1.0')).toBe(400)
    expect(await ask(port, 'GET / HTTP/1.0\r\nHost: x')).toBe(200)
    expect(await ask(port, 'POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked')).toBe(400)
  })

  it.each([
    '/webhook/../metrics',
    '/webhook/..',
    '/webhook/.',
    '/./webhook',
    '/webhook/%2e%2e/metrics',
    '/webhook/%2E./metrics',
    '/webhook/%252e%252e/metrics',
    '/webhook\\..\\metrics',
    '/webhook/..\\',
    '/webhook%5c..%5cmetrics',
    '/webhook%2f..%2fmetrics',
    '//webhook',
    '/webhook//../metrics',
    '/webhook/;/../metrics',
    '/webhook;x=1',
    '/webhook/..;/metrics',
    '/webhook%00',
    '/webhook%20',
    '/%77ebhook',
    '/webhook#/metrics',
    '/webhook:8750/metrics',
    '/webhook@metrics'
  ])('with the target %s is 404: no route has it', async target => {
    const { port } = await serve()
    expect(await ask(port, `GET ${target} HTTP/1.1\r\nHost: x`)).toBe(404)
    expect(seen).toEqual([])
  })

  it.each(['http://x/webhook', 'https://x/', '*', 'x:80', '', '\\webhook', 'webhook'])(
    'with the target "%s" is refused: it is not a path',
    async target => {
      const { port } = await serve()
      expect(await ask(port, `OPTIONS ${target} HTTP/1.1\r\nHost: x`)).toBe(400)
      expect(seen).toEqual([])
    }
  )

  it('of CONNECT ends the connection, and one of an upgrade is a request like any other', async () => {
    const { port } = await serve()
    expect(await raw(port, 'CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n')).toMatchObject({
      text: '',
      ended: true
    })
    expect(await ask(port, 'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket')).toBe(200)
  })

  it('any path is either the one that was sent or 404', async () => {
    const { port } = await serve()
    const part = fc.constantFrom(
      'webhook',
      'metrics',
      '..',
      '.',
      '%2e',
      '%2f',
      '\\',
      ';',
      '/',
      '//',
      'a',
      '%',
      '~',
      '-'
    )
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 8 }), async parts => {
        seen.length = 0
        const target = `/${parts.join('')}`
        const status = await ask(port, `GET ${target} HTTP/1.1\r\nHost: x`)
        if (status !== 200) {
          expect([status, seen]).toEqual([404, []])
          return
        }
        // Whoever resolves it finds the same: a client, a proxy, a router.
        expect(new URL(target, 'http://x').pathname).toBe(target)
        expect(decodeURIComponent(target)).toBe(target)
        expect(seen.map(({ path }) => path)).toEqual([target])
      }),
      { numRuns: 150 }
    )
  })
})

describe('a flood', () => {
  const lanes = (head: HttpHead): Admission => {
    if (head.path === '/free' || head.path === '/drone') {
      const unlimited = head.path === '/free'
      const handle = async () => ({ status: 204 })
      return { kind: 'admitted', lane: head.path, unlimited, bodyBytes: unlimited ? 0 : 1000, handle }
    }
    return { kind: 'refused', answer: { status: 404 } }
  }

  it('of what no route has reads no body, and leaves the routes their own allowance', async () => {
    // Nothing comes back while this goes on, however slow the machine is.
    const { port, url } = await serveBy(lanes, { burst: 5, perSecond: 0.001 })
    const body = 'x'.repeat(100)
    const codes: number[] = []
    for (let n = 0; n < 10; n += 1)
      codes.push((await fetch(`${url}/nowhere`, { method: 'POST', body })).status)
    expect(codes).toEqual([404, 404, 404, 404, 404, 429, 429, 429, 429, 429])
    expect((await fetch(`${url}/drone`, { method: 'POST', body })).status).toBe(204)
    const never = await raw(port, 'POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n')
    expect([never.text.slice(0, 12), never.ended]).toEqual(['HTTP/1.1 429', true])
    for (let n = 0; n < 20; n += 1) expect((await fetch(`${url}/free`)).status).toBe(204)
  })

  it('of a body where none belongs is refused before it comes', async () => {
    const { port } = await serveBy(lanes)
    for (const body of ['Content-Length: 5', 'Transfer-Encoding: chunked']) {
      const answer = await raw(port, `GET /free HTTP/1.1\r\nHost: x\r\n${body}\r\n\r\n`)
      expect([answer.text.slice(0, 12), answer.ended]).toEqual(['HTTP/1.1 413', true])
    }
  })

  it('of connections that say nothing gives way to one that asks', async () => {
    const { port, url } = await serveBy(lanes, { connections: 20, headersMs: 60_000, requestMs: 60_000 })
    const idle = Array.from({ length: 60 }, () => raw(port, 'GET /free HTTP/1.1\r\n', 60_000))
    await Promise.any(idle)
    for (let n = 0; n < 5; n += 1) expect((await fetch(`${url}/free`)).status).toBe(204)
    const slow = Array.from({ length: 60 }, () =>
      raw(port, 'POST /drone HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx', 60_000)
    )
    await Promise.any(slow)
    expect((await fetch(`${url}/drone`, { method: 'POST', body: 'whole' })).status).toBe(204)
  })

  it('who does not take the answer loses the connection', async () => {
    const big = new Uint8Array(32 * 1024 * 1024)
    const { port } = await serve({ sendMs: 200 }, async () => ({ status: 200, body: big }))
    const ended = new Promise<number>(done => {
      const socket = connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'))
      socket.pause()
      socket.on('error', () => undefined)
      // Nothing of it is read until the server has given up; then its end is found behind what had come.
      setTimeout(() => socket.resume(), 1_000)
      let length = 0
      socket.on('data', chunk => {
        length += chunk.length
      })
      socket.on('close', () => done(length))
    })
    expect(await ended).toBeLessThan(big.length)
  })

  it('a body that is asked for first is asked for only where it is wanted', async () => {
    const { port } = await serveBy(lanes)
    const ask = (path: string) =>
      raw(
        port,
        `POST ${path} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n\r\n`,
        500
      )
    expect((await ask('/drone')).text).toMatch(/^HTTP\/1\.1 100 /)
    expect((await ask('/nowhere')).text).toMatch(/^HTTP\/1\.1 404 /)
  })
})

it('says nothing of a fault to who asked', async () => {
  const { url } = await serve({}, async () => {
    throw new Error('the secret is s3cret')
  })
  const answer = await fetch(url)
  expect([answer.status, await answer.text()]).toEqual([500, ''])
  expect(faults).toEqual(['Error: the secret is s3cret'])
})

it('ends an answer that takes too long, and those under way when it closes', async () => {
  const waiting = (_: HttpRequest, signal: AbortSignal) =>
    new Promise<HttpAnswer>((_done, fail) => signal.addEventListener('abort', () => fail(signal.reason)))
  const { url } = await serve({ answerMs: 200 }, waiting)
  expect((await fetch(url)).status).toBe(500)
  const other = await serve({}, waiting)
  const asked = fetch(other.url).then(
    ({ status }) => status,
    () => 0
  )
  await new Promise(done => setTimeout(done, 200))
  await other.close()
  expect([0, 500]).toContain(await asked)
})

it('says where it cannot listen', async () => {
  const { port } = await serve()
  const twice = listen({
    address: '127.0.0.1',
    port,
    admit: one(async () => ({ status: 200 })),
    fault: () => undefined
  })
  await expect(twice).rejects.toThrow(/cannot listen on 127\.0\.0\.1, port \d+: .*EADDRINUSE/)
})

it('routes by path and method', async () => {
  const { url } = await serveBy(
    router([
      { method: 'GET', path: '/', name: 'top', handle: () => ({ status: 200, body: 'top' }) },
      { method: 'GET', path: '/board/', name: 'board', handle: ({ path }) => ({ status: 200, body: path }) },
      { method: 'POST', path: '/hook', name: 'hook', handle: () => ({ status: 202 }) }
    ])
  )
  const ask = async (path: string, method = 'GET') => {
    const answer = await fetch(url + path, { method })
    return [answer.status, await answer.text()]
  }
  expect(await ask('/')).toEqual([200, 'top'])
  expect(await ask('/', 'HEAD')).toEqual([200, ''])
  expect(await ask('/board/a/../b')).toEqual([200, '/board/b'])
  expect(await ask('/board')).toEqual([404, ''])
  expect(await ask('/hook', 'POST')).toEqual([202, ''])
  expect(await ask('/hook')).toEqual([405, ''])
  expect(await ask('/nowhere')).toEqual([404, ''])
})
