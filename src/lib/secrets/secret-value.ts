import { pythonGrammar, slashGrammar, tokens } from '../text/lexical.ts'
import { isReference, kindOf, nameKind } from './secret-name.ts'

/**
 * What the text is in which a value stands: a program with strings of its own, a shell script, settings in which
 * variables are filled in, or the words of a process as they are.
 */
export type Written = 'code' | 'shell' | 'settings' | 'literal'

/**
 * Whether a value that is hidden in a line, because it may be a secret, is one that can be read there: no expression
 * that gets it elsewhere, and no reference to where it is kept. A weak password is one.
 *
 * @param at where the value begins in the line.
 */
export function isExposed(line: string, at: number, value: string, written: Written): boolean {
  // What follows the prompt of `getpass("Password: ")` is a bracket.
  if (isReference(value) || /^\W{0,3}$/.test(value)) return false
  const before = line.slice(Math.max(0, at - longestBefore), at)
  // `arn:aws:secretsmanager:…:secret:prod/db`: the name that is in it names no secret of its own.
  const word = /[^\s"'`=,;]{0,200}$/.exec(before)?.[0] ?? ''
  const end = at + value.length
  if (word !== '' && isReference(word + value + (/^[^\s"'`=,;]{0,200}/.exec(line.slice(end))?.[0] ?? '')))
    return false
  if (written === 'literal') return true
  if (expansions.some(pattern => pattern.test(value))) return false
  const isQuoted = /["'`]$/.test(before)
  if (written === 'shell') {
    if (/(?:^|[;&|({]|\bdo)\s*(?:IFS=\S*\s+)?read\s[^;&|]*$/.test(before)) return false
    if (isPlaceholderOfOption(before, value)) return false
    // `"$1"`, `x$PW`: what is left without its variables is no secret.
    const rest = value.replaceAll(/\$(?:\{[^}]*\}?|\([^)]*\)?|\w+|[@*#?!$-])|`[^`]*`?/g, '')
    return rest === value || rest.replaceAll(/\W/g, '').length > 3
  }
  if (written === 'settings' || isQuoted || isInString(line, at)) return !isPlaceholderOfOption(before, value)
  // An expression: its value is elsewhere, unless it says what to take otherwise.
  if (/^\d{4,}\b/.test(line.slice(at))) return true
  return !/[=:(,]\s*(?:(?:await|new)\s+)?$/.test(before) || hasDefault(line.slice(at))
}

/** `os.environ["DB_PASSWORD"] = "…"`: the values of such assignments in a line, with the name's own quotes before them. */
export function indexedSecrets(line: string): readonly string[] {
  return [...line.matchAll(/["']([\w.-]{1,100})["']\]\s{0,8}=\s{0,8}(["'])([^"'\n]{1,300})\2/g)].flatMap(
    ([, name = '', , value = '']) =>
      kindOf(nameKind(name), value, true) === null || isReference(value) ? [] : [value]
  )
}

/** How far is looked back for what a value stands in, in characters. */
const longestBefore = 2_000

/** What a shell, a template or a format string fills in. */
const expansions: readonly RegExp[] = [
  /^(?:\$\{[^}]*\}?|\$\(.*|`.*|\$\w+|\$[@*#?!$-]|#\{[^}]*\}?|%\(\w+\)s?|%[sdvq]|__[A-Z_]+__)$/s,
  /^\{[A-Za-z_][\w.()[\]'"]*(?:![rsa])?\}?$/
]

/** `--token TOKEN` of a usage message. */
function isPlaceholderOfOption(before: string, value: string): boolean {
  const option = /--?([a-z][\w-]{0,60})[ =]$/.exec(before)?.[1]
  return (
    option !== undefined &&
    /^[A-Z_]+["'\]]?$/.test(value) &&
    option.replaceAll('-', '_').toUpperCase().endsWith(value.replace(/\W$/, ''))
  )
}

/** Whether a string of the line goes around this place, the value itself being no string. */
function isInString(line: string, at: number): boolean {
  return [pythonGrammar, slashGrammar].some(grammar =>
    tokens(line, grammar).some(({ kind, start, end }) => kind === 'string' && start < at && at < end)
  )
}

/** `getenv("X", "hunter2")`, `process.env.X || 'hunter2'`. */
function hasDefault(expression: string): boolean {
  const found =
    /(?:\|\||\?\?|\bor\b)\s{0,8}(["'`])([^"'`]{1,300})\1/.exec(expression) ??
    /\b(?:getenv|get|fetch|env|environ)\(\s{0,8}["'][^"']{0,200}["']\s{0,8},\s{0,8}(?:default\s{0,4}=\s{0,4})?(["'])([^"']{1,300})\1/.exec(
      expression
    )
  const value = found?.[2]
  return value !== undefined && kindOf('password', value, true) !== null && !isReference(value)
}
