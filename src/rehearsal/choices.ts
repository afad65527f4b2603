/**
 * What is not known is decided by a list: the same list decides the same run. A choice that the list does not name takes
 * its first option, which is what an ordinary boot would be.
 */
export interface Choices {
  /**
   * The index of the option that this run takes.
   *
   * @param units that would have to be looked into to know; the choice is reported with their names.
   */
  readonly choose: (name: string, options: number, units?: readonly string[]) => number
  readonly made: () => readonly Choice[]
}

export interface Choice {
  readonly name: string
  readonly options: number
  readonly took: number
  readonly units: readonly string[]
}

export type Decisions = Readonly<Record<string, number>>

export function createChoices(decisions: Decisions): Choices {
  // The same question has the same answer for as long as the run lasts.
  const made = new Map<string, Choice>()
  return {
    made: () => [...made.values()],
    choose: (name, options, units = []) => {
      const before = made.get(name)
      if (before !== undefined) return before.took
      const wanted = Object.hasOwn(decisions, name) ? decisions[name] : undefined
      const took = Math.min(wanted ?? 0, options - 1)
      made.set(name, { name, options, took, units })
      return took
    }
  }
}
