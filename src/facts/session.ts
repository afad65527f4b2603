import type { ReadCommand } from './read-command.ts'

/**
 * One connection to one host, opened fresh for each review and closed after it. Three adapters make it:
 * ssh2 (default), the system's `ssh`, and `local`. All three run the same reader program.
 */
export interface HostSession {
  /**
   * Sends the commands together as one round; they run side by side on the host. Each promise settles as
   * soon as its own answer is there, and none of them ever rejects: no answer is a value too.
   */
  ask(commands: readonly ReadCommand[]): readonly Promise<Answer>[]
  /** The host's clock, read once when the session began; `hostMicros` has gone on since. */
  readonly clock: { readonly hostMicros: number; readonly skewMs: number; readonly uncertaintyMs: number }
  readonly stats: { readonly connections: number; readonly execs: number; readonly reads: number }
  close(): Promise<void>
}

export type Answer =
  | {
      readonly answered: true
      readonly exit: number
      readonly stdout: string
      readonly stderr: string
      readonly ms: number
      /** stdout was longer than the command's cap. */
      readonly cut: boolean
    }
  | { readonly answered: false; readonly why: string; readonly ms: number }

/** Opens a session. Rejects with `HostUnseen`, whose message is the true reason. */
export type OpenSession = (host: HostAddress, options: SessionOptions) => Promise<HostSession>

/** A host as `adversary.yaml` describes it, paths made absolute. */
export interface HostAddress {
  /** The name in the home. */
  readonly name: string
  /** Alias of ~/.ssh/config, or user@host:port. */
  readonly ssh: string
  readonly transport: 'ssh2' | 'openssh' | 'local'
  readonly identityFile?: string
  readonly knownHosts?: string
  /** For connecting and login, in milliseconds. */
  readonly timeoutMs: number
  /** ~/.ssh/config unless a test says otherwise; null reads none. */
  readonly configFile?: string | null
}

export interface SessionOptions {
  readonly signal: AbortSignal
  /** Called once when the host has been asked for a connection; what happens next takes its time there. */
  readonly begun?: () => void
}

/** The host could not be seen at all. `kind` tells a watcher how to back off. */
export class HostUnseen extends Error {
  override readonly name = 'HostUnseen'
  readonly kind: 'unreachable' | 'login-refused' | 'host-key' | 'configuration' | 'timeout' | 'shell'

  constructor(kind: HostUnseen['kind'], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.kind = kind
  }
}
