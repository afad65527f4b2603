import type { Blanks } from './blanks.ts'
import { markShell, type ShellOptions } from './shell.ts'
import type { Span } from './shell-syntax.ts'

/** Marks a text in another language that a Nix string holds. */
export type MarkFile = NonNullable<ShellOptions['file']>

interface Level {
  readonly mode: 'code' | '"' | "''"
  readonly start: number
  /** Braces that are open in code. */
  braces: number
  /** Interpolations and escapes of a string: no text of the language that it holds. */
  readonly holes: Span[]
}

interface Held {
  readonly start: number
  readonly end: number
  readonly holes: readonly Span[]
}

const maxDepth = 200

/**
 * Marks Nix's own comments, and what the scripts that it holds in strings do not do.
 *
 * @returns where lines of the scripts go on, as offsets.
 */
export function markNix(text: string, blanked: Blanks, file?: MarkFile): readonly number[] {
  const comments: Span[] = []
  const held: Held[] = []
  const levels: Level[] = [{ mode: 'code', start: 0, braces: 0, holes: [] }]
  let at = 0
  while (at < text.length) {
    const level = levels.at(-1)
    if (level === undefined || levels.length > maxDepth) break
    if (level.mode === 'code') code(level)
    else inString(level)
  }
  // A string that never closes holds the rest.
  for (const { mode, start, holes } of levels)
    if (mode === "''") held.push({ start: start + 2, end: text.length, holes })

  const continued: number[] = []
  for (const each of held) continued.push(...inside(each))
  // Last: the shell text of an outer string knows nothing of the comments in its interpolations.
  for (const comment of comments) blanked.set(comment, 'inert')
  return continued

  function open(mode: Level['mode'], start: number, length: number) {
    levels.push({ mode, start, braces: 0, holes: [] })
    at = start + length
  }

  function code(level: Level) {
    const char = text[at]
    if (char === '#' || text.startsWith('/*', at)) {
      const end = char === '#' ? text.indexOf('\n', at) : text.indexOf('*/', at + 2)
      const stop = end < 0 ? text.length : char === '#' ? end : end + 2
      comments.push({ start: at, end: stop })
      at = stop
    } else if (char === '"') open('"', at, 1)
    // `foldl'` is a name.
    else if (text.startsWith("''", at) && !/[\w'-]/.test(text[at - 1] ?? '')) open("''", at, 2)
    else {
      at += 1
      if (char === '{') level.braces += 1
      else if (char === '}') {
        if (level.braces > 0) level.braces -= 1
        else if (levels.length > 1) {
          levels.pop()
          levels.at(-1)?.holes.push({ start: level.start, end: at })
        }
      }
    }
  }

  function inString(level: Level) {
    if (text.startsWith('${', at)) return open('code', at, 2)
    if (text.startsWith('$$', at)) {
      at += 2
      return
    }
    if (level.mode === '"') {
      if (text[at] === '\\') {
        level.holes.push({ start: at, end: at + 1 })
        at += 2
      } else if (text[at] === '"') {
        held.push({ start: level.start + 1, end: at, holes: level.holes })
        levels.pop()
        at += 1
      } else at += 1
      return
    }
    if (!text.startsWith("''", at)) {
      at += 1
      return
    }
    const next = text[at + 2]
    if (next === "'" || next === '$' || next === '\\') {
      level.holes.push({ start: at, end: at + 2 })
      at += next === '\\' ? 4 : 3
      return
    }
    held.push({ start: level.start + 2, end: at, holes: level.holes })
    levels.pop()
    at += 2
  }

  function inside({ start, end, holes }: Held): readonly number[] {
    const quote = text[start - 1] === '"' ? 1 : 2
    const before = text.slice(Math.max(0, start - quote - 300), start - quote)
    if (/\b(?:trace|warn|throw|abort)\s+$/.test(before)) {
      blanked.set({ start, end }, 'inert')
      return []
    }
    const body = filled(start, end, holes)
    const path = /\betc\."([^"\n]{1,200})"\s*(?:=\s*\{[^{}]*\b|\.)text\s*=\s*$/.exec(before)?.[1]
    if (path !== undefined && !path.includes('${')) file?.(path, body, start)
    else if (/\btestScript\s*=\s*$|\bwritePython\w*[^;]*$/.test(before)) file?.('script.py', body, start)
    else if (quote === 2 || isScript(before))
      return markShell(body, start, blanked, file === undefined ? {} : { file })
    return []
  }

  /** The text with what is none of the script's own replaced, as long as before. */
  function filled(start: number, end: number, holes: readonly Span[]): string {
    let out = ''
    let from = start
    for (const hole of holes) {
      out += text.slice(from, hole.start) + 'x'.repeat(Math.max(0, Math.min(hole.end, end) - hole.start))
      from = hole.end
    }
    return out + text.slice(from, end)
  }
}

/** Whether the attribute that a string is given to holds a script. */
function isScript(before: string): boolean {
  return /(?:[sS]cript|preStart|postStart|preStop|postStop|reload|Phase|shellHook|buildCommand|[sS]hellInit)\s*=\s*$|\bwrite(?:Shell|Bash|Dash)\w*\s+"[^"\n]*"\s*$/.test(
    before
  )
}
