import { AdversaryError } from '../../lib/errors.ts'
import { isoSecond } from '../../os/clock.ts'
import { tipAt } from '../../record/publish.ts'
import { reviewOf, type SignedReview } from '../../record/record.ts'
import { observedDocument, placed, reviewDocument } from '../../review/document.ts'
import type { Draft, Unclaimed } from '../../review/assessed.ts'
import { render } from '../../review/render-commit.ts'
import { publishReview, refuseChanged } from '../../review/review.ts'
import type { Statuses } from '../../watch/commit-statuses.ts'
import { snapshot, type Snapshot, type ReviewContext } from '../../review/context/review-context.ts'
import type { Claim, ExitCode } from '../../lib/words.ts'
import { exitCode, exitCodeOf } from '../../lib/words.ts'
import { pasted } from '../layout.ts'
import type { Io } from '../io.ts'
import { changesText, checksText, reviewText, publishedText } from './check-text.ts'

/** Publishes a review, or says what it would be in a dry run. */
export async function answerClaim(
  context: ReviewContext,
  at: Snapshot,
  draft: Draft,
  { statuses, dryRun }: { readonly statuses: Statuses; readonly dryRun: boolean },
  io: Io
): Promise<ExitCode> {
  await refuseChanged(context.home, draft)
  if (dryRun) {
    const rendered = await render(context, tipAt(context.git, at.tip, at.record), draft)
    io.text(rendered?.section ?? '')
    const document = reviewDocument(draft, { outcome: { kind: 'dropped' }, rendered })
    io.json({ ...(await placed(context, document, draft.claim.milestone)), dryRun: true })
    return exitCodeOf[draft.decision.verdict]
  }
  const result = await publishReview(context, draft)
  if (result.outcome.kind === 'published') {
    statuses.reviewed(draft.claim, result.outcome.commit)
    io.out(reviewText(draft, io))
    for (const line of changesText(result)) io.out(line)
    io.out(publishedText(result))
    io.json(await placed(context, reviewDocument(draft, result), draft.claim.milestone))
    return exitCodeOf[draft.decision.verdict]
  }
  if (result.outcome.kind === 'stale') {
    throw new AdversaryError(
      'repository',
      'the branch was busy for so long that the observations are out of date',
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
  statuses.catchUp(now)
  return answerRecorded(context, draft.claim, theirs, io)
}

/** How a milestone stands that nobody has claimed. */
export async function answerUnclaimed(
  context: ReviewContext,
  observed: Unclaimed,
  dryRun: boolean,
  io: Io
): Promise<ExitCode> {
  const { plan, milestone } = observed
  const result = dryRun ? null : await publishReview(context, observed)
  const since = context.home.repo.since
  const when = since === null ? 'yet' : `since ${since.slice(0, 12)} (repo.since)`
  io.out(`${plan.phase}-${milestone.id} has no claim ${when}, so there is no verdict.`)
  io.out(
    checksText(
      observed.checks.map(({ check }) => check),
      io
    ).join('\n')
  )
  if (result !== null) {
    for (const line of changesText(result)) io.out(line)
    io.out(publishedText(result))
  }
  io.out('A builder claims it:')
  const claim = `git commit --allow-empty -m "claim(${plan.phase}-${milestone.id}): …" && git push`
  io.text(pasted(claim, io, 2).join('\n'))
  io.json({
    claim: null,
    verdict: null,
    unclaimed: { phase: plan.phase, milestone: milestone.id },
    ...(await placed(context, observedDocument(observed, result), milestone.id)),
    at: isoSecond()
  })
  return exitCode.notProven
}

/** What was answered before, once more. */
export async function answerRecorded(
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
    throw new AdversaryError(
      'not-trusted',
      `the review ${review.commit.sha} is not for the claim ${claim.sha}`
    )
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
