import { Blanks, type Mask } from '../languages/blanks.ts'
import { markPython } from '../languages/calls.ts'
import { markFile } from '../languages/languages.ts'
import { type Grammar, hashGrammar, slashGrammar, tokens } from '../../lib/text/lexical.ts'
import { markNix } from '../languages/nix.ts'
import { markShell } from '../languages/shell.ts'
import { startsOfLines } from '../languages/shell-syntax.ts'

/** A line of a program as far as it does something. */
export interface CodeLine {
  /** Its number in the file, from 1; the first of them where a backslash joins several lines. */
  readonly line: number
  /** Without comments and without what is only said (arguments of `echo`, `printf`, `:`), trimmed. */
  readonly text: string
}

/** How comments are written in a text. `plain` has none. */
export type TextKind = 'shell' | 'python' | 'nix' | 'hash' | 'slash' | 'unit' | 'plain'

/**
 * The lines of a program that do something: what a search for `contains` and `lacks` looks at. A command
 * substitution inside an `echo` runs and therefore stays; so does a here-document that is fed to a program
 * or written to a file.
 *
 * @param kind how comments are written in it; by default what its first line and `path` say.
 */
export function codeLines(text: string, kind: TextKind = kindOf('', text)): readonly CodeLine[] {
  return linesOf(text, masks[kind](text))
}

/** The lines of which something counts; with `unclear`, also where it may not. */
function linesOf(text: string, mask: Mask, unclear = true): readonly CodeLine[] {
  const starts = startsOfLines(text)
  const lines: CodeLine[] = []
  let pending: CodeLine | undefined
  for (let index = 0; index < starts.length; index++) {
    const start = starts[index] ?? 0
    const end = starts[index + 1] ?? text.length
    const goesOn = mask.continued.has(end - 2)
    const kept = mask.keep(start, goesOn ? end - 2 : end, unclear).trim()
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

/** A file of the repo, as far as it does something. */
export interface FileCode {
  /** Null where comments cannot be told from the rest, `text` where there are none: it is judged as text. */
  readonly language: string | null
  /** Lines that do something or hold data, joined where a backslash joins them. */
  readonly does: readonly CodeLine[]
  /** The same with what may be a comment, depending on which program reads the file. */
  readonly may: readonly CodeLine[]
  /** One text for each line of the file, with its indentation: of `does`, and of `may`. */
  readonly rows: { readonly does: readonly string[]; readonly may: readonly string[] }
}

/** What counts of a file, by the language that its name or its first line says. Line ends are LF. */
export function fileCode(path: string, text: string): FileCode {
  const blanked = new Blanks(text)
  const { continued, language } = markFile(path, text, blanked)
  const mask = blanked.mask(continued)
  const starts = startsOfLines(text)
  const rows = (unclear: boolean) =>
    starts.map((start, index) => mask.keep(start, (starts[index + 1] ?? text.length + 1) - 1, unclear))
  return {
    language,
    does: linesOf(text, mask, false),
    may: linesOf(text, mask),
    rows: { does: rows(false), may: rows(true) }
  }
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

const masks: Readonly<Record<TextKind, (text: string) => Mask>> = {
  shell: text => {
    const blanked = new Blanks(text)
    return blanked.mask(markShell(text, 0, blanked))
  },
  nix: text => {
    const blanked = new Blanks(text)
    return blanked.mask(markNix(text, blanked))
  },
  python: text => {
    const blanked = new Blanks(text)
    markPython(text, 0, blanked)
    return blanked.mask([])
  },
  hash: text => commentMask(text, hashGrammar),
  slash: text => commentMask(text, slashGrammar),
  unit: text => {
    const blanked = new Blanks(text)
    for (const { 0: comment, index } of text.matchAll(/^[ \t]*[#;][^\n]*/gm))
      blanked.set({ start: index, end: index + comment.length }, 'inert')
    return blanked.mask([...text.matchAll(/\\\n/g)].map(({ index }) => index))
  },
  plain: text => new Blanks(text).mask([])
}

function commentMask(text: string, grammar: Grammar): Mask {
  const blanked = new Blanks(text)
  for (const token of tokens(text, grammar)) if (token.kind === 'comment') blanked.set(token, 'inert')
  return blanked.mask([])
}
