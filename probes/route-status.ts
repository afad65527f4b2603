import * as z from 'zod'
import { defineProbe, type Finding } from '../src/probe/probe.ts'
import {
  answerText,
  leadsTo,
  type Promised,
  promiseText,
  quoted,
  textsOf,
  withTexts
} from '../src/systems/http/expected.ts'
import { addressParam, type RouteSeen, routes as source, urlParam } from '../src/systems/http/routes.ts'

const status = z.int().min(100).max(599)
const text = z.string().min(1)
const pinning = {
  address: addressParam
    .optional()
    .describe("address to connect to, while name, SNI and certificate stay the URL's (as `curl --resolve`)"),
  ca: text.optional().describe('CA file of the home to trust')
}
const wanted = z
  .strictObject({
    status: status.optional(),
    version: z.union([z.enum(['1.1', '2']), z.literal([1.1, 2])]).optional(),
    location: text.optional(),
    contains: z.union([text, z.array(text).min(1)]).optional(),
    ...pinning
  })
  .refine(({ status, location, version, contains }) => status ?? location ?? version ?? contains, {
    error: 'expected at least one of status, location, version, contains'
  })

const params = z.strictObject({
  routes: z
    .record(urlParam, z.union([status, wanted]))
    .refine(routes => Object.keys(routes).length > 0, 'expected at least one URL')
    .describe(
      'by URL: the expected status, or the expected status, version, location (`*` matches anything) and body'
    ),
  ...pinning
})

export const routeStatus = defineProbe({
  id: 'route-status',
  asserts: 'Every route answers as expected, over TLS with a certificate that a client accepts',
  because: 'Healthy services behind a route that answers 502 are an outage for every user.',
  remedy: 'Follow the route from the proxy inwards: router rule, service, port, then the service itself.',
  fails: [
    'the status, location, version or body differs from the expected one',
    'the connection is refused or reset',
    'a client rejects the certificate'
  ],
  example: { routes: { 'https://ci.example.test/': 200 } },
  params,

  needs: ({ routes, address, ca }) => ({
    routes: source(
      Object.entries(routes).map(([url, want]) => {
        const own = typeof want === 'number' ? {} : want
        const pin = { address: own.address ?? address, ca: own.ca ?? ca }
        return {
          url,
          body: own.contains !== undefined,
          ...(pin.address === undefined ? {} : { address: pin.address }),
          ...(pin.ca === undefined ? {} : { ca: pin.ca })
        }
      })
    )
  }),

  judge({ routes }, params) {
    const [first, ...rest] = routes.map(route => judgeRoute(route, expectedOf(params, route.url)))
    return first === undefined ? [{ outcome: 'unknown', why: 'no route was requested' }] : [first, ...rest]
  },

  falsify: ({ routes }, params) =>
    routes.map(({ url }) => {
      const status = expectedOf(params, url).status === 502 ? 503 : 502
      return { routes: routes.map(seen => (seen.url === url ? { url, answer: { ...empty, status } } : seen)) }
    })
})

const empty = {
  kind: 'answered',
  version: '',
  location: null,
  body: '',
  bodyCut: false,
  certificate: null,
  address: null
} as const

function expectedOf({ routes }: z.infer<typeof params>, url: string): Promised {
  const want = routes[url] ?? {}
  return typeof want === 'number' ? { status: want } : want
}

function judgeRoute(route: RouteSeen, want: Promised): Finding {
  const { url, answer } = route
  if (answer === null) return { outcome: 'unknown', why: `${url}: ${route.why}` }
  const saw = answerText(answer)
  const shows = [`${url} → ${saw}`]
  const expected = promiseText(want)
  if (answer.kind !== 'answered') return { outcome: 'fail', saw, expected, at: url, shows }

  const missing = textsOf(want).filter(text => !answer.body.includes(text))
  const wrong = [
    want.status !== undefined && answer.status !== want.status,
    want.version !== undefined && answer.version !== String(want.version),
    want.location !== undefined && !leadsTo(answer.location, want.location, url)
  ]
  if (wrong.includes(true)) return { outcome: 'fail', saw, expected, at: url, shows }
  if (missing.length === 0) return { outcome: 'pass', saw: `${url} answers ${saw}${withTexts(want)}`, shows }
  const without = `${saw} without ${quoted(missing)} in its body`
  if (!answer.bodyCut) return { outcome: 'fail', saw: without, expected, at: url, shows }
  return { outcome: 'unknown', why: `${url}: ${without}, but only the beginning of the body was read`, shows }
}
