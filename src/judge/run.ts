import { messageOf } from '../base/errors.ts'
import type { Fact } from '../observe/fact.ts'
import type { Outcome } from '../words.ts'
import type { BoundProbe, Finding } from './probe.ts'

/** The facts of one check, by the names its probe gave them. */
export type FactsByName = Readonly<Record<string, Fact<unknown>>>

/**
 * Only the facts that a probe declared reach it. A fact that was not seen, a throw, and silence become
 * `unknown`: never `pass`, and never `fail`.
 */
export function judge(probe: BoundProbe, facts: FactsByName): readonly [Finding, ...Finding[]] {
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
    const [first, ...rest] = probe.judge(seen)
    return first === undefined ? [{ outcome: 'unknown', why: 'the probe judged nothing' }] : [first, ...rest]
  } catch (error) {
    return [{ outcome: 'unknown', why: `the probe crashed: ${messageOf(error)}` }]
  }
}

/** One outcome for a check: the worst of its findings, and `pass` only where something passed. */
export function outcomeOf(findings: readonly Finding[]): Exclude<Outcome, 'waived'> {
  const outcomes = new Set(findings.map(finding => finding.outcome))
  if (outcomes.has('fail')) return 'fail'
  if (outcomes.has('unknown')) return 'unknown'
  if (outcomes.has('pass')) return 'pass'
  return outcomes.has('not-applicable') ? 'not-applicable' : 'unknown'
}
