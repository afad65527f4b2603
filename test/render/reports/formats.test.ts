import { XMLParser, XMLValidator } from 'fast-xml-parser'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { inToto } from '../../../src/render/reports/in-toto.ts'
import { junit } from '../../../src/render/reports/junit.ts'
import { markdown } from '../../../src/render/reports/markdown.ts'
import { prometheus } from '../../../src/render/reports/prometheus.ts'
import type {
  Report,
  ReportCheck,
  ReportFinding,
  ReportSaid
} from '../../../src/render/reports/report-formats.ts'
import { sarif } from '../../../src/render/reports/sarif.ts'
import { junitErrors, readMetrics, readStatement, sarifErrors } from '../../support/formats.ts'
import { commonmarkOutline, evilText, interpreted, remarkOutline } from '../../support/hostile.ts'

const said = (outcome: ReportSaid['outcome'], text: string): ReportSaid => ({
  outcome,
  saw: outcome === 'pass' || outcome === 'fail' ? text : null,
  expected: outcome === 'fail' ? '9/9' : null,
  at: outcome === 'fail' ? `service ${text}` : null,
  why: outcome === 'unknown' || outcome === 'not-applicable' ? text : null
})

const check = (outcome: ReportCheck['outcome'], title: string, text = 'seen'): ReportCheck => ({
  probe: 'replica-counts',
  title,
  on: 'prod',
  outcome,
  why: null,
  ms: 31,
  findings: [said(outcome === 'waived' ? 'fail' : outcome, text)],
  waiver:
    outcome === 'waived' ? { reason: `${text} is known`, by: 'ops@example.test', until: '2026-12-01' } : null,
  reads: [1]
})

const finding: ReportFinding = {
  id: 'A1',
  key: 'health-gate-deadlock/deploy-proxy.service',
  probe: 'health-gate-deadlock',
  title: 'deploy-proxy waits for itself',
  severity: 'high',
  status: 'open',
  blocks: ['D8'],
  origin: 'pre-existing',
  line: 120
}

const all = [
  check('pass', 'passes'),
  check('fail', 'fails', '3/9'),
  check('unknown', 'cannot be seen', 'the host is down'),
  check('not-applicable', 'does not apply', 'there is no swarm'),
  check('waived', 'is waived', '8/9')
]

function report(more: Partial<Report> = {}): Report {
  return {
    of: 'review',
    target: 'pvfix-M2',
    phase: 'pvfix',
    milestone: 'M2',
    result: 'failed',
    verdict: 'FAIL',
    reasons: ['1 of 5 checks failed: fails'],
    claim: { sha: 'a'.repeat(40), summary: 'all done' },
    review: { path: 'machine-docs/REVIEW-pvfix.md', commit: 'b'.repeat(40), line: 77 },
    checks: all,
    hunts: [],
    findings: [finding],
    reads: [
      {
        n: 1,
        on: 'prod',
        command: 'docker service ls',
        exit: 0,
        ms: 31,
        stdout: '3/9',
        stderr: '',
        why: null
      }
    ],
    milestones: [],
    plan: `sha256:${'c'.repeat(64)}`,
    repo: 'git@git.example.test:ops/infra.git',
    at: '2026-06-13T05:33:07Z',
    ms: 812,
    version: '1.2.3',
    rules: [
      { id: 'replica-counts', asserts: 'All run', because: 'They must.', remedy: 'Start them.' },
      { id: 'health-gate-deadlock', asserts: 'None waits', because: 'It hangs.', remedy: 'Untie it.' }
    ],
    ...more
  }
}

const passed = report({
  result: 'passed',
  verdict: 'PASS',
  reasons: ['the only check passed'],
  checks: [check('pass', 'passes')],
  findings: []
})
const unproven = report({ result: 'unproven', verdict: 'INCONCLUSIVE', checks: [check('pass', 'passes')] })
const gate = report({
  of: 'gate',
  target: 'pvfix',
  milestone: null,
  result: 'unproven',
  verdict: null,
  reasons: ['pvfix-M2: nobody has claimed M2 yet'],
  claim: null,
  checks: [],
  findings: [],
  milestones: [
    { target: 'pvfix-M1', milestone: 'M1', claim: 'd'.repeat(40), result: 'passed', reasons: ['M1 is PASS'] },
    { target: 'pvfix-M2', milestone: 'M2', claim: null, result: 'unproven', reasons: ['nobody has'] }
  ]
})
const hunt = report({
  of: 'hunt',
  target: 'pvfix',
  milestone: null,
  result: 'done',
  verdict: null,
  claim: null,
  checks: [],
  hunts: all
})
const samples = { failed: report(), passed, unproven, gate, hunt }

const parser = new XMLParser({
  ignoreAttributes: false,
  isArray: name => name === 'testcase',
  htmlEntities: true
})

const suiteSchema = z.object({
  testsuites: z.object({
    testsuite: z
      .looseObject({ testcase: z.array(z.looseObject({ '@_name': z.string() })) })
      .transform(({ testcase, ...suite }) => ({ suite, cases: testcase }))
  })
})

function suite(xml: string) {
  expect(XMLValidator.validate(xml)).toBe(true)
  return suiteSchema.parse(parser.parse(xml)).testsuites.testsuite
}

/** The test cases that a reader would count as not passed, by name. */
function red(xml: string) {
  return suite(xml)
    .cases.filter(each => 'failure' in each || 'error' in each)
    .map(each => each['@_name'])
}

describe('junit', () => {
  it.each(Object.entries(samples))('of one that %s keeps to the XSD', async (_, sample) => {
    expect(await junitErrors(junit(sample))).toEqual([])
  })

  it('the XSD is asked: what is no JUnit XML is refused', async () => {
    expect(await junitErrors('<testsuites><testcase/></testsuites>')).not.toEqual([])
  })

  it('FAIL is a failure, unknown an error, what does not apply or is waived is skipped', () => {
    const { suite: sums, cases } = suite(junit(report()))
    expect(sums).toMatchObject({ '@_tests': '6', '@_failures': '2', '@_errors': '1', '@_skipped': '2' })
    expect(cases).toMatchObject([
      {
        '@_name': 'pvfix-M2: the verdict is PASS',
        failure: { '@_message': 'FAIL: 1 of 5 checks failed: fails' }
      },
      { '@_name': 'passes (on prod)', 'system-out': 'seen' },
      {
        '@_name': 'fails (on prod)',
        failure: { '@_message': '3/9; expected 9/9 (service 3/9)', '@_type': 'fail' }
      },
      { '@_name': 'cannot be seen (on prod)', error: { '@_message': 'the host is down' } },
      { '@_name': 'does not apply (on prod)', skipped: 'there is no swarm' },
      {
        '@_name': 'is waived (on prod)',
        skipped: expect.stringMatching(/^waived by ops@example.test until 2026-12-01: 8\/9 is known/)
      }
    ])
  })

  it('what is not proven is red, even where every check passed', () => {
    expect(red(junit(unproven))).toEqual(['pvfix-M2: the verdict is PASS'])
    expect(red(junit(gate))).toEqual(['pvfix: the gate is open', 'pvfix-M2: the gate is open'])
    expect(red(junit(passed))).toEqual([])
  })

  it('the same title twice is two test cases', () => {
    const { cases } = suite(junit(report({ checks: [check('pass', 'one'), check('fail', 'one')] })))
    expect(cases.map(each => each['@_name'])).toEqual([
      'pvfix-M2: the verdict is PASS',
      'one (on prod)',
      'one (on prod) #2'
    ])
  })
})

const results = z.object({
  runs: z.array(
    z.looseObject({
      tool: z.looseObject({ driver: z.looseObject({ rules: z.array(z.looseObject({ id: z.string() })) }) }),
      results: z.array(
        z.looseObject({
          ruleId: z.string(),
          ruleIndex: z.int(),
          kind: z.string(),
          level: z.string(),
          message: z.object({ text: z.string() }),
          partialFingerprints: z.object({ 'adversary/v1': z.string() }),
          suppressions: z.array(z.looseObject({ justification: z.string() })).optional(),
          locations: z.unknown()
        })
      )
    })
  )
})

function sarifRun(sample: Report) {
  const [run] = results.parse(JSON.parse(sarif(sample))).runs
  if (run === undefined) throw new Error('no run')
  return run
}

describe('sarif', () => {
  it.each(Object.entries(samples))('of one that %s keeps to the schema', async (_, sample) => {
    expect(await sarifErrors(sarif(sample))).toEqual([])
  })

  it('the schema is asked: a level that is none is refused', async () => {
    expect(await sarifErrors(sarif(report()).replace('"level": "error"', '"level": "fatal"'))).not.toEqual([])
  })

  it('says what needs attention, and where: the section, at its line', () => {
    const run = sarifRun(report())
    expect(run.results.map(({ ruleId, kind, level }) => [ruleId, kind, level])).toEqual([
      ['verdict', 'fail', 'error'],
      ['replica-counts', 'fail', 'error'],
      ['replica-counts', 'open', 'none'],
      ['replica-counts', 'fail', 'error'],
      ['health-gate-deadlock', 'fail', 'error']
    ])
    for (const { ruleId, ruleIndex } of run.results) {
      expect(run.tool.driver.rules[ruleIndex]?.id).toBe(ruleId)
    }
    const at = (line: number) => [
      {
        physicalLocation: {
          artifactLocation: { uri: 'machine-docs/REVIEW-pvfix.md', uriBaseId: '%SRCROOT%' },
          region: { startLine: line }
        }
      }
    ]
    expect(run.results.map(({ locations }) => locations)).toEqual([77, 77, 77, 77, 120].map(at))
    expect(run).toHaveProperty('versionControlProvenance', [
      { repositoryUri: 'ssh://git@git.example.test/ops/infra.git', revisionId: 'b'.repeat(40) }
    ])
  })

  it('what is waived is suppressed, with who did it', () => {
    const waived = sarifRun(report()).results.filter(({ suppressions }) => suppressions !== undefined)
    expect(waived.map(({ message }) => message.text)).toEqual([expect.stringMatching(/^is waived: /)])
    expect(waived[0]?.suppressions?.[0]?.justification).toBe(
      'ops@example.test, until 2026-12-01: 8/9 is known'
    )
  })

  it('a finding keeps its fingerprint whatever it is called, and others have others', () => {
    const print = (change: Partial<ReportFinding>) =>
      sarifRun(report({ checks: [], findings: [{ ...finding, ...change }] })).results.at(-1)
        ?.partialFingerprints
    expect(print({ title: 'another', id: 'A7', line: 3 })).toEqual(print({}))
    expect(print({ key: 'health-gate-deadlock/other.service' })).not.toEqual(print({}))
  })

  it('a PASS with nothing open has no result', () => {
    expect(sarifRun(passed).results).toEqual([])
  })
})

describe('in-toto', () => {
  it('is a statement about the claim, with the fields of the predicate and no others but ours', () => {
    const { subject, predicate } = readStatement(inToto(report()))
    expect(subject).toEqual([{ name: 'pvfix-M2', digest: { gitCommit: 'a'.repeat(40) } }])
    expect(predicate).toMatchObject({
      result: 'FAILED',
      passedTests: ['passes (on prod)'],
      warnedTests: ['is waived (on prod)'],
      failedTests: ['pvfix-M2: the verdict is PASS', 'fails (on prod)', 'cannot be seen (on prod)'],
      adversary_verdict: 'FAIL',
      adversary_unknownTests: ['cannot be seen (on prod)']
    })
  })

  it('the messages are asked: a field of another name is refused', () => {
    expect(() => readStatement(inToto(passed).replace('passedTests', 'passed'))).toThrow(/unknown/)
  })

  it('only PASS is passed: INCONCLUSIVE is FAILED and says so', () => {
    expect(readStatement(inToto(passed)).predicate).toMatchObject({ result: 'PASSED', failedTests: [] })
    expect(readStatement(inToto(unproven)).predicate).toMatchObject({
      result: 'FAILED',
      failedTests: ['pvfix-M2: the verdict is PASS'],
      adversary_verdict: 'INCONCLUSIVE'
    })
    const waived = report({
      result: 'passed',
      verdict: 'PASS',
      checks: [all[0], all[4]].flatMap(one => one ?? [])
    })
    expect(readStatement(inToto(waived)).predicate.result).toBe('WARNED')
  })

  it('of a phase speaks of every claim that was answered, and of none where none was', () => {
    const { subject, predicate } = readStatement(inToto(gate))
    expect(subject).toEqual([{ name: 'pvfix-M1', digest: { gitCommit: 'd'.repeat(40) } }])
    expect(predicate).toMatchObject({
      result: 'FAILED',
      passedTests: ['pvfix-M1: the gate is open'],
      failedTests: ['pvfix: the gate is open', 'pvfix-M2: the gate is open']
    })
    expect(() => inToto(report({ claim: null }))).toThrow('the milestone is not claimed')
  })
})

describe('prometheus', () => {
  it('has one series for each verdict that may be, and 1 for the one that is', () => {
    const series = readMetrics(prometheus(report()))
    const verdict = series.filter(({ name }) => name === 'adversary_verdict')
    expect(verdict.map(({ labels, value }) => [labels['verdict'], value])).toEqual([
      ['PASS', 0],
      ['FAIL', 1],
      ['INCONCLUSIVE', 0],
      ['none', 0]
    ])
    expect(series).toContainEqual({
      name: 'adversary_success',
      labels: { command: 'review', phase: 'pvfix', milestone: 'M2' },
      value: 0
    })
    expect(series.filter(({ name }) => name === 'adversary_checks').map(({ value }) => value)).toEqual([
      1, 1, 1, 1, 1
    ])
  })

  it('opens nothing that is not proven', () => {
    const opens = (sample: Report) =>
      readMetrics(prometheus(sample)).filter(({ name }) => /success|gate_open/.test(name))
    expect(opens(unproven).map(({ value }) => value)).toEqual([0])
    expect(opens(gate).map(({ labels, value }) => [labels['milestone'] ?? 'all', value])).toEqual([
      ['all', 0],
      ['all', 0],
      ['M1', 1],
      ['M2', 0]
    ])
    expect(opens(passed).map(({ value }) => value)).toEqual([1])
  })
})

describe('markdown', () => {
  it('reads like a review', () => {
    expect(markdown(report())).toMatchInlineSnapshot(`
      "## ✗ pvfix-M2: FAIL

      - 1 of 5 checks failed: fails

      ### Checks

      - ✗ **fails** on \`prod\`
        - 3/9; expected 9/9 (service 3/9)
      - ? **cannot be seen** on \`prod\`
        - the host is down
      - ~ **is waived** on \`prod\`
        - waived by \`ops@example.test\` until 2026-12-01: 8/9 is known
        - 8/9; expected 9/9 (service 8/9)
      - – **does not apply** on \`prod\`
        - there is no swarm
      - ✓ **passes** on \`prod\`
        - seen

      ### Open findings

      - **A1** deploy-proxy waits for itself (high, pre-existing, blocks D8)

      - Claim \`aaaaaaaaaaaa\`: all done
      - Review \`bbbbbbbbbbbb\` in \`machine-docs/REVIEW-pvfix.md:77\`
      - Plan \`sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc\`
      - Written 2026-06-13T05:33:07Z by adversary \`1.2.3\`
      "
    `)
  })
})

it('a page of a gate, which knows the claim by its commit alone, makes no words for it', () => {
  const page = markdown(report({ claim: { sha: 'a'.repeat(40), summary: '' } }))
  expect(page).toMatch(/^- Claim `a{12}`$/m)
})

describe('hostile text', () => {
  const evilReport = fc.tuple(evilText, evilText, evilText, evilText).map(([a, b, c, d]) =>
    report({
      reasons: [a, b],
      claim: { sha: 'a'.repeat(40), summary: c },
      checks: all.map(each => ({
        ...each,
        title: a,
        on: d,
        why: b,
        findings: each.findings.map(one => ({
          ...one,
          saw: one.saw === null ? null : b,
          at: one.at === null ? null : c,
          why: one.why === null ? null : d
        })),
        waiver: each.waiver === null ? null : { by: b, until: c, reason: d }
      })),
      findings: [{ ...finding, title: a, key: `hand/${b}` }]
    })
  )

  it('stays text in every format', () =>
    fc.assert(
      fc.property(evilReport, sample => {
        const xml = junit(sample)
        expect(xml).toMatch(/^[\t\n\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]*$/u)
        expect(suite(xml).cases).toHaveLength(6)
        expect(suite(xml).suite).toMatchObject({ '@_failures': '2', '@_errors': '1', '@_skipped': '2' })

        expect(sarifRun(sample).results).toHaveLength(5)

        const { predicate } = readStatement(inToto(sample))
        expect(predicate.result).toBe('FAILED')
        expect(predicate.passedTests).toHaveLength(1)

        expect(readMetrics(prometheus(sample)).length).toBeGreaterThan(10)

        const page = markdown(sample)
        const outline = ['2 ✗ pvfix-M2: FAIL', '3 Checks', '3 Open findings']
        expect(remarkOutline(page)).toEqual(outline)
        expect(commonmarkOutline(page)).toEqual(outline)
        expect(interpreted(page)).toEqual([])
      }),
      { numRuns: 40 }
    ))

  it('keeps to the schemas', async () => {
    for (const sample of fc.sample(evilReport, 5)) {
      expect(await junitErrors(junit(sample))).toEqual([])
      expect(await sarifErrors(sarif(sample))).toEqual([])
    }
  })
})
