import { createServer as createHttp } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { describe, expect, it } from 'vitest'
import { ZodError } from 'zod'
import { routeStatus } from '../../probes/route-status.ts'
import { fetchRoute } from '../../src/systems/http/fetch-route.ts'
import { judge, outcomeOf } from '../../src/probe/run.ts'
import { type RouteAnswer, Unseen } from '../../src/facts/fact.ts'
import { gather } from '../../src/facts/gather.ts'
import type { RouteSeen } from '../../src/systems/http/routes.ts'
import { certificate } from '../support/certificates.ts'
import { closedAdapters } from '../support/doors.ts'
import { listening } from '../support/servers.ts'

const url = 'https://drone.ci.example.test/'

function answered(status: number, more: Partial<Extract<RouteAnswer, { kind: 'answered' }>> = {}): RouteSeen {
  const plain = { version: '2', location: null, body: '', bodyCut: false, certificate: null, address: null }
  return { url, answer: { kind: 'answered', status, ...plain, ...more } }
}

function broken(kind: 'refused' | 'reset' | 'tls-failure' | 'not-http'): RouteSeen {
  return { url, answer: { kind, detail: 'why', address: '198.51.100.2' } }
}

function judged(wish: unknown, ...routes: readonly RouteSeen[]) {
  return routeStatus.bind({ routes: { [url]: wish } }).judge({ routes })
}

describe('a route', () => {
  const login = 'https://drone.ci.example.test/login'
  const to = (location: string | null) => answered(303, { location })
  const page = (body: string, bodyCut = false) => answered(200, { body, bodyCut })
  it.each<[name: string, wish: unknown, seen: RouteSeen, outcome: string]>([
    ['as promised', 303, answered(303), 'pass'],
    ['a status beside it', 303, answered(302), 'fail'],
    ['a bad gateway', 200, answered(502), 'fail'],
    ['refused', 200, broken('refused'), 'fail'],
    ['reset', 200, broken('reset'), 'fail'],
    ['failing its handshake', 200, broken('tls-failure'), 'fail'],
    ['speaking something else', 200, broken('not-http'), 'fail'],
    ['that could not be seen', 200, { url, answer: null, why: 'no answer within 10 s' }, 'unknown'],
    ['of the right version', { status: 200, version: '2' }, answered(200), 'pass'],
    ['of the right version, as YAML reads it', { version: 1.1 }, answered(200, { version: '1.1' }), 'pass'],
    ['of another version', { status: 200, version: 2 }, answered(200, { version: '1.1' }), 'fail'],
    ['leading there', { status: 303, location: login }, to(login), 'pass'],
    ['leading there, wanted in short', { location: '/login' }, to(login), 'pass'],
    ['leading there, sent in short', { location: login }, to('/login'), 'pass'],
    ['leading elsewhere', { location: '/login' }, to('https://evil.example.test/login'), 'fail'],
    ['leading there by http', { location: '/login' }, to('http://drone.ci.example.test/login'), 'fail'],
    ['leading one character further', { location: login }, to(`${login}s`), 'fail'],
    ['leading nowhere', { status: 303, location: login }, to(null), 'fail'],
    ['leading to what a star allows', { location: '*/login?rd=*' }, to(`${login}?rd=x`), 'pass'],
    ['a question mark is itself beside a star', { location: '*/login?rd=*' }, to(`${login}/rd=x`), 'fail'],
    ['a question mark without a star is itself', { location: `${login}?a` }, to(`${login}?b`), 'fail'],
    ['containing the text', { status: 200, contains: 'keycloak' }, page('<title>keycloak'), 'pass'],
    ['containing one of two texts', { contains: ['keycloak', 'realm'] }, page('<title>keycloak'), 'fail'],
    ['containing it in another case', { contains: 'keycloak' }, page('Keycloak'), 'fail'],
    ['perhaps containing it further down', { contains: 'keycloak' }, page('…', true), 'unknown'],
    ['of another status, cut or not', { status: 201, contains: 'x' }, page('…', true), 'fail']
  ])('%s', (_, wish, seen, outcome) => {
    expect(outcomeOf(judged(wish, seen))).toBe(outcome)
  })

  it('that fails is told with what came instead', () => {
    const wish = { status: 303, location: '/login', version: '2', contains: 'See Other' }
    expect(judged(wish, answered(302, { location: '/oops', version: '1.1' }))).toEqual([
      {
        outcome: 'fail',
        saw: 'HTTP/1.1 302, Location /oops',
        expected: 'HTTP/2 303, Location /login with `See Other` in its body',
        at: url,
        shows: [`${url} → HTTP/1.1 302, Location /oops`]
      }
    ])
    expect(judged(200, broken('tls-failure'))).toMatchObject([
      { saw: 'a TLS failure (why)', expected: 'HTTP 200' }
    ])
  })

  it('that passes says what it saw', () => {
    expect(judged({ status: 303, contains: 'x' }, answered(303, { location: '/login', body: 'x' }))).toEqual([
      {
        outcome: 'pass',
        saw: `${url} answers HTTP/2 303, Location /login with \`x\` in its body`,
        shows: [`${url} → HTTP/2 303, Location /login`]
      }
    ])
  })
})

it.each<[params: unknown]>([
  [{ routes: {} }],
  [{ routes: { 'ci.example.test': 200 } }],
  [{ routes: { 'ftp://ci.example.test/': 200 } }],
  [{ routes: { 'https://u:p@ci.example.test/': 200 } }],
  [{ routes: { [url]: 99 } }],
  [{ routes: { [url]: '200' } }],
  [{ routes: { [url]: {} } }],
  [{ routes: { [url]: { address: '198.51.100.2' } } }],
  [{ routes: { [url]: { status: 200, version: 3 } } }],
  [{ routes: { [url]: { status: 200, addres: '198.51.100.2' } } }],
  [{ routes: { [url]: 200 }, address: 'ci' }]
])('refuses %j', params => {
  expect(() => routeStatus.bind(params)).toThrow(ZodError)
})

it('can fail on every one of its routes, whatever is promised', () => {
  const wishes = [200, 502, { version: '2' }, { location: '*' }, { contains: 'x' }]
  const routes = wishes.map((_, n) => ({ ...answered(200), url: `${url}${n}` }))
  const bound = routeStatus.bind({ routes: Object.fromEntries(routes.map(({ url }, n) => [url, wishes[n]])) })
  for (const [n, facts] of bound.falsify({ routes }).entries()) {
    expect(bound.judge(facts)[n]).toMatchObject({ outcome: 'fail', at: `${url}${n}` })
  }
})

it('asks real servers side by side, by address and CA of the home, and one that is silent costs itself alone', async () => {
  const ca = certificate({ name: 'test CA', authority: true })
  const ci = certificate({ name: 'ci', names: ['ci.example.test'], issuer: ca })
  // Each waits for the other before it is answered; a machine that is busy may take its time.
  const waiting: (() => void)[] = []
  let sideBySide = false
  const secure = await listening(
    createHttps(ci, (request, response) => {
      waiting.push(() => response.writeHead(request.url === '/bad' ? 502 : 200).end('hello'))
      if (waiting.length < 2) return
      sideBySide = true
      for (const answer of waiting) answer()
    })
  )
  const clear = await listening(
    createHttp((_, response) => response.writeHead(303, { location: '/in' }).end())
  )
  const base = `https://ci.example.test:${secure}`
  const probe = routeStatus.bind({
    address: '127.0.0.1',
    ca: 'ca.pem',
    routes: {
      [`${base}/`]: { status: 200, contains: 'hello' },
      [`${base}/bad`]: 200,
      [`http://ci.example.test:${clear}/`]: { status: 303, location: '/in' },
      'https://silent.example.test/': { status: 200, ca: 'gone.pem' }
    }
  })
  const adapters = closedAdapters({
    fetch: request => fetchRoute(request, new AbortController().signal),
    workspaceFile: async path => {
      if (path !== 'ca.pem') throw new Unseen(`${path}: no such file`)
      return ca.cert
    }
  })
  const { routes: source } = probe.needs
  if (source === undefined) throw new Error('it asks for no routes')
  const gathered = await gather([{ host: 'h', sources: [source] }], adapters)
  const findings = judge(probe, { routes: gathered.fact('h', source) })
  expect(findings).toMatchObject([
    { outcome: 'pass', saw: `${base}/ answers HTTP/1.1 200 with \`hello\` in its body` },
    { outcome: 'fail', saw: 'HTTP/1.1 502', expected: 'HTTP 200', at: `${base}/bad` },
    { outcome: 'pass' },
    { outcome: 'unknown', why: 'https://silent.example.test/: gone.pem: no such file' }
  ])
  expect(sideBySide).toBe(true)
  expect(gathered.evidence.map(read => read.command)).toEqual([
    `curl -si --resolve ci.example.test:${secure}:127.0.0.1 --cacert ca.pem ${base}/`,
    `curl -si --resolve ci.example.test:${secure}:127.0.0.1 --cacert ca.pem ${base}/bad`,
    expect.stringContaining(`http://ci.example.test:${clear}/`)
  ])
})
