import { inline, plain as guarded } from '../../lib/text/clean.ts'
import {
  reasonsOf,
  type Report,
  type ReportCheck,
  type Result,
  resultWords,
  saying
} from './report-formats.ts'

/**
 * A page for a pipeline's summary. Everything from outside goes through `plain` or `inline`, as it does in a
 * review: no text of a host becomes a heading, a link, an image or HTML.
 */
export function markdown(report: Report): string {
  const { claim, review, plan } = report
  const open = report.findings.filter(({ status }) => status === 'open')
  const parts = [
    `## ${marks[report.result]} ${plain(report.target, 160)}: ${resultWords[report.result]}`,
    list(report.reasons.slice(0, mostReasons).map(reason => plain(reason))),
    list(
      report.milestones.map(
        ({ target, result, reasons }) =>
          `${marks[result]} **${plain(target, 160)}**: ${resultWords[result]}. ${plain(reasons[0] ?? '', 300)}`
      )
    ),
    section('Checks', report.checks),
    section('Hunt', report.hunts),
    ...(open.length === 0
      ? []
      : [
          '### Open findings',
          list(
            open.map(
              ({ id, title, severity, blocks, origin }) =>
                `**${plain(id, 20)}** ${plain(title, 300)} (${severity}, ${origin}${
                  blocks.length === 0 ? '' : `, blocks ${blocks.map(name => plain(name, 80)).join(', ')}`
                })`
            )
          )
        ]),
    list([
      ...(claim === null ? [] : [`Claim ${inline(claim.sha.slice(0, 12))}${said(claim.summary)}`]),
      ...(review === null
        ? []
        : [
            `Review ${inline(review.commit.slice(0, 12))} in ${inline(
              review.line === null ? review.path : `${review.path}:${review.line}`
            )}`
          ]),
      ...(plan === null ? [] : [`Plan ${inline(plan)}`]),
      `Written ${report.at} by adversary ${plain(report.version, 40)}`
    ])
  ]
  return `${parts.filter(part => part !== '').join('\n\n')}\n`
}

/** A gate knows the claim by its commit alone. */
function said(summary: string): string {
  const text = guarded(summary, 300)
  return text === '' ? '' : `: ${text}`
}

/** An empty item of a list would make a heading of the line above it. */
function plain(text: string, max?: number): string {
  return guarded(text, max) || '(nothing)'
}

/** Forges cut summaries at a megabyte; people stop reading long before. */
const mostReasons = 12
const mostSaid = 8

const marks: Readonly<Record<Result, string>> = {
  passed: '✓',
  failed: '✗',
  unproven: '?',
  untrusted: '✗',
  done: '·'
}

const outcomes: Readonly<Record<ReportCheck['outcome'], string>> = {
  pass: '✓',
  fail: '✗',
  unknown: '?',
  'not-applicable': '–',
  waived: '~'
}

function section(title: string, checks: readonly ReportCheck[]): string {
  if (checks.length === 0) return ''
  // What is wrong is read first.
  const rank = ['fail', 'unknown', 'waived', 'not-applicable', 'pass'] as const
  const sorted = rank.flatMap(outcome => checks.filter(check => check.outcome === outcome))
  return `### ${title}\n\n${sorted.map(checkLines).join('\n')}`
}

function checkLines(check: ReportCheck): string {
  const said = check.outcome === 'pass' ? check.findings.map(saying) : reasonsOf(check)
  const more = said.length - mostSaid
  return [
    `- ${outcomes[check.outcome]} **${plain(check.title, 200)}** on ${inline(check.on, 80)}`,
    ...said.slice(0, mostSaid).map(text => `  - ${plain(text, 600)}`),
    ...(more > 0 ? [`  - … and ${more} more`] : [])
  ].join('\n')
}

function list(items: readonly string[]): string {
  return items.map(item => `- ${item}`).join('\n')
}
