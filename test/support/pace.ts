import { spawnSync } from 'node:child_process'

/**
 * Tests do not judge how fast a machine is: they count steps, processor time or requests. What is left of the clock on
 * the wall are limits for what hangs, and these grow with the machine and with what else it does.
 */

/** What the start of a process takes on a machine like those of CI with nothing else to do, in milliseconds. */
const idleMs = 50

/** How many times as long the start of a process takes here and now; 1 at least. */
export const pace = Math.max(1, median([startMs(), startMs(), startMs()]) / idleMs)

/** A limit for what hangs, in milliseconds. @param ms what it takes on an idle machine at most. */
export function generous(ms: number): number {
  return Math.ceil(ms * 4 * pace)
}

function startMs(): number {
  const begun = performance.now()
  spawnSync(process.execPath, ['-e', '0'])
  return performance.now() - begun
}

function median([a, b, c]: readonly [number, number, number]): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c))
}
