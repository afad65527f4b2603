import {
  reasonsOf,
  type Report,
  type ReportCheck,
  type ReportFinding,
  resultWords
} from '../render/reports/report-formats.ts'
import { html, type Html, line, page } from './html.ts'
import type { CheckModel } from './model.ts'
import { evidenceSection, instant, spans } from './pages.ts'
import { placeOf } from './check-place.ts'
import { verdictState, wordState } from './shapes.ts'
import { style } from './style.ts'

/** `--report html`: one answer with its evidence as a single file, which needs nothing beside it. Pure. */
export function reportPage(report: Report): string {
  const { target, verdict, result, reasons, claim, review, plan, repo, at, version, reads } = report
  const wrong = report.checks.filter(({ outcome }) => outcome === 'fail' || outcome === 'unknown')
  const word = verdict ?? resultWords[result]
  const facts = [
    { name: 'Verdict', value: verdict === null ? wordState(resultWords[result]) : verdictState(verdict) },
    ...(claim === null
      ? []
      : [
          {
            name: 'Claim',
            value: html`${line(claim.summary, 600)} <span class="sha">${line(claim.sha.slice(0, 9), 9)}</span>`
          }
        ]),
    ...(review === null
      ? []
      : [
          {
            name: 'Review',
            value: html`<code>${line(review.path, 400)}</code>${
              review.line === null ? null : html`, line ${review.line}`
            }, commit <span class="sha">${line(review.commit.slice(0, 9), 9)}</span>`
          }
        ]),
    ...(repo === null ? [] : [{ name: 'Repository', value: html`${line(repo, 400)}` }]),
    ...(plan === null ? [] : [{ name: 'Plan', value: html`<code>${line(plan, 100)}</code>` }]),
    { name: 'At', value: instant(at) }
  ]
  return page({
    title: `${target}: ${word}`,
    style,
    script: null,
    body: html`<main>
<p class="brand">${report.of}</p>
<h1>${line(target, 140)}: ${word}</h1>
${reasons.map(reason => html`<p class="meta">${spans(reason)}</p>`)}
${wrong.length === 0 ? null : remedies(report, wrong)}
<dl class="facts">${facts.map(({ name, value }) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>
${milestoneSection(report)}
${evidenceSection(
  'checks',
  'Checks',
  ordered(report.checks).map(check => modelOf(check, report)),
  reads
)}
${findingSection(report.findings)}
${evidenceSection(
  'hunts',
  'Hunt',
  ordered(report.hunts).map(check => modelOf(check, report)),
  reads
)}
</main>
<footer>Made ${instant(at)} by adversary ${line(version, 40)}. This file is not signed: <code>adversary gate</code> reads the signed review.</footer>`
  })
}

/** What failed is read first. */
function ordered(checks: readonly ReportCheck[]): readonly ReportCheck[] {
  const urgency: readonly ReportCheck['outcome'][] = ['fail', 'unknown', 'waived', 'pass', 'not-applicable']
  return [...checks].sort((a, b) => urgency.indexOf(a.outcome) - urgency.indexOf(b.outcome))
}

function modelOf(check: ReportCheck, { reads }: Report): CheckModel {
  const { probe, title, on, outcome } = check
  const places = reads.filter(({ n }) => check.reads.includes(n)).map(read => read.on)
  return { probe, title, place: placeOf(places, on), outcome, said: reasonsOf(check), reads: check.reads }
}

function remedies({ rules }: Report, wrong: readonly ReportCheck[]): Html | null {
  const failing = new Set(wrong.filter(({ outcome }) => outcome === 'fail').map(({ probe }) => probe))
  const known = rules.filter(({ id, remedy }) => failing.has(id) && remedy !== '')
  if (known.length === 0) return null
  return html`<h2>What to do</h2><ul class="doubts">${known.map(({ remedy }) => html`<li>${spans(remedy)}</li>`)}</ul>`
}

function milestoneSection({ milestones }: Report): Html | null {
  if (milestones.length === 0) return null
  return html`<section aria-labelledby="milestones"><h2 id="milestones">Milestones</h2><ul class="doubts">${milestones.map(
    ({ target, result, reasons }) =>
      html`<li><b>${line(target, 140)}</b>: ${resultWords[result]}<br><span class="quiet">${line(reasons.join('; '), 600)}</span></li>`
  )}</ul></section>`
}

function findingSection(findings: readonly ReportFinding[]): Html | null {
  const open = findings.filter(({ status }) => status === 'open')
  if (open.length === 0) return null
  return html`<section aria-labelledby="findings"><h2 id="findings">Open findings</h2><ul class="doubts">${open.map(
    ({ id, title, severity, origin, blocks }) =>
      html`<li><b>${line(id, 20)}</b>: ${line(title)}<br><span class="quiet">severity ${severity}, origin ${origin}, ${
        blocks.length === 0 ? 'blocks nothing' : `blocks ${line(blocks.join(', '))}`
      }</span></li>`
  )}</ul></section>`
}
