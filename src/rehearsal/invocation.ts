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
}

export const done = (stdout = ''): Answered => ({ stdout, stderr: '', code: 0 })

export const failed = (code: number, stderr = '', stdout = ''): Answered => ({ stdout, stderr, code })
