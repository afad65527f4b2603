import { createHmac } from 'node:crypto'
import { cleaningBounds } from '../bounds.ts'
import { shapeOfJson } from '../json.ts'
import { isMarked, kindOf, mark, type NameKind, nameKind, type SecretKind, telling } from './secret-name.ts'

/**
 * Hides secrets in text that is to be logged or written. What it cannot know to be a secret it leaves:
 * digests, ids, commit shas, store paths, addresses, names of secrets and paths below /run/secrets.
 */

export interface Redacted {
  readonly text: string
  /** What was hidden, by kind, in alphabetical order. */
  readonly redactions: readonly { readonly kind: SecretKind; readonly count: number }[]
  /** Nothing of the text is shown, because it could not be searched to its end. */
  readonly cleaned?: false
}

/** Stands for a text that could not be searched. */
export const uncleaned = '«not shown: could not be cleaned»'

class Uncleanable extends Error {}

/** Whether a text was too much for a search: the stack of a regular expression, or a string's longest length. */
export function isTooMuch(error: unknown): boolean {
  return error instanceof Uncleanable || error instanceof RangeError
}

/**
 * Each secret becomes `«redacted:<kind>:<id>»`, and equal secrets become equal marks. Without a salt the id
 * counts within this text. With one it is the same for the same secret in every text, so that facts from
 * different reads can still be compared; the salt must be random and must not be written anywhere, or a
 * weak password could be guessed from its mark.
 *
 * `told` is called for each place where something was hidden, with its kind, the mark that stands there now, and the
 * secret itself as it stood there.
 *
 * JSON, whole or line by line, stays JSON. Idempotent. Total: a text that is too much to search becomes `uncleaned`. Time is linear in the length of the text.
 */
export function redact(
  text: string,
  options: {
    readonly salt?: string
    readonly onHidden?: (kind: SecretKind, mark: string, secret: string) => void
  } = {}
): Redacted {
  const marker = makeMarker(text, options)
  let out: string
  try {
    out = redactText(text, marker.hide, 0)
  } catch (error) {
    if (!isTooMuch(error)) throw error
    return { text: uncleaned, redactions: [], cleaned: false }
  }
  const redactions = [...marker.counts].map(([kind, count]) => ({ kind, count }))
  return { text: out, redactions: redactions.sort((a, b) => (a.kind < b.kind ? -1 : 1)) }
}

interface Hide {
  (secret: string, kind: SecretKind): string
  /** Counts what looked like JSON and was none. */
  readonly failed: () => void
}

function makeMarker(text: string, { salt, onHidden }: Parameters<typeof redact>[1] & object) {
  const marks = new Map<string, string>()
  const counts = new Map<SecretKind, number>()
  let last = 0
  // A text that was redacted before has taken some numbers.
  for (const [, id] of text.matchAll(/«redacted:[a-z-]{1,20}:(\d{1,9})»/g)) last = Math.max(last, Number(id))
  let failures = 0
  const failed = () => {
    failures += 1
    if (failures > cleaningBounds.failedParses) throw new Uncleanable()
  }
  const hideSecret = (secret: string, kind: SecretKind) => {
    if (secret === '' || isMarked(secret)) return secret
    if (secret.length > cleaningBounds.secret) throw new Uncleanable()
    counts.set(kind, (counts.get(kind) ?? 0) + 1)
    const shown = marks.get(secret) ?? `«redacted:${kind}:${idOf(secret)}»`
    if (marks.size >= cleaningBounds.secrets && !marks.has(secret)) throw new Uncleanable()
    marks.set(secret, shown)
    onHidden?.(kind, shown, secret)
    return shown
  }
  function idOf(secret: string): string {
    last += 1
    return salt === undefined
      ? `${last}`
      : createHmac('sha256', salt).update(secret).digest('hex').slice(0, 12)
  }
  return { hide: Object.assign(hideSecret, { failed }), counts }
}

/** What a secret that is known by its looks begins with, so that a text without any of it need not be searched. */
const looks =
  /@|\$|-KEY-|SWMTKN|SWMKEY|PRIVATE KEY|eyJ|A[KSBC][IC]A|gh[pousr]_|github_pat|gl[a-z]{2,5}-|xox|xapp-|[srp]k_|whsec|sk-|npm_|pypi-|dckr_|do[opr]_v1|AIza|ya29|SG\.|hv[sbr]\.|tskey-|gt[aor]_|shp[a-z]{2}_|lin_|hf_|gsk_|ntn_|figd_|hooks\.slack|bearer|basic/i
/** Words of the commands that take a password without its name. */
const commandWords = /curl|sshpass|docker[ \t]|redis-cli|mysql|mariadb|-pass/

/**
 * Whether there may be anything to hide: most of what a host prints has no beginning of a secret, no such command
 * and no such name. An escape of JSON may write any letter as its number, and a tab as `\t`.
 */
function mayHide(text: string): boolean {
  return telling.test(text) || looks.test(text) || /\\u|docker\\+t/.test(text) || commandWords.test(text)
}

/** JSON is taken apart and put together again; what is no JSON is searched as text. */
function redactText(text: string, hide: Hide, depth: number): string {
  if (!mayHide(text)) return text
  if (depth < 5 && looksLikeJson(text, hide)) return redactJson(text, hide, depth)
  // Docker prints one JSON document a line; between them may be anything.
  const out: string[] = []
  let loose: string[] = []
  const flush = () => {
    if (loose.length > 0) out.push(redactLoose(loose.join('\n'), hide))
    loose = []
  }
  for (const line of text.split('\n')) {
    if (depth < 5 && looksLikeJson(line, hide)) {
      flush()
      out.push(redactJson(line, hide, depth))
    } else loose.push(line)
  }
  flush()
  return out.join('\n')
}

function looksLikeJson(text: string, hide: Hide): boolean {
  if (!/^\s*(?:\{\s*["}]|\[\s*[-[{"\]\dtfn]|")/.test(text)) return false
  const shape = shapeOfJson(text)
  if (shape === 'deep' || shape === 'many') throw new Uncleanable()
  if (shape === 'none') return false
  try {
    JSON.parse(text)
    return true
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    hide.failed()
    return false
  }
}

/**
 * Where the string literals of a JSON document begin and end. Not by a pattern: one over a literal of megabytes exhausts
 * the stack.
 */
function* stringsOf(text: string): Generator<readonly [start: number, behind: number]> {
  for (let start = text.indexOf('"'); start >= 0; ) {
    let at = start + 1
    while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
    if (at >= text.length) return
    yield [start, at + 1]
    start = text.indexOf('"', at + 1)
  }
}

/** Only string literals, and numbers that are passwords, are ever replaced, each by a string literal. */
function redactJson(text: string, hide: Hide, depth: number): string {
  let key: string | null = null
  let end = 0
  let out = ''
  for (const [start, behind] of stringsOf(text)) {
    const literal = text.slice(start, behind)
    const between = text.slice(end, start)
    out += hideNumber(key, between, hide)
    end = behind
    // A value belongs to the key right before it; elements of a list belong to none.
    if (!/^\s*:\s*$/.test(between)) key = null
    const value: string = JSON.parse(literal)
    const shown =
      (key === null ? null : hideNamed(key, value, hide)) ??
      hideVariable(value, hide) ??
      redactText(value, hide, depth + 1)
    out += shown === value ? literal : JSON.stringify(shown)
    key = value
  }
  return out + hideNumber(key, text.slice(end), hide)
}

/** What stands between two literals, with a number that is the value of a password. */
function hideNumber(key: string | null, between: string, hide: Hide): string {
  if (key === null || nameKind(key) !== 'password') return between
  return between.replace(
    /^(\s*:\s*)(-?\d[\d.eE+-]{3,})/,
    (_, colon: string, number: string) => `${colon}"${hide(number, 'password')}"`
  )
}

/** `NAME=value` as a whole string, as containers keep their environment. Null when it is not, or is no secret. */
function hideVariable(text: string, hide: Hide): string | null {
  const [, name, value] = /^([A-Za-z_][\w.-]{0,100})=([^]*)$/.exec(text) ?? []
  if (name === undefined || value === undefined) return null
  const shown = hideNamed(name, value, hide)
  return shown === null ? null : `${name}=${shown}`
}

/** The hidden value of this name, or null if it is no secret. */
function hideNamed(name: string, value: string, hide: Hide): string | null {
  const kind = kindOf(nameKind(name), value, true)
  return kind === null ? null : hideValue(value, kind, hide)
}

// A token may follow a written-out line break (`\nghp_…`) in text that quotes other text.
const edge = String.raw`(?:(?<![A-Za-z0-9_-])|(?<=\\[bfnrt]))`

/** Secrets that are known by their looks. Each pattern fails or ends within a bounded look ahead, or where its run of characters ends. */
const shapes: readonly { readonly kind: SecretKind; readonly pattern: RegExp }[] = [
  {
    kind: 'private-key',
    pattern: pem()
  },
  { kind: 'private-key', pattern: /AGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]{20,}/gi },
  { kind: 'token', pattern: /SWM(?:TKN|KEY)-\d-[A-Za-z0-9+/-]{10,}/g },
  { kind: 'jwt', pattern: shape('eyJ[\\w-]{6,}\\.[\\w-]{6,}(?:\\.[\\w-]*){1,3}') },
  { kind: 'api-key', pattern: shape('(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])') },
  { kind: 'token', pattern: shape('(?:gh[pousr]_\\w{30,255}|github_pat_\\w{22,255})') },
  {
    kind: 'token',
    pattern: shape('gl(?:pat|ptt|dt|rt|rtr|cbt|ft|soat|agent|imt|oas|ffct|wt)-[\\w.-]{16,255}')
  },
  { kind: 'token', pattern: shape('xox[a-z]-[\\w-]{10,}|' + edge + 'xapp-\\d-[\\w-]{10,}') },
  { kind: 'api-key', pattern: shape('(?:[srp]k_(?:live|test)|whsec)_\\w{10,}') },
  { kind: 'api-key', pattern: shape('sk-(?:[a-z]{2,8}-)?[\\w-]{20,}') },
  {
    kind: 'token',
    pattern: shape('(?:npm_\\w{30,}|pypi-[\\w-]{30,}|dckr_(?:pat|oat)_[\\w-]{16,}|do[opr]_v1_[a-f0-9]{40,})')
  },
  { kind: 'api-key', pattern: shape('(?:AIza[\\w-]{35}|ya29\\.[\\w-]{20,}|SG\\.[\\w-]{16,}\\.[\\w-]{16,})') },
  {
    kind: 'token',
    pattern: shape('(?:hv[sbr]\\.[\\w-]{20,}|tskey-[a-z]{2,10}-[\\w-]{10,}|gt[aor]_\\w{30,})')
  },
  {
    kind: 'token',
    pattern: shape(
      '(?:shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}|lin_(?:api|oauth)_\\w{32,255}|hf_[A-Za-z0-9]{30,255}|gsk_\\w{40,255}|ntn_\\w{40,255}|figd_[\\w-]{30,255})'
    )
  },
  // Whoever has the address of such a hook may post.
  {
    kind: 'token',
    pattern: /(?<=hooks\.slack\.com\/(?:services|workflows|triggers)\/)[\w/]{20,200}/g
  },
  {
    kind: 'password-hash',
    pattern:
      /\${1,2}(?:apr1|2[abxy]|[156y]|7|sha1|argon2(?:id|i|d)|scrypt|pbkdf2-sha\d{3})\${1,2}[\w./=,+$-]{8,}/g
  }
]

/** With its end everything between; without one the lines that look like Base64. */
function pem(): RegExp {
  const label = '(?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----'
  const gap = '(?:\\s|\\\\[nr])+'
  return new RegExp(
    `-----BEGIN ${label}(?:(?:[^"'\`-]|-(?!----))*-----END ${label}|` +
      `(?:${gap}[\\w-]{1,20}: [^\\n"'\\\\]{1,80})*(?:(?:${gap}[\\w+/=]{16,})+(?:${gap}[\\w+/=]+)?)?)`,
    'g'
  )
}

function shape(pattern: string): RegExp {
  return new RegExp(edge + (pattern.includes('|') ? `(?:${pattern})` : pattern), 'g')
}

function redactLoose(text: string, hide: Hide): string {
  const looked = looks.test(text) ? redactLooks(text, hide) : text
  const commanded = commandWords.test(looked) ? redactCommands(looked, hide) : looked
  return redactAssignments(redactBlocks(commanded, hide), hide)
}

function redactLooks(text: string, hide: Hide): string {
  let out = text
  for (const { kind, pattern } of shapes) {
    // A cut must not split an escape from what it escapes.
    out = out.replace(pattern, found => {
      const last = withoutSlashes(found, 0, found.length)
      return hide(found.slice(0, last), kind) + found.slice(last)
    })
  }
  out = out.replace(/(?<=:\/\/)[^\s/?#"'`<>\\]{1,1024}(?=@)/g, found => hideUserInfo(found, hide))
  // user:password@tcp(host) of database drivers.
  out = out.replace(/(?<=\w:)[^\s:@/"'`«»]{1,128}(?=@(?:tcp|unix)\()/g, found => hide(found, 'url-password'))
  return out.replace(
    /\b(Bearer|Basic)(\s{1,4})(?=[\w.~+/-]{0,400}[\d=])([\w.~+/=-]{12,})/gi,
    (_, scheme: string, space: string, secret: string) => scheme + space + hide(secret, 'authorization')
  )
}

/** Commands that take a password without its name. Every look back is bounded, or time would be quadratic. */
const commands: readonly RegExp[] = [
  /(?<=\bcurl\b[^\n;|]{0,200}\s(?:-u|--user|-U|--proxy-user)[ =]?["']?[\w.@-]{1,64}:)[^\s"'«»]{1,200}/g,
  /(?<=\bsshpass[ \t]{1,8}-p[ \t]{0,8}["']?)[^\s"'«»]{1,200}/g,
  /(?<=\bdocker[ \t]{1,8}login\b[^\n;|]{0,200}[ \t]-p[ \t]{1,8}["']?)[^\s"'«»]{1,200}/g,
  /(?<=\bredis-cli\b[^\n;|]{0,200}[ \t]-a[ \t]{1,8}["']?)[^\s"'«»]{1,200}/g,
  /(?<=\b(?:mysql|mysqldump|mysqladmin|mariadb|mariadb-dump)\b[^\n;|]{0,200}[ \t]-p["']?)[^\s"'«»]{1,200}/g,
  /(?<=-pass(?:in|out)?[ \t]{1,8}["']?pass:)[^\s"'«»]{1,200}/g
]

function redactCommands(text: string, hide: Hide): string {
  let out = text
  for (const pattern of commands) {
    out = out.replace(pattern, found => (isReference(found) ? found : hide(found, 'password')))
  }
  return out
}

function isReference(word: string): boolean {
  return /^(?:\$|`)/.test(word)
}

/** YAML's `password: |` with the lines below it that are indented further. */
function redactBlocks(text: string, hide: Hide): string {
  if (!/[|>][-+\d]{0,2}[ \t]*\r?\n/.test(text)) return text
  const lines = text.split('\n')
  const out: string[] = []
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? ''
    out.push(line)
    const [, indent = '', name = ''] =
      /^([ \t]{0,200}(?:-[ \t]{1,8})?)["']?([\w.-]{1,100})["']?:[ \t]{1,8}[|>][-+\d]{0,2}[ \t]{0,8}\r?$/.exec(
        line
      ) ?? []
    const named = nameKind(name)
    if (named === null || named === 'maybe-key' || named === 'maybe-docker-auth') continue
    let end = at + 1
    while (end < lines.length && isInside(lines[end] ?? '', indent.length)) end += 1
    const block = lines.slice(at + 1, end).join('\n')
    const body = block.trim()
    const kind = kindOf(named, body, true)
    if (kind === null) continue
    out.push(
      block.slice(0, block.indexOf(body)) + hide(body, kind) + block.slice(block.indexOf(body) + body.length)
    )
    at = end - 1
  }
  return out.join('\n')
}

function isInside(line: string, indent: number): boolean {
  return line.trim() === '' || line.search(/[^ \t]/) > indent
}

function hideUserInfo(info: string, hide: Hide): string {
  if (isMarked(info)) return info
  const colon = info.indexOf(':')
  if (colon >= 0) return `${info.slice(0, colon + 1)}${hide(info.slice(colon + 1), 'url-password')}`
  // https://<token>@host: a name is short and readable.
  return info.length >= 20 && !info.includes('@') ? hide(info, 'url-password') : info
}

/** `NAME=value`, `name: value`, `"name": "value"`, `--name value`, `<name>value`: by the name. */
function redactAssignments(text: string, hide: Hide): string {
  // One walk over the names; where a value is replaced, the walk goes on behind it.
  const names = new RegExp(`${mark}|[A-Za-z0-9_.-]+`, 'g')
  let out = ''
  let end = 0
  for (let match = names.exec(text); match !== null; match = names.exec(text)) {
    const [found] = match
    if (found.startsWith('«') || found.length > 200) continue
    const named = nameKind(found)
    if (named === null) continue
    const value = valueAfter(text, match.index, match.index + found.length, named)
    if (value === null) continue
    const raw = text.slice(value.start, value.end)
    const kind = kindOf(named, raw, value.literal)
    if (kind === null) continue
    out += text.slice(end, value.start) + hideValue(raw, kind, hide)
    end = value.end
    names.lastIndex = Math.max(end, names.lastIndex)
  }
  return out + text.slice(end)
}

interface Span {
  readonly start: number
  readonly end: number
  /** It is a whole string of a document, in which nothing is a variable. */
  readonly literal: boolean
}

/** Where the value of the name at `start … end` is, if it has one on its line. */
function valueAfter(text: string, start: number, end: number, named: NameKind): Span | null {
  const before = text.slice(Math.max(0, start - 80), start)
  const name = text.slice(start, end)
  // `$TOKEN`, `${TOKEN:-…}`: a reference. `/run/secrets/token:` is a path.
  if (/\$\{?$/.test(before) || (before.endsWith('/') && text[end] !== '=')) return null
  const quote = /\\*["'`]$/.exec(before)?.[0] ?? ''
  const after = text.slice(end, end + 80)
  // What need not be a secret is looked at again when it is none: only so far, or time would be quadratic.
  const limit = named === 'maybe-key' || named === 'maybe-docker-auth' ? 600 : text.length

  // "name": "value", also inside a string (\"name\": \"value\")
  if (quote !== '' && after.startsWith(quote)) {
    const colon = /^\s*(?::|=>)\s*/.exec(after.slice(quote.length))
    if (colon === null) return null
    const at = end + quote.length + colon[0].length
    if (!text.startsWith(quote, at)) return bareValue(text, at, before, limit)
    return { ...quotedValue(text, at + quote.length, quote, limit), literal: true }
  }
  // The operand of --secret is a name.
  if (/^-+secrets?$/.test(name)) return null
  const separator = name.startsWith('-')
    ? /^(?:=|[ \t]+(?!-))/.exec(after)
    : /^(?:=(?!=)|[ \t]*:=?[ \t]+|:(?![/:=])|[ \t]+=>?[ \t]+)|^>/.exec(after)
  if (separator === null) return null
  if (separator[0] === '>' && !before.endsWith('<')) return null
  const at = end + separator[0].length
  if (separator[0] === '>') return upTo(text, at, /[<\n]/, limit)

  const opened = /^\\*["']/.exec(text.slice(at, at + 20))?.[0]
  if (opened !== undefined) return quotedValue(text, at + opened.length, opened, limit)
  // "NAME=the whole string"
  if (quote !== '' && separator[0] === '=') return { ...quotedValue(text, at, quote, limit), literal: true }
  if (named === 'authorization' || named === 'cookie') {
    return upTo(text, at, /["'`\n]|\\(?=\\{0,40}["'nr])/, limit)
  }
  const startsLine =
    /(?:^|\n)[ \t]*(?:-[ \t]+)?(?:export[ \t]+)?$/.test(before) && (start < 80 || before.includes('\n'))
  if (/:[ \t]+$/.test(separator[0])) {
    // YAML: only a password may have blanks. In a sentence (`token: expected a number`) no secret follows.
    if (startsLine && named === 'password') return withoutBlanks(text, upTo(text, at, /[ \t]#|\n/, limit))
    if (/^[a-z]+[.,;:]?(?:\s|$)/.test(text.slice(at, at + 80))) return null
  }
  const value = bareValue(text, at, before, limit)
  // NAME=words of a file of variables; NAME=word command --option of a shell is left after its first word.
  const rest = /^(?:[ \t]+[^\s=/'"`-][^\s=/'"`]{0,60}){1,10}(?=\n|$)/.exec(
    text.slice(value.end, value.end + 400)
  )
  return startsLine && rest !== null ? { ...value, end: value.end + rest[0].length } : value
}

function upTo(text: string, start: number, stop: RegExp, limit: number): Span {
  // Searching a slice for the limit, but the text itself without one: a slice of the rest for every name would be quadratic.
  const found =
    limit < text.length ? text.slice(start, start + limit).search(stop) : searchFrom(text, start, stop)
  const end = found < 0 ? Math.min(text.length, start + limit) : start + found
  return { start, end, literal: false }
}

function searchFrom(text: string, start: number, stop: RegExp): number {
  const sticky = new RegExp(stop, 'g')
  sticky.lastIndex = start
  const found = sticky.exec(text)
  return found === null ? -1 : found.index - start
}

/** To the closing quote: the same quote behind the same number of backslashes; at most to the end of the line. */
function quotedValue(text: string, start: number, quote: string, limit: number): Span {
  const sign = quote.slice(-1)
  const depth = quote.length - 1
  let slashes = 0
  let end = start
  for (; end < text.length && end < start + limit && text[end] !== '\n'; end += 1) {
    const char = text[end]
    if (char === '\\') slashes += 1
    else {
      if (char === sign && (sign !== '"' ? slashes === depth : closes(slashes, depth))) break
      slashes = 0
    }
  }
  return { start, end: withoutSlashes(text, start, end), literal: false }
}

/** At depth 0 a quote closes behind 0, 2, 4 … backslashes, at depth 1 behind 0 (an outer one) or 1, 5, 9 …. */
function closes(slashes: number, depth: number): boolean {
  return slashes < depth || slashes % (2 * (depth + 1)) === depth
}

/** Blanks at the end of a value are none of it. */
function withoutBlanks(text: string, span: Span): Span {
  let { end } = span
  while (end > span.start && ' \t'.includes(text.charAt(end - 1))) end -= 1
  return { ...span, end }
}

function bareValue(text: string, start: number, before: string, limit: number): Span {
  const reference = /^\$(?:\{[^}\s]{0,200}\}|\([^)\n]{0,200}\))/.exec(text.slice(start, start + 210))
  if (reference !== null) return { start, end: start + reference[0].length, literal: false }
  const stop = /[?&]$/.test(before)
    ? /[\s"'`&#<>]/
    : /[\s"`]|'(?=[\s,;)\]}]|$)|,(?=[\w.-]{1,40}[=:])|;(?=\s|$)|[)\]}]{1,20}(?=[\s,;]|$)/
  const span = upTo(text, start, stop, limit)
  return { ...span, end: withoutSlashes(text, start, span.end) }
}

function withoutSlashes(text: string, start: number, end: number): number {
  let last = end
  while (last > start && text[last - 1] === '\\') last -= 1
  return last
}

function hideValue(value: string, kind: SecretKind, hide: Hide): string {
  const scheme = /^(?:Bearer|Basic|Token|Digest)\s+/i.exec(value)?.[0] ?? ''
  return scheme + hide(value.slice(scheme.length), kind)
}
