import { isSameRepo } from '../lib/repo-name.ts'
import { isRepoPath } from '../lib/repo-path.ts'
import type { Git } from '../git/clone.ts'
import type { Commit, Signature, Signers } from '../git/git-types.ts'
import type { Verdict } from '../lib/words.ts'
import type { Policy } from './policy.ts'
import {
  looksLikeReview,
  type ParsedMessage,
  parseMessage,
  type RemovedTrailer,
  type ReviewMessage
} from './trailers.ts'

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
  /** The commit is not one that the product writes: only what closes a gate is left in `message`. */
  readonly odd?: true
  /** It was made for another repo: what it said there, of which only what closes a gate is left in `message`. */
  readonly elsewhere?: {
    readonly repo: string
    readonly claim: string | null
    readonly verdict: Verdict | null
  }
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
export async function readRecord(git: Git, tip: string, trust: Trust): Promise<SignedRecord> {
  return (await beginRecord(git, tip, trust)).record
}

/** A record whose signatures are still being verified. */
export interface BegunRecord {
  /** As in the record. */
  readonly history: readonly Commit[]
  readonly record: Promise<SignedRecord>
}

/** The same, for whoever can do something with the history alone. */
export async function beginRecord(git: Git, tip: string, trust: Trust): Promise<BegunRecord> {
  const history = await git.commits({ tip })
  const record = recordOf(git, tip, history, trust)
  record.catch(() => undefined)
  return { history, record }
}

async function recordOf(
  git: Git,
  tip: string,
  history: readonly Commit[],
  trust: Trust
): Promise<SignedRecord> {
  const candidates = history.filter(commit => looksLikeReview(commit.message))
  const signatures = await git.signatures(
    candidates.map(commit => commit.sha),
    trust
  )
  const reviews: SignedReview[] = []
  const distrusted: Distrusted[] = []
  for (const commit of candidates) {
    const signature = signatures.get(commit.sha) ?? { state: 'none' }
    const read = believed(commit, signature, trust)
    if ('why' in read) distrusted.push({ commit, signature, why: read.why })
    else reviews.push(read)
    const heard = signature.state === 'odd' ? oddlySigned(commit, signature.principal, trust) : null
    if (heard !== null) reviews.push(heard)
  }
  return { tip, reviews, distrusted, history }
}

/** Whether any commit looks like a review of this claim, signed or not. */
export function mayBeAnswered(history: readonly Commit[], claim: string): boolean {
  return history.some(({ message }) => looksLikeReview(message) && message.includes(claim))
}

function believed(
  commit: Commit,
  signature: Signature,
  trust: Trust
): SignedReview | { readonly why: string } {
  if (signature.state === 'none') return { why: 'it is not signed' }
  if (signature.state !== 'good') return { why: signature.why }
  if (commit.parents.length > 1) return { why: 'a merge cannot be a review' }
  const { principal } = signature
  const read = readMessage(commit)
  if (read.kind === 'other') return { why: 'its subject is not a review' }
  if (read.kind === 'malformed') return { why: read.why }
  const byReviewer = principal === trust.reviewer
  if (!byReviewer && read.message.verdict !== null) {
    return { why: `${principal} signed a verdict, which only ${trust.reviewer} may` }
  }
  return { commit, principal, byReviewer, message: read.message }
}

/** What a commit says as a review. One that names a file outside the repository says nothing that can be checked. */
export function readMessage({ message }: Commit): ParsedMessage {
  const read = parseMessage(message)
  if (read.kind !== 'review') return read
  const paths = [read.message.section, read.message.evidence].flatMap(file => file?.path ?? [])
  const outside = paths.find(path => !isRepoPath(path))
  return outside === undefined
    ? read
    : {
        kind: 'malformed',
        why: `it names ${JSON.stringify(outside)}, which is not a path inside a repository`
      }
}

/**
 * What a listed person signed in a commit such as the product never writes: what it closes is heard, since a
 * person's git may write an `encoding`; nothing that it opens is.
 */
function oddlySigned(commit: Commit, principal: string, trust: Trust): SignedReview | null {
  const read = readMessage(commit)
  if (read.kind !== 'review' || commit.parents.length > 1) return null
  const byReviewer = principal === trust.reviewer
  const message = { ...closingOnly(read.message), evidence: null }
  return { commit, principal, byReviewer, odd: true, message }
}

/** What is left of a message of which only what closes a gate counts. */
export function closingOnly(message: ReviewMessage): ReviewMessage {
  return {
    ...message,
    claim: null,
    verdict: null,
    supersedes: [],
    findings: message.findings.filter(({ status }) => status === 'open'),
    vetoes: message.vetoes.filter(({ status }) => status === 'open'),
    policy: null,
    accept: null
  }
}

/**
 * The record as a gate of this repo may believe it. Two repos that share history and a reviewer can exchange
 * signed commits; in the one that it was not made for, a review may close a gate and never open one.
 */
export function heldTo(record: SignedRecord, repo: string): SignedRecord {
  return { ...record, reviews: record.reviews.map(review => weakened(review, repo)) }
}

function weakened(review: SignedReview, repo: string): SignedReview {
  const { message } = review
  if (message.repo === null || isSameRepo(message.repo, repo)) return review
  const { claim, verdict } = message
  return {
    ...review,
    elsewhere: { repo: message.repo, claim, verdict },
    message: closingOnly(message)
  }
}

/** The reviewer's answer to this claim, or the one that named it as superseded. */
export function reviewOf(record: SignedRecord, claim: string): SignedReview | null {
  return (
    verdicts(record).find(({ message }) => message.claim === claim || message.supersedes.includes(claim)) ??
    null
  )
}

/** Shas of all claims that a review answered or named as superseded: for `pending`. */
export function settledClaims(record: SignedRecord): ReadonlySet<string> {
  return new Set(verdicts(record).flatMap(({ message }) => [message.claim ?? '', ...message.supersedes]))
}

/** The newest PASS of the milestone, whatever was said after it. */
export function newestPass(record: SignedRecord, phase: string, milestone: string): SignedReview | null {
  return (
    verdictsOf(record, phase, milestone)
      .filter(({ message }) => message.verdict === 'PASS')
      .at(-1) ?? null
  )
}

/** When the newest PASS of the milestone was signed, ISO 8601 UTC. */
export function reviewTime(record: SignedRecord, phase: string, milestone: string): string | null {
  return newestPass(record, phase, milestone)?.commit.committedAt ?? null
}

/** Newest review of the milestone, whatever its verdict. */
export function newestReview(record: SignedRecord, phase: string, milestone: string): SignedReview | null {
  return verdictsOf(record, phase, milestone).at(-1) ?? null
}

/** What a force-push took of the phase, and the commit that says so, oldest first. */
export function removedOf(
  record: Pick<SignedRecord, 'reviews'>,
  phase: string
): readonly (RemovedTrailer & { readonly by: SignedReview })[] {
  return record.reviews.flatMap(by =>
    by.byReviewer && by.message.phase === phase ? by.message.removed.map(lost => ({ ...lost, by })) : []
  )
}

/** The newest policy that the reviewer signed for the phase. */
export function policyOf(record: SignedRecord, phase: string): Policy | null {
  const signed = record.reviews.filter(({ byReviewer, message }) => byReviewer && message.phase === phase)
  return signed.findLast(({ message }) => message.policy !== null)?.message.policy ?? null
}

function verdicts(record: SignedRecord): readonly SignedReview[] {
  return record.reviews.filter(({ byReviewer, message }) => byReviewer && message.verdict !== null)
}

function verdictsOf(record: SignedRecord, phase: string, milestone: string): readonly SignedReview[] {
  return verdicts(record).filter(({ message }) => message.phase === phase && message.milestone === milestone)
}

/** The reviewer's commits of the phase that hold evidence and answer no claim, such as orientation, oldest first. */
export function baselinesOf(record: SignedRecord, phase: string): readonly SignedReview[] {
  return record.reviews.filter(
    ({ byReviewer, message }) =>
      byReviewer && message.phase === phase && message.claim === null && message.evidence !== null
  )
}

/** The phase's orientations among them. What names them is the evidence that they sign for. */
export function orientationsOf(record: SignedRecord, phase: string): readonly SignedReview[] {
  return baselinesOf(record, phase).filter(
    ({ message: { evidence } }) =>
      evidence?.path.split('/').at(-1)?.startsWith(`${phase}-orientation-`) === true
  )
}
