import { redact } from '../base/redact.ts'
import type { Home } from '../home/home.ts'
import { openEarly } from '../run/early.ts'
import { openWorld, type World } from '../run/world.ts'
import { openHome } from './home.ts'
import type { CommonOptions, Io } from './io.ts'

export interface EnterOptions {
  readonly log?: World['log']
  /** Hosts that will be asked, as far as the home tells: their sessions are opened beside the clone. */
  readonly asks?: (home: Home) => readonly string[]
  /** What the work loads anyway: it is loaded while the remote and the hosts are waited for. */
  readonly load?: () => Promise<unknown>
}

/** Opens the home and the clone, does the work, and leaves no process behind. */
export async function enter<T>(
  options: CommonOptions,
  io: Io,
  work: (world: World) => Promise<T>,
  { log = () => undefined, asks = () => [], load }: EnterOptions = {}
): Promise<T> {
  const home = await openHome(options, io)
  io.progress(`reading ${home.repo.branch} of ${redact(home.repo.url).text}`)
  const seat = { userHome: io.userHome, signal: io.signal }
  const early = openEarly({ home, ...seat }, asks(home))
  try {
    const opening = openWorld(home, { ...seat, log, openSession: early.openSession })
    // What goes wrong with it is told to the work.
    load?.().catch(() => undefined)
    const world = await opening
    try {
      return await work(world)
    } finally {
      io.progress(null)
      await world.git.close()
    }
  } finally {
    await early.close()
  }
}
