import { judgingBounds } from '../lib/bounds.ts'
import { messageOf } from '../lib/errors.ts'
import type { Veil } from '../lib/secrets/veil.ts'
import type { Fact } from '../facts/fact.ts'
import type { Unnumbered } from '../facts/gather.ts'
import { seal, type Sealed, unseal } from '../facts/sealed.ts'
import type { Outcome } from '../lib/words.ts'
import type { BoundProbe, Finding } from './probe.ts'

/** The facts of one check, by the names its probe gave them. */
export type FactsByName = Readonly<Record<string, Unnumbered | Fact<unknown>>>

/** The same as they were read. */
export type SealedByName = Readonly<Record<string, Sealed<Unnumbered>>>

export type Findings = readonly [Finding, ...Finding[]]

/** What a probe said of what was read. Its findings quote that: they come out of here by `publish` alone. */
export interface Judgement {
  readonly outcome: Exclude<Outcome, 'waived'>
  /** For how long it may yet become another one, in milliseconds; 0 where it stands. */
  readonly settlesWithinMs: number
  readonly findings: Sealed<Findings>
}

/** Judges what was read. */
export function judgeSealed(probe: BoundProbe, facts: SealedByName): Judgement {
  const findings = judge(probe, unsealed(facts))
  const settling = findings.map(finding =>
    finding.outcome === 'unknown' ? (finding.settlesWithinMs ?? 0) : 0
  )
  return {
    outcome: outcomeOf(findings),
    settlesWithinMs: Math.max(0, ...settling),
    findings: seal(findings)
  }
}

function unsealed(facts: SealedByName): FactsByName {
  return Object.fromEntries(Object.entries(facts).map(([name, fact]) => [name, unseal(fact)]))
}

/** The facts of a probe by its own names, for its falsifiers; a reason where one was not seen. */
export function valuesOf(
  probe: BoundProbe,
  facts: SealedByName
):
  | { readonly seen: true; readonly values: Readonly<Record<string, unknown>> }
  | { readonly seen: false; readonly name: string } {
  const values: Record<string, unknown> = {}
  for (const name of Object.keys(probe.needs)) {
    const sealed = facts[name]
    const fact = sealed === undefined ? undefined : unseal(sealed)
    if (fact?.seen !== true) return { seen: false, name }
    values[name] = fact.value
  }
  return { seen: true, values }
}

export interface Published {
  readonly findings: Findings
  /** With the secrets hidden the outcome would be another one: nothing can judge it again from what is recorded. */
  readonly restsOnHidden: boolean
}

/**
 * A judgement as it may be shown. Where the same probe says the same of the facts with the secrets hidden, its words
 * about those are taken: they cannot hold a secret. Else its own, with the secrets cut out.
 *
 * @param shown the facts as they are recorded. @param given the parameters as they are recorded.
 */
export function publish(
  probe: BoundProbe,
  { outcome, findings }: Judgement,
  facts: SealedByName,
  { shown, given }: { readonly shown: Readonly<Record<string, Fact<unknown>>>; readonly given: unknown },
  veil: Veil
): Published {
  const own = unseal(findings)
  const read = unsealed(facts)
  const isOpen = Object.entries(read).every(([name, fact]) => isSame(fact, shown[name]))
  const hidden = isOpen ? own : judge(probe, shown)
  const recorded = given === probe.given ? hidden : judgeWith(probe, given, shown)
  const others = hidden.length === own.length ? hidden : []
  const [first, ...rest] = own.map((finding, index) => {
    const other = others[index]
    return veil.sentences(other !== undefined && saysTheSame(finding, other, veil) ? other : finding)
  })
  return {
    findings: first === undefined ? own : [first, ...rest],
    restsOnHidden: [hidden, recorded].some(other => outcomeOf(other) !== outcome)
  }
}

function isSame(fact: Unnumbered | Fact<unknown>, shown: Fact<unknown> | undefined): boolean {
  if (shown === undefined) return false
  return fact.seen ? shown.seen && fact.value === shown.value : !shown.seen
}

/** As replay will judge it: with the parameters that are recorded. */
function judgeWith(probe: BoundProbe, given: unknown, shown: FactsByName): Findings {
  if (probe.rebind === undefined) return judge(probe, shown)
  try {
    return judge(probe.rebind(given), shown)
  } catch (error) {
    return [{ outcome: 'unknown', why: `the recorded parameters are refused: ${messageOf(error)}` }]
  }
}

/** The same outcome of the same thing, whatever is quoted of it. */
function saysTheSame(one: Finding, other: Finding, veil: Veil): boolean {
  if (one.outcome !== other.outcome) return false
  if (one.outcome !== 'fail' || other.outcome !== 'fail') return true
  return (
    veil.sentence(one.at) === veil.sentence(other.at) &&
    veil.sentence(one.filing?.subject ?? '') === veil.sentence(other.filing?.subject ?? '')
  )
}

/**
 * Only the facts that a probe declared reach it. A fact that was not seen, a throw, and silence become
 * `unknown`: never `pass`, and never `fail`.
 */
export function judge(probe: BoundProbe, facts: FactsByName): Findings {
  const seen: Record<string, unknown> = {}
  const unseen: string[] = []
  for (const name of Object.keys(probe.needs)) {
    const fact = facts[name]
    if (fact === undefined) unseen.push(`${name} was never gathered`)
    else if (fact.seen) seen[name] = fact.value
    else unseen.push(fact.why)
  }
  // One host that is down is one reason, however many facts tell of it.
  const whys = [...new Set(unseen)].filter(why => !unseen.some(other => other !== why && other.endsWith(why)))
  if (whys.length > 0) return [{ outcome: 'unknown', why: whys.join('; ') }]

  try {
    const [first, ...rest] = bounded(probe.judge(seen))
    return first === undefined
      ? [{ outcome: 'unknown', why: 'the probe returned no finding' }]
      : [first, ...rest]
  } catch (error) {
    return [{ outcome: 'unknown', why: `the probe crashed: ${messageOf(error)}` }]
  }
}

/** The worst first where there are more than one check tells. What is left out is not known to be gone. */
function bounded(findings: readonly Finding[]): readonly Finding[] {
  const most = judgingBounds.findings
  if (findings.length <= most) return findings
  const of = (outcome: Finding['outcome']) => findings.filter(finding => finding.outcome === outcome)
  const bad = [...of('fail'), ...of('unknown')]
  const kept = [...bad, ...of('pass'), ...of('not-applicable')].slice(0, most)
  if (bad.length <= most) return kept
  return [
    ...kept,
    { outcome: 'unknown', why: `${bad.length - most} more are not listed: a check shows at most ${most}` }
  ]
}

/** One outcome for a check: the worst of its findings, and `pass` only where something passed. */
export function outcomeOf(findings: readonly Finding[]): Exclude<Outcome, 'waived'> {
  const outcomes = new Set(findings.map(finding => finding.outcome))
  if (outcomes.has('fail')) return 'fail'
  if (outcomes.has('unknown')) return 'unknown'
  if (outcomes.has('pass')) return 'pass'
  return outcomes.has('not-applicable') ? 'not-applicable' : 'unknown'
}
