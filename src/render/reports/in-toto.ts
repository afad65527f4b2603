import { AdversaryError } from '../../lib/errors.ts'
import { canonicalLines } from '../../lib/canonical.ts'
import { oneLine } from '../../lib/text/clean.ts'
import type { Report, ReportCheck } from './report-formats.ts'

/**
 * An in-toto Statement v1 about the commit of the claim (of a whole phase: of each claim), with a Test Result v0.1 predicate. The predicate has three
 * results and no word for "could not be seen": whatever is not a PASS is FAILED, and what is unknown stands
 * among the failed tests. Fields that begin with `adversary_` say more, and change nothing that the others say.
 *
 * @throws AdversaryError `not-proven` where nothing was claimed: there is no commit to speak of.
 */
export function inToto(report: Report): string {
  const { checks } = report
  const subject = subjects(report)
  if (subject.length === 0) {
    throw new AdversaryError(
      'not-proven',
      'in-toto: the milestone is not claimed, so there is no commit to attest'
    )
  }
  const named = (...outcomes: readonly ReportCheck['outcome'][]) => names(checks, outcomes)
  const waived = named('waived')
  const failed = named('fail', 'unknown')
  const says = report.of === 'gate' ? 'the gate is open' : 'the verdict is PASS'
  const answers = [report, ...report.milestones].map(({ target, result }) => ({
    name: `${oneLine(target)}: ${says}`,
    passed: result === 'passed'
  }))
  const passed = report.result === 'passed'
  return canonicalLines({
    _type: 'https://in-toto.io/Statement/v1',
    subject,
    predicateType: 'https://in-toto.io/attestation/test-result/v0.1',
    predicate: {
      result: passed ? (waived.length > 0 ? 'WARNED' : 'PASSED') : 'FAILED',
      configuration: configuration(report),
      passedTests: [...answers.filter(each => each.passed).map(({ name }) => name), ...named('pass')],
      warnedTests: waived,
      failedTests: [...answers.filter(each => !each.passed).map(({ name }) => name), ...failed],
      adversary_result: report.result,
      adversary_verdict: report.verdict ?? 'none',
      adversary_unknownTests: named('unknown'),
      adversary_notApplicableTests: named('not-applicable'),
      adversary_reasons: report.reasons.map(reason => oneLine(reason)),
      adversary_openFindings: report.findings
        .filter(({ status }) => status === 'open')
        .map(({ id, key, severity }) => ({ id, key: oneLine(key), severity })),
      adversary_writtenAt: report.at
    }
  })
}

/** The claims that were answered: of a whole phase one for each milestone that has a review. */
function subjects({ target, claim, milestones }: Report) {
  const claims = claim === null ? milestones : [{ target, claim: claim.sha }]
  return claims.flatMap(each =>
    each.claim === null ? [] : [{ name: oneLine(each.target), digest: { gitCommit: each.claim } }]
  )
}

function configuration({ plan, version, review }: Report) {
  const digest = (text: string) => ({ sha256: text.replace(/^sha256:/, '') })
  return [
    { name: 'adversary', annotations: { version } },
    ...(plan === null ? [] : [{ name: 'plan', digest: digest(plan) }]),
    ...(review === null ? [] : [{ name: oneLine(review.path), digest: { gitCommit: review.commit } }])
  ]
}

/** A name for each; the same title twice is told apart by where it looked, then by its number. */
function names(
  checks: readonly ReportCheck[],
  outcomes: readonly ReportCheck['outcome'][]
): readonly string[] {
  return checks.flatMap((check, index) => {
    if (!outcomes.includes(check.outcome)) return []
    const same = checks.filter(({ title, on }) => title === check.title && on === check.on)
    const number = same.length > 1 ? ` #${index + 1}` : ''
    return [`${oneLine(check.title)} (on ${oneLine(check.on)})${number}`]
  })
}
