import { canonicalJson as canonical } from '../base/canonical.ts'
import type { CheckResult } from '../decide/verdict.ts'
import type { Check, Plan } from '../home/types.ts'
import { overviews } from '../judge/overview.ts'
import { judge } from '../judge/run.ts'
import type { EvidenceRecord } from '../tell/evidence-file.ts'
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

/**
 * Whether a recorded orientation says the same as this one: by the same plan, with the same outcomes, and with the
 * same networks, addresses and services. What moves by itself (times, free bytes) is not compared.
 */
export function isSameContext(before: EvidenceRecord, { plan, checks, hunts }: Observed): boolean {
  if (plan?.digest !== before.plan) return false
  const outcome = ({ probe, title, on, outcome }: Pick<CheckResult, 'probe' | 'title' | 'on' | 'outcome'>) =>
    canonical([probe, title, on, outcome])
  const now = [...checks, ...hunts].map(({ check }) => outcome(check))
  if (canonical(now) !== canonical([...before.checks, ...before.hunts].map(outcome))) return false
  const shownBefore = before.checks.flatMap(recorded => shownAgain(recorded, before.facts))
  const shownNow = checks.flatMap(({ check }) =>
    overviews.some(({ view }) => view.id === check.probe)
      ? [check.findings.flatMap(finding => finding.shows ?? [])]
      : []
  )
  return canonical(shownBefore) === canonical(shownNow)
}

/** The lines of a recorded overview; none for what is no overview. */
function shownAgain(
  { probe, facts: names }: EvidenceRecord['checks'][number],
  facts: EvidenceRecord['facts']
): readonly (readonly string[])[] {
  const view = overviews.find(each => each.view.id === probe)?.view
  if (view === undefined) return []
  const seen = Object.fromEntries(
    Object.entries(names).flatMap(([need, name]) => {
      const fact = facts[name]
      return fact === undefined ? [] : [[need, fact.seen ? { ...fact, value: fact.value } : fact] as const]
    })
  )
  return [judge(view, seen).flatMap(finding => finding.shows ?? [])]
}
