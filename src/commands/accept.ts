import type { ExitCode } from '../words.ts'
import { acceptFile } from '../run/word.ts'
import { done } from './finding.ts'
import { planOf } from './hunt.ts'
import type { CommonOptions, Io } from './io.ts'
import { enter } from './world.ts'

export interface AcceptOptions extends CommonOptions {
  readonly phase: string
  readonly reason?: string | undefined
}

/** Signs for unsigned or hand-made content of a review file as it stands, naming what it accepts. */
export async function run(options: AcceptOptions, io: Io): Promise<ExitCode> {
  return enter(options, io, async world =>
    done(await acceptFile(world, planOf(world, options.phase).phase, options.reason ?? ''), io)
  )
}
