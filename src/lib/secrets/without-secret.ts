/** What stands in the place of a secret. */
export const secretMark = '«the secret»'

/**
 * The text without a secret that we have used, wherever and however it comes back: literally, in any mixture of the
 * ways in which JSON, URLs, HTML and shells write a character, in hexadecimal, and as a part of something in base64. The
 * patterns of `redact` know what secrets look like; this one knows what it is.
 *
 * @param secret printable ASCII; an empty one is none.
 */
export function withoutSecret(text: string, secret: string): string {
  if (secret === '') return text
  let shown = withoutForms(text, secret)
  for (const form of encodings(secret)) shown = withoutLiteral(shown, form)
  return shown
}

function withoutForms(text: string, secret: string): string {
  let shown = ''
  let kept = 0
  for (let at = 0; at < text.length; at += 1) {
    const end = endOf(text, at, secret)
    if (end === null) continue
    shown += text.slice(kept, at) + secretMark
    kept = end
    at = end - 1
  }
  return shown + text.slice(kept)
}

/** Behind the longest way of writing the secret that begins here; null: none does. */
function endOf(text: string, start: number, secret: string): number | null {
  // Where a sign of the secret is one of an escape as well, there may be more than one way to read on.
  let places: readonly number[] = [start]
  for (let index = 0; index < secret.length; index += 1) {
    const code = secret.charCodeAt(index)
    places = [...new Set(places.flatMap(at => lengthsAt(text, at, code).map(length => at + length)))]
    if (places.length === 0) return null
  }
  return Math.max(...places)
}

/** How long one character of the secret may be here, by the ways in which it may be written. */
function lengthsAt(text: string, at: number, code: number): readonly number[] {
  const sign = text.charAt(at)
  const literal = sameLetter(text.charCodeAt(at), code) ? [1] : []
  if (sign !== '%' && sign !== '\\' && sign !== '&') return literal
  const ahead = text.slice(at, at + longestForm)
  const escaped = written.flatMap(form => {
    const found = form.exec(ahead)
    return found !== null && codeOf(found.groups ?? {}) === code ? [found[0].length] : []
  })
  // `\/`, `\"`: any sign may be escaped by itself.
  const own = sign === '\\' && text.charCodeAt(at + 1) === code ? [2] : []
  return [...literal, ...escaped, ...own]
}

const longestForm = 16
/** `%2f`, `%252f`, `\u002f`, `\\u002f`, `\x2f`, `&#47;`, `&#x2f;`, `&amp;`. */
const written = [
  /^%(?<hex>[0-9a-f]{2})/i,
  /^%25(?<hex>[0-9a-f]{2})/i,
  /^%2525(?<hex>[0-9a-f]{2})/i,
  /^\\u00(?<hex>[0-9a-f]{2})/i,
  /^\\\\u00(?<hex>[0-9a-f]{2})/i,
  /^\\x(?<hex>[0-9a-f]{2})/i,
  /^&#x0{0,4}(?<hex>[0-9a-f]{2});/i,
  /^&#0{0,4}(?<decimal>\d{2,3});/,
  /^&(?<name>amp|lt|gt|quot|apos);/i
] as const

const names: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function codeOf(groups: Readonly<Record<string, string | undefined>>): number {
  const { hex, decimal, name } = groups
  if (decimal !== undefined) return Number(decimal)
  if (name !== undefined) return (names[name.toLowerCase()] ?? '').charCodeAt(0)
  return Number.parseInt(hex ?? '', 16)
}

/** Capitals do not count: a proxy may write a header or a host name in small letters. */
function sameLetter(a: number, b: number): boolean {
  if (a === b) return true
  const lower = (code: number) => (code >= 65 && code <= 90 ? code + 32 : code)
  return lower(a) === lower(b)
}

/** Too short to be told from chance. */
const shortest = 6

/** In hexadecimal, and in base64 at each of the three places where it may begin in something longer. */
function encodings(secret: string): readonly string[] {
  const base64 = [0, 1, 2].flatMap(offset => {
    const whole = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)])
      .toString('base64')
      .replace(/={1,2}$/, '')
    // The first and the last sign also hold bits of what stands beside it.
    const inside = whole.slice(
      Math.ceil((offset * 8) / 6),
      (offset + secret.length) % 3 === 0 ? undefined : -1
    )
    return [inside, inside.replaceAll('+', '-').replaceAll('/', '_')]
  })
  return [Buffer.from(secret).toString('hex'), ...base64].filter(form => form.length >= shortest)
}

function withoutLiteral(text: string, form: string): string {
  const hex = /^[0-9a-f]+$/.test(form)
  const where = hex ? text.toLowerCase() : text
  if (where.length !== text.length || !where.includes(form)) return text
  let shown = ''
  let kept = 0
  for (let at = where.indexOf(form); at >= 0; at = where.indexOf(form, kept)) {
    shown += text.slice(kept, at) + secretMark
    kept = at + form.length
  }
  return shown + text.slice(kept)
}
