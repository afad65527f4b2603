/** The words of a `docker` command, apart. */
export interface DockerWords {
  readonly flags: ReadonlySet<string>
  /** By option name without dashes; each as often as it was given. */
  readonly values: ReadonlyMap<string, readonly string[]>
  readonly plain: readonly string[]
}

const short: Readonly<Record<string, string>> = {
  c: 'compose-file',
  d: 'detach',
  e: 'env',
  f: 'file',
  h: 'hostname',
  H: 'host',
  i: 'interactive',
  l: 'label',
  m: 'memory',
  p: 'publish',
  q: 'quiet',
  t: 'tty',
  u: 'user',
  v: 'volume',
  w: 'workdir',
  a: 'all',
  n: 'last'
}

/**
 * Takes them apart.
 *
 * @param flags names of options that take no value; every other one does.
 * @param stops the first plain words are all there are: what follows belongs to another program.
 */
export function dockerWords(
  words: readonly string[],
  flags: ReadonlySet<string>,
  stops: number = Number.POSITIVE_INFINITY,
  names: Readonly<Record<string, string>> = short
): DockerWords {
  const found = new Set<string>()
  const values = new Map<string, string[]>()
  const plain: string[] = []
  const add = (name: string, value: string) => {
    values.set(name, [...(values.get(name) ?? []), value])
  }
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ''
    if (plain.length >= stops) {
      plain.push(word)
      continue
    }
    if (word === '--') continue
    if (word.startsWith('--')) {
      const [, name = '', joined] = /^--([^=]*)(?:=(.*))?$/s.exec(word) ?? []
      if (joined !== undefined) {
        if (flags.has(name)) {
          if (!/^(?:false|0)$/.test(joined)) found.add(name)
        } else add(name, joined)
      } else if (flags.has(name)) found.add(name)
      else add(name, words[++at] ?? '')
    } else if (word.startsWith('-') && word.length > 1) {
      for (let index = 1; index < word.length; index++) {
        const letter = word[index] ?? ''
        const name = names[letter] ?? letter
        if (flags.has(name)) found.add(name)
        else {
          add(name, word.slice(index + 1).replace(/^=/, '') || (words[++at] ?? ''))
          break
        }
      }
    } else plain.push(word)
  }
  return { flags: found, values, plain }
}
