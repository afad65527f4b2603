import { AdversaryError } from '../../lib/errors.ts'
import type { Plan } from '../../config/types.ts'
import { observedDocument, placed } from '../../review/document.ts'
import { unseenHosts } from '../../review/assessed.ts'
import { assess, publishReview } from '../../review/review.ts'
import { snapshot, type ReviewContext } from '../../review/context/review-context.ts'
import { type ExitCode, exitCode } from '../../lib/words.ts'
import type { CommonOptions, Io } from '../io.ts'
import { progressOf } from '../progress.ts'
import { changesText, checksText, publishedText } from './check-text.ts'
import { enter } from '../enter.ts'

export interface HuntOptions extends CommonOptions {
  readonly phase: string
  readonly dryRun?: boolean | undefined
}

/** The break-it probes, now. What they find is appended; a quiet host makes no commit. */
export async function run(options: HuntOptions, io: Io): Promise<ExitCode> {
  return enter(options, io, async context => {
    const plan = planOf(context, options.phase)
    const at = await snapshot(context)
    const look = { budgetMs: 60_000, progress: progressOf(io) }
    const observed = await assess(context, at, { kind: 'hunt', plan }, look)
    const result = await publishReview(context, observed, { dryRun: options.dryRun === true })
    io.out(
      checksText(
        observed.hunts.map(({ check }) => check),
        io
      ).join('\n')
    )
    if (result.outcome.kind === 'dry-run' && result.rendered !== null) io.text(result.rendered.section)
    for (const line of changesText(result)) io.out(line)
    io.out(publishedText(result))
    io.json({
      phase: plan.phase,
      ...(await placed(context, observedDocument(observed, result), null)),
      dryRun: options.dryRun === true
    })
    return unseenHosts(observed).length > 0 ? exitCode.notProven : exitCode.pass
  })
}

export function planOf(context: ReviewContext, phase: string): Plan {
  const plan = context.home.plans.get(phase)
  if (plan !== undefined) return plan
  const known = [...context.home.plans.keys()]
  throw new AdversaryError('usage', `no plan has the phase ${JSON.stringify(phase)}`, {
    hint: known.length === 0 ? 'plans/ is empty' : `the phases with a plan are ${known.join(', ')}`
  })
}
