import { resolve } from 'node:path'
import { AdversaryError } from '../lib/errors.ts'
import { configFile, findHome, type Home, loadHome, type Machine } from '../config/workspace.ts'
import type { CommonOptions, Io } from './io.ts'

/**
 * The home that a command works with: `--home`, else the nearest folder upwards.
 *
 * @throws AdversaryError (usage) where there is none, or something in it is wrong.
 */
export async function openHome(
  options: CommonOptions,
  io: Io,
  want?: { readonly plans: boolean },
  read?: NonNullable<Machine['read']>
): Promise<Home> {
  const dir = options.home === undefined ? await findHome(io.cwd) : resolve(io.cwd, options.home)
  if (dir === null) {
    const hint = 'adversary init writes one; --home DIR names one that is elsewhere'
    throw new AdversaryError('usage', `there is no ${configFile} in ${io.cwd} or above`, { hint })
  }
  const facts = async () => ({ ...(await import('../systems/index.ts')) })
  const library = async () => (await import('../../probes/index.ts')).probes
  return loadHome(
    dir,
    { userHome: io.userHome, library, facts, ...(read === undefined ? {} : { read }) },
    want
  )
}
