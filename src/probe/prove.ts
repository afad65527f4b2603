import { seal } from '../facts/sealed.ts'
import type { Fact } from '../facts/fact.ts'
import type { BoundProbe } from './probe.ts'
import { judgeSealed, type SealedByName, valuesOf } from './run.ts'

/** Whether one check of a plan can fail. */
export type Proof =
  /** So many falsified facts were judged, and each one failed. */
  | { readonly kind: 'can fail'; readonly ways: number }
  | { readonly kind: 'cannot fail'; readonly why: string }
  /** Without facts there is nothing to falsify. */
  | { readonly kind: 'unseen'; readonly why: string }

/** What a check was judged on: as it was read, and as it may be shown. */
export interface ProvedOn {
  readonly sealed: SealedByName
  readonly shown: Readonly<Record<string, Fact<unknown>>>
}

/**
 * Judges what the probe's own falsifiers make of what was read, by the way that a review judges: a check that passes
 * them all proves nothing. Pure.
 */
export function prove(probe: BoundProbe, { sealed, shown }: ProvedOn): Proof {
  const seen = valuesOf(probe, sealed)
  if (!seen.seen) {
    const fact = shown[seen.name]
    const why = fact === undefined || fact.seen ? `${seen.name} was never gathered` : fact.why
    return { kind: 'unseen', why }
  }
  const falsified = probe.falsify(seen.values)
  if (falsified.length === 0)
    return { kind: 'cannot fail', why: 'its parameters assert nothing that could be false' }
  for (const [index, values] of falsified.entries()) {
    const facts = Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name, seal({ seen: true as const, value })])
    )
    const { outcome } = judgeSealed(probe, facts)
    if (outcome !== 'fail')
      return { kind: 'cannot fail', why: `falsified facts no. ${index + 1} were judged ${outcome}` }
  }
  return { kind: 'can fail', ways: falsified.length }
}
