import { fence, inline, plain } from '../lib/text/clean.ts'
import type { FindingState } from '../record/finding-changes.ts'
import { type CheckResult, judgedOn } from '../probe/verdict.ts'
import type { Filing, Finding } from '../probe/probe.ts'
import type { Origin } from '../lib/words.ts'
import { blocks, type Cited, commit, evidenceBlocks, lines, minute, name, sentence, tell } from './parts.ts'

/** Sections about what nobody asked for: findings and vetoes. */

export interface FindingInput extends Cited {
  readonly finding: FindingState
  /** ISO UTC. */
  readonly at: string
  readonly filing: Pick<Filing, 'story' | 'remedy' | 'diagram'>
  /** The check that saw it, and what it saw; absent for a finding filed by hand. */
  readonly check?: CheckResult
  readonly seen?: Extract<Finding, { outcome: 'fail' }>
  /** Who filed it by hand. */
  readonly by?: string
  /** Since when it can have been there; null or absent: nothing is known of that. */
  readonly cameIn?: CameIn | null
}

/** The last look that would have seen a defect and did not, and what was committed since. */
export interface CameIn {
  /** ISO UTC. */
  readonly at: string
  /** What that look was: `M1: PASS`. */
  readonly what: string
  /** Commits on the branch since, reviews left out, oldest first; null: which they are is not known. */
  readonly commits: readonly { readonly sha: string; readonly subject: string }[] | null
}

/** A defect that the reviewer, or a person, filed. */
export function renderFindingOpened(input: FindingInput): string {
  const { finding } = input
  return blocks([
    `## [adversary] ${name(finding.id)}: ${plain(finding.title, 160)}\n${status(finding)}`,
    provenance(input, 'Found'),
    ...story(input)
  ])
}

/** A defect that was closed and is back. */
export function renderFindingReopened(input: FindingInput): string {
  const { finding } = input
  return blocks([
    `## [adversary] ${name(finding.id)}: REOPENED @${minute(input.at)}\n${status(finding)}`,
    `${sentence(finding.title)} It was closed, and it is back.`,
    provenance(input, 'Seen again'),
    ...story(input)
  ])
}

export interface FindingClosedInput extends Cited {
  readonly finding: FindingState
  readonly at: string
  /** The check that shows that it is fixed; absent when a person closed it. */
  readonly check?: CheckResult
  /** A person's reason, and who it is. */
  readonly by?: string
  readonly reason?: string
}

/** A defect that is fixed, with what shows it. */
export function renderFindingClosed(input: FindingClosedInput): string {
  const { finding, check } = input
  return blocks([
    `## [adversary] ${name(finding.id)}: CLOSED @${minute(input.at)}`,
    lines([
      `**Was:** ${sentence(finding.title)}`,
      ...(input.by === undefined ? [] : [`**Closed by:** ${plain(input.by, 120)}`]),
      ...(input.reason === undefined ? [] : [`**Why:** ${sentence(input.reason)}`]),
      ...evidenceLine(input)
    ]),
    ...(check === undefined ? [] : gone(check, input))
  ])
}

/** What its probe finds now: no defect, or other ones and not this one. */
function gone({ findings, evidence }: CheckResult, cited: Cited): readonly string[] {
  const fine = findings.filter(({ outcome }) => outcome !== 'fail')
  const saw = (fine.length > 0 ? fine : findings).slice(0, 3)
  const [first, ...rest] = saw
  const sentences =
    fine.length === 0 || first === undefined
      ? ['Fixed. The remaining defects are different ones.']
      : [
          first.outcome === 'pass' ? `Fixed: ${sentence(first.saw)}` : `Fixed. ${tell(first)}`,
          ...rest.map(tell)
        ]
  return [...evidenceBlocks(saw, evidence, cited), sentences.join(' ')]
}

function status(finding: FindingState): string {
  const blocked = finding.blocks.length === 0 ? 'nothing' : finding.blocks.map(name).join(', ')
  return [
    `**Status:** ${finding.status}`,
    `**Severity:** ${finding.severity}`,
    `**Blocks:** ${blocked}`,
    `**Origin:** ${finding.origin}`
  ].join(' · ')
}

const originWords: Readonly<Record<Origin, string>> = {
  'pre-existing': 'It existed before the phase began: the orientation shows it.',
  introduced: 'The orientation checked for it and did not find it: it appeared during this phase.',
  unknown: 'No baseline covers it, so its age is unknown.'
}

function provenance(input: FindingInput, verb: string): string {
  const { check, finding } = input
  const who = input.by === undefined ? '' : ` by ${plain(input.by, 120)}`
  const where = check === undefined ? '' : ` on ${inline(check.on, 80)}`
  return lines([
    `${verb} ${minute(input.at)}${who}${where} (${inline(finding.key, 160)}).`,
    originWords[finding.origin],
    ...cameInLines(input.cameIn ?? null),
    ...evidenceLine(input)
  ])
}

/** The newest commits are the likeliest. */
const shownCommits = 5

function cameInLines(cameIn: CameIn | null): readonly string[] {
  if (cameIn === null) return []
  const { at, what, commits } = cameIn
  const since = commits === null ? '' : ` ${commitsSince(commits)}`
  return [`**How it came in:** the last look without it was ${plain(what, 80)} at ${minute(at)}.${since}`]
}

function commitsSince(commits: NonNullable<CameIn['commits']>): string {
  if (commits.length === 0) return 'No commit came since then, so it came in by a change on the host.'
  const named = commits.slice(-shownCommits).map(({ sha, subject }) => commit(sha, subject))
  const older = commits.length - named.length
  const list = [...named, ...(older > 0 ? [`and ${older} older`] : [])].join(', ')
  return `Commits since then: ${list}; a change on the host needs none.`
}

function evidenceLine({ evidenceFile }: Cited): readonly string[] {
  return evidenceFile === undefined ? [] : [`**Evidence:** ${inline(evidenceFile.path)}`]
}

function story(input: FindingInput): readonly string[] {
  const { filing, check, seen } = input
  const { diagram } = filing
  return [
    ...filing.story.map(paragraph => sentence(paragraph)),
    ...(check === undefined ? [] : evidenceBlocks(seen === undefined ? [] : [seen], judgedOn(check), input)),
    ...(seen === undefined ? [] : [tell(seen)]),
    ...(diagram === undefined ? [] : [fence(diagram, isTame(diagram) ? 'mermaid' : '')]),
    ...remedy(filing.remedy)
  ]
}

/** Each line a paragraph of its own; lines that start with `$ ` are commands and go into a fence. */
function remedy(text: string): readonly string[] {
  const written = text.split('\n').filter(line => line.trim() !== '')
  if (written.length === 0) return []
  const prose = written.filter(line => !line.startsWith('$ ')).map(line => sentence(line))
  const commands = written.filter(line => line.startsWith('$ '))
  return [
    `**How to fix it:** ${prose.join(' ')}`,
    ...(commands.length === 0 ? [] : [fence(commands.join('\n'))])
  ]
}

const node = String.raw`[A-Za-z]\w*(?:(?:\["[^"[\]<>]*"\])|(?:\("[^"()<>]*"\)))?`
const arrow = String.raw`(?:-->|-\.->|==>|---)(?:\|"?[^"|<>]*"?\|)?`
const tame = new RegExp(
  String.raw`^\s*(?:(?:flowchart|graph) (?:TB|TD|BT|LR|RL)|${node}(?:\s*${arrow}\s*${node})*)?\s*;?\s*$`
)

/** A flowchart of quoted labels and arrows. Anything else could hold a link or a script: it is shown as text. */
function isTame(diagram: string): boolean {
  return diagram.split('\n').every(line => line.length < 500 && tame.test(line))
}

export interface VetoInput {
  /** `*` for all of the phase. */
  readonly milestone: string
  readonly at: string
  readonly by: string
  readonly reason: string
}

/** A person's or an agent's word that closes the gate of a milestone. */
export function renderVeto(input: VetoInput): string {
  const { milestone, gates } = vetoed(input)
  return blocks([
    `## VETO ${milestone}: ${plain(input.reason, 160)}`,
    `By ${plain(input.by, 120)} @${minute(input.at)}. ${gates} closed until this is lifted.`
  ])
}

export function renderVetoLifted(input: VetoInput): string {
  const { milestone } = vetoed(input)
  const whose = milestone === '*' ? 'Each gate of the phase' : `The gate of ${milestone}`
  return blocks([
    `## VETO LIFTED ${milestone}: ${plain(input.reason, 160)}`,
    `By ${plain(input.by, 120)} @${minute(input.at)}. ${whose} depends on its review again.`
  ])
}

function vetoed(input: VetoInput): { readonly milestone: string; readonly gates: string } {
  if (input.milestone === '*') return { milestone: '*', gates: 'All gates of the phase stay' }
  const milestone = name(input.milestone)
  return { milestone, gates: `The gate of ${milestone} stays` }
}
