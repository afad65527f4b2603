import type { Place, Target } from './answer.ts'
import type { Choices } from './choices.ts'
import type { RehearsalFacts } from './facts.ts'
import type { Kernel, Process } from './kernel.ts'
import type { Docker } from './model/docker.ts'
import type { HostFiles } from './model/files.ts'
import type { Routes } from './model/routes.ts'
import type { Systemd } from './model/systemd.ts'
import type { Notes } from './notes.ts'

/** The host that is rehearsed: what its programs and its systemd share. One for each run. */
export interface Machine {
  readonly facts: RehearsalFacts
  readonly kernel: Kernel
  readonly choices: Choices
  readonly notes: Notes
  readonly files: HostFiles
  readonly docker: Docker
  readonly routes: Routes
  readonly systemd: Systemd
  /** Runs a program as a unit's process, to its end. */
  readonly run: (program: Invocation) => Promise<Answered>
}

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

/** A command of the model: one file each in `commands/`. It takes its time by `self.sleep`. */
export type Command = (call: Invocation, machine: Machine) => Promise<Answered>

/** A look of the model at whether something is there. */
export interface Seen {
  readonly target: Target
  /** As the asker is answered: `refused`, `404`, `200`, `active`. */
  readonly answer: string
}

export const done = (stdout = ''): Answered => ({ stdout, stderr: '', code: 0 })

export const failed = (code: number, stderr = '', stdout = ''): Answered => ({ stdout, stderr, code })
