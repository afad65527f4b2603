import { fence, inline, plain } from '../lib/text/clean.ts'
import { concealed } from '../lib/secrets/veil.ts'
import type { CheckResult, Decision } from '../probe/verdict.ts'
import type { Claim, Origin, Person, Verdict } from '../lib/words.ts'
import { checkBlocks, checksBlocks, standingLines } from './checks.ts'
import { type LastLook, sinceLine, wrongBlocks } from './lead.ts'
import {
  blocks,
  type Cited,
  commandsOf,
  commit,
  folded,
  type HostSeen,
  lines,
  minute,
  name,
  numbered,
  sentence,
  showBlocks,
  unseen,
  whereabouts
} from './parts.ts'

/**
 * The sections of a review file, as text with `\n` line ends that starts with its heading and ends in one
 * line break. `append.ts` says how they get into a file. Findings and vetoes are in `finding.ts`.
 */

export interface HeaderInput {
  readonly phase: string
  readonly title: string
  readonly reviewer: Person
  readonly repo: string
  readonly branch: string
  /** `sha256:…` of the plan. */
  readonly planDigest: string
}

/** The top of a new review file: who reviews what, by which plan. */
export function renderHeader(input: HeaderInput): string {
  const { repo, title } = concealed(input)
  return blocks([
    `# REVIEW — phase ${name(input.phase)} (Adversary)`,
    title === input.phase ? '' : sentence(title),
    lines([
      `**Reviewer:** ${inline(`${input.reviewer.name} <${input.reviewer.email}>`)}`,
      `**Repo:** ${inline(repo)}, branch ${inline(input.branch)}`,
      `**Plan:** ${inline(input.planDigest)}`
    ]),
    `Sections are only appended, each by a signed commit. To verify them: ${inline(`adversary gate ${input.phase}`)}.`
  ])
}

/** The section with a sentence for each file that could not be put where it belongs. */
export function elsewhere(
  section: string,
  places: readonly { readonly path: string; readonly why: string | null }[]
): string {
  const notes = places.flatMap(({ path, why }) =>
    why === null ? [] : [`**Not at its usual place:** ${sentence(`${why}, so this is in ${path}`)}`]
  )
  return notes.length === 0 ? section : blocks([section.trimEnd(), ...new Set(notes)])
}

export interface ReviewInput extends Cited {
  readonly claim: Claim
  readonly decision: Decision
  /** When the verdict was reached, ISO UTC. */
  readonly at: string
  readonly checks: readonly CheckResult[]
  readonly hosts: readonly HostSeen[]
  /** What stands in the way of a PASS besides the checks. */
  readonly obstacles: readonly string[]
  /** What to do when a check of this probe fails; empty: nothing is known. */
  readonly remedyOf: (probe: string) => string
  /** The same checks before; null: this is the first look at them. */
  readonly lastLook: LastLook | null
  /** Older claims of the milestone that nobody answered, oldest first. */
  readonly superseded: readonly Pick<Claim, 'sha' | 'subject'>[]
  /** Commits on the branch after the claim, when the review began. */
  readonly movedOnBy: number
  /** Findings told in the same commit, or open. */
  readonly findings: readonly { readonly id: string; readonly title: string; readonly origin: Origin }[]
}

/** The answer to one claim. */
export function renderReview(input: ReviewInput): string {
  const { claim, decision } = input
  const milestone = name(claim.milestone)
  const verdict = `${milestone} ${decision.verdict}`
  const since = sinceLine(input.checks, input.lastLook)
  const isPass = decision.verdict === 'PASS'
  return blocks([
    `## ${milestone}: ${decision.verdict} @${minute(input.at)}`,
    // Who is called at night reads what is wrong before anything else.
    ...(isPass ? [] : [...wrongBlocks(input), since]),
    lines([
      `**Claim:** ${plain(claim.summary) || '(no summary)'}`,
      `**Commit:** ${commit(claim.sha, claim.subject)}`,
      ...supersededLines(input.superseded),
      ...whereabouts(input, input.hosts)
    ]),
    ...(isPass ? [since] : []),
    movedOn(input.movedOnBy),
    ...(input.checks.length === 0 ? [] : ['### Cold-run evidence']),
    ...checksBlocks(input.checks, input, { evidence: true }),
    `**${verdict} — ${sentence(decision.why)}**`,
    lines(
      input.findings.map(
        finding =>
          `See finding ${name(finding.id)} (${originWords[finding.origin]}): ${sentence(finding.title)}`
      )
    ),
    ...askAgain(claim, decision.verdict)
  ])
}

/** The newest of them by name; the commit's trailers name them all. */
function supersededLines(older: ReviewInput['superseded']): readonly string[] {
  const named = older.slice(-4).map(({ sha, subject }) => `**Superseded by it:** ${commit(sha, subject)}`)
  const rest = older.length - named.length
  return rest === 0
    ? named
    : [...named, `… and ${rest} older ${rest === 1 ? 'claim' : 'claims'} of this milestone.`]
}

const originWords: Readonly<Record<Origin, string>> = {
  'pre-existing': 'pre-existing',
  introduced: 'introduced in this phase',
  unknown: 'no baseline, so its age is unknown'
}

function movedOn(commits: number): string {
  if (commits === 0) return ''
  const number = commits === 1 ? '1 commit' : `${commits} commits`
  return `The branch has ${number} after the claim. The reviewer read the repo at the claim's commit.`
}

function askAgain(claim: Claim, verdict: Verdict): readonly string[] {
  if (verdict === 'PASS') return []
  const when =
    verdict === 'FAIL'
      ? 'After fixing this, claim again:'
      : 'This proves neither PASS nor FAIL. When the cause is resolved, claim again:'
  const command = `git commit --allow-empty -m "claim(${name(claim.phase)}-${name(claim.milestone)}): …"`
  return [when, fence(command, 'sh')]
}

export interface PreVerificationInput extends Cited {
  readonly milestone: string
  readonly at: string
  readonly checks: readonly CheckResult[]
  readonly hosts: readonly HostSeen[]
  readonly lastLook: LastLook | null
}

/**
 * What the checks of a milestone say before anybody claimed it: outcomes, no verdict. The claim's review has the evidence
 * of the same checks, so what passes is a line here; all of it is in the evidence file.
 */
export function renderPreVerification(input: PreVerificationInput): string {
  const milestone = name(input.milestone)
  return blocks([
    `## Pre-verification probe (${minute(input.at)} — before ${milestone} claimed)`,
    lines([
      `${milestone} is not claimed yet, so this is not a verdict. The same checks run again for the claim.`,
      ...whereabouts(input, input.hosts)
    ]),
    sinceLine(input.checks, input.lastLook),
    ...checksBlocks(input.checks, input, { evidence: input.evidenceFile === undefined })
  ])
}

/** Something a reviewer wrote down about a host, before any claim. */
export interface Observation {
  readonly title: string
  /** The lines worth reading, out of the facts. */
  readonly shows: readonly string[]
  /** Numbers of the reads. */
  readonly evidence: readonly number[]
  /** Why it could not be seen; absent when it was. */
  readonly unseen?: string
}

/** A hunt of the reviewer's own: what was tried, when, and what each probe said. */
export interface BreakIt {
  readonly what: string
  readonly at: string
  readonly checks: readonly CheckResult[]
}

/** How some checks stand, a line each. */
export interface Standing {
  readonly title: string
  readonly checks: readonly CheckResult[]
  /** Those that passed are no news, and fold: what they are called, as `1 probe`, `2 probes`. */
  readonly folds?: (passed: number) => string
}

export interface OrientationInput extends Cited {
  readonly at: string
  readonly hosts: readonly HostSeen[]
  /** The phase's first claim, where it was made before this. */
  readonly claimed: Pick<Claim, 'sha' | 'subject'> | null
  readonly observations: readonly Observation[]
  /** How checks stand, each on a line: the plan's, and those of the hunt. */
  readonly standing: readonly Standing[]
  readonly tried: readonly BreakIt[]
}

/** What the host looked like before any claim: the baseline of the phase. */
export function renderOrientation(input: OrientationInput): string {
  const cited = numbered(input)
  return blocks([
    `## Phase context (initial orientation, ${minute(input.at)})`,
    lines([
      input.claimed === null
        ? 'Recorded before any claim. Later sections compare with it.'
        : `The phase was already claimed by ${commit(input.claimed.sha, input.claimed.subject)}, so this shows the current state and is not a baseline.`,
      ...whereabouts(input, input.hosts)
    ]),
    ...input.observations.flatMap(seen => observationBlocks(seen, cited)),
    ...input.standing.flatMap(standingBlocks),
    ...input.tried.flatMap(tried => breakItBlocks(tried, cited))
  ])
}

function standingBlocks({ title, checks, folds }: Standing): readonly string[] {
  if (checks.length === 0) return []
  const quiet = folds === undefined ? [] : checks.filter(({ outcome }) => outcome === 'pass')
  const told = standingLines(checks.filter(check => !quiet.includes(check)))
  return [
    `**${plain(title, 200)}**`,
    told.join('\n'),
    folds === undefined || quiet.length === 0
      ? ''
      : folded(folds(quiet.length), standingLines(quiet).join('\n'))
  ]
}

function observationBlocks(seen: Observation, cited: Cited): readonly string[] {
  const title = `**${plain(seen.title, 200)}**`
  const commands = commandsOf(seen.evidence, cited)
  if (seen.unseen !== undefined) {
    const tried = commands.length === 0 ? [] : [fence(commands.join('\n'))]
    return [`${title} ?`, ...tried, unseen(seen.unseen)]
  }
  return [title, ...showBlocks(commands, seen.shows.length === 0 ? ['none'] : seen.shows)]
}

function breakItBlocks(tried: BreakIt, cited: Cited): readonly string[] {
  return [
    `### Break-it probe: ${plain(tried.what, 200)} (${minute(tried.at)})`,
    ...tried.checks.flatMap((check, index) => {
      const [title = '', ...rest] = checkBlocks(check, index + 1, cited)
      // A heading that says it already is enough.
      return tried.checks.length === 1 && check.title === tried.what ? rest : [title, ...rest]
    })
  ]
}
