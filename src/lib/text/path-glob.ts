import * as z from 'zod'
import { globMatches, textLike } from './glob.ts'

/**
 * Whether the path of a file matches a glob, as in a `.gitignore`: `*`, `?` and classes stay within a name, `**` is any
 * number of folders, a glob without a slash is for a name at any depth, and one that ends with a slash is for
 * everything below. A slash at its start only says that the path begins there. The time is at most that of the names
 * in the path times those in the glob, each as in `globMatches`.
 */
export function pathGlobMatches(glob: string, path: string): boolean {
  const wanted = partsOf(glob)
  const names = path.split('/')
  /** Which beginnings of `wanted` match the names read so far, as in any automaton without memory. */
  let states = closure(new Set([0]), wanted)
  for (const name of names) {
    const next = new Set<number>()
    for (const at of states) {
      const part = wanted[at]
      if (part === undefined) continue
      if (part === '**') next.add(at).add(at + 1)
      else if (globMatches(part, name)) next.add(at + 1)
    }
    states = closure(next, wanted)
  }
  return states.has(wanted.length)
}

/** The folder below which everything lies that the glob can match; empty: the whole tree. */
export function fixedFolder(glob: string): string {
  const parts = partsOf(glob)
  const open = parts.findIndex(part => /[*?[\\]/.test(part))
  return (open < 0 ? parts : parts.slice(0, open)).join('/')
}

/** The same glob for whoever matches whole paths only: from the top, with `**` where it is for any depth. */
export function anchored(glob: string): string {
  return partsOf(glob).join('/')
}

const glob = z
  .string()
  .max(300)
  .regex(/^[^!:\p{C}\s](?:[^\p{C}]*\S)?$/u, 'expected a glob such as `src/**/*.ts`')

/** The schema of a parameter that takes one glob or several: no negation, and no magic of git's pathspecs. */
export const globsParam = z.union([glob.transform(one => [one]), z.array(glob).min(1).max(50)])

/** A path that the glob matches, for showing that a check can fail. */
export function pathLike(glob: string): string {
  return partsOf(glob)
    .map(part => (part === '**' ? 'x' : textLike(part)))
    .join('/')
}

function partsOf(glob: string): readonly string[] {
  const parts = glob.replace(/^\//, '').split('/')
  const below = parts.map((part, at) => (part === '' && at === parts.length - 1 ? '**' : part))
  return glob.includes('/') ? below : ['**', ...below]
}

/** `**` matches no folder as well; at the end it stands for at least one name. */
function closure(states: Set<number>, wanted: readonly string[]): Set<number> {
  for (const at of states) if (wanted[at] === '**' && at < wanted.length - 1) states.add(at + 1)
  return states
}
