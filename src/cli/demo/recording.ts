import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import { readText } from '../../os/files.ts'
import type { Recording } from '../../ssh/recorded-host.ts'
import { moved, type Timeline } from './timeline.ts'

/** A host's answers to every read of the reference phase, before and after the maintenance. */
export interface RecordedPhase {
  /** What the host ran, for people. */
  readonly versions: string
  /** The answers before the maintenance, with times that end at `nowMs`. */
  before(nowMs: number): readonly Recording[]
  /** The answers after it; all that the maintenance did lies in the last `maintenanceMs` before `nowMs`. */
  after(nowMs: number): readonly Recording[]
  /** `nix/modules/swarm.nix` without and with the patch. */
  readonly unpatched: string
  readonly patched: string
}

const reads = z.array(
  z.object({ argv: z.array(z.string()), exit: z.number(), stdout: z.string(), stderr: z.string() })
)

/**
 * What the real-host test writes: see test/real/reference.test.ts. It holds the host's words as they came, which is
 * why the unit files in it have the licence notes of their distribution.
 */
export const recordingFile = z.object({
  versions: z.string(),
  /** When each half was recorded, milliseconds since 1970 on the host's clock. */
  beforeAt: z.number(),
  afterAt: z.number(),
  before: reads,
  after: reads
})

/** Where the recording and the builder's files lie: src/cli/demo/recorded, beside the sources. */
export async function recordedDir(): Promise<string> {
  for (let dir = dirname(fileURLToPath(import.meta.url)); dir !== dirname(dir); dir = dirname(dir)) {
    if ((await readText(join(dir, 'package.json'), 64 * 1024)) !== null)
      return join(dir, 'src/cli/demo/recorded')
  }
  throw new Error('the package with the recording was not found')
}

export async function recordedPhase(): Promise<RecordedPhase> {
  const dir = await recordedDir()
  const text = async (name: string) => {
    const found = await readText(join(dir, name), 16 * 1024 * 1024)
    if (found === null) throw new Error(`the recording has no ${name}`)
    return found
  }
  const recorded = recordingFile.parse(JSON.parse(await text('pvfix.json')))
  return {
    versions: recorded.versions,
    unpatched: await text('swarm.before.nix'),
    patched: await text('swarm.after.nix'),
    before: nowMs => moveAll(recorded.before, through([recorded.beforeAt, nowMs])),
    after: nowMs =>
      moveAll(recorded.after, through([recorded.beforeAt, nowMs - maintenanceMs], [recorded.afterAt, nowMs]))
  }
}

/** How long the maintenance seems to take in the demo, in milliseconds. */
export const maintenanceMs = 1_000

/** A time line through these points; before the first of them time runs as it did. */
function through(...points: Timeline['points']): Timeline {
  const [recorded, shown] = points[0] ?? [0, 0]
  return { points: [[0, shown - recorded], ...points] }
}

function moveAll(recordings: readonly Recording[], timeline: Timeline): readonly Recording[] {
  return recordings.map(({ argv, exit, stdout, stderr }) => ({
    argv,
    exit,
    stdout: moved(stdout, timeline),
    stderr: moved(stderr, timeline)
  }))
}
