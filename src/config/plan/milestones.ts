import type { Milestone, Plan, Workspace } from '../types.ts'

/** The milestone of a plan by its id; null where there is no such plan, or none such in it. */
export function milestoneOf(plan: Plan | null | undefined, id: string): Milestone | null {
  return plan?.milestones.find(each => each.id === id) ?? null
}

/** The milestone that `<phase>-<milestone>` names, with its plan; null where no plan has it. */
export function milestoneNamed(
  plans: Workspace['plans'],
  name: string
): { readonly plan: Plan; readonly milestone: Milestone } | null {
  for (const plan of plans.values()) {
    const milestone = plan.milestones.find(({ id }) => `${plan.phase}-${id}` === name)
    if (milestone !== undefined) return { plan, milestone }
  }
  return null
}
