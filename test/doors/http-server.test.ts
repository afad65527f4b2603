import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { type HttpAnswer, type HttpLimits, type HttpRequest, listen } from '../../src/doors/http-server.ts'
import { router } from '../../src/serve/routes.ts'

/** What a server does to who sends too much, too slowly, too often or never ends: nothing for anybody else. */

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

const seen: HttpRequest[] = []
const faults: string[] = []
async function serve(
  limits: Partial<HttpLimits> = {},
  handle: (request: HttpRequest, signal: AbortSignal) => Promise<HttpAnswer> = async request => {
    seen.push(request)
    return { status: 200, body: `${request.method} ${request.path} ${request.body.length}` }
  }
) {
  seen.length = 0
  faults.length = 0
  const fault = (error: unknown) => faults.push(String(error))
  const server = await listen({ address: '127.0.0.1', port: 0, handle, fault, limits })
  open.push(server)
  return server
}

/** Writes bytes and answers all that comes back until the server ends the connection, or after a while. */
function raw(
  port: number,
  bytes: string,
  afterMs = 8_000
): Promise<{ readonly text: string; readonly ended: boolean; readonly ms: number }> {
  const started = performance.now()
  return new Promise(done => {
    let text = ''
    const socket: Socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    const finish = (ended: boolean) => {
      clearTimeout(timer)
      socket.destroy()
      done({ text, ended, ms: performance.now() - started })
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

  it('more bodies at once than are allowed', async () => {
    let release = () => {}
    const held = new Promise<void>(done => {
      release = done
    })
    const { url } = await serve({ bodies: 1 }, async () => {
      await held
      return { status: 200 }
    })
    const first = fetch(url, { method: 'POST', body: 'a' })
    await new Promise(done => setTimeout(done, 200))
    expect((await fetch(url, { method: 'POST', body: 'b' })).status).toBe(503)
    release()
    expect((await first).status).toBe(200)
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
    handle: async () => ({ status: 200 }),
    fault: () => undefined
  })
  await expect(twice).rejects.toThrow(/cannot listen on 127\.0\.0\.1, port \d+: .*EADDRINUSE/)
})

it('routes by path and method', async () => {
  const { url } = await serve(
    {},
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
