import { checkWorkspace } from '../../config/workspace.ts'
import { AdversaryError } from '../../lib/errors.ts'
import { redact } from '../../lib/secrets/redact.ts'
import { clean, oneLine } from '../../lib/text/clean.ts'
import { type ExitCode, exitCode } from '../../lib/words.ts'
import type { CommonOptions, Io } from '../io.ts'
import { machineOf, workspaceDir } from '../open-home.ts'

export interface ConfigOptions extends CommonOptions {
  readonly action: string
}

/** Checks the files of the home without a network, a host or a clone. */
export async function run(options: ConfigOptions, io: Io): Promise<ExitCode> {
  if (options.action !== 'check') {
    throw new AdversaryError('usage', `got \`${oneLine(options.action, 80)}\`, expected \`check\``, {
      hint: 'adversary config check'
    })
  }
  const { dir, checked, unchecked, errors } = await checkWorkspace(
    await workspaceDir(options, io),
    machineOf(io)
  )
  const told = errors.map(({ file, error: { message, hint, place } }) => ({
    file,
    line: place?.line ?? null,
    key: place?.key ?? null,
    message: clean(redact(message).text),
    hint: hint === undefined ? null : clean(redact(hint).text)
  }))
  for (const { message, hint } of told) io.err(hint === null ? message : `${message}\n  try: ${hint}`)
  for (const file of unchecked) io.err(`${oneLine(file)}: not checked: fix the errors above first`)
  if (errors.length === 0) {
    io.out(`${checked.map(file => oneLine(file)).join(', ')}: valid`)
  } else {
    io.out(`${errors.length} ${errors.length === 1 ? 'error' : 'errors'} in ${oneLine(dir)}`)
  }
  io.json({ home: dir, ok: errors.length === 0, checked, unchecked, errors: told })
  return errors.length === 0 ? exitCode.pass : exitCode.usage
}
