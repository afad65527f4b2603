import type { MalformedClaim, UnansweredClaim } from '../record/pending.ts'
import { type GateAnswer, type Judge, judgeAt, type PhaseJudgement } from '../gate/gate.ts'
import { milestoneOf } from '../config/plan/milestones.ts'
import type { Plan } from '../config/types.ts'
import { readRecord, type SignedRecord } from '../record/record.ts'
import { findingsOf } from '../record/finding-history.ts'
import type { FindingTrailer } from '../record/trailers.ts'
import type { Claim, Verdict } from '../lib/words.ts'
import { pendingClaims } from '../review/context/claim-history.ts'
import type { Snapshot, ReviewContext } from '../review/context/review-context.ts'

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
  /** Standing vetoes, those that people wrote by hand among them. `*`: all of the phase. */
  readonly vetoes: PhaseJudgement['vetoes']
  readonly pending: readonly Claim[]
}

export interface BoardMilestone {
  readonly milestone: string
  readonly title: string | null
  /** Null: never reviewed. */
  readonly verdict: Verdict | null
  /** Why a PASS opens the gate no more, or that a verdict is gone; null: neither. */
  readonly stale: string | null
  /** What the gate says as of now, and why. */
  readonly gate: GateAnswer
  readonly claim: string | null
  readonly review: string | null
  readonly reviewedAt: string | null
}

/** Reads the board off the signed record, the plans and what is owed. Nothing is asked of any host. */
export async function board(context: ReviewContext, at: Snapshot, nowMs: number): Promise<Board> {
  const { record } = at
  const { unanswered, malformed, own } = await pendingClaims(context.git, context.home, at)
  const phases = new Set([
    ...context.home.plans.keys(),
    ...record.reviews.map(({ message }) => message.phase),
    ...unanswered.map(({ claim }) => claim.phase)
  ])
  const judge = await judgeOf(context, at, nowMs)
  return {
    phases: await Promise.all(
      [...phases].sort().map(phase => phaseOf(context, at, unanswered, phase, judge))
    ),
    malformed,
    own,
    distrusted: record.distrusted.map(({ commit, why }) => ({ commit: commit.sha, why }))
  }
}

async function phaseOf(
  context: ReviewContext,
  at: Snapshot,
  unanswered: readonly UnansweredClaim[],
  phase: string,
  judge: Judge
): Promise<BoardPhase> {
  const plan = context.home.plans.get(phase) ?? null
  const pending = unanswered.map(({ claim }) => claim).filter(claim => claim.phase === phase)
  const names = new Set([
    ...(plan?.milestones ?? []).map(({ id }) => id),
    ...reviewed(at.record, phase),
    ...pending.map(({ milestone }) => milestone)
  ])
  const judged = await judge(phase, [...names])
  const milestones = [...names].map((name): BoardMilestone => {
    const gate = judged.milestones.get(name)
    if (gate === undefined) throw new Error(`the gate did not judge ${name}`)
    return {
      milestone: name,
      title: milestoneOf(plan, name)?.title ?? null,
      verdict: gate.verdict,
      stale: gate.stale ?? changed(plan, name, at.record, phase, gate),
      gate,
      claim: gate.review?.claim ?? null,
      review: gate.review?.commit ?? null,
      reviewedAt: gate.review?.signedAt ?? null
    }
  })
  const findings = [...findingsOf(at.record, phase).values()]
  return { phase, plan, milestones, findings, vetoes: judged.vetoes, pending }
}

/** The gate's own judgement of what was read. */
export async function judgeOf(
  { git, trust, home }: ReviewContext,
  at: Snapshot,
  now: number
): Promise<Judge> {
  const { branch, reviewBranch } = home.repo
  const reviews = { name: reviewBranch ?? branch, tip: at.record.tip, record: at.record }
  // Claims and reviews on branches of their own; a review branch that is not there yet is read as the watched one.
  const apart = reviews.name !== branch && at.record.tip !== at.tip
  if (!apart) {
    const main = { ...reviews, name: branch }
    return judgeAt(git, { main, reviews: main }, { now }, trust)
  }
  const main = { name: branch, tip: at.tip, record: await readRecord(git, at.tip, trust) }
  return judgeAt(git, { main, reviews }, { now }, trust)
}

/** The gate goes by the newest signed policy; the home knows a plan that no review has carried yet. */
function changed(
  plan: Plan | null,
  milestone: string,
  record: SignedRecord,
  phase: string,
  { verdict, review }: GateAnswer
): string | null {
  const planned = milestoneOf(plan, milestone)
  if (planned === null || verdict !== 'PASS') return null
  const signed = record.reviews.find(({ commit }) => commit.sha === review?.commit)?.message.policy
  const judged = signed?.milestones.find(known => known.milestone === milestone)?.checks
  return judged === undefined || judged === planned.digest
    ? null
    : `the plan of ${phase} has other checks for ${milestone} now`
}

function reviewed(record: SignedRecord, phase: string): readonly string[] {
  return record.reviews.flatMap(({ message }) =>
    message.phase === phase && message.milestone !== null ? [message.milestone] : []
  )
}
