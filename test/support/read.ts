import type { ReadCommand } from '../../src/facts/read-command.ts'

/** A command that no probe asks for, to see what the doors do with it. */
export function reading(
  argv: readonly string[],
  limits: { readonly deadlineMs?: number; readonly capBytes?: number } = {}
): ReadCommand {
  const command = {
    argv,
    answers: [0],
    deadlineMs: 10_000,
    capBytes: 4 * 1024 * 1024,
    priority: 0,
    ...limits
  }
  // Only src/facts/read-command.ts can brand a command: that is the point, except here.
  return command as unknown as ReadCommand
}

/** A shell script as one read. */
export function script(text: string, limits: { deadlineMs?: number; capBytes?: number } = {}): ReadCommand {
  return reading(['sh', '-c', text.replaceAll('\n', '; ')], limits)
}
