import { sha256 } from '../../lib/canonical.ts'
import { oneLine } from '../../lib/text/clean.ts'
import {
  reasonsOf,
  type Report,
  type ReportCheck,
  type ReportFinding,
  type ReportRule,
  resultWords,
  saying
} from './report-formats.ts'

/**
 * SARIF 2.1.0: what needs attention. A failed check is of kind `fail`, one that could not be seen
 * of kind `open` (evaluated, and not enough was known), a waived one is suppressed with its reason. What
 * passed is no result: code-scanning tabs show every result as an alert.
 *
 * Results are located at their section's line in the review file, as of the review's commit.
 */
export function sarif(report: Report): string {
  const rules = rulesOf(report)
  const index = new Map(rules.map(({ id }, at) => [id, at]))
  const results = [
    ...answer(report),
    ...report.checks.flatMap(check => checkResults(report, check)),
    ...report.findings
      .filter(({ status }) => status === 'open')
      .map(finding => findingResult(report, finding)),
    ...report.hunts
      .filter(({ outcome }) => outcome === 'unknown')
      .flatMap(check => checkResults(report, check))
  ]
  const end = Date.parse(report.at)
  const uri = repositoryUri(report.repo)
  const { review } = report
  return `${JSON.stringify(
    {
      $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
      version: '2.1.0',
      runs: [
        {
          tool: {
            driver: { name: 'adversary', version: report.version, rules: rules.map(ruleOf) }
          },
          automationDetails: { id: `adversary/${report.of}/${oneLine(report.target, 200)}/` },
          invocations: [
            {
              // It ran, whatever it found; what it could not see is a result of its own.
              executionSuccessful: true,
              startTimeUtc: new Date(end - report.ms).toISOString(),
              endTimeUtc: new Date(end).toISOString()
            }
          ],
          ...(uri === null || review === null
            ? {}
            : { versionControlProvenance: [{ repositoryUri: uri, revisionId: review.commit }] }),
          columnKind: 'utf16CodeUnits',
          results: results.map(({ ruleId, ...rest }) => ({ ruleId, ruleIndex: index.get(ruleId), ...rest })),
          properties: { result: resultWords[report.result], verdict: report.verdict ?? 'none' }
        }
      ]
    },
    null,
    1
  )}\n`
}

type Level = 'error' | 'warning' | 'note' | 'none'

interface Result {
  readonly ruleId: string
  readonly kind: 'fail' | 'open'
  /** Of any kind but `fail` it must be `none`. */
  readonly level: Level
  readonly message: { readonly text: string }
  readonly locations?: readonly object[]
  readonly partialFingerprints: Readonly<Record<string, string>>
  readonly suppressions?: readonly object[]
  readonly properties?: object
}

/** The answer as a whole, where it is not PASS: it may rest on what is no check, such as a missing review. */
function answer(report: Report): readonly Result[] {
  const { result, of } = report
  if (result === 'passed' || result === 'done' || of === 'probe') return []
  const text = `${report.target}: ${report.verdict ?? resultWords[result]}. ${report.reasons.join('. ')}`
  return [
    {
      ruleId: of === 'gate' ? gateRule.id : verdictRule.id,
      ...(result === 'unproven' ? ({ kind: 'open', level: 'none' } as const) : failing('error')),
      message: { text: oneLine(text, 4000) },
      ...located(report, report.review?.line ?? null),
      partialFingerprints: fingerprint(of, report.target)
    }
  ]
}

function checkResults(report: Report, check: ReportCheck): readonly Result[] {
  const { outcome, probe, title, on } = check
  if (outcome === 'pass' || outcome === 'not-applicable') return []
  const base = { ruleId: probe, ...located(report, report.review?.line ?? null) }
  const result = (said: string, at: string): Result => ({
    ...base,
    ...(outcome === 'unknown' ? ({ kind: 'open', level: 'none' } as const) : failing('error')),
    message: { text: oneLine(`${title}: ${said}`, 4000) },
    partialFingerprints: fingerprint(report.target, probe, title, on, at),
    properties: { on: oneLine(on), outcome },
    ...(check.waiver === null
      ? {}
      : {
          suppressions: [
            {
              kind: 'external',
              status: 'accepted',
              justification: oneLine(
                `${check.waiver.by}, until ${check.waiver.until}: ${check.waiver.reason}`,
                4000
              )
            }
          ]
        })
  })
  const failed = check.findings.filter(each => each.outcome === 'fail')
  if (outcome === 'unknown' || failed.length === 0) return [result(reasonsOf(check).join('; '), '')]
  return failed.map(said => result(saying(said), said.at ?? ''))
}

const levels: Readonly<Record<ReportFinding['severity'], Level>> = {
  critical: 'error',
  high: 'error',
  medium: 'warning',
  low: 'note'
}

function findingResult(report: Report, finding: ReportFinding): Result {
  const { id, title, severity, origin, blocks, key, line } = finding
  const closes = blocks.length === 0 ? '' : ` It blocks ${blocks.join(', ')}.`
  return {
    ruleId: ruleIdOf(finding),
    ...failing(levels[severity]),
    message: { text: oneLine(`${id}: ${title}. Origin: ${origin}.${closes}`, 4000) },
    ...located(report, line),
    // The key alone: the same defect stays the same alert whatever it is called or numbered.
    partialFingerprints: fingerprint(report.phase, key),
    properties: { id, severity, origin, blocks }
  }
}

/** A finding that a person filed has no probe. */
function ruleIdOf({ probe }: ReportFinding): string {
  return probe === 'hand' ? handRule.id : probe
}

function failing(level: Level) {
  return { kind: 'fail', level } as const
}

function located({ review }: Report, line: number | null): Pick<Result, 'locations'> {
  if (review === null || review.path === '') return {}
  const uri = review.path.split('/').map(encodeURIComponent).join('/')
  const region = { region: { startLine: line ?? 1 } }
  return {
    locations: [{ physicalLocation: { artifactLocation: { uri, uriBaseId: '%SRCROOT%' }, ...region } }]
  }
}

function fingerprint(...words: readonly string[]) {
  return { 'adversary/v1': sha256(words.join('\n')).slice('sha256:'.length) }
}

const verdictRule: ReportRule = {
  id: 'verdict',
  asserts: 'The milestone is what its claim says it is',
  because: 'Only checks that ran and passed prove a milestone.',
  remedy: 'See which checks failed or could not be seen, fix the cause, and claim the milestone again.'
}

const gateRule: ReportRule = {
  id: 'gate',
  asserts: 'A trusted, fresh PASS opens the gate, and nothing blocks it',
  because: 'Only a signed review proves a milestone.',
  remedy: 'Run adversary gate: it shows what is missing and what to run next.'
}

const handRule: ReportRule = {
  id: 'hand',
  asserts: 'No defect is filed by hand',
  because: 'A person or an agent found something that no probe checks.',
  remedy: 'Fix it, then close it with a reason: adversary finding close.'
}

function rulesOf(report: Report): readonly ReportRule[] {
  const own = [verdictRule, gateRule, handRule]
  const used = new Set([
    report.of === 'gate' ? gateRule.id : verdictRule.id,
    ...[...report.checks, ...report.hunts].map(({ probe }) => probe),
    ...report.findings.map(ruleIdOf)
  ])
  const known = new Map([...report.rules, ...own].map(rule => [rule.id, rule]))
  // A probe that this version does not have still needs a rule.
  return [...used].sort().map(id => known.get(id) ?? { id, asserts: id, because: '', remedy: '' })
}

function ruleOf({ id, asserts, because, remedy }: ReportRule) {
  return {
    id: oneLine(id, 200),
    shortDescription: { text: oneLine(asserts) || id },
    ...(because === '' ? {} : { fullDescription: { text: oneLine(because) } }),
    ...(remedy === '' ? {} : { help: { text: oneLine(remedy) } }),
    defaultConfiguration: { level: 'error' }
  }
}

/** As a URI: `git@host:path` is none. Null for what cannot be made one. */
function repositoryUri(repo: string | null): string | null {
  if (repo === null) return null
  const scp = /^(?<login>[\w.-]+@)?(?<host>[\w.-]+):(?!\/\/)(?<path>.+)$/.exec(repo)?.groups
  const text =
    scp === undefined
      ? repo.startsWith('/')
        ? `file://${repo}`
        : repo
      : `ssh://${scp['login'] ?? ''}${scp['host'] ?? ''}/${scp['path'] ?? ''}`
  return URL.canParse(text) ? new URL(text).href : null
}
