/** What each command may be told, as program.ts declares it. Durations are in milliseconds. */

export interface Demo {
  /** A folder to make, and to keep afterwards. */
  readonly keep?: string
}

export interface Init {
  readonly dir?: string
  readonly repo?: string
  readonly branch?: string
  /** `name`, or `name=address`. */
  readonly host?: string
  readonly phase: string
}

export interface Watch {
  readonly once?: boolean
}

export interface Review {
  /** `<phase>-<milestone>`, or the commit of a claim. */
  readonly target: string
  readonly dryRun?: boolean
  readonly retry?: number
  readonly budget?: number
}

export interface Orient {
  readonly phase: string
}

export interface Hunt {
  readonly phase: string
}

export interface Probe {
  readonly id?: string
  readonly on?: string
  /** `key=value`, the value in YAML. */
  readonly with?: readonly string[]
  readonly list?: boolean
  readonly explain?: boolean
}

export interface Gate {
  /** `<phase>` or `<phase>-<milestone>`. */
  readonly gate: string
  readonly wait?: number
  readonly remote?: string
  readonly branch?: string
  readonly reviewBranch?: string
  readonly commit?: string
  readonly allowedSigners?: string
  readonly revoked?: string
  readonly reviewer?: string
}

export type Status = Readonly<Record<never, never>>
