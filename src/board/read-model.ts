import { boardBounds, parsingBounds, proseBounds } from '../lib/bounds.ts'
import { parsingBudget, pause } from '../lib/effort.ts'
import { AdversaryError } from '../lib/errors.ts'
import type {
  BoardModel,
  CheckModel,
  Doubt,
  FindingModel,
  HostModel,
  MilestoneModel,
  Moment,
  PhaseModel,
  ReadModel,
  ReviewModel,
  WatcherModel,
  WordModel
} from './model.ts'
import { parseClaim } from '../record/claim.ts'
import { isoSecond } from '../os/clock.ts'
import { commitsUrl, guessForge } from '../forge/forge.ts'
import { concealed } from '../lib/secrets/veil.ts'
import type { AnyProbe, Finding } from '../probe/probe.ts'
import type { SignedReview } from '../record/record.ts'
import { type FindingLife, findingsOf } from '../record/finding-history.ts'
import type { EvidenceRecord } from '../render/evidence-file.ts'
import { type Heading, headings } from '../render/locate.ts'
import { type Claim, exitCode } from '../lib/words.ts'
import { elsewhere, placeOf } from './check-place.ts'
import { board, type Board, type BoardMilestone, type BoardPhase } from './summary.ts'
import { reasonOf } from '../gate/judge-milestone.ts'
import { evidenceOf } from '../review/context/claim-history.ts'
import { judgeAgain } from '../review/replay.ts'
import { type Snapshot, type ReviewContext } from '../review/context/review-context.ts'

/**
 * Gathers what the board shows: from the signed record, the evidence in the repo, and what the gate says of it.
 * No host is asked.
 *
 * @param now milliseconds since 1970: freshness is judged as of then.
 * @param options.commits overrides the address that commits are linked to.
 * @param options.newest only the newest reviews have a page, as many as `serve` shows.
 * @param options.watcher how the watcher of the home stands, for who knows.
 */
export async function boardModel(
  context: ReviewContext,
  at: Snapshot,
  now: number,
  options: {
    readonly version: string
    readonly commits?: string
    readonly newest?: true
    readonly watcher?: WatcherModel | null
  }
): Promise<BoardModel> {
  const { repo } = context.home
  const seen = await board(context, at, now)
  const claims = claimsIn(context, at)
  const bounds = options.newest === true ? boardBounds : { reviews: Infinity, characters: Infinity }
  const reviews: ReviewModel[] = []
  const words: WordModel[] = []
  let characters = 0
  for (const review of at.record.reviews.slice(-bounds.reviews).reverse()) {
    await pause()
    const page = await reviewModel(context, review, claims)
    const word = page === null ? await wordModel(context.git, review) : null
    for (const { stdout, stderr } of page?.reads ?? []) characters += stdout.length + stderr.length
    characters += word?.section?.length ?? 0
    if (characters > bounds.characters) break
    if (page !== null) reviews.unshift(concealed(page))
    if (word !== null) words.unshift(concealed(word))
  }
  const sections = sectionReader(context.git)
  const phases: PhaseModel[] = []
  for (const phase of seen.phases) {
    await pause()
    phases.push(concealed(await phaseModel(sections, at, phase, claims, words)))
  }
  const watcher = options.watcher ?? null
  const rest = concealed({
    repo: repo.url,
    branch: repo.branch,
    commits: options.commits ?? commitsUrl(context.home.forge ?? guessForge(repo.url)),
    at: isoSecond(now),
    version: options.version,
    timeline: timelineOf(at, claims, reviews),
    doubts: doubtsOf(seen, at),
    watcher,
    hosts: hostsOf(reviews, watcher)
  })
  return { ...rest, phases, reviews, words }
}

type Claims = ReadonlyMap<string, Claim>

/** The claims of the branch's history by their sha: of both branches, where reviews have one of their own. */
function claimsIn({ home }: ReviewContext, { record }: Snapshot): Claims {
  const patterns = home.claims
  return new Map(
    record.history.flatMap(commit => {
      const parsed = parseClaim(commit, patterns)
      return parsed.kind === 'claim' ? [[commit.sha, parsed.claim] as const] : []
    })
  )
}

async function phaseModel(
  sections: SectionReader,
  at: Snapshot,
  phase: BoardPhase,
  claims: Claims,
  words: readonly WordModel[]
): Promise<PhaseModel> {
  const findings: FindingModel[] = []
  for (const life of findingsOf(at.record, phase.phase)) findings.push(await findingModel(sections, life))
  const number = ({ id }: FindingModel) => Number(id.slice(1))
  return {
    phase: phase.phase,
    title: phase.plan === null ? null : phase.plan.title,
    milestones: phase.milestones.map(milestone => ({
      ...milestoneModel(phase, milestone, claims),
      history: historyOf(at, phase.phase, milestone.milestone)
    })),
    findings: findings.sort((a, b) => number(a) - number(b)),
    vetoes: phase.vetoes.map(veto => ({ ...veto, reason: reasonOfVeto(veto, words) }))
  }
}

function milestoneModel(
  { pending }: BoardPhase,
  { milestone, title, verdict, stale, gate, claim, review, reviewedAt }: BoardMilestone,
  claims: Claims
): Omit<MilestoneModel, 'history'> {
  const waiting = pending.find(each => each.milestone === milestone)
  return {
    milestone,
    title,
    verdict,
    stale,
    gate: { open: gate.code === exitCode.pass, code: gate.code, reasons: gate.reasons },
    pending: waiting === undefined ? null : { sha: waiting.sha, summary: waiting.summary },
    claim: claim === null ? null : { sha: claim, summary: claims.get(claim)?.summary ?? '' },
    review: review === null || reviewedAt === null ? null : { commit: review, at: reviewedAt }
  }
}

/** The newest verdicts are enough to see whether it goes up and down. */
const mostVerdicts = 24

function historyOf({ record }: Snapshot, phase: string, milestone: string): MilestoneModel['history'] {
  const verdicts = record.reviews.flatMap(({ commit, message, byReviewer }) =>
    byReviewer && message.phase === phase && message.milestone === milestone && message.verdict !== null
      ? [{ verdict: message.verdict, commit: commit.sha, at: commit.committedAt }]
      : []
  )
  return verdicts.slice(-mostVerdicts)
}

/** What stands behind the heading with which it was signed. */
function reasonOfVeto({ commit }: { readonly commit: string }, words: readonly WordModel[]): string | null {
  const section = words.find(word => word.commit === commit)?.section ?? ''
  return /^#{1,6} VETO [^\n:]{1,100}: (?<reason>[^\n]+)$/m.exec(section)?.groups?.['reason'] ?? null
}

/** Hosts that the shown evidence has reads of, and when they answered last. */
function hostsOf(reviews: readonly ReviewModel[], watcher: WatcherModel | null): readonly HostModel[] {
  const seen = new Map<string, string | null>()
  for (const { at, reads } of reviews) {
    for (const { on, exit } of reads) {
      if (elsewhere.has(on)) continue
      const before = seen.get(on) ?? null
      seen.set(on, exit === null || (before !== null && before > at) ? before : at)
    }
  }
  const troubles = (watcher?.troubles ?? []).filter(({ kind }) => kind === 'host')
  for (const { subject } of troubles) if (!seen.has(subject)) seen.set(subject, null)
  return [...seen]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, seenAt]) => {
      const trouble = troubles.find(({ subject }) => subject === name)
      return {
        name,
        seenAt,
        trouble: trouble === undefined ? null : { since: trouble.since, why: trouble.why }
      }
    })
}

/** A signed commit that carries no evidence: a person's or an agent's words. */
async function wordModel(git: ReviewContext['git'], review: SignedReview): Promise<WordModel> {
  const { commit, message, principal } = review
  return {
    commit: commit.sha,
    at: commit.committedAt,
    target: message.milestone === null ? message.phase : `${message.phase}-${message.milestone}`,
    what: whatOf(review, null),
    title: titleOf(review),
    by: principal,
    section: await appendedBy(git, review)
  }
}

/** What a commit appended to its review file; null where that file, or what stood before, is not there to compare. */
async function appendedBy(
  git: ReviewContext['git'],
  { commit, message }: SignedReview
): Promise<string | null> {
  const path = message.section?.path
  const [parent] = commit.parents
  if (path === undefined || parent === undefined) return null
  const [before, after] = [await git.file(parent, path), await git.file(commit.sha, path)]
  if (after.kind !== 'file' || before.kind === 'refused') return null
  const start = before.kind === 'file' ? before.bytes.length : 0
  return Buffer.from(after.bytes).subarray(start).toString()
}

async function findingModel(sectionOf: SectionReader, life: FindingLife): Promise<FindingModel> {
  const { id, title, severity, status, blocks, origin, filed, last } = life
  const moment = ({ commit }: SignedReview) => ({ commit: commit.sha, at: commit.committedAt })
  // Who adds what it blocks may say so without a section: then the one before it tells more.
  const section = status === 'open' ? ((await sectionOf(last, id)) ?? (await sectionOf(filed, id))) : null
  return {
    id,
    title: title ?? id,
    severity: severity ?? 'medium',
    status,
    blocks,
    origin: origin ?? 'unknown',
    filed: moment(filed),
    last: moment(last),
    section
  }
}

type SectionReader = (review: SignedReview, id: string) => Promise<string | null>

/**
 * The text under a finding's newest heading, as of the commit that speaks of it; null where there is none, and for what
 * is more than a board takes: of work, where a builder has made the file so, and of characters.
 */
function sectionReader(git: ReviewContext['git']): SectionReader {
  const budget = parsingBudget(parsingBounds.workOfBoard)
  const known = new Map<string, Promise<readonly Heading[]>>()
  let left: number = proseBounds.ofBoard
  return async (review, id) => {
    const path = review.message.section?.path
    const file = path === undefined ? null : await git.file(review.commit.sha, path)
    if (file?.kind !== 'file') return null
    const all = known.get(file.blob) ?? headings(file.bytes, { budget })
    known.set(file.blob, all)
    const section = sectionIn(file.bytes, await all, id)?.slice(0, proseBounds.characters) ?? null
    if (section === null || section.length > left) return null
    left -= section.length
    return section
  }
}

function sectionIn(file: Uint8Array, all: readonly Heading[], id: string): string | null {
  const index = all.findLastIndex(({ depth, text }) => depth === 2 && text.startsWith(`[adversary] ${id}: `))
  const start = all[index]
  // Where it is only guessed what a heading is, a host's words could stand for the finding's.
  if (start === undefined || start.guessed === true) return null
  const end = all.slice(index + 1).find(({ depth }) => depth <= 2)
  const bytes = Buffer.from(file).subarray(start.offset, end?.offset)
  // Its own heading stands on the card, and the rule below it belongs to the next.
  const lines = bytes.toString().trimEnd().split('\n').slice(1)
  if (/^-{3,}\s*$/.test(lines.at(-1) ?? '')) lines.pop()
  return `${lines.join('\n').trimEnd()}\n`
}

async function reviewModel(
  context: ReviewContext,
  review: SignedReview,
  claims: Claims
): Promise<ReviewModel | null> {
  const { message, commit } = review
  if (!review.byReviewer || message.evidence === null) return null
  const evidence = await evidenceIn(context, review)
  if (evidence === null) return null
  const { probes } = context.home
  return {
    commit: commit.sha,
    at: evidence.at,
    title: titleOf(review),
    target: message.milestone === null ? message.phase : `${message.phase}-${message.milestone}`,
    kind: evidence.kind,
    // What is signed, not what the file says of itself.
    verdict: message.verdict,
    claim:
      message.claim === null
        ? null
        : { sha: message.claim, summary: claims.get(message.claim)?.summary ?? '' },
    obstacles: evidence.obstacles,
    checks: evidence.checks.map(recorded => checkModel(recorded, evidence, probes)),
    hunts: evidence.hunts.map(recorded => checkModel(recorded, evidence, probes)),
    reads: evidence.evidence.map(readModel),
    file: message.evidence.path
  }
}

/** Null where the file is gone, or is none that this version reads: the review then has no page. */
async function evidenceIn({ git }: ReviewContext, review: SignedReview): Promise<EvidenceRecord | null> {
  try {
    return await evidenceOf(git, review)
  } catch (error) {
    if (error instanceof AdversaryError) throw error
    return null
  }
}

type Recorded = EvidenceRecord['checks'][number]

/**
 * A check as it was recorded, with the words of the probe as it is today. Where today's probe would judge
 * otherwise, its words are not those of the outcome, and are left out.
 */
function checkModel(
  recorded: Recorded,
  { facts, evidence }: EvidenceRecord,
  probes: readonly AnyProbe[]
): CheckModel {
  const { probe, title, on, outcome, why, evidence: reads, waiver } = recorded
  const again = judgeAgain(recorded, facts, probes)
  const words = [outcome, 'hidden'].includes(again.outcome) ? again.findings.map(saying) : []
  return {
    probe,
    title,
    place: placeOf(
      evidence.filter(({ n }) => reads.includes(n)).map(read => read.on),
      on
    ),
    outcome,
    said: [
      ...(waiver === undefined ? [] : [`waived by ${waiver.by} until ${waiver.until}: ${waiver.reason}`]),
      ...(words.length > 0 || why === null ? words : [why])
    ],
    reads
  }
}

function saying(finding: Finding): string {
  switch (finding.outcome) {
    case 'fail':
      return `${finding.saw}; expected ${finding.expected} (${finding.at})`
    case 'pass':
      return finding.saw
    default:
      return finding.why
  }
}

function readModel(read: EvidenceRecord['evidence'][number]): ReadModel {
  const { n, on, command, exit, ms, stdout, stderr, why } = read
  return { n, on, command, exit, ms, stdout, stderr, why: why ?? null }
}

function timelineOf({ record }: Snapshot, claims: Claims, pages: readonly ReviewModel[]): readonly Moment[] {
  const kinds = new Map(pages.map(({ commit, kind }) => [commit, kind]))
  const reviews = new Map(record.reviews.map(review => [review.commit.sha, review]))
  return record.history
    .flatMap((commit): readonly Moment[] => {
      const claim = claims.get(commit.sha)
      const review = reviews.get(commit.sha)
      const base = { at: commit.committedAt, commit: commit.sha }
      if (claim !== undefined) {
        const target = `${claim.phase}-${claim.milestone}`
        return [{ ...base, target, what: 'claim', verdict: null, text: claim.summary, by: claim.author.name }]
      }
      if (review === undefined) return []
      const { phase, milestone, verdict, claim: answered } = review.message
      const target = milestone === null ? phase : `${phase}-${milestone}`
      const what = whatOf(review, kinds.get(commit.sha) ?? null)
      const title = titleOf(review)
      const text =
        verdict === null
          ? title
          : `${[reasonOf(review.message), title].filter(Boolean).join(' · ')} (claim ${answered?.slice(0, 9) ?? ''})`
      return [{ ...base, target, what, verdict, text, by: review.principal }]
    })
    .reverse()
}

/** The subject says the verdict again, which stands beside it already. */
function titleOf({ message: { title, milestone, verdict } }: SignedReview): string {
  return verdict === null
    ? title
    : title
        .replace(`${milestone ?? ''} ${verdict}`, '')
        .replace(/^\s*\+\s*/, '')
        .trim()
}

function whatOf({ message }: SignedReview, kind: ReviewModel['kind'] | null): Moment['what'] {
  if (message.verdict !== null) return 'review'
  if (message.vetoes.length > 0) return 'veto'
  if (message.accept !== null) return 'accepted'
  const kinds = { orientation: 'context', hunt: 'hunt', 'pre-verification': 'look', review: 'word' } as const
  return kind === null ? (message.findings.length > 0 ? 'finding' : 'word') : kinds[kind]
}

function doubtsOf(seen: Board, { record }: Snapshot): readonly Doubt[] {
  const subjects = new Map(record.distrusted.map(({ commit }) => [commit.sha, commit.subject]))
  return [
    ...seen.distrusted.map(({ commit, why }) => ({
      commit,
      what: 'distrusted' as const,
      text: subjects.get(commit) ?? '',
      why
    })),
    ...seen.malformed.map(({ sha, subject, why }) => ({
      commit: sha,
      what: 'malformed' as const,
      text: subject,
      why
    })),
    ...seen.own.map(({ sha, subject }) => ({
      commit: sha,
      what: 'own' as const,
      text: subject,
      why: 'a reviewer does not review its own claims'
    }))
  ]
}
