import { AdversaryError } from '../base/errors.ts'
import { veto } from '../run/word.ts'
import type { ExitCode } from '../words.ts'
import { done, needed } from './finding.ts'
import type { CommonOptions, Io } from './io.ts'
import { enter } from './world.ts'

export interface VetoOptions extends CommonOptions {
  /** `<phase>-<milestone>`. */
  readonly target: string
  readonly reason?: string | undefined
  readonly lift?: boolean | undefined
}

/** Closes the gate of a milestone by a signed word, or lifts that again. */
export async function run(options: VetoOptions, io: Io): Promise<ExitCode> {
  return enter(options, io, async world => {
    const reason = needed(options.reason, '--reason')
    for (const { phase, milestones } of world.home.plans.values()) {
      const milestone = milestones.find(({ id }) => `${phase}-${id}` === options.target)
      if (milestone === undefined) continue
      return done(
        await veto(world, phase, milestone.id, options.lift === true ? 'lifted' : 'open', reason),
        io
      )
    }
    throw new AdversaryError('usage', `no plan has a milestone ${JSON.stringify(options.target)}`)
  })
}
