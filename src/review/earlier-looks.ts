import { canonicalJson } from '../lib/canonical.ts'
import { AdversaryError } from '../lib/errors.ts'
import type { Git } from '../git/clone.ts'
import type { CheckResult } from '../probe/verdict.ts'
import type { FindingChange } from '../record/finding-changes.ts'
import type { SignedRecord, SignedReview } from '../record/record.ts'
import type { EvidenceRecord } from '../render/evidence-file.ts'
import type { CameIn } from '../render/finding-section.ts'
import type { LastLook } from '../render/lead.ts'
import type { Assessed } from './assessed.ts'
import { evidenceOf } from './context/claim-history.ts'

/** What the reviewer's earlier looks say, for a section that tells what changed since. Nothing here decides anything. */

/** How many earlier looks are opened, the newest first. */
const mostLooks = 8

/** The newest look at the same checks; null: there was none, or none whose evidence can be read. */
export async function lastLook(git: Git, record: SignedRecord, assessed: Assessed): Promise<LastLook | null> {
  const milestone =
    assessed.kind === 'review'
      ? assessed.claim.milestone
      : assessed.kind === 'pre-verification'
        ? assessed.milestone.id
        : null
  if (milestone === null) return null
  const checks = assessed.checks.map(({ check }) => check)
  // A hunt has no checks of a plan, and there are many.
  const mayHave = ({ message }: SignedReview) =>
    message.verdict === null
      ? message.evidence?.path.includes('-hunt-') !== true
      : message.milestone === milestone
  for await (const { evidence } of looks(git, record, assessed.phase, mayHave)) {
    const outcomes = new Map(evidence.checks.map(check => [keyOf(check), check.outcome]))
    const before = checks.map(
      check => outcomes.get(keyOf(check)) ?? outcomes.get(orientedKey(check, milestone)) ?? null
    )
    if (before.every(outcome => outcome === null)) continue
    return {
      at: evidence.at,
      what: nameOf(evidence, milestone),
      outcomes: before,
      samePlan: evidence.plan === (assessed.plan?.digest ?? null)
    }
  }
  return null
}

/**
 * The newest look whose answer was clear of a defect that is filed now for the first time, and the commits since; null
 * where it is unknown, or was there from the beginning.
 */
export async function cameInAfter(
  git: Git,
  record: SignedRecord,
  { phase, hide }: Assessed,
  { change, finding }: FindingChange
): Promise<CameIn | null> {
  if (change !== 'opened' || finding.origin !== 'introduced') return null
  for await (const { review, evidence } of looks(git, record, phase, () => true)) {
    if (!evidence.hunts.some(({ probe, clear }) => clear && probe === finding.probe)) continue
    const { claim } = review.message
    const from = record.history.findIndex(({ sha }) => sha === (claim ?? review.commit.sha))
    const reviews = new Set(record.reviews.map(({ commit }) => commit.sha))
    const commits = record.history.slice(from + 1).filter(({ sha }) => !reviews.has(sha))
    return {
      at: evidence.at,
      what: nameOf(evidence, evidence.milestone),
      commits: from < 0 ? null : commits.map(({ sha, subject }) => ({ sha, subject: hide.sentence(subject) }))
    }
  }
  return null
}

function nameOf({ kind, verdict }: EvidenceRecord, milestone: string | null): string {
  switch (kind) {
    case 'review':
      return `${milestone ?? ''}: ${verdict ?? ''}`
    case 'pre-verification':
      return milestone === null ? 'a probe before the claim' : `before ${milestone} was claimed`
    case 'orientation':
      return 'the phase context'
    case 'hunt':
      return 'a hunt'
  }
}

function keyOf({
  probe,
  on,
  title,
  with: params
}: Pick<CheckResult, 'probe' | 'on' | 'title' | 'with'>): string {
  return canonicalJson([probe, on, title, params ?? null])
}

/** An orientation has the checks of all milestones, each with the milestone's name before its title. */
function orientedKey(check: CheckResult, milestone: string): string {
  return keyOf({ ...check, title: `${milestone}: ${check.title}` })
}

interface EarlierLook {
  readonly review: SignedReview
  readonly evidence: EvidenceRecord
}

/** What the reviewer recorded of the phase, newest first; evidence of a format that this version does not read is none. */
async function* looks(
  git: Git,
  record: SignedRecord,
  phase: string,
  wanted: (review: SignedReview) => boolean
): AsyncGenerator<EarlierLook> {
  const reviews = record.reviews.filter(
    review =>
      review.byReviewer &&
      review.odd !== true &&
      review.elsewhere === undefined &&
      review.message.phase === phase &&
      review.message.evidence !== null &&
      wanted(review)
  )
  for (const review of reviews.slice(-mostLooks).toReversed()) {
    const evidence = await readable(git, review)
    if (evidence !== null) yield { review, evidence }
  }
}

async function readable(git: Git, review: SignedReview): Promise<EvidenceRecord | null> {
  try {
    return await evidenceOf(git, review)
  } catch (error) {
    if (error instanceof AdversaryError) throw error
    return null
  }
}
