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
  /** Of its own interfaces, loopback included; without a prefix length. */
  readonly addresses: readonly string[]
  /** What listens on the live host: for what a program opens that cannot be looked into, never for what is open in a rehearsal. */
  readonly listeners: readonly ListenerFact[]
  /** Seconds since 1970 at which the rehearsed boot begins: time is a fact. */
  readonly bootAt: number
}

export interface ListenerFact {
  readonly protocol: 'tcp' | 'udp'
  readonly address: string
  readonly port: number
  /** The control group of whoever made it, as `ss` prints it: `/system.slice/ssh.service`; null where it was not seen. */
  readonly owner: string | null
}

/**
 * What Docker has on the live host. A service or container that nothing of the boot deploys is taken for one that Docker
 * itself brings back when its engine starts.
 */
export interface DockerFact {
  readonly services: readonly ServiceFact[]
  /** Those that are no tasks of a service. */
  readonly containers: readonly ContainerFact[]
  readonly networks: readonly NetworkFact[]
}

export interface ServiceFact {
  /** Full name. */
  readonly name: string
  readonly stack: string | null
  /** As in its specification, with or without a digest. */
  readonly image: string
  /** Of the service, not of its containers. */
  readonly labels: Readonly<Record<string, string>>
  readonly ports: readonly PortFact[]
  /** null: one on each node. */
  readonly replicas: number | null
}

/** A port that is published on the host. */
export interface PortFact {
  readonly protocol: 'tcp' | 'udp'
  /** On the host; 0 where Docker chooses one. */
  readonly port: number
  /** In the container. */
  readonly target: number
}

export interface ContainerFact {
  readonly name: string
  readonly image: string
  /** `com.docker.compose.project` among them, where it is of a compose project. */
  readonly labels: Readonly<Record<string, string>>
  readonly ports: readonly PortFact[]
  /** Whether Docker brings it back by itself (a restart policy other than `no`); null where it was not seen. */
  readonly comesBack: boolean | null
}

export interface NetworkFact {
  readonly name: string
  readonly driver: string
  /** As Docker prints them; empty where Docker chooses. */
  readonly subnets: readonly string[]
}

export interface Fault {
  /** Units left out of the boot. */
  readonly without?: readonly string[]
  /** URLs or `host:port`s that never answer. */
  readonly down?: readonly string[]
}
