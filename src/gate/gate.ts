import type { ExitCode, Verdict } from '../words.ts'

export interface GateOptions {
  /** `pvfix-M2`, or a whole phase: `pvfix`. */
  readonly gate: string
  readonly remote: string
  /** Default: the remote's. */
  readonly branch?: string
  /** Where reviews are pushed when not on the branch itself. */
  readonly reviewBranch?: string
  /** The commit being built; default: the branch's tip. */
  readonly commit?: string
  /** Content in git's allowed-signers format; null: none was given. */
  readonly allowedSigners: string | null
  readonly revoked?: Uint8Array
  /** Principal whose verdicts count; null: none was given. */
  readonly reviewer: string | null
  /** Milliseconds since 1970. */
  readonly now: number
  readonly signal?: AbortSignal
}

export interface GateAnswer {
  readonly gate: string
  readonly code: ExitCode
  /** What the newest trusted review said; null without one. For a phase: the worst. */
  readonly verdict: Verdict | null
  /** Sentences: what is missing or why it is open, most important first. At least one. */
  readonly reasons: readonly string[]
  readonly review: {
    readonly path: string
    readonly commit: string
    readonly claim: string
    readonly signedAt: string
  } | null
  /** What to run next; null when the gate is open. */
  readonly next: string | null
  /** A phase's milestones, one by one. */
  readonly milestones?: readonly GateAnswer[]
  /** Waiting may help: nothing reviewed yet, or stale. Not for FAIL, not for what is not trusted. */
  readonly mayChange: boolean
}

/** Asks once, in a temporary clone of its own that is gone afterwards. */
export declare function gateOnce(options: GateOptions): Promise<GateAnswer>
