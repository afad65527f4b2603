import type { CheckResult } from '../decide/verdict.ts'
import type { Evidence } from '../observe/fact.ts'
import type { Draft, Observed } from './review.ts'
import type { Told } from './publish.ts'

/** The documents of `--json`: CONTRACT §9. Keys may be added, never renamed. */

export function reviewDocument(draft: Draft, told: Told | null) {
  const { claim } = draft
  return {
    claim: { sha: claim.sha, phase: claim.phase, milestone: claim.milestone, summary: claim.summary },
    verdict: draft.decision.verdict,
    why: draft.decision.why,
    supersedes: draft.supersedes.map(({ sha }) => sha),
    ...observedDocument(draft, told)
  }
}

/** Of a hunt, an orientation, a look before the claim: what was observed, and what was pushed of it. */
export function observedDocument(observed: Observed, told: Told | null) {
  const review =
    told?.outcome.kind === 'published' && told.telling !== null
      ? { path: told.telling.path, commit: told.outcome.commit }
      : null
  return {
    checks: observed.checks.map(({ check }) => checkDocument(check)),
    hunts: observed.hunts.map(({ check }) => checkDocument(check)),
    findings: (told?.telling?.findings ?? []).map(finding => ({ ...finding })),
    evidence: observed.evidence.map(evidenceDocument),
    review,
    stats: observed.stats
  }
}

export function checkDocument(check: CheckResult) {
  return { ...check, findings: check.findings.map(finding => ({ ...finding })) }
}

export function evidenceDocument(read: Evidence) {
  return { ...read }
}
