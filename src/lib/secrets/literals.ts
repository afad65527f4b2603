/**
 * Secrets of which the very characters are known, cut out of text wherever they stand. What stands openly elsewhere in
 * the same reads and is an ordinary word (a password `postgres`) is left: cutting it out would only point at it.
 */
export interface Literals {
  add(literal: string, mark: string): void
  /** A text less the secrets that its surroundings show: the words in it are no secrets. */
  seenOpenly(text: string): void
  /** Without those that are more than an ordinary word or number. Quick at any time. */
  cutDistinct(text: string): string
  /** Also without words that stand nowhere openly: once all is read. */
  cut(text: string): string
  /** Also without what a limit has left of one, at the ends of the text and beside an ellipsis, and without its larger parts. */
  cutParts(text: string): string
}

/** More than these come from a host that prints secrets to keep us busy: those stay hidden by their surroundings alone. */
const most = { literals: 20_000, words: 200, parts: 500 } as const

/** Up to so many are looked for one by one, which is quick; more by their beginnings, whose time does not grow with them. */
const fewLiterals = 64
/** A longer secret is known by its first so many characters. */
const longestSeeded = 1000
const shortest = { literal: 6, word: 5, part: 8, cutPart: 4, endPart: 6 } as const

/** An ordinary word, name or number: too common to be cut out of every text. */
type Kind = 'distinct' | 'word' | 'number' | 'common'

/** What a mark itself is made of. */
const ofMarks = new Set(
  (
    'redacted api-key authorization cookie docker-auth jwt password password-hash private-key secret token ' +
    'url-password hash private docker auth'
  ).split(' ')
)

function kindOf(text: string): Kind {
  if (ofMarks.has(text)) return 'common'
  // A pattern is made of numbers and words: none of them is long.
  if (text.length <= 200 && /^[\d.,:/+-]+$/.test(text)) return text.length >= 8 ? 'number' : 'common'
  // Twenty letters in a row are no word; nor are capitals within one.
  if (text.length <= 16 && /^(?:[A-Z]?[a-z]+|[A-Z]+)(?:[._/-](?:[A-Z]?[a-z]+|[A-Z]+))*$/.test(text)) {
    return text.length >= shortest.word ? 'word' : 'common'
  }
  return text.trim().length >= shortest.literal ? 'distinct' : 'common'
}

/** The forms in which a secret may stand elsewhere: line by line, escaped, unescaped, encoded, decoded. */
export function literalsOf(secret: string): readonly string[] {
  const forms = [secret, ...attempts(secret)]
  const lines = forms.flatMap(form =>
    /[\r\n]/.test(form) ? form.split(/[\r\n]+/).map(line => line.trim()) : []
  )
  const all = [...forms, ...lines]
  const json = all.map(form => JSON.stringify(form).slice(1, -1))
  const uris = all.map(form => encodeURIComponent(form.replace(/\p{Surrogate}/gu, '\ufffd')))
  const quoted = all.map(form => form.replaceAll("'", `'\\''`))
  const words = all.map(form => form.replace(/\s+/g, ' ').trim())
  return [...new Set([...all, ...json, ...uris, ...quoted, ...words, ...firstWord(secret)])].filter(
    form => kindOf(form) !== 'common'
  )
}

/**
 * The first word of a value of several: `PGPASSWORD=… psql` is a line of a file of variables, whose value goes on to the
 * end, or a command of a shell, whose value does not. An ordinary word is part of a passphrase.
 */
function firstWord(secret: string): readonly string[] {
  const [, word] = /^([A-Za-z0-9][^\s"'`$(){}<>|;&]{5,200}) [^\r\n]*$/.exec(secret) ?? []
  return word !== undefined && kindOf(word) === 'distinct' ? [word] : []
}

function attempts(secret: string): readonly string[] {
  const forms: string[] = []
  if (secret.includes('\\')) {
    const unescaped = parsedString(secret)
    if (unescaped !== null) forms.push(unescaped)
    forms.push(secret.replace(/\\(.)/g, '$1'))
  }
  // systemd's and printf's.
  if (secret.includes('%%')) forms.push(secret.replaceAll('%%', '%'))
  if (/%[0-9a-f]{2}/i.test(secret)) {
    const decoded = decodedUri(secret)
    if (decoded !== null) forms.push(decoded)
  }
  // `user:password` of Basic authorization and of docker's logins.
  if (/^[A-Za-z0-9+/]{8,}={0,2}$/.test(secret)) {
    const pair = Buffer.from(secret, 'base64').toString()
    if (/^[\x20-\x7e][\x20-\x39\x3b-\x7e]*:[\x20-\x7e]+$/.test(pair))
      forms.push(pair, pair.slice(pair.indexOf(':') + 1))
  }
  return forms
}

function parsedString(escaped: string): string | null {
  try {
    const value: unknown = JSON.parse(`"${escaped}"`)
    return typeof value === 'string' ? value : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

function decodedUri(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (error instanceof URIError) return null
    throw error
  }
}

type Marked = readonly [literal: string, mark: string]

export function openLiterals(): Literals {
  const distinct = new Map<string, string>()
  const words = new Map<string, string>()
  const numbers = new Map<string, string>()
  const open = new Set<string>()
  let byLength: readonly Marked[] | null = null
  let scan: ((text: string) => string) | null = null
  let closed: Closed | null = null
  let seeds: Seeds | null = null

  // The longer first: one may be a part of another.
  const literals = () => (byLength ??= [...distinct].sort(([one], [other]) => other.length - one.length))
  const closedWords = () => (closed ??= closedOf(words, numbers, open))

  function cutDistinct(text: string): string {
    if (distinct.size > fewLiterals) return (scan ??= scanner(literals()))(text)
    let out = text
    for (const [literal, mark] of literals())
      if (out.includes(literal)) out = out.replaceAll(literal, () => mark)
    return out
  }
  return {
    add(literal, mark) {
      const kind = kindOf(literal)
      const known = kind === 'distinct' ? distinct : kind === 'word' ? words : numbers
      if (kind === 'common' || known.has(literal) || known.size >= most.literals) return
      known.set(literal, mark)
      closed = null
      if (kind !== 'distinct') return
      byLength = null
      seeds = null
      scan = null
    },
    seenOpenly(text) {
      if (open.has(text)) return
      open.add(text)
      closed = null
    },
    cutDistinct,
    cut: text => put(cutDistinct(text), closedWords().words),
    cutParts: text =>
      put(
        withoutParts(cutDistinct(text), (seeds ??= seedsOf(literals().slice(0, most.parts)))),
        closedWords().all
      )
  }
}

interface Alternatives {
  readonly pattern: RegExp
  readonly marks: ReadonlyMap<string, string>
}

interface Closed {
  /** Words that stand nowhere openly. */
  readonly words: Alternatives | null
  /** The same, and numbers, which JSON may hold without quotes. */
  readonly all: Alternatives | null
}

function closedOf(
  words: ReadonlyMap<string, string>,
  numbers: ReadonlyMap<string, string>,
  open: ReadonlySet<string>
): Closed {
  const closed = [...words].slice(0, most.words).filter(([word]) => {
    const whole = wholeWords([word])
    return ![...open].some(text => text.includes(word) && text.search(whole) >= 0)
  })
  return {
    words: alternatives(closed),
    all: alternatives([...closed, ...[...numbers].slice(0, most.words)])
  }
}

function alternatives(marked: readonly Marked[]): Alternatives | null {
  if (marked.length === 0) return null
  return { pattern: wholeWords(marked.map(([each]) => each)), marks: new Map(marked) }
}

function put(text: string, alternatives: Alternatives | null): string {
  if (alternatives === null) return text
  const { pattern, marks } = alternatives
  return text.replaceAll(pattern, found => marks.get(found) ?? found)
}

function wholeWords(words: readonly string[]): RegExp {
  const escaped = [...words]
    .sort((a, b) => b.length - a.length)
    .map(each => each.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'))
  return new RegExp(`(?<![A-Za-z0-9])(?:${escaped.join('|')})(?![A-Za-z0-9])`, 'g')
}

/** Finds many literals in one walk: by their first characters, then whole, the longest first. */
function scanner(literals: readonly Marked[]): (text: string) => string {
  const byStart = new Map<string, Marked[]>()
  const pairs = new Uint8Array(0x10000)
  const pairAt = (text: string, at: number) =>
    ((text.charCodeAt(at) & 0xff) << 8) | (text.charCodeAt(at + 1) & 0xff)
  for (const each of literals) {
    const [literal] = each
    const start = literal.slice(0, shortest.literal)
    byStart.set(start, [...(byStart.get(start) ?? []), each])
    pairs[pairAt(literal, 0)] = 1
  }
  return text => {
    let out = ''
    let end = 0
    for (let at = 0; at + shortest.literal <= text.length; at += 1) {
      if (pairs[pairAt(text, at)] === 0) continue
      const found = byStart
        .get(text.slice(at, at + shortest.literal))
        ?.find(([literal]) => text.startsWith(literal, at))
      if (found === undefined) continue
      out += text.slice(end, at) + found[1]
      end = at + found[0].length
      at = end - 1
    }
    return end === 0 ? text : out + text.slice(end)
  }
}

interface Part {
  readonly start: number
  readonly end: number
  readonly mark: string
}

/** Where in which secrets some characters stand. */
type Seeds = ReadonlyMap<
  string,
  readonly { readonly literal: string; readonly mark: string; readonly from: number }[]
>

function seedsOf(literals: readonly Marked[]): Seeds {
  const seeds = new Map<string, { literal: string; mark: string; from: number }[]>()
  for (const [literal, mark] of literals) {
    if (literal.length < shortest.part) continue
    const end = Math.min(literal.length, longestSeeded) - shortest.cutPart
    for (let from = 0; from <= end; from += 1) {
      const seed = literal.slice(from, from + shortest.cutPart)
      const known = seeds.get(seed)
      if (known === undefined) seeds.set(seed, [{ literal, mark, from }])
      // What is everywhere, as in a row of equal characters, need not be looked for in each place.
      else if (known.length < 50) known.push({ literal, mark, from })
    }
  }
  return seeds
}

function withoutParts(text: string, seeds: Seeds): string {
  if (seeds.size === 0) return text
  const parts = partsIn(text, seeds)
  if (parts.length === 0) return text
  let out = ''
  let end = 0
  for (const part of parts.sort((a, b) => a.start - b.start || b.end - a.end)) {
    if (part.end <= end) continue
    // What overlaps goes under the mark before it.
    out += part.start < end ? '' : text.slice(end, part.start) + part.mark
    end = part.end
  }
  return out + text.slice(end)
}

/** The longest runs that text and secrets share, as far as they tell something of them. */
function partsIn(text: string, seeds: Seeds): Part[] {
  const parts: Part[] = []
  for (let at = 0; at + shortest.cutPart <= text.length; at += 1) {
    for (const { literal, mark, from } of seeds.get(text.slice(at, at + shortest.cutPart)) ?? []) {
      // Begun one character earlier, it was seen already.
      if (from > 0 && at > 0 && text[at - 1] === literal[from - 1]) continue
      let length: number = shortest.cutPart
      while (from + length < literal.length && text[at + length] === literal[from + length]) length += 1
      const part = { start: at, end: at + length }
      if (tells(text, part, from === 0, from + length === literal.length)) parts.push({ ...part, mark })
    }
  }
  return parts
}

function tells(text: string, { start, end }: Omit<Part, 'mark'>, begins: boolean, ends: boolean): boolean {
  const part = text.slice(start, end)
  if (part.length >= shortest.part && kindOf(part) === 'distinct') return true
  const atEnd = text.length >= 100 ? shortest.cutPart : shortest.endPart
  const isCutAfter =
    /^(?:…|\.\.\.)/.test(text.slice(end, end + 3)) || (end === text.length && part.length >= atEnd)
  const isCutBefore =
    /(?:…|\.\.\.)$/.test(text.slice(Math.max(0, start - 3), start)) || (start === 0 && part.length >= atEnd)
  return (begins && isCutAfter) || (ends && isCutBefore)
}
