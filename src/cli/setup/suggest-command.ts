import { AdversaryError } from '../../lib/errors.ts'
import { oneLine } from '../../lib/text/clean.ts'
import { suggestedPlan } from '../../config/plan/suggested-plan.ts'
import { suggest } from './suggest.ts'
import { nowhere } from '../../review/one-probe.ts'
import { type ExitCode, exitCode } from '../../lib/words.ts'
import { openWorkspace } from '../open-home.ts'
import type { CommonOptions, Io } from '../io.ts'
import { progressOf } from '../progress.ts'

export interface SuggestOptions extends CommonOptions {
  readonly on?: string | undefined
  /** The name of the plan's phase. */
  readonly phase?: string | undefined
}

/** Prints a plan of the checks that hold on a host today, to start a real one from. */
export async function run(options: SuggestOptions, io: Io): Promise<ExitCode> {
  // The shell has already emptied the plan that the suggestion is to go to: `> plans/p1.yaml`.
  const home = await openWorkspace(options, io, { plans: false })
  const host = options.on ?? [...home.hosts.keys()][0]
  if (host === undefined || !home.hosts.has(host)) {
    throw new AdversaryError('usage', `adversary.yaml has no host ${JSON.stringify(options.on ?? '')}`, {
      hint: `it has ${[...home.hosts.keys()].join(', ') || 'none'}`
    })
  }
  const seat = { home, userHome: io.userHome, signal: io.signal }
  const suggested = await suggest(seat, nowhere, host, { budgetMs: 60_000, progress: progressOf(io) })
  io.progress(null)
  for (const { title, why } of suggested.left) io.err(`left out: ${oneLine(title)}: ${oneLine(why)}`)
  if (suggested.suggestions.length === 0) {
    io.err(`nothing that holds on ${host} could be found`)
    io.json({ on: host, plan: null, ...suggested })
    return exitCode.notProven
  }
  const plan = suggestedPlan(host, options.phase ?? 'p1', suggested.suggestions)
  io.out(plan.trimEnd())
  io.json({ on: host, plan, ...suggested })
  return exitCode.pass
}
