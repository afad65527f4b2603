import { AdversaryError } from '../../lib/errors.ts'
import { milestoneNamed } from '../../config/plan/milestones.ts'
import { nearest } from '../../lib/text/nearest.ts'
import type { ExitCode } from '../../lib/words.ts'
import { sleep, tick } from '../../os/clock.ts'
import { parseClaim } from '../../record/claim.ts'
import { pending } from '../../record/pending.ts'
import { mayBeAnswered, reviewOf } from '../../record/record.ts'
import type { ClaimTask, Draft, MilestoneTask } from '../../review/assessed.ts'
import { claimHistory } from '../../review/context/claim-history.ts'
import { loadedOnRead } from '../../review/context/early.ts'
import { glance, type ReviewContext } from '../../review/context/review-context.ts'
import { assess, type LookedFrom, type LookOptions } from '../../review/review.ts'
import { openStatuses, type Statuses } from '../../watch/commit-statuses.ts'
import { finishStatuses } from '../finish-statuses.ts'
import type { Io } from '../io.ts'
import { progressOf } from '../progress.ts'
import type { ReviewOptions } from './review-options.ts'

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
  const found = await find(context, seen.tip, options.target)
  const dryRun = options.dryRun === true
  const text = loadedOnRead(progressOf(io), () => import('./review-text.ts'))
  const look = { budgetMs: options.budgetMs ?? defaultBudgetMs, progress: text.progress, onClose }
  if (found.kind === 'pre-verification') {
    const observed = await assess(context, seen, found, look)
    return (await text.load()).answerUnclaimed(context, observed, dryRun, io)
  }

  // What nobody has even written as a review is not answered: the hosts need not wait for the signatures.
  if (mayBeAnswered(seen.history, found.claim.sha)) {
    const record = await seen.record
    const recorded = reviewOf(record, found.claim.sha)
    if (recorded !== null) {
      // Asked again, it also posts a status that was missed.
      if (!dryRun) statuses.catchUp({ tip: seen.tip, record })
      return (await text.load()).answerRecorded(context, found.claim, recorded, io)
    }
  }

  if (!dryRun) statuses.collecting(found.claim)
  const draft = await settled(context, seen, found, { ...look, retryMs: options.retryMs ?? 0 }, io)
  const at = { tip: seen.tip, record: await seen.record }
  return (await text.load()).answerClaim(context, at, draft, { statuses, dryRun }, io)
}

/** Looks once, and again with `--retry` for as long as something could not be seen. */
async function settled(
  context: ReviewContext,
  at: LookedFrom,
  found: ClaimTask,
  look: LookOptions & { readonly retryMs: number },
  io: Io
): Promise<Draft> {
  const until = tick() + look.retryMs
  for (let pauseMs = 5_000; ; pauseMs = Math.min(pauseMs * 2, 120_000)) {
    const draft = await assess(context, at, found, look)
    if (!draft.worthRetrying || tick() + pauseMs > until) return draft
    io.progress(`some observations failed; retrying in ${Math.round(pauseMs / 1000)} s`)
    await sleep(pauseMs, context.signal)
  }
}

/** The claim that was asked for, or the milestone that was not claimed. */
async function find(
  { home, git }: ReviewContext,
  tip: string,
  target: string
): Promise<ClaimTask | MilestoneTask> {
  const history = await claimHistory(git, home, tip)
  const patterns = home.claims
  const { unanswered, own } = pending(history, new Set(), home.identity, patterns)

  const named = unanswered.find(({ claim }) => `${claim.phase}-${claim.milestone}` === target)
  if (named !== undefined) return { kind: 'review', claim: named.claim, supersedes: named.supersedes }

  const commit = /^[0-9a-f]{4,64}$/.test(target) ? await git.commit(target) : null
  if (commit !== null) {
    const parsed = parseClaim(commit, patterns)
    if (parsed.kind !== 'claim') {
      const why = parsed.kind === 'malformed' ? parsed.why : 'its subject does not start with `claim(`'
      throw new AdversaryError('usage', `${commit.sha.slice(0, 12)} is not a claim: ${why}`)
    }
    if (own.some(({ sha }) => sha === commit.sha)) {
      throw new AdversaryError(
        'usage',
        `${commit.sha.slice(0, 12)} was claimed with the reviewer's own identity`
      )
    }
    if (!(await git.isAncestor(commit.sha, tip))) {
      throw new AdversaryError('usage', `${commit.sha.slice(0, 12)} is not on the branch ${home.repo.branch}`)
    }
    return { kind: 'review', claim: parsed.claim, supersedes: [] }
  }

  const unclaimed = milestoneNamed(home.plans, target)
  if (unclaimed !== null) return { kind: 'pre-verification', ...unclaimed }
  const known = [...home.plans.values()].flatMap(plan =>
    plan.milestones.map(({ id }) => `${plan.phase}-${id}`)
  )
  const near = nearest(target, known)
  const unmatched = `no milestone or commit matches ${JSON.stringify(target)}`
  if (near !== null) throw new AdversaryError('usage', `${unmatched}; did you mean ${near}?`)
  throw new AdversaryError('usage', unmatched, {
    hint: `expected one of ${known.join(', ')}, or the commit of a claim`
  })
}
