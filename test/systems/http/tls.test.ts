import { createServer as createTcp, type Server, type Socket } from 'node:net'
import { createServer as createTls, TLSSocket, type TlsOptions } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { tlsExpiry } from '../../../probes/tls-expiry.ts'
import { openings } from '../../../src/systems/http/starttls.ts'
import { showCertificate } from '../../../src/systems/http/tls.ts'
import { fetchRoute } from '../../../src/systems/http/fetch-route.ts'
import { Unseen } from '../../../src/facts/fact.ts'
import { gather } from '../../../src/facts/gather.ts'
import { typedRoute } from '../../../src/systems/http/route-evidence.ts'
import { judge } from '../../../src/probe/run.ts'
import { protocolOf } from '../../../src/systems/http/tls-ports.ts'
import { type StartTls } from '../../../src/facts/fact.ts'
import { certificate, type Identity } from '../../support/certificates.ts'
import { closedAdapters } from '../../support/doors.ts'
import { listening } from '../../support/servers.ts'
import { generous } from '../../support/pace.ts'

const day = 86_400_000
const later = (days: number) => new Date(Date.now() + days * day)
const root = certificate({ name: 'test CA', authority: true, until: later(400) })
const names = ['mail.example.test']
const good = certificate({ name: 'mail', names, issuer: root, until: later(90) })
const never = new AbortController().signal
const request = {
  method: 'TLS',
  deadlineMs: generous(2_000),
  capBytes: 0,
  address: '127.0.0.1',
  ca: root.cert
} as const
const urlOf = (port: number) => `https://mail.example.test:${port}/`
const ask = (port: number, protocol: StartTls | null = null) =>
  showCertificate(
    { ...request, url: urlOf(port) },
    new URL(urlOf(port)),
    never,
    protocol === null ? null : openings[protocol]
  )
const tlsServer = (
  identity: Identity,
  options: TlsOptions = {},
  said: (socket: Socket) => unknown = () => 0
) => createTls({ ...identity, ...options }, said).on('tlsClientError', () => undefined)
const silent = (socket: Socket) => void socket.on('error', () => undefined)

/** The whole probe over one server of 127.0.0.1. */
async function outcome(server: Server) {
  const port = await listening(server)
  const real = tlsExpiry.bind({ hosts: [`mail.example.test:${port}`], address: '127.0.0.1', ca: 'ca.pem' })
  const { routes: source } = real.needs
  if (source === undefined) throw new Error('it asks for no routes')
  const adapters = closedAdapters({
    fetch: asked => fetchRoute(asked, never),
    workspaceFile: async () => root.cert
  })
  const gathered = await gather([{ host: 'h', sources: [source] }], adapters)
  const [finding] = judge(real, { routes: gathered.fact('h', source) })
  return {
    ...finding,
    evidence: gathered.evidence.map(({ command, stdout }) => `${command}\n${stdout}`).join()
  }
}

describe('a certificate that was shown is judged, whatever the server does behind the handshake', () => {
  it.each<[name: string, server: () => Server]>([
    [
      'greets as IMAP',
      () => tlsServer(good, {}, socket => silent(socket.on('error', () => 0).end('* OK ready\r\n')))
    ],
    ['says nothing', () => tlsServer(good, {}, silent)],
    ['closes', () => tlsServer(good, {}, socket => socket.destroy())],
    [
      'speaks binary',
      () => tlsServer(good, {}, socket => silent(socket.on('error', () => 0).end(Buffer.from([0, 255, 1]))))
    ],
    [
      'wants a certificate of ours',
      () => tlsServer(good, { requestCert: true, rejectUnauthorized: true, ca: root.cert })
    ],
    [
      'wants one by TLS 1.2',
      () =>
        tlsServer(good, { requestCert: true, rejectUnauthorized: true, ca: root.cert, maxVersion: 'TLSv1.2' })
    ],
    ['offers no protocol that we name', () => tlsServer(good, { ALPNProtocols: ['imap'] })]
  ])('%s', async (_, server) => {
    expect(await outcome(server())).toMatchObject({
      outcome: 'pass',
      saw: expect.stringContaining('`mail` by `test CA`'),
      evidence: expect.stringMatching(
        /^openssl s_client -connect 127\.0\.0\.1:\d+ -servername mail\.example\.test -CAfile ca\.pem\nsubject=CN = mail\n/
      )
    })
  })

  it.each<[name: string, identity: Identity, options: TlsOptions, saw: RegExp]>([
    ['ends soon', certificate({ name: 'mail', names, issuer: root, until: later(3) }), {}, /days left/],
    [
      'has ended',
      certificate({ name: 'mail', names, issuer: root, from: later(-9), until: later(-1) }),
      {},
      /has expired/
    ],
    [
      'is of another name',
      certificate({ name: 'x', names: ['x.example.test'], issuer: root, until: later(90) }),
      {},
      /altnames/
    ],
    ['is self-signed', certificate({ name: 'mail', names, until: later(90) }), {}, /self-signed/],
    [
      'is of another CA',
      certificate({
        name: 'mail',
        names,
        issuer: certificate({ name: 'other', authority: true }),
        until: later(90)
      }),
      {},
      /CA is not trusted/
    ]
  ])('and fails where it %s', async (_, identity, options, saw) => {
    for (const more of [
      {},
      { requestCert: true, rejectUnauthorized: true, ca: root.cert, maxVersion: 'TLSv1.2' } as const
    ]) {
      expect(await outcome(tlsServer(identity, { ...options, ...more }, silent))).toMatchObject({
        outcome: 'fail',
        saw: expect.stringMatching(saw)
      })
    }
  })
})

describe('an intermediate', () => {
  const middle = (until: Date, from = later(-30)) =>
    certificate({ name: 'middle CA', authority: true, issuer: root, from, until })
  const under = (issuer: Identity) => {
    const leaf = certificate({ name: 'mail', names, issuer, until: later(90) })
    return { ...leaf, cert: leaf.cert + issuer.cert }
  }

  it.each<[name: string, identity: Identity, outcome: string, saw: RegExp]>([
    ['that lasts longer', under(middle(later(100))), 'pass', /`mail` by `middle CA`/],
    ['that ends first, and late enough', under(middle(later(30))), 'pass', /`mail` by `middle CA`/],
    [
      'that ends soon',
      under(middle(later(5))),
      'fail',
      /`middle CA` above it in its chain, valid to .*: [45]\.\d days left/
    ],
    ['that has ended', under(middle(later(-1))), 'fail', /above it in its chain has expired.*`middle CA`/]
  ])('%s', async (_, identity, expected, saw) => {
    expect(await outcome(tlsServer(identity, {}, silent))).toMatchObject({
      outcome: expected,
      saw: expect.stringMatching(saw)
    })
  })

  it('beyond a trusted root does not count', async () => {
    const old = certificate({ name: 'old CA', authority: true, from: later(-30), until: later(-1) })
    const extra = {
      ...good,
      cert:
        good.cert +
        certificate({ name: 'test CA', authority: true, issuer: old, from: later(-30), until: later(-1) })
          .cert
    }
    expect(await outcome(tlsServer(extra, {}, silent))).toMatchObject({ outcome: 'pass' })
  })
})

describe('a server without TLS', () => {
  it('is told apart from one whose certificate is not accepted', async () => {
    const banner = createTcp(socket => void socket.on('error', () => undefined).end('220 mail ESMTP\r\n'))
    expect(await outcome(banner)).toMatchObject({
      outcome: 'fail',
      saw: expect.stringMatching(/wrong version|packet length/i)
    })
    const closes = createTcp(socket => void socket.on('error', () => undefined).end())
    expect(await outcome(closes)).toMatchObject({
      outcome: 'unknown',
      why: expect.stringContaining('no certificate: reset')
    })
    const hangs = createTcp(socket => void socket.on('error', () => undefined))
    const url = urlOf(await listening(hangs))
    await expect(
      showCertificate({ ...request, deadlineMs: 2_000, url }, new URL(url), never, null)
    ).rejects.toThrow(/no answer within 2 s/)
    expect(await ask(1)).toMatchObject({ kind: 'refused' })
  })
})

/** A dialogue: what the server says first, then for each thing that it hears what it answers; TLS after the last. */
function dialogue(
  greeting: string | Buffer,
  steps: readonly (readonly [heard: RegExp, answer: string | Buffer])[]
) {
  return createTcp(socket => {
    socket.on('error', () => undefined)
    let at = 0
    if (greeting.length > 0) socket.write(greeting)
    const hear = (data: Buffer) => {
      const [heard, answer] = steps[at] ?? [/^$/, '']
      if (!heard.test(data.toString('latin1'))) return void socket.end('500 what?\r\n')
      at += 1
      socket.write(answer)
      if (at < steps.length) return
      socket.removeListener('data', hear)
      // The client of MySQL goes on at once: what comes behind its 36 bytes is the handshake.
      socket.pause()
      if (answer.length === 0 && data.length > 36) socket.unshift(data.subarray(36))
      const secure = new TLSSocket(socket, { isServer: true, key: good.key, cert: good.cert })
      secure.on('error', () => undefined)
    }
    if (steps.length > 0) socket.on('data', hear)
  })
}

const ehlo = /^EHLO \S+\r\n$/
const startTls = /^STARTTLS\r\n$/
const mysql = (capabilities: number) => {
  const body = Buffer.concat([
    Buffer.from('\n8.0.36\0'),
    Buffer.alloc(4),
    Buffer.alloc(9, 'x'),
    Buffer.from([capabilities & 255, capabilities >> 8]),
    Buffer.alloc(30)
  ])
  body[8 + 4 + 8] = 0
  return Buffer.concat([Buffer.from([body.length, 0, 0, 0]), body])
}
const ldapOk = Buffer.from('300c02010178070a010004000400', 'hex')

describe('TLS within a dialogue', () => {
  it.each<
    [protocol: StartTls, greeting: string | Buffer, steps: readonly (readonly [RegExp, string | Buffer])[]]
  >([
    [
      'smtp',
      '220-mail\r\n220 ESMTP\r\n',
      [
        [ehlo, '250-mail\r\n250-SIZE 1\r\n250-STARTTLS\r\n250 HELP\r\n'],
        [startTls, '220 go\r\n']
      ]
    ],
    [
      'smtp',
      '220 ESMTP\r\n',
      [
        [ehlo, '250 starttls\r\n'],
        [startTls, '220 go\r\n']
      ]
    ],
    [
      'imap',
      '* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n',
      [[/^a1 STARTTLS\r\n$/, '* NOTE x\r\na1 OK begin\r\n']]
    ],
    ['pop3', '+OK POP3\r\n', [[/^STLS\r\n$/, '+OK begin\r\n']]],
    ['ftp', '220 FTP\r\n', [[/^AUTH TLS\r\n$/, '234 go\r\n']]],
    ['postgres', '', [[/^\0{3}.{2}\xd2.\/$/s, 'S']]],
    ['mysql', mysql(0xffff), [[/^ \0{2}/, '']]],
    ['ldap', '', [[/^0.*1\.3\.6\.1\.4\.1\.1466\.20037$/s, ldapOk]]]
  ])('%s after %j', async (protocol, greeting, steps) => {
    expect(await ask(await listening(dialogue(greeting, steps)), protocol)).toMatchObject({
      kind: 'handshake',
      certificate: { subject: 'mail', issuer: 'test CA' }
    })
  })

  it.each<
    [
      protocol: StartTls,
      greeting: string | Buffer,
      steps: readonly (readonly [RegExp, string | Buffer])[],
      why: string
    ]
  >([
    ['smtp', '220 ESMTP\r\n', [[ehlo, '250 SIZE 1\r\n']], 'does not offer STARTTLS of SMTP'],
    ['smtp', '554 no\r\n', [], 'does not offer SMTP: it answered `554 no`'],
    [
      'smtp',
      '220 ESMTP\r\n',
      [
        [ehlo, '250 STARTTLS\r\n'],
        [startTls, '454 not now\r\n']
      ],
      '454 not now'
    ],
    ['imap', '* OK ready\r\n', [[/STARTTLS/, 'a1 BAD what\r\n']], 'does not offer STARTTLS of IMAP'],
    ['imap', '* BYE\r\n', [], 'does not offer IMAP'],
    ['pop3', '+OK\r\n', [[/STLS/, '-ERR no\r\n']], 'does not offer STLS'],
    ['ftp', '220\r\n', [], 'in time'],
    ['postgres', '', [[/./s, 'N']], 'does not offer TLS of PostgreSQL: it answered `N`'],
    ['postgres', '', [[/./s, 'EERROR']], 'it answered `E`'],
    ['mysql', mysql(0xf7ff), [], 'does not offer TLS of MySQL'],
    [
      'ldap',
      '',
      [[/./s, Buffer.from('300c02010178070a013504000400', 'hex')]],
      'does not offer StartTLS of LDAP'
    ],
    ['smtp', '', [], 'in time'],
    ['smtp', 'x'.repeat(20_000), [], 'too much data before TLS']
  ])('%s that does not offer it: %j', async (protocol, greeting, steps, why) => {
    const asked = ask(await listening(dialogue(greeting, steps)), protocol)
    await expect(asked).rejects.toThrow(why)
    await expect(asked).rejects.toBeInstanceOf(Unseen)
  })

  it('is chosen by the port, and shown as a person would ask', () => {
    expect([25, 587, 143, 110, 21, 389, 3306, 5432, 443, 465, 993].map(protocolOf)).toEqual([
      'smtp',
      'smtp',
      'imap',
      'pop3',
      'ftp',
      'ldap',
      'mysql',
      'postgres',
      null,
      null,
      null
    ])
    expect(typedRoute({ ...request, startTls: protocolOf(587), url: urlOf(587) })).toBe(
      'openssl s_client -connect 127.0.0.1:587 -servername mail.example.test -starttls smtp -CAfile ca.pem'
    )
    expect(typedRoute({ method: 'TLS', deadlineMs: 1, capBytes: 0, url: 'https://[2001:db8::1]/' })).toBe(
      "openssl s_client -connect '[2001:db8::1]:443'"
    )
  })
})
