import { type ExitCode, exitCode } from './words.ts'

/**
 * What may go wrong that a person can fix, as a closed list. Each kind has one exit code.
 * An error that is none of these is a fault of our own: it prints its stack and exits 70.
 */
const exits = {
  /** A word on the command line, or a file of the home, has an invalid value. */
  usage: exitCode.usage,
  /** A tool that we need (git, ssh-keygen, …) is not installed or too old. */
  'missing-tool': exitCode.fault,
  /** The repository cannot be reached, read or pushed to. */
  repository: exitCode.fault,
  /** Signatures, or the review file, are not what they claim to be. */
  'not-trusted': exitCode.notTrusted,
  /** Something could not be seen, so nothing is proven. */
  'not-proven': exitCode.notProven
} as const satisfies Record<string, ExitCode>

export type ErrorKind = keyof typeof exits

/** Where in a file of the home an error is. */
export interface Place {
  readonly file: string
  /** 1-based; null: the file as a whole. */
  readonly line: number | null
  /** As `milestones.M2.checks[0].with`; null: no key can be named. */
  readonly key: string | null
}

/** An error a person can act on: one line that says what, and a `hint` that says what to do. */
export class AdversaryError extends Error {
  override readonly name = 'AdversaryError'
  readonly kind: ErrorKind
  readonly hint: string | undefined
  /** The same place that the message names, for programs. */
  readonly place: Place | undefined

  constructor(
    kind: ErrorKind,
    message: string,
    options: { hint?: string; cause?: unknown; place?: Place } = {}
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.kind = kind
    this.hint = options.hint
    this.place = options.place
  }

  get exit(): ExitCode {
    return exits[this.kind]
  }
}

/** The text of anything that was thrown, for a sentence. Never empty. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.errors.length > 0) {
    return [...new Set(thrown.errors.map(messageOf))].join('; ')
  }
  if (thrown instanceof Error && 'issues' in thrown && Array.isArray(thrown.issues)) {
    // A schema's error, whose message is a document of its own.
    const [issue, ...others] = thrown.issues.flatMap(issueOf)
    if (issue !== undefined) return others.length === 0 ? issue : `${issue} (and ${others.length} more)`
  }
  if (thrown instanceof Error && thrown.message !== '') return thrown.message
  try {
    return String(thrown) || 'an error without a message'
  } catch {
    // An object that cannot be made a text: `throw Object.create(null)`.
    return 'an error without a message'
  }
}

function issueOf(issue: unknown): readonly string[] {
  if (typeof issue !== 'object' || issue === null || !('message' in issue)) return []
  if (typeof issue.message !== 'string') return []
  const path = 'path' in issue && Array.isArray(issue.path) ? issue.path.map(String).join('.') : ''
  return [path === '' ? issue.message : `${path}: ${issue.message}`]
}
