import { oneLine } from '../base/text.ts'
import type { CheckResult } from '../decide/verdict.ts'
import type { Draft } from '../run/review.ts'
import type { Told } from '../run/publish.ts'
import type { Proof } from '../run/proof.ts'
import type { Outcome } from '../words.ts'
import type { Io } from './io.ts'

const marks: Readonly<Record<Outcome, readonly [mark: string, colour: number]>> = {
  pass: ['✓', 32],
  fail: ['✗', 31],
  unknown: ['?', 33],
  'not-applicable': ['–', 90],
  waived: ['~', 36]
}

/** A review for a terminal: each check a line, what failed or could not be seen under it. */
export function sayReview(draft: Draft, io: Pick<Io, 'color' | 'columns'>): string {
  const { claim, decision } = draft
  const verdict = { PASS: 32, FAIL: 31, INCONCLUSIVE: 33 }[decision.verdict]
  return [
    `${claim.phase}-${claim.milestone}  ${paint(io, verdict, decision.verdict)}  ${oneLine(decision.why)}`,
    ...draft.checks.flatMap(({ check }) => sayCheck(check, io))
  ].join('\n')
}

export function sayCheck(check: CheckResult, io: Pick<Io, 'color'>): readonly string[] {
  const [mark, colour] = marks[check.outcome]
  const under = check.findings.flatMap(finding => {
    switch (finding.outcome) {
      case 'fail':
        return [`saw ${finding.saw}, expected ${finding.expected}, at ${finding.at}`]
      case 'pass':
        return check.outcome === 'pass' ? [finding.saw] : []
      default:
        return [finding.why]
    }
  })
  return [
    `  ${paint(io, colour, mark)} ${oneLine(check.title)}`,
    ...under.map(line => `      ${oneLine(line)}`)
  ]
}

/** What was proved, a line each; how to mend what is missing under it. */
export function sayProofs(proofs: readonly Proof[], io: Pick<Io, 'color'>): string {
  const lines = proofs.flatMap(({ subject, ok, saw, mend }) => {
    const [mark, colour] = marks[ok === true ? 'pass' : ok === false ? 'fail' : 'not-applicable']
    return [
      `${paint(io, colour, mark)} ${oneLine(subject, 120)}: ${oneLine(saw)}`,
      ...(mend === null ? [] : [`    ${oneLine(mend)}`])
    ]
  })
  return lines.join('\n')
}

/** What was filed, closed or reopened along with it, a line each. */
export function sayChanges(told: Told): readonly string[] {
  return (told.telling?.changes ?? []).map(
    ({ change, finding }) => `[adversary] ${finding.id} ${change}: ${oneLine(finding.title)}`
  )
}

/** Where the section went. */
export function sayTold(told: Told): string {
  switch (told.outcome.kind) {
    case 'published': {
      const where = told.telling === null ? '' : ` to ${told.telling.path}`
      return `pushed${where} as ${told.outcome.commit.slice(0, 12)}`
    }
    case 'dropped':
      return 'nothing to push'
    case 'stale':
      return 'not pushed: what was seen is out of date'
  }
}

function paint({ color }: Pick<Io, 'color'>, code: number, text: string): string {
  return color ? `\u001b[${code}m${text}\u001b[0m` : text
}
