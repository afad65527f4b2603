import type { Origin, Outcome, Severity, Verdict } from '../lib/words.ts'

/**
 * What the board shows, gathered from the signed record. Texts in it are as hosts, claims and plans gave them:
 * only `html.ts` puts them into a page.
 */
export interface BoardModel {
  /** The watched repo without credentials, and its branch. */
  readonly repo: string
  readonly branch: string
  /** Where a commit can be looked at: `https://…` to which a sha is added; null where none is known. */
  readonly commits: string | null
  /** When it was made, ISO 8601 UTC. Freshness is judged as of then. */
  readonly at: string
  readonly version: string
  readonly phases: readonly PhaseModel[]
  /** Claims and reviews, newest first. */
  readonly timeline: readonly Moment[]
  /** Every review with evidence that could be read: each has a page of its own. */
  readonly reviews: readonly ReviewModel[]
  /** Signed commits without evidence (vetoes, findings and notes of people, accepts): each has a page of its own. */
  readonly words: readonly WordModel[]
  /** What was not understood or is not trusted. */
  readonly doubts: readonly Doubt[]
  /** The watcher of this home; null: whoever made this board knows of none. */
  readonly watcher: WatcherModel | null
  /** Hosts that reviews asked, by name. */
  readonly hosts: readonly HostModel[]
}

/** How the watcher stood when the board was made. Times are ISO 8601 UTC. */
export interface WatcherModel {
  /** `stalled`: its process runs and its loop does not go on; `gone`: its process ended without saying so. */
  readonly state: 'running' | 'stalled' | 'gone' | 'unknown'
  readonly beatAt: string
  readonly doing: string
  /** When the remote answered last; null: not yet. */
  readonly polledAt: string | null
  readonly troubles: readonly {
    readonly subject: string
    readonly kind: 'remote' | 'home' | 'host' | 'work'
    readonly since: string
    readonly why: string
  }[]
}

export interface HostModel {
  readonly name: string
  /** When it answered a read last, by the newest evidence; ISO 8601 UTC. Null: in none of the evidence shown. */
  readonly seenAt: string | null
  readonly trouble: { readonly since: string; readonly why: string } | null
}

export interface WordModel {
  readonly commit: string
  readonly at: string
  readonly target: string
  readonly what: Moment['what']
  readonly title: string
  readonly by: string
  /** What it appended to the review file, Markdown; null where that is not there. */
  readonly section: string | null
}

export interface PhaseModel {
  readonly phase: string
  /** Null: no plan of the home is for it. */
  readonly title: string | null
  readonly milestones: readonly MilestoneModel[]
  /** Open ones first, each by its number. */
  readonly findings: readonly FindingModel[]
  readonly vetoes: readonly {
    readonly milestone: string
    readonly by: string
    readonly commit: string
    /** As it was signed; null where it is not known. */
    readonly reason: string | null
  }[]
}

export interface MilestoneModel {
  readonly milestone: string
  readonly title: string | null
  /** Null: never reviewed. */
  readonly verdict: Verdict | null
  /** Why a PASS opens the gate no more; null: it does, or there is none. */
  readonly stale: string | null
  /** What the gate says as of then; null where it could not be asked. */
  readonly gate: {
    readonly open: boolean
    /** The exit code that `adversary gate` would end with. */
    readonly code: number
    readonly reasons: readonly string[]
  } | null
  /** A claim waits for its review. */
  readonly pending: { readonly sha: string; readonly summary: string } | null
  readonly claim: { readonly sha: string; readonly summary: string } | null
  readonly review: { readonly commit: string; readonly at: string } | null
  /** Its newest verdicts, oldest first. */
  readonly history: readonly { readonly verdict: Verdict; readonly commit: string; readonly at: string }[]
}

export interface FindingModel {
  readonly id: string
  readonly title: string
  readonly severity: Severity
  readonly status: 'open' | 'closed'
  readonly blocks: readonly string[]
  readonly origin: Origin
  /** The commit that filed it, and the one that spoke of it last. */
  readonly filed: { readonly commit: string; readonly at: string }
  readonly last: { readonly commit: string; readonly at: string }
  /** Its newest section in the review file less the heading, Markdown; null where it is not there. */
  readonly section: string | null
}

export interface Moment {
  readonly at: string
  readonly commit: string
  /** `pvfix-M2`, or a phase. */
  readonly target: string
  readonly what: 'claim' | 'review' | 'context' | 'hunt' | 'look' | 'finding' | 'veto' | 'accepted' | 'word'
  readonly verdict: Verdict | null
  /** The claim's words, or what the review's subject says behind target and verdict. */
  readonly text: string
  readonly by: string
}

export interface ReviewModel {
  readonly commit: string
  readonly at: string
  /** What the subject says behind target and verdict; may be empty. */
  readonly title: string
  readonly target: string
  readonly kind: 'review' | 'orientation' | 'hunt' | 'pre-verification'
  readonly verdict: Verdict | null
  readonly claim: { readonly sha: string; readonly summary: string } | null
  readonly obstacles: readonly string[]
  readonly checks: readonly CheckModel[]
  readonly hunts: readonly CheckModel[]
  readonly reads: readonly ReadModel[]
  /** Path of the evidence file in the repo. */
  readonly file: string
}

export interface CheckModel {
  readonly probe: string
  readonly title: string
  /** Where it was looked: `on cc-ci`, `from the reviewer`, `in the repository`. */
  readonly place: string
  readonly outcome: Outcome
  /** Sentences: what it saw, or why it ended as it did. */
  readonly said: readonly string[]
  /** Numbers of the reads. */
  readonly reads: readonly number[]
}

export interface ReadModel {
  readonly n: number
  readonly on: string
  readonly command: string
  readonly exit: number | null
  readonly ms: number
  readonly stdout: string
  readonly stderr: string
  readonly why: string | null
}

export interface Doubt {
  readonly commit: string
  /** What it wants to be. */
  readonly what: 'malformed' | 'own' | 'distrusted'
  readonly text: string
  readonly why: string
}
