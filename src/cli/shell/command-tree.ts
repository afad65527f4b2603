/** The command line as data: what completion scripts and the man page are made from. */
export interface CommandTree {
  readonly about: string
  readonly options: readonly OptionWords[]
  readonly commands: readonly CommandWords[]
  readonly exitCodes: string
}

export interface CommandWords {
  readonly name: string
  readonly about: string
  readonly arguments: readonly ArgumentWords[]
  readonly options: readonly OptionWords[]
  /** Command lines without the program's name. */
  readonly examples: readonly string[]
}

export interface ArgumentWords {
  readonly name: string
  readonly required: boolean
  /** The words that are expected; empty: any. */
  readonly choices: readonly string[]
}

export interface OptionWords {
  /** `--home`; the long form first. */
  readonly names: readonly string[]
  /** Name of the value, as `dir`; null: it takes none. */
  readonly value: string | null
  readonly about: string
}

/** What a word stands for, by its name: completed as a folder, as a file, or not at all. */
export function kindOfWord(name: string): 'folder' | 'file' | 'text' {
  if (/^(?:dirs?|folder)$/.test(name)) return 'folder'
  return name === 'file' ? 'file' : 'text'
}
