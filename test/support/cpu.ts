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
