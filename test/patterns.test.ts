import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { checkSync } from 'recheck'
import { parseAst } from 'rolldown/parseAst'
import { expect, it } from 'vitest'
import { inCheckout } from './support/root.ts'
import { generous } from './support/pace.ts'

/**
 * Every pattern of ours may come to see text that somebody hostile wrote, and the one thread that all hosts share must
 * not stand still for it. A static analysis that knows the engine's backtracking looks for an input that takes more than
 * linear time; it errs on the side of finding one.
 */

interface Literal {
  readonly at: string
  readonly source: string
  readonly flags: string
}

/** What the analysis finds or gives up on, and why it takes no more than linear time here. By the pattern's text. */
const bounded: ReadonlyMap<string, string> = new Map([
  ['^ *((?:- +)*)(?:["\']?([\\w./@-]{1,100})["\']?:(?:[ \\t]+|$))?(.*)$', 'of a line, 2,000 characters'],
  ['(?<!x)\\$\\([\\w.-]{1,60}\\)|\\{\\{[^{}\\n]{0,100}\\}\\}', 'each repeat is bounded'],
  ['(?:\\/|\\s)(?:env\\s+(?:-S\\s+)?)?([a-z]+)[\\d.]*(?=\\s|$)', 'of a first line, 300 characters'],
  ['echo[ \\t]+(?![^\\n]{0,2000}(?:[>|]|[^\\n]{2001}))', 'the look ahead is bounded'],
  [
    '\\betc\\."([^"\\n]{1,200})"\\s*(?:=\\s*\\{[^{}]*\\b|\\.)text\\s*=\\s*$',
    'of the 300 characters before a string'
  ],
  ['\\btestScript\\s*=\\s*$|\\bwritePython\\w*[^;]*$', 'of the 300 characters before a string'],
  [
    '^(?:\\/usr(?:\\/local)?\\/lib\\/systemd|(?:\\/usr)?\\/(?:bin|sbin|lib|lib64|libexec)|\\/run\\/(?:current-system|wrappers|systemd\\/generator[.a-z]*)|\\/nix\\/store\\/[^/]+-(?:systemd|coreutils|util-linux|shadow|dbus|kmod)-[^/]+)\\/',
    'of a path, 500 characters'
  ],
  [
    '(?<=\\bdocker[ \\t]{1,8}login\\b[^\\n;|]{0,200}[ \\t]-p[ \\t]{1,8}["\']?)[^\\s"\'«»]{1,200}',
    'each look back is bounded'
  ],
  [
    '(?<=\\bredis-cli\\b[^\\n;|]{0,200}[ \\t]-a[ \\t]{1,8}["\']?)[^\\s"\'«»]{1,200}',
    'each look back is bounded'
  ],
  [
    '(?<=\\b(?:mysql|mysqldump|mysqladmin|mariadb|mariadb-dump)\\b[^\\n;|]{0,200}[ \\t]-p["\']?)[^\\s"\'«»]{1,200}',
    'each look back is bounded'
  ],
  ['\\\\*["\'`]$', 'of the 80 characters before a name'],
  ['["\'`\\n]|\\\\(?=\\\\{0,40}["\'nr])', 'the look ahead is bounded'],
  ['[^\\s"\'`=,;]{0,200}$', 'of the 2,000 characters before a value'],
  ['(?:^|[;&|({]|\\bdo)\\s*(?:IFS=\\S*\\s+)?read\\s[^;&|]*$', 'of the 2,000 characters before a value'],
  ['--?([a-z][\\w-]{0,60})[ =]$', 'of the 2,000 characters before a value'],
  ['[\\d.]+$', 'of the name of an interpreter, of which another pattern has held the form'],
  ['\\\\?\\s*\\n\\s*', 'of 400 characters'],
  [
    '^(?:ssh:\\/\\/)?(?:([^@\\s]+)@)?(?:\\[([^\\]\\s@]+)\\](?::(\\d+))?|([^:\\s@[\\]]+)(?::(\\d+))?|([^\\s@[\\]]*:[^\\s@[\\]]*:[^\\s@[\\]]*))$',
    'of 300 characters'
  ],
  ['https?:\\/\\/\\S+|[\\w-]+(?:[._/][\\w-]+)+', 'of a text of a status file, 2,000 characters'],
  ['\\b(?:is\\s+)?now:?\\s+(.+)$', 'of a text of a status file, 2,000 characters'],
  ['\\s*[([][^()[\\]]*[)\\]]', 'of a text of a status file, 2,000 characters'],
  [',?\\s*\\b(?:was|previously|formerly|instead of)\\b.*$', 'of a text of a status file, 2,000 characters'],
  ['[*†‡¹²³]+$', 'of a text of a status file, 2,000 characters'],
  ['\\s*[,;]?\\s*\\b(?:ok|verified|live|confirmed)$', 'of a text of a status file, 2,000 characters'],
  ['\\s*(?:[→➜➔⟶⇒➡]\\ufe0f?|-{1,2}>|=>)\\s*', 'of a text of a status file, 2,000 characters'],
  [
    '\\$(?:\\$|([A-Za-z_]\\w*)|\\{([A-Za-z_]\\w{0,100})(?:(:?[-?+])([^}]{0,500}))?\\})',
    'each repeat behind a brace is bounded'
  ],
  ['<summary>(.{0,300}?)<\\/summary>', 'the repeat is bounded'],
  ['"(?:[^"\\\\]|\\\\.)*"', 'of canonical JSON, in which every string is closed'],
  ['[a-z0-9+.-]{0,20}:\\/\\/(?:[^\\s/@]{1,200}@)?', 'of a line, 2,000 characters; each repeat is bounded']
])

function literalsIn(file: string): readonly Literal[] {
  const text = readFileSync(inCheckout(file), 'utf8')
  const found: Literal[] = []
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) node.forEach(visit)
    else if (typeof node === 'object' && node !== null) {
      if ('regex' in node && 'start' in node && isPattern(node.regex)) {
        const line = text.slice(0, Number(node.start)).split('\n').length
        found.push({ at: `${file}:${line}`, source: node.regex.pattern, flags: node.regex.flags })
      }
      Object.values(node).forEach(visit)
    }
  }
  visit(parseAst(text, { lang: 'ts' }, file))
  return found
}

function isPattern(value: unknown): value is { readonly pattern: string; readonly flags: string } {
  return typeof value === 'object' && value !== null && 'pattern' in value && 'flags' in value
}

const files = ['src', 'probes'].flatMap(folder =>
  readdirSync(inCheckout(folder), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .map(name => `${folder}/${name}`)
)
const literals = [
  ...new Map(files.flatMap(literalsIn).map(each => [`${each.source}/${each.flags}`, each])).values()
]

/**
 * What the analysis has found to be safe, so that each run need not find it again: it takes minutes. A pattern that is
 * new or has changed is analysed in the test. `UPDATE_PATTERNS=1` writes the list anew.
 */
const listed = inCheckout('test/support/safe-patterns.json')
const known = new Set(JSON.parse(readFileSync(listed, 'utf8')) as readonly string[])

function spelled({ source, flags }: Literal): string {
  return `/${source}/${flags}`
}

it('no pattern takes more than linear time of any text', () => {
  expect(literals.length).toBeGreaterThan(500)
  const safe: string[] = []
  const slow = literals.flatMap(literal => {
    if (bounded.has(literal.source)) return []
    if (!known.has(spelled(literal))) {
      const found = checkSync(literal.source, literal.flags, { timeout: generous(60_000) })
      if (found.status !== 'safe')
        return [`${literal.at} ${spelled(literal)} ${JSON.stringify(found).slice(0, 400)}`]
    }
    safe.push(spelled(literal))
    return []
  })
  if (process.env['UPDATE_PATTERNS'] === '1')
    writeFileSync(listed, `${JSON.stringify(safe.sort(), null, 1)}\n`)
  expect(slow).toEqual([])
}, 2_400_000)

it('excuses no pattern that is not there', () => {
  const sources = new Set(literals.map(({ source }) => source))
  expect([...bounded.keys()].filter(source => !sources.has(source))).toEqual([])
})

it('knows a slow one where it sees it', () => {
  expect(checkSync('(a+)+$', '').status).toBe('vulnerable')
  expect(checkSync('\\s+$', '').status).toBe('vulnerable')
})
