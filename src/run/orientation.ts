import type { Check, Plan } from '../home/types.ts'
import { overviews } from '../judge/overview.ts'
import { type LookOptions, observe, type Observed } from './review.ts'
import type { Snapshot, World } from './world.ts'

/** Looks at what the hosts of a plan are like, and how its own checks stand: the baseline of the phase. */
export async function orientation(
  world: World,
  at: Snapshot,
  plan: Plan,
  options: LookOptions
): Promise<Observed> {
  const hosts = new Set(plan.milestones.flatMap(({ checks }) => checks.flatMap(({ host }) => host ?? [])))
  const looks: Check[] = [...hosts].flatMap(host =>
    overviews.map(({ title, view }) => ({
      probe: view,
      title: hosts.size > 1 ? `${title} (${host})` : title,
      host,
      line: 0
    }))
  )
  const standing = plan.milestones.flatMap(({ id, checks }) =>
    checks.map(check => ({ ...check, title: `${id}: ${check.title}` }))
  )
  // `within` waits for a claim's work; before any claim there is nothing to wait for.
  const once = standing.map(({ withinMs: _, ...check }) => check)
  return observe(
    world,
    at,
    { phase: plan.phase, commit: at.tip, checks: [...looks, ...once], hunts: plan.hunt.checks },
    options
  )
}
