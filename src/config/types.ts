import type { ClaimPatterns } from '../record/claim.ts'
import type { HostAddress } from '../facts/session.ts'
import type { Forge } from '../forge/forge.ts'
import type { AnyProbe, BoundProbe } from '../probe/probe.ts'
import type { Person, Severity } from '../lib/words.ts'
import type { SecretPlace } from './secret.ts'

/** The reviewer's own folder, read and checked as a whole. Every path in it is absolute unless it says otherwise. */
export interface Workspace {
  /** The folder itself. */
  readonly dir: string
  readonly repo: RepoConfig
  readonly identity: Identity
  readonly pollMs: number
  /** How long `watch` retries what could not be seen before it says INCONCLUSIVE. */
  readonly retryMs: number
  readonly hosts: ReadonlyMap<string, HostAddress>
  /** How many hosts are logged in to at once. */
  readonly concurrency: number
  readonly gate: { readonly allowedSigners: string | null }
  /** Where commit statuses are posted; null: nowhere. */
  readonly forge: ForgeConfig | null
  /** What `serve` offers. */
  readonly serve: ServeConfig
  readonly claims: ClaimPatterns
  /** By phase. */
  readonly plans: ReadonlyMap<string, Plan>
  /** The library's probes and the home's own. */
  readonly probes: readonly AnyProbe[]
  /** `.adversary/`: clone, lock, snapshots. Derived; may be deleted at any time. */
  readonly stateDir: string
  /** What the files that it was read from held, `sha256:…` by their names in it: see `changedFiles`. */
  readonly files: ReadonlyMap<string, string>
}

export interface RepoConfig {
  /** As git takes it; a relative local path is made absolute. */
  readonly url: string
  /** What reviews are signed for, as `repoName` spells it: a gate may ask for it. Null: the URL names nothing. */
  readonly name: string | null
  readonly branch: string
  /** Repo path with `{phase}` in it: see `reviewPathOf`. */
  readonly review: string
  /** Repo path of the evidence folder, perhaps with `{phase}` in it: see `evidenceDirOf`. */
  readonly evidence: string
  /** Claims before this commit are history; null: none are. Full or short sha. */
  readonly since: string | null
  /** The branch that reviews are pushed to; null: `branch`. */
  readonly reviewBranch: string | null
}

export interface Identity extends Person {
  readonly signingKey: string
}

export interface ForgeConfig extends Forge {
  readonly token: SecretPlace
  /** File of the authority to trust instead of the machine's; null: the machine's. */
  readonly ca: string | null
}

export interface ServeConfig {
  readonly listen: ListenAt
  /** Names by which the server is called, besides those of loopback and the address that it is reached at. */
  readonly hosts: readonly string[]
  /** What the forge's webhooks need; null: none are taken. */
  readonly webhook: { readonly secret: SecretPlace; readonly listen: ListenAt | null } | null
  readonly drone: DroneConfig | null
  /** Whether the board is shown, and whether `/metrics` is: to whoever may ask the server. */
  readonly board: boolean
  readonly metrics: boolean
}

export interface ListenAt {
  readonly address: string
  readonly port: number
}

export interface DroneConfig {
  readonly secret: SecretPlace
  /** A listener of its own; null: the server's. */
  readonly listen: ListenAt | null
  /** What becomes of builds of other repositories. */
  readonly others: 'pass' | 'block'
  /** `owner/name`, as Drone has it. */
  readonly repo: string
  /** In the order of the file; the first that fits a build decides. */
  readonly rules: readonly DroneRule[]
}

export interface DroneRule {
  readonly event: string
  /** Glob for where a promotion goes, else for the build's branch; null: any. */
  readonly target: string | null
  /** Null: the build is let through. */
  readonly gate: string | null
  readonly closed: 'block' | 'skip'
}

/** The acceptance checks of one phase, with every default filled in. */
export interface Plan {
  readonly phase: string
  readonly title: string
  /** Where checks run that name no host of their own; null where there is none. */
  readonly host: string | null
  /** In the order of the file; the last is the phase's last. Never empty. */
  readonly milestones: readonly Milestone[]
  readonly hunt: Hunt
  /** `sha256:…` over the canonical content, so that comments and layout do not count. */
  readonly digest: string
  /** Relative to the home, for people: `plans/pvfix.yaml`. */
  readonly file: string
}

export interface Milestone {
  readonly id: string
  readonly title: string
  /** Milestones of this plan without whose PASS this one is INCONCLUSIVE. */
  readonly needs: readonly string[]
  /** Repo paths (files or folders); a later commit there makes a PASS stale. */
  readonly watchPaths: readonly string[]
  readonly maxAgeMs: number
  /** Never empty. */
  readonly checks: readonly Check[]
  /** `sha256:…` over the canonical content of its checks. */
  readonly digest: string
  /** Line in the plan's file. */
  readonly line: number
}

/** A probe with the values that a milestone expects. */
export interface Check {
  readonly probe: BoundProbe
  /** The plan's title, or the probe's assertion. */
  readonly title: string
  /** Name of a host of the home; null only where none is configured and no fact of the probe needs one. */
  readonly host: string | null
  /** Until it passes twice, 10 s apart, for at most this long. */
  readonly withinMs?: number
  readonly waiver?: Waiver
  /** Line in the plan's file; 0 for the checks of a hunt. */
  readonly line: number
}

export interface Waiver {
  readonly reason: string
  readonly by: string
  /** YYYY-MM-DD: the last day (UTC) on which it counts. */
  readonly until: string
}

export interface Hunt {
  readonly everyMs: number
  /** Empty when the plan says `probes: []`. */
  readonly checks: readonly HuntCheck[]
  /** Milestones whose gate an open finding closes. */
  readonly blocks: readonly string[]
}

export interface HuntCheck extends Check {
  readonly severity: Severity
}
