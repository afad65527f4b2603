import type { TestProject } from 'vitest/node'
import { bootHost, hostObstacle } from './host.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Why this machine cannot have the test host; null where it has it. */
    readonly hostObstacle: string | null
  }
}

/** Boots the test host once for all files; they find it again by `bootHost`. */
export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const obstacle = hostObstacle()
  project.provide('hostObstacle', obstacle)
  if (obstacle !== null) return undefined
  const host = await bootHost()
  return () => host.stop()
}
