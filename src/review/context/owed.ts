import { type Pending, pending } from '../../record/pending.ts'
import { settledClaims } from '../../record/record.ts'
import { claimHistory } from './claim-history.ts'
import { claimPatterns, type Snapshot, type ReviewContext } from './review-context.ts'

/** What is owed a review on this branch, and the claims that were not understood. */
export async function owedClaims(context: ReviewContext, at: Snapshot): Promise<Pending> {
  const history = await claimHistory(context, at)
  return pending(history, settledClaims(at.record), context.home.identity, claimPatterns(context.home))
}
