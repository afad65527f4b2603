import { sha256 } from '../lib/canonical.ts'
import { counted } from '../lib/text/counted.ts'
import type { Claim } from '../lib/words.ts'
import { isoSecond } from '../os/clock.ts'
import type { Commit } from '../git/git-types.ts'
import { type CheckResult, judgedOn } from '../probe/verdict.ts'
import {
  type Before,
  type FindingChange,
  type FindingState,
  findingChanges
} from '../record/finding-changes.ts'
import { findingsOf } from '../record/finding-history.ts'
import type { Publication, Tip } from '../record/publish.ts'
import { orientationsOf, reviewOf, type SignedRecord } from '../record/record.ts'
import type { FindingTrailer, ReviewMessage } from '../record/trailers.ts'
import { appended } from '../render/append.ts'
import { evidenceFile } from '../render/evidence-file.ts'
import { renderFindingClosed, renderFindingOpened, renderFindingReopened } from '../render/finding-section.ts'
import type { CameIn } from '../render/finding-section.ts'
import type { LastLook } from '../render/lead.ts'
import { messageBody, messageTitle } from '../render/message.ts'
import type { Cited, HostSeen } from '../render/parts.ts'
import {
  elsewhere,
  renderHeader,
  renderOrientation,
  renderPreVerification,
  renderReview
} from '../render/section.ts'
import { policyFor } from '../config/plan/milestone-policy.ts'
import type { Workspace } from '../config/types.ts'
import type { Assessed, Draft, Observed } from './assessed.ts'
import { baselinesBefore, evidenceOf, firstClaim } from './context/claim-history.ts'
import { fileStamp, type ReviewContext } from './context/review-context.ts'
import { cameInAfter, lastLook } from './earlier-looks.ts'
import { isSameContext } from './orientation.ts'
import { evidencePlace, reviewPlace } from './place.ts'

/** What one commit says, rendered for the tip that it is put on. */
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

/**
 * Renders what was assessed for the branch as it stands: numbers its findings, closes what is gone. Null where a hunt
 * changed nothing, and where the phase's newest context says the same already.
 */
export async function render(
  context: ReviewContext,
  tip: Tip,
  assessed: Assessed
): Promise<RenderedCommit | null> {
  const { home, git } = context
  const { phase, plan, kind } = assessed
  const place = await reviewPlace(home, tip, phase)
  const { path } = place
  const at = isoSecond(assessed.atMs)
  const planDigest = plan?.digest ?? sha256('')

  const file = await tip.readFile(path)
  const known = knownFindings(tip.record, phase)
  const changes = findingChanges({
    known,
    hunted: assessed.hunts.map(({ check, planned }) => ({
      check,
      severity: 'severity' in planned ? planned.severity : 'low'
    })),
    baseline: await before(kind, tip, context, phase),
    blocks: plan?.hunt.blocks ?? [],
    file
  })
  if (kind === 'hunt' && changes.length === 0) return null
  const last = kind === 'orientation' ? orientationsOf(tip.record, phase).at(-1) : undefined
  const lastContext = last === undefined ? null : await evidenceOf(git, last)
  if (lastContext !== null && changes.length === 0 && isSameContext(lastContext, assessed)) return null
  const changed = new Map(changes.map(({ finding }) => [finding.key, finding]))
  const findings = [
    ...known.map(finding => changed.get(finding.key) ?? finding),
    ...changes.filter(({ change }) => change === 'opened').map(({ finding }) => finding)
  ]

  const words = wordsOf(assessed, home, tip.record)
  const bytes = Buffer.from(
    evidenceFile({
      kind,
      phase,
      milestone: words.milestone,
      at,
      plan: planDigest,
      claim: words.claim,
      verdict: words.verdict,
      obstacles: kind === 'review' ? assessed.obstacles : [],
      checks: assessed.checks,
      hunts: assessed.hunts,
      facts: assessed.facts,
      evidence: assessed.evidence,
      redacted: assessed.redacted,
      findings
    })
  )
  const digest = sha256(bytes)
  // The digest in the name: a builder, who knows the claim's sha, could put a file of its own there first.
  const mark = digest.slice('sha256:'.length, 'sha256:'.length + 8)
  const kept = await evidencePlace(home, tip, phase, `${phase}-${words.name}-${mark}.json`)
  const evidence = { path: kept.path, digest }
  const cited: Cited = { evidence: assessed.evidence, redacted: assessed.redacted, evidenceFile: evidence }

  const cameIn: (CameIn | null)[] = []
  for (const change of changes) cameIn.push(await cameInAfter(git, tip.record, assessed, change))
  const changedIds = new Set(changes.map(({ finding }) => finding.id))
  const news = findings.filter(({ id, status }) => status === 'open' && changedIds.has(id))
  const sections = [
    ...sectionsOf(assessed, home, tip.record, cited, news, await lastLook(git, tip.record, assessed)),
    ...changes.map((change, index) => findingSection(change, at, cited, cameIn[index] ?? null))
  ]
  const section = elsewhere(sections.join('\n---\n\n'), [place, kept])
  const header = renderHeader({
    phase,
    title:
      plan === null
        ? `Phase ${phase}, for which this reviewer has no plan`
        : assessed.hide.sentence(plan.title),
    reviewer: home.identity,
    repo: home.repo.url,
    branch: home.repo.branch,
    planDigest
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
      milestone: words.milestone,
      claim: words.claim,
      verdict: words.verdict,
      supersedes: words.supersedes,
      title: messageTitle(
        words.milestone === null ? phase : `${phase}-${words.milestone}`,
        words.title,
        changes.map(changeTitle)
      ),
      body: messageBody([...words.body, ...changes.map(changeLine)]),
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

interface Words extends Pick<ReviewMessage, 'milestone' | 'claim' | 'verdict' | 'supersedes'> {
  /** Names the evidence file among its siblings. */
  readonly name: string
  /** What the subject says after `review(…): `, before the findings. */
  readonly title: string
  readonly body: readonly string[]
}

/** What the commit and the evidence file say of what was assessed, besides its findings. */
function wordsOf(assessed: Assessed, home: Workspace, record: SignedRecord): Words {
  const stamp = fileStamp(assessed.atMs)
  const noClaim = { milestone: null, claim: null, verdict: null, supersedes: [] }
  switch (assessed.kind) {
    case 'review': {
      const { claim, decision } = assessed
      const { milestone, sha } = claim
      const { verdict, why } = decision
      return {
        milestone,
        claim: sha,
        verdict,
        supersedes: superseded(assessed, record).map(older => older.sha),
        name: `${milestone}-${sha.slice(0, 12)}`,
        title: `${milestone} ${verdict}`,
        body: [`${milestone} ${verdict}: ${why}.`]
      }
    }
    case 'orientation': {
      const body =
        firstClaim(home, record, assessed.phase) === null
          ? 'What the host looks like before any claim; later sections compare with it.'
          : 'What the host looks like now. The phase was claimed before, so this is no baseline.'
      return { ...noClaim, name: `orientation-${stamp}`, title: 'phase context', body: [body] }
    }
    case 'hunt':
      return { ...noClaim, name: `hunt-${stamp}`, title: '', body: [] }
    case 'pre-verification': {
      const { id } = assessed.milestone
      const title = `${id} looked at before it is claimed`
      return {
        ...noClaim,
        name: `${id}-before-claim-${stamp}`,
        title,
        body: ['Outcomes without a verdict.']
      }
    }
  }
}

/** What comes before the sections of findings. @param news the findings that are open, and were not before. */
function sectionsOf(
  assessed: Assessed,
  home: Workspace,
  record: SignedRecord,
  cited: Cited,
  news: readonly FindingState[],
  last: LastLook | null
): readonly string[] {
  const at = isoSecond(assessed.atMs)
  const hosts = hostsSeen(assessed)
  const checks = assessed.checks.map(({ check }) => check)
  switch (assessed.kind) {
    case 'review': {
      const { claim, decision } = assessed
      const reviews = new Set(record.reviews.map(({ commit }) => commit.sha))
      const history = record.history.filter(({ sha }) => !reviews.has(sha))
      return [
        renderReview({
          ...cited,
          claim,
          decision,
          at,
          checks,
          hosts,
          obstacles: assessed.obstacles,
          remedyOf: id => home.probes.find(probe => probe.id === id)?.remedy ?? '',
          lastLook: last,
          superseded: superseded(assessed, record),
          movedOnBy: commitsSince(claim.sha, history),
          findings: news
        })
      ]
    }
    case 'orientation': {
      const overviews = checks.filter(isOverview)
      const plan = checks.filter(check => !isOverview(check))
      const hunts = assessed.hunts.map(({ check }) => check)
      const first = firstClaim(home, record, assessed.phase)
      return [
        renderOrientation({
          ...cited,
          at,
          hosts,
          claimed: first === null ? null : { ...first, subject: assessed.hide.sentence(first.subject) },
          observations: overviews.map(check => ({
            title: check.title,
            shows: check.findings.flatMap(finding => finding.shows ?? []),
            evidence: judgedOn(check),
            ...(check.outcome === 'unknown' ? { unseen: check.why ?? 'no reason is recorded' } : {})
          })),
          standing: [
            { title: 'How the checks of the plan stand', checks: plan },
            { title: 'Hunt', checks: hunts, folds: passed => `${counted(passed, 'probe')} found no defect` }
          ],
          // What a plan proposes to put on the host is tried before anybody builds it.
          tried: plan
            .filter(({ probe }) => probe === 'subnet-collision')
            .map(check => ({ what: check.title, at, checks: [check] }))
        })
      ]
    }
    case 'hunt':
      return []
    case 'pre-verification':
      return [
        renderPreVerification({
          ...cited,
          milestone: assessed.milestone.id,
          at,
          checks,
          hosts,
          lastLook: last
        })
      ]
  }
}

/** Somebody else may have answered an older claim while this one was looked at. */
function superseded({ supersedes }: Draft, record: SignedRecord): readonly Claim[] {
  return supersedes.filter(({ sha }) => reviewOf(record, sha) === null)
}

function isOverview({ probe }: CheckResult): boolean {
  return probe.startsWith('overview ')
}

/** How many commits of the branch came after the claim. */
function commitsSince(claim: string, history: readonly Commit[]): number {
  const index = history.findIndex(({ sha }) => sha === claim)
  return index < 0 ? 0 : history.length - 1 - index
}

function findingSection(change: FindingChange, at: string, cited: Cited, cameIn: CameIn | null): string {
  const { finding, check, filing, seen } = change
  if (change.change === 'closed' || filing === undefined || seen === undefined) {
    return renderFindingClosed({ ...cited, finding, at, check })
  }
  const render = change.change === 'opened' ? renderFindingOpened : renderFindingReopened
  return render({ ...cited, finding, at, filing, check, seen, cameIn })
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
  kind: Assessed['kind'],
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
function hostsSeen(observed: Observed): readonly HostSeen[] {
  const asked = new Set(
    [...observed.checks, ...observed.hunts].map(({ check }) => check.on).filter(on => on !== 'repo')
  )
  return [...asked].map(name => ({ name, clock: observed.clocks[name] ?? null }))
}
