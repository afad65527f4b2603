import { createHash } from 'node:crypto'
import { parsingBounds } from '../lib/bounds.ts'
import { type ParsingBudget, parsingBudget } from '../lib/effort.ts'
import { reachable } from '../lib/graph.ts'
import { itemsBehind } from '../lib/lineage.ts'
import { parseClaim } from '../record/claim.ts'
import type { Git } from '../git/clone.ts'
import type { Commit } from '../git/git-types.ts'
import {
  closingOnly,
  type Distrusted,
  heldTo,
  policyOf,
  readMessage,
  readRecord,
  removedOf,
  type SignedRecord,
  type SignedReview,
  type Trust
} from '../record/record.ts'
import { behindOf, findingsOf, vetoesOf } from '../record/finding-history.ts'
import type { Claim, Verdict } from '../lib/words.ts'
import { disagreements, tooMuchToRead, typedVerdicts } from './agree.ts'
import { everyMilestone, type HandVerdict, withUnsignedEdits } from './unsigned-edits.ts'
import type { Blocker, MilestoneFacts } from './judge-milestone.ts'
import { type Appended, proveAppendOnly, type Touch } from './append-only.ts'

/** What the clone says of one branch. */
export interface BranchView {
  readonly name: string
  readonly tip: string
  readonly record: SignedRecord
}

/** Everything about one phase that does not depend on the milestone asked for. */
export interface PhaseView {
  readonly phase: string
  readonly main: BranchView
  /** Where reviews are: the same as `main` unless they have a branch of their own. */
  readonly reviews: BranchView
  /** Reviews of the phase by listed signers, parents before children. */
  readonly signed: readonly SignedReview[]
  readonly handVerdicts: readonly HandVerdict[]
  readonly distrusted: readonly Distrusted[]
  readonly claims: readonly Claim[]
  readonly appended: ReadonlyMap<string, Appended>
  /** The file is not what its signers made it, or a review is out of order. */
  readonly problems: readonly string[]
  /** Commits of listed keys that cannot be believed or read, and that may have closed a gate. */
  readonly doubts: readonly Distrusted[]
  /** Milestones with a verdict in the file that nobody signed. */
  readonly typed: ReadonlySet<string>
  /** Every commit of either branch, parents before children. */
  readonly history: readonly Commit[]
  readonly parents: ReadonlyMap<string, readonly string[]>
  /** What is left of the work of reading Markdown. */
  readonly budget: ParsingBudget
}

/** @param repo what the pipeline calls the repo; null: it does not say. */
export async function readBranch(
  git: Git,
  name: string,
  tip: string,
  trust: Trust,
  repo: string | null
): Promise<BranchView> {
  const record = await readRecord(git, tip, trust)
  return { name, tip, record: repo === null ? record : heldTo(record, repo) }
}

/** Phases and milestones of which anything is signed by the reviewer. */
export function knownNames(branches: readonly BranchView[]): ReadonlyMap<string, ReadonlySet<string>> {
  const names = new Map<string, Set<string>>()
  for (const { record } of branches) {
    for (const { byReviewer, message } of record.reviews) {
      if (!byReviewer) continue
      const milestones = names.get(message.phase) ?? new Set()
      names.set(message.phase, milestones)
      if (message.milestone !== null) milestones.add(message.milestone)
      for (const { milestone } of message.policy?.milestones ?? []) milestones.add(milestone)
    }
  }
  return names
}

export async function viewPhase(
  git: Git,
  trust: Trust,
  phase: string,
  main: BranchView,
  reviews: BranchView
): Promise<PhaseView> {
  const branches = reviews.tip === main.tip ? [main] : [reviews, main]
  const all = distinct(branches.flatMap(({ record }) => record.reviews))
  const signed = all.filter(({ message }) => message.phase === phase)
  const files = [...new Set(signed.flatMap(({ message }) => message.section?.path ?? []))]

  const parents = new Map<string, readonly string[]>()
  const history = branches.flatMap(({ record }) =>
    record.history.filter(({ sha, parents: of }) => {
      const isNew = !parents.has(sha)
      parents.set(sha, of)
      return isNew
    })
  )

  const problems: string[] = [...datesOutOfOrder(all, branches)]
  const appended = new Map<string, Appended>()
  for (const branch of branches) {
    for (const path of files) {
      const proof = await proveAppendOnly({
        path,
        tip: branch.tip,
        touches: await touchesOf(git, trust, branch, path),
        reviewer: trust.reviewer,
        history: branch.record.history,
        parents,
        file: (commit, name) => git.file(commit, name)
      })
      problems.push(...proof.problems)
      for (const one of proof.appended) appended.set(one.touch.commit.sha, one)
      const twin = await git.twin(branch.tip, path)
      if (twin !== null) problems.push(`${JSON.stringify(twin)} disguises itself as ${path}`)
    }
  }

  const distrusted = distinct(branches.flatMap(({ record }) => record.distrusted)).filter(({ commit }) =>
    speaksOfPhase(commit, phase)
  )
  const budget = parsingBudget(parsingBounds.workOfGate)
  const written = await withUnsignedEdits(signed, appended, history, trust, budget)
  const typed = await typedVerdicts(git, branches, phase, files, budget)
  if (budget.isSpent()) problems.push(tooMuchToRead)
  return {
    phase,
    main,
    reviews,
    signed: heldToForm(written.reviews, appended),
    handVerdicts: written.verdicts,
    distrusted,
    doubts: [...doubtsOf(distrusted, signed, trust, parents), ...oddByHand(appended, signed, parents)],
    history,
    parents,
    claims: claimsOf(main.record.history, phase),
    appended,
    problems: [...new Set(problems)],
    typed,
    budget
  }
}

/**
 * What a listed key signed and nobody can believe may be a FAIL or a veto: the reviewer's own unreadable
 * commits, until an accept covers them, and those of a key that has expired or is revoked, until the reviewer
 * has spoken after them.
 */
function doubtsOf(
  distrusted: readonly Distrusted[],
  signed: readonly SignedReview[],
  trust: Trust,
  parents: ReadonlyMap<string, readonly string[]>
): readonly Distrusted[] {
  if (distrusted.length === 0) return []
  const own = signed.filter(({ byReviewer }) => byReviewer)
  const behind = (reviews: readonly SignedReview[]) =>
    reachable(
      reviews.flatMap(({ commit }) => commit.parents),
      parents
    )
  const accepted = behind(own.filter(({ message }) => message.accept !== null))
  const answered = behind(own.filter(({ message }) => message.verdict !== null || message.accept !== null))
  const listed = fingerprintsOf(trust.allowed)
  return distrusted.filter(({ commit, signature }) => {
    if (signature.state === 'good') {
      const unread = readMessage(commit).kind === 'malformed'
      return signature.principal === trust.reviewer
        ? !accepted.has(commit.sha)
        : unread && isAddressed(commit) && !answered.has(commit.sha)
    }
    if (signature.state === 'odd') return !answered.has(commit.sha)
    return signature.state === 'bad' && listed.has(signature.key) && !answered.has(commit.sha)
  })
}

/** Whether it carries a trailer of a review: others call a commit a review as well. */
function isAddressed({ message }: Commit): boolean {
  return /^[ \t]*Adversary-[a-z]+:/im.test(message)
}

/** Of what people wrote by hand in a commit such as the product never writes, only what it closes. */
function heldToForm(
  reviews: readonly SignedReview[],
  appended: ReadonlyMap<string, Appended>
): readonly SignedReview[] {
  return reviews.map(review =>
    appended.get(review.commit.sha)?.touch.odd === undefined
      ? review
      : { ...review, message: closingOnly(review.message) }
  )
}

/** Commits made by hand that no git writes by itself, until the reviewer has spoken after them. */
function oddByHand(
  appended: ReadonlyMap<string, Appended>,
  signed: readonly SignedReview[],
  parents: ReadonlyMap<string, readonly string[]>
): readonly Distrusted[] {
  const odd = [...appended.values()].flatMap(({ touch: { commit, principal, odd } }) =>
    odd === undefined || odd.common
      ? []
      : [{ commit, why: odd.why, signature: { state: 'odd', principal, key: '', ...odd } as const }]
  )
  if (odd.length === 0) return []
  const answers = signed.filter(
    ({ byReviewer, message }) => byReviewer && (message.verdict !== null || message.accept !== null)
  )
  const answered = reachable(
    answers.flatMap(({ commit }) => commit.parents),
    parents
  )
  return odd.filter(({ commit }) => !answered.has(commit.sha))
}

/** `SHA256:…` of each key in an allowed-signers file. */
function fingerprintsOf(allowed: string): ReadonlySet<string> {
  const blobs = allowed.matchAll(/(?:^|\s)(?:sk-)?(?:ssh|ecdsa)-[\w@.-]+\s+(?<blob>[A-Za-z0-9+/=]{16,})/gm)
  return new Set(
    [...blobs].map(({ groups }) => {
      const digest = createHash('sha256').update(Buffer.from(groups?.['blob'] ?? '', 'base64'))
      return `SHA256:${digest.digest('base64').replace(/={1,2}$/, '')}`
    })
  )
}

function distinct<One extends { readonly commit: Commit }>(all: readonly One[]): readonly One[] {
  return [...new Map(all.map(one => [one.commit.sha, one])).values()]
}

/** A key that has expired signs well under a date of its past: so no review is older than one it builds on. */
function datesOutOfOrder(
  signed: readonly SignedReview[],
  branches: readonly BranchView[]
): readonly string[] {
  const problems: string[] = []
  const own = new Map(signed.map(({ commit }) => [commit.sha, commit]))
  for (const { record } of branches) {
    const newest = new Map<string, Commit>()
    for (const commit of record.history) {
      let latest: Commit | undefined
      for (const parent of commit.parents) {
        const one = newest.get(parent)
        if (one !== undefined && (latest === undefined || one.committedAt > latest.committedAt)) latest = one
      }
      const review = own.get(commit.sha)
      if (review !== undefined && latest !== undefined && review.committedAt < latest.committedAt) {
        problems.push(
          `review ${short(review.sha)} is dated ${review.committedAt}, before ${short(latest.sha)} (${latest.committedAt}) that it builds on`
        )
      }
      const result =
        review !== undefined && (latest === undefined || review.committedAt >= latest.committedAt)
          ? review
          : latest
      if (result !== undefined) newest.set(commit.sha, result)
    }
  }
  return problems
}

/** Commits of listed signers that touch the file: reviews, and what people on the list wrote by hand. */
async function touchesOf(
  git: Git,
  trust: Trust,
  branch: BranchView,
  path: string
): Promise<readonly Touch[]> {
  const { record, tip } = branch
  const reviews = new Map(record.reviews.map(review => [review.commit.sha, review]))
  const touching = new Set(await git.signedTouching(tip, path))
  const others = [...touching].filter(sha => !reviews.has(sha))
  const signatures = await git.signatures(others, trust)
  const touches: Touch[] = []
  for (const commit of record.history) {
    const review = reviews.get(commit.sha) ?? null
    const signature = signatures.get(commit.sha)
    if (review !== null && (review.message.section?.path === path || touching.has(commit.sha))) {
      touches.push({ commit, principal: review.principal, review })
    } else if (signature?.state === 'good') {
      touches.push({ commit, principal: signature.principal, review: null })
    } else if (signature?.state === 'odd') {
      touches.push({ commit, principal: signature.principal, review: null, odd: signature })
    }
  }
  return touches
}

function claimsOf(history: readonly Commit[], phase: string): readonly Claim[] {
  const patterns = { phase: /^[A-Za-z0-9][A-Za-z0-9._-]*$/, milestone: /^[A-Za-z0-9][A-Za-z0-9._]*$/ }
  return history.flatMap(commit => {
    const parsed = parseClaim(commit, patterns)
    return parsed.kind === 'claim' && parsed.claim.phase === phase ? [parsed.claim] : []
  })
}

interface Built {
  readonly sha: string
  readonly history: readonly Commit[]
}

/** Gathers what the judgement of one milestone rests on, that of what it needs included. */
export function viewMilestone(
  git: Git,
  view: PhaseView,
  milestone: string,
  built: Built
): Promise<MilestoneFacts> {
  const { reviews, signed, phase } = view
  const policy = policyOf({ tip: reviews.tip, reviews: signed, distrusted: [], history: [] }, phase)
  const seen = new Map<string, Promise<MilestoneFacts>>()
  const within = (name: string, above: readonly string[]): Promise<MilestoneFacts> => {
    const path = [...above, name]
    const known = seen.get(name)
    if (known !== undefined) return known
    const gathered = (async () => {
      const needed = policy?.milestones.find(each => each.milestone === name)?.needs ?? []
      const needs: MilestoneFacts['needs'][number][] = []
      for (const need of needed)
        needs.push({ milestone: need, facts: path.includes(need) ? null : await within(need, path) })
      return { ...(await viewAlone(git, view, name, built)), needs }
    })()
    seen.set(name, gathered)
    return gathered
  }
  return within(milestone, [])
}

async function viewAlone(
  git: Git,
  view: PhaseView,
  milestone: string,
  built: Built
): Promise<Omit<MilestoneFacts, 'needs'>> {
  const { main, reviews, signed, parents } = view
  const merged: SignedRecord = {
    tip: reviews.tip,
    reviews: signed,
    distrusted: view.distrusted,
    history: view.history
  }
  const policy = policyOf(merged, view.phase)
  const rules = policy?.milestones.find(known => known.milestone === milestone) ?? null
  const claims = view.claims.filter(claim => claim.milestone === milestone)
  const newerClaims = [
    ...claims,
    ...claimsOf(built.history, view.phase).filter(
      claim => claim.milestone === milestone && claims.every(({ sha }) => sha !== claim.sha)
    )
  ]
  const deciding = decidingReviews(view, milestone)
  const verdict = worst(deciding)
  const review = deciding.findLast(({ message }) => message.verdict === verdict) ?? null
  const claim = review?.message.claim ?? null
  const settled = new Set(
    signed.flatMap(({ byReviewer, message }) => (byReviewer ? [message.claim, ...message.supersedes] : []))
  )
  const behind = claim === null ? new Set<string>() : reachable([claim], parents)
  const ends = [...new Set([main.tip, built.sha])]
  const claimIsHere = claim !== null && parents.has(claim)
  const touched =
    claim === null || rules === null
      ? []
      : await Promise.all(ends.map(end => git.changedSince(claim, end, rules.watchPaths)))

  const faults =
    rules === null
      ? []
      : await Promise.all(
          [...ends, ...(claimIsHere ? [claim] : [])].map(end => git.treeFaults(end, rules.watchPaths))
        )

  return {
    phase: view.phase,
    milestone,
    review,
    crooked: [...new Set(faults.flat())],
    verdict,
    claims,
    elsewhere: signed.filter(
      ({ elsewhere, message }) => message.milestone === milestone && (elsewhere?.verdict ?? null) !== null
    ),
    claimInBranch: claims.some(({ sha }) => sha === claim),
    claimInBuilt: built.history.some(({ sha }) => sha === claim),
    claimInReview:
      review === null ||
      claim === null ||
      main.tip !== reviews.tip ||
      reachable(review.commit.parents, parents).has(claim),
    newer: newerClaims.filter(({ sha }) => !behind.has(sha) && !settled.has(sha)),
    branch: main.name,
    policy,
    rules,
    touched: [...new Set(touched.flat())],
    disagreements:
      review === null
        ? []
        : await disagreements(git, view.appended.get(review.commit.sha), review, reviews.tip, view.budget),
    blockers: [...blockersOf(merged, view.phase), ...standingByHand(view)].filter(({ blocks }) =>
      blocks.some(name => name === everyMilestone || name.toLowerCase() === milestone.toLowerCase())
    ),
    distrusted: view.distrusted.filter(({ commit }) => speaksOf(commit, view.phase, milestone)),
    removed: removedOf(merged, view.phase)
      .filter(lost => lost.milestone === milestone)
      .filter(({ by }) => review === null || !reachable(review.commit.parents, parents).has(by.commit.sha))
      .map(({ review: gone, verdict, by }) => ({ review: gone, verdict, said: by.commit.sha })),
    typed: view.typed.has(milestone.toUpperCase())
  }
}

/**
 * The verdicts on a milestone that no newer one has overtaken. One is overtaken by a verdict on another claim
 * that has it in its history, unless that one answers an older claim, which it knows to be older. Verdicts
 * that have not seen each other all count, whatever their dates.
 */
function decidingReviews(
  { signed, history }: Pick<PhaseView, 'signed' | 'history'>,
  milestone: string
): readonly SignedReview[] {
  const verdicts = signed
    .filter(
      ({ byReviewer, message }) => byReviewer && message.verdict !== null && message.milestone === milestone
    )
    .map(review => ({ review, claim: review.message.claim ?? '' }))
  const claims = new Set(verdicts.map(({ claim }) => claim))
  if (claims.size < 2) return verdicts.map(({ review }) => review)
  const behind = behindOf({ history }, verdicts)
  const older = itemsBehind(history, new Map([...claims].map(claim => [claim, [claim]])), claims)
  const isOlder = (claim: string, than: string) => older.get(than)?.has(claim) ?? false
  const overtaken = new Set(
    verdicts.flatMap(verdict =>
      [...behind(verdict)].flatMap(before => {
        if (before.claim === verdict.claim) return []
        return isOlder(verdict.claim, before.claim) ? [verdict] : [before]
      })
    )
  )
  return verdicts.filter(verdict => !overtaken.has(verdict)).map(({ review }) => review)
}

function worst(reviews: readonly SignedReview[]): Verdict | null {
  const said = new Set(reviews.map(({ message }) => message.verdict))
  return (['FAIL', 'INCONCLUSIVE', 'PASS'] as const).find(verdict => said.has(verdict)) ?? null
}

/** What people wrote that is no PASS, until the reviewer has signed a newer PASS that has it in its history. */
function standingByHand({ signed, handVerdicts, history }: PhaseView): readonly Blocker[] {
  if (handVerdicts.length === 0) return []
  const passes = signed
    .filter(({ byReviewer, message }) => byReviewer && message.verdict === 'PASS')
    .map(review => ({ review, milestone: review.message.milestone ?? '' }))
  const behind = behindOf<HandVerdict | (typeof passes)[number]>({ history }, [...handVerdicts, ...passes])
  const answered = new Set(
    passes.flatMap(pass =>
      [...behind(pass)].filter(({ milestone }) => milestone.toLowerCase() === pass.milestone.toLowerCase())
    )
  )
  return handVerdicts
    .filter(verdict => !answered.has(verdict))
    .map(({ verdict, milestone, review }) => ({
      what: verdict,
      id: milestone,
      commit: review.commit.sha,
      by: review.principal,
      blocks: [milestone]
    }))
}

function blockersOf(record: SignedRecord, phase: string): readonly Blocker[] {
  const vetoes = vetoesOf(record, phase).map(
    ({ milestone, by }): Blocker => ({
      what: 'veto',
      id: milestone,
      commit: by.commit.sha,
      by: by.principal,
      blocks: [milestone]
    })
  )
  const findings = findingsOf(record, phase)
    .filter(({ status }) => status === 'open')
    .map(
      ({ id, blocks, last }): Blocker => ({
        what: 'finding',
        id,
        commit: last.commit.sha,
        by: last.principal,
        blocks
      })
    )
  return [...vetoes, ...findings]
}

/** Whether a commit that is not believed may have spoken of this phase: what cannot be read may have. */
function speaksOfPhase(commit: Commit, phase: string): boolean {
  const target = targetOf(commit)
  return (
    target === undefined || target === phase.toLowerCase() || target.startsWith(`${phase.toLowerCase()}-`)
  )
}

function targetOf(commit: Commit): string | undefined {
  const target = /^\s*review\s*[([{](?<target>[^)\]}]*)/i.exec(commit.message)?.groups?.['target']
  return target?.trim().toLowerCase()
}

/** Whether a commit that is not believed would have spoken of this milestone. */
function speaksOf(commit: Commit, phase: string, milestone: string): boolean {
  const target = targetOf(commit)
  return (
    target === `${phase}-${milestone}`.toLowerCase() ||
    commit.message.includes(`Adversary-Verdict: ${phase}-${milestone} `)
  )
}

function short(sha: string): string {
  return sha.slice(0, 12)
}
