import type { Claim, Verdict } from '../words.ts'
import type { Milestone, Plan } from '../home/types.ts'
import { sayDuration } from '../base/duration.ts'
import { newestReview, removedOf, type SignedRecord, type SignedReview } from '../record/record.ts'
import { findingsOf } from '../record/standing.ts'
import type { FindingTrailer } from '../record/trailers.ts'
import type { MalformedClaim, Owed } from '../claim/pending.ts'
import { ancestorsOf } from './history.ts'
import { owedClaims } from './round.ts'
import type { Snapshot, World } from './world.ts'

/** How everything stands: what `status` shows. */
export interface Board {
  readonly phases: readonly BoardPhase[]
  readonly malformed: readonly MalformedClaim[]
  /** Claims under the reviewer's own identity: never reviewed. */
  readonly own: readonly Claim[]
  readonly distrusted: readonly { readonly commit: string; readonly why: string }[]
}

export interface BoardPhase {
  readonly phase: string
  /** Null: no plan of this home is for it. */
  readonly plan: Plan | null
  readonly milestones: readonly BoardMilestone[]
  readonly findings: readonly FindingTrailer[]
  readonly pending: readonly Claim[]
}

export interface BoardMilestone {
  readonly milestone: string
  readonly title: string | null
  /** Null: never reviewed. */
  readonly verdict: Verdict | null
  /** Why a PASS opens the gate no more, or that a verdict is gone; null: neither. */
  readonly stale: string | null
  readonly claim: string | null
  readonly review: string | null
  readonly reviewedAt: string | null
}

/** Reads the board off the signed record, the plans and what is owed. Nothing is asked of any host. */
export async function board(world: World, at: Snapshot, nowMs: number): Promise<Board> {
  const { record } = at
  const { owed, malformed, own } = await owedClaims(world, at)
  const phases = new Set([
    ...world.home.plans.keys(),
    ...record.reviews.map(({ message }) => message.phase),
    ...owed.map(({ claim }) => claim.phase)
  ])
  return {
    phases: await Promise.all([...phases].sort().map(phase => phaseOf(world, at, owed, phase, nowMs))),
    malformed,
    own,
    distrusted: record.distrusted.map(({ commit, why }) => ({ commit: commit.sha, why }))
  }
}

async function phaseOf(
  world: World,
  at: Snapshot,
  owed: readonly Owed[],
  phase: string,
  nowMs: number
): Promise<BoardPhase> {
  const plan = world.home.plans.get(phase) ?? null
  const pending = owed.map(({ claim }) => claim).filter(claim => claim.phase === phase)
  const names = new Set([
    ...(plan?.milestones ?? []).map(({ id }) => id),
    ...reviewed(at.record, phase),
    ...pending.map(({ milestone }) => milestone)
  ])
  const milestones = await Promise.all(
    [...names].map(async (name): Promise<BoardMilestone> => {
      const planned = plan?.milestones.find(({ id }) => id === name) ?? null
      const review = newestReview(at.record, phase, name)
      const message = review?.message ?? null
      const newer = pending.find(({ milestone }) => milestone === name)
      const stale =
        removed(at.record, phase, name, review) ??
        (message?.verdict === 'PASS'
          ? ((newer === undefined ? null : `claimed again by ${newer.sha.slice(0, 12)}`) ??
            (await aged(world, at, planned, message.claim, review?.commit.committedAt ?? null, nowMs)) ??
            changed(planned, message.policy?.milestones.find(({ milestone }) => milestone === name)?.checks))
          : null)
      return {
        milestone: name,
        title: planned?.title ?? null,
        verdict: message?.verdict ?? null,
        stale,
        claim: message?.claim ?? null,
        review: review?.commit.sha ?? null,
        reviewedAt: review?.commit.committedAt ?? null
      }
    })
  )
  return { phase, plan, milestones, findings: findingsOf(at.record, phase), pending }
}

/** A later verdict that a force-push took off the branch, as a signed word of the reviewer has it. */
function removed(
  record: SignedRecord,
  phase: string,
  milestone: string,
  review: SignedReview | null
): string | null {
  const lost = removedOf(record, phase).findLast(each => each.milestone === milestone)
  if (lost === undefined) return null
  if (review !== null && ancestorsOf(review.commit.sha, record.history).has(lost.by.commit.sha)) return null
  return `its ${lost.verdict} (${lost.review.slice(0, 12)}) was removed by a force-push`
}

/** Too old, or overtaken by a commit that touches what was looked at. */
async function aged(
  world: World,
  at: Snapshot,
  milestone: Milestone | null,
  claim: string | null,
  reviewedAt: string | null,
  nowMs: number
): Promise<string | null> {
  if (milestone === null || claim === null || reviewedAt === null) return null
  const age = nowMs - Date.parse(reviewedAt)
  if (age > milestone.maxAgeMs)
    return `reviewed ${sayDuration(age)} ago, maxAge is ${sayDuration(milestone.maxAgeMs)}`
  if (milestone.watchPaths.length === 0) return null
  const [touched] = await world.git.changedSince(claim, at.tip, milestone.watchPaths)
  return touched === undefined ? null : `${touched.slice(0, 12)} touches what it watches`
}

function changed(milestone: Milestone | null, judged: string | undefined): string | null {
  if (milestone === null || judged === undefined || judged === milestone.digest) return null
  return 'the plan has other checks now'
}

function reviewed(record: SignedRecord, phase: string): readonly string[] {
  return record.reviews.flatMap(({ message }) =>
    message.phase === phase && message.milestone !== null ? [message.milestone] : []
  )
}
