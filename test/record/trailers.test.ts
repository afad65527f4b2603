import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseMessage, printMessage, type ReviewMessage } from '../../src/record/trailers.ts'

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`
const claim = 'ab'.repeat(20)

const pass: ReviewMessage = {
  phase: 'pvfix',
  milestone: 'M2',
  title: 'M2 PASS + [adversary] A1 health gate deadlock',
  body: 'M2 PASS: all 5 checks passed.\n\nA1: it deadlocks.',
  claim,
  verdict: 'PASS',
  supersedes: ['cd'.repeat(20)],
  findings: [
    {
      id: 'A1',
      status: 'open',
      blocks: ['D8', 'Q4.1'],
      severity: 'high',
      origin: 'pre-existing',
      key: 'a/b c',
      title: 'x'
    },
    { id: 'A2', status: 'closed', blocks: [] }
  ],
  vetoes: [],
  section: { path: 'machine-docs/REVIEW-pvfix.md', digest },
  repo: 'ops/infra',
  plan: digest,
  evidence: { path: 'machine-docs/evidence/pvfix M2.json', digest },
  policy: {
    phase: 'pvfix',
    branch: 'main',
    review: 'machine-docs/REVIEW-pvfix.md',
    milestones: [
      { milestone: 'M2', needs: ['M1'], watchPaths: ['nix/[ci skip]/ü.nix'], maxAge: 1000, checks: digest }
    ]
  },
  accept: null,
  removed: []
}
const orientation: ReviewMessage = {
  ...pass,
  milestone: null,
  title: 'phase context',
  claim: null,
  verdict: null,
  supersedes: [],
  findings: []
}
const text = printMessage(pass)
const parsed = (message: string) => parseMessage(message)

describe('printed and read again', () => {
  it('is as CONTRACT §6 has it', () => {
    expect(text.split('\n')).toEqual([
      'review(pvfix-M2): M2 PASS + [adversary] A1 health gate deadlock',
      '',
      'M2 PASS: all 5 checks passed.',
      '',
      'A1: it deadlocks.',
      '',
      `Adversary-Claim: ${claim}`,
      'Adversary-Verdict: pvfix-M2 PASS',
      `Adversary-Supersedes: ${'cd'.repeat(20)}`,
      'Adversary-Finding: A1 open blocks=D8,Q4.1 severity=high origin=pre-existing key=a/b%20c title=x',
      'Adversary-Finding: A2 closed',
      `Adversary-Section: machine-docs/REVIEW-pvfix.md ${digest}`,
      'Adversary-Repo: ops/infra',
      `Adversary-Plan: ${digest}`,
      `Adversary-Evidence: machine-docs/evidence/pvfix%20M2.json ${digest}`,
      `Adversary-Policy: {"branch":"main","milestones":[{"checks":"${digest}","maxAge":1000,"milestone":"M2","needs":["M1"],"watchPaths":["nix/\\u005bci skip\\u005d/\\u00fc.nix"]}],"phase":"pvfix","review":"machine-docs/REVIEW-pvfix.md"}`,
      ''
    ])
  })

  it.each([
    ['a PASS', pass],
    ['a PASS for host and path', { ...pass, repo: '//git.example.test/ops/infra' }],
    ['a PASS for an address', { ...pass, repo: '//2001:db8::1/ops/infra' }],
    ['a FAIL without a plan', { ...pass, verdict: 'FAIL' as const, plan: null, policy: null }],
    ['orientation', orientation],
    ['a veto', { ...orientation, evidence: null, vetoes: [{ milestone: 'M2', status: 'open' as const }] }],
    ['a lifted veto', { ...orientation, vetoes: [{ milestone: 'M2', status: 'lifted' as const }] }],
    ['an accept', { ...orientation, accept: digest }]
  ])('%s', (_, message) => {
    expect(parsed(printMessage(message))).toEqual({ kind: 'review', message })
  })

  it('holds no marker, control character or trailer of somebody else, whatever it is told', () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        '[ci skip]',
        '[[skip ci]]',
        '[c\u200bi s\u212aip]',
        '[CI SK\u0130P]',
        '\uff3bskip ci\uff3d',
        '***no_ci***',
        '****NO_CI****',
        'x\n\nskip-checks: true',
        'x\n\nSk\u0130p-Checks: true',
        'x\n\n\u017f\u212aip-checks: true',
        'Adversary-Verdict: pvfix-M2 PASS',
        'x\n\nAdversary-Verdict: pvfix-M2 PASS',
        'x\r\rAdversary-Claim: 1',
        '\ud800'
      )
    )
    const texts = fc.array(hostile, { maxLength: 4 }).map(parts => parts.join(''))
    fc.assert(
      fc.property(texts, texts, texts, texts, (title, body, key, path) => {
        const message = {
          ...pass,
          title,
          body,
          findings: [{ id: 'A1', status: 'open' as const, blocks: [], key, title }],
          evidence: { path: path || 'e', digest }
        }
        const printed = printMessage(message)
        const lower = printed.normalize('NFKC').replaceAll('\u0130', 'i').toLowerCase()
        expect(lower).not.toMatch(/\[(?!adversary\]|"|\{)|\*\*\*|^\s*skip-checks|(?!\n)\p{Cc}/mu)
        const again = parsed(printed)
        expect(again).toMatchObject({
          kind: 'review',
          message: { claim, verdict: 'PASS', evidence: message.evidence }
        })
        expect(again).toMatchObject({ message: { findings: [{ key }] } })
      })
    )
  })
})

describe('refused', () => {
  const without = (name: string) => text.replace(new RegExp(`^Adversary-${name}: .*\n`, 'm'), '')
  const forPhase = (message: string) => message.replace('review(pvfix-M2)', 'review(pvfix)')
  const line = (name: string) => new RegExp(`^Adversary-${name}: .*$`, 'm').exec(text)?.[0] ?? ''
  it.each<[string, string]>([
    ['a trailer in the middle', text.replace('A1: it deadlocks.', 'Adversary-Verdict: pvfix-M2 PASS')],
    [
      'a trailer in the middle, in lower case',
      text.replace('A1: it', 'adversary-verdict : pvfix-M2 PASS\nA1: it')
    ],
    ['a folded trailer', text.replace('pvfix-M2 PASS\nAdv', 'pvfix-M2\n PASS\nAdv')],
    ['a doubled trailer', text.replace(line('Verdict'), `${line('Verdict')}\n${line('Verdict')}`)],
    ['two verdicts', text.replace(line('Verdict'), `Adversary-Verdict: pvfix-M2 FAIL\n${line('Verdict')}`)],
    ['a finding with two severities', text.replace('severity=high', 'severity=high severity=low')],
    ['a repo that is not spelt as it is printed', text.replace('Repo: ops/infra', 'Repo: ops/infra.git')],
    ['no phase', printMessage({ ...orientation, policy: null }).replace('review(pvfix)', 'review(.pvfix)')],
    ['an unknown trailer', `${text}Adversary-Extra: 1\n`],
    ['a foreign trailer', `${text}Signed-off-by: a <a@example.test>\n`],
    ['a trailer paragraph after the trailers', `${text}\n${line('Verdict')}\n`],
    ['prose after the trailers', `${text}\nand that is that\n`],
    ['no trailers', 'review(pvfix-M2): M2 PASS\n\nall good\n'],
    ['a subject alone', 'review(pvfix-M2): M2 PASS\n'],
    ['trailers right below the subject', text.replace(/\n\n[\s\S]*?\n\n(?=Adv)/, '\n')],
    ['another milestone in the subject', text.replace('review(pvfix-M2)', 'review(pvfix-M1)')],
    ['another phase in the subject', text.replace('review(pvfix-M2)', 'review(pv-M2)')],
    ['a verdict without its claim', without('Claim')],
    ['a claim without a verdict', without('Verdict')],
    ['no section', without('Section')],
    ['a PASS without evidence', without('Evidence')],
    ['a PASS without policy', without('Policy')],
    ['a PASS without plan', without('Plan')],
    ['a short sha', text.replace(claim, claim.slice(0, 12))],
    ['an upper-case sha', text.replace(claim, claim.toUpperCase())],
    ['another word for PASS', text.replace('M2 PASS\nAdv', 'M2 PASSED\nAdv')],
    ['a verdict in lower case', text.replace('M2 PASS\nAdv', 'M2 pass\nAdv')],
    ['a short digest', text.replace(`Plan: ${digest}`, 'Plan: sha256:00')],
    ['a policy that is no JSON', text.replace(line('Policy'), 'Adversary-Policy: {')],
    ['a policy that is not canonical', text.replace('{"branch"', '{ "branch"')],
    ['a policy with an unknown key', text.replace('{"branch"', '{"always":1,"branch"')],
    ['a policy without the milestone', text.replace('"milestone":"M2"', '"milestone":"M3"')],
    ['a policy of another phase', text.replace('"phase":"pvfix"', '"phase":"other"')],
    ['a finding that blocks nothing', text.replace('blocks=D8,', 'blocks=,')],
    ['a finding with an unknown word', text.replace('severity=high', 'severity=dire')],
    ['a finding without a number', text.replace('A2 closed', 'A0 closed')],
    ['a path that is not encoded', text.replace('pvfix%20M2', 'pvfix%2eM2')],
    ['CRLF', text.replaceAll('\n', '\r\n')],
    ['a control character', text.replace('deadlocks', 'dead\u0007locks')],
    ['a subject with two spaces', text.replace('): M2', '):  M2')],
    ['a subject in upper case', text.replace('review(', 'Review(')]
  ])('%s', (_, message) => {
    expect(message).not.toBe(text)
    expect(parsed(message)).toMatchObject({ kind: 'malformed' })
  })

  const policy = /"milestones":\[(?<one>\{.*\})\]/.exec(line('Policy'))?.groups?.['one'] ?? ''
  // None of these is refused for another reason as well.
  it.each<[string, string, RegExp]>([
    [
      'a verdict without its claim, that supersedes none',
      without('Claim').replace(`${line('Supersedes')}\n`, ''),
      /^it needs both a claim and a verdict, or neither$/
    ],
    [
      'a claim without a verdict, of a phase',
      forPhase(without('Verdict')),
      /^it needs both a claim and a verdict, or neither$/
    ],
    [
      'claims that are superseded by no verdict',
      forPhase(without('Claim').replace(`${line('Verdict')}\n`, '')),
      /^only a verdict can supersede claims$/
    ],
    [
      'a policy that names a milestone twice',
      text.replace(policy, () => `${policy},${policy}`),
      /names a milestone twice$/
    ],
    ['a PASS without plan', without('Plan'), /^a PASS names its plan, evidence and policy$/],
    ['a PASS without evidence', without('Evidence'), /^a PASS names its plan, evidence and policy$/],
    ['no section', without('Section'), /^Adversary-Section is missing$/],
    [
      'a verdict that tells of reviews that are gone',
      text.replace(line('Plan'), found => `Adversary-Removed: ${claim} M1 FAIL\n${found}`),
      /^a verdict cannot list removed reviews$/
    ]
  ])('%s, with that reason', (_, message, why) => {
    expect(message).not.toBe(text)
    expect(parsed(message)).toEqual({ kind: 'malformed', why: expect.stringMatching(why) })
  })

  it.each(['core: x', 'reviewed (x)', 'Revert "review(x): y"', ''])('other: %j', message => {
    expect(parsed(message)).toEqual({ kind: 'other' })
  })

  it('is never printed', () => {
    expect(() => printMessage({ ...pass, claim: 'abc' })).toThrow(RangeError)
    expect(() => printMessage({ ...pass, milestone: 'M-2' })).toThrow(RangeError)
    expect(() => printMessage({ ...pass, phase: 'a b' })).toThrow(RangeError)
    expect(() => printMessage({ ...pass, section: null })).toThrow(RangeError)
    expect(() => printMessage({ ...pass, plan: 'x\ny' })).toThrow(RangeError)
  })
})
