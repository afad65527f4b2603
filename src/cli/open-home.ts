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
  const machine = machineOf(io)
  return loadWorkspace(
    await workspaceDir(options, io),
    read === undefined ? machine : { ...machine, read },
    want
  )
}

/** The folder of that home. @throws AdversaryError (usage) where there is none. */
export async function workspaceDir(options: CommonOptions, io: Io): Promise<string> {
  const dir = options.home === undefined ? await findWorkspace(io.cwd) : resolve(io.cwd, options.home)
  if (dir !== null) return dir
  const hint = 'run `adversary init` to create one, or name one with --home DIR'
  throw new AdversaryError('usage', `no ${configFile} in ${io.cwd} or a parent folder`, { hint })
}

/** What a home is read with: the library and the fact sources of this package, loaded when they are asked for. */
export function machineOf(io: Pick<Io, 'userHome'>): Machine {
  return {
    userHome: io.userHome,
    library: async () => (await import('../../probes/index.ts')).probes,
    facts: async () => ({ ...(await import('../systems/index.ts')) })
  }
}
