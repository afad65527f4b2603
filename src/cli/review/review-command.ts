import type { Workspace, PlanFile } from '../../config/workspace.ts'
import { hostsAskedBy, likelyHost } from '../../review/context/early.ts'
import type { ExitCode } from '../../lib/words.ts'
import type { Io } from '../io.ts'
import type { ReviewOptions } from './review-options.ts'
import { enter } from '../enter.ts'

/** One review now. Its exit code follows the verdict alone. */
export async function run(options: ReviewOptions, io: Io): Promise<ExitCode> {
  // Half of the program, and nothing that a login or a fetch waits for.
  const load = () => import('./review-work.ts')
  const asks = (home: Workspace) => hostsAskedBy(home, options.target)
  const likely = (home: Pick<Workspace, 'hosts'>, plans: readonly PlanFile[]) =>
    likelyHost(home, plans, options.target)
  return enter(options, io, async context => (await load()).review(context, options, io), {
    asks,
    likely,
    load,
    fetches: true
  })
}
