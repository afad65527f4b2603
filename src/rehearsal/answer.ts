/** What a rehearsal found, as JSON: becomes a fact. Times are virtual milliseconds since the boot began. */
export interface Rehearsal {
  readonly schema: 1
  readonly boot: Run
  readonly waits: readonly Wait[]
  /** In byte order of their paths: wanted by a program, and neither read nor known to be missing. */
  readonly asked: readonly string[]
  /** Every value and program the answer may depend on and that is not known, in the order in which it was met. */
  readonly unknowns: readonly UnknownThing[]
}

/** One cold boot from start to end, in the world in which nothing was decided that we do not know. */
export interface Run {
  /** `settled`: nothing is left to happen; `horizon`: something would go on for ever; `budget`: we stopped it. */
  readonly ended: 'settled' | 'horizon' | 'budget'
  readonly lasted: number
  readonly timeline: readonly Happening[]
  readonly units: readonly UnitEnd[]
  readonly executed: readonly Executed[]
  readonly up: readonly BroughtUp[]
}

/** A place in a program or unit file. */
export interface Place {
  readonly path: string
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
  | {
      readonly at: number
      readonly kind: 'asked'
      readonly unit: string
      readonly place: Place | null
      /** `curl -sf https://app.example.test`: words as executed. */
      readonly argv: readonly string[]
      readonly target: Target
      readonly answer: string
      /** How often the same question got the same answer in a row, and when last. */
      readonly times: number
      readonly last: number
    }
  | ({ readonly kind: 'up' } & BroughtUp)

export type UnitState = 'starting' | 'active' | 'done' | 'failed' | 'skipped' | 'dependency'

export interface UnitEnd {
  readonly unit: string
  /** `starting`: it never got to an end. `waiting`: what it is ordered after never did. */
  readonly state: UnitState | 'waiting'
  readonly began: number | null
  readonly ended: number | null
  readonly why: string | null
}

/** A command that was executed, its variables filled in. */
export interface Executed {
  readonly unit: string
  readonly place: Place | null
  readonly argv: readonly string[]
}

/** Something that answers, listens or exists since a unit's program did what it did. */
export interface BroughtUp {
  readonly at: number
  readonly unit: string
  readonly target: Target
}

/** What can be asked for, and be brought up. */
export type Target =
  /** `key` is what makes two of them the same: `https://app.example.test/health`. */
  | {
      readonly kind: 'url'
      readonly key: string
      readonly host: string
      readonly port: number
      readonly path: string
      readonly tls: boolean
    }
  | { readonly kind: 'port'; readonly key: string; readonly host: string; readonly port: number }
  | { readonly kind: 'unit'; readonly key: string }
  | { readonly kind: 'network' | 'stack' | 'service' | 'container' | 'file' | 'engine'; readonly key: string }

/** A start that did not end by itself, or only by giving up, in the cold world. */
export interface Wait {
  readonly unit: string
  readonly place: Place | null
  readonly argv: readonly string[]
  readonly target: Target
  readonly answer: string
  /**
   * `circle`: it ends once the units that are ordered after it are let go, and one of them brings up its target: certain.
   * `never`: nothing of this host brings it up. `outlasts`: it gave up and failed. `delays`: it gave up and went on.
   * `unknown`: see `Rehearsal.unknowns`.
   */
  readonly verdict: 'circle' | 'never' | 'outlasts' | 'delays' | 'unknown'
  /** How long it stood still in the cold world; null: for ever. */
  readonly stood: number | null
  /** The unit that brings the target up once it may, and when it would. */
  readonly broughtUpBy: { readonly unit: string; readonly at: number } | null
  /** Units that could not start meanwhile. */
  readonly holds: readonly string[]
}

export interface UnknownThing {
  /** `perl`, `hostname -d`, `/opt/x.pl`. */
  readonly name: string
  readonly unit: string
  readonly place: Place | null
  readonly why: string
}

/** The rehearsal itself could not be done. */
export interface NotRehearsed {
  readonly unknown: string
}
