import { oneLine } from '../../lib/text/clean.ts'
import type { Outcome, Verdict } from '../../lib/words.ts'
import type { Report } from './report-formats.ts'

/**
 * Prometheus' text format 0.0.4, for a file of node_exporter's textfile collector and for `/metrics`. Labels
 * are names of the home and words of this program: never a sha, never what a host said.
 */

export interface Family {
  /** `[a-z_]+`, with its unit at the end. */
  readonly name: string
  readonly help: string
  readonly type: 'gauge' | 'counter'
  readonly samples: readonly Sample[]
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** Families without samples are left out. */
export function prometheusText(families: readonly Family[]): string {
  return families
    .filter(({ samples }) => samples.length > 0)
    .map(({ name, help, type, samples }) =>
      [
        `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`,
        `# TYPE ${name} ${type}`,
        ...samples.map(sample => `${name}${labelsOf(sample)} ${sample.value}`),
        ''
      ].join('\n')
    )
    .join('')
}

function labelsOf({ labels }: Sample): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

/** `oneLine` leaves no line break to escape. */
function escaped(value: string): string {
  return oneLine(value, 200).replace(/[\\"]/g, sign => `\\${sign}`)
}

export const verdicts: readonly (Verdict | 'none')[] = ['PASS', 'FAIL', 'INCONCLUSIVE', 'none']

/** One series for each value that may be, 1 for the one that is: no number stands for a verdict. */
export function stateSet(
  labels: Readonly<Record<string, string>>,
  name: string,
  values: readonly string[],
  is: string
): readonly Sample[] {
  return values.map(value => ({ labels: { ...labels, [name]: value }, value: value === is ? 1 : 0 }))
}

const outcomes: readonly Outcome[] = ['pass', 'fail', 'unknown', 'not-applicable', 'waived']

/** One answer of `review`, `gate`, `hunt` or `probe`, for a textfile. */
export function prometheus(report: Report): string {
  const { of, phase, milestone } = report
  const where = {
    ...(phase === '' ? {} : { phase }),
    ...(milestone === null ? {} : { milestone })
  }
  const at = { command: of, ...(of === 'probe' ? { probe: report.target } : {}), ...where }
  const all = [...report.checks, ...report.hunts]
  const sum = (outcome: Outcome) => all.filter(check => check.outcome === outcome).length
  const open = report.findings.filter(({ status }) => status === 'open')
  const severities = ['low', 'medium', 'high', 'critical'] as const
  return prometheusText([
    {
      name: 'adversary_build_info',
      help: 'The version of adversary.',
      type: 'gauge',
      samples: [{ labels: { version: report.version }, value: 1 }]
    },
    {
      name: 'adversary_success',
      help: '1 if the result was PASS, an open gate, or a completed hunt; else 0.',
      type: 'gauge',
      samples: [{ labels: at, value: report.result === 'passed' || report.result === 'done' ? 1 : 0 }]
    },
    {
      name: 'adversary_verdict',
      help: '1 for the current verdict of the milestone.',
      type: 'gauge',
      samples:
        of === 'hunt' || of === 'probe' ? [] : stateSet(where, 'verdict', verdicts, report.verdict ?? 'none')
    },
    {
      name: 'adversary_gate_open',
      help: '1 if the gate is open.',
      type: 'gauge',
      samples:
        of === 'gate'
          ? [
              { labels: where, value: report.result === 'passed' ? 1 : 0 },
              ...report.milestones.map(each => ({
                labels: { phase, milestone: each.milestone },
                value: each.result === 'passed' ? 1 : 0
              }))
            ]
          : []
    },
    {
      name: 'adversary_checks',
      help: 'Checks by outcome.',
      type: 'gauge',
      samples:
        of === 'gate' ? [] : outcomes.map(outcome => ({ labels: { ...at, outcome }, value: sum(outcome) }))
    },
    {
      name: 'adversary_open_findings',
      help: 'Open findings by severity.',
      type: 'gauge',
      samples:
        of === 'hunt' || of === 'review'
          ? severities.map(severity => ({
              labels: { phase, severity },
              value: open.filter(finding => finding.severity === severity).length
            }))
          : []
    },
    {
      name: 'adversary_look_duration_seconds',
      help: 'Duration of the reads and checks.',
      type: 'gauge',
      samples: [{ labels: at, value: report.ms / 1000 }]
    },
    {
      name: 'adversary_last_answer_timestamp_seconds',
      help: 'Time of this answer.',
      type: 'gauge',
      samples: [{ labels: at, value: Date.parse(report.at) / 1000 }]
    }
  ])
}
