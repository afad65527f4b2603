import { type Grammar, hashGrammar, nixGrammar, pythonGrammar, slashGrammar, tokens } from './lexical.ts'
import {
  type Command,
  type List,
  parseShell,
  plain,
  type Span,
  startsOfLines,
  type Word
} from './shell-text.ts'

/** A line of a program as far as it does something. */
export interface CodeLine {
  /** Its number in the file, from 1; the first of them where a backslash joins several lines. */
  readonly line: number
  /** Without comments and without what is only said (arguments of `echo`, `printf`, `:`), trimmed. */
  readonly text: string
}

/** How comments are written in a text. `plain` has none. */
export type TextKind = 'shell' | 'python' | 'nix' | 'hash' | 'slash' | 'unit' | 'plain'

/** Commands whose arguments are only said, or ignored. */
const silent = new Set(['echo', 'printf', ':', 'true', 'false', 'logger'])

/** Whether a program only says its arguments, or ignores them. */
export function isSilent(program: string): boolean {
  return silent.has(program)
}

/**
 * The lines of a program that do something: what a search for `contains` and `lacks` looks at. A command
 * substitution inside an `echo` runs and therefore stays; so does a here-document that is fed to a program
 * or written to a file.
 *
 * @param kind how comments are written in it; by default what its first line and `path` say.
 */
export function codeLines(text: string, kind: TextKind = kindOf('', text)): readonly CodeLine[] {
  const mask = masks[kind](text)
  const starts = startsOfLines(text)
  const lines: CodeLine[] = []
  let pending: CodeLine | undefined
  for (let index = 0; index < starts.length; index++) {
    const start = starts[index] ?? 0
    const end = starts[index + 1] ?? text.length
    const goesOn = mask.continued.has(end - 2)
    const kept = mask.keep(start, goesOn ? end - 2 : end).trim()
    const line: CodeLine =
      pending === undefined
        ? { line: index + 1, text: kept }
        : { line: pending.line, text: `${pending.text} ${kept}`.trim() }
    if (goesOn) pending = line
    else {
      if (line.text !== '') lines.push(line)
      pending = undefined
    }
  }
  if (pending !== undefined && pending.text !== '') lines.push(pending)
  return lines
}

/** Files that tell or list, and do nothing: only their names say so. */
function isProse(path: string): boolean {
  return /\.(?:md|markdown|txt|rst|adoc|org|json|csv|tsv|lock|html?|xml|svg)$/i.test(path)
}

/** `codeLines` of a file. Where nobody knows how comments are written, lines that begin as most do are taken for some. */
export function codeOf(path: string, text: string): readonly CodeLine[] {
  const kind = kindOf(path, text)
  const code = codeLines(text, kind)
  return kind === 'plain' && !isProse(path) ? code.filter(({ text }) => !/^(?:#|\/\/)/.test(text)) : code
}

/** What a file is written in, by its first line and its name. */
export function kindOf(path: string, text: string): TextKind {
  const shebang = /^#![^\n]{0,300}/.exec(text)?.[0] ?? ''
  if (/\bpython[\d.]*\b/.test(shebang)) return 'python'
  if (/\b(?:ba|da|a|k|z)?sh\b/.test(shebang)) return 'shell'
  if (shebang !== '') return 'hash'
  const name = path.slice(path.lastIndexOf('/') + 1).toLowerCase()
  const extension = /\.([a-z0-9]+)$/.exec(name)?.[1] ?? ''
  return byExtension[extension] ?? (/^(?:dockerfile|makefile|justfile|\.env)/.test(name) ? 'hash' : 'plain')
}

const byExtension: Readonly<Record<string, TextKind>> = {
  ...all('shell', 'sh bash zsh ksh'),
  ...all('python', 'py pyi'),
  ...all('nix', 'nix'),
  ...all('hash', 'yml yaml toml tf hcl conf cfg env rb pl'),
  ...all('slash', 'js mjs cjs ts mts cts go rs c h cc cpp java kt jsonc'),
  ...all('unit', 'service socket timer path target mount slice network netdev link ini')
}

function all(kind: TextKind, extensions: string): Record<string, TextKind> {
  return Object.fromEntries(extensions.split(' ').map(extension => [extension, kind]))
}

/** Which characters of a text count, and which line ends do not end a line. */
interface Mask {
  keep(start: number, end: number): string
  readonly continued: ReadonlySet<number>
}

const masks: Readonly<Record<TextKind, (text: string) => Mask>> = {
  shell: text => {
    const blanked = new Blanks(text)
    const continued = shellBlanks(text, 0, blanked)
    return blanked.mask(continued)
  },
  nix: nixMask,
  python: pythonMask,
  hash: text => commentMask(text, hashGrammar),
  slash: text => commentMask(text, slashGrammar),
  unit: text => {
    const blanked = new Blanks(text)
    for (const { 0: comment, index } of text.matchAll(/^[ \t]*[#;][^\n]*/gm))
      blanked.set({ start: index, end: index + comment.length }, 0)
    return blanked.mask([...text.matchAll(/\\\n/g)].map(({ index }) => index))
  },
  plain: text => new Blanks(text).mask([])
}

class Blanks {
  readonly #text: string
  readonly #kept: Uint8Array

  constructor(text: string) {
    this.#text = text
    this.#kept = new Uint8Array(text.length).fill(1)
  }

  set(span: Span, kept: 0 | 1) {
    this.#kept.fill(kept, span.start, Math.max(span.start, span.end))
  }

  mask(continued: Iterable<number>): Mask {
    return {
      continued: new Set(continued),
      keep: (start, end) => {
        let text = ''
        let from = -1
        for (let at = start; at < end; at++) {
          if (this.#kept[at] === 1) {
            if (from < 0) from = at
          } else if (from >= 0) {
            text += this.#text.slice(from, at)
            from = -1
          }
        }
        return from < 0 ? text : text + this.#text.slice(from, end)
      }
    }
  }
}

/** Blanks what a shell text, `offset` characters into the whole, does not do. Returns where its lines go on. */
function shellBlanks(text: string, offset: number, blanked: Blanks): readonly number[] {
  const script = parseShell(text)
  const moved = ({ start, end }: Span): Span => ({ start: start + offset, end: end + offset })
  const set = (span: Span, kept: 0 | 1) => blanked.set(moved(span), kept)
  lists(script.body)
  for (const comment of script.comments) set(comment, 0)
  return script.continued.map(at => at + offset)

  function lists(list: List) {
    for (const { links } of list)
      for (const { pipeline } of links)
        for (const [index, command] of pipeline.entries()) commands(command, pipeline.length > index + 1)
  }

  function commands(command: Command, piped: boolean) {
    if (command.kind === 'simple') {
      const [name, ...rest] = command.words
      const said = name === undefined ? undefined : baseName(plain(name))
      const isSilent = said !== undefined && silent.has(said)
      const shown = said === 'cat' && !piped && !command.redirects.some(writesFile)
      for (const word of rest) if (isSilent) set(word, 0)
      for (const redirect of command.redirects) {
        const { document, operator, target } = redirect
        if (document !== undefined && (isSilent || shown || name === undefined)) set(document, 0)
        if (operator.endsWith('<<<') && (isSilent || shown)) set(target, 0)
      }
      for (const word of [
        ...command.words,
        ...command.assigns.map(assign => assign.value),
        ...command.redirects.map(redirect => redirect.target)
      ]) {
        substitutions(word)
      }
      return
    }
    switch (command.kind) {
      case 'if':
        for (const { condition, body } of command.branches) {
          lists(condition)
          lists(body)
        }
        return
      case 'case':
        for (const arm of command.arms) lists(arm)
        return
      case 'while':
      case 'until':
        lists(command.condition)
        lists(command.body)
        return
      case 'for':
        command.items.forEach(substitutions)
        lists(command.body)
        return
      case 'group':
      case 'function':
        lists(command.body)
    }
  }

  function substitutions(word: Word) {
    for (const part of word.parts) {
      if (part.kind !== 'command') continue
      set(part, 1)
      lists(part.body)
    }
  }
}

function writesFile({ operator, target }: { readonly operator: string; readonly target: Word }) {
  return /^\d*&?>>?\|?$/.test(operator) && plain(target) !== '/dev/null'
}

function baseName(path: string) {
  return path.slice(path.lastIndexOf('/') + 1)
}

function commentMask(text: string, grammar: Grammar): Mask {
  const blanked = new Blanks(text)
  for (const token of tokens(text, grammar)) if (token.kind === 'comment') blanked.set(token, 0)
  return blanked.mask([])
}

/** Nix: comments of its own, and the shell comments and echoes of the scripts that it holds in `''` strings. */
function nixMask(text: string): Mask {
  const blanked = new Blanks(text)
  const continued: number[] = []
  for (const token of tokens(text, nixGrammar)) {
    if (token.kind === 'comment') blanked.set(token, 0)
    else if (token.quote === "''") {
      continued.push(...shellBlanks(text.slice(token.start + 2, token.end - 2), token.start + 2, blanked))
    }
  }
  return blanked.mask(continued)
}

/** Python: comments, strings that stand alone (docstrings), and what `print` and loggers merely say. */
function pythonMask(text: string): Mask {
  const blanked = new Blanks(text)
  const open: { readonly start: number; readonly said: boolean; calls: boolean }[] = []
  let at = 0
  const code = (end: number) => {
    for (; at < end; at++) {
      const char = text[at]
      if (char === '(' || char === '[' || char === '{') {
        for (const outer of open) outer.calls ||= char === '('
        open.push({
          start: at + 1,
          said: char === '(' && saying.test(text.slice(Math.max(0, at - 40), at)),
          calls: false
        })
        if (open.length > 200) return
      } else if (char === ')' || char === ']' || char === '}') {
        const inner = open.pop()
        if (inner?.said === true && !inner.calls) blanked.set({ start: inner.start, end: at }, 0)
      }
    }
  }
  for (const token of tokens(text, pythonGrammar)) {
    code(token.start)
    at = token.end
    if (token.kind === 'comment' || (open.length === 0 && standsAlone(text, token))) blanked.set(token, 0)
  }
  code(text.length)
  return blanked.mask([])
}

const saying = /(?:^|[^\w.])(?:print|(?:log|logger|logging)\.[a-z]+)$/

function standsAlone(text: string, { start, end }: Span) {
  const before = text.slice(Math.max(0, start - 200), start)
  const after = text.slice(end, end + 200)
  return /(?:^|\n)[ \t]*[rbfuRBFU]{0,2}$/.test(before) && /^[ \t]*(?:#|\r?\n|$)/.test(after)
}
