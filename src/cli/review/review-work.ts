import { AdversaryError } from '../../lib/errors.ts'
import { parseClaim } from '../../record/claim.ts'
import { pending } from '../../record/pending.ts'
import { sleep, tick } from '../../os/clock.ts'
import type { Milestone, Plan } from '../../config/types.ts'
import { mayBeAnswered, reviewOf } from '../../record/record.ts'
import { claimHistory } from '../../review/context/claim-history.ts'
import { type Draft, draftReview, type LookedFrom, type LookOptions, observe } from '../../review/review.ts'
import { openStatuses, type Statuses } from '../../watch/commit-statuses.ts'
import {
  claimPatterns,
  glance,
  type Snapshot,
  type ReviewContext
} from '../../review/context/review-context.ts'
import { type Progress } from '../../review/context/adapters.ts'
import type { Claim, ExitCode } from '../../lib/words.ts'
import type { Io } from '../io.ts'
import { progressOf } from '../progress.ts'
import type { ReviewOptions } from './review-options.ts'
import { finishStatuses } from '../finish-statuses.ts'

const defaultBudgetMs = 60_000

/** Answers the claim that was asked for, or looks at what nobody has claimed. */
export async function review(context: ReviewContext, options: ReviewOptions, io: Io): Promise<ExitCode> {
  const statuses = openStatuses(context, io.env)
  const goodbyes: Promise<void>[] = []
  try {
    return await answer(context, statuses, options, io, closing => goodbyes.push(closing))
  } finally {
    await finishStatuses(statuses, options.dryRun !== true, io)
    await Promise.all(goodbyes)
  }
}

async function answer(
  context: ReviewContext,
  statuses: Statuses,
  options: ReviewOptions,
  io: Io,
  onClose: NonNullable<LookOptions['onClose']>
): Promise<ExitCode> {
  const seen = await glance(context)
  const found = await find(context, seen, options.target)
  const telling = onceAsked(() => import('./review-text.ts'))
  const look = {
    budgetMs: options.budgetMs ?? defaultBudgetMs,
    progress: telling.followed(progressOf(io)),
    onClose
  }
  if (found.kind === 'unclaimed') {
    const { plan, milestone } = found
    const subject = {
      phase: plan.phase,
      commit: seen.tip,
      checks: milestone.checks,
      hunts: plan.hunt.checks
    }
    const observed = await observe(context, seen, subject, look)
    return (await telling.load()).tellUnclaimed(context, { plan, milestone, observed }, options, io)
  }

  // What nobody has even written as a review is not answered: the hosts need not wait for the signatures.
  if (mayBeAnswered(seen.history, found.claim.sha)) {
    const record = await seen.record
    const recorded = reviewOf(record, found.claim.sha)
    if (recorded !== null) {
      // Asked again, it also mends a status that was missed.
      if (options.dryRun !== true) statuses.catchUp(record)
      return (await telling.load()).tellRecorded(context, found.claim, recorded, io)
    }
  }

  if (options.dryRun !== true) statuses.looking(found.claim)
  const draft = await settled(context, seen, found, { ...look, retryMs: options.retryMs ?? 0 }, io)
  const at = { tip: seen.tip, record: await seen.record }
  return (await telling.load()).tellDraft(
    context,
    at,
    draft,
    { statuses, dryRun: options.dryRun === true },
    io
  )
}

/** What is needed once the hosts have answered is loaded while they are at work: before that it would hold them up. */
function onceAsked<T>(load: () => Promise<T>) {
  let loading: Promise<T> | undefined
  const once = () => (loading ??= load())
  return {
    load: once,
    followed: (progress: Progress): Progress => ({
      ...progress,
      read(place, what) {
        // What goes wrong with it is told to whoever needs it.
        setImmediate(() => void once().catch(() => undefined))
        return progress.read(place, what)
      }
    })
  }
}

/** Looks once, and again with `--retry` for as long as something could not be seen. */
async function settled(
  context: ReviewContext,
  at: LookedFrom,
  found: Found,
  look: LookOptions & { readonly retryMs: number },
  io: Io
): Promise<Draft> {
  const until = tick() + look.retryMs
  for (let pauseMs = 5_000; ; pauseMs = Math.min(pauseMs * 2, 120_000)) {
    const draft = await draftReview(context, at, found, look)
    if (!draft.worthRetrying || tick() + pauseMs > until) return draft
    io.progress(`could not see everything; looking again in ${Math.round(pauseMs / 1000)} s`)
    await sleep(pauseMs, context.signal)
  }
}

interface Found {
  readonly kind: 'claimed'
  readonly claim: Claim
  readonly supersedes: readonly Claim[]
}

interface Unclaimed {
  readonly kind: 'unclaimed'
  readonly plan: Plan
  readonly milestone: Milestone
}

async function find(
  context: ReviewContext,
  at: Pick<Snapshot, 'tip'>,
  target: string
): Promise<Found | Unclaimed> {
  const { home, git } = context
  const history = await claimHistory(context, at)
  const patterns = claimPatterns(home)
  const { owed, own } = pending(history, new Set(), home.identity, patterns)

  const named = owed.find(({ claim }) => `${claim.phase}-${claim.milestone}` === target)
  if (named !== undefined) return { kind: 'claimed', claim: named.claim, supersedes: named.supersedes }

  const commit = /^[0-9a-f]{4,64}$/.test(target) ? await git.commit(target) : null
  if (commit !== null) {
    const parsed = parseClaim(commit, patterns)
    if (parsed.kind !== 'claim') {
      const why = parsed.kind === 'malformed' ? parsed.why : 'its subject does not begin with `claim(`'
      throw new AdversaryError('usage', `${commit.sha.slice(0, 12)} is not a claim: ${why}`)
    }
    if (own.some(({ sha }) => sha === commit.sha)) {
      throw new AdversaryError(
        'usage',
        `${commit.sha.slice(0, 12)} was claimed by the reviewer's own identity`
      )
    }
    if (!(await git.isAncestor(commit.sha, at.tip))) {
      throw new AdversaryError('usage', `${commit.sha.slice(0, 12)} is not on the branch ${home.repo.branch}`)
    }
    return { kind: 'claimed', claim: parsed.claim, supersedes: [] }
  }

  for (const plan of home.plans.values()) {
    const milestone = plan.milestones.find(({ id }) => `${plan.phase}-${id}` === target)
    if (milestone !== undefined) return { kind: 'unclaimed', plan, milestone }
  }
  const known = [...home.plans.values()].flatMap(plan =>
    plan.milestones.map(({ id }) => `${plan.phase}-${id}`)
  )
  throw new AdversaryError('usage', `nothing is called ${JSON.stringify(target)}`, {
    hint: `the plans have ${known.join(', ')}`
  })
}
