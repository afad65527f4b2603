import { AdversaryError, messageOf } from '../../lib/errors.ts'
import type { FindingState } from '../../record/finding-changes.ts'
import { reviewBranchOf } from '../../config/workspace.ts'
import type { Tip } from '../../record/publish.ts'
import { readRecord, removedOf, type SignedRecord, type SignedReview } from '../../record/record.ts'
import { freeNumbers } from '../../record/finding-changes.ts'
import { vetoesOf } from '../../record/finding-history.ts'
import type { RemovedTrailer } from '../../record/trailers.ts'
import { renderFindingOpened, renderVeto } from '../../render/finding-section.ts'
import { messageBody, messageTitle } from '../../render/message.ts'
import { renderRemoved } from '../../render/removed.ts'
import { knownFindings, trailer } from '../render-commit.ts'
import { annotate, type Annotation } from './annotate.ts'
import type { Snapshot, ReviewContext } from '../context/review-context.ts'

/**
 * A force-push takes reviews off the branch, and with a FAIL that is gone an older PASS would be the newest.
 * The clone keeps the tip that was seen last; what it held and the branch no longer does is said in the review
 * file, signed, so that a gate knows of it that never saw the commits.
 */

/** The record as it was seen last, where the branch does not build on it any more; null: it does. */
async function recordBefore(
  { home, git, trust }: ReviewContext,
  { record }: Snapshot
): Promise<SignedRecord | null> {
  const seen = await git.remembered(reviewBranchOf(home))
  if (seen === null || seen === record.tip || (await git.isAncestor(seen, record.tip))) return null
  return readRecord(git, seen, trust)
}

/** Reviews that were seen on the branch and are gone from it, oldest first. */
function goneFrom(before: SignedRecord, now: Pick<SignedRecord, 'reviews'>): readonly SignedReview[] {
  const there = new Set(now.reviews.map(({ commit }) => commit.sha))
  return before.reviews.filter(({ commit }) => !there.has(commit.sha))
}

/**
 * Records what a force-push took, once, and remembers the tip. To be called before anything else is put on it.
 *
 * @returns whether the branch is another one now.
 */
export async function recordRemovals(context: ReviewContext, at: Snapshot): Promise<boolean> {
  const branch = reviewBranchOf(context.home)
  const before = await recordBefore(context, at).catch((error: unknown) => {
    // The clone is derived: with a new one, what was there before cannot be told any more.
    if (!(error instanceof AdversaryError)) throw error
    context.log('history.unknown', { branch, why: messageOf(error) })
    return null
  })
  if (before === null) return false
  const gone = goneFrom(before, at.record)
  const phases = [...new Set(gone.map(({ message }) => message.phase))]
  context.log('history.rewritten', {
    branch,
    was: before.tip,
    commit: at.record.tip,
    reviews_gone: gone.length
  })
  let isPushed = false
  for (const phase of phases) {
    for (const { commit, message } of gone.filter(({ message }) => message.phase === phase)) {
      const { milestone, verdict, claim } = message
      context.log('review.removed', {
        phase,
        commit: commit.sha,
        ...(milestone === null ? {} : { milestone }),
        ...(verdict === null ? {} : { verdict }),
        ...(claim === null ? {} : { claim })
      })
    }
    // Without a plan there is no review file to say it in.
    if (!context.home.plans.has(phase)) continue
    const { outcome } = await annotate(context, phase, async (tip, time, { path }) =>
      removalOf(context.home, phase, before, tip, time, await tip.readFile(path))
    )
    isPushed ||= outcome.kind === 'published'
  }
  await context.git.remember(branch, at.record.tip, { anew: true })
  return isPushed
}

/** What is to be recorded on this tip; null: nothing, or another reviewer has done it. */
function removalOf(
  home: ReviewContext['home'],
  phase: string,
  before: SignedRecord,
  tip: Tip,
  at: string,
  file: Uint8Array | null
): Annotation | null {
  const gone = goneFrom(before, tip.record).filter(({ message }) => message.phase === phase)
  const recorded = new Set(removedOf(tip.record, phase).map(({ review }) => review))
  const reviews = gone.flatMap(verdictsOf).filter(({ review }) => !recorded.has(review))
  const vetoes = vetoesOf(before, phase).filter(
    ({ by, milestone }) =>
      gone.includes(by) && !vetoesOf(tip.record, phase).some(veto => veto.milestone === milestone)
  )
  const findings = openAgain(phase, before, tip.record, file)
  if (reviews.length + vetoes.length + findings.length === 0) return null

  const put = { at, by: home.identity.name }
  const reason = `The force-push took it off the branch, and nobody has lifted it.`
  const sections = [
    renderRemoved({
      phase,
      at,
      branch: reviewBranchOf(home),
      tip: before.tip,
      reviews,
      again: [...vetoes.map(({ milestone }) => milestone), ...findings.map(({ id }) => id)]
    }),
    ...vetoes.map(({ milestone, by }) =>
      renderVeto({ ...put, milestone, reason: `${by.principal} put it. ${reason}` })
    ),
    ...findings.map(finding =>
      renderFindingOpened({
        ...put,
        evidence: [],
        finding,
        filing: { story: ['It was open when a force-push took it off the branch.'], remedy: '' }
      })
    )
  ]
  return {
    section: sections.join('\n---\n\n'),
    finding: null,
    title: messageTitle(phase, 'the branch was rewritten', []),
    body: messageBody([
      `${before.tip.slice(0, 12)} is gone from the branch.`,
      ...reviews.map(lost => `${lost.milestone} ${lost.verdict} (${lost.review.slice(0, 12)}) went with it.`)
    ]),
    findings: findings.map(trailer),
    vetoes: vetoes.map(({ milestone }) => ({ milestone, status: 'open' })),
    removed: reviews.map(({ review, milestone, verdict }) => ({ review, milestone, verdict }))
  }
}

type Lost = RemovedTrailer & { readonly claim: string | null }

/** The verdict that a review was, or the verdicts that it said were removed before it. */
function verdictsOf({ commit, byReviewer, message }: SignedReview): readonly Lost[] {
  if (!byReviewer) return []
  const { milestone, verdict, claim, removed } = message
  const own =
    milestone === null || verdict === null ? [] : [{ review: commit.sha, milestone, verdict, claim }]
  return [...own, ...removed.map(lost => ({ ...lost, claim: null }))]
}

/** Findings that were open and are not known any more, under numbers that are free. */
function openAgain(
  phase: string,
  before: SignedRecord,
  now: SignedRecord,
  file: Uint8Array | null
): readonly FindingState[] {
  const known = knownFindings(now, phase)
  const keys = new Set(known.map(({ key }) => key))
  const lost = knownFindings(before, phase).filter(({ status, key }) => status === 'open' && !keys.has(key))
  const ids = new Set(known.map(({ id }) => id))
  const number = freeNumbers([...ids, ...lost.map(({ id }) => id)], file)
  return lost.map(finding => (ids.has(finding.id) ? { ...finding, id: `A${number()}` } : finding))
}
