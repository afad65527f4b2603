import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { sha256 } from '../../base/canonical.ts'
import { AdversaryError } from '../../base/errors.ts'
import type { Person } from '../../words.ts'
import type { Commit, Range, Signature, Signers } from '../git.ts'
import { headerFault } from './header.ts'
import { BrokenClone, runGit } from './process.ts'

const fields = ['%H', '%P', '%an', '%ae', '%at', '%cn', '%ce', '%ct', '%B'] as const

/** Commits of the range, parents before children. Rejects with `BrokenClone` where the clone cannot tell. */
export async function readLog(
  dir: string,
  range: Range,
  signal: AbortSignal | undefined
): Promise<readonly Commit[]> {
  // Not %aN and %aE: a `.mailmap` must not decide who somebody is.
  const args = [
    'log',
    '-z',
    '--topo-order',
    '--reverse',
    `--format=tformat:${fields.join('%x00')}`,
    '--stdin'
  ]
  if (range.noWalk) args.push('--no-walk')
  const revisions = [range.tip, ...(range.not ?? []).map(sha => `^${sha}`)]
  const ran = await runGit(dir, args, { input: `${revisions.join('\n')}\n`, signal })
  if (ran.code !== 0) throw new BrokenClone(`the history cannot be read: ${ran.stderr.trim()}`)

  const words = ran.stdout.toString().split('\0')
  words.pop()
  if (words.length % fields.length !== 0)
    throw new BrokenClone('the history cannot be read: fields are missing')
  const commits: Commit[] = []
  const people = new Map<string, Person>()
  const person = (name: string, email: string): Person => {
    const key = `${name}\0${email}`
    const known = people.get(key) ?? { name, email }
    people.set(key, known)
    return known
  }
  const word = (index: number) => words[index] ?? ''
  for (let at = 0; at < words.length; at += fields.length) {
    const parents = word(at + 1)
    const [authored, committed] = [word(at + 4), word(at + 7)]
    const authoredAt = isoTime(authored)
    const message = word(at + 8)
    const end = message.indexOf('\n')
    commits.push({
      sha: word(at),
      parents: parents === '' ? [] : parents.split(' '),
      author: person(word(at + 2), word(at + 3)),
      committer: person(word(at + 5), word(at + 6)),
      authoredAt,
      committedAt: committed === authored ? authoredAt : isoTime(committed),
      subject: end < 0 ? message : message.slice(0, end),
      message
    })
  }
  return commits
}

/** Seconds since 1970 as git keeps them, which may be any number: held inside what ISO 8601 can say. */
function isoTime(seconds: string): string {
  const number = Number(seconds)
  const held = Number.isFinite(number) ? Math.min(Math.max(number, 0), 253_402_300_799) : 0
  return new Date(held * 1000).toISOString()
}

export interface Verifier {
  signatures(shas: readonly string[], signers: Signers): Promise<ReadonlyMap<string, Signature>>
}

/**
 * Verifies through git, remembering each answer: a sha and a list of signers never change their meaning.
 *
 * @param raw the bytes of a commit object as git stores it.
 */
export function verifier(
  dir: string,
  raw: (sha: string) => Promise<Uint8Array | null>,
  signal: AbortSignal | undefined
): Verifier {
  const remembered = new Map<string, Map<string, Signature>>()

  /** What git verifies and what git prints must be the same commit; of some dates git dies. */
  const misshapen = async (sha: string): Promise<Signature | null> => {
    const bytes = await raw(sha)
    if (bytes === null) throw new BrokenClone(`the clone holds no commit ${sha}`)
    const why = headerFault(bytes)
    return why === null ? null : { state: 'bad', why, key: '' }
  }

  return {
    async signatures(shas, signers) {
      const key = sha256(`${sha256(signers.allowed)} ${signers.revoked ? sha256(signers.revoked) : 'none'}`)
      const known = remembered.get(key) ?? new Map<string, Signature>()
      remembered.set(key, known)
      const unknown = [...new Set(shas)].filter(sha => !known.has(sha))
      const faults = await Promise.all(unknown.map(async sha => [sha, await misshapen(sha)] as const))
      for (const [sha, fault] of faults) if (fault !== null) known.set(sha, fault)
      const open = unknown.filter(sha => !known.has(sha))
      if (open.length > 0) {
        const files = await signersFiles(dir, signers)
        // Each signature is a process of ssh-keygen, which git starts one after another.
        const size = Math.max(4, Math.ceil(open.length / availableParallelism()))
        const parts = Array.from({ length: Math.ceil(open.length / size) }, (_, index) =>
          open.slice(index * size, (index + 1) * size)
        )
        const answers = await Promise.all(parts.map(part => verify(dir, part, files, signal)))
        for (const [sha, signature] of answers.flat()) known.set(sha, signature)
      }
      return new Map(
        shas.map(sha => [sha, known.get(sha) ?? { state: 'bad', why: 'git did not answer for it', key: '' }])
      )
    }
  }
}

interface SignersFiles {
  readonly allowed: string
  readonly revoked: string | null
}

/**
 * Files of git's in the clone, named by what they hold. Looked for each time: whoever sweeps a temporary
 * folder after some days, or makes the clone anew, must not turn what is signed into what is not.
 */
async function signersFiles(dir: string, { allowed, revoked }: Signers): Promise<SignersFiles> {
  const put = async (kind: string, content: string | Uint8Array) => {
    const path = join(dir, `adversary-${kind}-${sha256(content).slice('sha256:'.length)}`)
    if (existsSync(path)) return path
    const made = `${path}.new-${randomBytes(6).toString('hex')}`
    try {
      await writeFile(made, content, { mode: 0o600 })
      await rename(made, path)
    } catch (error) {
      // Made anew meanwhile.
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
      throw new BrokenClone(`the clone in ${dir} is gone`)
    }
    return path
  }
  return {
    allowed: await put('allowed', allowed),
    revoked: revoked === undefined ? null : await put('revoked', revoked)
  }
}

/**
 * What git says where this machine had no room or no process to verify with. It goes on and calls the commit
 * unsigned or its signature bad: a veto would be none.
 */
const notVerified =
  /^(?:error|fatal): (?:ssh-keygen died of signal|cannot (?:run|fork|exec)|could not create temporary file|failed writing detached signature)|(?:No space left on device|Disk quota exceeded|Cannot allocate memory|Resource temporarily unavailable|Too many open files)$/

async function verify(
  dir: string,
  shas: readonly string[],
  { allowed, revoked }: SignersFiles,
  signal: AbortSignal | undefined
): Promise<readonly (readonly [string, Signature])[]> {
  const args = [
    ['-c', `gpg.ssh.allowedSignersFile=${allowed}`],
    revoked === null ? [] : ['-c', `gpg.ssh.revocationFile=${revoked}`],
    // Only SSH signatures count; no other verifier is ever started.
    ['-c', 'gpg.program=false', '-c', 'gpg.x509.program=false', '-c', 'gpg.ssh.program=ssh-keygen'],
    ['log', '-z', '--no-walk=unsorted', '--stdin', '--format=tformat:%H%x00%G?%x00%GS%x00%GF']
  ].flat()
  const ran = await runGit(dir, args, { input: `${shas.join('\n')}\n`, signal, deadlineMs: 300_000 })
  if (ran.code !== 0) throw new BrokenClone(`signatures cannot be read: ${ran.stderr.trim()}`)
  if (/cannot run ssh-keygen|ssh-keygen.*needs? (?:to be )?install/i.test(ran.stderr)) {
    throw new AdversaryError('missing-tool', 'ssh-keygen is not installed')
  }
  const trouble = ran.stderr.split('\n').find(line => notVerified.test(line))
  if (trouble !== undefined)
    throw new AdversaryError('repository', `signatures could not be verified: ${trouble}`)
  // Gone between two calls, with a clone that another process made anew: git would call every commit unsigned.
  if (![allowed, revoked].every(path => path === null || existsSync(path))) {
    throw new BrokenClone('the list of allowed signers is gone from the clone')
  }
  const words = ran.stdout.toString().split('\0')
  const answers: (readonly [string, Signature])[] = []
  for (let at = 0; at + 3 < words.length; at += 4) {
    const [sha = '', state = '', principal = '', key = ''] = words.slice(at, at + 4)
    answers.push([sha, signatureOf(state, principal, key)])
  }
  return answers
}

/** Only `G` is good. `N` means unsigned here, since there is always an allowed-signers file. */
function signatureOf(state: string, principal: string, key: string): Signature {
  if (state === 'G' && principal !== '' && key !== '') return { state: 'good', principal, key }
  if (state === 'N') return { state: 'none' }
  const whys: Readonly<Record<string, string>> = {
    B: 'the signature does not fit the commit, or its key is revoked',
    U: 'the key is not on the list of allowed signers, or was not valid when the commit says it was made'
  }
  return { state: 'bad', why: whys[state] ?? `git does not vouch for it (${state || 'no answer'})`, key }
}
