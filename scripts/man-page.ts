import type { CommandTree, CommandWords, OptionWords } from '../src/cli/shell/command-tree.ts'

/** The man page, `man/adversary.1`, from the command line itself. ASCII, for any formatter of man(7). */
export function manPage(tree: CommandTree, banner: string): string {
  const [summary = '', ...more] = tree.about.split('\n')
  return [
    `.\\" ${banner}`,
    '.TH ADVERSARY 1 "" "adversary-bot" "User Commands"',
    '.SH NAME',
    `adversary \\- ${roff(lowerFirst(summary).replace(/\.$/, ''))}`,
    '.SH SYNOPSIS',
    '.B adversary',
    '.I command',
    '.RI [ options ]',
    '.SH DESCRIPTION',
    roff(summary),
    ...more.flatMap(line => ['.PP', roff(line)]),
    '.SH OPTIONS',
    ...tree.options.flatMap(option),
    '.SH COMMANDS',
    ...tree.commands.flatMap(command),
    '.SH EXIT STATUS',
    ...exitCodes(tree.exitCodes),
    '.SH FILES',
    '.TP',
    '.I adversary.yaml',
    'Configuration of the home: the repository, the identity, the hosts.',
    '.TP',
    '.I plans/*.yaml',
    'What must hold before a milestone is done, one file for each phase.',
    '.TP',
    '.I probes/*.mjs',
    'Own probes.',
    '.TP',
    '.I .adversary/',
    'The clone and other derived files; may be deleted at any time.',
    '.SH SEE ALSO',
    '.BR git (1),',
    '.BR ssh (1),',
    '.BR ssh\\-keygen (1)',
    ''
  ].join('\n')
}

function command({ name, about, arguments: words, options, examples }: CommandWords): readonly string[] {
  const synopsis = words.map(word =>
    ` \\fI${roff(word.name)}\\fR`.replace(/^ (.*)$/, word.required ? ' $1' : ' [$1]')
  )
  return [
    `.SS "adversary ${roff(name)}"`,
    `\\fBadversary ${roff(name)}\\fR${synopsis.join('')} [\\fIoptions\\fR]`,
    '.PP',
    sentence(about),
    ...options.flatMap(option),
    '.PP',
    'Examples:',
    '.PP',
    '.nf',
    '.RS 4',
    ...examples.map(line => roff(`adversary ${line}`)),
    '.RE',
    '.fi'
  ]
}

function option({ names, value, about }: OptionWords): readonly string[] {
  const takes = value === null ? '' : ` \\fI${roff(value)}\\fR`
  return ['.TP', `${names.map(name => `\\fB${roff(name)}\\fR`).join(', ')}${takes}`, sentence(about)]
}

function exitCodes(text: string): readonly string[] {
  const found = [...text.matchAll(/^ {2}(?<code>\d+) +(?<meaning>.+)$/gm)]
  if (found.length === 0) throw new Error('the exit codes are not listed as expected')
  return found.flatMap(({ groups }) => ['.TP', `.B ${groups?.['code']}`, sentence(groups?.['meaning'] ?? '')])
}

function sentence(text: string): string {
  return roff(`${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.?!)]$/.test(text) ? '' : '.'}`)
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}

/** Text as man(7) takes it: nothing in it is a request, an escape or a typographic character. */
function roff(text: string): string {
  const plain = text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('`', '\\(ga')
    .replaceAll('"', '\\(dq')
    .replaceAll('→', '\\(->')
    .replace(
      /[^\n\x20-\x7e]/gu,
      each => `\\[u${(each.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`
    )
  return plain.startsWith('.') ? `\\&${plain}` : plain
}
