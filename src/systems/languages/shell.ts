import type { Blanks } from './blanks.ts'
import {
  type Command,
  type List,
  parseShell,
  plain,
  type Redirect,
  type Simple,
  type Span,
  type Word
} from './shell-syntax.ts'

/** Commands whose arguments are ignored, or only logged, wherever their output goes. */
const mute = new Set([':', 'true', 'false', 'logger', 'wall', 'notify-send'])
/** Commands that print their arguments: they count where the output is written or executed. */
const printing = new Set(['echo', 'printf', 'print'])
/** Commands that run the command behind them. */
const wrapping = new Set([
  'sudo',
  'doas',
  'command',
  'builtin',
  'env',
  'nohup',
  'time',
  'nice',
  'exec',
  'busybox',
  'eval'
])
/** What only shows, changes or looks at what comes in. */
const filters = new Set(
  (
    'cat grep egrep fgrep sed awk gawk tr cut sort uniq head tail fold fmt column nl rev tac wc less more pv ts read ' +
    'jq yq paste expand unexpand od xxd hexdump base64 md5sum sha256sum systemd-cat indent lolcat'
  ).split(' ')
)
const shells = new Set(['sh', 'bash', 'dash', 'ash', 'ksh', 'zsh', 'ssh', 'su'])
/** Names that scripts give to functions that log. Where one is defined elsewhere, what it does cannot be known. */
const logging =
  /^(?:_?(?:log|info|warn|warning|err|error|fatal|die|debug|note|notice|msg|message|say|success|fail|abort|step|ok|print)(?:_?(?:log|info|warn|warning|err|error|fatal|debug|msg|message|step|line|header))?|log_\w{1,20}_msg)$/i

/** Whether a program only prints its arguments, or ignores them. */
export function isSilent(program: string): boolean {
  return mute.has(program) || printing.has(program)
}

/** Where the output of a command goes: only to whoever watches, or to where it has an effect. */
type Output = 'shown' | 'used'

export interface ShellOptions {
  /** Marks the body of a here-document that is written to a file of this name. */
  readonly file?: (path: string, body: string, offset: number) => void
  /** How many shells this one is in. */
  readonly depth?: number
}

/**
 * Marks what a shell text, `offset` characters into the whole, does not do: comments, and arguments of `echo`,
 * `printf` and `:` whose output is only shown. What is written to a file or given to another program counts.
 *
 * @returns where its lines go on, as offsets into the whole.
 */
export function markShell(
  text: string,
  offset: number,
  blanked: Blanks,
  { file, depth = 0 }: ShellOptions = {}
): readonly number[] {
  const script = parseShell(text)
  const continued = script.continued.map(at => at + offset)
  const functions = functionsOf(script.body)
  const set = ({ start, end }: Span, standing: 'inert' | 'does' | 'unclear') =>
    blanked.set({ start: start + offset, end: end + offset }, standing)

  // Which functions print into a file, a pipe or a substitution is known only at the end.
  const used = new Set<string>()
  const printers = new Map<string, boolean>()
  walk(script.body, 'shown')
  if (used.size > 0) walk(script.body, 'shown')
  for (const comment of script.comments) set(comment, 'inert')
  if (script.broken) {
    for (const { 0: line, index } of text.matchAll(/^[ \t]*#[^\n]*/gm))
      blanked.doubt({ start: index + offset, end: index + line.length + offset })
  }
  return continued

  function walk(list: List, around: Output) {
    let output = around
    for (const { links } of list)
      for (const { pipeline } of links) {
        const outputs = outputsOf(pipeline, output)
        for (const [index, command] of pipeline.entries()) {
          commands(command, outputs[index] ?? output)
          if (command.kind === 'simple' && isExecOfRedirects(command))
            output = outputOf(command.redirects) ?? output
        }
      }
  }

  function commands(command: Command, around: Output) {
    const output = outputOf(command.redirects) ?? around
    switch (command.kind) {
      case 'simple':
        simple(command, output)
        break
      case 'if':
        for (const { condition, body } of command.branches) {
          walk(condition, output)
          walk(body, output)
        }
        break
      case 'case':
        for (const arm of command.arms) walk(arm, output)
        break
      case 'while':
      case 'until':
        walk(command.condition, output)
        walk(command.body, output)
        break
      case 'for':
        command.items.forEach(item => substitutions(item, 'used'))
        walk(command.body, output)
        break
      case 'group':
        walk(command.body, output)
        break
      case 'function':
        walk(command.body, used.has(command.name) ? 'used' : output)
    }
    if (command.kind !== 'simple') for (const { target } of command.redirects) substitutions(target, 'used')
  }

  function simple(command: Simple, output: Output) {
    const words = withoutWrappers(command.words)
    const [first, ...rest] = words
    const name = first === undefined ? '' : commandName(first)
    if (output === 'used' && functions.has(name)) used.add(name)
    const prints = printing.has(name) && !(name === 'printf' && plain(rest[0] ?? emptyWord) === '-v')
    const isMute = mute.has(name)
    const says = isMute || ((prints || onlyPrints(name)) && (output === 'shown' || isCommentText(rest)))
    for (const word of rest) {
      if (says) set(word, 'inert')
      else if (logging.test(name) && !functions.has(name)) set(word, 'unclear')
      // The first walk may have taken it for one that is only shown.
      else if (prints) set(word, 'does')
      // `: "${NAME:=value}"` assigns.
      if (isMute) {
        const written = text.slice(word.start, word.end)
        for (const { 0: found, index } of written.matchAll(/\$\{\w{1,100}:?=[^}]*/g))
          set({ start: word.start + index, end: word.start + index + found.length }, 'does')
      }
    }
    for (const { document, operator, target } of command.redirects) {
      const shown = isMute || (name === 'cat' && output === 'shown') || command.words.length === 0
      if (document !== undefined) {
        if (shown) set(document, 'inert')
        else inside(document, name, rest, command.redirects)
      }
      if (operator.endsWith('<<<') && (isMute || (name === 'cat' && output === 'shown'))) set(target, 'inert')
    }
    for (const word of command.words) substitutions(word, says ? 'shown' : 'used')
    for (const { value } of command.assigns) substitutions(value, 'used')
    for (const { target } of command.redirects) substitutions(target, 'used')
    const script = shells.has(name) ? scriptOf(rest) : undefined
    if (script !== undefined && depth < 3) {
      continued.push(
        ...markShell(text.slice(script.start, script.end), script.start + offset, blanked, {
          ...(file === undefined ? {} : { file }),
          depth: depth + 1
        })
      )
    }
  }

  /** A here-document is in the language of the program that reads it, or of the file that it is written to. */
  function inside(
    document: Span & { body: string },
    name: string,
    rest: readonly Word[],
    to: readonly Redirect[]
  ) {
    if (depth >= 3) return
    if (shells.has(name)) {
      const options = { ...(file === undefined ? {} : { file }), depth: depth + 1 }
      continued.push(...markShell(document.body, document.start + offset, blanked, options))
      return
    }
    const written = to.find(({ operator }) => /^[1&]?>/.test(operator))
    const path =
      written !== undefined
        ? plain(written.target)
        : name === 'tee'
          ? plain(rest.findLast(word => !plain(word).startsWith('-')) ?? emptyWord)
          : ''
    if (path !== '') file?.(path, document.body, document.start + offset)
    else if (/^(?:python|node|ruby|perl|php|psql|mysql|sqlite3)[\d.]*$/.test(name))
      file?.(`stdin.${ending[name.replace(/[\d.]+$/, '')] ?? 'sql'}`, document.body, document.start + offset)
  }

  function substitutions(word: Word, output: Output) {
    for (const part of word.parts) {
      if (part.kind !== 'command') continue
      set(part, 'does')
      walk(part.body, output)
    }
  }

  /** What becomes of the output of each command of a pipeline. */
  function outputsOf(pipeline: readonly Command[], around: Output): readonly Output[] {
    const outputs: Output[] = []
    let output = around
    for (const command of pipeline.toReversed()) {
      outputs.push(output)
      output = taken(command, output)
    }
    return outputs.reverse()
  }

  /** What becomes of what is piped into a command whose own output goes there. */
  function taken(command: Command, after: Output): Output {
    const output = outputOf(command.redirects) ?? after
    if (command.kind !== 'simple')
      return output === 'shown' && onlyShows(command, functions) ? 'shown' : 'used'
    const [first, ...rest] = withoutWrappers(command.words)
    const name = first === undefined ? '' : commandName(first)
    if (mute.has(name) || printing.has(name)) return 'shown'
    if (name === 'tee') {
      const files = rest.filter(word => !plain(word).startsWith('-'))
      return files.some(isFile) ? 'used' : output
    }
    return filters.has(name) ? output : 'used'
  }

  /** A function of the script that does nothing but print what it is given. */
  function onlyPrints(name: string): boolean {
    const known = printers.get(name)
    if (known !== undefined) return known
    const body = functions.get(name)
    const prints = body !== undefined && body !== null && onlyShowsList(body, functions)
    printers.set(name, prints)
    return prints
  }
}

const emptyWord: Word = { parts: [], start: 0, end: 0, line: 0 }

const ending: Readonly<Record<string, string>> = {
  python: 'py',
  node: 'js',
  ruby: 'rb',
  perl: 'pl',
  php: 'php'
}

function commandName(word: Word): string {
  const path = plain(word)
  return path.slice(path.lastIndexOf('/') + 1)
}

/** The words behind `sudo -u root`, `env NAME=value` and their like. */
function withoutWrappers(words: readonly Word[]): readonly Word[] {
  let at = 0
  while (at < words.length - 1 && wrapping.has(commandName(words[at] ?? emptyWord))) {
    at += 1
    while (at < words.length - 1 && /^(?:-|[A-Za-z_]\w*=)/.test(plain(words[at] ?? emptyWord))) {
      at += /^-[ugnC]$/.test(plain(words[at] ?? emptyWord)) ? 2 : 1
    }
  }
  return words.slice(at)
}

/** `exec > file`: everything that is printed from here on goes there. */
function isExecOfRedirects({ words, redirects }: Simple): boolean {
  return redirects.length > 0 && words.length === 1 && plain(words[0] ?? emptyWord) === 'exec'
}

/** Where redirects send the standard output; undefined where they leave it alone. */
function outputOf(redirects: readonly Redirect[]): Output | undefined {
  let output: Output | undefined
  for (const { operator, target } of redirects) {
    if (!/^[1&]?>/.test(operator)) continue
    const to = plain(target)
    if (operator.endsWith('&') && /^(?:\d+|-)$/.test(to)) {
      if (to !== '1') output = to === '2' || to === '-' ? 'shown' : 'used'
    } else output = isFile(target) ? 'used' : 'shown'
  }
  return output
}

/** Whether a target keeps what is written to it for something other than reading it later: no device and no log. */
function isFile(target: Word): boolean {
  const command = target.parts.find(part => part.kind === 'command')
  if (command !== undefined) {
    return !command.body.every(({ links }) =>
      links.every(({ pipeline }) =>
        pipeline.every(
          each =>
            each.kind === 'simple' &&
            /^(?:logger|tee|cat|ts|systemd-cat)$/.test(commandName(each.words[0] ?? emptyWord))
        )
      )
    )
  }
  if (target.parts.some(part => part.kind === 'variable' && /^log|log(?:_?file)?$/i.test(part.name)))
    return false
  const path = plain(target)
  return !/^\/dev\/|^\/proc\/self\/fd\/|^\/var\/log\/|\.log$/.test(path)
}

/** `echo "# PermitRootLogin yes" >> file` writes a comment. */
function isCommentText(words: readonly Word[]): boolean {
  const text = words
    .map(plain)
    .filter((word, index) => index > 0 || !/^-[neE]+$/.test(word))
    .join(' ')
  return /^\s*(?:#(?!!)|;|\/\/)/.test(text) && !/\\n|\n/.test(text)
}

/** The text of `sh -c '…'`, where it is one quoted literal. */
function scriptOf(words: readonly Word[]): Span | undefined {
  const at = words.findIndex(word => /^-[a-z]*c$/.test(plain(word)))
  const word = at < 0 ? undefined : words[at + 1]
  const [part, ...more] = word?.parts ?? []
  if (word === undefined || more.length > 0 || part?.kind !== 'text' || !part.quoted) return undefined
  return part.text.length === word.end - word.start - 2
    ? { start: word.start + 1, end: word.end - 1 }
    : undefined
}

/** The functions that a script defines, by name; null for one that is defined more than once. */
function functionsOf(list: List): ReadonlyMap<string, List | null> {
  const found = new Map<string, List | null>()
  for (const { links } of list)
    for (const { pipeline } of links)
      for (const command of pipeline)
        if (command.kind === 'function')
          found.set(command.name, found.has(command.name) ? null : command.body)
  return found
}

type Functions = ReadonlyMap<string, List | null>

function onlyShowsList(list: List, functions: Functions, depth = 0): boolean {
  return (
    list.length > 0 &&
    list.every(({ links }) =>
      links.every(({ pipeline }) => pipeline.every(command => onlyShows(command, functions, depth)))
    )
  )
}

/** Whether a command does nothing with its input and its arguments but show them, and ends perhaps. */
function onlyShows(command: Command, functions: Functions, depth = 0): boolean {
  if (depth > 5 || outputOf(command.redirects) === 'used') return false
  const deeper = (list: List) => onlyShowsList(list, functions, depth + 1)
  switch (command.kind) {
    case 'simple': {
      const [first, ...rest] = withoutWrappers(command.words)
      if (first === undefined) return true
      const name = commandName(first)
      if (name === 'printf' && plain(rest[0] ?? emptyWord) === '-v') return false
      if ([...command.words, ...command.assigns.map(({ value }) => value)].some(runsMore)) return false
      if (mute.has(name) || printing.has(name)) return true
      if (/^(?:exit|return|local|shift|read|cat|date|test|\[|\[\[|tput|set)$/.test(name)) return true
      const body = functions.get(name)
      return body !== undefined && body !== null && deeper(body)
    }
    case 'group':
      return deeper(command.body)
    case 'while':
    case 'until':
      return deeper(command.condition) && deeper(command.body)
    case 'for':
      return deeper(command.body)
    case 'if':
      return command.branches.every(
        ({ condition, body }) => (condition.length === 0 || deeper(condition)) && deeper(body)
      )
    case 'case':
      return command.arms.every(arm => arm.length === 0 || deeper(arm))
    case 'function':
      return true
  }
}

/** A substitution that does more than ask for the time or a name. */
function runsMore({ parts }: Word): boolean {
  return parts.some(
    part =>
      part.kind === 'command' &&
      !part.body.every(({ links }) =>
        links.every(({ pipeline }) =>
          pipeline.every(
            each =>
              each.kind === 'simple' &&
              /^(?:date|basename|dirname|hostname|whoami|id|tput|uname|echo|printf)$/.test(
                commandName(each.words[0] ?? emptyWord)
              )
          )
        )
      )
  )
}
