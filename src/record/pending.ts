import { reachable } from '../lib/graph.ts'
import type { Claim } from '../lib/words.ts'
import { type ClaimCommit, type ClaimPatterns, type ParsedClaim, parseClaim } from './claim.ts'

/** One commit of the watched branch. */
export interface HistoryCommit extends ClaimCommit {
  readonly parents: readonly string[]
}

export type MalformedClaim = Extract<ParsedClaim, { kind: 'malformed' }>

export interface UnansweredClaim {
  readonly claim: Claim
  /** Older claims of the same milestone that this one answers for, oldest first. */
  readonly supersedes: readonly Claim[]
}

export interface Pending {
  /** The newest unanswered claim of each milestone, oldest first. */
  readonly unanswered: readonly UnansweredClaim[]
  readonly malformed: readonly MalformedClaim[]
  /** Claims that carry the reviewer's own identity: never reviewed. */
  readonly own: readonly Claim[]
}

/**
 * Which claims still need a review. A claim that a newer and answered claim of its milestone builds on needs
 * none; one that came in by a merge after that answer is.
 *
 * @param history commits after `since`, parents before children: what git lists for `since..tip`.
 * @param settled shas of claims that a signed review answered or named as superseded.
 * @param reviewer e-mail of the reviewer's own identity.
 */
export function pending(
  history: readonly HistoryCommit[],
  settled: ReadonlySet<string>,
  reviewer: { readonly email: string },
  patterns?: ClaimPatterns
): Pending {
  const own: Claim[] = []
  const malformed: MalformedClaim[] = []
  const milestones = new Map<string, Claim[]>()
  for (const commit of history) {
    const parsed = parseClaim(commit, patterns)
    if (parsed.kind === 'malformed') malformed.push(parsed)
    if (parsed.kind !== 'claim') continue
    const { claim } = parsed
    if (isBy(reviewer.email, claim)) {
      own.push(claim)
      continue
    }
    const name = `${claim.phase}-${claim.milestone}`
    milestones.set(name, [...(milestones.get(name) ?? []), claim])
  }

  const parents = new Map(history.map(commit => [commit.sha, commit.parents]))
  const unanswered: UnansweredClaim[] = []
  for (const claims of milestones.values()) {
    const answered = claims.map(({ sha }) => sha).filter(sha => settled.has(sha))
    const behind = reachable(answered, parents)
    const open = claims.filter(({ sha }) => !behind.has(sha))
    const claim = open.pop()
    if (claim !== undefined) unanswered.push({ claim, supersedes: open })
  }
  const place = new Map(history.map((commit, index) => [commit.sha, index]))
  unanswered.sort((a, b) => (place.get(a.claim.sha) ?? 0) - (place.get(b.claim.sha) ?? 0))
  return { unanswered, malformed, own }
}

function isBy(email: string, claim: Claim): boolean {
  const wanted = email.toLowerCase()
  return [claim.author, claim.committer].some(person => person.email.toLowerCase() === wanted)
}
