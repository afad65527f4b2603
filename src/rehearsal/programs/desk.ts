import type { Place } from '../answer.ts'
import type { Process } from '../kernel.ts'
import type { Notes, Where } from '../notes.ts'
import { instrument, type Instrumented, type Mark, type Registry } from './instrument.ts'

/** Which program runs on which process, and how far it is. */
export interface Desk {
  /** A program's text, rewritten; `path` null where it is no file of its own (`sh -c`), and its lines say nothing. */
  readonly read: (text: string, path: string | null) => Instrumented
  readonly piece: (number: number) => string
  /** A shell program begins on a process, until what is returned is called. */
  readonly enter: (self: Process, seat: Seat) => () => void
  /** A command begins whose mark this is. */
  readonly mark: (number: number) => void
  /** Who runs now; null outside of every program. */
  readonly who: () => Where | null
  readonly running: () => Process | null
}

export interface Seat {
  readonly unit: string
  /** Of the command that runs the program. */
  readonly place: Place | null
  readonly argv: readonly string[]
}

interface Taken extends Seat {
  now: { readonly place: Place | null; readonly argv: readonly string[] }
}

/** What does nothing but to the shell itself, or prints. */
const shellWords: ReadonlySet<string> = new Set(
  '. : [ [[ alias bg break builtin caller cd command continue coproc declare dirs disown echo enable eval exec exit export false fg getopts hash help history jobs kill let local logout mapfile popd printf pushd pwd read readarray readonly return set shift shopt source suspend test times trap true type typeset ulimit umask unalias unset wait'.split(
    ' '
  )
)

export function isShellWord(name: string): boolean {
  return shellWords.has(name)
}

export function createDesk(notes: () => Notes, running: () => Process | null): Desk {
  const marks: { readonly mark: Mark; readonly path: string | null }[] = []
  const pieces: (() => string)[] = []
  const texts = new Map<string, Instrumented>()
  const seats = new WeakMap<Process, Taken[]>()

  const seat = (): Taken | null => {
    const now = running()
    return now === null ? null : (seats.get(now)?.at(-1) ?? null)
  }

  return {
    read: (text, path) => {
      const key = `${path ?? ''}\n${text}`
      // The same text has the same marks: so a loop that runs it anew each time is seen to be one.
      const before = texts.get(key)
      if (before !== undefined) return before
      const registry: Registry = {
        mark: mark => marks.push({ mark, path }) - 1,
        piece: piece => pieces.push(piece) - 1
      }
      const found = instrument(text, registry)
      texts.set(key, found)
      return found
    },
    piece: number => pieces[number]?.() ?? '',
    enter: (self, one) => {
      const stack = seats.get(self) ?? []
      seats.set(self, stack)
      stack.push({ ...one, now: { place: one.place, argv: one.argv } })
      return () => {
        stack.pop()
      }
    },
    mark: number => {
      const here = seat()
      const found = marks[number]
      if (here === null || found === undefined) return
      const { mark, path } = found
      running()?.step(String(number))
      const place = path === null ? here.place : { path, line: mark.line }
      here.now = { place, argv: mark.words }
      if (path !== null) notes().reach(here.unit, { path, line: mark.line })
      if (mark.name !== null && isShellWord(mark.name))
        notes().execute({ unit: here.unit, place, argv: mark.words }, 'shell')
    },
    who: () => {
      const here = seat()
      return here === null ? null : { unit: here.unit, ...here.now }
    },
    running
  }
}
