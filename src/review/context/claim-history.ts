import { sha256 } from '../../lib/canonical.ts'
import { AdversaryError } from '../../lib/errors.ts'
import { reachable } from '../../lib/graph.ts'
import { parseClaim } from '../../record/claim.ts'
import type { Git } from '../../git/clone.ts'
import type { Commit } from '../../git/git-types.ts'
import type { Workspace } from '../../config/workspace.ts'
import { type Pending, pending } from '../../record/pending.ts'
import { baselinesOf, settledClaims, type SignedRecord, type SignedReview } from '../../record/record.ts'
import { type EvidenceRecord, parseEvidenceFile } from '../../render/evidence-file.ts'
import type { Snapshot } from './review-context.ts'

/** What the history says of claims, and of a phase's beginning. */

/** The commits of the branch in which claims count. @throws AdversaryError `usage` for a `since` that is not there. */
export async function claimHistory(
  git: Git,
  { repo }: Pick<Workspace, 'repo'>,
  tip: string
): Promise<readonly Commit[]> {
  const { since, branch } = repo
  if (since === null) return git.commits({ tip })
  const start = await git.commit(since)
  if (start === null) {
    throw new AdversaryError('usage', `adversary.yaml: repo.since: ${branch} has no commit ${since}`, {
      hint: `claims after that commit count; the tip is ${tip.slice(0, 12)}`
    })
  }
  return git.commits({ tip, not: [start.sha] })
}

/** What a review is pending for on this branch, and the claims that were not understood. */
export async function pendingClaims(git: Git, home: Workspace, { tip, record }: Snapshot): Promise<Pending> {
  const history = await claimHistory(git, home, tip)
  return pending(history, settledClaims(record), home.identity, home.claims)
}

export function ancestorsOf(sha: string, history: readonly Commit[]): ReadonlySet<string> {
  const parents = new Map(history.map(commit => [commit.sha, commit.parents]))
  return reachable(parents.get(sha) ?? [], parents)
}

/** The phase's first claim, whoever made it and whenever; null: nobody has claimed anything of it. */
export function firstClaim(home: Workspace, record: SignedRecord, phase: string): Commit | null {
  const isClaim = (commit: Commit) => {
    const parsed = parseClaim(commit, home.claims)
    return parsed.kind === 'claim' && parsed.claim.phase === phase
  }
  return record.history.find(isClaim) ?? null
}

/**
 * What was observed and pushed before the phase's first claim, oldest first: what came later may already hold
 * the builder's work.
 */
export function baselinesBefore(
  home: Workspace,
  record: SignedRecord,
  phase: string
): readonly SignedReview[] {
  const first = firstClaim(home, record, phase)
  const before = first === null ? null : ancestorsOf(first.sha, record.history)
  return baselinesOf(record, phase).filter(({ commit }) => before === null || before.has(commit.sha))
}

/**
 * A review's evidence, as of its own commit: what a builder does to the file later changes nothing. Null where
 * it is not what was signed for.
 */
export async function evidenceOf(
  git: Git,
  { commit, message: { evidence } }: SignedReview
): Promise<EvidenceRecord | null> {
  const found = evidence === null ? null : await git.file(commit.sha, evidence.path)
  if (evidence === null || found?.kind !== 'file' || sha256(found.bytes) !== evidence.digest) return null
  return parseEvidenceFile(Buffer.from(found.bytes).toString())
}
