import type { UnitFile } from '../systems/languages/unit-file.ts'

/**
 * What a rehearsal is made from: everything that was read of a host, as JSON. Nothing in it is a function, a date or
 * undefined, so that the same bytes rehearse to the same bytes in `replay`.
 */
export interface RehearsalFacts {
  readonly units: readonly UnitFact[]
  /** By absolute path. A path that is not here was not read; see `Rehearsal.asked`. */
  readonly files: Readonly<Record<string, FileFact>>
  readonly host: HostFact
  /** What Docker has now: for what a stack consists of whose file was not read, never for what is up in a rehearsal. */
  readonly docker: DockerFact
  /** A fault to rehearse. */
  readonly fault?: Fault
}

export interface UnitFact {
  /** `shop.service`. */
  readonly id: string
  /** `id` among them. */
  readonly names: readonly string[]
  /** systemd's `LoadState`: `loaded`, `not-found`, `masked`, `bad-setting` … */
  readonly load: string
  /** As systemd worked them out, the implicit ones with them; full unit names. */
  readonly relations: Readonly<Record<Relation, readonly string[]>>
  /** Fragment, then drop-ins, in the order in which they count. */
  readonly files: readonly UnitFile[]
}

export type Relation =
  | 'requires'
  | 'requisite'
  | 'wants'
  | 'bindsTo'
  | 'partOf'
  | 'conflicts'
  | 'after'
  | 'before'

export type FileFact =
  | { readonly kind: 'text'; readonly text: string; readonly executable: boolean }
  | { readonly kind: 'folder'; readonly names: readonly string[] }
  | { readonly kind: 'link'; readonly to: string }
  /** It is no text, or too large to be read: a program that we cannot look into. */
  | { readonly kind: 'opaque'; readonly why: string; readonly executable: boolean }
  | { readonly kind: 'missing' }
  /** It could not be seen. */
  | { readonly kind: 'unseen'; readonly why: string }

export interface HostFact {
  readonly hostname: string
  /** Of its own interfaces, loopback included. */
  readonly addresses: readonly string[]
  /** Seconds since 1970 at which the rehearsed boot begins: time is a fact. */
  readonly bootAt: number
}

export interface DockerFact {
  readonly services: readonly ServiceFact[]
  readonly networks: readonly NetworkFact[]
}

export interface ServiceFact {
  /** Full name. */
  readonly name: string
  readonly stack: string | null
  readonly image: string
  readonly labels: Readonly<Record<string, string>>
}

export interface NetworkFact {
  readonly name: string
  readonly driver: string
  readonly subnets: readonly string[]
}

export interface Fault {
  /** Units left out of the boot. */
  readonly without?: readonly string[]
  /** URLs or `host:port`s that never answer. */
  readonly down?: readonly string[]
}
