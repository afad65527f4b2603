import type { Blanks } from './blanks.ts'
import { hashGrammar, tokens } from '../../lib/text/lexical.ts'
import { markShell } from './shell.ts'

/** Files that hold shell commands between lines of their own: YAML of pipelines, Dockerfiles, Makefiles. */

export type MarkFile = (path: string, text: string, offset: number) => void

/** Keys of pipelines and composes whose values a shell runs. */
const shellKeys = new Set(
  (
    'run script scripts commands command cmd cmds shell before_script after_script entrypoint bash sh exec ' +
    'prestart poststart prestop runcmd bootcmd user_data user-data installphase buildphase ansible.builtin.shell ' +
    'ansible.builtin.command'
  ).split(' ')
)

interface Block {
  readonly start: number
  readonly end: number
  readonly key: string
}

/** YAML: comments, and what the commands of pipelines do not do. What is in a block scalar is text, not a comment. */
export function markYaml(text: string, offset: number, blanked: Blanks, file: MarkFile): readonly number[] {
  const continued: number[] = []
  const { blocks, values } = yamlParts(text)
  let outside = ''
  let from = 0
  for (const { start, end } of blocks) {
    outside += text.slice(from, start) + text.slice(start, end).replaceAll(/[^\n]/g, ' ')
    from = end
  }
  outside += text.slice(from)
  const shell = (start: number, end: number) => {
    continued.push(...markShell(text.slice(start, end), start + offset, blanked, { file }))
  }
  for (const { start, end, key } of blocks) {
    if (shellKeys.has(key.toLowerCase()) || /^[ \t]*#!.*sh\b/.test(text.slice(start, end).slice(0, 200)))
      shell(start, end)
    else if (key.includes('.')) file(key, text.slice(start, end), start + offset)
    else {
      for (const { 0: line, index } of text.slice(start, end).matchAll(/^[ \t]*(?:#|\/\/|--|;)[^\n]*/gm))
        blanked.doubt({ start: start + index + offset, end: start + index + line.length + offset })
    }
  }
  const comments = tokens(outside, hashGrammar).filter(({ kind }) => kind === 'comment')
  const begins = new Set(comments.map(({ start }) => start))
  for (const { start, end } of values) {
    let stop = start
    while (stop < end && !begins.has(stop)) stop += 1
    const value = text.slice(start, stop).trimEnd()
    const quoted = /^(["'])(.*)\1$/s.exec(value)
    if (quoted !== null && !value.includes('\\')) shell(start + 1, start + value.length - 1)
    else if (!/^["'[{&*!]/.test(value)) shell(start, start + value.length)
  }
  for (const { start, end } of comments) blanked.set({ start: start + offset, end: end + offset }, 'inert')
  return continued
}

/** Block scalars with the key that each belongs to, and the values on one line that a shell runs. */
function yamlParts(text: string) {
  const blocks: Block[] = []
  const values: { readonly start: number; readonly end: number }[] = []
  let listOf = { indent: -1, isShell: false }
  let block: { readonly indent: number; readonly key: string; readonly start: number } | undefined
  for (let at = 0; at < text.length; ) {
    const end = endOfLine(text, at)
    const line = text.slice(at, end)
    const indent = /^ */.exec(line)?.[0].length ?? 0
    if (block !== undefined && (line.trim() === '' || indent > block.indent)) {
      at = end + 1
      continue
    }
    if (block !== undefined) blocks.push({ start: block.start, end: at, key: block.key })
    block = undefined
    const [, dashes = '', key = '', value = ''] =
      /^ *((?:- +)*)(?:["']?([\w./@-]{1,100})["']?:(?:[ \t]+|$))?(.*)$/.exec(line.slice(0, 2_000)) ?? []
    const column = indent + dashes.length
    const items = dashes !== '' && key === '' && indent >= listOf.indent && listOf.isShell
    const isShell = key === '' ? items : shellKeys.has(key.toLowerCase())
    if (/^(?:[!&][^\s]{1,100} +)*[|>][-+\d]{0,2}[ \t]*(?:#.*)?\r?$/.test(value)) {
      block = {
        indent: key === '' ? indent : column,
        key: isShell && key === '' ? 'run' : key,
        start: Math.min(end + 1, text.length)
      }
    } else if (isShell && value.trim() !== '') {
      const start = at + line.length - value.length
      if (line.length <= 2_000) values.push({ start, end })
    }
    if (key !== '') listOf = { indent: column, isShell: isShell && value.trim() === '' }
    at = end + 1
  }
  if (block !== undefined) blocks.push({ start: block.start, end: text.length, key: block.key })
  return { blocks, values }
}

/** Dockerfile: comments are lines of their own, also between joined ones; `RUN` and its like run a shell. */
export function markDockerfile(
  text: string,
  offset: number,
  blanked: Blanks,
  file: MarkFile
): readonly number[] {
  const continued: number[] = []
  // A comment between joined lines does not end them: to the shell it is not there.
  let joined = ''
  let from = 0
  for (const { 0: line, index } of text.matchAll(/^[ \t]*#[^\n]*(?:\n|$)/gm)) {
    blanked.set({ start: index + offset, end: index + line.trimEnd().length + offset }, 'inert')
    joined += text.slice(from, index) + ' '.repeat(line.length)
    from = index + line.length
  }
  joined += text.slice(from)
  for (let at = 0; at < joined.length; ) {
    const run =
      /^[ \t]*(?:ONBUILD[ \t]+)?(?:RUN|CMD|ENTRYPOINT|HEALTHCHECK(?:[ \t]+--\S+)*[ \t]+CMD)(?:[ \t]+--\S+)*[ \t]+(?!\[)/i.exec(
        joined.slice(at, at + 1_000)
      )
    let end = endOfLine(joined, at)
    while (/\\[ \t]*$/.test(joined.slice(Math.max(at, end - 20), end)) && end < joined.length) {
      continued.push(end - 1 + offset)
      end = endOfLine(joined, end + 1)
    }
    const word = /<<-?[ \t]*(["']?)([A-Za-z_]\w{0,60})\1/.exec(joined.slice(at, end))?.[2]
    if (word !== undefined) {
      const close = new RegExp(`^\\t*${word}[ \\t]*$`, 'm').exec(joined.slice(end))
      end = close === null ? joined.length : end + close.index + close[0].length
    }
    if (run !== null) {
      const start = at + run[0].length
      const body = joined.slice(start, end)
      const bare = /^<<-?[ \t]*(["']?)\w+\1[ \t]*\n/.exec(body)
      const inner = bare === null ? 0 : bare[0].length
      continued.push(...markShell(body.slice(inner), start + inner + offset, blanked, { file }))
    }
    at = end + 1
  }
  return continued
}

/** Makefile and justfile: comments, and what the shell lines of their recipes do not do. */
export function markMakefile(
  text: string,
  offset: number,
  blanked: Blanks,
  file: MarkFile
): readonly number[] {
  const continued: number[] = []
  for (let at = 0; at < text.length; ) {
    let end = endOfLine(text, at)
    while (text[end - 1] === '\\' && end < text.length) {
      continued.push(end - 1 + offset)
      end = endOfLine(text, end + 1)
    }
    const line = text.slice(at, end)
    const recipe = /^(?:\t| {2,})[ \t]*[@+-]*/.exec(line)
    if (recipe !== null) {
      const start = at + recipe[0].length
      // `$(NAME)` and `{{name}}` are filled in before the shell sees the line; `$$` is its dollar.
      const body = text
        .slice(start, end)
        .replaceAll(/\$\$/g, 'x$')
        .replaceAll(/(?<!x)\$\([\w.-]{1,60}\)|\{\{[^{}\n]{0,100}\}\}/g, found => 'x'.repeat(found.length))
      continued.push(...markShell(body, start + offset, blanked, { file }))
    } else {
      const comment = /(?:^|[^\\])#/.exec(line)
      if (comment !== null) {
        const start = at + comment.index + comment[0].length - 1
        blanked.set({ start: start + offset, end: end + offset }, 'inert')
      }
      for (const { 0: told, index } of line.matchAll(/\$\((?:info|warning|error) [^()\n]*\)/g))
        blanked.set({ start: at + index + offset, end: at + index + told.length + offset }, 'inert')
    }
    at = end + 1
  }
  return continued
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from)
  return end < 0 ? text.length : end
}
