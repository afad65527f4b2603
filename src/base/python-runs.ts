import type { Given, Runs } from './shell-runs.ts'
import type { Texts } from './program-runs.ts'

export interface PythonRuns extends Runs {
  readonly missing: readonly string[]
  readonly modules: readonly string[]
}

export function pythonRuns(_text: string, _given: Given & { readonly modules: Texts }): PythonRuns {
  return { commands: [], broken: false, missing: [], modules: [] }
}
