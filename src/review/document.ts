import { redact } from '../lib/secrets/redact.ts'
import type { CheckResult } from '../probe/verdict.ts'
import type { Evidence } from '../facts/fact.ts'
import type { Draft, Observed } from './assessed.ts'
import type { PublishResult } from './review.ts'
import { type SectionLines, sectionLines } from './section-lines.ts'
import type { ReviewContext } from './context/review-context.ts'

/** The documents of `--json`: CONTRACT §9. Keys may be added, never renamed. */

export function reviewDocument(draft: Draft, result: PublishResult | null) {
  const { claim } = draft
  return {
    claim: { sha: claim.sha, phase: claim.phase, milestone: claim.milestone, summary: claim.summary },
    verdict: draft.decision.verdict,
    why: draft.decision.why,
    supersedes: draft.supersedes.map(({ sha }) => sha),
    ...observedDocument(draft, result)
  }
}

/** Of a hunt, an orientation, a look before the claim: what was observed, and what was pushed of it. */
export function observedDocument(observed: Observed, result: PublishResult | null) {
  const review =
    result?.outcome.kind === 'published' && result.rendered !== null
      ? { path: result.rendered.path, commit: result.outcome.commit }
      : null
  return {
    checks: observed.checks.map(({ check }) => checkDocument(check)),
    hunts: observed.hunts.map(({ check }) => checkDocument(check)),
    findings: (result?.rendered?.findings ?? []).map(finding => ({ ...finding })),
    evidence: observed.evidence.map(evidenceDocument),
    redacted: observed.redacted.map(hidden => ({ ...hidden })),
    review,
    plan: observed.plan?.digest ?? null,
    stats: observed.stats
  }
}

export function checkDocument<Check extends Pick<CheckResult, 'findings'>>(check: Check) {
  return { ...check, findings: check.findings.map(finding => ({ ...finding })) }
}

export function evidenceDocument(read: Evidence) {
  return { ...read }
}

interface Placed {
  readonly findings: readonly { readonly id: string }[]
  readonly review: { readonly path: string | null; readonly commit: string } | null
}

/**
 * The same document with the lines at which its sections stand in the review file, and the repo that it is in.
 *
 * @param milestone whose section it is; null for a hunt.
 */
export async function placed<Document extends Placed>(
  { home, git }: Pick<ReviewContext, 'home' | 'git'>,
  document: Document,
  milestone: string | null
) {
  const { review, findings } = document
  const path = review?.path ?? null
  const lines: SectionLines | null =
    review === null || path === null ? null : await sectionLines(git, review.commit, path)
  return {
    ...document,
    findings: findings.map(finding => ({ ...finding, line: lines?.finding(finding.id) ?? null })),
    review:
      review === null
        ? null
        : { ...review, line: milestone === null ? null : (lines?.milestone(milestone) ?? null) },
    repo: { url: redact(home.repo.url).text, branch: home.repo.branch }
  }
}
