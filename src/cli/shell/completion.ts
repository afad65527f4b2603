import { shellQuoted } from '../../lib/text/shell-quote.ts'
import { type CommandTree, type CommandWords, kindOfWord, type OptionWords } from './command-tree.ts'

/** Completion scripts, made from the command line itself. Each is one function and knows no more than its words. */

export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

export function completionScript(shell: Shell, tree: CommandTree): string {
  return scripts[shell](tree)
}

const scripts: Readonly<Record<Shell, (tree: CommandTree) => string>> = { bash, zsh, fish }

/** Bash 3.2 of macOS is understood: no `mapfile`, no `compopt` where there is none. */
function bash({ commands, options }: CommandTree): string {
  const first = [...commands.map(({ name }) => name), ...options.flatMap(({ names }) => names)]
  const ofCommand = commands.map(({ name, options: own }) => {
    const valued = own.filter(({ value }) => value !== null).flatMap(({ names }) => names)
    const all = own.flatMap(({ names }) => names)
    return `${name}) options=${shellQuoted(all.join(' '))} valued=${shellQuoted(` ${valued.join(' ')} `)} ;;`
  })
  const ofValue = commands.flatMap(({ name, options: own }) =>
    own.flatMap(({ names, value }) => {
      const kind = value === null ? null : bashKind(value, [])
      return kind === null ? [] : names.map(each => `${shellQuoted(`${name} ${each}`)}) ${kind} ;;`)
    })
  )
  const ofArgument = commands.flatMap(({ name, arguments: words }) =>
    words.flatMap((word, index) => {
      const kind = bashKind(word.name, word.choices)
      return kind === null ? [] : [`${shellQuoted(`${name} ${index}`)}) ${kind} ;;`]
    })
  )
  const cases = (lines: readonly string[], indent: string) => lines.join(`\n${indent}`)
  return `# bash completion for adversary. Load it with: source <(adversary completion bash)
_adversary() {
  local current=\${COMP_WORDS[COMP_CWORD]} command='' options='' valued=' ' position=0 pending='' kind='' words='' word i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ -n $pending ]]; then
      pending=''
    elif [[ -z $command ]]; then
      [[ $word == -* ]] && continue
      command=$word
      case $command in
        ${cases(ofCommand, '        ')}
        *) return 0 ;;
      esac
    elif [[ $valued == *" $word "* ]]; then
      pending=$word
    elif [[ $word != -* ]]; then
      position=$((position + 1))
    fi
  done
  if [[ -n $pending ]]; then
    case "$command $pending" in
      ${cases(ofValue, '      ')}
    esac
  elif [[ -z $command ]]; then
    words=${shellQuoted(first.join(' '))}
  elif [[ $current == -* ]]; then
    words=$options
  else
    case "$command $position" in
      ${cases(ofArgument, '      ')}
    esac
  fi
  local -a how
  case $kind in
    folder) how=(-d) ;;
    file) how=(-f) ;;
    *) how=(-W "$words") ;;
  esac
  if [[ -n $kind ]] && type compopt >/dev/null 2>&1; then compopt -o filenames 2>/dev/null; fi
  while IFS= read -r word; do
    COMPREPLY+=("$word")
  done < <(compgen "\${how[@]}" -- "$current")
}
complete -F _adversary adversary
`
}

function bashKind(name: string, choices: readonly string[]): string | null {
  if (choices.length > 0) return `words=${shellQuoted(choices.join(' '))}`
  const kind = kindOfWord(name)
  return kind === 'text' ? null : `kind=${kind}`
}

function zsh({ commands, options }: CommandTree): string {
  const list = commands.map(({ name, about }) => `      ${shellQuoted(`${name}:${zshText(about)}`)}`)
  const cases = commands.map(command => {
    const specs = [
      ...command.options.map(zshOption),
      ...command.arguments.map(
        ({ name, required, choices }, index) =>
          `${index + 1}:${required ? '' : ':'}${name}:${zshAction(name, choices)}`
      )
    ]
    return `        ${command.name})
          _arguments -S ${specs.map(shellQuoted).join(' \\\n            ')}
          ;;`
  })
  return `#compdef adversary
# zsh completion for adversary. Load it with: source <(adversary completion zsh)
_adversary() {
  local curcontext="$curcontext" state line
  local -a commands
  _arguments -C -A '-*' ${options.map(zshOption).map(shellQuoted).join(' ')} '1:command:->command' '*::argument:->argument'
  case $state in
    command)
      commands=(
${list.join('\n')}
      )
      _describe -t commands command commands
      ;;
    argument)
      case $line[1] in
${cases.join('\n')}
      esac
      ;;
  esac
}
if [[ $funcstack[1] == _adversary ]]; then
  _adversary "$@"
else
  compdef _adversary adversary
fi
`
}

function zshOption({ names, value, about }: OptionWords): string {
  const name = names[0] ?? ''
  const takes = value === null ? '' : `:${zshText(value)}:${zshAction(value, [])}`
  return `*${name}[${zshText(about)}]${takes}`
}

function zshAction(name: string, choices: readonly string[]): string {
  if (choices.length > 0) return `(${choices.join(' ')})`
  return { folder: '_directories', file: '_files', text: '( )' }[kindOfWord(name)]
}

/** Inside a specification of `_arguments`. */
function zshText(text: string): string {
  return text.replace(/[\\[\]:]/g, '\\$&')
}

function fish({ commands, options }: CommandTree): string {
  const none = '__fish_use_subcommand'
  const lines = [
    '# fish completion for adversary. Load it with: adversary completion fish | source',
    'complete -c adversary -f',
    ...options.map(option => `complete -c adversary -n ${none} ${fishOption(option)}`),
    ...commands.flatMap(command => [
      `complete -c adversary -n ${none} -a ${command.name} -d ${fishQuote(command.about)}`,
      ...fishWords(command)
    ])
  ]
  return `${lines.join('\n')}\n`
}

function fishWords({ name, options, arguments: words }: CommandWords): readonly string[] {
  const inside = fishQuote(`__fish_seen_subcommand_from ${name}`)
  return [
    ...options.map(option => `complete -c adversary -n ${inside} ${fishOption(option)}`),
    ...words.slice(0, 1).flatMap(word => {
      if (word.choices.length > 0) {
        return [`complete -c adversary -n ${inside} -a ${fishQuote(word.choices.join(' '))}`]
      }
      const kind = kindOfWord(word.name)
      if (kind === 'text') return []
      return [`complete -c adversary -n ${inside} ${fishFiles[kind]}`]
    })
  ]
}

const fishFiles = { folder: "-a '(__fish_complete_directories)'", file: '-F' } as const

function fishOption({ names, value, about }: OptionWords): string {
  const words = names.map(name => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`))
  const kind = value === null ? null : kindOfWord(value)
  const takes =
    kind === null ? '' : kind === 'text' ? ' -x' : kind === 'file' ? ' -r -F' : ` -x ${fishFiles.folder}`
  return `${words.join(' ')}${takes} -d ${fishQuote(about)}`
}

function fishQuote(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`
}
