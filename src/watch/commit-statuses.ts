import { fileBounds } from '../lib/bounds.ts'
import { AdversaryError, messageOf } from '../lib/errors.ts'
import { nowMs, sleep, tick } from '../os/clock.ts'
import { readText } from '../os/files.ts'
import { lineLink } from '../forge/forge.ts'
import {
  contextOf,
  type ForgeRequest,
  listStatuses,
  type Posted,
  postStatus,
  readAnswer,
  readStatuses,
  type Status,
  stands,
  stateOf
} from '../forge/commit-status.ts'
import type { GateAnswer } from '../gate/gate.ts'
import { reasonOf } from '../gate/judge-milestone.ts'
import { readSecret } from '../config/secret.ts'
import type { ForgeConfig } from '../config/types.ts'
import type { SignedReview } from '../record/record.ts'
import { parseMessage } from '../record/trailers.ts'
import { type Claim, exitCode } from '../lib/words.ts'
import { judgeOf } from '../board/summary.ts'
import { type ReviewContext, type Snapshot, snapshot } from '../review/context/review-context.ts'

/**
 * Commit statuses: what the signed reviews say, told to the forge. A status is a copy and never the record: it
 * is posted after the push, in the background, and whatever becomes of it changes no review. What was missed,
 * by a crash too, is found by comparing the record with what the forge has.
 */
export interface Statuses {
  /** A claim is being looked at. */
  collecting(claim: Claim): void
  /** The review of a claim was pushed, as this commit. */
  reviewed(claim: Claim, commit: string): void
  /** What the record says now: what is not known to be posted is looked up, and posted where it is not there. */
  catchUp(at: Snapshot): void
  /**
   * Waits until nothing is left to post, at most this long.
   *
   * @returns how many are left, and why.
   */
  settled(limitMs: number): Promise<{ readonly left: number; readonly why: string | null }>
  /** Stops posting; a request under way is abandoned. */
  stop(): Promise<void>
}

/** Where there is no forge: says nothing to nobody. */
export const noStatuses: Statuses = {
  collecting: () => undefined,
  reviewed: () => undefined,
  catchUp: () => undefined,
  settled: async () => ({ left: 0, why: null }),
  stop: async () => undefined
}

/** Reviews that are looked up after a start: what is older concerns nobody's merge any more. */
const lookBack = 50
/** Older claims that a review answers as well and that may have been left pending. */
const supersededLookedUp = 3
/** Between two tries while the forge cannot be asked: doubled each time, in milliseconds. */
const backOff = { firstMs: 1_000, mostMs: 5 * 60_000 }
/** Until what was refused is tried again: the account or the token may have been fixed. */
const refusedMs = 10 * 60_000
/** What a forge may ask for at most. */
const mostAskedMs = 60 * 60_000
const mostQueued = 1000

interface Entry {
  /** Reads the status off the repo only when its turn comes. Null: there is nothing to say after all. */
  readonly status: () => Promise<Status | null>
  /** `always`; only where the forge has something else; only where it still says `pending`. */
  readonly when: 'always' | 'differs' | 'pending'
  /** Worth another try: a passing `pending` is not. */
  readonly retried: boolean
  readonly review: string | null
  readonly nextTick: number
}

type Env = Readonly<Record<string, string | undefined>>

/** Posts to the home's forge, one request at a time, until it is stopped or the world's signal ends. */
export function openStatuses(reviewContext: ReviewContext, env: Env): Statuses {
  const { forge } = reviewContext.home
  return forge === null ? noStatuses : startPosting(reviewContext, forge, env)
}

function startPosting(reviewContext: ReviewContext, forge: ForgeConfig, env: Env): Statuses {
  const stop = new AbortController()
  const signal = AbortSignal.any([reviewContext.signal, stop.signal])
  /** By commit and context, so that a verdict takes the place of what was to be said before it. */
  const queue = new Map<string, Entry>()
  /** Reviews that the forge is known to show. */
  const shown = new Set<string>()
  /** Claims that were posted as being looked at. */
  const begun = new Set<string>()
  /** What was last posted of a review, by its sha. */
  const last = new Map<string, string>()
  /** The branch as it was caught up with last. */
  let caughtUp: Snapshot | null = null
  /** Reviews whose overtaken claims were looked up. */
  const overtaken = new Set<string>()
  let wake = new AbortController()
  let busy = false
  let pauseUntil = 0
  let failures = 0
  let why: string | null = null
  let working = Promise.resolve()

  function put(key: string, entry: Omit<Entry, 'nextTick'>): void {
    if (signal.aborted) return
    queue.delete(key)
    queue.set(key, { ...entry, nextTick: 0 })
    const [oldest] = queue.keys()
    if (queue.size > mostQueued && oldest !== undefined) queue.delete(oldest)
    if (busy) wake.abort()
    else {
      busy = true
      working = work()
    }
  }

  /** Ends when the queue is empty; never throws. */
  async function work(): Promise<void> {
    for (;;) {
      if (signal.aborted || queue.size === 0) {
        busy = false
        return
      }
      const now = tick()
      const due = [...queue].find(([, { nextTick }]) => nextTick <= now && pauseUntil <= now)
      if (due === undefined) {
        const next = Math.max(pauseUntil, Math.min(...[...queue.values()].map(({ nextTick }) => nextTick)))
        wake = new AbortController()
        await sleep(Math.max(10, next - now), AbortSignal.any([signal, wake.signal])).catch(() => undefined)
        continue
      }
      const [key, entry] = due
      const outcome = await attempt(entry)
      // Something newer may have taken its place meanwhile.
      if (queue.get(key) === entry) settle(key, entry, outcome)
    }
  }

  async function attempt(entry: Entry): Promise<Posted | { readonly kind: 'nothing' }> {
    try {
      const status = await entry.status()
      if (status === null) return { kind: 'nothing' }
      const words = JSON.stringify([status.state, status.description, status.link])
      if (entry.review !== null) {
        if (entry.when === 'differs' && last.get(entry.review) === words) return { kind: 'posted' }
        last.set(entry.review, words)
      }
      const token = await readSecret(forge.token, env)
      if (entry.when !== 'always') {
        const answer = await ask(listStatuses(forge, token, status), token)
        const read = readAnswer(forge, status.state, answer, nowMs())
        if (read.kind !== 'posted') return read
        const found = readStatuses(answer, status.context)
        const there = entry.when === 'differs' ? stands(forge, status, found) : found?.state !== 'pending'
        if (there) return { kind: 'posted' }
      }
      return readAnswer(forge, status.state, await ask(postStatus(forge, token, status), token), nowMs())
    } catch (error) {
      const why = messageOf(error)
      const usage = error instanceof AdversaryError && error.kind === 'usage'
      return usage || isDistrust(error) ? { kind: 'refused', why } : { kind: 'later', why, afterMs: null }
    }
  }

  async function ask(request: ForgeRequest, secret: string) {
    const ca = forge.ca === null ? null : await readText(forge.ca, fileBounds.authority)
    const { callForge } = await import('../forge/call.ts')
    return callForge({ ...request, secret, ...(ca === null ? {} : { ca }) }, signal)
  }

  function settle(key: string, entry: Entry, outcome: Awaited<ReturnType<typeof attempt>>): void {
    if (signal.aborted) return
    if (outcome.kind === 'posted' || outcome.kind === 'nothing') {
      queue.delete(key)
      if (entry.review !== null) shown.add(entry.review)
      if (failures > 0) reviewContext.log('status.recovered', { after: failures })
      failures = 0
      why = null
      return
    }
    if (outcome.why !== why) {
      reviewContext.log('status.failed', { about: key.slice(key.indexOf('/') + 1), why: outcome.why })
      why = outcome.why
    }
    if (!entry.retried) queue.delete(key)
    if (outcome.kind === 'refused') {
      if (entry.retried) queue.set(key, { ...entry, nextTick: tick() + refusedMs })
      return
    }
    failures += 1
    const pauseMs = Math.min(backOff.firstMs * 2 ** Math.min(failures - 1, 10), backOff.mostMs)
    pauseUntil = tick() + Math.min(Math.max(outcome.afterMs ?? 0, pauseMs), mostAskedMs)
  }

  function postReview(commit: string, when: Entry['when'], key: string): void {
    const status = () => statusOfReview(reviewContext, forge, commit, caughtUp)
    put(key, { status, when, retried: true, review: commit })
  }

  return {
    collecting(claim) {
      const { sha, phase, milestone } = claim
      const status: Status = {
        sha,
        context: contextOf(phase, milestone),
        state: 'pending',
        description: `${milestone} is being looked at`,
        link: null,
        branch: reviewContext.home.repo.branch
      }
      const key = keyOf(sha, phase, milestone)
      // While something cannot be seen a claim is looked at again and again.
      if (begun.has(key)) return
      begun.add(key)
      put(key, { status: async () => status, when: 'always', retried: false, review: null })
    },
    reviewed(claim, commit) {
      postReview(commit, 'always', keyOf(claim.sha, claim.phase, claim.milestone))
    },
    catchUp(at) {
      const { record } = at
      const verdicts = record.reviews.filter(
        ({ byReviewer, message }) => byReviewer && message.verdict !== null
      )
      // A veto, a newer claim or a push may have closed the gate of what passed: it is judged anew, and the forge is asked
      // only where something else is to be said than before.
      const moved = record.tip !== caughtUp?.record.tip
      caughtUp = at
      const newest = new Map(
        verdicts.map(({ commit, message }) => [contextOf(message.phase, message.milestone ?? ''), commit.sha])
      )
      for (const review of verdicts.slice(-lookBack)) {
        const { commit, message } = review
        const key = keyOf(message.claim ?? '', message.phase, message.milestone ?? '')
        const isNewest = newest.get(contextOf(message.phase, message.milestone ?? '')) === commit.sha
        const again = moved && isNewest && message.verdict === 'PASS'
        const queued = queue.get(key)?.review === commit.sha
        if (!queued && (again || !shown.has(commit.sha))) postReview(commit.sha, 'differs', key)
        if (overtaken.has(commit.sha)) continue
        overtaken.add(commit.sha)
        for (const older of message.supersedes.slice(-supersededLookedUp)) {
          const status = async () => supersededStatus(reviewContext, review, older)
          const place = keyOf(older, message.phase, message.milestone ?? '')
          put(place, { status, when: 'pending', retried: true, review: null })
        }
      }
    },
    async settled(limitMs) {
      const end = tick() + limitMs
      const left = () => [...queue.values()].filter(({ retried }) => retried)
      // What is not due before the end is not waited for.
      const waits = () => left().some(({ nextTick }) => Math.max(nextTick, pauseUntil) < end)
      while (waits() && tick() < end && !signal.aborted) await sleep(20, signal).catch(() => undefined)
      return { left: left().length, why }
    },
    async stop() {
      stop.abort()
      await working
    }
  }
}

/** A certificate that is not trusted is not trusted a second later either. */
function isDistrust(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return /CERT|SIGNED|ISSUER|VERIFY_LEAF|ALTNAME/.test(code)
}

function keyOf(claim: string, phase: string, milestone: string): string {
  return `${claim} ${contextOf(phase, milestone)}`
}

async function readReview({ git }: ReviewContext, sha: string) {
  const commit = await git.commit(sha)
  const parsed = commit === null ? null : parseMessage(commit.message)
  if (commit === null || parsed?.kind !== 'review') return null
  const { message } = parsed
  const { claim, verdict, milestone, phase } = message
  return claim === null || verdict === null || milestone === null
    ? null
    : { commit, message, claim, verdict, milestone, phase }
}

/**
 * What one review says, in the words of its signed commit; of a PASS whose gate is closed the gate's reason, for
 * whoever reads a status takes it for the answer.
 *
 * @param known the branch as it was read last.
 */
async function statusOfReview(
  reviewContext: ReviewContext,
  forge: ForgeConfig,
  sha: string,
  known: Snapshot | null
): Promise<Status | null> {
  const review = await readReview(reviewContext, sha)
  if (review === null) return null
  const { claim, verdict, milestone, phase, message } = review
  const shut = verdict === 'PASS' ? await closedGate(reviewContext, known, phase, milestone, sha) : null
  const path = message.section?.path
  const line = path === undefined ? null : await sectionLine(reviewContext, review, path)
  return {
    sha: claim,
    context: contextOf(phase, milestone),
    state: shut === null ? stateOf[verdict] : shut.code === exitCode.fail ? 'failure' : 'error',
    description: shut?.reasons[0] ?? `${milestone} ${verdict}: ${reasonOf(message)}`,
    link: path === undefined || line === null ? null : lineLink(forge, { commit: sha, path, line }),
    branch: reviewContext.home.repo.branch
  }
}

/** The gate's answer where this review is what it goes by, and it is closed. */
async function closedGate(
  reviewContext: ReviewContext,
  known: Snapshot | null,
  phase: string,
  milestone: string,
  review: string
): Promise<GateAnswer | null> {
  const isKnown = known?.record.reviews.some(({ commit }) => commit.sha === review) === true
  // What was pushed a moment ago is on the branch and not in what was read before.
  const at = known !== null && isKnown ? known : await snapshot(reviewContext)
  const judge = await judgeOf(reviewContext, at, nowMs())
  const answer = (await judge(phase, [milestone])).milestones.get(milestone)
  if (answer === undefined || answer.code === exitCode.pass) return null
  // A newer verdict has a status of its own, on its own claim.
  return answer.review === null || answer.review.commit === review ? answer : null
}

/** The line of the section's heading, from 1, in the review file as this commit has it. */
async function sectionLine(
  { git }: ReviewContext,
  { commit, milestone, verdict }: NonNullable<Awaited<ReturnType<typeof readReview>>>,
  path: string
): Promise<number | null> {
  const [parent] = commit.parents
  const [now, before] = await Promise.all([
    git.file(commit.sha, path),
    parent === undefined ? null : git.file(parent, path)
  ])
  if (now.kind !== 'file') return null
  const from = before?.kind === 'file' ? before.bytes.length : 0
  const heading = Buffer.from(now.bytes).indexOf(`\n## ${milestone}: ${verdict} @`, Math.max(0, from - 1))
  if (heading < 0) return null
  let line = 2
  for (const byte of now.bytes.subarray(0, heading)) if (byte === 0x0a) line += 1
  return line
}

/** An older claim whose milestone was claimed again before it was judged: nothing was shown of it. */
function supersededStatus(reviewContext: ReviewContext, { message }: SignedReview, older: string): Status {
  const { phase, milestone, claim } = message
  return {
    sha: older,
    context: contextOf(phase, milestone ?? ''),
    state: 'error',
    description: `${milestone} was claimed again by ${claim?.slice(0, 12)}; that one was judged`,
    link: null,
    branch: reviewContext.home.repo.branch
  }
}
