/** A unit file or drop-in. */
export interface UnitFile {
  readonly path: string
  readonly text: string
}

/** A line `Key=value` of a unit file, its continuation lines joined. */
export interface Setting {
  readonly section: string
  readonly key: string
  readonly value: string
  readonly path: string
  readonly line: number
}

/** One command of `ExecStart=` and its like. */
export interface ExecCommand {
  readonly key: string
  /** Words as systemd passes them to the program, with `$VARIABLE` of the unit's own Environment filled in. */
  readonly argv: readonly string[]
  /** Its failure does not fail the start (prefix `-`). */
  readonly ignoresFailure: boolean
  readonly path: string
  readonly line: number
}

/**
 * Takes apart what `systemctl cat` prints: each file after a line `# <path>`.
 *
 * @param known the paths that systemd names. A comment inside a file that happens to look like such a line
 * begins no file unless systemd knows that path. One that names another unit's file could hide the rest of
 * its own: then that path is printed twice, and neither it nor the files before it count as read.
 */
export function filesOfCat(output: string, known: ReadonlySet<string>): ReadonlyMap<string, string> {
  const files = new Map<string, string[]>()
  const doubtful = new Set<string>()
  const cutBy = new Map<string, string>()
  let current = ''
  let lines: string[] | undefined
  let before = ''
  for (const line of output.split('\n')) {
    const path = line.startsWith('# /') && before.trim() === '' ? line.slice(2) : ''
    if (known.has(path)) {
      const first = cutBy.get(path)
      // The template of several instances is printed once for each.
      if (first !== undefined && !path.includes('@'))
        for (const name of [path, first, current]) doubtful.add(name)
      cutBy.set(path, current)
      current = path
      lines = []
      if (!files.has(path)) files.set(path, lines)
    } else lines?.push(line)
    before = line
  }
  const read = [...files].filter(([path]) => !doubtful.has(path))
  return new Map(read.map(([path, body]) => [path, body.join('\n').replace(/\n+$/, '\n')]))
}

/** The settings of a unit's files in the order in which systemd reads them. */
export function settingsOf(files: readonly UnitFile[]): readonly Setting[] {
  return files.flatMap(({ path, text }) => {
    const found: Setting[] = []
    let section = ''
    let pending: { value: string; line: number } | undefined
    for (const [index, raw] of text.split(/\r?\n/).entries()) {
      if (/^\s*[#;]/.test(raw)) continue
      const line = pending?.line ?? index + 1
      const value = pending === undefined ? raw : `${pending.value} ${raw.trimStart()}`
      if (value.endsWith('\\')) {
        pending = { value: value.slice(0, -1), line }
        continue
      }
      pending = undefined
      const header = /^\s*\[([^\]]*)\]\s*$/.exec(value)
      if (header !== null) section = header[1] ?? ''
      const equals = value.indexOf('=')
      if (header !== null || equals <= 0) continue
      found.push({
        section,
        key: value.slice(0, equals).trim(),
        value: value.slice(equals + 1).trim(),
        path,
        line
      })
    }
    return found
  })
}

/** What starts a unit, in the order in which systemd runs it. */
export const startKeys = ['ExecCondition', 'ExecStartPre', 'ExecStart', 'ExecStartPost'] as const

/**
 * The commands of a service's start. An empty value clears what came before it, as in systemd.
 *
 * @param unit the unit's name, for `%n` and its like.
 */
export function startCommands(files: readonly UnitFile[], unit: string): readonly ExecCommand[] {
  const settings = settingsOf(files).filter(({ section }) => section === 'Service')
  const environment = environmentOf(files, unit)
  return startKeys.flatMap(key => {
    let commands: ExecCommand[] = []
    for (const setting of settings) {
      if (setting.key !== key) continue
      if (setting.value === '') commands = []
      else commands.push(...execCommands(setting, unit, environment))
    }
    return commands
  })
}

/** What `Environment=` sets. Files that `EnvironmentFile=` names are not read: they hold secrets. */
export function environmentOf(files: readonly UnitFile[], unit: string): ReadonlyMap<string, string> {
  const variables = new Map<string, string>()
  for (const { section, key, value } of settingsOf(files)) {
    if (section !== 'Service' || key !== 'Environment') continue
    if (value === '') variables.clear()
    for (const { text } of words(value)) {
      const equals = text.indexOf('=')
      if (equals > 0) variables.set(text.slice(0, equals), specified(text.slice(equals + 1), unit))
    }
  }
  return variables
}

function execCommands(
  setting: Setting,
  unit: string,
  environment: ReadonlyMap<string, string>
): ExecCommand[] {
  const commands: ExecCommand[] = []
  let argv: string[] = []
  const { key, path, line } = setting
  const flush = () => {
    const prefix = /^[-@:+!|]*/.exec(argv[0] ?? '')?.[0] ?? ''
    const [program = '', ...rest] = [(argv[0] ?? '').slice(prefix.length), ...argv.slice(1)]
    // With `@` the second word is what the program is told it is called.
    const given = prefix.includes('@') ? rest.slice(1) : rest
    if (program !== '')
      commands.push({ key, argv: [program, ...given], ignoresFailure: prefix.includes('-'), path, line })
    argv = []
  }
  for (const { text, quoted } of words(setting.value)) {
    if (text === ';' && !quoted) flush()
    else argv.push(...substituted(specified(text, unit), quoted, environment))
  }
  flush()
  return commands
}

/** `$NAME` as a word of its own becomes words; `${NAME}` is filled in where it stands; `$$` is a dollar. */
function substituted(
  text: string,
  quoted: boolean,
  environment: ReadonlyMap<string, string>
): readonly string[] {
  const whole = /^\$([A-Za-z_]\w*)$/.exec(text)?.[1]
  if (whole !== undefined && !quoted) {
    const value = environment.get(whole)
    return value === undefined ? [text] : words(value).map(word => word.text)
  }
  return [
    text.replace(/\$\$|\$\{([A-Za-z_]\w*)\}/g, (all, name: string | undefined) =>
      name === undefined ? '$' : (environment.get(name) ?? all)
    )
  ]
}

/** The specifiers that the unit's name alone answers. Others stay as they are. */
function specified(text: string, unit: string): string {
  const full = unit.replace(/\.[a-z]+$/, '')
  const at = full.indexOf('@')
  const values: Readonly<Record<string, string>> = {
    '%%': '%',
    '%n': unit,
    '%N': full,
    '%p': at < 0 ? full : full.slice(0, at),
    '%i': at < 0 ? '' : full.slice(at + 1)
  }
  return text.replace(/%[%nNpi]/g, specifier => values[specifier] ?? specifier)
}

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  s: ' ',
  '"': '"',
  "'": "'",
  '\\': '\\'
}

/** Splits as systemd does: white space, both kinds of quotes, C escapes. */
function words(value: string): readonly { readonly text: string; readonly quoted: boolean }[] {
  const found: { text: string; quoted: boolean }[] = []
  let word: { text: string; quoted: boolean } | undefined
  let quote = ''
  for (let at = 0; at < value.length; at++) {
    const char = value[at] ?? ''
    if (char === '\\') {
      const next = value[at + 1] ?? ''
      word ??= { text: '', quoted: false }
      word.text += escapes[next] ?? `\\${next}`
      at += 1
    } else if (quote !== '') {
      if (char === quote) quote = ''
      else if (word !== undefined) word.text += char
    } else if (char === '"' || char === "'") {
      quote = char
      word ??= { text: '', quoted: true }
      word.quoted = true
    } else if (/\s/.test(char)) {
      if (word !== undefined) found.push(word)
      word = undefined
    } else {
      word ??= { text: '', quoted: false }
      word.text += char
    }
  }
  if (word !== undefined) found.push(word)
  return found
}
