import type { Hidden } from '../lib/secrets/hidden.ts'
import type { Veil } from '../lib/secrets/veil.ts'
import type { Claim } from '../lib/words.ts'
import type { Evidence, Fact } from '../facts/fact.ts'
import type { ProvedOn } from '../probe/prove.ts'
import type { Decision } from '../probe/verdict.ts'
import type { Check, HuntCheck, Milestone, Plan } from '../config/types.ts'
import { factsNamed, type ReviewCheck } from './evaluate.ts'

/** What is reviewed: a claim; a phase, before and besides its claims; a milestone that was not claimed. */
export type Task = ClaimTask | PhaseTask | MilestoneTask

export interface ClaimTask {
  readonly kind: 'review'
  readonly claim: Claim
  readonly supersedes: readonly Claim[]
}

export type PhaseTask =
  | { readonly kind: 'orientation'; readonly plan: Plan }
  | { readonly kind: 'hunt'; readonly plan: Plan }

export interface MilestoneTask {
  readonly kind: 'pre-verification'
  readonly plan: Plan
  readonly milestone: Milestone
}

/** What is looked at, and as of which commit of the repo. */
export interface Subject {
  readonly phase: string
  readonly commit: string
  readonly checks: readonly Check[]
  readonly hunts: readonly HuntCheck[]
}

/**
 * What was seen and judged, before anything is written: a value that can be rendered on any tip. All of it may be
 * shown, secrets hidden, but for what the checks hold besides `check` and `facts`.
 */
export interface Observed {
  readonly phase: string
  readonly plan: Plan | null
  readonly checks: readonly ReviewCheck[]
  /** What the reviewer looked for on its own account. */
  readonly hunts: readonly ReviewCheck[]
  readonly facts: Readonly<Record<string, Fact<unknown>>>
  readonly evidence: readonly Evidence[]
  /** Hides what was found to be secret, in what else is shown along with it. */
  readonly hide: Pick<Veil, 'sentence' | 'sentences'>
  /** The secrets that were hidden in what was read. */
  readonly redacted: readonly Hidden[]
  /** When the observing ended, milliseconds since 1970, by our clock. */
  readonly atMs: number
  readonly clocks: Readonly<Record<string, { readonly skewMs: number; readonly uncertaintyMs: number }>>
  readonly stats: {
    readonly connections: number
    readonly execs: number
    readonly reads: number
    readonly ms: number
  }
}

/** One claim, observed and decided. */
export interface Draft extends Observed {
  readonly kind: 'review'
  readonly claim: Claim
  readonly supersedes: readonly Claim[]
  readonly milestone: Milestone | null
  readonly decision: Decision
  readonly obstacles: readonly string[]
  /** Looking again may change the verdict: something could not be seen, and nothing failed. */
  readonly worthRetrying: boolean
}

export type Assessed = Draft | (Observed & PhaseTask) | Unclaimed

export type Unclaimed = Observed & MilestoneTask

/** Hosts that were asked and did not answer a single read. */
export function unseenHosts({ evidence }: Pick<Observed, 'evidence'>): readonly string[] {
  const hosts = new Set(evidence.map(({ on }) => on).filter(on => !['repo', 'web', 'record'].includes(on)))
  return [...hosts].filter(host => evidence.every(({ on, exit }) => on !== host || exit === null))
}

/** What one check was judged on, by its probe's names. */
export function factsOf({ checks, facts }: Pick<Observed, 'checks' | 'facts'>, index: number): ProvedOn {
  const one = checks[index]
  return { sealed: one?.attempts.at(-1)?.sealed ?? {}, shown: factsNamed(one?.facts ?? {}, facts) }
}
