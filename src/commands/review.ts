import type { Home, PlanFile } from '../home/home.ts'
import { hostsAskedBy, likelyHost } from '../run/early.ts'
import type { ExitCode } from '../words.ts'
import type { CommonOptions, Io } from './io.ts'
import { enter } from './world.ts'

export interface ReviewOptions extends CommonOptions {
  /** `<phase>-<milestone>`, or a commit. */
  readonly target: string
  readonly dryRun?: boolean | undefined
  /** How long to go on when something could not be seen, in milliseconds. */
  readonly retryMs?: number | undefined
  /** For all observing, in milliseconds. */
  readonly budgetMs?: number | undefined
}

/** One review now. Its exit code follows the verdict alone. */
export async function run(options: ReviewOptions, io: Io): Promise<ExitCode> {
  // Half of the program, and nothing that a login or a fetch waits for.
  const load = () => import('./review-work.ts')
  const asks = (home: Home) => hostsAskedBy(home, options.target)
  const likely = (home: Pick<Home, 'hosts'>, plans: readonly PlanFile[]) =>
    likelyHost(home, plans, options.target)
  return enter(options, io, async world => (await load()).review(world, options, io), {
    asks,
    likely,
    load,
    fetches: true
  })
}
