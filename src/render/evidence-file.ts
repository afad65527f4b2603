import * as z from 'zod'
import { canonicalLines, sha256 } from '../lib/canonical.ts'
import type { Hidden } from '../lib/secrets/hidden.ts'
import { clear, type FindingState } from '../record/finding-changes.ts'
import type { CheckResult } from '../probe/verdict.ts'
import type { Evidence, Fact } from '../facts/fact.ts'
import type { Verdict } from '../lib/words.ts'

/**
 * The evidence file: canonical JSON with the facts and parameters that were judged, their secrets hidden, so that the
 * judgement can be made again, offline, from this file alone. The raw reads are kept beside them, bounded, for people.
 */
export interface EvidenceInput {
  readonly kind: 'review' | 'orientation' | 'hunt' | 'pre-verification'
  readonly phase: string
  readonly milestone: string | null
  /** Sha of the claim; null where there is none. */
  readonly claim: string | null
  /** When the observation ended, ISO 8601 UTC. */
  readonly at: string
  /** Digest of the plan that was used. */
  readonly plan: string
  readonly verdict: Verdict | null
  readonly obstacles: readonly string[]
  readonly checks: readonly JudgedCheck[]
  readonly hunts: readonly JudgedCheck[]
  readonly facts: Readonly<Record<string, Fact<unknown>>>
  readonly evidence: readonly Evidence[]
  /** How many secrets are hidden in it, by kind. */
  readonly redacted: readonly Hidden[]
  /** Every finding of the phase as it stands after this commit. */
  readonly findings: readonly FindingState[]
}

export interface JudgedCheck {
  readonly check: CheckResult
  /** The probe's names for its facts, and the names under which `facts` keeps them. */
  readonly facts: Readonly<Record<string, string>>
}

/** How much of one read's output the evidence file keeps, in characters. The rest is named by its digest. */
const keptOutput = 32_768

const format = 'adversary-evidence/1'

/** The file's text. The same input gives the same bytes. */
export function evidenceFile(input: EvidenceInput): string {
  return canonicalLines({
    ...input,
    format,
    checks: input.checks.map(written),
    hunts: input.hunts.map(written),
    evidence: input.evidence.map(read => ({ ...read, stdout: kept(read.stdout), stderr: kept(read.stderr) }))
  })
}

function written({ check, facts }: JudgedCheck) {
  const { findings: _, ...rest } = check
  return { ...rest, clear: clear(check), facts }
}

function kept(text: string): string {
  if (text.length <= keptOutput) return text
  return `${text.slice(0, keptOutput)}\n[kept ${keptOutput} of ${text.length} characters; the whole is ${sha256(text)}]\n`
}

const fact = z.discriminatedUnion('seen', [
  z.object({ seen: z.literal(true), value: z.unknown(), evidence: z.array(z.number()) }),
  z.object({ seen: z.literal(false), why: z.string(), evidence: z.array(z.number()) })
])

const outcome = z.enum(['pass', 'fail', 'unknown', 'not-applicable', 'waived'])

const judged = z.object({
  probe: z.string(),
  title: z.string(),
  on: z.string(),
  with: z.unknown(),
  outcome,
  why: z.string().nullable(),
  attempts: z.number(),
  flapped: z.boolean(),
  looks: z
    .array(
      z.object({
        afterMs: z.number(),
        outcome: outcome.exclude(['waived']),
        evidence: z.array(z.number())
      })
    )
    .optional(),
  clear: z.boolean(),
  /** With the secrets hidden it would have had another outcome: nobody can judge it again. */
  hidden: z.literal(true).optional(),
  evidence: z.array(z.number()),
  facts: z.record(z.string(), z.string()),
  waiver: z.object({ reason: z.string(), by: z.string(), until: z.string() }).optional()
})

const finding = z.object({
  id: z.string().regex(/^A[1-9]\d{0,5}$/),
  key: z.string(),
  probe: z.string(),
  title: z.string(),
  severity: z.enum(['low', 'medium', 'high', 'critical']),
  status: z.enum(['open', 'closed']),
  blocks: z.array(z.string()),
  origin: z.enum(['pre-existing', 'introduced', 'unknown'])
})

const schema = z.object({
  format: z.literal(format),
  kind: z.enum(['review', 'orientation', 'hunt', 'pre-verification']),
  phase: z.string(),
  milestone: z.string().nullable(),
  claim: z.string().nullable(),
  at: z.string(),
  plan: z.string(),
  verdict: z.enum(['PASS', 'FAIL', 'INCONCLUSIVE']).nullable(),
  obstacles: z.array(z.string()),
  checks: z.array(judged),
  hunts: z.array(judged),
  facts: z.record(z.string(), fact),
  evidence: z.array(
    z.object({
      n: z.number(),
      on: z.string(),
      command: z.string(),
      exit: z.number().nullable(),
      ms: z.number(),
      stdout: z.string(),
      stderr: z.string(),
      cut: z.boolean(),
      why: z.string().optional()
    })
  ),
  /** Absent in files from before it was counted. */
  redacted: z.array(z.object({ kind: z.string(), places: z.number(), secrets: z.number() })).optional(),
  findings: z.array(finding)
})

export type EvidenceRecord = z.infer<typeof schema>

/** Reads an evidence file back. Throws a ZodError or SyntaxError for anything that is not one. */
export function parseEvidenceFile(text: string): EvidenceRecord {
  return schema.parse(JSON.parse(text))
}
