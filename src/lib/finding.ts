import type { Severity } from './words.ts'

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
