/** One word that no POSIX shell takes apart, whatever it holds. */
export function shellQuoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`
}
