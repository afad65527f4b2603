import { sha256 } from '../lib/canonical.ts'
import {
  type Before,
  type FindingChange,
  type FindingState,
  findingChanges
} from '../record/finding-changes.ts'
import { policyFor } from '../config/plan/milestone-policy.ts'
import type { Publication, Tip } from '../record/publish.ts'
import type { SignedRecord } from '../record/record.ts'
import { findingsOf } from '../record/finding-history.ts'
import type { FindingTrailer, ReviewMessage } from '../record/trailers.ts'
import { appended } from '../render/append.ts'
import { evidenceFile } from '../render/evidence-file.ts'
import { renderFindingClosed, renderFindingOpened, renderFindingReopened } from '../render/finding-section.ts'
import { messageBody, messageTitle } from '../render/message.ts'
import type { Cited, HostSeen } from '../render/parts.ts'
import { elsewhere, renderHeader } from '../render/section.ts'
import { isoSecond } from '../os/clock.ts'
import { baselinesBefore, evidenceOf, firstClaim } from './context/claim-history.ts'
import { evidencePlace, reviewPlace } from './place.ts'
import type { Observed } from './review.ts'
import type { ReviewContext } from './context/review-context.ts'

/** Everything that one commit says, for the tip it is put on. */
export interface RenderedCommit {
  readonly path: string
  readonly appended: Uint8Array
  readonly section: string
  readonly files: readonly { readonly path: string; readonly bytes: Uint8Array }[]
  readonly message: Publication['message']
  readonly changes: readonly FindingChange[]
  /** Every finding of the phase as it stands after this. */
  readonly findings: readonly FindingState[]
}

export interface TellInput {
  readonly kind: 'review' | 'orientation' | 'hunt' | 'pre-verification'
  readonly observed: Observed
  readonly milestone: string | null
  /** Names the evidence file among its siblings: a word. */
  readonly name: string
  /** What comes before the sections of findings; null for a hunt. */
  section(cited: Cited, findings: readonly FindingState[], changes: readonly FindingChange[]): string | null
  readonly evidence: Pick<Parameters<typeof evidenceFile>[0], 'claim' | 'verdict' | 'obstacles'>
  readonly message: Pick<ReviewMessage, 'claim' | 'verdict' | 'supersedes'> & {
    /** What the subject says after `review(…): `, before the findings. */
    readonly title: string
    readonly body: readonly string[]
  }
}

/** Puts an observation into words for the branch as it stands: numbers its findings, closes what is gone. */
export async function tell(context: ReviewContext, tip: Tip, input: TellInput): Promise<RenderedCommit> {
  const { home } = context
  const { observed } = input
  const { phase, plan } = observed
  const place = await reviewPlace(home, tip, phase)
  const { path } = place
  const at = isoSecond(observed.atMs)

  const file = await tip.readFile(path)
  const known = knownFindings(tip.record, phase)
  const changes = findingChanges({
    known,
    hunted: observed.hunts,
    baseline: await before(input.kind, tip, context, phase),
    blocks: plan?.hunt.blocks ?? [],
    file
  })
  const changed = new Map(changes.map(({ finding }) => [finding.key, finding]))
  const findings = [
    ...known.map(finding => changed.get(finding.key) ?? finding),
    ...changes.filter(({ change }) => change === 'opened').map(({ finding }) => finding)
  ]

  const bytes = Buffer.from(
    evidenceFile({
      kind: input.kind,
      phase,
      milestone: input.milestone,
      at,
      plan: plan?.digest ?? sha256(''),
      ...input.evidence,
      checks: observed.checks,
      hunts: observed.hunts,
      facts: observed.facts,
      evidence: observed.evidence,
      redacted: observed.redacted,
      findings
    })
  )
  const digest = sha256(bytes)
  // The digest in the name: a builder, who knows the claim's sha, could put a file of its own there first.
  const mark = digest.slice('sha256:'.length, 'sha256:'.length + 8)
  const kept = await evidencePlace(home, tip, phase, `${phase}-${input.name}-${mark}.json`)
  const evidence = { path: kept.path, digest }
  const cited: Cited = { evidence: observed.evidence, redacted: observed.redacted, evidenceFile: evidence }

  const sections = [
    input.section(cited, findings, changes),
    ...changes.map(change => findingSection(change, at, cited))
  ].filter(section => section !== null)
  const section = elsewhere(sections.join('\n---\n\n'), [place, kept])
  const header = renderHeader({
    phase,
    title:
      plan === null
        ? `Phase ${phase}, for which this reviewer has no plan`
        : observed.hide.sentence(plan.title),
    reviewer: home.identity,
    repo: home.repo.url,
    branch: home.repo.branch,
    planDigest: plan?.digest ?? sha256('')
  })

  return {
    path,
    section,
    appended: await appended(file, header, section),
    files: [{ path: evidence.path, bytes }],
    changes,
    findings,
    message: {
      phase,
      milestone: input.milestone,
      ...input.message,
      title: messageTitle(
        input.milestone === null ? phase : `${phase}-${input.milestone}`,
        input.message.title,
        changes.map(changeTitle)
      ),
      body: messageBody([...input.message.body, ...changes.map(changeLine)]),
      findings: changes.map(({ finding }) => trailer(finding)),
      vetoes: [],
      plan: plan?.digest ?? null,
      evidence,
      policy: plan === null ? null : policyFor(home, plan, path),
      accept: null,
      removed: []
    }
  }
}

function findingSection(change: FindingChange, at: string, cited: Cited): string {
  const { finding, check, filing, seen } = change
  if (change.change === 'closed' || filing === undefined || seen === undefined) {
    return renderFindingClosed({ ...cited, finding, at, check })
  }
  const render = change.change === 'opened' ? renderFindingOpened : renderFindingReopened
  return render({ ...cited, finding, at, filing, check, seen })
}

function changeTitle({ change, finding }: FindingChange): string {
  const how = change === 'opened' ? shortTitle(finding) : change === 'closed' ? 'closed' : 'is back'
  return `[adversary] ${finding.id} ${how}`
}

/** For a subject line: the probe's name says what kind of defect it is, in the fewest words. */
function shortTitle(finding: FindingState): string {
  return finding.probe.replaceAll('-', ' ')
}

function changeLine({ change, finding }: FindingChange): string {
  const blocks = finding.blocks.length > 0 ? ` Blocks ${finding.blocks.join(', ')}.` : ''
  const told = {
    opened: `${finding.title}. Origin: ${finding.origin}.${blocks}`,
    closed: 'is gone.',
    reopened: 'is back.'
  }
  return `${finding.id} [adversary]: ${told[change]}`
}

export function trailer(finding: FindingState): FindingTrailer {
  const { id, status, blocks, severity, origin, key, title } = finding
  return { id, status, blocks, severity, origin, key, title }
}

/** The phase's findings as the signed record has them, in the order of their numbers. */
export function knownFindings(record: SignedRecord, phase: string): readonly FindingState[] {
  return findingsOf(record, phase)
    .map(life => {
      // Under a probe's key somebody else's finding would stand in the way of the reviewer's own.
      const key = (life.filed.byReviewer ? life.key : undefined) ?? `hand/${life.id}`
      return {
        id: life.id,
        key,
        probe: key.slice(0, key.indexOf('/')),
        title: life.title ?? life.id,
        severity: life.severity ?? 'medium',
        status: life.status,
        blocks: life.blocks,
        origin: life.origin ?? 'unknown'
      } satisfies FindingState
    })
    .sort((a, b) => Number(a.id.slice(1)) - Number(b.id.slice(1)))
}

/** The newest baseline as findings are compared with it; null where there is none that can be read. */
async function before(
  kind: TellInput['kind'],
  tip: Tip,
  { home, git }: ReviewContext,
  phase: string
): Promise<Before> {
  if (kind === 'orientation' && firstClaim(home, tip.record, phase) === null) return 'now'
  const review = baselinesBefore(home, tip.record, phase).at(-1)
  const evidence = review === undefined ? null : await evidenceOf(git, review)
  if (evidence === null) return null
  return {
    keys: new Set(evidence.findings.filter(({ status }) => status === 'open').map(({ key }) => key)),
    clear: new Set(evidence.hunts.filter(hunt => hunt.clear).map(({ probe }) => probe))
  }
}

/** The hosts that a section names, with their clocks. */
export function hostsSeen(observed: Observed): readonly HostSeen[] {
  const asked = new Set(
    [...observed.checks, ...observed.hunts].map(({ check }) => check.on).filter(on => on !== 'repo')
  )
  return [...asked].map(name => ({ name, clock: observed.clocks[name] ?? null }))
}
