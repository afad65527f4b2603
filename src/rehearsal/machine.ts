import type { UnitEnd } from './answer.ts'
import type { Answered, Invocation } from './invocation.ts'
import type { Choices } from './choices.ts'
import type { RehearsalFacts } from './rehearsal-facts.ts'
import type { Kernel } from './kernel.ts'
import type { Docker } from './model/docker-model.ts'
import type { HostFiles } from './model/file-model.ts'
import type { Routes } from './model/route-model.ts'
import type { Notes } from './notes.ts'

/** The jobs of a boot, and how far they are. */
export interface Systemd {
  /** Sets the boot going: the default target and what it pulls in. */
  readonly boot: () => void
  /** By any of its names; null where there is none. */
  readonly state: (name: string) => UnitEnd | null
  readonly ends: () => readonly UnitEnd[]
  /** Whether the second starts only after the first, by a chain of orderings within this boot. */
  readonly isAfter: (later: string, earlier: string) => boolean
}

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

/** A command of the model: one file each in `commands/`. It takes its time by `self.sleep`. */
export type Command = (call: Invocation, machine: Machine) => Promise<Answered>
