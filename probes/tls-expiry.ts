import * as z from 'zod'
import { counted } from '../src/lib/text/counted.ts'
import { defineProbe, type Finding } from '../src/probe/probe.ts'
import { addressParam, type RouteSeen, routes as source, urlParam } from '../src/systems/http/routes.ts'

const name = z
  .string()
  .regex(/^(?=.{1,253}$)[a-z0-9_-]+(?:\.[a-z0-9_-]+)*(?::\d{1,5})?$/i, 'expected a host name')
const secure = urlParam.refine(url => /^https:/i.test(url), 'expected an https URL')

export const tlsExpiry = defineProbe({
  id: 'tls-expiry',
  asserts:
    'Every certificate is trusted, names its host, comes from a production CA, and does not expire soon',
  because: 'An expired certificate takes every route down at once, on a date known months in advance.',
  remedy: 'Find out why the last renewal failed (ACME log of the proxy), fix the cause, and renew.',
  fails: [
    'a certificate, or an intermediate in its chain, has expired or expires within `days`',
    'it is not trusted, or names another host',
    "it is Traefik's default certificate, or from a staging CA"
  ],
  example: { hosts: ['ci.example.test'] },
  params: z
    .strictObject({
      hosts: z
        .array(name)
        .min(1)
        .optional()
        .describe(
          'names, with a port unless it is 443; on the ports of SMTP, IMAP, POP3, FTP, LDAP, MySQL and PostgreSQL the probe asks for TLS within that protocol'
        ),
      routes: z.array(secure).min(1).optional().describe('https URLs'),
      days: z.number().positive().max(3650).default(14).describe('days that each must remain valid'),
      address: addressParam.optional().describe('address to connect to, as in route-status'),
      ca: z.string().min(1).optional().describe('CA file of the home to trust')
    })
    .refine(({ hosts, routes }) => hosts !== undefined || routes !== undefined, {
      error: 'expected hosts or routes'
    }),

  needs: ({ hosts = [], routes = [], address, ca }) => ({
    routes: source(
      [...hosts.map(host => `https://${host}/`), ...routes].map(url => ({
        url,
        body: false,
        only: 'certificate' as const,
        ...(address === undefined ? {} : { address }),
        ...(ca === undefined ? {} : { ca })
      }))
    )
  }),

  judge({ routes }, { days }) {
    const [first, ...rest] = routes.map(route => judgeCertificate(route, days))
    return first === undefined ? [{ outcome: 'unknown', why: 'no host was requested' }] : [first, ...rest]
  },

  falsify({ routes }, { days }) {
    const certificate = {
      subject: 'falsified',
      issuer: 'falsified',
      validTo: '1970-01-02T00:00:00.000Z',
      secondsLeft: days * 86_400 - 1,
      names: []
    }
    const answer = {
      kind: 'answered',
      status: 200,
      version: '2',
      location: null,
      body: '',
      bodyCut: true,
      address: null
    } as const
    return routes.map(({ url }) => ({
      routes: routes.map(seen => (seen.url === url ? { url, answer: { ...answer, certificate } } : seen))
    }))
  }
})

function judgeCertificate(route: RouteSeen, days: number): Finding {
  const { url, answer } = route
  if (answer === null) return { outcome: 'unknown', why: `${url}: ${route.why}` }
  const certificate = answer.certificate ?? null
  const described =
    certificate === null
      ? 'no certificate'
      : `\`${certificate.subject}\` by \`${certificate.issuer}\`, valid to ${certificate.validTo.slice(0, 16)}Z`
  const shows = [`${url} → ${described}`]
  const fail = (saw: string, expected: string): Finding => ({
    outcome: 'fail',
    saw,
    expected,
    at: url,
    shows
  })

  if (certificate !== null) {
    const standIn = notForProduction(certificate.subject, certificate.issuer)
    if (standIn !== null) return fail(`${standIn}: ${described}`, 'a certificate from a production CA')
  }
  if (answer.kind === 'tls-failure') return fail(answer.detail, 'a certificate that a client accepts')
  if (certificate === null) {
    const why =
      answer.kind === 'answered' || answer.kind === 'handshake'
        ? 'it answered without a certificate'
        : `${answer.kind} (${answer.detail})`
    return { outcome: 'unknown', why: `${url} showed no certificate: ${why}`, shows }
  }
  const { intermediate } = certificate
  if (intermediate !== undefined && intermediate.secondsLeft < days * 86_400) {
    const ends = `\`${intermediate.subject}\` above it in its chain, valid to ${intermediate.validTo.slice(0, 16)}Z`
    const left = (intermediate.secondsLeft / 86_400).toFixed(1)
    return fail(`${described}, and ${ends}: ${left} days left`, `at least ${counted(days, 'day')}`)
  }
  const left = certificate.secondsLeft / 86_400
  if (left < days)
    return fail(`${described}: ${left.toFixed(1)} days left`, `at least ${counted(days, 'day')}`)
  return {
    outcome: 'pass',
    saw: `${url} presents ${described}, ${counted(Math.floor(left), 'day')} from now`,
    shows
  }
}

/** Traefik serves its own certificate where it has none; Let's Encrypt's staging CAs say so in their names. */
function notForProduction(subject: string, issuer: string): string | null {
  if (/TRAEFIK DEFAULT CERT/i.test(subject)) return "Traefik's default certificate"
  if (/\(STAGING\)|Fake LE|happy hacker fake/i.test(issuer))
    return "a certificate of Let's Encrypt's staging CA"
  return null
}
