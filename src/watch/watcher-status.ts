import { join } from 'node:path'
import * as z from 'zod'
import { messageOf } from '../lib/errors.ts'
import { redact } from '../lib/secrets/redact.ts'
import { oneLine } from '../lib/text/clean.ts'
import { nowMs } from '../os/clock.ts'
import { readText, removeFile, replaceFile } from '../os/files.ts'
import { type Life, lifeOf, thisProcess } from '../os/processes.ts'
import type { WatcherStatus } from './state.ts'

/**
 * What the running watcher is doing, as a file of the home that `status` reads. It is derived: whoever
 * deletes it loses a sight and nothing else, and the watcher writes it anew at its next step.
 */

const fileName = 'watcher.json'
const capBytes = 1024 * 1024

/** Longer than any step of the loop may take: a fetch has ten minutes. */
const stalledMs = 15 * 60_000

const instant = z.iso.datetime()

const troubleSchema = z.object({
  subject: z.string(),
  kind: z.enum(['remote', 'home', 'host', 'work']),
  since: instant,
  times: z.int().positive(),
  why: z.string()
})

const standingSchema = z.object({
  process: z.object({
    pid: z.int().positive(),
    born: z.string(),
    realm: z.object({ machine: z.string(), namespace: z.string() })
  }),
  startedAt: instant,
  beatAt: instant,
  doing: z.object({
    what: z.enum(['starting', 'asking the remote', 'orienting', 'reviewing', 'hunting', 'waiting']),
    about: z.string().nullable(),
    since: instant
  }),
  polls: z.int().nonnegative(),
  polledAt: instant.nullable(),
  reviews: z.int().nonnegative(),
  troubles: z.array(troubleSchema)
})

export interface StandingFile {
  /** Writes it down in its own time; of several in a row the last one. */
  show(standing: WatcherStatus): void
  /** Waits for the last write, and takes the file away: nobody watches any more. */
  close(): Promise<void>
}

/**
 * @param stateDir the folder of what is derived.
 * @param failed hears, once for each reason, why the file could not be written. Nothing else comes of it.
 */
export async function keepStanding(stateDir: string, failed: (why: string) => void): Promise<StandingFile> {
  const path = join(stateDir, fileName)
  const self = await thisProcess()
  const told = new Set<string>()
  let next: WatcherStatus | undefined
  let writing: Promise<void> | undefined

  const write = async (standing: WatcherStatus) => {
    try {
      await replaceFile(path, `${JSON.stringify({ process: self, ...guarded(standing) }, null, 2)}\n`, {
        within: stateDir,
        makeFolders: true
      })
      told.clear()
    } catch (error) {
      const why = messageOf(error)
      if (!told.has(why)) failed(why)
      told.add(why)
    }
  }
  const drain = async () => {
    for (let standing = next; standing !== undefined; standing = next) {
      next = undefined
      await write(standing)
    }
    writing = undefined
  }

  return {
    show(standing) {
      next = standing
      writing ??= drain()
    },
    async close() {
      await writing
      // Another watcher of this home may have put its own there.
      const there = await seen(path).catch(() => null)
      if (there?.process.pid === self.pid && there.process.born === self.born) await removeFile(path)
    }
  }
}

/** A watcher as it was written down, and what became of it since. */
export interface Watcher extends WatcherStatus {
  readonly pid: number
  /** `stalled`: its process runs, and its loop has not gone on for longer than any step may take. */
  readonly state: 'running' | 'stalled' | 'gone' | 'unknown'
}

/**
 * The watcher of this home; null where none has run, or the last one ended as it should.
 *
 * @throws what is wrong with the file, where it is none of ours.
 */
export async function watcherOf(stateDir: string): Promise<Watcher | null> {
  const written = await seen(join(stateDir, fileName))
  if (written === null) return null
  const { process: self, ...standing } = written
  // A beat of hours ahead is no beat of now: the clock was set back, and the loop has not gone on since.
  const stalled = Math.abs(nowMs() - Date.parse(standing.beatAt)) > stalledMs
  const states = {
    alive: stalled ? 'stalled' : 'running',
    gone: 'gone',
    unknown: 'unknown'
  } as const satisfies Record<Life, Watcher['state']>
  return { ...standing, pid: self.pid, state: states[await lifeOf(self)] }
}

async function seen(path: string) {
  const text = await readText(path, capBytes)
  return text === null ? null : standingSchema.parse(JSON.parse(text))
}

/** What a server or a host said is in its reasons. */
function guarded(standing: WatcherStatus): WatcherStatus {
  const guard = (text: string) => oneLine(redact(text).text, 400)
  const { doing, troubles } = standing
  return {
    ...standing,
    doing: { ...doing, about: doing.about === null ? null : guard(doing.about) },
    troubles: troubles.map(each => ({ ...each, subject: guard(each.subject), why: guard(each.why) }))
  }
}
