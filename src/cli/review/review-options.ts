import type { CommonOptions } from '../io.ts'

export interface ReviewOptions extends CommonOptions {
  /** `<phase>-<milestone>`, or a commit. */
  readonly target: string
  readonly dryRun?: boolean | undefined
  /** How long to go on when something could not be seen, in milliseconds. */
  readonly retryMs?: number | undefined
  /** For all observing, in milliseconds. */
  readonly budgetMs?: number | undefined
}
