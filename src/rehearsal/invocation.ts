import type { Place, Target } from './answer.ts'
import type { Process } from './kernel.ts'

/** A program that is to be run, or a command that a program executes. */
export interface Invocation {
  /** The name or path first. */
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  readonly stdin: string
  /** On whose time it runs. */
  readonly self: Process
  /** The unit of which it is a part. */
  readonly unit: string
  /** Where in a program or unit file it is written, as far as that is known. */
  readonly place: Place | null
  /** See `Process.sleep`; null where it cannot be told. */
  readonly state: string | null
}

export interface Answered {
  readonly stdout: string
  readonly stderr: string
  readonly code: number
}

/** A look of the model at whether something is there. */
export interface Seen {
  readonly target: Target
  /** As the asker is answered: `refused`, `404`, `200`, `active`. */
  readonly answer: string
  /** The unit that brought up what answers. */
  readonly by: string | null
}

/** The state of a process within a command: a command that sleeps more than once has one of its own for each. */
export function stateIn({ state }: Pick<Invocation, 'state'>, part: string): string | null {
  return state === null ? null : `${state} ${part}`
}

export const done = (stdout = ''): Answered => ({ stdout, stderr: '', code: 0 })

export const failed = (code: number, stderr = '', stdout = ''): Answered => ({ stdout, stderr, code })

/** The part of a path behind its last slash: by it a program is known, wherever it lies. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** A path as the file model knows it: from the root, without `.` and `..`. */
export function absolute(path: string, cwd: string): string {
  const full = path.startsWith('/') ? path : `${cwd}/${path}`
  const parts: string[] = []
  for (const part of full.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return `/${parts.join('/')}`
}
