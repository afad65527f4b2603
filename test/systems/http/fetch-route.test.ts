import { createServer as createHttp, type RequestListener } from 'node:http'
import { createSecureServer } from 'node:http2'
import { createServer as createHttps } from 'node:https'
import { createServer as createTcp, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { fetchRoute } from '../../../src/systems/http/fetch-route.ts'
import type { RouteRequest } from '../../../src/facts/fact.ts'
import { certificate } from '../../support/certificates.ts'
import { listening } from '../../support/servers.ts'
import { generous } from '../../support/pace.ts'

const authority = certificate({ name: 'test CA', authority: true })
const ci = certificate({ name: 'ci', names: ['ci.example.test', '127.0.0.1'], issuer: authority })
const never = new AbortController().signal
function ask(url: string, more: Partial<RouteRequest> = {}) {
  const request = { method: 'GET', deadlineMs: generous(5_000), capBytes: 1_000, url, ...more } as const
  return fetchRoute(request, never)
}

const pinned = { address: '127.0.0.1', ca: authority.cert } as const

describe('what a server answers', () => {
  it('over HTTP/1.1, redirects not followed and Location as it was sent', async () => {
    const asked: string[] = []
    const port = await listening(
      createHttp((request, response) => {
        asked.push(`${request.method} ${request.url} ${request.headers.host}`)
        response.writeHead(303, { location: '/login?next=<b>' }).end('see other')
      })
    )
    expect(await ask(`http://ci.example.test:${port}/x`, { address: '127.0.0.1' })).toEqual({
      kind: 'answered',
      status: 303,
      version: '1.1',
      location: '/login?next=<b>',
      body: 'see other',
      bodyCut: false,
      certificate: null,
      address: '127.0.0.1'
    })
    expect(asked).toEqual([`GET /x ci.example.test:${port}`])
  })

  it('over HTTP/2, at a pinned address, under the name of the URL', async () => {
    let sni: string | false | null | undefined
    const server = createSecureServer({ ...ci, allowHTTP1: true }, (request, response) => {
      response.end(`hello ${request.authority}`)
    })
    server.on('secureConnection', socket => {
      sni = socket.servername
    })
    const port = await listening(server)
    expect(await ask(`https://ci.example.test:${port}/`, pinned)).toMatchObject({
      kind: 'answered',
      status: 200,
      version: '2',
      body: `hello ci.example.test:${port}`,
      certificate: {
        subject: 'ci',
        issuer: 'test CA',
        validTo: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        secondsLeft: expect.closeTo(86_400, -2),
        names: ['DNS:ci.example.test', 'IP Address:127.0.0.1']
      }
    })
    expect(sni).toBe('ci.example.test')
  })

  it('over HTTPS without HTTP/2', async () => {
    const port = await listening(createHttps(ci, (_, response) => response.end('ok')))
    expect(await ask(`https://ci.example.test:${port}/`, pinned)).toMatchObject({
      version: '1.1',
      status: 200
    })
    expect(await ask(`https://127.0.0.1:${port}/`, { ca: authority.cert })).toMatchObject({ status: 200 })
  })

  it.each<[name: string, listener: RequestListener, body: string, cut: boolean]>([
    ['at the cap', (_, response) => response.end('x'.repeat(1_000)), 'x'.repeat(1_000), false],
    ['over the cap', (_, response) => response.end('x'.repeat(1_001)), 'x'.repeat(1_000), true],
    ['that is not UTF-8', (_, response) => response.end(Buffer.from([0x61, 0xff, 0x62])), 'a\ufffdb', false],
    [
      'that is packed though nobody asked',
      (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('ok')),
      '',
      true
    ]
  ])('a body %s', async (_, listener, body, cut) => {
    const port = await listening(createHttp(listener))
    expect(await ask(`http://127.0.0.1:${port}/`)).toMatchObject({ status: 200, body, bodyCut: cut })
  })

  it.each<[name: string, type: string | undefined, body: Buffer, text: string, cut: boolean]>([
    ['Latin-1', 'text/html; charset=ISO-8859-1', Buffer.from('Grüße', 'latin1'), 'Grüße', false],
    ['a quoted name', 'text/html; a=b; Charset="iso-8859-1"; c=d', Buffer.from('ü', 'latin1'), 'ü', false],
    ['Windows-1252', 'text/plain;charset=windows-1252', Buffer.from([0x80]), '€', false],
    ['UTF-16', 'text/plain; charset=utf-16le', Buffer.from('ok ü', 'utf16le'), 'ok ü', false],
    ['Shift_JIS', 'text/plain; charset=shift_jis', Buffer.from([0x83, 0x65]), 'テ', false],
    ['a byte order mark before the header', 'text/plain; charset=latin1', Buffer.from('\ufeffü'), 'ü', false],
    ['UTF-16 by its mark', undefined, Buffer.from('\ufeffü', 'utf16le'), 'ü', false],
    [
      'a page that names it',
      'text/html',
      Buffer.from('<meta charset="latin1">ü', 'latin1'),
      '<meta charset="latin1">ü',
      false
    ],
    [
      'XML that names it',
      'text/xml',
      Buffer.from("<?xml version='1.0' encoding='ISO-8859-1'?>ü", 'latin1'),
      "<?xml version='1.0' encoding='ISO-8859-1'?>ü",
      false
    ],
    [
      'the header before the page',
      'text/html; charset=utf-8',
      Buffer.from('<meta charset=latin1>ü'),
      '<meta charset=latin1>ü',
      false
    ],
    ['none', 'text/html', Buffer.from('ü'), 'ü', false],
    ['one that is unknown', 'text/html; charset=klingon', Buffer.from('ok'), '', true]
  ])('a body in the charset that the answer names: %s', async (_, type, body, text, cut) => {
    const port = await listening(
      createHttp((_, response) =>
        response.writeHead(200, type === undefined ? {} : { 'content-type': type }).end(body)
      )
    )
    expect(await ask(`http://127.0.0.1:${port}/`)).toMatchObject({ body: text, bodyCut: cut })
  })

  it('a status although the body never ends', async () => {
    const port = await listening(createHttp((_, response) => response.writeHead(200).write('tick')))
    expect(await ask(`http://127.0.0.1:${port}/`, { deadlineMs: 300 })).toMatchObject({
      status: 200,
      body: 'tick',
      bodyCut: true
    })
    expect(await ask(`http://127.0.0.1:${port}/`, { capBytes: 0 })).toMatchObject({ status: 200, body: '' })
  })

  it('a proxy of the environment changes nothing', async () => {
    const port = await listening(createHttp((_, response) => response.end('ok')))
    process.env['http_proxy'] = 'http://127.0.0.1:1'
    try {
      expect(await ask(`http://127.0.0.1:${port}/`)).toMatchObject({ status: 200 })
    } finally {
      delete process.env['http_proxy']
    }
  })
})

describe('answers that are no HTTP', () => {
  it('refused', async () => {
    expect(await ask('http://ci.example.test:1/', { address: '127.0.0.1' })).toMatchObject({
      kind: 'refused',
      address: '127.0.0.1',
      detail: expect.stringContaining('ECONNREFUSED')
    })
  })

  it.each<[name: string, serve: (socket: Socket) => void, kind: string]>([
    ['reset before an answer', socket => socket.resetAndDestroy(), 'reset'],
    ['closed before an answer', socket => socket.once('data', () => socket.end()), 'reset'],
    [
      'reset within the body',
      socket =>
        socket.once('data', () => {
          socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf', () => socket.resetAndDestroy())
        }),
      'reset'
    ],
    ['another protocol', socket => socket.end('SSH-2.0-OpenSSH_9.2\r\n'), 'not-http']
  ])('%s', async (_, serve, kind) => {
    const port = await listening(createTcp(serve))
    expect(await ask(`http://127.0.0.1:${port}/`)).toMatchObject({ kind })
  })

  const stranger = certificate({ name: 'stranger', authority: true })
  const names = ['ci.example.test']
  const past = { from: new Date(Date.UTC(2020)), until: new Date(Date.UTC(2021)) }
  it.each<[name: string, served: ReturnType<typeof certificate>, detail: RegExp]>([
    ['a strange CA', certificate({ name: 'ci', names, issuer: stranger }), /CA is not trusted/],
    ['its own CA', certificate({ name: 'TRAEFIK DEFAULT CERT', names }), /self-signed/],
    ['another name', certificate({ name: 'ci', names: ['x.example.test'], issuer: authority }), /altnames/],
    ['an old certificate', certificate({ name: 'ci', names, issuer: authority, ...past }), /has expired/]
  ])('TLS with %s, and nothing is sent', async (_, served, detail) => {
    let asked = 0
    const port = await listening(
      createHttps({ key: served.key, cert: served.cert }, (_, response) => {
        asked += 1
        response.end()
      })
    )
    expect(await ask(`https://ci.example.test:${port}/`, pinned)).toMatchObject({
      kind: 'tls-failure',
      detail: expect.stringMatching(detail),
      certificate: { subject: served.name }
    })
    expect(asked).toBe(0)
  })

  it('no TLS at all', async () => {
    const port = await listening(createHttp((_, response) => response.end('ok')))
    expect(await ask(`https://ci.example.test:${port}/`, pinned)).toMatchObject({ kind: 'tls-failure' })
  })
})

describe('what cannot be seen', () => {
  it('a name that does not resolve', async () => {
    await expect(ask('https://nobody.invalid/')).rejects.toThrow(/nobody\.invalid does not resolve/)
  })

  it('silence', async () => {
    const port = await listening(createTcp(() => undefined))
    await expect(ask(`http://127.0.0.1:${port}/`, { deadlineMs: 200 })).rejects.toThrow(
      'no answer within 0.2 s'
    )
    await expect(ask(`https://127.0.0.1:${port}/`, { deadlineMs: 200 })).rejects.toThrow(
      'no answer within 0.2 s'
    )
  })

  it('a review that is abandoned', async () => {
    const port = await listening(createTcp(() => undefined))
    const abandoned = new AbortController()
    const asked = fetchRoute(
      { url: `http://127.0.0.1:${port}/`, method: 'HEAD', deadlineMs: 5_000, capBytes: 0 },
      abandoned.signal
    )
    abandoned.abort(new Error('enough'))
    await expect(asked).rejects.toThrow('enough')
  })

  it.each<[name: string, url: string, more: Partial<RouteRequest>, why: string]>([
    ['a file', 'file:///etc/passwd', {}, 'only http and https'],
    ['a password', 'http://user:secret@127.0.0.1/', {}, 'password'],
    ['no URL', 'ci', {}, 'not a URL'],
    ['a CA that is none', 'https://127.0.0.1/', { ca: 'nothing' }, 'holds no readable certificate'],
    ['an address that is none', 'https://ci.example.test/', { address: 'ci' }, 'not an IP address']
  ])('%s', async (_, url, more, why) => {
    await expect(ask(url, more)).rejects.toThrow(why)
  })
})
