import { resolve } from 'node:path'
import { AdversaryError } from '../../lib/errors.ts'
import { oneLine } from '../../lib/text/clean.ts'
import { namedHost } from './host-check.ts'
import { checkLock, lock, scriptPath } from './lockdown.ts'
import { type ExitCode, exitCode } from '../../lib/words.ts'
import { openWorkspace } from '../open-home.ts'
import type { CommonOptions, Io } from '../io.ts'
import { proofsText } from '../review/check-text.ts'

export interface LockdownOptions extends CommonOptions {
  readonly on?: string
  readonly check?: boolean
  readonly from?: string
  readonly path?: string
  readonly key?: string
  readonly also?: readonly string[]
}

/**
 * Prints the forced-command script of the reviewer's key on one host, the line of authorized_keys in its head;
 * with `--check`, tries whether the host keeps to it.
 */
export async function run(options: LockdownOptions, io: Io): Promise<ExitCode> {
  const home = await openWorkspace(options, io)
  const names = [...home.hosts.keys()]
  const name = options.on ?? (names.length === 1 ? names[0] : undefined)
  if (name === undefined) {
    throw new AdversaryError('usage', `--on is required: adversary.yaml has ${names.length} hosts`, {
      hint: `--on ${names.join(' | ')}`
    })
  }
  const host = namedHost(home, name)
  if (host.transport === 'local') {
    throw new AdversaryError('usage', `${host.name} has \`transport: local\`: there is no key to limit`)
  }

  if (options.check === true) {
    io.progress(`testing the key on ${host.name}`)
    const proofs = await checkLock({ home, userHome: io.userHome, signal: io.signal }, host)
    io.progress(null)
    io.out(proofsText(proofs, io))
    io.json({ on: host.name, checks: proofs })
    return proofs.some(({ ok }) => ok === false) ? exitCode.fail : exitCode.pass
  }

  const { authorizedKeys, path, script, reads, undeclared } = await lock(home, host, {
    from: options.from ?? null,
    path: options.path ?? scriptPath,
    key: options.key === undefined ? null : resolve(io.cwd, options.key),
    also: options.also ?? []
  })
  for (const key of undeclared) {
    io.err(
      `adversary: the fact \`${oneLine(key, 120)}\` declares no reads, so the script does not allow any for it`
    )
  }
  io.text(script)
  io.json({ on: host.name, authorizedKeys, path, script, reads })
  return exitCode.pass
}
