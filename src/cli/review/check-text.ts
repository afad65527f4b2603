import { counted } from '../../lib/text/counted.ts'
import { oneLine } from '../../lib/text/clean.ts'
import type { Finding } from '../../probe/probe.ts'
import type { Evidence } from '../../facts/fact.ts'
import type { PublishResult } from '../../review/review.ts'
import type { Proof } from '../setup/doctor-result.ts'
import type { ReplayedCheck } from '../../review/replay.ts'
import type { Draft, Observed } from '../../review/assessed.ts'
import type { ReviewCheck } from '../../review/evaluate.ts'
import type { Outcome, Verdict } from '../../lib/words.ts'
import { type Io, paint, type Style } from '../io.ts'
import { fit, pasted } from '../layout.ts'

/** Each outcome by a sign and a colour: whoever sees one of the two knows it. */
const marks: Readonly<Record<Outcome | 'hidden', readonly [mark: string, style: Style]>> = {
  pass: ['✓', 'green'],
  fail: ['✗', 'red'],
  unknown: ['?', 'yellow'],
  'not-applicable': ['–', 'dim'],
  waived: ['~', 'cyan'],
  hidden: ['*', 'yellow']
}

const verdictStyles: Readonly<Record<Verdict, Style>> = { PASS: 'green', FAIL: 'red', INCONCLUSIVE: 'yellow' }

/** A read that took this long is named, in milliseconds. */
const slowMs = 1_000

type Terminal = Pick<Io, 'color' | 'columns'>

export function verdictText(verdict: Verdict, io: Pick<Io, 'color'>): string {
  return paint(io, verdictStyles[verdict], verdict)
}

/** A review for a terminal: each check a line, what was seen under it, and at the end what was slow. */
export function reviewText(
  draft: Pick<Draft, 'claim' | 'decision' | 'stats' | 'evidence'> & {
    readonly checks: readonly Pick<ReviewCheck, 'check'>[]
  },
  io: Terminal
): string {
  const { claim, decision } = draft
  const name = `${claim.phase}-${claim.milestone}`
  const head = `${paint(io, 'bold', name)}  ${verdictText(decision.verdict, io)}  ${oneLine(decision.why)}`
  const checks = draft.checks.map(({ check }) => check)
  return [...fit(head, io, 0, 2), ...checksText(checks, io), ...slowText(draft, io)].join('\n')
}

/** Several checks; where they were looked for is said as soon as it is not the same place for all. */
export function checksText(checks: readonly ReplayedCheck[], io: Terminal): readonly string[] {
  const places = new Set(checks.map(({ on }) => on).filter(on => on !== 'repo'))
  return checks.flatMap(check => checkText(check, io, places.size > 1))
}

export function checkText(check: ReplayedCheck, io: Terminal, withPlace = false): readonly string[] {
  const [mark, style] = marks[check.outcome]
  const place = withPlace ? paint(io, 'dim', `  ${oneLine(check.on, 60)}`) : ''
  return [
    ...fit(`${paint(io, style, mark)} ${oneLine(check.title)}${place}`, io, 2, 4),
    ...check.findings
      .flatMap(finding => findingText(check, finding, io))
      .flatMap(line => fit(line, io, 6, 8)),
    ...(check.hidden === true && check.outcome !== 'hidden'
      ? fit(paint(io, 'dim', 'it depends on redacted text: replay cannot judge it again'), io, 6, 8)
      : []),
    ...(check.attempts > 1 ? fit(paint(io, 'dim', attemptsText(check)), io, 6, 8) : [])
  ]
}

function findingText(check: ReplayedCheck, finding: Finding, io: Terminal): readonly string[] {
  switch (finding.outcome) {
    case 'fail':
      return [oneLine(`${finding.saw}; expected ${finding.expected} (${finding.at})`)]
    case 'pass':
      return check.outcome === 'pass' ? [paint(io, 'dim', oneLine(finding.saw))] : []
    default:
      return [oneLine(check.outcome === 'hidden' ? `hidden: ${finding.why}` : finding.why)]
  }
}

function attemptsText({ attempts, flapped }: ReplayedCheck): string {
  return `checked ${attempts} times${flapped ? ', with different results' : ''}`
}

/** How long was looked, and which reads took their time. */
function slowText(
  { stats, evidence }: Pick<Observed, 'stats' | 'evidence'>,
  io: Terminal
): readonly string[] {
  const slow = evidence.filter(({ ms }) => ms >= slowMs).sort((a, b) => b.ms - a.ms)
  const shown = slow
    .slice(0, 3)
    .map(({ on, command, ms }: Evidence) => `${seconds(ms)} ${on} $ ${oneLine(command, 60)}`)
  const all = `${counted(evidence.length, 'read')} in ${seconds(stats.ms)}`
  return fit(paint(io, 'dim', [all, ...shown].join(' · ')), io, 2, 4)
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

/** What was proved, a line each; how to fix what failed under it. */
export function proofsText(proofs: readonly Proof[], io: Terminal): string {
  const lines = proofs.flatMap(({ subject, ok, saw, mend, command }) => {
    const [mark, style] = marks[ok === true ? 'pass' : ok === false ? 'fail' : 'not-applicable']
    return [
      ...fit(`${paint(io, style, mark)} ${oneLine(subject, 120)}: ${oneLine(saw)}`, io, 0, 2),
      ...fixLines(mend, command, io)
    ]
  })
  return lines.join('\n')
}

/** A command stands on lines of its own, so that it can be pasted. */
function fixLines(mend: string | null, command: string | null, io: Terminal): readonly string[] {
  if (mend === null) return []
  if (command === null) return fit(oneLine(mend), io, 4)
  const text = mend.endsWith(command) ? mend.slice(0, mend.length - command.length) : mend
  if (text.trim() === '') return pasted(oneLine(command), io, 4)
  return [...fit(oneLine(text), io, 4), ...pasted(oneLine(command), io, 6)]
}

/** What was filed, closed or reopened along with it, a line each. */
export function changesText(result: PublishResult): readonly string[] {
  return (result.rendered?.changes ?? []).map(
    ({ change, finding }) => `[adversary] ${finding.id} ${change}: ${oneLine(finding.title)}`
  )
}

/** Where the section went. */
export function publishedText(result: PublishResult): string {
  switch (result.outcome.kind) {
    case 'published': {
      const where = result.rendered === null ? '' : ` to ${result.rendered.path}`
      return `pushed${where} as ${result.outcome.commit.slice(0, 12)}`
    }
    case 'dropped':
      return 'nothing to push'
    case 'dry-run':
      return `dry run: this would be appended to ${oneLine(result.outcome.path)}`
    case 'stale':
      return 'not pushed: the observations are out of date'
  }
}
