import type { Commit, Git, Signature, Signers } from '../doors/git.ts'
import type { FindingTrailer, ReviewMessage } from './trailers.ts'

export interface Trust extends Signers {
  /** The principal whose verdicts count. */
  readonly reviewer: string
}

/** A review commit whose signature is good and whose message fits. */
export interface SignedReview {
  readonly commit: Commit
  readonly principal: string
  readonly byReviewer: boolean
  readonly message: ReviewMessage
}

/** A commit that looks like a review and is not believed. */
export interface Distrusted {
  readonly commit: Commit
  readonly signature: Signature
  readonly why: string
}

export interface SignedRecord {
  readonly tip: string
  /** Parents before children. */
  readonly reviews: readonly SignedReview[]
  readonly distrusted: readonly Distrusted[]
  /** All commits reachable from the tip, parents before children. */
  readonly history: readonly Commit[]
}

/** Reads the signed history reachable from the tip. */
export declare function readRecord(git: Git, tip: string, trust: Trust): Promise<SignedRecord>

/** The review that answered this claim, or named it as superseded. */
export declare function reviewOf(record: SignedRecord, claim: string): SignedReview | null
/** Shas of all claims that a review answered or named as superseded: for `pending`. */
export declare function settledClaims(record: SignedRecord): ReadonlySet<string>
export declare function newestPass(
  record: SignedRecord,
  phase: string,
  milestone: string
): SignedReview | null
/** When the newest PASS of the milestone was signed, ISO 8601 UTC. */
export declare function reviewTime(record: SignedRecord, phase: string, milestone: string): string | null
/** Newest review of the milestone, whatever its verdict. */
export declare function newestReview(
  record: SignedRecord,
  phase: string,
  milestone: string
): SignedReview | null
/** The newest policy that the reviewer signed for the phase. */
export declare function policyOf(record: SignedRecord, phase: string): ReviewMessage['policy']

export interface FindingLife extends FindingTrailer {
  /** The commit that first filed it, and the one that spoke of it last. */
  readonly filed: SignedReview
  readonly last: SignedReview
}
/** Each finding of the phase as it stands, by id. A closing counts from its author or the reviewer. */
export declare function findingsOf(record: SignedRecord, phase: string): ReadonlyMap<string, FindingLife>
/** Reviews of the phase that hold evidence and answer no claim: orientation and hunt, oldest first. */
export declare function baselinesOf(record: SignedRecord, phase: string): readonly SignedReview[]
/** Number for the phase's next finding, from 1. */
export declare function nextFinding(record: SignedRecord, phase: string): number
