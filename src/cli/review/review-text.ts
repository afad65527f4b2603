import { AdversaryError } from '../../lib/errors.ts'
import { isoSecond } from '../../os/clock.ts'
import type { Milestone, Plan } from '../../config/types.ts'
import { tipAt } from '../../record/publish.ts'
import { reviewOf, type SignedReview } from '../../record/record.ts'
import { observedDocument, placed, reviewDocument } from '../../review/document.ts'
import {
  publishPreVerification,
  publishReview,
  refuseChanged,
  reviewTelling,
  type PublishResult
} from '../../review/publish-review.ts'
import type { Draft, Observed } from '../../review/review.ts'
import type { Statuses } from '../../watch/commit-statuses.ts'
import { snapshot, type Snapshot, type ReviewContext } from '../../review/context/review-context.ts'
import type { Claim, ExitCode } from '../../lib/words.ts'
import { exitCode, exitCodeOf } from '../../lib/words.ts'
import type { Io } from '../io.ts'
import type { ReviewOptions } from './review-options.ts'
import { sayChanges, sayChecks, sayReview, sayTold } from './check-text.ts'

/** Publishes a review, or says what it would be in a dry run. */
export async function tellDraft(
  context: ReviewContext,
  at: Snapshot,
  draft: Draft,
  { statuses, dryRun }: { readonly statuses: Statuses; readonly dryRun: boolean },
  io: Io
): Promise<ExitCode> {
  await refuseChanged(context, draft)
  if (dryRun) {
    const telling = await reviewTelling(context, tipAt(context.git, at.tip, at.record), draft)
    io.out(telling.section)
    const document = reviewDocument(draft, { outcome: { kind: 'dropped' }, telling })
    io.json({ ...(await placed(context, document, draft.claim.milestone)), dryRun: true })
    return exitCodeOf[draft.decision.verdict]
  }
  const told = await publishReview(context, draft)
  if (told.outcome.kind === 'published') {
    statuses.reviewed(draft.claim, told.outcome.commit)
    io.out(sayReview(draft, io))
    for (const line of sayChanges(told)) io.out(line)
    io.out(sayTold(told))
    io.json(await placed(context, reviewDocument(draft, told), draft.claim.milestone))
    return exitCodeOf[draft.decision.verdict]
  }
  if (told.outcome.kind === 'stale') {
    throw new AdversaryError(
      'repository',
      'the branch was busy for so long that what was seen is out of date',
      {
        hint: 'run it again'
      }
    )
  }
  // Somebody else was first: theirs is the answer.
  const now = await snapshot(context)
  const theirs = reviewOf(now.record, draft.claim.sha)
  if (theirs === null)
    throw new AdversaryError('repository', `the claim ${draft.claim.sha} is gone from the branch`)
  statuses.catchUp(now.record)
  return tellRecorded(context, draft.claim, theirs, io)
}

/** Tells how a milestone stands that nobody has claimed. */
export async function tellUnclaimed(
  context: ReviewContext,
  found: { readonly plan: Plan; readonly milestone: Milestone; readonly observed: Observed },
  options: ReviewOptions,
  io: Io
): Promise<ExitCode> {
  const { plan, milestone, observed } = found
  const told: PublishResult | null =
    options.dryRun === true ? null : await publishPreVerification(context, milestone.id, observed)
  const since = context.home.repo.since
  const when = since === null ? 'yet' : `since ${since.slice(0, 12)} (repo.since)`
  io.out(`Nobody has claimed ${plan.phase}-${milestone.id} ${when}, so this is no verdict.`)
  io.out(
    sayChecks(
      observed.checks.map(({ check }) => check),
      io
    ).join('\n')
  )
  if (told !== null) {
    for (const line of sayChanges(told)) io.out(line)
    io.out(sayTold(told))
  }
  io.out(
    `A builder claims it: git commit --allow-empty -m "claim(${plan.phase}-${milestone.id}): …" && git push`
  )
  io.json({
    claim: null,
    verdict: null,
    unclaimed: { phase: plan.phase, milestone: milestone.id },
    ...(await placed(context, observedDocument(observed, told), milestone.id)),
    at: isoSecond()
  })
  return exitCode.notProven
}

/** Says again what was answered before. */
export async function tellRecorded(
  context: ReviewContext,
  claim: Claim,
  review: SignedReview,
  io: Io
): Promise<ExitCode> {
  const { verdict, section } = review.message
  if (
    verdict === null ||
    (review.message.claim !== claim.sha && !review.message.supersedes.includes(claim.sha))
  ) {
    throw new AdversaryError('not-trusted', `the review ${review.commit.sha} does not answer ${claim.sha}`)
  }
  io.out(`${claim.phase}-${claim.milestone}: ${verdict}, recorded in ${review.commit.sha.slice(0, 12)}`)
  const document = {
    claim: { sha: claim.sha, phase: claim.phase, milestone: claim.milestone, summary: claim.summary },
    verdict,
    recorded: true,
    checks: [],
    findings: review.message.findings,
    evidence: [],
    review: { path: section?.path ?? null, commit: review.commit.sha },
    plan: review.message.plan,
    stats: { connections: 0, execs: 0, reads: 0, ms: 0 }
  }
  io.json(await placed(context, document, claim.milestone))
  return exitCodeOf[verdict]
}
