import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AdversaryError } from '../../base/errors.ts'
import type { NewCommit } from '../git.ts'
import { runGit, type RunOptions } from './process.ts'

/**
 * Writes blobs, a tree and a signed commit with plumbing: no work tree, so no filters, attributes or hooks
 * of the watched repository come near the bytes. No ref is moved.
 *
 * @throws AdversaryError `repository` where git cannot write, `usage` where the key does not sign.
 */
export async function writeCommit(
  dir: string,
  commit: NewCommit,
  signal: AbortSignal | undefined
): Promise<string> {
  const plumb = async (args: readonly string[], options: RunOptions = {}) => {
    const ran = await runGit(dir, args, { ...options, signal })
    if (ran.code !== 0) {
      throw new AdversaryError(
        'repository',
        `git ${args[0]} failed: ${ran.stderr.trim() || 'no reason given'}`
      )
    }
    return ran.stdout.toString().trim()
  }

  const blobs = await Promise.all(
    commit.files.map(async ({ path, bytes }) => {
      const sha = await plumb(['hash-object', '-w', '-t', 'blob', '--no-filters', '--stdin'], {
        input: bytes
      })
      return `100644 ${sha}\t${path}\0`
    })
  )
  const folder = await mkdtemp(join(tmpdir(), 'adversary-index-'))
  try {
    const env = { GIT_INDEX_FILE: join(folder, 'index') }
    if (commit.parent !== null) await plumb(['read-tree', commit.parent], { env })
    await plumb(['update-index', '-z', '--add', '--index-info'], { env, input: blobs.join('') })
    const tree = await plumb(['write-tree'], { env })
    return await sign(dir, tree, commit, signal)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
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
