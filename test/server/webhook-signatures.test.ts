import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { verifyDrone, verifyWebhook } from '../../src/server/webhook-signatures.ts'
import { droneBody, droneHeaders, droneSecret } from '../support/drone.ts'

const recorded: { readonly secret: string; readonly raw: string } = JSON.parse(
  readFileSync(join(import.meta.dirname, 'drone-request.json'), 'utf8')
)
const [head = '', goBody = ''] = recorded.raw.split('\r\n\r\n')
const goHeaders = head
  .split('\r\n')
  .slice(1)
  .map(line => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)] as const)
const goTime = Date.parse(goHeaders.find(([name]) => name === 'date')?.[1] ?? '')

type Headers = readonly (readonly [string, string])[]
const goRequest = (headers: Headers = goHeaders, body = goBody) => ({ headers, body: Buffer.from(body) })
const changed = (name: string, value: (before: string) => string): Headers =>
  goHeaders.map(([each, before]) => [each, each === name ? value(before) : before])
const signedNames = ['accept', 'accept-encoding', 'content-type', 'date', 'digest', 'signature'] as const

describe("Drone's request, as a Go program sent it", () => {
  it('is believed within five minutes, either side', () => {
    for (const seconds of [0, 299, -299]) {
      expect(verifyDrone(goRequest(), recorded.secret, goTime + seconds * 1000)).toBeNull()
    }
    for (const seconds of [301, -301, 86_400]) {
      expect(verifyDrone(goRequest(), recorded.secret, goTime + seconds * 1000)).toMatch(/too old/)
    }
  })

  it('is what the tests make themselves', () => {
    expect(
      droneHeaders(goBody, { at: goTime })
        .map(pair => [...pair])
        .sort()
    ).toEqual(
      goHeaders
        .filter(([name]) => (signedNames as readonly string[]).includes(name))
        .map(pair => [...pair])
        .sort()
    )
  })

  it.each(signedNames)('is refused with the header %s missing, doubled, altered or empty', name => {
    const refused = (headers: Headers) => verifyDrone(goRequest(headers), recorded.secret, goTime)
    expect(refused(goHeaders.filter(([each]) => each !== name))).not.toBeNull()
    expect(refused([...goHeaders, ...goHeaders.filter(([each]) => each === name)])).not.toBeNull()
    expect(refused([...goHeaders, [name, 'x']])).not.toBeNull()
    expect(refused(changed(name, () => ''))).not.toBeNull()
    expect(refused(changed(name, before => `${before} `))).not.toBeNull()
    expect(
      refused(changed(name, before => before.replace(/[a-z]/, letter => (letter === 'x' ? 'y' : 'x'))))
    ).not.toBeNull()
  })

  it('is refused after any change of one character of what is signed, or of the body', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...signedNames, 'body'),
        fc.nat(),
        fc.integer({ min: 1, max: 94 }),
        (where, at, by) => {
          const turn = (text: string) => {
            const index = at % text.length
            const code = text.charCodeAt(index)
            const other = String.fromCharCode(33 + ((((code - 33 + by) % 94) + 94) % 94))
            return text.slice(0, index) + (other === text[index] ? '!!' : other) + text.slice(index + 1)
          }
          const request =
            where === 'body' ? goRequest(goHeaders, turn(goBody)) : goRequest(changed(where, turn))
          // Who signs is a name that nothing hangs on; all else is.
          const before = goHeaders.find(([name]) => name === where)?.[1] ?? ''
          fc.pre(where !== 'signature' || at % before.length > 'keyId="hmac-key",'.length)
          expect(verifyDrone(request, recorded.secret, goTime)).not.toBeNull()
        }
      ),
      { numRuns: 300 }
    )
  })

  it('is refused with another secret, and for another extension with the same one', () => {
    expect(verifyDrone(goRequest(), 'another', goTime)).toBe('the signature does not match')
    const accept = 'application/vnd.drone.config.v1+json'
    const names = ['accept', 'accept-encoding', 'content-type', 'date', 'digest']
    const values = new Map(changed('accept', () => accept))
    const lines = names.map(name => `${name}: ${values.get(name)}`).join('\n')
    const hmac = createHmac('sha256', recorded.secret).update(lines).digest('base64')
    const headers = changed('accept', () => accept).map(
      ([name, value]) =>
        [
          name,
          name === 'signature' ? value.replace(/signature="[^"]*"/, `signature="${hmac}"`) : value
        ] as const
    )
    expect(verifyDrone(goRequest(headers), recorded.secret, goTime)).toMatch(/not for a validation/)
  })
})

describe('what a sender may not choose', () => {
  const now = Date.parse('2026-06-13T05:33:07Z')
  const body = droneBody({ after: '7'.repeat(40) })
  const doubt = (options: Parameters<typeof droneHeaders>[1], sent = body) =>
    verifyDrone(
      { headers: droneHeaders(body, { at: now, ...options }), body: Buffer.from(sent) },
      droneSecret,
      now
    )
  const all = ['accept', 'accept-encoding', 'content-type', 'date', 'digest']

  it('the algorithm', () => {
    expect(doubt({})).toBeNull()
    expect(doubt({ algorithm: 'hmac-sha1' })).toMatch(/not hmac-sha256/)
    expect(doubt({ algorithm: 'hmac-sha512' })).toMatch(/not hmac-sha256/)
  })

  it('what is signed: all five, none twice, nothing else; their order may be', () => {
    expect(doubt({ list: [...all].reverse() })).toBeNull()
    for (const left of all) expect(doubt({ list: all.filter(name => name !== left) })).not.toBeNull()
    expect(doubt({ list: ['date'] })).toMatch(/does not cover/)
    expect(doubt({ list: [...all.slice(1), 'date'] })).toMatch(/does not cover/)
    expect(doubt({ list: [...all, 'host'] })).toMatch(/does not cover/)
    expect(doubt({ list: [] })).not.toBeNull()
  })

  it('a body that the signed digest is not of', () => {
    expect(doubt({}, `${body} `)).toBe('the digest does not match the body')
    expect(doubt({}, '')).toBe('the digest does not match the body')
  })
})

describe('a webhook', () => {
  const secret = 'webhook-secret'
  const body = Buffer.from('{"ref":"refs/heads/main"}')
  const now = Date.parse('2026-06-13T05:33:07Z')
  const hex = (key = secret, of: Uint8Array = body) => createHmac('sha256', key).update(of).digest('hex')
  const doubt = (...headers: Headers) => verifyWebhook({ headers, body }, secret, now)
  const standard = (key: string | Buffer, stamp = now / 1000, id = 'msg_1') => [
    ['webhook-id', id] as const,
    ['webhook-timestamp', String(stamp)] as const,
    [
      'webhook-signature',
      `v1,${createHmac('sha256', key).update(`${id}.${stamp}.`).update(body).digest('base64')}`
    ] as const
  ]

  it('of GitHub, Gitea, Forgejo and GitLab is believed', () => {
    expect(doubt(['x-hub-signature-256', `sha256=${hex()}`])).toBeNull()
    expect(doubt(['x-gitea-signature', hex()], ['x-hub-signature-256', `sha256=${hex()}`])).toBeNull()
    expect(doubt(['x-forgejo-signature', hex()])).toBeNull()
    expect(doubt(['x-gitlab-token', secret])).toBeNull()
    expect(doubt(...standard(secret))).toBeNull()
  })

  it('signed as the Standard Webhooks have it, with a key in base64 behind whsec_', () => {
    const key = Buffer.from('0123456789abcdef0123456789abcdef')
    const sent = { headers: standard(key), body }
    expect(verifyWebhook(sent, `whsec_${key.toString('base64')}`, now)).toBeNull()
    expect(verifyWebhook(sent, key.toString('base64'), now)).not.toBeNull()
    const [id, stamp, signature] = standard(key)
    const several = [id, stamp, ['webhook-signature', `v1,AAAA ${signature?.[1]}`] as const].filter(
      each => each !== undefined
    )
    expect(verifyWebhook({ headers: several, body }, `whsec_${key.toString('base64')}`, now)).toBeNull()
  })

  it.each<[string, Headers]>([
    ['nothing at all', []],
    ['another key', [['x-hub-signature-256', `sha256=${hex('other')}`]]],
    ['another body', [['x-gitea-signature', hex(secret, Buffer.from('{}'))]]],
    ['sha1', [['x-hub-signature', `sha1=${createHmac('sha1', secret).update(body).digest('hex')}`]]],
    ['without the word before it', [['x-hub-signature-256', hex()]]],
    ['capital letters', [['x-gitea-signature', hex().toUpperCase()]]],
    [
      'twice',
      [
        ['x-gitea-signature', hex()],
        ['x-gitea-signature', hex()]
      ]
    ],
    [
      'one good, one bad',
      [
        ['x-gitea-signature', hex('other')],
        ['x-hub-signature-256', `sha256=${hex()}`]
      ]
    ],
    ['another token', [['x-gitlab-token', 'webhook-secre']]],
    ['an empty token', [['x-gitlab-token', '']]],
    [
      'a signed one whose signature is bad, with a good token',
      [
        ['webhook-id', 'a'],
        ['webhook-timestamp', String(now / 1000)],
        ['webhook-signature', 'v1,AAAA'],
        ['x-gitlab-token', secret]
      ]
    ]
  ])('is refused: %s', (_, headers) => {
    expect(doubt(...headers)).not.toBeNull()
  })

  it('that is signed with a time is refused when that is another one', () => {
    expect(doubt(...standard(secret, now / 1000 - 301))).toMatch(/too old/)
    expect(doubt(...standard(secret, now / 1000 + 301))).toMatch(/too old/)
    expect(doubt(...standard(secret, now / 1000 - 299))).toBeNull()
  })

  it('never throws, whatever the headers are', () => {
    const names = fc.constantFrom(
      'x-hub-signature-256',
      'x-gitea-signature',
      'webhook-signature',
      'webhook-id',
      'webhook-timestamp',
      'x-gitlab-token',
      'signature',
      'date',
      'digest'
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(names, fc.string())), headers => {
        expect(verifyWebhook({ headers, body }, secret, now)).not.toBeNull()
        expect(verifyDrone({ headers, body }, secret, now)).not.toBeNull()
      })
    )
  })
})
