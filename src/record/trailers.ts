import type { Severity, Origin, Verdict } from '../words.ts'
import type { Policy } from './policy.ts'

/** `A1 open blocks=D8 severity=high origin=pre-existing key=… title=…`; all after `open` optional. */
export interface FindingTrailer {
  /** `A1`, `A2` …: one numbering per review file. */
  readonly id: string
  readonly status: 'open' | 'closed'
  /** Milestones whose gate it closes while open. */
  readonly blocks: readonly string[]
  readonly severity?: Severity
  readonly origin?: Origin
  /** Stable key: `<probe>/<subject>`. Percent-encoded in the trailer. */
  readonly key?: string
  /** Percent-encoded in the trailer. */
  readonly title?: string
}

/** The message of a review commit, typed. What is null was not said. */
export interface ReviewMessage {
  readonly phase: string
  /** Null for orientation, hunt, pre-verification, finding, veto and accept commits. */
  readonly milestone: string | null
  /** What follows `review(…): ` in the subject. */
  readonly title: string
  /** For people; paragraphs. */
  readonly body: string
  readonly claim: string | null
  readonly verdict: Verdict | null
  /** Claims of the same milestone that this review answers for as well. */
  readonly supersedes: readonly string[]
  readonly findings: readonly FindingTrailer[]
  /** Vetoes put or lifted here. */
  readonly vetoes: readonly { readonly milestone: string; readonly status: 'open' | 'lifted' }[]
  readonly section: { readonly path: string; readonly digest: string } | null
  readonly plan: string | null
  readonly evidence: { readonly path: string; readonly digest: string } | null
  readonly policy: Policy | null
  /** Digest of the whole review file before the section, which this commit signs for. */
  readonly accept: string | null
}

export type ParsedMessage =
  | { readonly kind: 'review'; readonly message: ReviewMessage }
  | { readonly kind: 'malformed'; readonly why: string }
  /** The subject does not begin like a review. */
  | { readonly kind: 'other' }

/**
 * The commit message, free of control and bidirectional characters and skip markers whatever the fields hold.
 *
 * @throws RangeError for a field that has no place in a trailer (a line break in a path, a short sha).
 */
export declare function printMessage(message: ReviewMessage): string

/** Strict: what `printMessage` would not have written is malformed. */
export declare function parseMessage(text: string): ParsedMessage
