import { baseName } from '../../systems/programs/shell-runs.ts'

/** Whether two commands say the same, whatever the order of their options. Pure. */

/** `unsure`: they may, by options of the same letter: `-d overlay` and `--driver overlay`. */
export type Sameness = 'same' | 'unsure' | 'different'

/**
 * Whether a command that was executed is the wanted one: the same program, the same words in the same order, and every
 * option of the wanted one with the same values. It may have further options.
 *
 * Whether an option takes the word behind it is not known of programs in general. It is the same for both commands: one
 * way to read them by which they agree is enough.
 */
export function saysTheSame(wanted: readonly string[], executed: readonly string[]): Sameness {
  const [wantedProgram = '', ...wantedWords] = wanted
  const [program = '', ...words] = executed
  const isPath = wantedProgram.includes('/')
  if (isPath ? wantedProgram !== program : baseName(program) !== wantedProgram) return 'different'
  const one = split(wantedWords)
  const other = split(words)
  const names = [...new Set([...optionsOf(one), ...optionsOf(other)])]
  // A command of more options than that is no command of a person.
  if (names.length > 14) return 'unsure'
  let unsure = false
  for (let reading = 0; reading < 2 ** names.length; reading++) {
    const taking = new Set(names.filter((_, index) => (reading >> index) % 2 === 1))
    const [mine, theirs] = [readBy(one, taking), readBy(other, taking)]
    if (mine === null || theirs === null || !equal(mine.words, theirs.words)) continue
    const sameness = compared(mine.options, theirs.options)
    if (sameness === 'same') return 'same'
    if (sameness === 'unsure') unsure = true
  }
  return unsure ? 'unsure' : 'different'
}

interface Token {
  readonly option: string | null
  /** Behind an `=`. */
  readonly value: string | null
  readonly word: string
}

function split(words: readonly string[]): readonly Token[] {
  const end = words.indexOf('--')
  return words.flatMap((word, index): readonly Token[] => {
    if (index === end) return []
    if (!/^-./.test(word) || (end >= 0 && index > end)) return [{ option: null, value: null, word }]
    const equals = word.startsWith('--') ? word.indexOf('=') : -1
    return equals < 0
      ? [{ option: word, value: null, word }]
      : [{ option: word.slice(0, equals), value: word.slice(equals + 1), word }]
  })
}

function optionsOf(tokens: readonly Token[]): readonly string[] {
  return tokens.flatMap(({ option, value }) => (option === null || value !== null ? [] : [option]))
}

interface Reading {
  readonly words: readonly string[]
  readonly options: ReadonlyMap<string, readonly string[]>
}

/** Null where an option that takes a word has none. */
function readBy(tokens: readonly Token[], taking: ReadonlySet<string>): Reading | null {
  const words: string[] = []
  const options = new Map<string, string[]>()
  const add = (option: string, value: string) => options.set(option, [...(options.get(option) ?? []), value])
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at]
    if (token === undefined) continue
    if (token.option === null) words.push(token.word)
    else if (token.value !== null) add(token.option, token.value)
    else if (taking.has(token.option)) {
      const next = tokens[at + 1]
      if (next === undefined || next.option !== null) return null
      add(token.option, next.word)
      at += 1
    } else add(token.option, '')
  }
  return { words, options }
}

/** Every wanted option is there, with these values and no others. */
function compared(
  wanted: ReadonlyMap<string, readonly string[]>,
  there: ReadonlyMap<string, readonly string[]>
): Sameness {
  let sameness: Sameness = 'same'
  for (const [option, values] of wanted) {
    const found = there.get(option)
    if (found !== undefined && equal([...values].sort(), [...found].sort())) continue
    const alike = [...there].some(
      ([other, found]) => isAlike(option, other) && equal([...values].sort(), [...found].sort())
    )
    if (!alike) return 'different'
    sameness = 'unsure'
  }
  return sameness
}

/** `-d` and `--driver`: one of one letter, which the other begins with. */
function isAlike(one: string, other: string): boolean {
  const letter = (option: string) => option.replace(/^-+/, '').slice(0, 1)
  const isShort = (option: string) => /^-[^-]$/.test(option)
  return isShort(one) !== isShort(other) && letter(one) === letter(other)
}

function equal(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((word, index) => word === other[index])
}
