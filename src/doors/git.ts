import type { Person } from '../words.ts'

/**
 * The only door to git. Every call runs in a fixed environment: none of the user's or the system's
 * configuration except what credentials need, no prompts, no hooks, no replaced objects, no work tree.
 */

export interface Commit {
  readonly sha: string
  readonly parents: readonly string[]
  readonly author: Person
  readonly committer: Person
  /** ISO 8601 UTC. */
  readonly authoredAt: string
  /** ISO 8601 UTC. */
  readonly committedAt: string
  /** First line of the message. Hostile text. */
  readonly subject: string
  /** The whole message as it was committed. Hostile text. */
  readonly message: string
}

/** Who may sign, as text in git's allowed-signers format, and the revoked keys. */
export interface Signers {
  readonly allowed: string
  /** Content of an OpenSSH revocation file: a KRL, or public keys one a line. */
  readonly revoked?: Uint8Array
}

export type Signature =
  /** Verified by git against the allowed signers. `principal` is theirs, not the commit's. */
  | { readonly state: 'good'; readonly principal: string; readonly key: string }
  | { readonly state: 'none' }
  | { readonly state: 'bad'; readonly why: string }

export type FileAt =
  | { readonly kind: 'file'; readonly bytes: Uint8Array }
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

export interface Git {
  readonly dir: string
  /** Sha of the branch on the remote, null where there is none. One `ls-remote`, nothing fetched. */
  remoteTip(branch: string): Promise<string | null>
  /** The branch the remote's HEAD points at, null where it says none. */
  remoteHead(): Promise<string | null>
  /** Fetches the branch and answers its sha; null where the remote has no such branch. */
  fetch(branch: string): Promise<string | null>
  /** Commits of the range, parents before children (`--topo-order --reverse`). */
  commits(range: Range): Promise<readonly Commit[]>
  /** One commit by sha, unique sha prefix or ref; null where there is none. */
  commit(revision: string): Promise<Commit | null>
  /** Signature of each commit asked for; remembered, since neither commit nor signers change. */
  signatures(shas: readonly string[], signers: Signers): Promise<ReadonlyMap<string, Signature>>
  file(commit: string, path: string, capBytes?: number): Promise<FileAt>
  /** Whether `path` is spelt like another entry of the tree but for case or Unicode form; the twin, or null. */
  twin(commit: string, path: string): Promise<string | null>
  /** Shas in `from..to` (merges included) that touch one of the paths; `to`'s tree differing from `from`'s there. */
  changedSince(from: string, to: string, paths: readonly string[]): Promise<readonly string[]>
  isAncestor(ancestor: string, descendant: string): Promise<boolean>
  /** Writes objects only, no ref. Answers the sha of the signed commit. */
  writeCommit(commit: NewCommit): Promise<string>
  /** Pushes without force. `dryRun` asks the remote and changes nothing. */
  push(sha: string, branch: string, options?: { readonly dryRun?: boolean }): Promise<PushOutcome>
  /** Ends the helper processes. The clone stays. */
  close(): Promise<void>
}

export interface CloneOptions {
  readonly url: string
  /** Where the bare clone lives. Made when absent, made anew when broken. */
  readonly dir: string
  readonly signal?: AbortSignal
  /** For one contact with the remote, in milliseconds. */
  readonly remoteDeadlineMs?: number
}

/**
 * Opens the bare clone, makes it where there is none, and makes it anew where it is broken or another remote's.
 *
 * @throws AdversaryError `missing-tool` without git or ssh-keygen, `usage` for a URL that git must not see.
 */
export declare function openClone(options: CloneOptions): Promise<Git>
