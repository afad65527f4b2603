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
  /** What to do; null where there is nothing. */
  readonly mend: string | null
}

/** What a proof is about. */
export type Subject = Pick<Proof, 'id' | 'subject'>

export function proved({ id, subject }: Subject, saw: string): Proof {
  return { id, subject, ok: true, saw, mend: null }
}

export function missing({ id, subject }: Subject, saw: unknown, mend: string): Proof {
  return { id, subject, ok: false, saw: typeof saw === 'string' ? saw : messageOf(saw), mend }
}

export function untold({ id, subject }: Subject, saw: string): Proof {
  return { id, subject, ok: null, saw, mend: null }
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
