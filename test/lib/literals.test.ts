import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openVeil } from '../../src/lib/secrets/veil.ts'

/** A secret that one text shows is cut out of all others, also where a limit has left a part of it. */

const secret = 'x7Kp-mQ2vLw9Zr4T'
const veil = openVeil('salt')
veil.read(
  `A=1\nDB_PASSWORD=${secret}\nREPLICATION_PASSWORD=postgres\nCACHE_PASSWORD=openly\nimage: postgres:16\n`
)

describe('a sentence', () => {
  it.each([
    ['whole', `saw ${secret} there`],
    ['in a name', `at service-${secret}_app`],
    ['cut at the end', `line 3: ${secret.slice(0, 6)}…`],
    ['cut with three dots', `line 3: ${secret.slice(0, 5)}... and more`],
    ['cut at the beginning', `…${secret.slice(-6)} is the end`],
    ['its middle', `it has ${secret.slice(4, 13)} in it`],
    ['written for a URL', `GET /?x=${encodeURIComponent(secret)}`],
    ['a limit at the end of a long line', `${'a line '.repeat(20)}${secret.slice(0, 4)}`]
  ])('%s', (_, text) => {
    const shown = veil.sentence(text)
    for (let at = 0; at + 4 <= secret.length; at += 1) expect(shown).not.toContain(secret.slice(at, at + 4))
    expect(shown).toContain('«redacted:password:')
  })

  it('leaves words that stand openly elsewhere, and hides those that do not', () => {
    expect(veil.sentence('postgres:16 runs')).toBe('postgres:16 runs')
    expect(veil.sentence('it is openly so')).toContain('«redacted:password:')
  })
})

it.each([
  'PASSWORD=q8Rw-2bXk9 was refused',
  'A=1\nDB_PASSWORD=q8Rw-2bXk9 exec app\nB=2\n',
  'password: q8Rw-2bXk9 (since Monday)'
])(
  'the first word of a value of several is cut out by itself as well, since the rest may be none of it: %s',
  said => {
    const other = openVeil('salt')
    other.read(said)
    expect(other.shown('the log has q8Rw-2bXk9 in it')).toMatch(/^the log has «redacted:password:\w+» in it$/)
    for (const word of ['refused', 'exec', 'since Monday']) expect(other.shown(word)).toBe(word)
  }
)

it('the first word of a passphrase is a word', () => {
  const other = openVeil('salt')
  other.read('A=1\nDB_PASSWORD=correcthorse battery staple\nB=2\n')
  expect(other.shown('correcthorse, and correcthorse battery staple')).toMatch(
    /^correcthorse, and «redacted:password:\w+»$/
  )
})

it('no part of eight characters is left of any secret, wherever a text was cut', () => {
  const value = fc
    .stringMatching(/^[A-Za-z0-9!#%+*~^-]{14,40}$/)
    .filter(text => /[a-z]/.test(text) && /\d/.test(text))
  fc.assert(
    fc.property(value, fc.string({ maxLength: 30 }), fc.nat(60), fc.nat(60), (found, around, from, to) => {
      const own = openVeil('salt')
      own.read(`API_TOKEN='${found}'\n`)
      fc.pre(own.hidden().length > 0)
      const text = `${around} ${found} ${around}`.slice(Math.min(from, to), Math.max(from, to))
      const shown = own.sentence(text)
      for (let at = 0; at + 8 <= found.length; at += 1) {
        const part = found.slice(at, at + 8)
        // A run of letters alone may be any word.
        if (/\d/.test(part) && /[A-Za-z]/.test(part)) expect(shown).not.toContain(part)
      }
    }),
    { numRuns: 300 }
  )
})

it('many secrets are found as few are', () => {
  const many = Array.from({ length: 300 }, (_, index) => `s3cret-${index}-${(index * 7919).toString(36)}z`)
  const own = openVeil('salt')
  own.read(many.map((each, index) => `A${index}_PASSWORD=${each}`).join('\n'))
  const shown = own.shown(many.join(' | '))
  expect(many.filter(each => shown.includes(each))).toEqual([])
  expect(() => JSON.parse(own.shown(JSON.stringify(many)))).not.toThrow()
})
