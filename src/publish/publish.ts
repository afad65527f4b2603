import type { Git, SigningIdentity } from '../doors/git.ts'
import type { SignedRecord, Trust } from '../record/record.ts'
import type { ReviewMessage } from '../record/trailers.ts'

/** The branch as it stands when a review is about to be put on it. */
export interface Tip {
  readonly sha: string
  /** ISO 8601 UTC. */
  readonly committedAt: string
  readonly record: SignedRecord
  /**
   * Bytes of a file at the tip, null where there is none.
   *
   * @throws AdversaryError `repository` for a symlink, a folder, or a file that is too large.
   */
  readFile(path: string): Promise<Uint8Array | null>
}

export interface Publication {
  /** Path of the review file. */
  readonly path: string
  /** Bytes to append to what the file holds at the tip, closing of open blocks included. */
  readonly appended: Uint8Array
  /** Evidence: new files, never an existing one with other bytes. */
  readonly files: readonly { readonly path: string; readonly bytes: Uint8Array }[]
  /** `section` is filled in here. */
  readonly message: Omit<ReviewMessage, 'section'>
}

export interface PublishOptions {
  readonly git: Git
  /** Where reviews are pushed. */
  readonly branch: string
  /** Where to start the branch from when the remote has none yet (a review branch of its own). */
  readonly startFrom?: string
  readonly identity: SigningIdentity
  readonly trust: Trust
  /**
   * Called for every attempt with the tip of that attempt. Null drops the review: somebody else has
   * answered the claim, or nothing is left to say.
   */
  build(tip: Tip): Promise<Publication | null>
  /** Milliseconds since 1970. */
  now(): number
  sleep(ms: number): Promise<void>
  /** When what is published was observed, milliseconds since 1970. After `freshMs` it is stale. */
  readonly observedAt: number
  /** Default 5 minutes. */
  readonly freshMs?: number
  /** Default 10. */
  readonly attempts?: number
  readonly signal?: AbortSignal
}

export type Published =
  | { readonly kind: 'published'; readonly commit: string; readonly attempts: number }
  | { readonly kind: 'dropped' }
  /** What was observed is too old to be published: observe again. */
  | { readonly kind: 'stale' }

/**
 * Puts one review on the branch: the push is the compare-and-swap. Lost pushes start over on the new tip.
 *
 * @throws AdversaryError `repository` when the push is refused, or lost on every attempt; `not-trusted` when
 * the review path is a symlink, lies under one, or has a twin in the tree.
 */
export declare function publish(options: PublishOptions): Promise<Published>
