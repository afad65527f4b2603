import { analysisBounds } from './bounds.ts'

/**
 * Counts the work on text that somebody else wrote, so that it ends: in steps, which mean the same on every machine.
 */
export interface Effort {
  /** False when there has been enough of it. */
  spend(steps: number): boolean
}

/** @param within the larger work that this one is a part of, which counts it too. */
export function openEffort(steps: number, within?: Effort): Effort {
  let left = steps
  return {
    spend(more) {
      left -= more
      return (within?.spend(more) ?? true) && left >= 0
    }
  }
}

export function unitEffort(within?: Effort): Effort {
  return openEffort(analysisBounds.unitSteps, within)
}

export function hostEffort(): Effort {
  return openEffort(analysisBounds.hostSteps)
}
