import { oneLine } from '../lib/text/clean.ts'
import type { Finding } from './probe.ts'
import type { Outcome, Verdict } from '../lib/words.ts'

/** One check as it was judged: what the review prints, `--json` answers and the evidence file keeps. */
export interface CheckResult {
  readonly probe: string
  readonly title: string
  /** The host's name in the home, or `repo`. */
  readonly on: string
  readonly with: unknown
  readonly outcome: Outcome
  /** Why, where the outcome alone does not say: unknown, not-applicable, waived. */
  readonly why: string | null
  /** How often it was looked at before this outcome. */
  readonly attempts: number
  /** A pass was followed by a fail. */
  readonly flapped: boolean
  /** Each attempt, the first one first; absent where there was one only. */
  readonly looks?: readonly Attempt[]
  readonly findings: readonly Finding[]
  /** Numbers of the reads that the facts of all its attempts came from. */
  readonly evidence: readonly number[]
  /**
   * With the secrets hidden it would have had another outcome: what is recorded does not show it, and replay cannot
   * judge it again.
   */
  readonly hidden?: true
  readonly waiver?: { readonly reason: string; readonly by: string; readonly until: string }
}

/** One attempt at a check. */
export interface Attempt {
  /** How long after the first attempt its reads began, in whole milliseconds. */
  readonly afterMs: number
  readonly outcome: Exclude<Outcome, 'waived'>
  /** Numbers of its reads. */
  readonly evidence: readonly number[]
}

/** Numbers of the reads that its findings tell of: those of the last attempt. */
export function judgedOn({ looks, evidence }: CheckResult): readonly number[] {
  return looks?.at(-1)?.evidence ?? evidence
}

export interface Decision {
  readonly verdict: Verdict
  /** One line: why. */
  readonly why: string
}

/**
 * Fails closed. FAIL if a check failed; else INCONCLUSIVE if one is unknown, or nothing passed, or
 * something stands in the way (`obstacles`: a milestone that the plan does not know, a needed milestone
 * without a PASS); else PASS.
 */
export function decide(checks: readonly CheckResult[], obstacles: readonly string[] = []): Decision {
  const failed = checks.filter(check => check.outcome === 'fail')
  const unknown = checks.filter(check => check.outcome === 'unknown')
  const passed = checks.filter(check => check.outcome === 'pass')
  const waived = checks.filter(check => check.outcome === 'waived')

  if (failed.length > 0) {
    const unseen = unknown.length > 0 ? `; ${unknown.length} more could not be seen` : ''
    return {
      verdict: 'FAIL',
      why: `${defect(failed)}${count(failed.length, checks.length)} failed (${titles(failed)})${unseen}`
    }
  }
  if (obstacles.length > 0) return { verdict: 'INCONCLUSIVE', why: obstacles.join('; ') }
  if (unknown.length > 0) {
    return {
      verdict: 'INCONCLUSIVE',
      why: `${count(unknown.length, checks.length)} could not be seen: ${titles(unknown)}`
    }
  }
  if (passed.length === 0) return { verdict: 'INCONCLUSIVE', why: 'no check passed' }
  const excused = waived.length > 0 ? `, ${waived.length} waived: ${titles(waived)}` : ''
  return { verdict: 'PASS', why: `${count(passed.length, checks.length)} passed${excused}` }
}

function count(some: number, all: number): string {
  if (some < all) return `${some} of ${all} checks`
  return all === 1 ? 'the only check' : all === 2 ? 'both checks' : `all ${all} checks`
}

/** The first defect, in its own words: a reader wants to know what is wrong before what was asked. */
function defect([check]: readonly CheckResult[]): string {
  const found = check?.findings.find(({ outcome }) => outcome === 'fail')
  if (found?.outcome !== 'fail') return ''
  const { saw, at } = found
  return `${oneLine(saw.includes(at) ? saw : `${saw} (${at})`, 120)}; `
}

function titles(checks: readonly CheckResult[]): string {
  return checks.map(check => check.title).join('; ')
}
