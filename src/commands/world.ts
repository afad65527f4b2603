import { redact } from '../base/redact.ts'
import { openWorld, type World } from '../run/world.ts'
import { openHome } from './home.ts'
import type { CommonOptions, Io } from './io.ts'

/** Opens the home and the clone, does the work, and leaves no process behind. */
export async function enter<T>(
  options: CommonOptions,
  io: Io,
  work: (world: World) => Promise<T>,
  log: World['log'] = () => undefined
): Promise<T> {
  const home = await openHome(options, io)
  io.progress(`reading ${home.repo.branch} of ${redact(home.repo.url).text}`)
  const world = await openWorld(home, { signal: io.signal, userHome: io.userHome, log })
  try {
    return await work(world)
  } finally {
    io.progress(null)
    await world.git.close()
  }
}
