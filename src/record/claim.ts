import type { Claim } from '../lib/words.ts'

/** What of a commit a claim is read from. */
export interface ClaimCommit {
  readonly sha: string
  /** First line of the message: hostile text. */
  readonly subject: string
  readonly author: Claim['author']
  readonly committer: Claim['committer']
  readonly committedAt: string
}

export interface ClaimPatterns {
  /** Both match the whole word; a milestone holds no hyphen, since the split is at the last one. */
  readonly phase: RegExp
  readonly milestone: RegExp
}

export type ParsedClaim =
  | { readonly kind: 'claim'; readonly claim: Claim }
  /** Meant as a claim, it seems, but it does not fit the grammar. */
  | { readonly kind: 'malformed'; readonly why: string; readonly sha: string; readonly subject: string }
  | { readonly kind: 'other' }

export const defaultPatterns: ClaimPatterns = {
  phase: /^[a-z0-9][a-z0-9-]{0,63}$/,
  milestone: /^[A-Z]{1,4}\d+(\.\d+)*$/
}

/** Longer names than this are refused whatever the patterns say: they end up in paths and headings. */
const nameLimit = 64

/** Reads one commit's subject. `claim(<phase>-<milestone>): <summary>`, split at the last hyphen. */
export function parseClaim(commit: ClaimCommit, patterns: ClaimPatterns = defaultPatterns): ParsedClaim {
  const { sha, subject } = commit
  if (!/^\s*claim\s*[([{:]/i.test(subject)) return { kind: 'other' }
  const malformed = (why: string): ParsedClaim => ({ kind: 'malformed', why, sha, subject })

  const expected = 'expected `claim(<phase>-<milestone>): <summary>`'
  const match = /^claim\((?<target>[^()\s]*)\): (?<summary>.*\S.*)$/su.exec(subject)
  const target = match?.groups?.['target']
  const summary = match?.groups?.['summary']
  if (target === undefined || summary === undefined) {
    const word = subject.trimStart().startsWith('claim') ? '' : '; `claim` is in lower case'
    return malformed(`${expected}, with one space after the colon${word}`)
  }
  const hyphen = target.lastIndexOf('-')
  if (hyphen < 0) return malformed(`no hyphen between phase and milestone; ${expected}`)
  const phase = target.slice(0, hyphen)
  const milestone = target.slice(hyphen + 1)
  if (!fits(patterns.phase, phase)) return malformed(`the phase does not match \`${patterns.phase.source}\``)
  if (!fits(patterns.milestone, milestone))
    return malformed(`the milestone does not match \`${patterns.milestone.source}\``)
  const { author, committer, committedAt } = commit
  return { kind: 'claim', claim: { sha, phase, milestone, summary, subject, author, committer, committedAt } }
}

function fits(pattern: RegExp, name: string): boolean {
  // A copy: a pattern with the `g` flag remembers where it stopped.
  return name.length <= nameLimit && /^[A-Za-z0-9][\w.-]*$/.test(name) && new RegExp(pattern).test(name)
}
