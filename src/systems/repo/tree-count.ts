/** How many files a plan expects: exactly so many, or a range. Pure. */
export type CountGiven =
  | number
  | { readonly atLeast?: number | undefined; readonly atMost?: number | undefined }
  | undefined

export interface CountRange {
  readonly atLeast: number
  readonly atMost: number
}

/** Null: nothing is expected. */
export function countRange(given: CountGiven): CountRange | null {
  if (typeof given === 'number') return { atLeast: given, atMost: given }
  if (given?.atLeast === undefined && given?.atMost === undefined) return null
  return { atLeast: given.atLeast ?? 1, atMost: given.atMost ?? Number.MAX_SAFE_INTEGER }
}

export function isWithin(count: number, { atLeast, atMost }: CountRange): boolean {
  return count >= atLeast && count <= atMost
}

export function shownRange({ atLeast, atMost }: CountRange): string {
  if (atLeast === atMost) return filesOf(atLeast)
  if (atMost === Number.MAX_SAFE_INTEGER) return `at least ${filesOf(atLeast)}`
  return atLeast === 1 ? `at most ${filesOf(atMost)}` : `${atLeast} to ${filesOf(atMost)}`
}

export function filesOf(count: number): string {
  return count === 1 ? '1 file' : `${count} files`
}
