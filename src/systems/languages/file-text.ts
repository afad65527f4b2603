/** What the bytes of a file are, before anything is looked for in them. */
export type FileText =
  | { readonly kind: 'text'; readonly text: string }
  /** No text that can be searched, with the reason; `packed`: what it holds does not stand in its bytes as it is. */
  | { readonly kind: 'other'; readonly why: string; readonly packed: boolean }

/** Reads bytes as UTF-8, and says so where they are something else. Bytes that are no UTF-8 become U+FFFD. */
export function textOf(bytes: Uint8Array): FileText {
  const other = (why: string, packed = true): FileText => ({ kind: 'other', why, packed })
  const [a = -1, b = -1, c = -1, d = -1] = bytes
  if (a === 0xff && b === 0xfe) return other(c === 0 && d === 0 ? 'it is UTF-32' : 'it is UTF-16')
  if (a === 0xfe && b === 0xff) return other('it is UTF-16')
  const nul = bytes.indexOf(0)
  if (nul >= 0) {
    if (startsWith(bytes, '\0GITCRYPT\0')) return other('it is encrypted by git-crypt')
    const encoding = wide(bytes)
    return encoding === undefined
      ? other(`it is binary (a NUL byte at offset ${nul})`, false)
      : other(encoding)
  }
  for (const [magic, name] of magics)
    if (startsWith(bytes, magic)) return other(`it is binary (${name})`, name !== 'PNG')
  const sample = bytes.subarray(0, 8_192)
  const controls = sample.reduce(
    (count, byte) => count + Number(byte < 32 && (byte < 8 || byte > 13) && byte !== 27),
    0
  )
  if (controls > sample.length / 20) return other('it is binary (control characters)', false)
  return { kind: 'text', text: new TextDecoder().decode(bytes) }
}

const magics = [
  ['\x1f\x8b', 'gzip'],
  ['BZh9', 'bzip2'],
  ['\xfd7zXZ', 'xz'],
  ['\x28\xb5\x2f\xfd', 'zstd'],
  ['PK\x03\x04', 'zip'],
  ['%PDF-', 'PDF'],
  ['\x89PNG', 'PNG'],
  ['Salted__', 'encrypted by openssl'],
  ['VimCrypt~', 'encrypted by vim'],
  ['age-encryption.org/', 'encrypted with age']
] as const

function startsWith(bytes: Uint8Array, magic: string): boolean {
  return (
    Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, magic.length)).toString('latin1') ===
    magic
  )
}

/** Text of two or four bytes a character has its NULs at regular places. */
function wide(bytes: Uint8Array): string | undefined {
  const sample = bytes.subarray(0, 4_096)
  const nuls = [0, 0]
  for (const [index, byte] of sample.entries()) if (byte === 0) nuls[index % 2] = (nuls[index % 2] ?? 0) + 1
  const [even = 0, odd = 0] = nuls
  const half = sample.length / 2
  if (sample.length < 4 || Math.max(even, odd) < half * 0.6) return undefined
  if (Math.min(even, odd) > half * 0.4) return 'it is UTF-32 without a byte order mark'
  if (Math.min(even, odd) <= half * 0.2) return 'it is UTF-16 without a byte order mark'
  return undefined
}

/**
 * Why what is not found in a text may be in the file all the same: it stands for another file, or is encrypted.
 * `all` says whether nothing of it can be searched. Null: the text is the file.
 */
export function withheld(text: string): { readonly why: string; readonly all: boolean } | null {
  const all = (why: string) => ({ why, all: true })
  const start = text.slice(0, 2_000)
  if (/^version https:\/\/(?:git-lfs\.github\.com|hawser\.github\.com)\/spec\/v\d/.test(start))
    return all('it is a pointer of Git LFS, and the content is not in the repo')
  if (/^(?:\.\.\/)*(?:\.git)?\/?annex\/objects\/\S+\n?$/.test(text.slice(0, 4_096)))
    return all('it is a pointer of git-annex, and the content is not in the repo')
  if (/^age-encryption\.org\/v1\n|^\s*-----BEGIN AGE ENCRYPTED FILE-----/.test(start))
    return all('it is encrypted with age')
  if (/^\s*-----BEGIN PGP MESSAGE-----/.test(start)) return all('it is encrypted with PGP')
  if (/^\s*-----BEGIN (?:PKCS7|CMS)-----/.test(start)) return all('it is encrypted (CMS)')
  if (start.startsWith('$ANSIBLE_VAULT;')) return all('it is encrypted with ansible-vault')
  if (start.startsWith('U2FsdGVkX1')) return all('it is encrypted by openssl')
  if (start.startsWith('VimCrypt~')) return all('it is encrypted by vim')
  const some = (why: string) => ({ why, all: false })
  if (/\bENC\[AES256_GCM,data:/.test(text)) return some('its values are encrypted with sops')
  if (/\bENC\[(?:PKCS7|GPG|KMS)\s*,/.test(text)) return some('its values are encrypted with eyaml')
  if (/!vault(?:-encrypted)?\s*\|/.test(text))
    return some('some of its values are encrypted with ansible-vault')
  if (/-----BEGIN AGE ENCRYPTED FILE-----/.test(text))
    return some('some of its values are encrypted with age')
  return null
}
