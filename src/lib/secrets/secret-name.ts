import { trimmedEnd } from '../text/trim.ts'

/** What names and values look like that are secrets, and what looks alike and is none. */

export type SecretKind =
  | 'api-key'
  | 'authorization'
  | 'cookie'
  | 'docker-auth'
  | 'jwt'
  | 'key'
  | 'password'
  | 'password-hash'
  | 'private-key'
  | 'secret'
  | 'token'
  | 'url-password'

/** What stands for a secret that was hidden. */
export const mark = '«redacted:[a-z-]{1,20}:[0-9a-f]{1,16}»'
const onlyMarks = new RegExp(`^(?:${mark})+$`)

/** Marks without what tells one secret of a kind from another, which differs from review to review. */
export function unmarked(text: string): string {
  return text.replaceAll(/«redacted:([a-z-]{1,20}):[0-9a-f]{1,16}»/g, '«redacted:$1»')
}

export function isMarked(value: string): boolean {
  return onlyMarks.test(value)
}

/** Names that end so say something about a secret and are none: its file, its name, its age. */
const about = new Set(
  (
    'file files path paths dir name names id ids ref refs type types kind ttl expiry expires expiration expired at age ' +
    'timeout url uri endpoint host issuer audience alg algorithm mode policy length len min max count enabled disabled ' +
    'required version versions index driver labels label prefix suffix header field env mount mounts store provider ' +
    'manager service services authentication change reset rotation lifetime usage created updated source target size ' +
    'command cmd helper hint status auth format list only bytes bits'
  ).split(' ')
)

/** What the value of a name is: a secret of that kind, or one only if it looks the part; null: no secret. */
export type NameKind = SecretKind | 'maybe-docker-auth' | 'maybe-key' | 'maybe-secret'

/** Every name of a secret has one of these in it. */
export const telling =
  /pass|pwd|secret|token|key|credential|authorization|cookie|auth|session|signature|salt|webhook|license|dsn|seed/i

/** A name without its number or version at the end: `key-v2`. */
function unnumbered(name: string): string {
  const bare = trimmedEnd(name, '0123456789')
  return bare === name ? name : bare.replace(/[_.-]?v?$/, '')
}

/** Whether the value of this name would be a secret. */
export function nameKind(name: string): NameKind | null {
  if (!telling.test(name) || name === 'PWD' || name === 'OLDPWD') return null
  const words = unnumbered(name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase())
    .split(/[^a-z0-9]+/)
    .filter(word => word !== '')
  const last = words.at(-1) ?? ''
  const all = words.join('_')
  const joined = words.join('')
  if (/authorization$|^x_?auth/.test(all)) return 'authorization'
  if (last === 'auth') return 'maybe-docker-auth'
  if (about.has(last)) return null
  // systemd's: which credential from which file. What SetCredential= holds is one.
  if (joined === 'loadcredential' || joined === 'importcredential') return null
  if (last === 'cookie') return 'cookie'
  if (/(?:^|_)(?:pwd|pass)$|pass(?:word|wd|phrase|code)s?(?:_?(?:hash|plain|clear|salt))?$/.test(all)) {
    // `pass: 3` of a report is none.
    return all === 'pass' && name !== 'PASS' ? null : 'password'
  }
  if (joined.endsWith('privatekey')) return 'private-key'
  if (
    /(?:api|access|secret|encryption|signing|account|master|app|license|rsa|deploy|storage|session)keys?(?:base)?$/.test(
      joined
    )
  ) {
    return 'api-key'
  }
  if (all === 'secret') return 'maybe-secret'
  if (/secret(?:_hash|_base)?$|credentials?$/.test(all)) return 'secret'
  if (joined.endsWith('token')) return 'token'
  return weak.has(last) && !joined.includes('public') ? 'maybe-key' : null
}

const weak = new Set(
  'key keys session salt signature webhook license dsn seed secrets tokens cookies'.split(' ')
)

/**
 * What a value under a name is, or null if it is no secret.
 *
 * @param literal the value is a whole string of a document, not a word of a text or of a script.
 */
export function kindOf(named: NameKind | null, value: string, literal: boolean): SecretKind | null {
  if (named === null || harmless(value, literal)) return null
  if (named === 'maybe-docker-auth') return isDockerAuth(value) ? 'docker-auth' : null
  if (named === 'maybe-key') return isRandom(value) ? 'key' : null
  // `secret: db_password` is the secret's name.
  if (named === 'maybe-secret') {
    const isName = !literal && value.length < 100 && /^[a-z]+(?:[_-][a-z]+)+$/.test(value)
    return isName ? null : 'secret'
  }
  return named
}

/** Schemes and prefixes by which tools name a secret that is kept elsewhere. */
const references: readonly RegExp[] = [
  /^(?:op|vault|bao|aws[\w-]*|gcp[\w-]*|gsm|google[\w-]*|az[\w-]*|akv|keyvault|secrets?(?:[-_]?manager)?|ssm|sm|file|fd|env|pass|keyring|keychain|bws?|bitwarden|doppler|infisical|conjur|k8s|kubernetes|sops|age|credentials?|lastpass|1password|systemd|exec|cmd):\/\//i,
  /^(?:vault|bao|file|env|ref|secrets?|ssm|arn|fd|sops|keyring|credentials?|kms|gsm|asm|akv|azkv|cmd|exec):[\w/.$@{%-]/i,
  /^ref\+[a-z0-9]+:\/\//i,
  /^projects\/[^/\s]+\/secrets\//,
  /^@Microsoft\.KeyVault\(/i,
  /^(?:ENC\[|ENC\(|\{cipher\}|\{\{|\{%|<%|%\{|!(?:vault|secret|Ref|Sub|GetAtt|ENV|env|encrypted)\b|\$ANSIBLE_VAULT|\$__)/,
  /^<[^<>]{1,200}>$/,
  /^@[\w./-]+@?$/,
  // A path: below a known root or home, of words, or of a kind of file.
  /^%[a-zA-Z](?:\/[\w./@%-]*)?$/,
  /^(?:~|\.{1,2})?(?:\/[a-z0-9._@%-]+){2,}\/?$/,
  /^[\w./@%~-]{1,200}\.(?:txt|key|pem|age|gpg|asc|env|secret|ya?ml|json|crt|conf|file)$/,
  /^config\.(?:sops|age)\.[\w.]+$/
]

/** Whether a value says where a secret is kept, or will be filled in. */
export function isReference(value: string): boolean {
  return references.some(pattern => pattern.test(value))
}

/** A reference, a path, a word of a configuration: what stands where a secret could stand. */
function harmless(value: string, literal: boolean): boolean {
  // What is long is no such thing; and looking at it again and again would take quadratic time.
  if (value.length > 300) return false
  return (
    value.trim() === '' ||
    isMarked(value) ||
    isReference(value) ||
    /^(?:true|false|yes|no|on|off|null|none|nil|undefined|\d{1,3}|[|>][-+]?|[{[]|\{["\w]+:.*|\*+|x+|\.{3}|…)$/i.test(
      value
    ) ||
    /^\/(?:run|etc|var|usr|opt|home|root|srv|mnt|nix|tmp|dev|proc|sys|data|secrets|config|certs?|keys?)\/[\w./@%+-]*$/.test(
      value
    ) ||
    /^(?:sha256:[0-9a-f]{64}|SHA256:[\w+/]{43}=?)$/.test(value) ||
    /^(?:\$\{[^}]*\}|\$\([^)]*\)?|\{\{.*\}\}|<[\w -]+>|%[a-z]|@[\w./-]+)$/i.test(value) ||
    (!literal && /^(?:\$[A-Z_][A-Z0-9_]*|\$[a-z_]+|\$\(.*|`.*)$/.test(value))
  )
}

function isDockerAuth(value: string): boolean {
  return (
    /^[A-Za-z0-9+/]{6,}={0,2}$/.test(value) &&
    /^[\x20-\x7e][\x20-\x39\x3b-\x7e]*:[\x20-\x7e]*$/.test(Buffer.from(value, 'base64').toString())
  )
}

/** Looks drawn at random, and like no digest, id, path or sentence. */
function isRandom(value: string): boolean {
  if (!/^[\w+/=~.-]{20,512}$/.test(value) || /^[0-9a-f]+$/i.test(value)) return false
  const classes = [/[a-z]/, /[A-Z]/, /\d/].filter(kind => kind.test(value)).length
  if (classes < 3 || /^(?:\/|\.|AAAA)/.test(value) || (value.match(/[/.]/g)?.length ?? 0) > 4) return false
  const counts = new Map<string, number>()
  for (const char of value) counts.set(char, (counts.get(char) ?? 0) + 1)
  let bits = 0
  for (const count of counts.values()) bits -= (count / value.length) * Math.log2(count / value.length)
  return bits > 3.5
}
