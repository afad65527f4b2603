import { codeLines } from '../programs/program-text.ts'
import { isSilent } from '../languages/shell.ts'
import { programRuns } from '../programs/program-runs.ts'
import { baseName } from '../programs/shell-runs.ts'
import { environmentOf, startCommands } from '../languages/unit-file.ts'
import type { UnitPrograms } from './unit-programs.ts'

/** What a unit's start executes, line by line; analysis for probes. */

export interface ExecutedLine {
  readonly file: string
  readonly line: number
  readonly text: string
}

/** A text without what parts words and quotes them. */
export function bare(text: string): string {
  return text.replace(/["'\\]/g, '').replace(/\s+/g, ' ')
}

/** The start commands of the unit file, then every line of every file that they run. */
export function executed({ unit, files, programs }: UnitPrograms): readonly ExecutedLine[] {
  const commands = startCommands(files, unit.name)
  const known = new Map(programs.map(({ path, text }) => [path, text]))
  const { read } = programRuns(commands, known, { hops: 2, environment: environmentOf(files, unit.name) })
  return [
    ...commands.flatMap(({ argv, path, line }) => textsOf(argv).map(text => ({ file: path, line, text }))),
    ...[...read].flatMap(([file, kind]) =>
      codeLines(known.get(file) ?? '', kind).map(line => ({ file, ...line }))
    )
  ]
}

/** What a start command does: only a shell's script has comments, echoes and dead code. */
function textsOf(argv: readonly string[]): readonly string[] {
  const program = baseName(argv[0] ?? '')
  if (isSilent(program)) return argv.slice(0, 1)
  const inline = argv.findIndex(word => /^-[a-z]*c$/.test(word)) + 1
  if (!/^(?:ba|da|a|k|z)?sh$/.test(program) || inline === 0) return [argv.join(' ')]
  return codeLines(argv[inline] ?? '', 'shell').map(({ text }) => text)
}

/** Variables and specifiers of the start commands that the unit's text does not decide. */
export function unsureIn({ unit, files }: UnitPrograms): readonly string[] {
  return startCommands(files, unit.name).flatMap(({ unsure = [], path, line }) =>
    unsure.length === 0 ? [] : [`the value of ${unsure.join(', ')} in ${path}:${line}`]
  )
}
