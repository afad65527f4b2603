import { messageOf } from '../../lib/errors.ts'
import type { FactSource } from '../../facts/fact.ts'
import type { Workspace } from '../../config/workspace.ts'
import { overviews } from '../../probe/overview.ts'

/** One thing that was to be proved, for `doctor` and `lockdown --check`. */
export interface Proof {
  /** Stable: `repo/push`, `host/prod/docker`. */
  readonly id: string
  readonly subject: string
  /** Null: it is not needed, or something before it is in the way; `saw` says which. */
  readonly ok: boolean | null
  readonly saw: string
  /** What to do, with the command if there is one; null where there is nothing. */
  readonly mend: string | null
  /** The command in it, to be pasted here or where `mend` says; null: there is none. */
  readonly command: string | null
}

/** What to do: words, or words and the command that they end with. */
export type Fix = string | { readonly text: string; readonly command: string }

/** What a proof is about. */
export type Subject = Pick<Proof, 'id' | 'subject'>

export function proved({ id, subject }: Subject, saw: string): Proof {
  return { id, subject, ok: true, saw, mend: null, command: null }
}

export function missing({ id, subject }: Subject, saw: unknown, fix: Fix): Proof {
  const words = typeof saw === 'string' ? saw : messageOf(saw)
  const { mend, command } =
    typeof fix === 'string'
      ? { mend: fix, command: null }
      : { mend: fix.text === '' ? fix.command : `${fix.text}: ${fix.command}`, command: fix.command }
  return { id, subject, ok: false, saw: words, mend, command }
}

export function untold({ id, subject }: Subject, saw: string): Proof {
  return { id, subject, ok: null, saw, mend: null, command: null }
}

/** What the plans' checks and hunts look at on a host, and the orientation of their phases; each once. */
export function sourcesOn(home: Pick<Workspace, 'plans'>, host: string): readonly FactSource<unknown>[] {
  const asked = [...home.plans.values()].flatMap(plan => {
    const checks = plan.milestones.flatMap(milestone => milestone.checks).filter(check => check.host === host)
    const hunts = plan.hunt.checks.filter(check => check.host === host)
    const views = checks.length > 0 ? overviews.map(({ view }) => view) : []
    return [...[...checks, ...hunts].map(({ probe }) => probe), ...views]
  })
  const sources = asked.flatMap(probe => Object.values(probe.needs)).filter(({ place }) => place === 'host')
  return [...new Map(sources.map(source => [source.key, source])).values()]
}
