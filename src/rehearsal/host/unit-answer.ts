import type { NotRehearsed, Rehearsal } from '../answer.ts'

/** What the start of one unit does in a rehearsed boot that starts it, whether or not the next boot would. */
export interface UnitRehearsal {
  readonly answer: UnitAnswer | NotRehearsed
  /** What it asked for beyond the unit's programs. */
  readonly files: readonly AskedFile[]
}

/** Of a rehearsal, what belongs to the unit. */
export interface UnitAnswer extends Pick<Rehearsal, 'executed' | 'reached' | 'unknowns'> {
  /** Why what the start does is not known to its end; null where it is. */
  readonly cut: string | null
}

/** A file that a rehearsal asked for: its text, or null and why there is none. */
export interface AskedFile {
  readonly path: string
  readonly text: string | null
  readonly why: string
}

/** @param name the unit's own name, not an alias. */
export function unitAnswer(answer: Rehearsal | NotRehearsed, name: string): UnitAnswer | NotRehearsed {
  if ('unknown' in answer) return answer
  const of = <Thing extends { readonly unit: string }>(things: readonly Thing[]) =>
    things.filter(thing => thing.unit === name)
  const { boot, through, asked, executed, reached, unknowns } = answer
  const cut =
    boot.ended === 'budget' || through?.ended === 'budget'
      ? 'the rehearsal was stopped before its end'
      : asked.length > 0
        ? `${asked.slice(0, 3).join(', ')} could not be read`
        : null
  return { executed: of(executed), reached: of(reached), unknowns: of(unknowns), cut }
}
