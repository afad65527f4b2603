import type { Policy } from '../../record/policy.ts'
import type { Workspace, Plan } from '../types.ts'

/**
 * What a gate, which never sees the home, needs to know of a plan: signed with each review.
 *
 * @param review path of the file that the section goes to.
 */
export function policyFor(home: Pick<Workspace, 'repo'>, plan: Plan, review: string): Policy {
  return {
    phase: plan.phase,
    branch: home.repo.branch,
    review,
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
