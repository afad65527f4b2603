import { sha256 } from '../lib/canonical.ts'
import { AdversaryError, messageOf } from '../lib/errors.ts'
import type { Git } from '../git/clone.ts'
import type { PushOutcome, SigningIdentity } from '../git/git-types.ts'
import { readRecord, type SignedRecord, type Trust } from './record.ts'
import { printMessage, type ReviewMessage } from './trailers.ts'

/** The branch as it stands when a review is about to be put on it. */
export interface Tip {
  readonly sha: string
  /** ISO 8601 UTC. */
  readonly committedAt: string
  readonly record: SignedRecord
  /**
   * Bytes of a file at the tip, null where there is none.
   *
   * @throws AdversaryError `not-trusted` for a symlink, a folder, or a file that is too large.
   */
  readFile(path: string): Promise<Uint8Array | null>
  /** Why no file can be written at this path: what else is in its place, in its way, or looks like it; null: one can. */
  blocked(path: string): Promise<string | null>
}

export interface Publication {
  /** Path of the review file. */
  readonly path: string
  /** Bytes to append to what the file holds at the tip, closing of open blocks included. */
  readonly appended: Uint8Array
  /** Evidence: new files, never an existing one with other bytes. */
  readonly files: readonly { readonly path: string; readonly bytes: Uint8Array }[]
  /** `section` and `repo` are filled in here. */
  readonly message: Omit<ReviewMessage, 'section' | 'repo'>
}

export interface PublishOptions {
  readonly git: Git
  /** Where reviews are pushed. */
  readonly branch: string
  /** Where to start the branch from when the remote has none yet (a review branch of its own). */
  readonly startFrom?: string
  readonly identity: SigningIdentity
  readonly trust: Trust
  /** Which repo the review is signed for; default: none is named. */
  readonly repo?: string | null
  /** Milliseconds since 1970. */
  now(): number
  sleep(ms: number): Promise<void>
  /** When what is published was observed, milliseconds since 1970. After `freshMs` it is stale. */
  readonly observedAt: number
  /** Default 5 minutes. */
  readonly freshMs?: number
  /** Default 1000: what was observed is stale before that. */
  readonly attempts?: number
  /** Builds what would be published on the tip as it is now, and pushes nothing. */
  readonly dryRun?: boolean
  readonly signal?: AbortSignal
}

export type Published =
  | { readonly kind: 'published'; readonly commit: string; readonly attempts: number }
  | { readonly kind: 'dropped' }
  /** A dry run: this would be pushed. */
  | { readonly kind: 'dry-run'; readonly path: string; readonly appended: Uint8Array }
  /** What was observed is too old to be published: observe again. */
  | { readonly kind: 'stale' }

/** The longest pause between two attempts, in milliseconds, and how many attempts long it may be. */
const mostPause = { ms: 2000, attempts: 4 }

/** One publication under way: what is published is rendered anew for each tip, until a push wins. */
export interface Publishing {
  /** The branch as it is now; null: what was observed is too old to be published. */
  nextTip(): Promise<Tip | null>
  /** Pushes what was rendered for that tip; null: the race was lost, the next tip is to be rendered for. */
  push(tip: Tip, publication: Publication): Promise<Published | null>
}

/**
 * Puts one review on the branch: the push is the compare-and-swap. Lost pushes start over on the new tip.
 *
 * @throws AdversaryError `repository` when the push is refused, or lost on every attempt; `not-trusted` when
 * the review path is a symlink, lies under one, or has a twin in the tree, or when the signature that was
 * just made is not one that the allowed signers let through.
 */
export function beginPublishing(options: PublishOptions): Publishing {
  const { git, branch, signal } = options
  const attempts = options.attempts ?? 1000
  const freshMs = options.freshMs ?? 300_000
  let attempt = 0
  let begun = 0
  let believed = false
  let reviews: number | null = null
  let rivals = false
  return {
    async nextTip() {
      attempt += 1
      signal?.throwIfAborted()
      begun = options.now()
      // Either way: a clock that was set back since tells no age either.
      if (Math.abs(begun - options.observedAt) > freshMs) return null
      const tip = await tipOf(options)
      const { length } = tip.record.reviews
      rivals ||= reviews !== null && length > reviews
      reviews = length
      return tip
    },
    async push(tip, publication) {
      if (options.dryRun === true)
        return { kind: 'dry-run', path: publication.path, appended: publication.appended }
      const commit = await write(options, tip, publication)
      // Once: it is the same key and the same list a moment later, and whoever is slow loses again.
      if (!believed) await requireBelieved(options, commit)
      believed = true
      const pushed = await push(git, commit, branch)
      if (pushed.kind === 'pushed') {
        await git.remember(branch, commit)
        return { kind: 'published', commit, attempts: attempt }
      }
      if (pushed.kind === 'refused') throw refused(branch, pushed.why)
      await options.sleep(pauseAfter(attempt, options.now() - begun, rivals))
      if (attempt < attempts) return null
      const why = `the push to ${branch} lost ${attempts} races in a row: ${pushed.why}`
      throw new AdversaryError('repository', why)
    }
  }
}

/**
 * People push when they push: a pause would only make fewer attempts of it. Reviewers that lost to each other must
 * not come back in step, nor the one that lost most come last; how long an attempt takes is how crowded it is.
 */
function pauseAfter(attempt: number, tookMs: number, rivals: boolean): number {
  const attempts = rivals ? Math.min(2 ** (attempt - 1), mostPause.attempts) : 0.25
  return Math.min(Math.max(tookMs, 20) * attempts, mostPause.ms) * Math.random()
}

async function tipOf({ git, branch, startFrom, trust }: PublishOptions): Promise<Tip> {
  const hurry = { hurry: true }
  const sha =
    (await git.fetch(branch, hurry)) ?? (startFrom === undefined ? null : await git.fetch(startFrom, hurry))
  if (sha === null) throw new AdversaryError('repository', `the remote has no branch ${startFrom ?? branch}`)
  return tipAt(git, sha, await readRecord(git, sha, trust))
}

/** A commit of the clone as a review may be put on it. */
export function tipAt(git: Git, sha: string, record: SignedRecord): Tip {
  return {
    sha,
    committedAt: record.history.at(-1)?.committedAt ?? '',
    record,
    async readFile(path) {
      const file = await git.file(sha, path, { anyTree: true })
      if (file.kind === 'refused') throw new AdversaryError('not-trusted', file.why)
      return file.kind === 'absent' ? null : file.bytes
    },
    async blocked(path) {
      const file = await git.file(sha, path, { anyTree: true })
      if (file.kind === 'refused') return file.why
      const twin = await git.twin(sha, path)
      return twin === null ? null : `${JSON.stringify(twin)} disguises itself as ${path}`
    }
  }
}

async function write(options: PublishOptions, tip: Tip, publication: Publication): Promise<string> {
  const { git, identity } = options
  const { path, appended, files } = publication
  const before = (await tip.readFile(path)) ?? new Uint8Array()
  for (const file of files) {
    const there = await tip.readFile(file.path)
    if (there !== null && sha256(there) !== sha256(file.bytes)) {
      throw new AdversaryError('not-trusted', `${file.path} is already in the repository, with other bytes`)
    }
  }
  for (const name of [path, ...files.map(file => file.path)]) {
    const twin = await git.twin(tip.sha, name)
    if (twin !== null) {
      throw new AdversaryError(
        'not-trusted',
        `${JSON.stringify(twin)} in the repository disguises itself as ${name}`,
        {
          hint: 'rename or remove it: some systems cannot distinguish the two'
        }
      )
    }
  }

  const section = { path, digest: sha256(appended) }
  return git.writeCommit({
    parent: tip.sha,
    files: [{ path, bytes: Buffer.concat([before, appended]) }, ...files],
    message: printMessage({ ...publication.message, section, repo: options.repo ?? null }),
    identity,
    date: dateFor(options.now(), tip.record)
  })
}

/** @throws AdversaryError `not-trusted` where no gate would believe what was just signed. */
async function requireBelieved({ git, identity, trust }: PublishOptions, commit: string): Promise<void> {
  const signature = (await git.signatures([commit], trust)).get(commit)
  if (signature?.state !== 'good' || signature.principal !== trust.reviewer) {
    const found = signature?.state === 'good' ? `it is ${signature.principal}'s` : 'it is not on the list'
    throw new AdversaryError(
      'not-trusted',
      `no gate would trust a review signed with ${identity.signingKey}: ${found}`,
      {
        hint: `the allowed signers need a line of ${trust.reviewer} for that key`
      }
    )
  }
}

/**
 * Now, but never before a review that this one builds on: a gate reads such a date as forged. Commits of
 * builders do not count, since theirs may lie in any future.
 */
function dateFor(now: number, record: SignedRecord): string {
  const signed = record.distrusted.filter(({ signature }) => signature.state === 'good')
  const newest = [...record.reviews, ...signed].map(({ commit }) => Date.parse(commit.committedAt))
  return new Date(Math.max(now, ...newest)).toISOString()
}

/** A connection that breaks after the server has taken the commit leaves it unsaid: then the remote is asked. */
async function push(git: Git, commit: string, branch: string): Promise<PushOutcome> {
  try {
    return await git.push(commit, branch)
  } catch (error) {
    const tip = await git.remoteTip(branch).catch(() => null)
    if (tip === commit) return { kind: 'pushed' }
    if (!(error instanceof AdversaryError)) throw error
    throw new AdversaryError('repository', `the review could not be pushed: ${messageOf(error)}`, {
      cause: error
    })
  }
}

function refused(branch: string, why: string): AdversaryError {
  return new AdversaryError('repository', `the push to ${branch} was refused: ${why}`, {
    hint: `let the reviewer push to ${branch}, or push reviews to a branch of their own (repo.reviewBranch)`
  })
}
