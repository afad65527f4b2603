import { basename, resolve } from 'node:path'
import { AdversaryError } from '../../lib/errors.ts'
import { oneLine } from '../../lib/text/clean.ts'
import { readText } from '../../os/files.ts'
import { findWorkspace } from '../../config/workspace.ts'
import { checkDocument } from '../../review/document.ts'
import { replay } from '../../review/replay.ts'
import { type ExitCode, exitCode, exitCodeOf } from '../../lib/words.ts'
import { probes } from '../../../probes/index.ts'
import { openWorkspace } from '../open-home.ts'
import type { CommonOptions, Io } from '../io.ts'
import { checksText } from './check-text.ts'

export interface ReplayOptions extends CommonOptions {
  /** Path of an evidence file. */
  readonly file: string
  /** `sha256:…` of the review's `Adversary-Evidence` trailer. */
  readonly digest?: string
}

/**
 * Judges recorded evidence again, offline. A verdict that differs from the recorded one is not trusted; one that rests
 * on hidden text is not proven.
 */
export async function run(options: ReplayOptions, io: Io): Promise<ExitCode> {
  const { digest } = options
  if (digest !== undefined && !/^sha256:[0-9a-f]{64}$/.test(digest)) {
    throw new AdversaryError(
      'usage',
      `--digest: ${JSON.stringify(digest)}: expected \`sha256:\` and 64 digits`,
      {
        hint: 'git log -1 --format=%B of the review: it is in the line Adversary-Evidence'
      }
    )
  }
  const text = await readText(resolve(io.cwd, options.file), 64 * 1024 * 1024)
  if (text === null) throw new AdversaryError('usage', `${options.file} does not exist`)
  // A home is only needed for probes of its own.
  const home =
    options.home !== undefined || (await findWorkspace(io.cwd)) !== null
      ? await openWorkspace(options, io)
      : null
  const replayed = replay(text, home?.probes ?? probes, {
    name: basename(options.file),
    ...(digest === undefined ? {} : { digest })
  })
  const { evidence, decision, differences, checks, restsOnHidden } = replayed

  const how = restsOnHidden
    ? 'as recorded; it depends on redacted text and cannot be judged again from'
    : 'judged again from'
  io.out(
    `${evidence.phase}-${evidence.milestone ?? ''}: ${decision.verdict}${restsOnHidden ? ' ' : ', '}${how} ${replayed.digest}`
  )
  io.out(checksText(checks, io).join('\n'))
  for (const difference of differences) io.err(`differs: ${oneLine(difference)}`)
  io.json({
    claim: evidence.claim,
    verdict: decision.verdict,
    recorded: evidence.verdict,
    digest: replayed.digest,
    differences,
    restsOnHidden,
    checks: checks.map(checkDocument)
  })
  if (differences.length > 0) return exitCode.notTrusted
  return restsOnHidden ? exitCode.notProven : exitCodeOf[decision.verdict]
}
