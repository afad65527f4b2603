import { canonicalJson as canonical } from '../lib/canonical.ts'
import type { CheckResult } from '../probe/verdict.ts'
import type { Check, Plan } from '../config/types.ts'
import { overviews } from '../probe/overview.ts'
import type { Fact } from '../facts/fact.ts'
import type { EvidenceRecord } from '../render/evidence-file.ts'
import type { Observed } from './assessed.ts'

/** What the hosts of a plan are like, and how its own checks stand: the baseline of the phase. */
export function orientationChecks(plan: Plan): readonly Check[] {
  const hosts = new Set(plan.milestones.flatMap(({ checks }) => checks.flatMap(({ host }) => host ?? [])))
  const views: Check[] = [...hosts].flatMap(host =>
    overviews.map(({ title, view }) => ({
      probe: view,
      title: hosts.size > 1 ? `${title} (${host})` : title,
      host,
      line: 0
    }))
  )
  const standing = plan.milestones.flatMap(({ id, checks }) =>
    // `within` waits for a claim's work; before any claim there is nothing to wait for.
    checks.map(({ withinMs: _, ...check }) => ({ ...check, title: `${id}: ${check.title}` }))
  )
  return [...views, ...standing]
}

/** What moves by itself, or with each review: a difference in it is no news. By the key of its source. */
const moving: ReadonlySet<string> = new Set([
  'baseline',
  'commits-since-baseline',
  'filesystems',
  'host-clock',
  'reviewed-commit'
])

/**
 * Whether a recorded orientation says the same as this one: by the same plan, with the same outcomes and the same facts,
 * since later sections compare with each of them. The commit that a file of the repo was read at is none. Of what is measured (free bytes, the clock) only the outcome counts.
 */
export function isSameContext(
  before: EvidenceRecord,
  { plan, checks, hunts, facts }: Pick<Observed, 'plan' | 'checks' | 'hunts' | 'facts'>
): boolean {
  if (plan?.digest !== before.plan) return false
  const outcome = ({ probe, title, on, outcome }: Pick<CheckResult, 'probe' | 'title' | 'on' | 'outcome'>) =>
    canonical([probe, title, on, outcome])
  const now = [...checks, ...hunts].map(({ check }) => outcome(check))
  if (canonical(now) !== canonical([...before.checks, ...before.hunts].map(outcome))) return false
  return canonical(lasting(facts)) === canonical(lasting(before.facts))
}

/** Facts without the numbers of their reads, and without the commit that they were read at. */
function lasting(facts: Readonly<Record<string, Fact<unknown>>> | EvidenceRecord['facts']) {
  return Object.entries(facts)
    .filter(([name]) => !moving.has(name.split(' @ ', 1)[0] ?? ''))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, fact]) => [name, fact.seen ? { value: withoutCommit(fact.value) } : { why: fact.why }])
}

function withoutCommit(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || !('commit' in value))
    return value ?? null
  const { commit: _, ...rest } = value
  return rest
}
