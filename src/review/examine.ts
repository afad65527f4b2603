import type { CheckResult, Attempt } from '../probe/verdict.ts'
import type { Veil } from '../lib/secrets/veil.ts'
import type { BoundProbe } from '../probe/probe.ts'
import { type Judgement, judgeSealed, publish, type Published, type SealedByName } from '../probe/run.ts'
import type { Evidence, Fact } from '../facts/fact.ts'
import type { Adapters } from '../facts/adapter.ts'
import { factName, gather, type Unnumbered } from '../facts/gather.ts'
import type { Sealed } from '../facts/sealed.ts'
import type { Outcome } from '../lib/words.ts'

/** One thing to find out: a probe with its parameters, and the host to ask. */
export interface Question {
  readonly probe: BoundProbe
  readonly title: string
  /** The host's name in the home. */
  readonly host: string
  /** What is printed as the place: the host's name, or `repo` for a probe that asks no host. */
  readonly on: string
  /** Look again until it passes twice, 10 s apart, for this long, in milliseconds. */
  readonly withinMs?: number
  readonly waiver?: { readonly reason: string; readonly by: string; readonly until: string }
}

/** All of it as it may be shown, but `sealed`. */
export interface Examined {
  /** In the order of the questions. */
  readonly checks: readonly CheckResult[]
  readonly evidence: readonly Evidence[]
  /** What the last attempt of each check was judged on, for the evidence file and for replay. */
  readonly judged: readonly Judged[]
  readonly facts: Readonly<Record<string, Fact<unknown>>>
  /** What each check was judged on as it was read, by its probe's names. */
  readonly sealed: readonly SealedByName[]
}

/** Under which names a check's facts are kept. */
export type Judged = Readonly<Record<string, string>>

export interface RetryPolicy {
  /** Waits, in milliseconds; rejects when the review is abandoned. */
  sleep(ms: number): Promise<void>
  /** A clock that only goes forward, in milliseconds. */
  tick(): number
  /** When to stop looking again, on that clock. */
  readonly until: number
  /** The time now, ISO 8601 UTC, for waivers. */
  readonly now: string
}

/** How long between two looks at something that is on its way, in milliseconds. */
const lookAgainMs = { within: 10_000, settling: 3_000 }

interface JudgedAttempt extends Attempt {
  readonly judgement: Judgement
  readonly sealed: SealedByName
  readonly facts: Judged
}

/**
 * Observes and judges all questions; what may still settle is looked at again, everything that it needs
 * read anew together, so that no judgement mixes two moments.
 */
export async function evaluateChecks(
  questions: readonly Question[],
  adapters: Adapters,
  patience: RetryPolicy
): Promise<Examined> {
  const started = patience.tick()
  const attempts: JudgedAttempt[][] = questions.map(() => [])
  const evidence: Evidence[] = []
  const facts: Record<string, Fact<unknown>> = {}

  let open = questions.map((_, index) => index)
  for (let round = 1; ; round += 1) {
    const asked = open.map(index => at(questions, index))
    const afterMs = Math.round(patience.tick() - started)
    const ahead = judgedAhead(asked)
    const gathered = await gather(
      asked.map(({ host, probe }) => ({ host, sources: Object.values(probe.needs) })),
      adapters,
      evidence.length + 1,
      ahead.hear
    )
    evidence.push(...gathered.evidence)
    for (const [position, index] of open.entries()) {
      const question = at(asked, position)
      const byName: Record<string, Sealed<Unnumbered>> = {}
      const names: Record<string, string> = {}
      const reads: number[] = []
      for (const [need, source] of Object.entries(question.probe.needs)) {
        const fact = gathered.fact(question.host, source)
        const base = factName(question.host, source)
        // A later attempt must not overwrite what another check was judged on in an earlier one.
        const name = round === 1 ? base : `${base} (attempt ${round})`
        byName[need] = gathered.sealed(question.host, source)
        names[need] = name
        facts[name] = fact
        reads.push(...fact.evidence)
      }
      const judgement = ahead.judgement(position, byName)
      at(attempts, index).push({
        afterMs,
        outcome: judgement.outcome,
        judgement,
        sealed: byName,
        facts: names,
        evidence: [...new Set(reads)].sort((a, b) => a - b)
      })
    }

    const elapsed = patience.tick() - started
    open = open.filter(index => unsettled(at(questions, index), at(attempts, index), elapsed))
    if (open.length === 0) break
    const settling = open.some(index => at(questions, index).withinMs === undefined)
    const pause = settling ? lookAgainMs.settling : lookAgainMs.within
    if (patience.tick() + pause > patience.until) break
    await patience.sleep(pause)
  }

  // What a later attempt showed to be a secret is none of the earlier ones' to show.
  const { veil } = adapters
  // The name of a fact may hold a parameter of the plan.
  const shownName = (name: string) => veil.sentence(name)
  const shown = Object.fromEntries(
    Object.entries(facts).map(([name, fact]) => [shownName(name), veil.again(fact)])
  )
  const last = attempts.map(tries => {
    const attempt = at(tries, tries.length - 1)
    const named = Object.entries(attempt.facts).map(([need, name]) => [need, shownName(name)] as const)
    return { ...attempt, facts: Object.fromEntries(named) }
  })
  return {
    checks: questions.map((question, index) => {
      const { judgement, sealed, facts: names } = at(last, index)
      const given = veil.params(question.probe.given)
      const byName = Object.fromEntries(
        Object.entries(names).flatMap(([need, name]) => {
          const fact = shown[name]
          return fact === undefined ? [] : [[need, fact] as const]
        })
      )
      const published = publish(question.probe, judgement, sealed, { shown: byName, given }, veil)
      return result(told(question, given, veil), at(attempts, index), published, patience.now)
    }),
    evidence: veil.again(evidence),
    judged: last.map(attempt => attempt.facts),
    facts: shown,
    sealed: last.map(attempt => attempt.sealed)
  }
}

/** What a question says of itself in a result. */
function told({ probe, title, on, withinMs, waiver }: Question, given: unknown, veil: Veil) {
  return {
    probe: probe.id,
    title: veil.sentence(title),
    on,
    given,
    isWithin: withinMs !== undefined,
    ...(waiver === undefined ? {} : { waiver: veil.sentences(waiver) })
  }
}

/**
 * Judges each question as soon as what it needs is seen, while others are still waited for. A judgement depends on
 * the facts alone: where one of them turns out to be another, the question is judged again.
 */
function judgedAhead(questions: readonly Question[]) {
  const facts = questions.map((): Record<string, Sealed<Unnumbered>> => ({}))
  const wanted = new Map<string, { readonly index: number; readonly need: string }[]>()
  for (const [index, { host, probe }] of questions.entries()) {
    for (const [need, source] of Object.entries(probe.needs)) {
      const name = factName(host, source)
      const by = wanted.get(name) ?? []
      by.push({ index, need })
      wanted.set(name, by)
    }
  }
  const judged = new Map<number, { readonly on: SealedByName; readonly judgement: Judgement }>()
  const judgeNow = (index: number) => {
    if (judged.has(index)) return
    const on = { ...at(facts, index) }
    try {
      judged.set(index, { on, judgement: judgeSealed(at(questions, index).probe, on) })
    } catch {
      // Where nobody waits for it nobody could be told: it is judged again, and fails, where somebody does.
    }
  }
  return {
    hear(name: string, fact: Sealed<Unnumbered>): void {
      for (const { index, need } of wanted.get(name) ?? []) {
        const on = at(facts, index)
        on[need] = fact
        const missing = Object.keys(at(questions, index).probe.needs).some(each => !Object.hasOwn(on, each))
        if (!missing) setImmediate(() => judgeNow(index))
      }
    },
    judgement(index: number, byName: SealedByName): Judgement {
      const before = judged.get(index)
      if (before !== undefined && Object.entries(byName).every(([need, fact]) => fact === before.on[need]))
        return before.judgement
      const judgement = judgeSealed(at(questions, index).probe, byName)
      judged.set(index, { on: byName, judgement })
      return judgement
    }
  }
}

function unsettled(question: Question, tries: readonly JudgedAttempt[], elapsedMs: number): boolean {
  const last = at(tries, tries.length - 1)
  if (last.outcome === 'unknown' && elapsedMs < last.judgement.settlesWithinMs) return true
  if (question.withinMs === undefined || elapsedMs >= question.withinMs) return false
  const before = tries.at(-2)
  return !(last.outcome === 'pass' && before?.outcome === 'pass')
}

function result(
  question: ReturnType<typeof told>,
  tries: readonly JudgedAttempt[],
  { findings, restsOnHidden }: Published,
  now: string
): CheckResult {
  const last = at(tries, tries.length - 1)
  const judged = tries
    .map(attempt => attempt.outcome)
    .filter(outcome => outcome === 'pass' || outcome === 'fail')
  const flapped = judged.some(
    (outcome, index) => index > 0 && outcome === 'fail' && judged[index - 1] === 'pass'
  )
  // It passed once and then did not: with `within`, only two passes in a row are a pass.
  const halfway = question.isWithin && last.outcome === 'pass' && tries.at(-2)?.outcome !== 'pass'
  const outcome: Outcome = halfway ? 'unknown' : last.outcome
  const base = {
    probe: question.probe,
    title: question.title,
    on: question.on,
    with: question.given,
    attempts: tries.length,
    flapped,
    findings,
    // A check that changed its mind is proved by what it saw each time.
    evidence: [...new Set(tries.flatMap(attempt => attempt.evidence))].sort((a, b) => a - b),
    ...(tries.length > 1 ? { looks: tries.map(looked) } : {}),
    ...(restsOnHidden ? { hidden: true as const } : {})
  }
  const { waiver } = question
  if (waiver !== undefined && holds(waiver.until, now)) {
    return {
      ...base,
      outcome: 'waived',
      why: `waived by ${waiver.by} until ${waiver.until}: ${waiver.reason}`,
      waiver
    }
  }
  const expired = waiver === undefined ? [] : [`the waiver by ${waiver.by} ended on ${waiver.until}`]
  const whys = [
    ...(halfway ? ['it passed only once before the time was over'] : []),
    ...findings.flatMap(finding => ('why' in finding && finding.outcome === outcome ? [finding.why] : [])),
    ...expired
  ]
  return { ...base, outcome, why: whys.length > 0 ? [...new Set(whys)].join('; ') : null }
}

function looked({ afterMs, outcome, evidence }: JudgedAttempt): Attempt {
  return { afterMs, outcome, evidence }
}

/** A day counts until its end in UTC. */
function holds(until: string, now: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(until) ? now.slice(0, 10) <= until : now <= until
}

function at<T>(list: readonly T[], index: number): T {
  const element = list[index]
  if (element === undefined) throw new RangeError(`no element ${index} of ${list.length}`)
  return element
}
