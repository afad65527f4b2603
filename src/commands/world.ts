import { redact } from '../base/redact.ts'
import type { Home, PlanFile } from '../home/home.ts'
import { type Early, openEarly } from '../run/early.ts'
import { openWorld, type World } from '../run/world.ts'
import { openHome } from './home.ts'
import type { CommonOptions, Io } from './io.ts'

export interface EnterOptions {
  readonly log?: World['log']
  /** Hosts that will be asked, as far as the home tells: their sessions are opened beside the clone. */
  readonly asks?: (home: Home) => readonly string[]
  /** Of these, those that can be told before the plans are understood: they are logged in to first of all. */
  readonly likely?: (home: Pick<Home, 'hosts'>, plans: readonly PlanFile[]) => readonly string[]
  /** What the work loads anyway: it is loaded while the remote and the hosts are waited for. */
  readonly load?: () => Promise<unknown>
}

/** Opens the home and the clone, does the work, and leaves no process behind. */
export async function enter<T>(
  options: CommonOptions,
  io: Io,
  work: (world: World) => Promise<T>,
  { log = () => undefined, asks = () => [], likely = () => [], load }: EnterOptions = {}
): Promise<T> {
  const seat = { userHome: io.userHome, signal: io.signal }
  let early: Early | undefined
  try {
    const home = await openHome(options, io, undefined, (config, plans) => {
      early = openEarly({ home: config, ...seat })
      early.begin(likely(config, plans))
    })
    io.progress(`reading ${home.repo.branch} of ${redact(home.repo.url).text}`)
    early ??= openEarly({ home, ...seat })
    early.begin(asks(home))
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
    await early?.close()
  }
}
