/**
 * What is not known is decided by a list: the same list decides the same run. A run goes by the list as far as it
 * reaches, and takes the first option from there on; `next` is the list of the run that has not been tried yet.
 */
export interface Choices {
  /** The index of the option that this run takes. */
  readonly choose: (name: string, options: number) => number
  readonly made: () => readonly Choice[]
}

export interface Choice {
  readonly name: string
  readonly options: number
  readonly took: number
}

export function createChoices(list: readonly number[]): Choices {
  const made: Choice[] = []
  // The same question has the same answer for as long as the run lasts.
  const known = new Map<string, number>()
  return {
    made: () => made,
    choose: (name, options) => {
      const before = known.get(name)
      if (before !== undefined) return before
      const took = Math.min(list[made.length] ?? 0, options - 1)
      known.set(name, took)
      made.push({ name, options, took })
      return took
    }
  }
}

/** The list that comes after a run, depth first; null: every one has been tried. */
export function nextList(made: readonly Choice[]): readonly number[] | null {
  for (let at = made.length - 1; at >= 0; at--) {
    const choice = made[at]
    if (choice !== undefined && choice.took + 1 < choice.options)
      return [...made.slice(0, at).map(({ took }) => took), choice.took + 1]
  }
  return null
}
