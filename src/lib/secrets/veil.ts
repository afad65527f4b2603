import { type Hidden, tally } from './hidden.ts'
import { isTooMuch, redact, uncleaned } from './redact.ts'
import { literalsOf, openLiterals } from './literals.ts'
import type { SecretKind } from './secret-name.ts'

/**
 * What one review hides. Secrets are recognised where their surroundings show them (`DB_PASSWORD=…`), and cut out
 * literally wherever else the same review would show them. One veil serves one review: equal secrets have equal marks
 * in all that it shows.
 */
export interface Veil {
  /**
   * Takes note of the secrets in a text that was read, and counts the places. False where the text is too much to be
   * searched: then nothing of it may be shown.
   */
  read(text: string): boolean
  /** The text as it may be shown. Idempotent; JSON stays JSON. */
  shown(text: string): string
  /** The same while reads are still coming in. */
  line(text: string): string
  /**
   * A sentence that may quote a part of what was read: also cuts out what a quote's limit has left of a secret.
   * For short texts.
   */
  sentence(text: string): string
  /** The same value with `sentence` in place of each string. The same object where nothing changes. */
  sentences<Value>(value: Value): Value
  /** The same of plain data in which a key may say what its value is: `{ password: … }`. */
  params(value: unknown): unknown
  /** The same value, which was shown before, less the secrets that were found since. The same object where nothing changes. */
  again<Value>(value: Value): Value
  /** What `read` has found so far, by kind. */
  hidden(): readonly Hidden[]
}

interface Found {
  readonly text: string
  readonly cleaned: boolean
  readonly places: readonly (readonly [kind: SecretKind, mark: string])[]
}

/** Texts that are remembered, so that none is searched twice. */
const mostRemembered = 20_000

/** @param salt random, and written nowhere: see `redact`. */
export function openVeil(salt: string): Veil {
  const counts = tally()
  const literals = openLiterals()
  const known = new Map<string, Found>()

  function found(text: string): Found {
    const before = known.get(text)
    if (before !== undefined) return before
    const places: (readonly [SecretKind, string])[] = []
    const onHidden = (kind: SecretKind, mark: string, secret: string) => {
      places.push([kind, mark])
      for (const literal of literalsOf(secret)) literals.add(literal, mark)
    }
    const { text: out, cleaned } = redact(text, { salt, onHidden })
    const hidden: Found = { text: out, cleaned: cleaned !== false, places }
    if (known.size < mostRemembered) known.set(text, hidden)
    return hidden
  }

  /** What cannot be searched is not shown. */
  const guarded = (search: (text: string) => string) => (text: string) => {
    try {
      return search(text)
    } catch (error) {
      if (isTooMuch(error)) return uncleaned
      throw error
    }
  }
  const shown = guarded(text => literals.cut(found(text).text))
  const sentence = guarded(text => literals.cutParts(found(text).text))

  return {
    read(text) {
      const { text: open, cleaned, places } = found(text)
      literals.seenOpenly(open)
      for (const [kind, mark] of places) counts.add(kind, mark)
      return cleaned
    },
    shown,
    line: guarded(text => literals.cutDistinct(found(text).text)),
    sentence,
    sentences: value => mapStrings(value, sentence),
    params(value) {
      const json = JSON.stringify(value) ?? 'null'
      const { text: hidden, cleaned } = found(json)
      if (!cleaned) return mapStrings(value, () => uncleaned)
      const named: unknown = hidden === json ? value : JSON.parse(hidden)
      return mapStrings(named, sentence)
    },
    again: value => mapStrings(value, guarded(literals.cut)),
    hidden: counts.list
  }
}

/**
 * The same value less the secrets that are known by their surroundings within one string: for what no review has read,
 * such as the words of a home, a person or a claim.
 */
export function concealed<Value>(value: Value): Value {
  return mapStrings(value, text => redact(text).text)
}

/** Every string of plain data, keys too, replaced; what has none that changes is the same object. */
export function mapStrings<Value>(value: Value, map: (text: string) => string): Value
export function mapStrings(value: unknown, map: (text: string) => string): unknown {
  if (typeof value === 'string') return map(value)
  if (Array.isArray(value)) {
    const items = value.map(item => mapStrings<unknown>(item, map))
    return items.some((item, index) => item !== value[index]) ? items : value
  }
  if (typeof value !== 'object' || value === null || !isPlain(value)) return value
  const entries = Object.entries(value).map(
    ([key, member]) => [map(key), mapStrings<unknown>(member, map)] as const
  )
  const changed = Object.entries(value).some(
    ([key, member], index) => entries[index]?.[0] !== key || entries[index]?.[1] !== member
  )
  return changed ? Object.fromEntries(entries) : value
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
