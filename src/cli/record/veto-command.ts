import { AdversaryError } from '../../lib/errors.ts'
import { milestoneNamed } from '../../config/plan/milestones.ts'
import { everyMilestone } from '../../gate/unsigned-edits.ts'
import { veto } from '../../review/annotations/annotate.ts'
import type { ReviewContext } from '../../review/context/review-context.ts'
import type { ExitCode } from '../../lib/words.ts'
import { done, needed } from './finding-command.ts'
import type { CommonOptions, Io } from '../io.ts'
import { enter } from '../enter.ts'

export interface VetoOptions extends CommonOptions {
  /** `<phase>-<milestone>`, or a phase for all of its milestones. */
  readonly target: string
  readonly reason?: string | undefined
  readonly lift?: boolean | undefined
  readonly dryRun?: boolean | undefined
}

/** Closes the gate of a milestone or of a phase by a signed word, or lifts that again. */
export async function run(options: VetoOptions, io: Io): Promise<ExitCode> {
  return enter(options, io, async context => {
    const reason = needed(options.reason, '--reason')
    const { phase, milestone } = targetOf(context, options.target)
    const status = options.lift === true ? 'lifted' : 'open'
    const word = { status, reason } as const
    return done(await veto(context, phase, milestone, word, { dryRun: options.dryRun === true }), io)
  })
}

function targetOf(
  { home }: ReviewContext,
  target: string
): { readonly phase: string; readonly milestone: string } {
  const named = milestoneNamed(home.plans, target)
  if (named !== null) return { phase: named.plan.phase, milestone: named.milestone.id }
  const plans = [...home.plans.values()]
  if (home.plans.has(target)) return { phase: target, milestone: everyMilestone }
  throw new AdversaryError('usage', `no plan has a phase or milestone ${JSON.stringify(target)}`, {
    hint:
      plans.length === 0
        ? 'plans/ is empty'
        : `the phases with a plan are ${plans.map(({ phase }) => phase).join(', ')}`
  })
}
