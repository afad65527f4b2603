/**
 * How long this process computes on something, in milliseconds. Unlike a clock on the wall it does not count
 * what else the machine was doing, so that a limit on it means the same everywhere.
 */
export function cpuMs(work: () => unknown): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

/** The same of what is waited for: with all that the process computes meanwhile. */
export async function cpuMsOf(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}
