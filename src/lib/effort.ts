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

/** Lets others have their turn: what computes for long on one thread keeps everybody waiting. */
export function pause(): Promise<void> {
  return new Promise(done => setImmediate(done))
}

export function unitEffort(within?: Effort): Effort {
  return openEffort(analysisBounds.unitSteps, within)
}

export function hostEffort(): Effort {
  return openEffort(analysisBounds.hostSteps)
}

/** What parsing several texts may take together. */
export interface ParsingBudget {
  /** False once it is spent. A part that was counted before costs nothing: it is remembered. */
  spend(part: string, work: number): boolean
  isSpent(): boolean
}

/** @param work in microseconds of a slow machine. */
export function parsingBudget(work: number): ParsingBudget {
  const effort = openEffort(work)
  const counted = new Set<string>()
  let spent = false
  return {
    spend(part, work) {
      if (spent || counted.has(part)) return !spent
      spent = !effort.spend(work)
      counted.add(part)
      return !spent
    },
    isSpent: () => spent
  }
}
