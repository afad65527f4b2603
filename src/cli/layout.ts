import wrapAnsi from 'wrap-ansi'
import type { Io } from './io.ts'

/** Lines are not broken below this many columns: three words a line are no easier to read than a cut line. */
const narrowest = 40

/**
 * A text broken into lines that fit the terminal, each but the first set in by `hang` columns. Where no
 * terminal is, it stays one line: whoever greps wants it whole.
 *
 * @param indent columns before the first line.
 */
export function fit(text: string, io: Pick<Io, 'columns'>, indent: number, hang = indent): readonly string[] {
  const first = ' '.repeat(indent)
  if (!Number.isFinite(io.columns)) return [`${first}${text}`]
  const width = Math.max(io.columns, narrowest) - Math.max(indent, hang)
  return wrapAnsi(text, width, { hard: true })
    .split('\n')
    .map((line, index) => `${index === 0 ? first : ' '.repeat(hang)}${line}`)
}
