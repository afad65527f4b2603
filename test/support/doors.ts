import type { Answer, HostSession } from '../../src/facts/session.ts'
import { openVeil } from '../../src/lib/secrets/veil.ts'
import type { Adapters } from '../../src/facts/adapter.ts'
import { type ReadCommand, typed } from '../../src/facts/read-command.ts'

/** What a host answers, by the command as a person would type it. */
export type Recorded = Readonly<
  Record<string, Partial<Extract<Answer, { answered: true }>> | { readonly why: string }>
>

/** A session that answers from a table and remembers its rounds: the seam that replay uses as well. */
export function recordedSession(recorded: Recorded): HostSession & { readonly rounds: string[][] } {
  const rounds: string[][] = []
  return {
    rounds,
    ask(commands: readonly ReadCommand[]) {
      rounds.push(commands.map(typed))
      return commands.map(async (command): Promise<Answer> => {
        const found = recorded[typed(command)]
        if (found === undefined) return { answered: false, why: `${typed(command)} was not recorded`, ms: 0 }
        if ('why' in found) return { answered: false, why: found.why, ms: 0 }
        return { answered: true, exit: 0, stdout: '', stderr: '', ms: 1, cut: false, ...found }
      })
    },
    clock: { hostMicros: 1_781_000_000_000_000, skewMs: 0, uncertaintyMs: 1 },
    stats: { connections: 1, execs: 1, reads: 0 },
    close: async () => undefined
  }
}

const shut = (what: string) => async () => {
  throw new Error(`${what} is shut in this test`)
}

/** A repo of which nothing can be read, except what a test puts into it. */
export const closedRepo = {
  commit: '0'.repeat(40),
  file: shut('the repo'),
  changes: shut('the repo'),
  search: shut('the repo'),
  changedPaths: shut('the repo')
}

/** Doors that lead nowhere, except those that a test opens. */
export function closedAdapters(open: Partial<Adapters> = {}): Adapters {
  let ticks = 0
  return {
    open: shut('every host'),
    jumped: async () => null,
    fetch: shut('the web'),
    rehearse: shut('the rehearsal'),
    workspaceFile: shut('the home'),
    repo: closedRepo,
    record: {
      reviewTime: shut('the record'),
      claimTime: shut('the record'),
      baseline: shut('the record')
    },
    veil: openVeil('a salt'),
    tick: () => {
      ticks += 1
      return ticks
    },
    ...open
  }
}
