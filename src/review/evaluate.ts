import type { Check, HuntCheck } from '../config/types.ts'
import { type Gathered, factName, type Unnumbered } from '../facts/gather.ts'
import type { Fact } from '../facts/fact.ts'
import type { Sealed } from '../facts/sealed.ts'
import type { Veil } from '../lib/secrets/veil.ts'
import type { Outcome } from '../lib/words.ts'
import { type Judgement, publish, type SealedByName } from '../probe/run.ts'
import type { Attempt, CheckResult } from '../probe/verdict.ts'

/** One check from the plan to the review; each step fills in a field of its own. */
export interface ReviewCheck {
  /** The plan's, with what it may hold of secrets. */
  readonly planned: Check | HuntCheck
  /** By `evaluate`, the first one first; none: it was not looked at. */
  readonly attempts: readonly EvaluatedAttempt[]
  /** By `conclude`: the result as it may be shown, and under which names the facts are kept that it was judged on. */
  readonly check: CheckResult
  readonly facts: FactNames
}

/** By the names of the probe. */
export type FactNames = Readonly<Record<string, string>>

interface EvaluatedAttempt extends Attempt {
  readonly judgement: Judgement
  /** What it was judged on, as it was read. */
  readonly sealed: SealedByName
  readonly facts: FactNames
}

/** How long between two looks at something that is on its way, in milliseconds. */
const lookAgainMs = { within: 10_000, settling: 3_000 }

/** Whether a check needs its host to be seen. */
export function asksHost({ probe }: Check): boolean {
  return Object.values(probe.needs).some(source => source.place === 'host')
}

/** The host that it is looked at from; empty: none is configured, and none is asked. */
export function hostOf({ host }: Check): string {
  return host ?? ''
}

/** A check that was not looked at yet. */
export function unlooked(planned: Check | HuntCheck): ReviewCheck {
  const { probe, title, host } = planned
  const isRemote = Object.values(probe.needs).some(({ place }) => place === 'host' || place === 'web')
  const on = isRemote && host !== null ? host : 'repo'
  const check: CheckResult = {
    probe: probe.id,
    title,
    on,
    with: probe.given,
    outcome: 'unknown',
    why: 'it was not looked at',
    attempts: 0,
    flapped: false,
    findings: [],
    evidence: []
  }
  return { planned, attempts: [], check, facts: {} }
}

/**
 * Adds one attempt to a check, judged on what was gathered for it. Pure.
 *
 * @param afterMs how long after the first attempt the reads began.
 * @param judge `judgeSealed`, or what remembers that it was asked before.
 */
export function evaluate(
  one: ReviewCheck,
  gathered: Gathered,
  afterMs: number,
  judge: (planned: Check, sealed: SealedByName) => Judgement
): ReviewCheck {
  const { planned, attempts } = one
  const sealed: Record<string, Sealed<Unnumbered>> = {}
  const facts: Record<string, string> = {}
  const reads: number[] = []
  for (const [need, source] of Object.entries(planned.probe.needs)) {
    const base = factName(hostOf(planned), source)
    // A later attempt must not overwrite what another check was judged on in an earlier one.
    facts[need] = attempts.length === 0 ? base : `${base} (attempt ${attempts.length + 1})`
    sealed[need] = gathered.sealed(hostOf(planned), source)
    reads.push(...gathered.fact(hostOf(planned), source).evidence)
  }
  const judgement = judge(planned, sealed)
  const { outcome } = judgement
  return {
    ...one,
    attempts: [...attempts, { afterMs, outcome, evidence: ordered(reads), judgement, sealed, facts }]
  }
}

/** The facts of the last attempt as they may be shown, by the names under which they are kept. */
export function factsTaken(
  { planned, attempts }: ReviewCheck,
  gathered: Gathered
): readonly (readonly [string, Fact<unknown>])[] {
  const { facts = {} } = attempts.at(-1) ?? {}
  return Object.entries(planned.probe.needs).map(
    ([need, source]) => [facts[need] ?? need, gathered.fact(hostOf(planned), source)] as const
  )
}

/** Whether another attempt may change the outcome. @param elapsedMs since the first attempt began. */
export function isUnsettled({ planned, attempts }: ReviewCheck, elapsedMs: number): boolean {
  const last = attempts.at(-1)
  if (last === undefined) return true
  if (last.outcome === 'unknown' && elapsedMs < last.judgement.settlesWithinMs) return true
  if (planned.withinMs === undefined || elapsedMs >= planned.withinMs) return false
  return !(last.outcome === 'pass' && attempts.at(-2)?.outcome === 'pass')
}

/** How long to wait before these are looked at again, in milliseconds. */
export function pauseBefore(unsettled: readonly ReviewCheck[]): number {
  const isSettling = unsettled.some(({ planned }) => planned.withinMs === undefined)
  return isSettling ? lookAgainMs.settling : lookAgainMs.within
}

/**
 * The result of a check, as it may be shown. After the last attempt of all: what that one showed to be a secret is none of
 * the earlier ones' to show.
 *
 * @param shown all facts, by their names, as they may be shown.
 * @param now ISO 8601 UTC, for waivers.
 */
export function conclude(
  one: ReviewCheck,
  shown: Readonly<Record<string, Fact<unknown>>>,
  veil: Veil,
  now: string
): ReviewCheck {
  const { planned, attempts } = one
  const { probe, title, waiver } = planned
  const given = veil.params(probe.given)
  const last = attempts.at(-1)
  if (last === undefined) return { ...one, check: { ...one.check, title: veil.sentence(title), with: given } }
  // The name of a fact may hold a parameter of the plan.
  const facts = Object.fromEntries(
    Object.entries(last.facts).map(([need, name]) => [need, veil.sentence(name)])
  )
  const byName = factsNamed(facts, shown)
  const { findings, restsOnHidden } = publish(
    probe,
    last.judgement,
    last.sealed,
    { shown: byName, given },
    veil
  )
  const base = {
    probe: probe.id,
    title: veil.sentence(title),
    on: one.check.on,
    with: given,
    attempts: attempts.length,
    flapped: hasFlapped(attempts),
    findings,
    // A check that changed its mind is proved by what it saw each time.
    evidence: ordered(attempts.flatMap(attempt => attempt.evidence)),
    ...(attempts.length > 1
      ? { looks: attempts.map(({ afterMs, outcome, evidence }) => ({ afterMs, outcome, evidence })) }
      : {}),
    ...(restsOnHidden ? { hidden: true as const } : {})
  }
  const ended = endOf(one, findings, waiver === undefined ? undefined : veil.sentences(waiver), now)
  return { ...one, facts, check: { ...base, ...ended } }
}

/** The facts that these names stand for, as they may be shown. */
export function factsNamed(
  names: FactNames,
  shown: Readonly<Record<string, Fact<unknown>>>
): Readonly<Record<string, Fact<unknown>>> {
  const found = Object.entries(names).flatMap(([need, name]) => {
    const fact = shown[name]
    return fact === undefined ? [] : [[need, fact] as const]
  })
  return Object.fromEntries(found)
}

function hasFlapped(attempts: readonly Attempt[]): boolean {
  const judged = attempts
    .map(attempt => attempt.outcome)
    .filter(outcome => outcome === 'pass' || outcome === 'fail')
  return judged.some((outcome, index) => index > 0 && outcome === 'fail' && judged[index - 1] === 'pass')
}

function endOf(
  { planned, attempts }: ReviewCheck,
  findings: CheckResult['findings'],
  waiver: CheckResult['waiver'],
  now: string
): Pick<CheckResult, 'outcome' | 'why' | 'waiver'> {
  if (waiver !== undefined && holds(waiver.until, now)) {
    const why = `waived by ${waiver.by} until ${waiver.until}: ${waiver.reason}`
    return { outcome: 'waived', why, waiver }
  }
  const last = attempts.at(-1)?.outcome ?? 'unknown'
  // It passed once and then did not: with `within`, only two passes in a row are a pass.
  const halfway = planned.withinMs !== undefined && last === 'pass' && attempts.at(-2)?.outcome !== 'pass'
  const outcome: Outcome = halfway ? 'unknown' : last
  const expired = waiver === undefined ? [] : [`the waiver by ${waiver.by} ended on ${waiver.until}`]
  const whys = [
    ...(halfway ? ['it passed only once before the time was over'] : []),
    ...findings.flatMap(finding => ('why' in finding && finding.outcome === outcome ? [finding.why] : [])),
    ...expired
  ]
  return { outcome, why: whys.length > 0 ? [...new Set(whys)].join('; ') : null }
}

function ordered(reads: readonly number[]): readonly number[] {
  return [...new Set(reads)].sort((a, b) => a - b)
}

/** A day counts until its end in UTC. */
function holds(until: string, now: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(until) ? now.slice(0, 10) <= until : now <= until
}
