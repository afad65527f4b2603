import { judge, outcomeOf } from '../judge/run.ts'
import type { BoundProbe } from '../judge/probe.ts'
import type { Fact } from '../observe/fact.ts'

/** Whether one check of a plan can fail. */
export type Proof =
  /** So many falsified facts were judged, and each one failed. */
  | { readonly kind: 'can fail'; readonly ways: number }
  | { readonly kind: 'cannot fail'; readonly why: string }
  /** Without facts there is nothing to falsify. */
  | { readonly kind: 'unseen'; readonly why: string }

/** Judges what the probe's own falsifiers make of the facts: a check that passes them all proves nothing. Pure. */
export function prove(probe: BoundProbe, facts: Readonly<Record<string, Fact<unknown>>>): Proof {
  const seen: Record<string, unknown> = {}
  for (const name of Object.keys(probe.needs)) {
    const fact = facts[name]
    if (fact === undefined || !fact.seen)
      return { kind: 'unseen', why: fact === undefined ? `${name} was never gathered` : fact.why }
    seen[name] = fact.value
  }
  const falsified = probe.falsify(seen)
  if (falsified.length === 0)
    return { kind: 'cannot fail', why: 'its parameters assert nothing that could be false' }
  for (const [index, values] of falsified.entries()) {
    const byName = Object.fromEntries(
      Object.entries(values).map(([name, value]): [string, Fact<unknown>] => [
        name,
        { seen: true, value, evidence: [] }
      ])
    )
    const outcome = outcomeOf(judge(probe, byName))
    if (outcome !== 'fail')
      return { kind: 'cannot fail', why: `falsified facts no. ${index + 1} were judged ${outcome}` }
  }
  return { kind: 'can fail', ways: falsified.length }
}
