import type { ZodType } from 'zod'
import type { FactSource } from '../facts/fact.ts'
import type { Finding } from '../lib/finding.ts'
import type { Severity } from '../lib/words.ts'

export type { Filing, Finding } from '../lib/finding.ts'

export type Needs = Readonly<Record<string, FactSource<unknown>>>

export type ValueOf<Source> = Source extends FactSource<infer Value> ? Value : never

export type Seen<N extends Needs> = { readonly [Name in keyof N]: ValueOf<N[Name]> }

/** One read-only question with a pure judgement. One probe, one file, readable on one screen. */
export interface Probe<Params, N extends Needs> {
  /** Kebab-case; equals the file's name. */
  readonly id: string
  /** The sentence that is true when the probe passes. */
  readonly asserts: string
  /** Why anyone should care. Never how to fix it. */
  readonly because: string
  /** What to do when it fails. */
  readonly remedy: string
  /** The ways in which it fails, each the rest of a sentence that begins with "when". */
  readonly fails?: readonly string[]
  /** What a plan might write under `with`: what it reads is explained by it. Not needed where nothing is required. */
  readonly example?: Readonly<Record<string, unknown>>
  /** What a plan writes under `with`. Unknown keys are refused: use `z.strictObject`. */
  readonly params: ZodType<Params>
  /** The facts it judges. Only these reach it. */
  needs(params: Params): N
  /** Pure: no clock, no I/O, no randomness. At least one finding, always. */
  judge(facts: Seen<N>, params: Params): readonly [Finding, ...Finding[]]
  /**
   * Falsifiers: facts made from these that must fail. `prove` judges them to show that a check can fail.
   * At least one, unless the parameters assert nothing.
   */
  falsify(facts: Seen<N>, params: Params): readonly Seen<N>[]
  /** Present on probes that need no expectation and so can hunt: the parameters they hunt with. */
  readonly hunts?: { readonly with: Params; readonly severity: Severity }
}

/** A probe with its parameters filled in and its types closed over: what the engine runs. */
export interface BoundProbe {
  readonly id: string
  /** The parameters as the plan wrote them: what `bind` takes again. */
  readonly given: unknown
  readonly needs: Needs
  /** The same probe with other parameters. Throws a ZodError for those that its schema refuses. */
  rebind?(given: unknown): BoundProbe
  judge(seen: Readonly<Record<string, unknown>>): readonly Finding[]
  falsify(seen: Readonly<Record<string, unknown>>): readonly Readonly<Record<string, unknown>>[]
}

/** A probe as the registry holds it: its parameters are unknown until `bind` has checked them. */
export interface AnyProbe {
  readonly id: string
  readonly asserts: string
  readonly because: string
  readonly remedy: string
  readonly fails?: readonly string[]
  readonly example?: Readonly<Record<string, unknown>>
  readonly params: ZodType
  readonly hunts?: { readonly with: unknown; readonly severity: Severity }
  /** Throws a ZodError for parameters that the probe's schema refuses. */
  bind(params: unknown): BoundProbe
}

/** Types the facts that `judge` may read by what `needs` declares, and closes over them for the engine. */
export function defineProbe<Params, const N extends Needs>(
  probe: Probe<Params, N>
): Probe<Params, N> & AnyProbe {
  return {
    ...probe,
    bind: function bind(raw: unknown): BoundProbe {
      const params = probe.params.parse(raw)
      return {
        id: probe.id,
        given: raw,
        needs: probe.needs(params),
        rebind: bind,
        // The engine hands over exactly the facts that `needs` declares: see judge/run.ts.
        judge: seen => probe.judge(seen as Seen<N>, params),
        falsify: seen => probe.falsify(seen as Seen<N>, params)
      }
    }
  }
}
