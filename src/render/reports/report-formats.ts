import type { Outcome, Verdict } from '../../lib/words.ts'

/**
 * What every format of `--report` is made from. It says what the documents of `--json` say, and nothing that
 * they do not. Texts in it are as hosts, claims and plans gave them: each format has its own guard.
 */
export interface Report {
  /** The command that answered. */
  readonly of: 'review' | 'gate' | 'hunt' | 'probe'
  /** `pvfix-M2`, `pvfix`, or the id of a probe. */
  readonly target: string
  /** Empty where the answer belongs to no phase: a probe by hand. */
  readonly phase: string
  /** Null for a whole phase. */
  readonly milestone: string | null
  readonly result: Result
  /** Null where there is none: no claim, no review, a hunt, a probe by hand. */
  readonly verdict: Verdict | null
  /** Sentences: why the result is what it is, most important first. */
  readonly reasons: readonly string[]
  readonly claim: { readonly sha: string; readonly summary: string } | null
  readonly review: ReportReview | null
  /** What the milestone, or the probe, asked. */
  readonly checks: readonly ReportCheck[]
  /** What the reviewer looked for on its own account. */
  readonly hunts: readonly ReportCheck[]
  /** `[adversary]` findings of the phase. */
  readonly findings: readonly ReportFinding[]
  /** What was read, for the formats that show it. */
  readonly reads: readonly ReportRead[]
  /** A gate's milestones, one by one. */
  readonly milestones: readonly {
    readonly target: string
    readonly milestone: string
    /** Full sha of the claim that its review answers; null without a review. */
    readonly claim: string | null
    readonly result: Result
    readonly reasons: readonly string[]
  }[]
  /** `sha256:…` of the plan that was used; null where none is known. */
  readonly plan: string | null
  /** The watched repo without credentials; null where there was none. */
  readonly repo: string | null
  /** When this was written, ISO 8601 UTC in whole seconds. */
  readonly at: string
  /** For looking, in milliseconds. */
  readonly ms: number
  readonly version: string
  /** The probes of this report. */
  readonly rules: readonly ReportRule[]
}

/**
 * What the exit code said: 0, 1, 2 and 3. Only `passed` opens anything. `done` is a hunt, which has looked and
 * gives no verdict.
 */
export type Result = 'passed' | 'failed' | 'unproven' | 'untrusted' | 'done'

export interface ReportReview {
  /** Path of the review file. */
  readonly path: string
  readonly commit: string
  /** Line of the section's heading as of that commit, from 1; null where there is none. */
  readonly line: number | null
}

export interface ReportCheck {
  readonly probe: string
  readonly title: string
  /** The host's name in the home, or `repo`. */
  readonly on: string
  readonly outcome: Outcome
  readonly why: string | null
  /** Of all reads that its facts came from, in milliseconds. */
  readonly ms: number
  readonly findings: readonly ReportSaid[]
  readonly waiver: { readonly reason: string; readonly by: string; readonly until: string } | null
  /** Numbers of its reads. */
  readonly reads: readonly number[]
}

export interface ReportRead {
  readonly n: number
  /** The host's name in the home, or `repo`, `web`, `record`. */
  readonly on: string
  readonly command: string
  /** Null: there was no answer, and `why` says why. */
  readonly exit: number | null
  readonly ms: number
  readonly stdout: string
  readonly stderr: string
  readonly why: string | null
}

export interface ReportSaid {
  readonly outcome: 'pass' | 'fail' | 'unknown' | 'not-applicable'
  readonly saw: string | null
  readonly expected: string | null
  readonly at: string | null
  readonly why: string | null
}

export interface ReportFinding {
  readonly id: string
  readonly key: string
  readonly probe: string
  readonly title: string
  readonly severity: 'low' | 'medium' | 'high' | 'critical'
  readonly status: 'open' | 'closed'
  readonly blocks: readonly string[]
  readonly origin: 'pre-existing' | 'introduced' | 'unknown'
  /** Line of its newest section in the review file; null where it is not known. */
  readonly line: number | null
}

/** A probe, as its metadata says it. */
export interface ReportRule {
  readonly id: string
  readonly asserts: string
  readonly because: string
  readonly remedy: string
}

/** One thing that a check said, in the grammar of all judgements: saw X, expected Y, at Z. */
export function saying(said: ReportSaid): string {
  if (said.outcome === 'fail') return `${said.saw}; expected ${said.expected} (${said.at})`
  return said.saw ?? said.why ?? 'no reason is recorded'
}

/** Why a check ended as it did: what it said of that, else its `why`. Never empty. */
export function reasonsOf(check: ReportCheck): readonly string[] {
  if (check.waiver !== null) {
    const { by, until, reason } = check.waiver
    return [`waived by ${by} until ${until}: ${reason}`, ...check.findings.map(saying)]
  }
  const telling = check.findings.filter(({ outcome }) => outcome === check.outcome)
  if (telling.length > 0) return telling.map(saying)
  return [check.why ?? 'nothing was judged']
}

/** How a result is called in a sentence. */
export const resultWords: Readonly<Record<Result, string>> = {
  passed: 'PASS',
  failed: 'FAIL',
  unproven: 'NOT PROVEN',
  untrusted: 'NOT TRUSTED',
  done: 'LOOKED'
}
