import type { ZodType } from 'zod'
import type { FactSource } from '../facts/fact.ts'
import type { Severity } from '../lib/words.ts'

/**
 * What a probe finds. `shows` are the few lines of evidence that a person needs to see, taken from the
 * facts: the review prints them under the command. Everything else of the evidence stays in its file.
 */
export type Finding =
  | { readonly outcome: 'pass'; readonly saw: string; readonly shows?: readonly string[] }
  | {
      readonly outcome: 'fail'
      /** What was seen, with its value. */
      readonly saw: string
      /** What was wanted instead. */
      readonly expected: string
      /** The exact thing: a service, a network, a file and line, a URL. */
      readonly at: string
      readonly shows?: readonly string[]
      /** How it is filed when the reviewer finds it on its own account. */
      readonly filing?: Filing
    }
  /** The probe's instrument does not cover the question: a journal that does not reach back, a clock too far off. */
  | {
      readonly outcome: 'unknown'
      readonly why: string
      readonly shows?: readonly string[]
      /** Something is on its way (an update in progress): look again for this long before it is `unknown`, in milliseconds. */
      readonly settlesWithinMs?: number
    }
  | { readonly outcome: 'not-applicable'; readonly why: string; readonly shows?: readonly string[] }

/** A failing finding as an `[adversary]` section shows it. */
export interface Filing {
  /** With the probe's id, the stable key: the same defect has the same subject on every run. */
  readonly subject: string
  readonly title: string
  readonly severity: Severity
  /** Paragraphs of plain text: what, and why it matters. */
  readonly story: readonly string[]
  /** How to fix it, plain text. */
  readonly remedy: string
  /** Mermaid source, where a picture says it faster. */
  readonly diagram?: string
}

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
