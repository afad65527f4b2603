import { AdversaryError } from '../../lib/errors.ts'
import { observedDocument } from '../../review/document.ts'
import { unseenHosts } from '../../review/assessed.ts'
import { assess, publishReview } from '../../review/review.ts'
import { snapshot } from '../../review/context/review-context.ts'
import { type ExitCode, exitCode } from '../../lib/words.ts'
import { planOf } from './hunt-command.ts'
import type { CommonOptions, Io } from '../io.ts'
import { progressOf } from '../progress.ts'
import { changesText, publishedText } from './check-text.ts'
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
    const look = { budgetMs: 60_000, progress: progressOf(io) }
    const observed = await assess(context, at, { kind: 'orientation', plan }, look)
    const result = await publishReview(context, observed, { dryRun: options.dryRun === true })
    if (result.outcome.kind === 'stale')
      throw new AdversaryError('repository', 'the branch was too busy to push to')
    if (result.outcome.kind === 'dry-run' && result.rendered !== null) io.text(result.rendered.section)
    for (const line of changesText(result)) io.out(line)
    io.out(
      result.outcome.kind === 'dropped'
        ? 'no change: the newest phase context says the same'
        : publishedText(result)
    )
    io.json({ ...observedDocument(observed, result), facts: observed.facts, dryRun: options.dryRun === true })
    return unseenHosts(observed).length > 0 ? exitCode.notProven : exitCode.pass
  })
}
