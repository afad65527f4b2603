import type { Policy } from '../record/policy.ts'
import { reviewPathOf } from './home.ts'
import type { Home, Plan } from './types.ts'

/** What a gate, which never sees the home, needs to know of a plan: signed with each review. */
export function policyFor(home: Pick<Home, 'repo'>, plan: Plan): Policy {
  return {
    phase: plan.phase,
    branch: home.repo.branch,
    review: reviewPathOf(home, plan.phase),
    blocks: [...plan.hunt.blocks],
    milestones: plan.milestones.map(({ id, needs, watchPaths, maxAgeMs, digest }) => ({
      milestone: id,
      needs: [...needs],
      watchPaths: [...watchPaths],
      maxAge: maxAgeMs,
      checks: digest
    }))
  }
}
