import { commandLines, wrapped } from '../lib/text/wrap.ts'
import type { Io } from './io.ts'

/** Lines are not broken below this many columns: three words a line are no easier to read than a cut line. */
const narrowest = 40

/**
 * A text broken between words into lines that fit the terminal, each but the first set in by `hang` columns. Where no
 * terminal is, it stays one line: whoever greps wants it whole.
 *
 * @param indent columns before the first line.
 */
export function fit(text: string, io: Pick<Io, 'columns'>, indent: number, hang = indent): readonly string[] {
  const line = `${' '.repeat(indent)}${text}`
  return Number.isFinite(io.columns) ? wrapped(line, Math.max(io.columns, narrowest), hang) : [line]
}

/** A command that can be pasted, whatever the width: where no terminal is, on one line. */
export function pasted(command: string, io: Pick<Io, 'columns'>, indent: number): readonly string[] {
  return commandLines(command, Math.max(io.columns, narrowest), indent)
}
