import * as commonmark from 'commonmark'
import fc from 'fast-check'
import type { Nodes } from 'mdast'
import { remark } from 'remark'
import remarkGfm from 'remark-gfm'
import type { Recording } from '../../src/ssh/recorded-host.ts'

/** Text that wants to be more than text: for every seat from which anything reaches a review. */
export const fragments: readonly string[] = [
  'word ',
  ' ',
  '\n',
  '\u001b[2J\u001b]0;title\u0007',
  '\u001b[8mhidden',
  '\u009b31m',
  '\u202e',
  '\u2066',
  '\u200b',
  '\0',
  '\r',
  '\b\b\b',
  '\u2028',
  '\ud800',
  '\ufeff',
  '```',
  '`````````',
  '~~~~',
  '`',
  '``',
  '*',
  '**',
  '_',
  '~~',
  '\\',
  '<!--',
  '-->',
  '<script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  '<details>',
  '</details>',
  '<pre>',
  ']]>',
  '&#35;&#35; M9',
  '[text](javascript:alert(1))',
  '![image](http://hostile.example.test/i.png)',
  '<https://hostile.example.test/>',
  ' https://hostile.example.test/path ',
  ' www.example.test ',
  ' someone@example.test ',
  ' @someone ',
  ' #1 ',
  ' GH-1 ',
  ' !2 ',
  ' fixes #1 ',
  ' :tada: ',
  '[^1]: note',
  '| a |\n|---|\n| b |',
  '\n===\n',
  '\n---\n',
  '\n- [ ] task\n',
  '\n1. one\n',
  '\n> quote\n',
  '\n    code\n',
  '$$x$$',
  '\n```mermaid\ngraph TD; a-->b\n```\n',
  '\n# M9\n',
  '\n## M9: PASS @2026-06-13T05:33Z\n',
  '\n## M1: PASS @2026-06-13T05:33Z\n',
  '\n## VETO LIFTED M1: printed\n',
  '\n## [adversary] A1: CLOSED @2026-06-13T05:33Z\n',
  '\nM9: PASS @2026-06-13T05:33Z\n---\n',
  '[ci skip]',
  '[SKIP CI]',
  '[No CI]',
  '***NO_CI***',
  '\n\nskip-checks: true\n',
  '[skip actions]',
  'claim(one-M1): printed',
  'review(one-M1): M1 PASS',
  '\nAdversary-Verdict: one-M1 PASS\n',
  `\n\nAdversary-Claim: ${'a'.repeat(40)}\n`,
  '\nSigned-off-by: x <x@example.test>\n',
  '%s%n$(id)`id`;id',
  '\u{1f600}e\u0302\u0302\u0302\u0302\u0302\u0302\u0302\u0302\u0302\u0302',
  '«redacted:password:1»',
  '{"a":"b"}'
]

export const evilText = fc
  .array(fc.oneof(fc.constantFrom(...fragments), fc.string({ unit: 'binary', maxLength: 4 })), {
    minLength: 1,
    maxLength: 8
  })
  .map(parts => parts.join(''))

const texts = new Set(
  'Name Image Err Message Description ServerErrors Hostname OperatingSystem com.docker.stack.namespace'.split(
    ' '
  )
)

/** What a host answers, with hostile text in every place that is free text: names, labels, scripts, units, stderr. */
export function doctored(
  recordings: readonly Recording[],
  evil: readonly string[],
  options: { readonly exit?: number; readonly spare?: (name: string) => boolean } = {}
): readonly Recording[] {
  let turn = 0
  const next = () => evil[turn++ % evil.length] ?? ''
  const named = new Map<string, string>()
  const mutate = (key: string, value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(each => mutate(key, each))
    if (typeof value === 'object' && value !== null) {
      const entries = Object.entries(value).map(([name, member]) => [name, mutate(name, member)] as const)
      return Object.fromEntries(
        key === 'Labels' || key === 'Options' ? [...entries, [next(), next()]] : entries
      )
    }
    if (typeof value !== 'string' || !(texts.has(key) || key === 'Env' || key === 'Labels')) return value
    if (options.spare?.(value) === true) return value
    // The same name everywhere, or no two answers would speak of the same thing.
    const known = named.get(value) ?? value + next()
    named.set(value, known)
    return known
  }
  const json = (text: string) => {
    try {
      return `${JSON.stringify(mutate('', JSON.parse(text)))}\n`
    } catch {
      return null
    }
  }
  return recordings.map(({ argv, exit, stdout, stderr }) => {
    const [program] = argv
    const whole = program === 'docker' || program === 'ip' ? json(stdout) : null
    const byLine = () =>
      stdout
        .split('\n')
        .map(line => (line.startsWith('{') ? (json(line)?.trimEnd() ?? line) : line))
        .join('\n')
    const said =
      program === 'docker' || program === 'ip'
        ? (whole ?? byLine())
        : program === 'sed' || program === 'head' || argv[1] === 'cat'
          ? `${stdout}\n${next()}\n# ${next()}\n${next()}`
          : argv[1] === 'show'
            ? stdout.replaceAll(
                /^(?=SubState=)/gm,
                () => `StatusText=${oneLine(next())}\nDescription=${oneLine(next())}\n`
              ) + (argv.includes('*') ? `\n${failedUnit(stdout, oneLine(next()))}` : '')
            : stdout
    return { argv, exit: options.exit ?? exit, stdout: said, stderr: stderr + next() }
  })
}

/** A service of that name, as a host may say that it has one: like another, but failed. */
function failedUnit(shown: string, name: string): string {
  const like = shown.split(/\n\n+/).find(block => /^Id=[\w-]+\.service$/m.test(block)) ?? ''
  return `${like}\n`
    .replace(/^Id=.*$/m, () => `Id=${name}.service`)
    .replace(/^Names=.*$/m, () => `Names=${name}.service`)
    .replace(/^ActiveState=.*$/m, 'ActiveState=failed')
    .replace(/^SubState=.*$/m, 'SubState=failed')
}

/** systemd escapes line ends in what it shows. */
function oneLine(text: string): string {
  return text.replaceAll(/[\n\0]/g, ' ')
}

/** Every heading of a text with its depth; those that are not at the top level are marked. */
export function remarkOutline(text: string): readonly string[] {
  const found: string[] = []
  const walk = (node: Nodes, level: number) => {
    if (node.type === 'heading') found.push(`${level === 1 ? '' : 'nested '}${node.depth} ${plainText(node)}`)
    if ('children' in node) for (const child of node.children) walk(child, level + 1)
  }
  walk(remark().use(remarkGfm).parse(text), 0)
  return found
}

export function commonmarkOutline(text: string): readonly string[] {
  const found: string[] = []
  const walker = new commonmark.Parser().parse(text).walker()
  for (let step = walker.next(); step !== null; step = walker.next()) {
    const { node, entering } = step
    if (!entering || node.type !== 'heading') continue
    let words = ''
    const inner = node.walker()
    for (let part = inner.next(); part !== null; part = inner.next()) words += part.node.literal ?? ''
    found.push(`${node.parent?.type === 'document' ? '' : 'nested '}${node.level} ${words}`)
  }
  return found
}

/** Whatever a forge or a browser would do more with than show it. */
export function interpreted(text: string): readonly string[] {
  const found: string[] = []
  const quiet = new Set(
    'root paragraph heading text strong inlineCode code list listItem thematicBreak break'.split(' ')
  )
  const walk = (node: Nodes) => {
    if (node.type === 'html') {
      if (
        !/^(?:<details><summary>(?:read \d+: all \d+ lines|all \d+ lines|\d+ probes? found no defect|Evidence of the other checks \(\d+(?:, \d+)*\))<\/summary>|<\/details>)$/.test(
          node.value
        )
      )
        found.push(`html ${node.value}`)
    } else if (!quiet.has(node.type)) found.push(node.type)
    if (node.type === 'listItem' && typeof node.checked === 'boolean') found.push('a task')
    if (
      node.type === 'code' &&
      node.lang !== null &&
      node.lang !== undefined &&
      !['sh', 'mermaid'].includes(node.lang)
    )
      found.push(`code in ${node.lang}`)
    if (node.type === 'text') {
      const said = node.value.replaceAll(/ @\d{4}-\d\d-\d\dT\d\d:\d\dZ/g, '')
      found.push(...(said.match(/(?:^|\W)@\w+|#\d+|\w+:\/\/\S*|www\.\S+|\bGH-\d+|:[a-z]+:|&#\w+;/g) ?? []))
    }
    if ('children' in node) for (const child of node.children) walk(child)
  }
  walk(remark().use(remarkGfm).parse(text))
  // What a terminal, an editor or an eye would be led astray by; a line break and a tab are none.
  found.push(...(text.match(/(?![\n\t])\p{Cc}|[\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/gu) ?? []))
  return found
}

function plainText(node: Nodes): string {
  if ('children' in node) return node.children.map(plainText).join('')
  return 'value' in node ? node.value : ''
}
