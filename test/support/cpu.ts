/**
 * How long this process computes on something, in milliseconds of a machine of reference. Unlike a clock on the wall it
 * does not count what else the machine was doing; and where the processor itself is slower, or shares its core, a
 * limit means the same.
 */
export function cpuMs(work: () => unknown): number {
  const before = process.cpuUsage()
  work()
  return since(before)
}

/** The same of what is waited for: with all that the process computes meanwhile. */
export async function cpuMsOf(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage()
  await work()
  return since(before)
}

function since(before: NodeJS.CpuUsage): number {
  return spent(before) / slowness()
}

function spent(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

/** What `spin` takes on the machine of reference, in milliseconds. */
const referenceMs = 22

let measured = { at: Number.NEGATIVE_INFINITY, slowness: 1 }

/** How many times as long as on the machine of reference a piece of work takes here and now; 1 at least. */
export function slowness(): number {
  if (performance.now() - measured.at > 5_000) {
    const tries = [1, 2, 3].map(() => {
      const before = process.cpuUsage()
      spin()
      return spent(before)
    })
    measured = { at: performance.now(), slowness: Math.max(1, Math.min(...tries) / referenceMs) }
  }
  return measured.slowness
}

/** Numbers, strings and a table: what parsers do. */
function spin(): number {
  const seen = new Map<number, number>()
  let state = 1
  for (let step = 0; step < 300_000; step += 1) {
    state = (Math.imul(state, 31) + step) | 0
    seen.set(state & 1023, `${state}`.length)
  }
  return seen.size
}
