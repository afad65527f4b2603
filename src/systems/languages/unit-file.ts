import { trimmed, trimmedEnd } from '../../lib/text/trim.ts'

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
  /** Words as systemd passes them to the program: specifiers and variables filled in as far as the unit's text tells them. */
  readonly argv: readonly string[]
  /** Its failure does not fail the start (prefix `-`). */
  readonly ignoresFailure: boolean
  /** Specifiers and variables in it that other things than the unit's text decide; they stay in `argv` as written. */
  readonly unsure?: readonly string[]
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
  return new Map(read.map(([path, body]) => [path, withOneEnd(body.join('\n'))]))
}

/** The settings of a unit's files in the order in which systemd reads them. */
export function settingsOf(files: readonly UnitFile[]): readonly Setting[] {
  return files.flatMap(({ path, text }) => {
    const found: Setting[] = []
    let section = ''
    let pending: { readonly parts: string[]; readonly line: number } | undefined
    const add = (value: string, line: number) => {
      const header = /^\[(.*)\]$/.exec(strip(value))
      if (header !== null) section = header[1] ?? ''
      const equals = value.indexOf('=')
      if (header !== null || equals <= 0) return
      const key = strip(value.slice(0, equals))
      found.push({ section, key, value: strip(value.slice(equals + 1)), path, line })
    }
    for (const [index, raw] of text
      .replace(/^\ufeff/, '')
      .split(/\r?\n|\r/)
      .entries()) {
      // Comments between continued lines are left out, and do not end them.
      if (/^[ \t]*[#;]/.test(raw)) continue
      const line = pending?.line ?? index + 1
      // An escaped backslash at the end continues nothing.
      const backslashes = raw.length - trimmedEnd(raw, '\\').length
      // Joined once: a text that grows by a line at a time would be copied for each.
      const parts = pending?.parts ?? []
      if (backslashes % 2 === 1) {
        parts.push(`${raw.slice(0, -1)} `)
        pending = { parts, line }
        continue
      }
      pending = undefined
      add([...parts, raw].join(''), line)
    }
    if (pending !== undefined) add(pending.parts.join(''), pending.line)
    return found
  })
}

/** What systemd takes for white space; a no-break space is an ordinary character. */
function strip(text: string): string {
  return trimmed(text, ' \t\n\r')
}

/** What starts a unit, in the order in which systemd runs it. */
export const startKeys = ['ExecCondition', 'ExecStartPre', 'ExecStart', 'ExecStartPost'] as const

/**
 * The commands of a service's start. An empty value clears what came before it, as in systemd.
 *
 * @param unit the unit's name, for `%n` and its like.
 * @param read what its `EnvironmentFile`s set, where all of them were read.
 */
export function startCommands(
  files: readonly UnitFile[],
  unit: string,
  read?: ReadonlyMap<string, string>
): readonly ExecCommand[] {
  const settings = settingsOf(files).filter(({ section }) => section === 'Service')
  const names = specifiersOf(files, unit)
  const environment = environmentFrom(settings, names, read)
  return startKeys.flatMap(key =>
    sinceCleared(settings, key).flatMap(setting => execCommands(setting, names, environment))
  )
}

/**
 * What `Environment=` sets and `UnsetEnvironment=` leaves. Files that `EnvironmentFile=` names are not read: they
 * hold secrets, and may set any variable otherwise.
 */
export function environmentOf(
  files: readonly UnitFile[],
  unit: string,
  read?: ReadonlyMap<string, string>
): ReadonlyMap<string, string> {
  const settings = settingsOf(files).filter(({ section }) => section === 'Service')
  return environmentFrom(settings, specifiersOf(files, unit), read).variables
}

/** Fills in the specifiers of a value. */
export function withSpecifiers(files: readonly UnitFile[], unit: string, value: string): string {
  return specified(value, specifiersOf(files, unit)).text
}

/** Files that `EnvironmentFile=` names, in their order; `optional` are those that may be missing. */
export function environmentFiles(
  files: readonly UnitFile[],
  unit: string
): readonly { readonly path: string; readonly optional: boolean }[] {
  const settings = settingsOf(files).filter(({ section }) => section === 'Service')
  return sinceCleared(settings, 'EnvironmentFile').map(({ value }) => {
    const optional = value.startsWith('-')
    return { path: withSpecifiers(files, unit, optional ? value.slice(1) : value), optional }
  })
}

/** The settings of a key behind the last empty one, which clears the list. */
function sinceCleared(settings: readonly Setting[], key: string): readonly Setting[] {
  const all = settings.filter(setting => setting.key === key)
  return all.slice(all.findLastIndex(({ value }) => value === '') + 1)
}

interface Environment {
  readonly variables: ReadonlyMap<string, string>
  /** Whether the unit's text decides what a variable holds, and that it is not set. */
  isSure(name: string): boolean
}

function environmentFrom(
  settings: readonly Setting[],
  names: Specifiers,
  read?: ReadonlyMap<string, string>
): Environment {
  const variables = new Map<string, string>()
  const unsure = new Set<string>()
  const list = (key: string) => sinceCleared(settings, key).flatMap(({ value }) => words(value))
  for (const word of list('Environment')) {
    const { text, unknown } = specified(word, names)
    const [, name = '', value = ''] = /^([A-Za-z_]\w*)=(.*)$/s.exec(text) ?? []
    if (name === '') continue
    variables.set(name, value)
    if (unknown.length > 0) unsure.add(name)
    else unsure.delete(name)
  }
  const passed = list('PassEnvironment')
  const reads = read === undefined && sinceCleared(settings, 'EnvironmentFile').length > 0
  for (const [name, value] of read ?? []) {
    variables.set(name, value)
    unsure.delete(name)
  }
  // The last step, after the files: what is named here is not set, whoever set it. `NAME=value` means only that value.
  const unset = new Set<string>()
  for (const word of list('UnsetEnvironment')) {
    const { text } = specified(word, names)
    const [, name = '', , value] = /^(\w+)(=(.*))?$/s.exec(text) ?? []
    if (value === undefined) unset.add(name)
    if (value === undefined || variables.get(name) === value) variables.delete(name)
  }
  return {
    variables,
    isSure: name =>
      unset.has(name) ||
      !(reads || unsure.has(name) || (!variables.has(name) && (passed.includes(name) || given.test(name))))
  }
}

/** What systemd sets by itself, or hands on of its own environment. */
const given =
  /^(?:PATH|LANG|LC_\w+|USER|LOGNAME|HOME|SHELL|TERM|INVOCATION_ID|(?:RUNTIME|STATE|CACHE|LOGS|CONFIGURATION|CREDENTIALS)_DIRECTORY|(?:MAIN|MANAGER|SYSTEMD_EXEC_)PID|LISTEN_\w+|NOTIFY_SOCKET|WATCHDOG_\w+|JOURNAL_STREAM|SERVICE_RESULT|EXIT_(?:CODE|STATUS)|MONITOR_\w+|PIDFILE|REMOTE_(?:ADDR|PORT)|TRIGGER_\w+|MEMORY_PRESSURE_\w+|XDG_\w+)$/

function execCommands(
  { key, path, line, value }: Setting,
  names: Specifiers,
  environment: Environment
): readonly ExecCommand[] {
  const commands: ExecCommand[] = []
  for (const [first = '', ...rest] of commandLines(value)) {
    const prefix = /^[-@:+!|]*/.exec(first)?.[0] ?? ''
    // `|` alone stands for the user's shell.
    const program = first.slice(prefix.length) || (prefix.includes('|') ? '/bin/sh' : '')
    if (program === '') continue
    // With `@` the second word is what the program is told it is called.
    const given = [program, ...(prefix.includes('@') ? rest.slice(1) : rest)]
    const unsure = new Set<string>()
    const argv = given.flatMap((word, index) => {
      const { text, unknown } = specified(word, names)
      for (const one of unknown) unsure.add(one)
      // The program itself may not be a variable, and `:` leaves all of them as they are.
      return index === 0 || prefix.includes(':') ? [text] : substituted(text, environment, unsure)
    })
    const open = unsure.size === 0 ? {} : { unsure: [...unsure] }
    commands.push({ key, argv, ignoresFailure: prefix.includes('-'), ...open, path, line })
  }
  return commands
}

/** The commands of a value, apart by a `;` that is a word of its own and neither quoted nor escaped. */
function commandLines(value: string): readonly (readonly string[])[] {
  const lines: string[][] = [[]]
  for (const { text, raw } of split(value)) {
    if (raw === ';') lines.push([])
    else lines.at(-1)?.push(raw === '\\;' ? ';' : text)
  }
  return lines.filter(line => line.length > 0)
}

/**
 * A word that begins with `$NAME` is that variable as a whole, in quotes or not, and becomes the words of its
 * value: none if it is not set, or where more than a name follows. `${NAME}` is filled in where it stands, `$$` is a
 * dollar, and `${NAME:…}` stays for a shell.
 *
 * @param unsure where the names are added that the unit's text does not decide.
 */
function substituted(text: string, environment: Environment, unsure: Set<string>): readonly string[] {
  const whole = /^\$([^{$].*)?$/s.exec(text)
  if (whole !== null) {
    const name = whole[1] ?? ''
    if (!/^\w+$/.test(name) || environment.isSure(name))
      return split(environment.variables.get(name) ?? '', 'plain').map(word => word.text)
    unsure.add(text)
    return [text]
  }
  return [
    text.replace(/\$(?:\$|\{([^}:]*)(\}|:|$))/g, (all, name: string | undefined, end: string | undefined) => {
      if (name === undefined) return '$'
      if (end !== '}') return all
      if (!/^\w+$/.test(name) || environment.isSure(name)) return environment.variables.get(name) ?? ''
      unsure.add(all)
      return all
    })
  ]
}

/** What each specifier stands for; undefined for those that only the host knows. */
type Specifiers = Readonly<Record<string, string | undefined>>

function specifiersOf(files: readonly UnitFile[], unit: string): Specifiers {
  const full = unit.replace(/\.[a-z]+$/, '')
  const at = full.indexOf('@')
  const prefix = at < 0 ? full : full.slice(0, at)
  const instance = at < 0 ? '' : full.slice(at + 1)
  const last = prefix.slice(prefix.lastIndexOf('-') + 1)
  const fragment = files[0]?.path
  return {
    '%': '%',
    n: unit,
    N: full,
    p: prefix,
    P: unescaped(prefix),
    i: instance,
    I: unescaped(instance),
    j: last,
    J: unescaped(last),
    f: /^-?$/.test(instance || prefix) ? '/' : `/${unescaped(instance || prefix)}`,
    y: fragment,
    Y: fragment?.slice(0, fragment.lastIndexOf('/')),
    // Of the system's own service manager, whatever `User=` says.
    t: '/run',
    S: '/var/lib',
    C: '/var/cache',
    L: '/var/log',
    E: '/etc',
    D: '/usr/share',
    d: `/run/credentials/${unit}`,
    T: '/tmp',
    V: '/var/tmp',
    u: 'root',
    U: '0',
    g: 'root',
    G: '0',
    h: '/root'
  }
}

/** Those that only the host knows: its name, its kernel, its release, its ids, root's shell. */
const ofHost = new Set('aAbBHlmMoqsvwW')

/** A unit's name as it was before `systemd-escape`: `-` is a slash, `\x2d` a byte. */
function unescaped(name: string): string {
  return name.replaceAll('-', '/').replace(/(?:\\x[0-9a-fA-F]{2})+/g, bytesOf)
}

function specified(text: string, names: Specifiers) {
  const unknown: string[] = []
  const filled = text.replace(/%(.)/gs, (all, letter: string) => {
    const known = Object.hasOwn(names, letter) ? names[letter] : undefined
    if (known === undefined && (ofHost.has(letter) || Object.hasOwn(names, letter))) unknown.push(all)
    return known ?? all
  })
  return { text: filled, unknown }
}

/** Escapes of bytes (`\x41`, octal `\101`), read together: several may be one character of UTF-8. */
function bytesOf(escapes: string): string {
  const codes = escapes.match(/x[0-9a-fA-F]{2}|[0-7]{3}/g) ?? []
  return Buffer.from(
    codes.map(code => (code.startsWith('x') ? Number(`0${code}`) : Number(`0o${code}`)))
  ).toString()
}

const escapes: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  s: ' ',
  '"': '"',
  "'": "'",
  '\\': '\\'
}

/** An escape at the place where the pattern is put. Zero is no character that a word may hold. */
const escape =
  /((?:\\x(?!00)[0-9a-fA-F]{2}|\\(?!000)[0-3][0-7]{2})+)|\\u(?!0000)([0-9a-fA-F]{4})|\\U(?!00000000)(00(?:0[0-9a-fA-F]|10)[0-9a-fA-F]{4})|\\([abfnrtvs"'\\])/y

interface Part {
  readonly text: string
  /** As it stands in the value. */
  readonly raw: string
}

function words(value: string): readonly string[] {
  return split(value).map(({ text }) => text)
}

/**
 * Splits as systemd does: white space, both kinds of quotes anywhere in a word, and escapes inside quotes as well.
 *
 * @param escaping `C` knows the escapes of C, and leaves one that it does not know as it stands; `plain` takes only
 * the backslash away, as in the value of a variable.
 */
function split(value: string, escaping: 'C' | 'plain' = 'C'): readonly Part[] {
  const found: Part[] = []
  let word: { text: string; from: number } | undefined
  let quote = ''
  /** What stands for itself is taken in runs: a text that grows by a character is a chain as long as itself. */
  let run = 0
  const take = (end: number) => {
    if (word !== undefined && run < end) word.text += value.slice(run, end)
    run = end + 1
  }
  for (let at = 0; at < value.length; at++) {
    const char = value[at] ?? ''
    const blank = quote === '' && /[ \t\n\r]/.test(char)
    if (blank) {
      take(at)
      if (word !== undefined) found.push({ text: word.text, raw: value.slice(word.from, at) })
      word = undefined
      continue
    }
    if (word === undefined) {
      word = { text: '', from: at }
      run = at
    }
    if (char === '\\') {
      const { text, length } = escaping === 'C' ? escapeAt(value, at) : plainAt(value, at)
      take(at)
      word.text += text
      at += length - 1
      run = at + 1
    } else if (quote === '' ? char === '"' || char === "'" : char === quote) {
      take(at)
      quote = quote === '' ? char : ''
    }
  }
  take(value.length)
  if (word !== undefined) found.push({ text: word.text, raw: value.slice(word.from) })
  return found
}

function escapeAt(value: string, at: number) {
  escape.lastIndex = at
  const [all, bytes, four, eight, letter] = escape.exec(value) ?? []
  if (all === undefined) return { text: value.slice(at, at + 2), length: 2 }
  const code = four ?? eight
  const text =
    bytes !== undefined
      ? bytesOf(bytes)
      : code !== undefined
        ? String.fromCodePoint(Number.parseInt(code, 16))
        : (escapes[letter ?? ''] ?? '')
  return { text, length: all.length }
}

function plainAt(value: string, at: number) {
  return { text: value.slice(at + 1, at + 2), length: 2 }
}

/** Blank lines at the end are none of a file. */
function withOneEnd(text: string): string {
  const bare = trimmedEnd(text, '\n')
  return bare === text ? text : `${bare}\n`
}
