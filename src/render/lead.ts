import { counted } from '../lib/text/counted.ts'
import { plain } from '../lib/text/clean.ts'
import type { Outcome } from '../lib/words.ts'
import type { CheckResult, Decision } from '../probe/verdict.ts'
import { lines, minute, ranges, sentence, symbols, tell, unseen } from './parts.ts'

/** What stands at the top of a section: what is wrong, what to do, and what changed since the last look. */

/** The same checks, the last time that they were looked at. */
export interface LastLook {
  /** ISO UTC. */
  readonly at: string
  /** What it was: `M2: FAIL`, `before M2 was claimed`. */
  readonly what: string
  /** By the index of the check; null: it was not looked at then. */
  readonly outcomes: readonly (Outcome | null)[]
  readonly samePlan: boolean
}

const shown = { checks: 6, findings: 3, changes: 6 } as const

interface Wrong {
  readonly decision: Decision
  readonly checks: readonly CheckResult[]
  readonly obstacles: readonly string[]
  readonly remedyOf: (probe: string) => string
}

/** What is wrong in words of its own, and what to do about it; empty for a PASS. */
export function wrongBlocks({ decision, checks, obstacles, remedyOf }: Wrong): readonly string[] {
  if (decision.verdict === 'PASS') return []
  const numbered = checks.map((check, index) => ({ check, n: index + 1 }))
  const failed = numbered.filter(({ check }) => check.outcome === 'fail')
  const missing = [
    ...unseenLines(numbered.filter(({ check }) => check.outcome === 'unknown')),
    ...obstacles.map(obstacle => `**What is missing:** ${sentence(obstacle)}`)
  ]
  const [only, ...more] = failed
  if (only === undefined)
    return [lines(missing.length > 0 ? missing : [`**What is missing:** ${sentence(decision.why)}`])]
  const remedyFor = onceEach(remedyOf)
  if (more.length === 0) {
    return [
      lines([
        `**What is wrong** (check ${only.n}): ${defects(only.check)}`,
        ...remedyFor(only.check),
        ...missing
      ])
    ]
  }
  const told = failed.slice(0, shown.checks)
  const rest = failed.length - told.length
  return [
    `**What is wrong:** ${failed.length} of ${counted(checks.length, 'check')} failed.`,
    [
      ...told.map(({ check, n }) => [`- **Check ${n}:** ${defects(check)}`, ...remedyFor(check)].join(' ')),
      ...(rest > 0 ? [`- … and ${counted(rest, 'more check')}, below.`] : [])
    ].join('\n'),
    lines(missing)
  ]
}

/** What to do when a check fails; for the second check of a probe it was said already. */
function onceEach(remedyOf: Wrong['remedyOf']): (check: CheckResult) => readonly string[] {
  const given = new Set([''])
  return ({ probe }) => {
    const remedy = remedyOf(probe)
    if (given.has(remedy)) return []
    given.add(remedy)
    return [`**What to do:** ${sentence(remedy)}`]
  }
}

/** What a failing check saw, in its own words. */
function defects({ findings }: CheckResult): string {
  const failing = findings.filter(({ outcome }) => outcome === 'fail')
  const told = failing.slice(0, shown.findings).map(tell)
  const rest = failing.length - told.length
  return [...told, ...(rest > 0 ? [`… and ${rest} more.`] : [])].join(' ')
}

interface Numbered {
  readonly check: CheckResult
  readonly n: number
}

/** What could not be seen, each reason once. */
function unseenLines(unknown: readonly Numbered[]): readonly string[] {
  const byWhy = new Map<string, number[]>()
  for (const { check, n } of unknown) {
    const why = check.why ?? 'no reason is recorded'
    const numbers = byWhy.get(why)
    if (numbers === undefined) byWhy.set(why, [n])
    else numbers.push(n)
  }
  const told = [...byWhy].slice(0, shown.checks)
  const rest = byWhy.size - told.length
  return [
    ...told.map(([why, numbers]) => `**What is missing:** ${unseen(why)} (${checkNumbers(numbers)})`),
    ...(rest > 0 ? [`**What is missing:** … for ${counted(rest, 'more reason')}, below.`] : [])
  ]
}

function checkNumbers(numbers: readonly number[]): string {
  return `${numbers.length === 1 ? 'check' : 'checks'} ${ranges(numbers)}`
}

function allOf(checks: number): string {
  return checks === 1 ? 'the only check' : checks === 2 ? 'both checks' : `all ${checks} checks`
}

/** What is different from the last look at the same checks; empty where there was none. */
export function sinceLine(checks: readonly CheckResult[], last: LastLook | null): string {
  if (last === null) return ''
  const compared = checks.map((check, index) => ({
    check,
    n: index + 1,
    before: last.outcomes[index] ?? null
  }))
  const known = compared.flatMap(({ before, ...rest }) => (before === null ? [] : [{ ...rest, before }]))
  if (known.length === 0) return ''
  const changed = known.filter(({ check, before }) => check.outcome !== before)
  const told = changed
    .slice(0, shown.changes)
    .map(
      ({ check, n, before }) =>
        `${symbols[before]} → ${symbols[check.outcome]} check ${n} (${plain(check.title, 120)})`
    )
  const more = changed.length - told.length
  const still = known
    .filter(({ check, before }) => before === 'fail' && check.outcome === 'fail')
    .map(({ n }) => n)
  const fresh = compared.length - known.length
  const parts = [
    changed.length === 0
      ? `the same outcome for ${known.length < checks.length ? counted(known.length, 'check') : allOf(checks.length)}`
      : [...told, ...(more > 0 ? [`${more} more`] : [])].join(', '),
    ...(still.length > 0 ? [`still failing: ${checkNumbers(still)}`] : []),
    ...(fresh > 0 ? [`${counted(fresh, 'check')} not looked at then`] : []),
    ...(last.samePlan ? [] : ['the plan has changed'])
  ]
  return `**Since the last look** (${plain(last.what, 80)}, ${minute(last.at)}): ${parts.join('; ')}.`
}
