import { type Command } from '../machine.ts'
import { done } from '../invocation.ts'

/** Docker's engine: up from its start on, and it does not end. */
export const dockerd: Command = async ({ self, unit }, { docker }) => {
  docker.engineUp(unit)
  await self.sleep(Number.POSITIVE_INFINITY)
  return done()
}
