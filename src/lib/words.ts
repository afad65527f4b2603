/**
 * The vocabulary every other module shares. It imports nothing, so that no step of the way
 * watch → claim → observe → judge → decide → tell → publish depends on a later one for a word.
 */

/** How a milestone ends. */
export type Verdict = 'PASS' | 'FAIL' | 'INCONCLUSIVE'

/** How one check ends. `unknown` means that something could not be seen: never a pass, never a fail. */
export type Outcome = 'pass' | 'fail' | 'unknown' | 'not-applicable' | 'waived'

/** How bad a finding that nobody asked about is. */
export type Severity = 'low' | 'medium' | 'high' | 'critical'

/** Whether a finding was there before the phase's first claim. */
export type Origin = 'pre-existing' | 'introduced' | 'unknown'

/** A commit whose subject says that a milestone is done. */
export interface Claim {
  /** Full sha of the claim's commit. */
  readonly sha: string
  readonly phase: string
  readonly milestone: string
  /** What follows the colon, exactly as the builder wrote it: hostile text. */
  readonly summary: string
  /** The whole subject line: hostile text. */
  readonly subject: string
  readonly author: Person
  readonly committer: Person
  /** Committer date, ISO 8601 UTC. The builder's own clock. */
  readonly committedAt: string
}

export interface Person {
  readonly name: string
  readonly email: string
}

/** The exit codes of CONTRACT §4. 78 is not among them: Drone reads it as success. */
export const exitCode = {
  pass: 0,
  fail: 1,
  notProven: 2,
  notTrusted: 3,
  usage: 64,
  fault: 70
} as const

export type ExitCode = (typeof exitCode)[keyof typeof exitCode]

export const exitCodeOf: Readonly<Record<Verdict, ExitCode>> = {
  PASS: exitCode.pass,
  FAIL: exitCode.fail,
  INCONCLUSIVE: exitCode.notProven
}
