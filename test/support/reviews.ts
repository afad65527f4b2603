import { sha256 } from '../../src/lib/canonical.ts'
import type { Git } from '../../src/git/clone.ts'
import {
  beginPublishing,
  type Publication,
  type Published,
  type PublishOptions,
  type Tip
} from '../../src/record/publish.ts'
import type { Policy } from '../../src/record/policy.ts'
import type { Trust } from '../../src/record/record.ts'
import type { FindingTrailer } from '../../src/record/trailers.ts'
import type { Verdict } from '../../src/lib/words.ts'
import type { TestKey } from './repo.ts'

/** Reviews as the reviewer publishes them, told in few words: for tests of the record and the gate. */
export interface ReviewText {
  readonly phase?: string
  /** Null: a commit without claim and verdict. */
  readonly milestone?: string | null
  readonly claim?: string | null
  readonly verdict?: Verdict | null
  readonly title?: string
  readonly findings?: readonly FindingTrailer[]
  readonly vetoes?: readonly { readonly milestone: string; readonly status: 'open' | 'lifted' }[]
  readonly supersedes?: readonly string[]
  readonly policy?: Partial<Policy>
  readonly accept?: string | null
  /** The repo that it is signed for. */
  readonly repo?: string
  /** Text instead of the section that fits. */
  readonly section?: string
  /** Members that replace those of the evidence file. */
  readonly evidence?: Readonly<Record<string, unknown>>
}

export const plan = sha256('the plan')
export const day = 86_400_000

export const policy: Policy = {
  phase: 'pvfix',
  branch: 'main',
  review: 'machine-docs/REVIEW-pvfix.md',
  milestones: [
    { milestone: 'M1', needs: [], watchPaths: ['nix/swarm.nix'], maxAge: 30 * day, checks: sha256('M1') },
    { milestone: 'M2', needs: ['M1'], watchPaths: [], maxAge: 30 * day, checks: sha256('M2') }
  ]
}

/** What a review of this text publishes on that tip. */
export async function publicationOf(tip: Tip, text: ReviewText): Promise<Publication> {
  const { phase = 'pvfix', milestone = 'M1', claim = null, verdict = claim === null ? null : 'PASS' } = text
  const path = `machine-docs/REVIEW-${phase}.md`
  const there = await tip.readFile(path)
  const header = there === null ? `# REVIEW — phase ${phase} (Adversary)\n` : ''
  const section = text.section ?? sectionOf(text, milestone ?? '', verdict, claim)
  const bytes = Buffer.from(
    `${JSON.stringify({
      format: 'adversary-evidence/1',
      kind: claim === null ? 'hunt' : 'review',
      phase,
      milestone: claim === null ? null : milestone,
      claim,
      plan,
      verdict,
      ...text.evidence
    })}\n`
  )
  const name = claim?.slice(0, 12) ?? `hunt-${tip.sha.slice(0, 12)}`
  const evidence = `machine-docs/evidence/${phase}-${name}.json`
  return {
    path,
    appended: Buffer.from(`${header}\n---\n\n${section}`),
    files: [{ path: evidence, bytes }],
    message: {
      phase,
      milestone: claim === null ? null : milestone,
      title: text.title ?? (claim === null ? 'said' : `${milestone} ${verdict}`),
      body: 'Said by a test.',
      claim,
      verdict,
      supersedes: text.supersedes ?? [],
      findings: text.findings ?? [],
      vetoes: text.vetoes ?? [],
      plan,
      evidence: { path: evidence, digest: sha256(bytes) },
      policy: { ...policy, phase, review: path, ...text.policy },
      accept: text.accept ?? null,
      removed: []
    }
  }
}

function sectionOf(
  text: ReviewText,
  milestone: string,
  verdict: Verdict | null,
  claim: string | null
): string {
  const parts: string[] = []
  if (verdict !== null) {
    parts.push(`## ${milestone}: ${verdict} @2026-06-13T05:33Z\n\n**Commit:** \`${claim?.slice(0, 7)}\`\n`)
  }
  for (const { id, status } of text.findings ?? []) {
    parts.push(`## [adversary] ${id}: ${status === 'open' ? 'something' : 'CLOSED @2026-06-13T05:33Z'}\n`)
  }
  for (const veto of text.vetoes ?? []) {
    parts.push(`## ${veto.status === 'open' ? 'VETO' : 'VETO LIFTED'} ${veto.milestone}: said\n`)
  }
  if (parts.length === 0) parts.push('## Said\n')
  return parts.join('\n')
}

export interface Reviewer {
  /** Publishes one review on the branch and answers its commit. */
  say(text: ReviewText): Promise<string>
  options(build: Build): PublishOptions & { readonly build: Build }
}

/** What is published on a tip; null: nothing. */
type Build = (tip: Tip) => Promise<Publication | null>

/** Renders and pushes until a push wins, as a review does. */
export async function publish({
  build,
  ...options
}: PublishOptions & { readonly build: Build }): Promise<Published> {
  const publishing = beginPublishing(options)
  for (;;) {
    const tip = await publishing.nextTip()
    if (tip === null) return { kind: 'stale' }
    const publication = await build(tip)
    if (publication === null) return { kind: 'dropped' }
    const outcome = await publishing.push(tip, publication)
    if (outcome !== null) return outcome
  }
}

/** A reviewer with its clock at that time, a second further with each review. */
export function makeReviewer(
  git: Git,
  key: TestKey,
  trust: Trust,
  at: { readonly branch?: string; readonly now?: number; readonly principal?: string } = {}
): Reviewer {
  let now = at.now ?? Date.UTC(2026, 5, 13, 6, 0)
  const options: Reviewer['options'] = build => ({
    git,
    branch: at.branch ?? 'main',
    ...(at.branch === undefined ? {} : { startFrom: 'main' }),
    identity: { name: 'adversary-bot', email: 'adversary@example.test', signingKey: key.path },
    trust: at.principal === undefined ? trust : { ...trust, reviewer: at.principal },
    build,
    now: () => (now += 1000),
    sleep: () => new Promise(settle => setImmediate(settle)),
    observedAt: now
  })
  return {
    options,
    async say(text) {
      const published: Published = await publish({
        ...options(tip => publicationOf(tip, text)),
        repo: text.repo ?? null,
        freshMs: Number.POSITIVE_INFINITY
      })
      if (published.kind !== 'published') throw new Error(`the review was ${published.kind}`)
      return published.commit
    }
  }
}
