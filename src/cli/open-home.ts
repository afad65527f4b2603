import { resolve } from 'node:path'
import { AdversaryError } from '../lib/errors.ts'
import {
  configFile,
  findWorkspace,
  type Workspace,
  loadWorkspace,
  type Machine
} from '../config/workspace.ts'
import type { CommonOptions, Io } from './io.ts'

/**
 * The home that a command works with: `--home`, else the nearest folder upwards.
 *
 * @throws AdversaryError (usage) where there is none, or something in it is wrong.
 */
export async function openWorkspace(
  options: CommonOptions,
  io: Io,
  want?: { readonly plans: boolean },
  read?: NonNullable<Machine['read']>
): Promise<Workspace> {
  const dir = options.home === undefined ? await findWorkspace(io.cwd) : resolve(io.cwd, options.home)
  if (dir === null) {
    const hint = 'adversary init writes one; --home DIR names one that is elsewhere'
    throw new AdversaryError('usage', `there is no ${configFile} in ${io.cwd} or above`, { hint })
  }
  const facts = async () => ({ ...(await import('../systems/index.ts')) })
  const library = async () => (await import('../../probes/index.ts')).probes
  return loadWorkspace(
    dir,
    { userHome: io.userHome, library, facts, ...(read === undefined ? {} : { read }) },
    want
  )
}
