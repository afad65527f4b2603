import { AdversaryError } from '../lib/errors.ts'
import type { NewCommit } from './git-types.ts'
import { kindOf } from './names.ts'
import type { ObjectReader } from './raw/objects.ts'
import { type Algorithm, algorithmOf, type NewObjects, newObjects } from './raw/pack.ts'
import { runGit } from './process.ts'
import { sortKey, treeSpans } from './raw/trees.ts'

/**
 * Writes blobs, trees and a signed commit with plumbing: no work tree, so no filters, attributes or hooks
 * of the watched repository come near the bytes. No ref is moved.
 *
 * @param tree of the parent. Trees are changed byte by byte and not through an index, which would refuse what
 * a builder may push to a lenient server (an entry `.git`, a symlink `.gitmodules`), and repair the rest.
 * @throws AdversaryError `repository` where git cannot write, `usage` where the key does not sign.
 */
export async function writeCommit(
  dir: string,
  commit: NewCommit,
  { tree, objects }: { readonly tree: string | null; readonly objects: ObjectReader },
  signal: AbortSignal | undefined
): Promise<string> {
  const made = newObjects(tree === null ? await algorithm(dir, signal) : algorithmOf(tree))
  let root = tree
  for (const { path, bytes } of commit.files) {
    root = await put(root, path.split('/'), made.add('blob', bytes), { made, objects })
  }
  root ??= made.add('tree', new Uint8Array())
  // All in one process: the time from reading the tip to the push is the time in which the race can be lost.
  const ran = await runGit(dir, ['unpack-objects', '-q'], { input: await made.pack(), signal })
  if (ran.code !== 0) {
    throw new AdversaryError(
      'repository',
      `git unpack-objects failed: ${ran.stderr.trim() || 'no reason given'}`
    )
  }
  return sign(dir, root, commit, signal)
}

/** The tree with the blob at that path. @throws AdversaryError `not-trusted` where something else is in the way. */
async function put(
  tree: string | null,
  names: readonly string[],
  blob: string,
  adapters: { readonly made: NewObjects; readonly objects: ObjectReader }
): Promise<string> {
  const [name = '', ...below] = names
  const raw =
    tree === null ? Buffer.alloc(0) : (adapters.made.get(tree) ?? (await adapters.objects.read(tree))?.bytes)
  if (raw === undefined) throw new AdversaryError('repository', `tree ${tree} is missing from the clone`)
  const entries = treeSpans(raw, blob.length / 2)
  const folder = below.length > 0
  const there = entries.find(entry => entry.name.equals(Buffer.from(name)))
  const fits = folder ? /^40000$/ : /^100\d{3}$/
  if (there !== undefined && !fits.test(there.mode)) {
    throw new AdversaryError('not-trusted', `${name} is ${kindOf(there.mode)} in the repository`)
  }
  const sha = folder ? await put(there?.sha ?? null, below, blob, adapters) : blob
  const entry = Buffer.concat([
    Buffer.from(`${folder ? '40000' : '100644'} ${name}\0`),
    Buffer.from(sha, 'hex')
  ])
  const key = sortKey(Buffer.from(name), folder)
  const before = entries.find(other => Buffer.compare(sortKey(other.name, other.mode === '40000'), key) > 0)
  const from = there?.from ?? before?.from ?? raw.length
  const to = there?.to ?? from
  return adapters.made.add('tree', Buffer.concat([raw.subarray(0, from), entry, raw.subarray(to)]))
}

/** How a repo that has no commit yet names its objects. */
async function algorithm(dir: string, signal: AbortSignal | undefined): Promise<Algorithm> {
  const ran = await runGit(dir, ['rev-parse', '--show-object-format'], { signal })
  return ran.stdout.toString().trim() === 'sha256' ? 'sha256' : 'sha1'
}

async function sign(
  dir: string,
  tree: string,
  { identity, parent, date, message }: NewCommit,
  signal: AbortSignal | undefined
): Promise<string> {
  const seconds = Math.floor(Date.parse(date) / 1000)
  if (!Number.isSafeInteger(seconds)) throw new RangeError(`${date} is not a date`)
  const when = `@${seconds} +0000`
  const args = [
    [
      '-c',
      'gpg.format=ssh',
      '-c',
      'gpg.ssh.program=ssh-keygen',
      '-c',
      `user.signingKey=${identity.signingKey}`
    ],
    ['-c', 'i18n.commitEncoding=UTF-8', 'commit-tree', '-S', '-F', '-'],
    parent === null ? [] : ['-p', parent],
    [tree]
  ].flat()
  const ran = await runGit(dir, args, {
    input: message,
    signal,
    env: {
      GIT_AUTHOR_NAME: identity.name,
      GIT_AUTHOR_EMAIL: identity.email,
      GIT_AUTHOR_DATE: when,
      GIT_COMMITTER_NAME: identity.name,
      GIT_COMMITTER_EMAIL: identity.email,
      GIT_COMMITTER_DATE: when
    }
  })
  const sha = ran.stdout.toString().trim()
  if (ran.code !== 0 || sha === '') {
    throw new AdversaryError(
      'usage',
      `the review cannot be signed with ${identity.signingKey}: ${ran.stderr.trim()}`,
      {
        hint: 'identity.signingKey names a private SSH key without a passphrase, or a public key whose private half is in the agent'
      }
    )
  }
  return sha
}
