import { createServer } from 'node:https'
import { expect, it } from 'vitest'
import { ZodError } from 'zod'
import { tlsExpiry } from '../../probes/tls-expiry.ts'
import { fetchRoute } from '../../src/systems/http/fetch-route.ts'
import { judge, outcomeOf } from '../../src/probe/run.ts'
import type { Certificate, RouteAnswer } from '../../src/facts/fact.ts'
import { gather } from '../../src/facts/gather.ts'
import type { RouteSeen } from '../../src/systems/http/routes.ts'
import { certificate } from '../support/certificates.ts'
import { closedAdapters } from '../support/doors.ts'
import { listening } from '../support/servers.ts'

const url = 'https://ci.example.test/'
const good: Certificate = {
  subject: 'ci.example.test',
  issuer: 'R11',
  validTo: '2026-09-01T05:33:10.000Z',
  secondsLeft: 14 * 86_400,
  names: []
}
const shown = (more: Partial<Certificate> = {}): RouteSeen => ({
  url,
  answer: {
    kind: 'answered',
    status: 502,
    version: '2',
    location: null,
    body: '',
    bodyCut: true,
    certificate: { ...good, ...more },
    address: null
  }
})
const failed = (
  kind: Exclude<RouteAnswer['kind'], 'answered'>,
  more: Partial<Certificate> | null
): RouteSeen => ({
  url,
  answer: { kind, detail: 'why', address: null, certificate: more === null ? null : { ...good, ...more } }
})
const probe = tlsExpiry.bind({ hosts: ['ci.example.test'] })
const judged = (seen: RouteSeen) => probe.judge({ routes: [seen] })

it.each<[name: string, seen: RouteSeen, outcome: string]>([
  ['a certificate that lasts just long enough, whatever the status', shown(), 'pass'],
  ['one second too short', shown({ secondsLeft: 14 * 86_400 - 1 }), 'fail'],
  ["traefik's own", shown({ subject: 'TRAEFIK DEFAULT CERT' }), 'fail'],
  ["traefik's own, not trusted either", failed('tls-failure', { subject: 'TRAEFIK DEFAULT CERT' }), 'fail'],
  ['of a staging CA', shown({ issuer: '(STAGING) Artificial Apricot R3' }), 'fail'],
  ['of an old staging CA', failed('tls-failure', { issuer: 'Fake LE Intermediate X1' }), 'fail'],
  ['of a CA that is called stage', shown({ issuer: 'Stage & Co' }), 'pass'],
  ['that is not accepted', failed('tls-failure', {}), 'fail'],
  ['a handshake that fails without one', failed('tls-failure', null), 'fail'],
  ['a port that is closed', failed('refused', null), 'unknown'],
  ['no answer', { url, answer: null, why: 'no answer within 10 s' }, 'unknown']
])('%s', (_, seen, outcome) => {
  expect(outcomeOf(judged(seen))).toBe(outcome)
})

it('names the certificate and what is left of it', () => {
  expect(judged(shown({ secondsLeft: 86_400 * 1.5 }))).toEqual([
    {
      outcome: 'fail',
      saw: '`ci.example.test` by `R11`, valid to 2026-09-01T05:33Z: 1.5 days left',
      expected: 'at least 14 days',
      at: url,
      shows: [`${url} → \`ci.example.test\` by \`R11\`, valid to 2026-09-01T05:33Z`]
    }
  ])
})

it('can fail for each host', () => {
  const both = tlsExpiry.bind({ hosts: ['a.example.test'], routes: [url], days: 0.5 })
  const routes = [shown(), { ...shown(), url: 'https://a.example.test/' }]
  expect(both.falsify({ routes }).map(facts => outcomeOf(both.judge(facts)))).toEqual(['fail', 'fail'])
})

it.each([
  [{}],
  [{ hosts: [] }],
  [{ hosts: ['https://ci.example.test/'] }],
  [{ hosts: ['*.example.test'] }],
  [{ hosts: ['a/b'] }],
  [{ routes: ['http://ci.example.test/'] }],
  [{ hosts: ['ci.example.test'], days: 0 }]
])('refuses %j', params => {
  expect(() => tlsExpiry.bind(params)).toThrow(ZodError)
})

it('sees real certificates', async () => {
  const ca = certificate({ name: 'test CA', authority: true })
  const ok = certificate({ name: 'ci', names: ['ci.example.test'], issuer: ca })
  const own = certificate({ name: 'TRAEFIK DEFAULT CERT', names: ['x.traefik.default'] })
  const ports = await Promise.all(
    [ok, own].map(({ key, cert }) => listening(createServer({ key, cert }, (_, response) => response.end())))
  )
  const real = tlsExpiry.bind({
    hosts: ports.map(port => `ci.example.test:${port}`),
    days: 0.9,
    address: '127.0.0.1',
    ca: 'ca.pem'
  })
  const { routes: source } = real.needs
  if (source === undefined) throw new Error('it asks for no routes')
  const adapters = closedAdapters({
    fetch: request => fetchRoute(request, new AbortController().signal),
    workspaceFile: async () => ca.cert
  })
  const gathered = await gather([{ host: 'h', sources: [source] }], adapters)
  expect(judge(real, { routes: gathered.fact('h', source) })).toMatchObject([
    { outcome: 'pass', saw: expect.stringContaining('`ci` by `test CA`') },
    { outcome: 'fail', saw: expect.stringContaining("Traefik's default certificate") }
  ])
})
