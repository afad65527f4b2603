import fc from 'fast-check'
import { expect, it } from 'vitest'
import { secretMark, withoutSecret } from '../../src/lib/secrets/without-secret.ts'
import { cpuMs } from '../support/cpu.ts'

const secret = fc.string({
  unit: fc.integer({ min: 0x21, max: 0x7e }).map(code => String.fromCharCode(code)),
  minLength: 8,
  maxLength: 60
})
const surroundings = fc.string({ maxLength: 30 })

const hex = (sign: string) => sign.charCodeAt(0).toString(16).padStart(2, '0')
/** One character as somebody may write it. */
const forms: readonly ((sign: string) => string)[] = [
  sign => sign,
  sign => `%${hex(sign)}`,
  sign => `%${hex(sign).toUpperCase()}`,
  sign => `%25${hex(sign)}`,
  sign => `\\u00${hex(sign)}`,
  sign => `\\x${hex(sign)}`,
  sign => `&#${sign.charCodeAt(0)};`,
  sign => `&#x${hex(sign)};`,
  sign => encodeURIComponent(sign),
  sign => JSON.stringify(sign).slice(1, -1),
  sign => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[sign] ?? sign
]

it('is cut out in whatever way each of its characters is written', () => {
  fc.assert(
    fc.property(
      secret,
      fc.array(fc.nat({ max: forms.length - 1 }), { minLength: 60, maxLength: 60 }),
      (word, ways) => {
        const text = [...word].map((sign, at) => (forms[ways[at] ?? 0] ?? String)(sign)).join('')
        expect(withoutSecret(`said: ${text}.`, word)).toBe(`said: ${secretMark}.`)
      }
    )
  )
})

it('is cut out as it is, as a part of something, in JSON, URLs, base64 and hexadecimal', () => {
  fc.assert(
    fc.property(secret, surroundings, surroundings, (word, before, after) => {
      for (const write of [
        (text: string) => text,
        (text: string) => JSON.stringify(text),
        (text: string) => encodeURIComponent(text),
        (text: string) => text.toLowerCase(),
        (text: string) => Buffer.from(text).toString('hex')
      ]) {
        const shown = withoutSecret(write(before + word + after), word)
        expect(shown).toContain(secretMark)
        expect(shown).not.toContain(write(word).slice(1, -1))
      }
      for (const kind of ['base64', 'base64url'] as const) {
        const sent = Buffer.from(before + word + after).toString(kind)
        const shown = withoutSecret(sent, word)
        expect(shown).toContain(secretMark)
        // At most a character on either side is left of it.
        expect(sent.length - shown.replace(secretMark, '').length).toBeGreaterThanOrEqual(
          Math.floor((word.length * 8) / 6) - 2
        )
      }
    })
  )
})

it('leaves a text alone in which it is not', () => {
  fc.assert(
    fc.property(fc.string(), text => {
      expect(withoutSecret(text, 'glpat-XXXXXXXXXXXXXXXXXXXX')).toBe(text)
      expect(withoutSecret(text, '')).toBe(text)
    })
  )
})

it('takes its time by the length of the text, however near it comes', () => {
  const word = `ghp_${'a'.repeat(36)}b`
  const near = word.slice(0, -1)
  for (const unit of [near, '%67', '\\u0067', '&#103;', '\\', '%25', 'g']) {
    const text = unit.repeat(Math.ceil(262_144 / unit.length))
    expect(cpuMs(() => withoutSecret(text, word))).toBeLessThan(2_000)
  }
})
