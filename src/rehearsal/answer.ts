import type { NetworkFact, ServiceFact, ContainerFact } from './rehearsal-facts.ts'

/** What a rehearsal found, as JSON: becomes a fact. Times are virtual milliseconds since the boot began. */
export interface Rehearsal {
  readonly schema: 1
  /** The cold boot: nothing is up but what its units have brought up. */
  readonly boot: Run
  /** The same boot in which the units that stood still hold up nobody; null where none did. */
  readonly through: Run | null
  /** One for each unit that stood still during its start, in the order in which they started. */
  readonly waits: readonly Wait[]
  /** Orderings that contradict themselves, each from a unit back to itself: systemd drops one of their jobs. */
  readonly orderingCycles: readonly (readonly string[])[]
  /** Every command that a start executed in any of the worlds that were tried: dead code is not among them. */
  readonly executed: readonly Executed[]
  /** Every line of a program that a start reached in any of these worlds. */
  readonly reached: readonly Reached[]
  /**
   * In byte order of their paths: wanted by a program (or as an `EnvironmentFile`), and neither read nor known to be
   * missing. Not empty: read these, add them to the facts (`missing` where there is none), and rehearse again. Until
   * then what depends on them is unknown.
   */
  readonly asked: readonly string[]
  /** Every program, value and answer that is not known, in the order in which it was met, over all worlds. */
  readonly unknowns: readonly UnknownThing[]
}

/** One boot from start to end. */
export interface Run {
  /**
   * `settled`: nothing is left to happen; `horizon`: something goes on for ever (a daemon as well as a wait); `budget`:
   * the rehearsal was stopped, and what it says is incomplete.
   */
  readonly ended: 'settled' | 'horizon' | 'budget'
  readonly lasted: number
  readonly timeline: readonly Happening[]
  readonly units: readonly UnitEnd[]
  readonly up: readonly BroughtUp[]
  readonly docker: DockerEnd
}

/** What Docker has at the end; `unit`: whose program brought it up. */
export interface DockerEnd {
  readonly networks: readonly (NetworkFact & Maker)[]
  readonly stacks: readonly ({ readonly name: string } & Maker)[]
  readonly services: readonly (ServiceFact & Maker)[]
  readonly containers: readonly (ContainerFact & Maker)[]
}

export interface Maker {
  /** `docker.service` with `restored`: no unit of this boot deploys it, Docker itself brings it back. */
  readonly unit: string
  readonly restored: boolean
}

/** A place in a program or unit file. */
export interface Place {
  readonly path: string
  /** From 1 on. */
  readonly line: number
}

export type Happening =
  | {
      readonly at: number
      readonly kind: 'unit'
      readonly unit: string
      readonly state: UnitState
      readonly why?: string
    }
  | ({ readonly kind: 'asked' } & Asked)
  | ({ readonly kind: 'up' } & BroughtUp)

/** A question of a program to the host: whether something answers, listens, exists or is active. */
export interface Asked {
  /** The first time it was asked, where it was answered the same several times in a row. */
  readonly at: number
  readonly unit: string
  readonly place: Place | null
  /** `curl -sf https://app.example.test`: words as executed. */
  readonly argv: readonly string[]
  readonly target: Target
  /** As the asker is answered: `refused`, `404`, `200`, `missing`, `inactive` … */
  readonly answer: string
  /** The unit that brought up what answers; null where nothing does, or it was there from the beginning. */
  readonly by: string | null
  /** How often the same question got the same answer in a row, and when last. */
  readonly times: number
  readonly last: number
}

/** `done`: a start that ended well and leaves nothing running. `skipped`: by a condition. `dependency`: what it requires failed. */
export type UnitState = 'starting' | 'active' | 'done' | 'failed' | 'skipped' | 'dependency'

export interface UnitEnd {
  readonly unit: string
  /** `starting`: it never got to an end. `waiting`: what it is ordered after never did. */
  readonly state: UnitState | 'waiting'
  /** When its start began and ended; null where it did not. */
  readonly began: number | null
  readonly ended: number | null
  readonly why: string | null
}

/** A command that was executed, its variables filled in. */
export interface Executed {
  readonly unit: string
  readonly place: Place | null
  /** As executed: the first word may be a path. */
  readonly argv: readonly string[]
  /** `shell`: a part of the shell that does nothing but to the shell, or prints (`echo`, `:`, `[`, `cd`, `export` …). */
  readonly kind: 'program' | 'shell'
  /** With what it ended first; null where it did not end. */
  readonly code: number | null
}

export interface Reached {
  readonly unit: string
  readonly path: string
  /** Ascending; on which a command begins, those of its here-documents and continuations not counted. */
  readonly lines: readonly number[]
}

/** Something that answers, listens or exists since a unit's program did what it did. */
export interface BroughtUp {
  readonly at: number
  readonly unit: string
  readonly target: Target
  /** The command that did it; null where it is the end of the unit's start, or Docker's own doing. */
  readonly place: Place | null
  readonly argv: readonly string[]
}

/** What can be asked for, and be brought up. `key` is what makes two of them the same. */
export type Target =
  /** `key`: `https://app.example.test/health`. */
  | {
      readonly kind: 'url'
      readonly key: string
      readonly host: string
      readonly port: number
      readonly path: string
      readonly tls: boolean
    }
  /** `key`: `127.0.0.1:8080`. */
  | { readonly kind: 'port'; readonly key: string; readonly host: string; readonly port: number }
  /** `key`: `shop.service`. */
  | { readonly kind: 'unit'; readonly key: string }
  /** `key`: its name; of a file its path; of the engine `docker`; of the boot (`is-system-running --wait`) `boot`. */
  | {
      readonly kind: 'network' | 'stack' | 'service' | 'container' | 'file' | 'engine' | 'boot'
      readonly key: string
    }

/** A start that stood still: it did not end, or only by giving up, or later than it would have. */
export interface Wait {
  readonly unit: string
  /** The last thing it asked for while it stood still: its question, and the answer that it got then. */
  readonly place: Place | null
  readonly argv: readonly string[]
  readonly target: Target
  readonly answer: string
  /**
   * - `circle`: it never ends by itself (systemd's own time limit does not count). It ends as soon as it holds up nobody,
   *   by what a unit brings up that is ordered after it, or only together with a further such wait. Certain: a finding.
   * - `outlasts`: as `circle`, but its program gives up after `stood`, and its start fails. Certain: a finding.
   * - `delays`: it gives up after `stood`, and goes on as if nothing were: no deadlock, but each cold boot takes longer.
   * - `never`: it does not end well, and would not if it held up nobody: what it asks for is of another host, or nothing of
   *   this boot brings it up. No deadlock.
   * - `unknown`: one of these, and which depends on what is not known: `dependsOn`.
   */
  readonly verdict: 'circle' | 'outlasts' | 'delays' | 'never' | 'unknown'
  /** How long it stood still in the cold world, until it gave up; null: for ever. */
  readonly stood: number | null
  /** What ends it once it holds up nobody, who brings that up, when, and by which command; null where nothing does. */
  readonly broughtUpBy: BroughtUp | null
  /** The units of the circle, from `unit` on, each of which waits for or starts after the next one; empty where it is none. */
  readonly circle: readonly string[]
  /** Units that could not start meanwhile. */
  readonly holds: readonly string[]
  /** For `unknown`: names of what would have to be known, as in `Rehearsal.unknowns`. Never empty then. */
  readonly dependsOn: readonly string[]
}

export interface UnknownThing {
  /** `perl`, `hostname -d`, `/opt/x.pl`, `https://api.example.test/`. */
  readonly name: string
  /**
   * `program`: it cannot be looked into, and may do anything; `answer`: what the host or another one says to a question;
   * `value`: of a variable; `limits`: a program ran out of what it may use.
   */
  readonly kind: 'program' | 'answer' | 'value' | 'limits'
  readonly unit: string
  readonly place: Place | null
  readonly why: string
}

/** The rehearsal itself could not be done. */
export interface NotRehearsed {
  readonly unknown: string
}
