import { join } from 'node:path'
import * as z from 'zod'
import { isoSecond } from '../os/clock.ts'
import { readText, replaceFile } from '../os/files.ts'

/**
 * For which other repositories Drone has asked, so that `doctor` can show a name that was mistyped. Derived and small:
 * losing it costs nothing.
 */

const capBytes = 64 * 1024
const most = 20

const file = z.array(z.object({ slug: z.string(), times: z.number(), at: z.string() }))

export type AskedOther = z.infer<typeof file>[number]

function pathIn(stateDir: string): string {
  return join(stateDir, 'drone.json')
}

export function askedOthers(stateDir: string): { add(slug: string, times: number): Promise<void> } {
  let writing: Promise<void> = Promise.resolve()
  const write = async (slug: string, times: number) => {
    const before = await readAskedOthers(stateDir)
    const known = before.find(each => each.slug === slug)
    const now = { slug, times: (known?.times ?? 0) + times, at: isoSecond() }
    const all = [now, ...before.filter(each => each !== known)].slice(0, most)
    await replaceFile(pathIn(stateDir), `${JSON.stringify(all)}\n`, { within: stateDir, makeFolders: true })
  }
  return {
    add(slug, times) {
      // One after the other, and one that fails keeps none from being written.
      writing = writing.catch(() => undefined).then(() => write(slug, times))
      return writing
    }
  }
}

/** Newest first; empty where there is none, or nothing that can be read. */
export async function readAskedOthers(stateDir: string): Promise<readonly AskedOther[]> {
  try {
    const text = await readText(pathIn(stateDir), capBytes)
    return text === null ? [] : file.parse(JSON.parse(text))
  } catch {
    // Half a file of another version or a disk that is full: it is only for show.
    return []
  }
}
