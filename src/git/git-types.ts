import type { Person } from '../lib/words.ts'
import type { ParsedCommit } from './raw/commit.ts'

/** What the bytes of a commit object say, with its name. Nothing of it was rendered by git. */
export interface Commit extends ParsedCommit {
  readonly sha: string
  /** First line of the message. Hostile text. */
  readonly subject: string
}

/** Who may sign, as text in git's allowed-signers format, and the revoked keys. */
export interface Signers {
  readonly allowed: string
  /** Content of an OpenSSH revocation file: a KRL, or public keys one a line. */
  readonly revoked?: Uint8Array
}

export type Signature =
  /** Verified over the commit's raw bytes against the allowed signers. `principal` is theirs, not the commit's. */
  | { readonly state: 'good'; readonly principal: string; readonly key: string }
  /**
   * Verified likewise, but the commit holds what the product never writes: it may close a gate, and opens none.
   * `common`: an unchanged git writes such commits by itself (an `encoding`, the tags of a merge).
   */
  | {
      readonly state: 'odd'
      readonly principal: string
      readonly key: string
      readonly why: string
      readonly common: boolean
    }
  | { readonly state: 'none' }
  /** `key` is the fingerprint of a listed key that did sign these bytes, and was not allowed to; else empty. */
  | { readonly state: 'bad'; readonly why: string; readonly key: string }

export type FileAt =
  | { readonly kind: 'file'; readonly bytes: Uint8Array; readonly blob: string }
  | { readonly kind: 'absent' }
  /** A symlink, a folder, a submodule, a file over the cap, or a file where a folder is wanted. */
  | { readonly kind: 'refused'; readonly why: string }

export type PushOutcome =
  | { readonly kind: 'pushed' }
  /** Somebody else was first: fetch and start over. */
  | { readonly kind: 'lost'; readonly why: string }
  /** A hook, a protected branch, a login: starting over will not help. */
  | { readonly kind: 'refused'; readonly why: string }

export interface SigningIdentity extends Person {
  /** Path of the private key, or of the public key when an agent holds the private one. */
  readonly signingKey: string
}

export interface NewCommit {
  readonly parent: string | null
  /** Files to put into the parent's tree, whole. */
  readonly files: readonly { readonly path: string; readonly bytes: Uint8Array }[]
  readonly message: string
  readonly identity: SigningIdentity
  /** Author and committer date, ISO 8601 UTC. */
  readonly date: string
}

export interface Range {
  readonly tip: string
  /** Commits reachable from these are left out. */
  readonly not?: readonly string[]
}
