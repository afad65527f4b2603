import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { rename, rm, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { sha256 } from '../lib/canonical.ts'
import { AdversaryError, messageOf } from '../lib/errors.ts'
import type { Signature, Signers } from './git-types.ts'
import { formFault, parseCommit, signedCommit } from './raw/commit.ts'
import { BrokenClone, runKeygen } from './process.ts'
import { type KnownKeys, listedKeys, readSshSignature } from './raw/sshsig.ts'

/**
 * Who signed a commit. What was signed, by which key and under which date comes from the same raw bytes that are
 * read as the commit's words; git is not asked. This process sorts out what no listed key signed, and ssh-keygen
 * judges the rest by the list.
 */

export interface Verifier {
  signatures(shas: readonly string[], signers: Signers): Promise<ReadonlyMap<string, Signature>>
}

/** How many commits are held as bytes at a time. */
const atOnce = 512

const whys = {
  broken: 'the signature does not match the commit',
  unlisted: 'the key is not in the allowed signers',
  refused:
    'the allowed signers do not accept the key: it was not valid at the date of the commit, or is not for git',
  revoked: 'its key is revoked',
  foreign: 'it has no readable SSH signature'
} as const

/**
 * Remembers each answer: a sha and a list of signers never change their meaning.
 *
 * @param raw the bytes of a commit object as git stores it.
 */
export function verifier(
  dir: string,
  raw: (sha: string) => Promise<Buffer | null>,
  signal: AbortSignal | undefined
): Verifier {
  const remembered = new Map<string, Map<string, Signature>>()
  const keys: KnownKeys = new Map()

  return {
    async signatures(shas, signers) {
      const name = sha256(`${sha256(signers.allowed)} ${signers.revoked ? sha256(signers.revoked) : 'none'}`)
      const known = remembered.get(name) ?? new Map<string, Signature>()
      remembered.set(name, known)
      const unknown = [...new Set(shas)].filter(sha => !known.has(sha))
      const listed = listedKeys(signers.allowed)
      const asked = keygen(dir, signers, signal)
      for (let from = 0; from < unknown.length; from += atOnce) {
        const part = unknown.slice(from, from + atOnce)
        const found = await Promise.all(
          part.map(async sha => ({ sha, ...sorted(sha, await raw(sha), listed, keys) }))
        )
        for (const { sha, signature } of found) if (signature !== undefined) known.set(sha, signature)
        const open = found.flatMap(({ sha, open }) => (open === undefined ? [] : [{ sha, open }]))
        await inParallel(open, async ({ sha, open }) => {
          known.set(sha, await asked(open))
        })
      }
      return new Map(
        shas.map(sha => [sha, known.get(sha) ?? { state: 'bad', why: 'it was not verified', key: '' }])
      )
    }
  }
}

interface Open {
  readonly payload: Buffer
  readonly armor: string
  readonly key: string
  readonly fingerprint: string
  readonly certified: boolean
  /** Committer date, ISO 8601 UTC. */
  readonly at: string
  /** Why the commit is not one that the product writes; null: it is. */
  readonly odd: { readonly why: string; readonly common: boolean } | null
}

/** The answer as far as this process knows it, or what ssh-keygen is to be asked. */
function sorted(
  sha: string,
  bytes: Buffer | null,
  listed: ReadonlySet<string>,
  keys: KnownKeys
): { readonly signature?: Signature; readonly open?: Open } {
  if (bytes === null) throw new BrokenClone(`commit ${sha} is not in the clone`)
  const commit = parseCommit(bytes)
  const signed = signedCommit(bytes)
  const odd = formFault(bytes)
  if (commit === null || signed === null) {
    // Another kind of signature, a lost header: a look-alike is no plain commit.
    const looks = /^gpgsig/m.test(bytes.toString('latin1').split('\n\n', 1)[0] ?? '')
    return { signature: looks ? { state: 'bad', why: odd?.why ?? whys.foreign, key: '' } : { state: 'none' } }
  }
  const found = readSshSignature(signed.signature, keys)
  const bad = (why: string, key = '') => ({
    signature: { state: 'bad', why: odd === null ? why : `${odd.why}, and ${why}`, key } as const
  })
  if (found === null) return bad(whys.foreign)
  const { key, fingerprint, authority } = found
  if (!listed.has(authority ?? key)) return bad(whys.unlisted)
  if (found.fits(signed.payload) === false) return bad(whys.broken)
  const armor = signed.signature
  const certified = authority !== null
  return {
    open: { payload: signed.payload, armor, key, fingerprint, certified, at: commit.committedAt, odd }
  }
}

/** Asks ssh-keygen as git does: for the names that the list has for a key, and for each whether it may sign this. */
function keygen(dir: string, signers: Signers, signal: AbortSignal | undefined) {
  const names = new Map<string, Promise<readonly string[]>>()
  // A key has the same names on every day, unless the list or its certificate says something of days.
  const timeless = !/valid-(?:after|before)/i.test(signers.allowed)

  return async ({ payload, armor, key, fingerprint, certified, at, odd }: Open): Promise<Signature> => {
    const lists = await signersFiles(dir, signers)
    const file = join(dir, `adversary-signature.new-${randomBytes(8).toString('hex')}`)
    const when = `-Overify-time=${at.replace(/\D/g, '').slice(0, 14)}`
    const ask = async (words: readonly string[], input?: Buffer) => {
      const ran = await runKeygen(dir, ['-Y', ...words, '-f', lists.allowed, '-s', file, when], {
        signal,
        ...(input === undefined ? {} : { input })
      })
      const failure = ran.stderr.split('\n').find(line => notVerified.test(line))
      // Gone between two calls, with a clone that another process made anew: no signature would be good.
      if (![file, lists.allowed, lists.revoked].every(path => path === null || existsSync(path)))
        throw new BrokenClone('the allowed signers file is missing from the clone')
      if (failure !== undefined)
        throw new AdversaryError('repository', `signatures could not be verified: ${failure}`)
      return ran
    }
    const namesOfKey = async () => {
      const ran = await ask(['find-principals'])
      return ran.code === 0 ? ran.stdout.toString().split(/\r?\n/).filter(Boolean) : []
    }
    const refuse = (why: string, from: string): Signature => ({
      state: 'bad',
      why: odd === null ? why : `${odd.why}, and ${why}`,
      key: from
    })
    const may = async (principal: string, more: readonly string[] = []) => {
      const ran = await ask(['verify', '-n', 'git', '-I', principal, ...more], payload)
      return ran.code === 0 && ran.stdout.toString().startsWith('Good "git" signature for ')
    }
    let revoked = false
    try {
      await put(file, armor)
      const known = timeless && !certified ? (names.get(key) ?? namesOfKey()) : namesOfKey()
      if (timeless && !certified) names.set(key, known)
      for (const principal of await known) {
        if (!(await may(principal, lists.revoked === null ? [] : ['-r', lists.revoked]))) {
          revoked ||= lists.revoked !== null && (await may(principal))
          continue
        }
        return odd === null
          ? { state: 'good', principal, key: fingerprint }
          : { state: 'odd', principal, key: fingerprint, ...odd }
      }
      // Whoever has stolen it signs what they like, under any date: it is not even heard.
      return revoked ? refuse(whys.revoked, '') : refuse(whys.refused, fingerprint)
    } finally {
      await rm(file, { force: true })
    }
  }
}

interface SignersFiles {
  readonly allowed: string
  readonly revoked: string | null
}

/**
 * Files in the clone, named by what they hold. Looked for each time: whoever sweeps a temporary folder after
 * some days, or makes the clone anew, must not turn what is signed into what is not.
 */
async function signersFiles(dir: string, { allowed, revoked }: Signers): Promise<SignersFiles> {
  const kept = async (kind: string, content: string | Uint8Array) => {
    const path = join(dir, `adversary-${kind}-${sha256(content).slice('sha256:'.length)}`)
    if (existsSync(path)) return path
    const made = `${path}.new-${randomBytes(6).toString('hex')}`
    await put(made, content)
    await rename(made, path)
    return path
  }
  return {
    allowed: await kept('allowed', allowed),
    revoked: revoked === undefined ? null : await kept('revoked', revoked)
  }
}

/** @throws AdversaryError `repository` where this machine has no room for it: nothing is bad for that. */
async function put(path: string, content: string | Uint8Array): Promise<void> {
  try {
    await writeFile(path, content, { mode: 0o600 })
  } catch (error) {
    // Made anew meanwhile.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      throw new BrokenClone('the clone is gone')
    throw new AdversaryError('repository', `signatures could not be verified: ${messageOf(error)}`, {
      cause: error
    })
  }
}

/** What ssh-keygen says where this machine had no room, no right or no memory to verify with. */
const notVerified =
  /No space left on device|Disk quota exceeded|Cannot allocate memory|Resource temporarily unavailable|Too many open files|No such file or directory|Permission denied|Input\/output error|unknown option|illegal option|^usage:/i

async function inParallel<One>(all: readonly One[], work: (one: One) => Promise<void>): Promise<void> {
  const left = [...all]
  const worker = async () => {
    for (let one = left.pop(); one !== undefined; one = left.pop()) await work(one)
  }
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), left.length) }, worker))
}
