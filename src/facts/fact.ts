import type { Pattern, ReadCommand } from './read-command.ts'

/**
 * A fact is what was observed. The step that observes is impure and dumb: it asks, checks that the
 * exit code is an answer, and parses. What the fact means is for a probe to say.
 */
export type Fact<Value> =
  | { readonly seen: true; readonly value: Value; readonly evidence: readonly number[] }
  | { readonly seen: false; readonly why: string; readonly evidence: readonly number[] }

/** Where a fact is looked for: on a host, over HTTP, in the repo at the claim's commit, in the signed record. */
export type Place = 'host' | 'web' | 'repo' | 'record'

/**
 * One question and how to parse its answer.
 *
 * Values are plain JSON, because they go into the evidence file and are judged again from it.
 */
export interface FactSource<Value> {
  /**
   * Names the question and its parameters. Two sources with the same key on the same host are the same
   * question, which is asked once.
   */
  readonly key: string
  readonly place: Place
  /** Repo paths that a later commit may not touch without making the answer stale. */
  readonly watches?: readonly string[]
  /**
   * Every read that `take` may ask of a host. No other is sent, and `lockdown` allows a reviewer's key no
   * other. A source that leaves it out is not held to a list, and works only where no host is locked.
   */
  readonly reads?: readonly Pattern[]
  /**
   * Its value as it may be shown, secrets hidden, instead of as it was read: for what is compared with the record,
   * which holds no secrets either. See `asRecorded`.
   */
  readonly recorded?: true
  /** Tells what time it is on the host: not seen where the clock jumps between login and the end of a look. */
  readonly timed?: true
  /** Asks and parses. Throws `Unseen` (or anything else) when there is no answer to parse. */
  take(look: FactContext): Promise<Value>
}

/** The same source, and of its value what the record may hold: like is compared with like. */
export function asRecorded<Value>(source: FactSource<Value>): FactSource<Value> {
  return { ...source, recorded: true }
}

/** What a fact source may use. Every call is recorded as evidence. */
export interface FactContext {
  /** The name in the home of the host that is looked at. */
  readonly host: string
  /**
   * Runs one read command on the host. Reads that are asked for at the same time travel together, and
   * a command that was already asked for is not asked again.
   *
   * @throws Unseen when the host could not be reached, the deadline passed, the output was cut, or the
   * exit code is not one of the command's answers.
   */
  read(command: ReadCommand): Promise<ReadResult>
  /** Asks one URL, following no redirect. Throws `Unseen` when there is no name, no route or no time. */
  fetch(request: RouteRequest, shown: RouteEvidence): Promise<RouteAnswer>
  /** The text of a file of the home, such as a CA that a plan names. Throws `Unseen` when it cannot be read. */
  home(path: string): Promise<string>
  readonly repo: RepoView
  readonly record: RecordView
  /** The host's clock against ours, measured on this connection. Throws `Unseen` like `read`. */
  hostClock(): Promise<HostClock>
  /**
   * Rehearses a boot from facts of the host, written as JSON, in a process that has nothing else. No read, and nothing
   * of the host: it ends without an answer where it takes too long.
   */
  rehearse(facts: string): Promise<RehearsalOutput>
}

/** What a rehearsal printed, as JSON; or why it has no answer. */
export type RehearsalOutput =
  | { readonly ok: true; readonly stdout: string }
  | { readonly ok: false; readonly why: string }

export interface ReadResult {
  readonly exit: number
  readonly stdout: string
  readonly stderr: string
}

export interface HostClock {
  /** Microseconds since 1970 on the host, now: as it was at login, and what has passed since. */
  readonly hostMicros: number
  /** The host's clock minus ours, in milliseconds. */
  readonly skewMs: number
  /** The skew may be off by this much either way: half the round trip, in milliseconds. */
  readonly uncertaintyMs: number
}

/** Protocols that ask for TLS within their own dialogue, by the name that `openssl s_client -starttls` gives them. */
export type StartTls = 'smtp' | 'imap' | 'pop3' | 'ftp' | 'ldap' | 'mysql' | 'postgres'

export interface RouteRequest {
  readonly url: string
  /** `TLS` asks for the certificate alone: a handshake, and nothing behind it, by whatever protocol the port has. */
  readonly method: 'GET' | 'HEAD' | 'TLS'
  /** The protocol that is spoken until TLS begins, as `openssl s_client -starttls` names it; null or absent: none. */
  readonly startTls?: StartTls | null
  /** The address to connect to, while name, SNI and certificate stay the URL's (as `curl --resolve`). */
  readonly address?: string
  /** Text of the CA certificates to trust, instead of the system's. */
  readonly ca?: string
  readonly deadlineMs: number
  readonly capBytes: number
}

/** How a question to a route stands in the evidence: as a person would type it, with what it would print. */
export interface RouteEvidence {
  readonly command: string
  output(answer: RouteAnswer): string
}

/** What a route did. A connection that was refused is an answer; a name that does not resolve is not. */
export type RouteAnswer =
  | {
      readonly kind: 'answered'
      readonly status: number
      /** `1.1` or `2`. */
      readonly version: string
      readonly location: string | null
      /** The body as text, at most `capBytes` of it. */
      readonly body: string
      readonly bodyCut: boolean
      readonly certificate: Certificate | null
      readonly address: string | null
    }
  | {
      /** `handshake`: all that was asked for, and it succeeded. */
      readonly kind: 'refused' | 'reset' | 'tls-failure' | 'not-http' | 'handshake'
      readonly detail: string
      readonly address: string | null
      /** The certificate that was shown, where the server got as far as to send one. */
      readonly certificate?: Certificate | null
    }

/** What a server's certificate says of itself: hostile text unless its CA is trusted. */
export interface Certificate {
  /** Common names; empty where there are none. */
  readonly subject: string
  readonly issuer: string
  /** ISO 8601 UTC. */
  readonly validTo: string
  /** How long it was still valid when it was seen, by the reviewer's clock; negative: it was not. */
  readonly secondsLeft: number
  /** Subject alternative names as OpenSSL lists them: `DNS:ci.example.test`. */
  readonly names: readonly string[]
  /** The intermediate of its chain that ends first, where that is before its own end. */
  readonly intermediate?: {
    readonly subject: string
    readonly validTo: string
    readonly secondsLeft: number
  }
}

/** The watched repo at the claim's commit. */
export interface RepoView {
  /** Sha of the commit that is read. */
  readonly commit: string
  /** Where the phase's builder keeps a status file by default: `STATUS-<phase>.md` beside the review file. */
  readonly statusPath?: string
  /**
   * The file's text, or null where the commit has no such file. Throws `Unseen` for a symlink, a folder, a file over
   * the cap, and `NotText` for a file whose bytes are no text.
   */
  file(path: string): Promise<string | null>
  /**
   * What the commits between `from` and this one changed in the end: what one brought and another took back is
   * not told. Throws `Unseen` where `from` is no ancestor, and for more files or bytes than the caps.
   *
   * @param wanted which paths are looked at.
   */
  changes(from: string, wanted: (path: string) => boolean): Promise<readonly ChangedFile[]>
  /**
   * Where texts stand in the files of the commit. Throws `Unseen` for a tree that git would not write, and for more
   * files or bytes than are searched.
   */
  search(query: TreeQuery): Promise<TreeFound>
  /**
   * Paths whose entry is another in this commit than in `from`, in their order, without what signed reviews wrote: what
   * one commit brought and another took back is not told. Throws `Unseen` where `from` is no ancestor, for a tree that
   * git would not write, and for more paths than the cap.
   */
  changedPaths(from: string): Promise<readonly string[]>
}

/** What is looked for in the files of a commit. */
export interface TreeQuery {
  /** Globs as in `pathGlobMatches`. */
  readonly paths: readonly string[]
  readonly except: readonly string[]
  /** Texts that may stand nowhere, and patterns and texts that have to stand somewhere. */
  readonly lacks: readonly string[]
  readonly contains: readonly string[]
  readonly matches: readonly string[]
}

/** Hostile text. Lists of files are cut; the counts beside them are not. */
export interface TreeFound {
  /** Files that the globs match, and bytes of those that were read. */
  readonly files: number
  readonly bytes: number
  /** How many of them are documents for people, by their names. */
  readonly prose: number
  /** Files whose bytes were searched, since they are no text. */
  readonly binary: Listed
  /** Files that a program wrote or that somebody else did, by their place or their first lines. */
  readonly generated: Listed
  /** Files that could not be searched: `<path>: <why>`. */
  readonly unread: Listed
  readonly lacks: readonly TreeHits[]
  readonly contains: readonly TreeHolders[]
  readonly matches: readonly TreeHolders[]
}

export interface Listed {
  readonly count: number
  readonly first: readonly string[]
}

/** Where a text stands that should stand nowhere. */
export interface TreeHits {
  readonly text: string
  /** Files. */
  readonly count: number
  /** The first place in each of the first files: line from 1; null where the path itself or a binary file holds it. */
  readonly first: readonly { readonly path: string; readonly line: number | null; readonly shows: string }[]
}

/** Which files hold a text, or a match of a pattern, anywhere: as code, as a comment or as prose. */
export interface TreeHolders {
  readonly text: string
  readonly count: number
  /** The first of them, programs before prose, with all that they hold. */
  readonly first: readonly { readonly path: string; readonly text: string }[]
}

/** An ordinary file that differs between two commits. Hostile text. */
export interface ChangedFile {
  readonly path: string
  /** Null where there was none. */
  readonly before: string | null
  /** Null where it is gone. */
  readonly after: string | null
  /** The commit that brought a line of `after`, by its number from 1; lines that are older have none. */
  readonly brought: ReadonlyMap<number, string>
}

/** What the signed review history says. Times are ISO 8601 UTC. */
export interface RecordView {
  /** When the newest PASS of that milestone of the phase was signed; null if there is none. */
  reviewTime(milestone: string): Promise<string | null>
  /**
   * The later of the newest claim's commit time (the builder's own clock) and the newest signed review
   * among its ancestors; null if the milestone was never claimed.
   */
  claimTime(milestone: string): Promise<string | null>
  /** What the phase's newest orientation before its first claim saw; null if there is none. */
  baseline(): Promise<BaselineSeen | null>
}

/** The facts of an orientation, as its evidence file keeps them, secrets hidden: a fact of a host is named `<key> @ <host>`. */
export interface BaselineSeen {
  /** Sha of the signed commit that carries it. */
  readonly commit: string
  /** When it was observed, ISO 8601 UTC. */
  readonly at: string
  readonly facts: Readonly<Record<string, Fact<unknown>>>
}

/** Something could not be seen. Its message becomes the `why` of an `unknown`. */
export class Unseen extends Error {
  override readonly name = 'Unseen'
}

/** A file is there, and its bytes are no text that can be searched: UTF-16, binary, encrypted. */
export class NotText extends Unseen {}

/** One read, as the review prints it and the evidence file keeps it. */
export interface Evidence {
  /** The number it is cited by, from 1. */
  readonly n: number
  /** The host's name in the home, or `repo`, `record`, `web`. */
  readonly on: string
  /** The command as a person would type it. */
  readonly command: string
  /** Exit code; null when there was no answer. For HTTP: 0 when there was an answer. */
  readonly exit: number | null
  readonly ms: number
  readonly stdout: string
  readonly stderr: string
  /** The output was longer than the cap. */
  readonly cut: boolean
  /** Why there was no answer; absent when there was. */
  readonly why?: string
}
