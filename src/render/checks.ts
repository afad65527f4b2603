import { inline, oneLine, plain } from '../lib/text/clean.ts'
import { counted } from '../lib/text/counted.ts'
import type { Finding } from '../probe/probe.ts'
import { type CheckResult, judgedOn } from '../probe/verdict.ts'
import {
  blocks,
  type Cited,
  evidenceBlocks,
  folded,
  numbered,
  ranges,
  readNumbers,
  sentence,
  symbols,
  tell
} from './parts.ts'
import { type NumberedCheck, type Row, rowsOf } from './rows.ts'

/**
 * How the checks of a section read: what failed and what could not be seen first and in full; then a line for each of
 * the others, with the evidence of them all folded behind it.
 */

/** What a reader gets to see of one check before the rest is only in the evidence file. */
const shown = { findings: 12, turns: 12, sentence: 320, standing: 160, names: 12 } as const

export interface ChecksShown {
  /** Whether the section has the evidence of what passed; without it that is in the evidence file alone. */
  readonly evidence: boolean
}

/** The checks of a section, each by its number in the plan. */
export function checksBlocks(
  checks: readonly CheckResult[],
  input: Cited,
  { evidence }: ChecksShown
): readonly string[] {
  const cited = numbered(input)
  const all = checks.map((check, index) => ({ n: index + 1, check }))
  const wanting = (['fail', 'unknown'] as const).flatMap(outcome =>
    all.filter(({ check }) => check.outcome === outcome)
  )
  const rows = rowsOf(all.filter(each => !wanting.includes(each)))
  return [
    ...wanting.flatMap(({ check, n }) => checkBlocks(check, n, cited)),
    rows.map(row => rowLine(row, cited)).join('  \n'),
    ...(evidence ? rowsEvidence(rows, cited, wanting.length === 0) : [])
  ]
}

/** One check in full: title and outcome, the reads with what they showed, the sentence that judges it. */
export function checkBlocks(check: CheckResult, n: number, cited: Cited): readonly string[] {
  return [
    `**${n}. ${plain(check.title, 200)}** ${symbols[check.outcome]}`,
    ...evidenceBlocks(check.findings, judgedOn(check), cited),
    ...judgement(check, cited)
  ]
}

/** A row on a line: the title, how it ended, what was seen, the reads. */
function rowLine(row: Row, cited: Cited): string {
  const { checks, title, names } = row
  const [first] = checks
  if (first === undefined) return ''
  const reads = [...new Set(checks.flatMap(({ check }) => check.evidence))]
  const said =
    names.length === 0
      ? [inShort(first.check).text, ...notesOf(first.check)]
      : [sentence(row.each === null ? namesOf(row) : `${namesOf(row)}: each ${row.each}`)]
  const numbers = ranges(checks.map(({ n }) => n))
  return [
    `**${numbers}. ${plain(title, 200)}** ${symbols[first.check.outcome]}`,
    ...said,
    citation({ on: first.check.on, evidence: reads }, cited)
  ]
    .filter(text => text !== '')
    .join(' ')
}

function namesOf({ names }: Row): string {
  const kept = names.slice(0, shown.names).map(each => oneLine(each, 60))
  const rest = names.length - kept.length
  return [...kept, ...(rest > 0 ? [`${rest} more`] : [])].join(', ')
}

/** What stands behind the lines of rows: the reads with what they showed, and the sentences that a line has no room for. */
function rowsEvidence(rows: readonly Row[], cited: Cited, isAll: boolean): readonly string[] {
  const inside = rows.flatMap(row => {
    const checks = row.checks.map(({ check }) => check)
    const findings = checks.flatMap(check => check.findings)
    const reads = [...new Set(checks.flatMap(judgedOn))].sort((a, b) => a - b)
    const body = [...evidenceBlocks(findings, reads, cited), ...longSentences(row)]
    const title = `**${ranges(row.checks.map(({ n }) => n))}. ${plain(row.title, 200)}**`
    return body.length === 0 ? [] : [title, ...body]
  })
  if (inside.length === 0) return []
  const numbers = ranges(rows.flatMap(({ checks }) => checks.map(({ n }) => n)))
  const which = isAll ? 'the checks' : `the other checks (${numbers})`
  return [folded(`Evidence of ${which}`, blocks(inside).trimEnd())]
}

function longSentences({ checks, names }: Row): readonly string[] {
  const told = checks.filter(
    ({ check }) => !shownAlready(checks) && (names.length > 0 || !inShort(check).whole)
  )
  const texts = told.flatMap(({ check }) => listed(check))
  return texts.length === 0 ? [] : [texts.join(texts.length > 1 ? '\n' : '')]
}

/** What a check saw, for one line; `whole`: nothing was left out. */
function inShort(check: CheckResult): { readonly text: string; readonly whole: boolean } {
  const ordered = worstFirst(check.findings)
  if (ordered.length === 0) return { text: nothingJudged(check), whole: true }
  const texts: string[] = []
  let room: number = shown.sentence
  for (const finding of ordered) {
    const text = tell(finding)
    if (texts.length > 0 && text.length > room) break
    texts.push(
      finding.outcome === 'pass' ? tell({ ...finding, saw: oneLine(finding.saw, shown.sentence) }) : text
    )
    room -= text.length
  }
  const rest = ordered.length - texts.length
  return {
    text: [...texts, ...(rest > 0 ? [`… and ${rest} more.`] : [])].join(' '),
    whole:
      rest === 0 &&
      ordered.every(finding => finding.outcome !== 'pass' || finding.saw.length <= shown.sentence)
  }
}

function nothingJudged({ why }: CheckResult): string {
  return why === null ? 'Nothing was judged.' : sentence(why)
}

function judgement(check: CheckResult, cited: Cited): readonly string[] {
  const notes = [...notesOf(check), citation(check, cited)].filter(note => note !== '')
  const texts = listed(check)
  return texts.length > 1 ? [texts.join('\n'), notes.join(' ')] : [[...texts, ...notes].join(' ')]
}

/** What a check saw: a sentence, or a list of them, what failed first. */
function listed(check: CheckResult): readonly string[] {
  const told = worstFirst(check.findings)
  const texts = told.slice(0, shown.findings).map(tell)
  const rest = told.length - texts.length
  if (rest > 0) texts.push(`… and ${rest} more, in the evidence.`)
  if (texts.length === 0) return [nothingJudged(check)]
  if (texts.length === 1) return texts
  return texts.map(
    (text, i) => `- ${told[i] && i < shown.findings ? `${symbols[told[i].outcome]} ` : ''}${text}`
  )
}

function notesOf(check: CheckResult): readonly string[] {
  return [
    waiverNote(check),
    check.hidden === true
      ? 'It depends on hidden text: the outcome uses the text as read, and replay answers `hidden`.'
      : '',
    check.flapped ? `It flapped: ${sequence(check)}.` : '',
    check.attempts > 1 ? `Checked ${check.attempts} times.` : ''
  ].filter(note => note !== '')
}

/** How the attempts went, and when: runs of the same outcome are one. */
function sequence({ looks = [] }: CheckResult): string {
  const turns = looks.filter(({ outcome }, i) => outcome !== looks[i - 1]?.outcome)
  if (turns.length === 0) return 'an earlier attempt had another outcome'
  const described = turns.slice(0, shown.turns).map(({ outcome, afterMs, evidence }, i) => {
    const when = i === 0 ? 'at first' : `after ${Math.round(afterMs / 1000)} s`
    return `${symbols[outcome]} ${when}${evidence.length === 0 ? '' : ` (${readNumbers(evidence)})`}`
  })
  const rest = turns.length - described.length
  return [...described, ...(rest > 0 ? [`and ${counted(rest, 'more turn')}`] : [])].join(', ')
}

/** What stands in the evidence line by line is not repeated below it. */
function shownAlready(checks: readonly NumberedCheck[]): boolean {
  return checks.every(({ check: { findings } }) => {
    const lines = findings.flatMap(finding => finding.shows ?? [])
    return new Set(lines).size >= findings.length
  })
}

function worstFirst(findings: readonly Finding[]): readonly Finding[] {
  return [...findings].sort((a, b) => rank[a.outcome] - rank[b.outcome])
}

const rank: Readonly<Record<Finding['outcome'], number>> = {
  fail: 0,
  unknown: 1,
  pass: 2,
  'not-applicable': 3
}

function waiverNote({ waiver }: CheckResult): string {
  if (waiver === undefined) return ''
  return `Waived by ${plain(waiver.by, 80)} until ${plain(waiver.until, 40)}: ${sentence(waiver.reason)}`
}

/** The reads by number, and where they were made if the review looked at more than one host. */
function citation({ on, evidence: numbers }: Pick<CheckResult, 'on' | 'evidence'>, cited: Cited): string {
  if (numbers.length === 0) return ''
  const hosts = new Set(
    cited.evidence.map(read => read.on).filter(place => !['repo', 'record', 'web'].includes(place))
  )
  const where = hosts.size > 1 ? ` on ${inline(on, 80)}` : ''
  return `(${readNumbers(numbers)}${where})`
}

/** How checks stand, a line each: what failed first, what passed last. */
export function standingLines(checks: readonly CheckResult[]): readonly string[] {
  const rows = rowsOf(checks.map((check, index) => ({ n: index + 1, check })))
  return [...rows]
    .sort((a, b) => urgency(a) - urgency(b))
    .map(row => {
      const [first] = row.checks
      if (first === undefined) return ''
      const { outcome, findings } = first.check
      const telling = findings.find(finding => finding.outcome === outcome) ?? findings[0]
      const saw = telling === undefined ? '' : 'saw' in telling ? telling.saw : telling.why
      const alike = row.each === null ? namesOf(row) : `${namesOf(row)}: each ${row.each}`
      const said =
        row.names.length > 0 ? sentence(alike) : saw === '' ? '' : sentence(oneLine(saw, shown.standing))
      return `- ${symbols[outcome]} ${plain(row.title, 200)}${said === '' ? '' : `: ${said}`}`
    })
}

function urgency({ checks: [first] }: Row): number {
  const order: readonly CheckResult['outcome'][] = ['fail', 'unknown', 'waived', 'pass', 'not-applicable']
  return first === undefined ? order.length : order.indexOf(first.check.outcome)
}
