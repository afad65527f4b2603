import { AdversaryError } from '../../lib/errors.ts'
import { observedDocument } from '../../review/document.ts'
import { orientation } from '../../review/orientation.ts'
import { publishOrientation } from '../../review/publish-review.ts'
import { unseenHosts } from '../../review/review.ts'
import { snapshot } from '../../review/context/review-context.ts'
import { type ExitCode, exitCode } from '../../lib/words.ts'
import { planOf } from './hunt-command.ts'
import type { CommonOptions, Io } from '../io.ts'
import { progressOf } from '../progress.ts'
import { sayChanges, sayTold } from './check-text.ts'
import { enter } from '../enter.ts'

export interface OrientOptions extends CommonOptions {
  readonly phase: string
  readonly dryRun?: boolean | undefined
}

/** Writes down what the host looks like: the baseline that later sections compare with. */
export async function run(options: OrientOptions, io: Io): Promise<ExitCode> {
  return enter(options, io, async context => {
    const plan = planOf(context, options.phase)
    const at = await snapshot(context)
    const observed = await orientation(context, at, plan, { budgetMs: 60_000, progress: progressOf(io) })
    const told = await publishOrientation(context, observed, { dryRun: options.dryRun === true })
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
