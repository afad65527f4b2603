import { setMaxListeners } from 'node:events'
import { join, resolve } from 'node:path'
import pLimit from 'p-limit'
import { AdversaryError, messageOf } from '../../lib/errors.ts'
import { sleep } from '../../os/clock.ts'
import { kindOf, namesIn } from '../../os/files.ts'
import { configFile } from '../../config/workspace.ts'
import type { Log } from '../../review/log.ts'
import type { Limiters } from '../../watch/watch.ts'
import type { Io } from '../io.ts'

/** How many remotes are asked, and how many homes are at work, at the same time. */
const atOnce = { polls: 8, rounds: 8 } as const
/** The first polls are spread over this long, and with that all that follow, in milliseconds. */
const spreadMs = 30_000
/** A home that cannot be watched is tried again after this long, in milliseconds. */
const againMs = 60_000

/**
 * The homes that these folders are, or hold, each once.
 *
 * @throws AdversaryError (usage) for a folder that is no home and holds none.
 */
export async function homesIn(dirs: readonly string[], { cwd }: Pick<Io, 'cwd'>): Promise<readonly string[]> {
  const found = await Promise.all(
    dirs.map(async typed => {
      const dir = resolve(cwd, typed)
      if ((await kindOf(join(dir, configFile))) !== null) return [dir]
      const names = (await namesIn(dir)) ?? []
      const inside = names.map(name => join(dir, name))
      const kinds = await Promise.all(inside.map(each => kindOf(join(each, configFile))))
      const homes = inside.filter((_, index) => kinds[index] !== null)
      if (homes.length > 0) return homes
      throw new AdversaryError('usage', `--homes: ${typed} is not a home and contains none`, {
        hint: `a home contains ${configFile}`
      })
    })
  )
  return [...new Set(found.flat())]
}

/**
 * Watches them side by side until the signal ends; one's trouble is its own. With `once` until none owes anything.
 *
 * @throws with `once`: what went wrong with the first home that went wrong, when all others are done.
 */
export async function watchHomes(
  homes: readonly string[],
  how: {
    readonly once: boolean
    readonly io: Io
    /** Calls `begun` when its clone is open. */
    watchHome(home: string, lanes: Limiters, io: Io, begun: () => void): Promise<void>
    logOf(home: string): Log
  }
): Promise<void> {
  const { once, io } = how
  // A listener or two for each home is no leak, however many homes.
  setMaxListeners(0, io.signal)
  const lanes: Limiters = { poll: pLimit(atOnce.polls), round: pLimit(atOnce.rounds) }
  // Homes begin in turn too: each starts a few processes to look at its clone.
  const beginning = pLimit(atOnce.rounds)
  const begin = async (watch: (begun: () => void) => Promise<void>) => {
    const watching = await beginning(async () => {
      let begun = (): void => undefined
      const open = new Promise<void>(done => (begun = done))
      const ended = watch(begun)
      await Promise.race([open, ended])
      return { ended }
    })
    await watching.ended
  }
  const failed: unknown[] = []
  const { NOTIFY_SOCKET: _, ...env } = io.env

  const one = async (home: string) => {
    const log = how.logOf(home)
    if (!once) {
      const spread = spreadMs * Math.min(1, homes.length / 100)
      await sleep(Math.random() * spread, io.signal).catch(() => undefined)
    }
    for (let times = 1; !io.signal.aborted; times += 1) {
      try {
        await begin(begun => how.watchHome(home, lanes, { ...io, env }, begun))
        return
      } catch (error) {
        if (io.signal.aborted) return
        if (once) failed.push(error)
        log('home.failed', { why: messageOf(error), times, ...(once ? {} : { again_in_ms: againMs }) })
        if (once) return
        await sleep(againMs, io.signal).catch(() => undefined)
      }
    }
  }
  await Promise.all(homes.map(home => one(home)))
  if (once) io.signal.throwIfAborted()
  if (failed.length > 0) throw failed[0]
}
