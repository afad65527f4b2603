import { type Command } from '../machine.ts'
import { done } from '../invocation.ts'

/** Docker's engine: up from its start on, and it does not end. */
export const dockerd: Command = async (call, { docker, systemd }) => {
  docker.engineUp(call)
  systemd.ready(call.unit)
  await call.self.sleep(Number.POSITIVE_INFINITY)
  return done()
}
