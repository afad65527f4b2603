import { withArticle } from '../lib/text/counted.ts'
import { canonicalLines, sha256 } from '../lib/canonical.ts'
import { AdversaryError, messageOf } from '../lib/errors.ts'
import { type CheckResult, decide, type Decision } from '../probe/verdict.ts'
import type { AnyProbe, BoundProbe } from '../probe/probe.ts'
import { judge, outcomeOf } from '../probe/run.ts'
import type { Fact } from '../facts/fact.ts'
import type { Outcome } from '../lib/words.ts'
import { type EvidenceRecord, parseEvidenceFile } from '../render/evidence-file.ts'

/** A check as it is judged again: `hidden` where what it was judged by is not in the evidence. */
export type ReplayedCheck = Omit<CheckResult, 'outcome'> & { readonly outcome: Outcome | 'hidden' }

/** A recorded judgement, made again from its evidence alone. */
export interface Replayed {
  readonly evidence: EvidenceRecord
  /** `sha256:…` of the file as it is: compare it with the review's `Adversary-Evidence` trailer. */
  readonly digest: string
  readonly checks: readonly ReplayedCheck[]
  /** With the recorded outcome of each check that is hidden. */
  readonly decision: Decision
  /** With another outcome of what is hidden the verdict would be another: it is not shown by this file. */
  readonly restsOnHidden: boolean
  /** Where the judgement of today and the recorded one differ; empty when they agree. */
  readonly differences: readonly string[]
}

/**
 * Judges recorded evidence again. Asks nothing of host, repo or clock.
 *
 * @param signed what else is known of the file: its name, which ends in eight digits of its digest, and the
 * digest of the review's `Adversary-Evidence` trailer.
 * @throws AdversaryError `usage` for a file that is no evidence of a review.
 */
export function replay(
  text: string,
  probes: readonly AnyProbe[],
  signed: { readonly name?: string; readonly digest?: string } = {}
): Replayed {
  const evidence = parsed(text)
  if (evidence.verdict === null) {
    throw new AdversaryError(
      'usage',
      `this is the evidence of ${withArticle(evidence.kind)}, which has no verdict to replay`
    )
  }
  const differences = [...alterations(text, signed)]
  /** @param hidden what each hidden check is taken for; null: for what is recorded of it. */
  const decideWith = (hidden: Outcome | null): Decision =>
    decide(
      checks.map(({ outcome, ...check }, index) => {
        const known = hidden ?? evidence.checks[index]?.outcome ?? 'unknown'
        return { ...check, outcome: outcome === 'hidden' ? known : outcome }
      }),
      evidence.obstacles
    )
  const checks = evidence.checks.map(recorded => {
    const check = judgeAgain(recorded, evidence.facts, probes)
    if (check.outcome !== 'hidden' && check.outcome !== recorded.outcome) {
      differences.push(`${recorded.title}: recorded as ${recorded.outcome}, judged as ${check.outcome} now`)
    }
    return check
  })
  const decision = decideWith(null)
  const others = (['pass', 'fail', 'unknown'] as const).map(outcome => decideWith(outcome).verdict)
  if (decision.verdict !== evidence.verdict) {
    differences.push(`the verdict: recorded as ${evidence.verdict}, decided as ${decision.verdict} now`)
  }
  const restsOnHidden = others.some(verdict => verdict !== decision.verdict)
  return { evidence, digest: sha256(text), checks, decision, restsOnHidden, differences }
}

/** How a file shows that it is not the one that was written. */
function alterations(
  text: string,
  { name = '', digest }: { readonly name?: string; readonly digest?: string }
): readonly string[] {
  const found: string[] = []
  const own = sha256(text)
  const mark = /-(?<mark>[0-9a-f]{8})\.json$/.exec(name)?.groups?.['mark']
  if (canonicalLines(JSON.parse(text)) !== text) {
    found.push('the file was changed after it was written: its JSON is not canonical')
  }
  if (mark !== undefined && own.slice('sha256:'.length, 'sha256:'.length + 8) !== mark) {
    found.push(`the file was changed after it was written: its name ends in ${mark}, and it is ${own}`)
  }
  if (digest !== undefined && own !== digest) found.push(`the file is ${own}, and ${digest} was signed`)
  return found
}

function parsed(text: string): EvidenceRecord {
  try {
    return parseEvidenceFile(text)
  } catch (error) {
    throw new AdversaryError('usage', `not an evidence file: ${messageOf(error)}`, { cause: error })
  }
}

const restsOnHiddenText = 'it depends on redacted text, which the evidence does not contain'

type Recorded = EvidenceRecord['checks'][number]

/**
 * One recorded check, judged on its recorded facts by the probes of today; what they refuse is unknown. What rested on
 * text that is hidden is `hidden`, and never another outcome.
 */
export function judgeAgain(
  recorded: Recorded,
  facts: EvidenceRecord['facts'],
  probes: readonly AnyProbe[]
): ReplayedCheck {
  const { facts: names, clear: _, waiver, looks, hidden, ...kept } = recorded
  const rest = {
    ...kept,
    ...(looks === undefined ? {} : { looks }),
    ...(hidden === undefined ? {} : { hidden })
  }
  const unjudged = (why: string, outcome: 'unknown' | 'hidden' = 'unknown'): ReplayedCheck => ({
    ...rest,
    outcome,
    why,
    findings: [{ outcome: 'unknown', why }]
  })
  // A waiver is no judgement.
  if (hidden === true && recorded.outcome !== 'waived') return unjudged(restsOnHiddenText, 'hidden')
  const probe = probes.find(({ id }) => id === recorded.probe)
  if (probe === undefined) return unjudged(`this version has no probe ${recorded.probe}`)
  let bound: BoundProbe
  try {
    bound = probe.bind(recorded.with)
  } catch (error) {
    return unjudged(`this version of ${recorded.probe} refuses the recorded parameters: ${messageOf(error)}`)
  }
  const byName: Record<string, Fact<unknown>> = {}
  for (const [need, name] of Object.entries(names)) {
    const fact = Object.hasOwn(facts, name) ? facts[name] : undefined
    if (fact !== undefined) byName[need] = fact.seen ? { ...fact, value: fact.value } : fact
  }
  const findings = judge(bound, byName)
  // What was seen over several looks (a waiver's day, a pass that came only once) is not in the facts.
  const timed = recorded.outcome === 'waived' || (recorded.attempts > 1 && recorded.outcome === 'unknown')
  const outcome = timed ? recorded.outcome : outcomeOf(findings)
  return { ...rest, outcome, findings, ...(waiver === undefined ? {} : { waiver }) }
}
