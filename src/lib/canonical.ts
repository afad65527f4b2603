import { createHash } from 'node:crypto'

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/**
 * One text for one value, whatever order its keys were written in: keys that are whole numbers first, by number,
 * then the others by code unit; no white space, `undefined` members left out. Signed digests and replay rest on it,
 * so its bytes may never change. (RFC 8785 sorts numbers as text, too.)
 *
 * @throws TypeError for what JSON has no word for (NaN, Infinity, functions, bigint).
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(sorted(value))
}

/** The canonical value, one key or element a line, for files that people may diff. */
export function canonicalLines(value: unknown): string {
  return `${JSON.stringify(sorted(value), null, 1)}\n`
}

function sorted(value: unknown): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`${value} has no JSON form`)
    return value
  }
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value === 'object') {
    const entries = Object.entries(value).filter(([, member]) => member !== undefined)
    entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    // A null prototype keeps a key named `__proto__` a key.
    const out: Record<string, unknown> = Object.create(null)
    for (const [key, member] of entries) out[key] = sorted(member)
    return out
  }
  throw new TypeError(`a ${typeof value} has no JSON form`)
}

/** `sha256:` and the digest in hex, of text (as UTF-8) or bytes. */
export function sha256(data: string | Uint8Array): string {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`
}
