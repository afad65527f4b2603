import type { UnitEnd } from './answer.ts'
import type { Answered, Invocation } from './invocation.ts'
import type { Choices } from './choices.ts'
import type { RehearsalFacts } from './rehearsal-facts.ts'
import type { Kernel, Process } from './kernel.ts'
import type { Docker } from './model/docker-model.ts'
import type { HostFiles } from './model/file-model.ts'
import type { Network } from './model/network-model.ts'
import type { Notes } from './notes.ts'
import type { Desk } from './programs/desk.ts'

/** The jobs of a boot, and how far they are. */
export interface Systemd {
  /** Sets the boot going: the default target and what it pulls in. */
  readonly boot: () => void
  /** Whether every job of the boot has ended. */
  readonly settled: () => boolean
  /** Virtual time at which the last job ended or began. */
  readonly lastChange: () => number
  /** By any of its names; null where it has no job. */
  readonly state: (name: string) => UnitEnd | null
  /** The full name of the unit, whichever of its names is given. */
  readonly idOf: (name: string) => string
  readonly isKnown: (name: string) => boolean
  readonly hasJob: (name: string) => boolean
  /** Its file is one of those that come with the system. */
  readonly isOfDistribution: (unit: string) => boolean
  readonly ends: () => readonly UnitEnd[]
  /** Whether its start was ended by a time limit of systemd. */
  readonly timedOut: (unit: string) => boolean
  /** Whether the second starts only after the first, by a chain of orderings within this boot. */
  readonly isAfter: (later: string, earlier: string) => boolean
  /** Directly before it within this boot. */
  readonly orderedAfter: (unit: string) => readonly string[]
  readonly orderingCycles: () => readonly (readonly string[])[]
  /** A job of a running program; ends when that job has, unless `block` is false. */
  readonly request: (
    self: Process,
    name: string,
    verb: 'start' | 'restart' | 'stop' | 'try-restart',
    options: { readonly block: boolean; readonly ignoreOrder: boolean; readonly state: string | null }
  ) => Promise<'done' | 'failed' | 'missing'>
  /** `systemd-notify --ready`, or a daemon of which we take that it says so. */
  readonly ready: (unit: string) => void
}

/** The host that is rehearsed: what its programs and its systemd share. One for each run. */
export interface Machine {
  readonly facts: RehearsalFacts
  readonly kernel: Kernel
  readonly choices: Choices
  readonly notes: Notes
  readonly files: HostFiles
  readonly docker: Docker
  readonly network: Network
  readonly systemd: Systemd
  readonly desk: Desk
  /** Runs a program as a unit's process, to its end. */
  readonly run: (program: Invocation) => Promise<Answered>
}

/** A command of the model: they stand in `commands/`. It takes its time by `self.sleep`. */
export type Command = (call: Invocation, machine: Machine) => Promise<Answered>
