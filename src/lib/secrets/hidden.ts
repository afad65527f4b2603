import type { SecretKind } from './secret-name.ts'

/** The secrets of one kind that were hidden. */
export interface Hidden {
  readonly kind: SecretKind
  /** In how many places a mark stands for one of them. */
  readonly places: number
  /** How many different ones they are. */
  readonly secrets: number
}

/** Counts what `redact` reports, over many texts. Texts with one salt have equal marks for equal secrets. */
export function tally() {
  const kinds = new Map<SecretKind, { places: number; readonly marks: Set<string> }>()
  return {
    add(kind: SecretKind, mark: string): void {
      const seen = kinds.get(kind) ?? { places: 0, marks: new Set() }
      seen.places += 1
      seen.marks.add(mark)
      kinds.set(kind, seen)
    },
    /** By kind, in alphabetical order; kinds of which there was none are left out. */
    list(): readonly Hidden[] {
      return [...kinds]
        .map(([kind, { places, marks }]) => ({ kind, places, secrets: marks.size }))
        .sort((a, b) => (a.kind < b.kind ? -1 : 1))
    }
  }
}
