import type { Claim } from '../words.ts'
import { type ClaimCommit, type ClaimPatterns, type ParsedClaim, parseClaim } from './parse.ts'

/** One commit of the watched branch. */
export interface HistoryCommit extends ClaimCommit {
  readonly parents: readonly string[]
}

export interface Owed {
  readonly claim: Claim
  /** Older claims of the same milestone that this one answers for, oldest first. */
  readonly supersedes: readonly Claim[]
}

export interface Pending {
  /** Claims owed a review, oldest first, the newest of each milestone. */
  readonly owed: readonly Owed[]
  readonly malformed: readonly Extract<ParsedClaim, { kind: 'malformed' }>[]
  /** Claims that carry the reviewer's own identity: never reviewed. */
  readonly own: readonly Claim[]
}

/**
 * Which claims are owed a review.
 *
 * @param history commits after `since`, oldest first (parents before children): what git lists for `since..tip`.
 * @param settled shas of claims that a signed review answered or named as superseded.
 * @param reviewer e-mail of the reviewer's own identity.
 */
export declare function pending(
  history: readonly HistoryCommit[],
  settled: ReadonlySet<string>,
  reviewer: { readonly email: string },
  patterns?: ClaimPatterns
): Pending
void parseClaim
