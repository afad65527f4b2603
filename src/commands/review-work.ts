import { AdversaryError } from '../base/errors.ts'
import { reviewOf, type SignedReview } from '../record/record.ts'
import { parseClaim } from '../claim/parse.ts'
import { pending } from '../claim/pending.ts'
import { isoSecond, sleep, tick } from '../doors/clock.ts'
import type { Milestone, Plan } from '../home/types.ts'
import { tipAt } from '../publish/publish.ts'
import { observedDocument, placed, reviewDocument } from '../run/document.ts'
import { publishPreVerification, publishReview, reviewTelling, type Told } from '../run/publish.ts'
import { type Draft, draftReview, observe } from '../run/review.ts'
import { claimHistory } from '../run/round.ts'
import { openStatuses, type Statuses } from '../run/statuses.ts'
import { claimPatterns, snapshot, type Snapshot, type World } from '../run/world.ts'
import type { Claim, ExitCode } from '../words.ts'
import { exitCode, exitCodeOf } from '../words.ts'
import type { Io } from './io.ts'
import { progressOf } from './progress.ts'
import { sayChanges, sayChecks, sayReview, sayTold } from './say.ts'
import { finishStatuses } from './statuses.ts'
import type { ReviewOptions } from './review.ts'

const defaultBudgetMs = 60_000

/** Answers the claim that was asked for, or looks at what nobody has claimed. */
export async function review(world: World, options: ReviewOptions, io: Io): Promise<ExitCode> {
  const statuses = openStatuses(world, io.env)
  const answering = answer(world, statuses, options, io)
  return answering.finally(() => finishStatuses(statuses, options.dryRun !== true, io))
}

async function answer(world: World, statuses: Statuses, options: ReviewOptions, io: Io): Promise<ExitCode> {
  const at = await snapshot(world)
  const found = await find(world, at, options.target)
  if (found.kind === 'unclaimed') return preVerify(world, at, found, options, io)

  const recorded = reviewOf(at.record, found.claim.sha)
  if (recorded !== null) {
    // Asked again, it also mends a status that was missed.
    if (options.dryRun !== true) statuses.catchUp(at.record)
    return sayRecorded(world, found.claim, recorded, io)
  }

  if (options.dryRun !== true) statuses.looking(found.claim)
  const draft = await settled(world, at, found, options, io)
  if (options.dryRun === true) {
    const telling = await reviewTelling(world, tipAt(world.git, at.tip, at.record), draft)
    io.out(telling.section)
    const document = reviewDocument(draft, { outcome: { kind: 'dropped' }, telling })
    io.json({ ...(await placed(world, document, draft.claim.milestone)), dryRun: true })
    return exitCodeOf[draft.decision.verdict]
  }
  const told = await publishReview(world, draft)
  if (told.outcome.kind === 'published') {
    statuses.reviewed(draft.claim, told.outcome.commit)
    io.out(sayReview(draft, io))
    for (const line of sayChanges(told)) io.out(line)
    io.out(sayTold(told))
    io.json(await placed(world, reviewDocument(draft, told), draft.claim.milestone))
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
  const now = await snapshot(world)
  const theirs = reviewOf(now.record, draft.claim.sha)
  if (theirs === null)
    throw new AdversaryError('repository', `the claim ${draft.claim.sha} is gone from the branch`)
  statuses.catchUp(now.record)
  return sayRecorded(world, draft.claim, theirs, io)
}

/** Looks once, and again with `--retry` for as long as something could not be seen. */
async function settled(
  world: World,
  at: Snapshot,
  found: Found,
  options: ReviewOptions,
  io: Io
): Promise<Draft> {
  const until = tick() + (options.retryMs ?? 0)
  const look = { budgetMs: options.budgetMs ?? defaultBudgetMs, progress: progressOf(io) }
  for (let pauseMs = 5_000; ; pauseMs = Math.min(pauseMs * 2, 120_000)) {
    const draft = await draftReview(world, at, found, look)
    if (!draft.worthRetrying || tick() + pauseMs > until) return draft
    io.progress(`could not see everything; looking again in ${Math.round(pauseMs / 1000)} s`)
    await sleep(pauseMs, world.signal)
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

async function find(world: World, at: Snapshot, target: string): Promise<Found | Unclaimed> {
  const { home, git } = world
  const history = await claimHistory(world, at)
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

async function preVerify(
  world: World,
  at: Snapshot,
  found: Unclaimed,
  options: ReviewOptions,
  io: Io
): Promise<ExitCode> {
  const { plan, milestone } = found
  const observed = await observe(
    world,
    at,
    { phase: plan.phase, commit: at.tip, checks: milestone.checks, hunts: plan.hunt.checks },
    { budgetMs: options.budgetMs ?? defaultBudgetMs, progress: progressOf(io) }
  )
  const told: Told | null =
    options.dryRun === true ? null : await publishPreVerification(world, milestone.id, observed)
  const since = world.home.repo.since
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
    ...(await placed(world, observedDocument(observed, told), milestone.id)),
    at: isoSecond()
  })
  return exitCode.notProven
}

async function sayRecorded(world: World, claim: Claim, review: SignedReview, io: Io): Promise<ExitCode> {
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
  io.json(await placed(world, document, claim.milestone))
  return exitCodeOf[verdict]
}
