import * as z from 'zod'
import type { ParsingBudget } from '../lib/effort.ts'
import { sha256 } from '../lib/canonical.ts'
import { isRepoPath } from '../lib/repo-path.ts'
import type { Git } from '../git/clone.ts'
import type { SignedRecord, SignedReview } from '../record/record.ts'
import { headings } from '../render/locate.ts'
import type { Appended } from './append-only.ts'

/** Whether what people read (headings, evidence) says what the signed trailers say. */

const verdictHeading =
  /^(?<milestone>[A-Za-z0-9][\w.]*): (?<verdict>PASS|FAIL|INCONCLUSIVE) @\d{4}-\d\d-\d\dT\d\d:\d\dZ$/

interface VerdictHeading {
  readonly line: number
  readonly milestone: string
  readonly verdict: string
  readonly offset: number
}

async function verdictHeadings(
  bytes: Uint8Array,
  budget?: ParsingBudget
): Promise<readonly VerdictHeading[]> {
  return (await headings(bytes, { budget })).flatMap(({ depth, text, offset, line }) => {
    const said = depth === 2 ? verdictHeading.exec(text)?.groups : undefined
    return said === undefined
      ? []
      : [{ milestone: said['milestone'] ?? '', verdict: said['verdict'] ?? '', offset, line }]
  })
}

/** Line of the heading, from 1, with which a review's own bytes tell its verdict; null: they show none. */
export async function verdictLine({ bytes, from }: Appended, milestone: string): Promise<number | null> {
  const own = (await verdictHeadings(bytes)).filter(({ offset }) => offset >= from)
  return own.find(heading => heading.milestone === milestone)?.line ?? null
}

/** Looser than what the product writes: a reader must not be fooled by what a machine would not read. */
function looksLikeVerdict(text: string): string | null {
  const plain = text.normalize('NFKC').replace(/[\p{Cf}*_`\\]/gu, '')
  return (
    /^\W*(?<milestone>[A-Za-z]{1,4}\d+(?:\.\d+)*)\s*(?:[:–—-]\s*)?PASS\b/i
      .exec(plain)
      ?.groups?.['milestone']?.toUpperCase() ?? null
  )
}

/** Milestones for which the phase's review files, as they stand, show a PASS that no commit signs for. */
export async function typedVerdicts(
  git: Git,
  branches: readonly { readonly tip: string; readonly record: SignedRecord }[],
  phase: string,
  files: readonly string[],
  budget: ParsingBudget
): Promise<ReadonlySet<string>> {
  const typed = new Set<string>()
  for (const { tip, record } of branches) {
    const named =
      files.length > 0
        ? files
        : (await git.paths(tip)).filter(path => path.endsWith(`REVIEW-${phase}.md`) && isRepoPath(path))
    const signed = new Set(
      record.reviews.flatMap(({ message, elsewhere }) =>
        (elsewhere ?? message).verdict === 'PASS' ? [message.milestone] : []
      )
    )
    for (const path of named) {
      const file = await git.file(tip, path)
      if (file.kind !== 'file') continue
      const shown = unsignedPasses(
        Buffer.from(file.bytes)
          .toString()
          .split(/^ {0,3}#+/m),
        signed
      )
      // Parsing is slow: only where a line that may be such a heading is there.
      if (shown.size === 0) continue
      for (const milestone of unsignedPasses(
        (await headings(file.bytes, { budget })).map(({ text }) => text),
        signed
      ))
        typed.add(milestone)
    }
  }
  return typed
}

function unsignedPasses(texts: readonly string[], signed: ReadonlySet<string | null>): ReadonlySet<string> {
  const shown = texts.flatMap(text => looksLikeVerdict(text.split('\n', 1)[0] ?? '') ?? [])
  return new Set(shown.filter(milestone => !signed.has(milestone)))
}

const evidenceSchema = z.object({
  phase: z.string(),
  milestone: z.string().nullable(),
  claim: z.string().nullable(),
  plan: z.string(),
  verdict: z.enum(['PASS', 'FAIL', 'INCONCLUSIVE']).nullable(),
  checks: z.array(z.object({ outcome: z.string() })).optional(),
  obstacles: z.array(z.string()).optional()
})

/** Why a gate is closed whose files somebody made so that reading them takes longer than it has. */
export const tooMuchToRead =
  'the Markdown of its review files takes more work to read than a gate does (somebody may have made it so)'

/** Where heading, section, evidence and trailers of one review do not say the same. */
export async function disagreements(
  git: Git,
  own: Appended | undefined,
  review: SignedReview,
  tip: string,
  budget: ParsingBudget
): Promise<readonly string[]> {
  const { message, commit } = review
  const problems: string[] = []
  if (own === undefined) problems.push('its section is not in the review file')
  else {
    const said = (await verdictHeadings(own.bytes, budget)).filter(({ offset }) => offset >= own.from)
    if (budget.isSpent()) problems.push(tooMuchToRead)
    const [heading] = said
    if (
      said.length !== 1 ||
      heading?.milestone !== message.milestone ||
      heading.verdict !== message.verdict
    ) {
      const found = said.map(one => `${one.milestone} ${one.verdict}`).join(', ') || 'no verdict'
      problems.push(
        `its trailers say ${message.milestone} ${message.verdict}, the headings of its section ${found}`
      )
    }
  }
  if (message.policy !== null && message.section !== null && message.policy.review !== message.section.path) {
    problems.push('its policy names another review file than the one it wrote to')
  }

  const { evidence } = message
  if (evidence === null) return problems
  const [then, now] = await Promise.all([git.file(commit.sha, evidence.path), git.file(tip, evidence.path)])
  if (then.kind !== 'file' || sha256(then.bytes) !== evidence.digest) {
    const why = then.kind === 'refused' ? `: ${then.why}` : ''
    problems.push(`the evidence ${evidence.path} does not match its signed digest${why}`)
  } else {
    const parsed = parseEvidence(then.bytes)
    if (parsed === null) problems.push(`the evidence ${evidence.path} cannot be read`)
    else problems.push(...evidenceDisagrees(parsed, review))
    if (now.kind !== 'file' || now.blob !== then.blob) {
      problems.push(`the evidence ${evidence.path} was changed or removed after it was signed`)
    }
  }
  return problems
}

function parseEvidence(bytes: Uint8Array): z.infer<typeof evidenceSchema> | null {
  try {
    return evidenceSchema.parse(JSON.parse(Buffer.from(bytes).toString()))
  } catch {
    return null
  }
}

function evidenceDisagrees(
  evidence: z.infer<typeof evidenceSchema>,
  { message }: SignedReview
): readonly string[] {
  const problems: string[] = []
  for (const key of ['phase', 'milestone', 'claim', 'plan', 'verdict'] as const) {
    if (evidence[key] !== message[key] && !(key === 'plan' && message.plan === null)) {
      problems.push(`its evidence names another ${key}`)
    }
  }
  const outcomes = evidence.checks?.map(({ outcome }) => outcome)
  if (message.verdict === 'PASS' && outcomes !== undefined) {
    const proven = outcomes.includes('pass') && !outcomes.includes('fail') && !outcomes.includes('unknown')
    if (!proven || (evidence.obstacles?.length ?? 0) > 0)
      problems.push('its evidence does not support a PASS')
  }
  return problems
}
