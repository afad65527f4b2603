import { resolve } from 'node:path'
import { AdversaryError, messageOf } from '../../lib/errors.ts'
import { oneLine } from '../../lib/text/clean.ts'
import { counted } from '../../lib/text/counted.ts'
import { kindOf, replaceFile } from '../../os/files.ts'
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
  /** The file to write the plan to, instead of standard output. */
  readonly out?: string | undefined
}

/**
 * Prints a plan of the checks that hold on a host today, to start a real one from, or writes it to a file: only where
 * there is one, since an empty plan makes every other command fail.
 */
export async function run(options: SuggestOptions, io: Io): Promise<ExitCode> {
  // The shell has already emptied the plan that the suggestion is to go to: `> plans/p1.yaml`.
  const home = await openWorkspace(options, io, { plans: false })
  const host = options.on ?? [...home.hosts.keys()][0]
  if (host === undefined || !home.hosts.has(host)) {
    throw new AdversaryError(
      'usage',
      `--on: adversary.yaml has no host ${JSON.stringify(options.on ?? '')}`,
      {
        hint:
          home.hosts.size === 0
            ? 'add one under `hosts:` in adversary.yaml'
            : `--on ${[...home.hosts.keys()].join(' | ')}`
      }
    )
  }
  const target = options.out === undefined ? null : resolve(io.cwd, options.out)
  if (target !== null && ((await kindOf(target)) ?? 'file') !== 'file') {
    throw new AdversaryError('usage', `--out: ${target} is not a regular file`)
  }
  const seat = { home, userHome: io.userHome, signal: io.signal }
  const suggested = await suggest(seat, nowhere, host, { budgetMs: 60_000, progress: progressOf(io) })
  io.progress(null)
  for (const { title, why } of suggested.left) io.err(`left out: ${oneLine(title)}: ${oneLine(why)}`)
  if (suggested.suggestions.length === 0) {
    io.err(`no check holds on ${host}${suggested.left.length === 0 ? '' : '; the lines above say why'}`)
    io.json({ on: host, plan: null, ...suggested })
    return exitCode.notProven
  }
  const plan = suggestedPlan(host, options.phase ?? 'p1', suggested.suggestions)
  if (target === null) io.text(plan.trimEnd())
  else {
    await replaceFile(target, plan).catch((error: unknown) => {
      throw new AdversaryError('usage', `--out: ${target} cannot be written: ${messageOf(error)}`, {
        cause: error
      })
    })
    io.out(`wrote ${counted(suggested.suggestions.length, 'check')} to ${target}`)
  }
  io.json({ on: host, plan, ...suggested })
  return exitCode.pass
}
