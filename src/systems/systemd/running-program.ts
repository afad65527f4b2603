import { baseName } from '../programs/shell-runs.ts'
import { startCommands, type UnitFile } from '../languages/unit-file.ts'

/** Whether a process runs what its unit names now. */
export type Running =
  | { readonly kind: 'same' }
  /** The unit names `wanted`; the process shows `runs` in its place. */
  | { readonly kind: 'other'; readonly wanted: string; readonly runs: string }
  /** It shows nothing of what its unit names: the start program handed over to another. */
  | { readonly kind: 'untold' }

/**
 * Compares the paths of a unit's start command with those that its process shows.
 *
 * Other than the unit's is only what stands where the unit's stood: another build of the same package of the
 * Nix store, the same path in it; or, outside of the store, a program or an interpreter's script of the same
 * name in another folder.
 *
 * @param argv the start command as it stands on the disk now.
 * @param runs the absolute paths among the words of the process.
 * @param text of the start program; empty for a binary, null or undefined where it was not read.
 */
export function runningProgram(
  argv: readonly string[],
  runs: readonly string[],
  text: string | null | undefined
): Running {
  const program = argv[0] ?? ''
  const script = scriptOf(argv)
  const named = [...argv, handedTo(text ?? '')].map(pathIn).filter(path => path !== '' && !vague.test(path))
  let kind: 'same' | 'untold' = 'untold'
  for (const wanted of named) {
    if (runs.some(path => path === wanted || (storeOf(wanted) !== '' && storeOf(path) === storeOf(wanted)))) {
      kind = 'same'
      continue
    }
    // A shell hands over to what it starts last, and what could not be read may.
    if (shell.test(baseName(wanted)) || (wanted === program && text === null)) continue
    const placed = wanted === script || (wanted === program && text === '')
    const other = runs.find(
      path =>
        !named.includes(path) &&
        !(text ?? '').includes(path) &&
        (rebuilt(wanted, path) || (placed && moved(wanted, path)))
    )
    if (other !== undefined) return { kind: 'other', wanted, runs: other }
  }
  return { kind }
}

/** What an interpreter is given to run; empty for another program. */
function scriptOf([program = '', ...rest]: readonly string[]): string {
  return interpreter.test(baseName(program)) ? (rest.find(word => !word.startsWith('-')) ?? '') : ''
}

/** The programs and scripts that start a unit, by their paths. */
export function startPrograms(files: readonly UnitFile[], unit: string): readonly string[] {
  const named = startCommands(files, unit).flatMap(({ argv }) => [argv[0] ?? '', scriptOf(argv)])
  return [...new Set(named)].filter(path => pathIn(path) === path && path !== '' && !vague.test(path))
}

/** The absolute path that a word is, or that an option sets; empty where there is none. */
export function pathIn(word: string): string {
  return /^(?:-[^=/]*=)?(\/\S{1,500})$/.exec(word)?.[1] ?? ''
}

/** What is filled in only at the start: specifiers and variables. */
const vague = /[%$]/
const shell = /^(?:(?:ba|da|a|k|z)?sh|env)$/
const interpreter = /^(?:python|perl|ruby|node|bash|sh|dash|java|php|lua|deno|bun)[\d.]*$/

/** The program to which a script hands over with its last line, `exec PROGRAM …`; empty if it does not. */
function handedTo(text: string): string {
  const last = text.trimEnd().split('\n').at(-1) ?? ''
  return /^\s*exec\s+(?:-a\s+\S+\s+)?["']?(\/[^\s"']+)/.exec(last.slice(0, 2_000))?.[1] ?? ''
}

const store = /^(?<top>\/nix\/store\/[0-9a-z]+-(?<name>[^/]+))(?<rest>\/.*)?$/

function storeOf(path: string): string {
  return store.exec(path)?.groups?.['top'] ?? ''
}

/** The same file of another build, or another version, of a package. */
function rebuilt(a: string, b: string): boolean {
  const [one, two] = [store.exec(a)?.groups, store.exec(b)?.groups]
  if (one === undefined || two === undefined) return false
  return packageOf(one['name'] ?? '') === packageOf(two['name'] ?? '') && one['rest'] === two['rest']
}

/** A store path's name without its version, which begins at the first dash before what is no letter. */
function packageOf(name: string): string {
  return name.replace(/-[^a-zA-Z].*/s, '')
}

function moved(a: string, b: string): boolean {
  return storeOf(a) === '' && storeOf(b) === '' && baseName(a) === baseName(b)
}
