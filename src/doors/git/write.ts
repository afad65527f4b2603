import { AdversaryError } from '../../base/errors.ts'
import type { NewCommit } from '../git.ts'
import { kindOf } from './names.ts'
import { type ObjectReader, treeSpans } from './objects.ts'
import { runGit } from './process.ts'

/**
 * Writes blobs, trees and a signed commit with plumbing: no work tree, so no filters, attributes or hooks
 * of the watched repository come near the bytes. No ref is moved.
 *
 * @param tree of the parent. Trees are changed byte by byte and not through an index, which would refuse what
 * a builder may push to a lenient server (an entry `.git`, a symlink `.gitmodules`), and mend the rest.
 * @throws AdversaryError `repository` where git cannot write, `usage` where the key does not sign.
 */
export async function writeCommit(
  dir: string,
  commit: NewCommit,
  { tree, objects }: { readonly tree: string | null; readonly objects: ObjectReader },
  signal: AbortSignal | undefined
): Promise<string> {
  const write: Write = async (type, bytes) => {
    // Literally: what is odd in a builder's tree stays as it is.
    const args = ['hash-object', '-w', '-t', type, '--literally', '--no-filters', '--stdin']
    const ran = await runGit(dir, args, { input: bytes, signal })
    if (ran.code !== 0) {
      throw new AdversaryError(
        'repository',
        `git ${args[0]} failed: ${ran.stderr.trim() || 'no reason given'}`
      )
    }
    return ran.stdout.toString().trim()
  }
  let root = tree
  for (const { path, bytes } of commit.files) {
    const blob = await write('blob', bytes)
    root = await put(root, path.split('/'), blob, { write, objects })
  }
  return sign(dir, root ?? (await write('tree', new Uint8Array())), commit, signal)
}

type Write = (type: 'blob' | 'tree', bytes: Uint8Array) => Promise<string>

/** The tree with the blob at that path. @throws AdversaryError `not-trusted` where something else is in the way. */
async function put(
  tree: string | null,
  names: readonly string[],
  blob: string,
  doors: { readonly write: Write; readonly objects: ObjectReader }
): Promise<string> {
  const [name = '', ...below] = names
  const raw = tree === null ? Buffer.alloc(0) : (await doors.objects.read(tree))?.bytes
  if (raw === undefined) throw new AdversaryError('repository', `the clone misses the tree ${tree}`)
  const entries = treeSpans(raw, blob.length / 2)
  const folder = below.length > 0
  const there = entries.find(entry => entry.name.equals(Buffer.from(name)))
  const fits = folder ? /^40000$/ : /^100\d{3}$/
  if (there !== undefined && !fits.test(there.mode)) {
    throw new AdversaryError('not-trusted', `${name} is ${kindOf(there.mode)} in the repository`)
  }
  const sha = folder ? await put(there?.sha ?? null, below, blob, doors) : blob
  const entry = Buffer.concat([
    Buffer.from(`${folder ? '40000' : '100644'} ${name}\0`),
    Buffer.from(sha, 'hex')
  ])
  const key = sortKey(Buffer.from(name), folder)
  const before = entries.find(other => Buffer.compare(sortKey(other.name, other.mode === '40000'), key) > 0)
  const from = there?.from ?? before?.from ?? raw.length
  const to = there?.to ?? from
  return doors.write('tree', Buffer.concat([raw.subarray(0, from), entry, raw.subarray(to)]))
}

/** git sorts a folder as if its name ended in a slash. */
function sortKey(name: Buffer, folder: boolean): Buffer {
  return folder ? Buffer.concat([name, Buffer.from('/')]) : name
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
