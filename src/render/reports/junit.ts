import { clean, oneLine } from '../../lib/text/clean.ts'
import {
  reasonsOf,
  type Report,
  type ReportCheck,
  type Result,
  resultWords,
  saying
} from './report-formats.ts'

/**
 * JUnit XML, in the subset that Jenkins, GitLab and the plugins of Drone and Woodpecker agree on. The answer
 * itself is the first test case, so that a file without a failing one is a PASS and nothing else.
 */
export function junit(report: Report): string {
  const cases = distinct([...answers(report), ...[...report.checks, ...report.hunts].map(checkCase(report))])
  const count = (kind: Case['kind']) => cases.filter(each => each.kind === kind).length
  const sums = {
    tests: cases.length,
    failures: count('failure'),
    errors: count('error'),
    skipped: count('skipped'),
    time: seconds(report.ms)
  }
  // Jenkins' schema knows no count of skipped cases for all suites together.
  const { skipped: _, ...all } = sums
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites${attributes({ name: 'adversary', ...all })}>`,
    `  <testsuite${attributes({ name: `adversary ${report.of} ${report.target}`, ...sums, timestamp: report.at.replace(/(?:\.\d+)?Z$/, ''), hostname: 'adversary', id: 0, package: 'adversary' })}>`,
    '    <properties>',
    ...properties(report).map(([name, value]) => `      <property${attributes({ name, value })}/>`),
    '    </properties>',
    ...cases.flatMap(caseLines),
    '  </testsuite>',
    '</testsuites>',
    ''
  ].join('\n')
}

interface Case {
  readonly name: string
  readonly classname: string
  readonly ms: number
  readonly kind: 'pass' | 'failure' | 'error' | 'skipped'
  readonly type: string
  readonly message: string
  readonly text: string
}

const kinds = {
  pass: 'pass',
  fail: 'failure',
  unknown: 'error',
  'not-applicable': 'skipped',
  waived: 'skipped'
} as const satisfies Record<ReportCheck['outcome'], Case['kind']>

const resultKinds = {
  passed: 'pass',
  failed: 'failure',
  unproven: 'error',
  untrusted: 'failure',
  done: 'pass'
} as const satisfies Record<Result, Case['kind']>

function answers(report: Report): readonly Case[] {
  const whole = { target: report.target, result: report.result, reasons: report.reasons }
  // A probe by hand is its one check; a hunt has no answer of its own but that it could look.
  if (report.of === 'probe' || report.result === 'done') return []
  return [whole, ...report.milestones].map(({ target, result, reasons }) => ({
    name: `${target}: ${report.of === 'gate' ? 'the gate is open' : 'the verdict is PASS'}`,
    classname: classname(report),
    ms: 0,
    kind: resultKinds[result],
    type: resultWords[result],
    message: `${report.verdict ?? resultWords[result]}: ${reasons[0] ?? ''}`,
    text: reasons.join('\n')
  }))
}

function checkCase(report: Report) {
  return (check: ReportCheck): Case => ({
    name: `${check.title} (on ${check.on})`,
    classname: `${classname(report)}.${check.probe}`,
    ms: check.ms,
    kind: kinds[check.outcome],
    type: check.outcome,
    message: reasonsOf(check)[0] ?? '',
    text: (check.outcome === 'pass' ? check.findings.map(saying) : reasonsOf(check)).join('\n')
  })
}

function classname({ of, phase, milestone }: Report): string {
  const place = [phase, milestone ?? ''].filter(word => word !== '')
  // Its readers split it at dots.
  return ['adversary', ...(place.length === 0 ? [of] : place)]
    .map(word => word.replaceAll('.', '_'))
    .join('.')
}

/** Readers tell test cases apart by class and name alone. */
function distinct(cases: readonly Case[]): readonly Case[] {
  const seen = new Map<string, number>()
  return cases.map(each => {
    const key = `${each.classname}\n${oneLine(each.name)}`
    const times = (seen.get(key) ?? 0) + 1
    seen.set(key, times)
    return times === 1 ? each : { ...each, name: `${each.name} #${times}` }
  })
}

function properties(report: Report): readonly (readonly [string, string])[] {
  const { claim, review, plan, version } = report
  return [
    ['result', resultWords[report.result]],
    ['adversary', version],
    ...(report.verdict === null ? [] : [['verdict', report.verdict] as const]),
    ...(claim === null ? [] : [['claim', claim.sha] as const]),
    ...(review === null
      ? []
      : ([
          ['review', review.commit],
          ['review file', review.path]
        ] as const)),
    ...(plan === null ? [] : [['plan', plan] as const])
  ]
}

function caseLines({ name, classname: of, ms, kind, type, message, text }: Case): readonly string[] {
  const start = `    <testcase${attributes({ name: oneLine(name), classname: oneLine(of), time: seconds(ms) })}`
  if (kind === 'pass' && text === '') return [`${start}/>`]
  const said = oneLine(message)
  const body = {
    pass: `<system-out>${content(text)}</system-out>`,
    failure: `<failure${attributes({ message: said, type })}>${content(text)}</failure>`,
    error: `<error${attributes({ message: said, type })}>${content(text)}</error>`,
    skipped: `<skipped>${content(text)}</skipped>`
  }[kind]
  return [`${start}>`, `      ${body}`, '    </testcase>']
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3)
}

function attributes(named: Readonly<Record<string, string | number>>): string {
  return Object.entries(named)
    .map(([name, value]) => ` ${name}="${content(oneLine(String(value), 2000))}"`)
    .join('')
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;'
}

/** `clean` leaves nothing that XML 1.0 has no place for: control characters, half pairs, U+FFFE and U+FFFF. */
function content(text: string): string {
  return clean(text).replace(/[&<>"']/g, sign => entities[sign] ?? '')
}
