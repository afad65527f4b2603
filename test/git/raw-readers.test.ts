import { generateKeyPairSync, sign } from 'node:crypto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { formFault, parseCommit, signedCommit } from '../../src/git/raw/commit.ts'
import { readSshSignature } from '../../src/git/raw/sshsig.ts'
import { readTree, treeSpans } from '../../src/git/raw/trees.ts'
import { AdversaryError } from '../../src/lib/errors.ts'

/** Readers of raw objects: whatever the bytes are, they throw nothing of their own, and take nothing for what it is not. */

const id = 'a'.repeat(40)
const armored = `-----BEGIN SSH SIGNATURE-----\n ${'A'.repeat(70)}\n -----END SSH SIGNATURE-----`
const head = `tree ${id}\nparent ${id}\nauthor a b <a@b> 1 +0000\ncommitter a b <a@b> 1 +0000\n`
const whole = `${head}gpgsig ${armored}\n\na message\n`

/** Bytes that look like what is read: pieces of it in any order, and the whole of it with something else somewhere. */
function bytesLike(full: Uint8Array, pieces: readonly string[]): fc.Arbitrary<Buffer> {
  const some = fc.oneof(
    fc.constantFrom(...pieces).map(piece => Buffer.from(piece, 'latin1')),
    fc.uint8Array({ maxLength: 6 }).map(each => Buffer.from(each))
  )
  const assembled = fc.array(some, { maxLength: 12 }).map(parts => Buffer.concat(parts))
  const edited = fc
    .tuple(fc.nat({ max: full.length }), fc.nat({ max: 8 }), fc.oneof(some, fc.constant(Buffer.alloc(0))))
    .map(([at, less, more]) => Buffer.concat([full.subarray(0, at), more, full.subarray(at + less)]))
  return fc.oneof(assembled, edited)
}

const runs = { numRuns: 3_000 } as const

it('a commit that is in our form is the bytes that its signature covers, with the signature in them', () => {
  const pieces = [
    'tree ',
    id,
    '\n',
    'parent ',
    'author a <a@b> 1 +0000\n',
    'gpgsig ',
    armored,
    '\n ',
    ' ',
    '\0',
    head,
    '\n\n'
  ]
  fc.assert(
    fc.property(bytesLike(Buffer.from(whole), pieces), bytes => {
      const parsed = parseCommit(bytes)
      const signed = signedCommit(bytes)
      const fault = formFault(bytes)
      if (parsed === null) expect(fault).not.toBeNull()
      if (fault !== null) return
      const payload = signed?.payload.toString('latin1') ?? ''
      const end = payload.indexOf('\n\n') + 1
      const folded = signed?.signature.slice(0, -1).replaceAll('\n', '\n ') ?? ''
      const name = /^tree [0-9a-f]{64}\n/.test(payload) ? 'gpgsig-sha256' : 'gpgsig'
      expect(`${payload.slice(0, end)}${name} ${folded}\n${payload.slice(end)}`).toBe(
        bytes.toString('latin1')
      )
      const names = `tree ${parsed?.tree}\n${(parsed?.parents ?? []).map(sha => `parent ${sha}\n`).join('')}author `
      expect(payload.startsWith(names)).toBe(true)
      expect(payload.endsWith(`\n\n${Buffer.from(parsed?.message ?? '').toString('latin1')}`)).toBe(true)
    }),
    runs
  )
  expect(formFault(Buffer.from(whole))).toBeNull()
  // Cut off at the end of its header: there is no message, not even an empty one.
  expect(formFault(Buffer.from(whole.slice(0, whole.indexOf('\n\n'))))).not.toBeNull()
})

it('a tree without a fault is its entries, in order, and nothing else', () => {
  const entry = (mode: string, name: string) =>
    Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.alloc(20, 7)])
  const full = Buffer.concat([entry('100644', 'a'), entry('40000', 'b'), entry('100755', 'c')])
  const pieces = [
    '100644 a\0',
    '40000 b\0',
    '040000 ',
    ' ',
    '\0',
    '\x07'.repeat(20),
    '.git',
    '../',
    '120000 \xff\0'
  ]
  fc.assert(
    fc.property(bytesLike(full, pieces), bytes => {
      let tree: ReturnType<typeof readTree>
      try {
        tree = readTree(bytes, 20)
      } catch (error) {
        expect(error).toBeInstanceOf(AdversaryError)
        return
      }
      if (tree.fault !== null) return
      const spans = treeSpans(bytes, 20)
      expect(spans.map(({ from, to }) => to - from).reduce((sum, one) => sum + one, 0)).toBe(bytes.length)
      const again = spans.map(({ mode, name, sha, from }) => {
        // Other tools wrote modes with leading zeros, which git reads as the same.
        const zeros = /^0*(?=\d)/.exec(bytes.toString('latin1', from))?.[0] ?? ''
        return Buffer.concat([
          Buffer.from(`${zeros}${mode} `),
          name,
          Buffer.alloc(1),
          Buffer.from(sha, 'hex')
        ])
      })
      expect(Buffer.concat(again).equals(bytes)).toBe(true)
      const keys = spans.map(({ mode, name }) => name.toString('latin1') + (mode === '40000' ? '/' : ''))
      expect(keys).toEqual(
        [...new Set(keys)].sort((a, b) => Buffer.compare(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1')))
      )
    }),
    runs
  )
  expect(readTree(full, 20).fault).toBeNull()
})

const text = (bytes: Uint8Array | string) => {
  const body = Buffer.from(bytes)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(body.length)
  return Buffer.concat([length, body])
}
const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url')
const blob = Buffer.concat([
  Buffer.from('SSHSIG'),
  Buffer.from([0, 0, 0, 1]),
  text(Buffer.concat([text('ssh-ed25519'), text(raw)])),
  text('git'),
  text(''),
  text('sha512'),
  text(Buffer.concat([text('ssh-ed25519'), text(sign(null, Buffer.from('x'), privateKey))]))
])
const armor = (base64: string) => `-----BEGIN SSH SIGNATURE-----\n${base64}\n-----END SSH SIGNATURE-----\n`

/** The same by a reader of its own: five fields of which nothing is left over. */
function fieldsOf(bytes: Buffer): readonly Buffer[] | null {
  const fields: Buffer[] = []
  let at = 10
  while (at < bytes.length) {
    if (at + 4 > bytes.length) return null
    const end = at + 4 + bytes.readUInt32BE(at)
    if (end > bytes.length) return null
    fields.push(bytes.subarray(at + 4, end))
    at = end
  }
  return fields.length === 5 ? fields : null
}

it('a signature that is taken is five fields and the one base64 of them', () => {
  const pieces = [
    'SSHSIG',
    '\0\0\0\x01',
    '\0\0\0\0',
    '\0\0\0\x06sha512',
    '\0\0\0\x0bssh-ed25519',
    '\xff\xff\xff\xff'
  ]
  fc.assert(
    fc.property(bytesLike(blob, pieces), fc.constantFrom('', '=', 'A', '\n', ' ', '-'), (bytes, more) => {
      const base64 = bytes.toString('base64') + more
      const read = readSshSignature(armor(base64))
      if (read === null) return
      read.fits(Buffer.from('x'))
      expect(bytes.toString('base64')).toBe(base64.trim())
      const fields = fieldsOf(bytes)
      expect(fields?.[0]?.toString('base64')).toBe(read.key)
      const again = Buffer.concat([bytes.subarray(0, 10), ...(fields ?? []).map(text)])
      expect(again.equals(bytes)).toBe(true)
    }),
    runs
  )
  expect(readSshSignature(armor(blob.toString('base64')))).not.toBeNull()
  expect(readSshSignature(armor(Buffer.concat([blob, Buffer.from('x')]).toString('base64')))).toBeNull()
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), any => {
      readSshSignature(any)
      readSshSignature(armor(any))
    }),
    runs
  )
})
