import { AdversaryError } from '../base/errors.ts'
import { observedDocument } from '../run/document.ts'
import { orientation } from '../run/orientation.ts'
import { publishOrientation } from '../run/publish.ts'
import { unseenHosts } from '../run/review.ts'
import { snapshot } from '../run/world.ts'
import { type ExitCode, exitCode } from '../words.ts'
import { planOf } from './hunt.ts'
import type { CommonOptions, Io } from './io.ts'
import { progressOf } from './progress.ts'
import { sayChanges, sayTold } from './say.ts'
import { enter } from './world.ts'

export interface OrientOptions extends CommonOptions {
  readonly phase: string
  readonly dryRun?: boolean | undefined
}

/** Writes down what the host looks like: the baseline that later sections compare with. */
export async function run(options: OrientOptions, io: Io): Promise<ExitCode> {
  return enter(options, io, async world => {
    const plan = planOf(world, options.phase)
    const at = await snapshot(world)
    const observed = await orientation(world, at, plan, { budgetMs: 60_000, progress: progressOf(io) })
    const told = await publishOrientation(world, observed, { dryRun: options.dryRun === true })
    if (told.outcome.kind === 'stale')
      throw new AdversaryError('repository', 'the branch was too busy to push to')
    if (told.outcome.kind === 'dry-run' && told.telling !== null) io.out(told.telling.section)
    for (const line of sayChanges(told)) io.out(line)
    io.out(
      told.outcome.kind === 'dropped'
        ? 'nothing changed: the newest phase context says the same'
        : sayTold(told)
    )
    io.json({ ...observedDocument(observed, told), facts: observed.facts, dryRun: options.dryRun === true })
    return unseenHosts(observed).length > 0 ? exitCode.notProven : exitCode.pass
  })
}
