/**
 * Lines for a terminal, broken between words. A word that is wider than the terminal stays whole: whoever pastes a path
 * or a sha needs all of it, and the terminal goes on with it on its next row.
 */

const colour = String.raw`\x1b\[\d{1,2}m`
/** Scripts that are written without blanks, two columns a character: a line may end after each. */
const wide = String.raw`[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]`
const atoms = new RegExp(`[ \\t]+|(?:${colour})*${wide}(?:${colour})*|(?:(?!${wide})[^ \\t])+`, 'gu')
const wideSign = new RegExp(wide, 'gu')
const colours = new RegExp(colour, 'g')

/** Columns that a text takes on a terminal; our own colours take none. */
export function widthOf(text: string): number {
  const shown = text.replace(colours, '').replace(/\p{M}/gu, '')
  return [...shown].length + (shown.match(wideSign)?.length ?? 0)
}

/**
 * One line as several of at most `columns`, each but the first behind `hang` blanks. What fits is left as it is.
 *
 * @param line without line ends.
 */
export function wrapped(line: string, columns: number, hang: number): readonly string[] {
  if (widthOf(line) <= columns) return [line]
  const [indent = ''] = /^[ \t]*/.exec(line) ?? []
  const behind = ' '.repeat(hang)
  const rows: string[] = []
  let row = indent
  let width = indent.length
  let begun = false
  let blank = ''
  for (const [atom] of line.slice(indent.length).matchAll(atoms)) {
    if (/^[ \t]/.test(atom)) {
      blank = atom
      continue
    }
    const room = widthOf(atom)
    const parts = blank !== '' || room > atom.length - (atom.match(colours)?.join('').length ?? 0)
    if (begun && parts && width + blank.length + room > columns) {
      rows.push(row)
      row = behind + atom
      width = hang + room
    } else {
      row += blank + atom
      width += blank.length + room
    }
    begun = true
    blank = ''
  }
  return [...rows, row]
}

/**
 * A command on lines that a shell takes for one when they are pasted: broken between its words, with `\` before each line
 * end.
 */
export function commandLines(command: string, columns: number, indent: number): readonly string[] {
  const words = command.match(/(?:[^\s'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*"|['"\\])+/g) ?? []
  const rows: string[] = []
  let row = ''
  for (const word of words) {
    const margin = rows.length === 0 ? indent : indent + 2
    // Two columns for the sign that goes on.
    if (row !== '' && margin + widthOf(row) + 1 + widthOf(word) + 2 > columns) {
      rows.push(row)
      row = word
    } else row = row === '' ? word : `${row} ${word}`
  }
  const all = row === '' ? rows : [...rows, row]
  return all.map(
    (text, index) =>
      `${' '.repeat(index === 0 ? indent : indent + 2)}${text}${index < all.length - 1 ? ' \\' : ''}`
  )
}
