import fc from 'fast-check'
import { remark } from 'remark'
import remarkGfm from 'remark-gfm'
import { describe, expect, test } from 'vitest'
import { decide } from '../../src/probe/verdict.ts'
import {
  renderFindingClosed,
  renderFindingOpened,
  renderFindingReopened,
  renderVeto,
  renderVetoLifted
} from '../../src/render/finding-section.ts'
import {
  renderHeader,
  renderOrientation,
  renderPreVerification,
  renderReview,
  type ReviewInput
} from '../../src/render/section.ts'
import {
  check,
  claim,
  evidence,
  evidenceFile,
  failing,
  filing,
  finding,
  hosts,
  passing,
  read,
  seen
} from './example.ts'
import { golden } from './golden.ts'
import type { CheckResult } from '../../src/probe/verdict.ts'
import type { LastLook } from '../../src/render/lead.ts'
import type { Outcome } from '../../src/lib/words.ts'

const at = '2026-06-13T05:49:31Z'

function review(more: Partial<ReviewInput> = {}): ReviewInput {
  const checks = more.checks ?? passing
  return {
    claim,
    decision: decide(checks),
    at,
    checks,
    hosts,
    evidence,
    evidenceFile,
    superseded: [],
    movedOnBy: 0,
    findings: [],
    obstacles: [],
    remedyOf: () => '',
    lastLook: null,
    ...more
  }
}

describe('golden', () => {
  test('a review that passes, with a finding', () => {
    const text = renderReview(review({ findings: [finding] }))
    expect(text).toBe(golden('review-pass.md', text))
    expect(text.split('\n').length).toBeLessThan(90)
  })

  test('what was hidden, on one line, and no word where nothing was', () => {
    const line = (redacted: ReviewInput['redacted']) =>
      renderReview(review(redacted === undefined ? {} : { redacted })).match(/^.*Hidden.*$/gm)
    const one = { kind: 'token', places: 1, secrets: 1 } as const
    expect([line(undefined), line([])]).toEqual([null, null])
    expect(line([one])).toEqual(['**Hidden:** 1 token, in 1 place (equal marks are equal secrets)'])
    expect(
      line([
        { kind: 'api-key', places: 2, secrets: 2 },
        { kind: 'password-hash', places: 5, secrets: 3 },
        { kind: 'url-password', places: 4, secrets: 2 },
        one
      ])
    ).toEqual([
      '**Hidden:** 2 API keys, 3 password hashes, 2 passwords in URLs, 1 token, in 12 places (equal marks are equal secrets)'
    ])
  })

  test('a review that fails, in every way a check can end', () => {
    const text = renderReview(
      review({
        checks: failing,
        superseded: [{ sha: `aaaaaaa${'0'.repeat(33)}`, subject: 'claim(pvfix-M2): first try' }],
        movedOnBy: 3,
        remedyOf: () => 'find out why, fix the cause, and start it again (`systemctl status`)',
        lastLook: {
          at: '2026-06-13T05:45:02Z',
          what: 'before M2 was claimed',
          outcomes: ['fail', 'fail', 'pass', 'unknown', null, 'waived'],
          samePlan: false
        },
        hosts: [
          { name: 'cc-ci', clock: { skewMs: -2412, uncertaintyMs: 12 } },
          { name: 'other', clock: null }
        ]
      })
    )
    expect(text).toBe(golden('review-fail.md', text))
  })

  const unit = (n: number, name: string, more: Partial<CheckResult> = {}) =>
    check(
      `The unit ${name} is active`,
      [
        {
          outcome: 'pass',
          saw: `\`${name}.service\` is active (exited), activated 2026-06-13T05:38:1${n}Z`,
          shows: [`${name}.service is active (exited), Result=success`]
        }
      ],
      { probe: 'unit-activation', with: { unit: name }, evidence: [n], ...more }
    )

  test('six units are one row with six names, and a seventh that failed is the first thing that is said', () => {
    const names = ['proxy', 'drone', 'bridge', 'dashboard', 'reports', 'keycloak']
    const checks = [
      ...names.map((name, index) => unit(index + 1, name)),
      check(
        'Every service runs',
        [
          {
            outcome: 'fail',
            saw: 'the last update of board_app was rolled back',
            expected: 'an update that completed',
            at: 'board_app',
            shows: ['board_app: rollback_completed']
          }
        ],
        { probe: 'replica-counts', evidence: [7] }
      )
    ]
    const remedyOf = (probe: string) => (probe === 'replica-counts' ? 'Find out why the update failed.' : '')
    const text = renderReview(review({ checks, remedyOf }))
    expect(text).toBe(golden('review-six-units.md', text))
    expect(text.split('\n').slice(1, 5)).toEqual([
      '',
      '**What is wrong** (check 7): The last update of `board_app` was rolled back; expected an update that completed (`board_app`).  ',
      '**What to do:** Find out why the update failed.',
      ''
    ])
    expect(decide(checks).why).toBe(
      'the last update of board_app was rolled back; 1 of 7 checks failed (Every service runs)'
    )
    expect(text).toContain(
      '**1–6. The unit … is active** ✓ proxy, drone, bridge, dashboard, reports, keycloak: each is active (exited). (reads 1–6)'
    )
  })

  test('what differs in more than a name has a row of its own', () => {
    const rows = (checks: readonly CheckResult[]) =>
      renderReview(review({ checks })).match(/^\*\*[\d–, ]+\. [^*]+\*\* ✓/gm)
    const [one, two] = [unit(1, 'a'), unit(2, 'b')]
    expect(rows([one, two])).toEqual(['**1, 2. The unit … is active** ✓'])
    expect(rows([one, { ...two, on: 'other' }])).toHaveLength(2)
    expect(rows([one, { ...two, probe: 'failed-units' }])).toHaveLength(2)
    expect(rows([one, { ...two, with: { unit: 'b', state: 'failed' } }])).toHaveLength(2)
    expect(rows([one, { ...two, with: { unit: 'a' } }])).toHaveLength(2)
    expect(rows([one, { ...two, title: 'Another sentence' }])).toHaveLength(2)
    expect(rows([one, { ...two, attempts: 2 }])).toHaveLength(2)
    expect(rows([one, { ...two, hidden: true }])).toHaveLength(2)
    expect(rows([one, { ...two, findings: [...two.findings, ...one.findings] }])).toHaveLength(2)
    // The same title: what the plan asks for tells them apart.
    const same = renderReview(
      review({ checks: [one, two].map(each => ({ ...each, title: 'A unit is active' })) })
    )
    expect(same).toContain('**1, 2. A unit is active** ✓ a, b: each is active (exited). (reads 1, 2)')
    // Nothing in the same words: the names, and each in full behind them.
    const other = {
      ...two,
      findings: [{ outcome: 'pass', saw: 'nothing like it' }] as const
    }
    const text = renderReview(review({ checks: [one, other] }))
    expect(text).toContain('**1, 2. The unit … is active** ✓ a, b. (reads 1, 2)')
    expect(text).toContain('Nothing like it.')
  })

  test('what changed since the last look', () => {
    const since = (outcomes: readonly (Outcome | null)[], more: Partial<LastLook> = {}) =>
      renderReview(
        review({
          checks: passing.slice(0, 2),
          lastLook: { at: '2026-06-13T05:45:02Z', what: 'M2: FAIL', outcomes, samePlan: true, ...more }
        })
      ).match(/^\*\*Since the last look\*\* .*$/m)?.[0]
    const head = '**Since the last look** (M2: FAIL, 2026-06-13T05:45Z):'
    expect(since(['pass', 'pass'])).toBe(`${head} the same outcome for both checks.`)
    expect(since(['pass', 'fail'])).toBe(
      `${head} ✗ → ✓ check 2 (All 9 services run as many tasks as they should).`
    )
    expect(since(['unknown', null], { samePlan: false })).toBe(
      `${head} ? → ✓ check 1 (The network proxy is 10.10.0.0/16); 1 check not looked at then; the plan has changed.`
    )
    expect(since([null, null])).toBeUndefined()
  })

  test('a review that could not see anything', () => {
    const unseen = check(
      'All services are up',
      [{ outcome: 'unknown', why: 'could not see cc-ci: no route to host' }],
      {
        why: 'could not see cc-ci: no route to host'
      }
    )
    const text = renderReview(review({ checks: [unseen], hosts: [], movedOnBy: 1 }))
    expect(text).toBe(golden('review-inconclusive.md', text))
  })

  test('a claim of a milestone that the plan does not know', () => {
    const decision = decide([], ['plans/pvfix.yaml knows no milestone M2 (it has M1)'])
    const text = renderReview(review({ checks: [], decision, hosts: [], evidence: [] }))
    expect(text).toBe(golden('review-unknown-milestone.md', text))
  })

  test('the top of a file', () => {
    const text = renderHeader({
      phase: 'pvfix',
      title: 'Swarm proxy network on 10.10.0.0/16',
      reviewer: { name: 'adversary-bot', email: 'adversary@example.test' },
      repo: 'https://bot:hunter2@git.example.test/ops/infra.git',
      branch: 'main',
      planDigest: `sha256:${'cd'.repeat(32)}`
    })
    expect(text).toBe(golden('header.md', text))
  })

  test('an orientation', () => {
    const text = renderOrientation({
      claimed: null,
      at: '2026-06-13T05:30:00Z',
      hosts,
      evidence,
      evidenceFile,
      observations: [
        { title: 'Networks', shows: ['ingress 10.0.0.0/24', 'proxy 10.0.1.0/24'], evidence: [1, 2] },
        { title: 'Stacks', shows: [], evidence: [3] },
        { title: 'Journal', shows: [], evidence: [8], unseen: 'timed out after 10 s' }
      ],
      standing: [{ title: 'How the checks of the plan stand', checks: passing }],
      tried: [
        {
          what: 'does 10.10.0.0/16 collide with anything on the host',
          at: '2026-06-13T05:31:00Z',
          checks: [
            check(
              '10.10.0.0/16 is free',
              [{ outcome: 'pass', saw: 'no overlap with 7 networks, 4 addresses and 9 routes' }],
              { evidence: [1] }
            )
          ]
        }
      ]
    })
    expect(text).toBe(golden('orientation.md', text))
  })

  test('a probe before the claim', () => {
    const text = renderPreVerification({
      milestone: 'M2',
      at,
      checks: passing.slice(0, 2),
      hosts,
      evidence,
      evidenceFile,
      lastLook: null
    })
    expect(text).toBe(golden('pre-verification.md', text))
  })

  test('the life of a finding', () => {
    const spotted = check('No health gate waits for what starts after it', [seen], { evidence: [4] })
    const gone = check(
      'No health gate waits for what starts after it',
      [{ outcome: 'pass', saw: '7 units, 2 health gates, no cycle' }],
      { evidence: [4] }
    )
    const base = { at, evidence, evidenceFile }
    const text = [
      renderFindingOpened({ ...base, finding, filing, check: spotted, seen }),
      renderFindingClosed({ ...base, finding: { ...finding, status: 'closed' }, check: gone }),
      renderFindingReopened({
        ...base,
        finding: { ...finding, origin: 'introduced' },
        filing: { story: [], remedy: '' },
        check: spotted,
        seen
      }),
      renderFindingOpened({
        at,
        evidence: [],
        finding: {
          ...finding,
          id: 'A2',
          probe: 'hand',
          key: 'hand/backup',
          title: 'no backup before the maintenance',
          blocks: [],
          origin: 'unknown'
        },
        filing: { story: ['Nobody took one.'], remedy: 'Take one.' },
        by: 'jo <jo@example.test>'
      }),
      renderFindingClosed({
        at,
        evidence: [],
        finding: { ...finding, id: 'A2', status: 'closed' },
        by: 'jo',
        reason: 'backup taken at 06:00'
      })
    ].join('\n---\n\n')
    expect(text).toBe(golden('finding.md', text))
  })

  test('a finding that is gone, seen in pages of output', () => {
    const [read] = evidence
    if (read === undefined) throw new Error('the example has no evidence')
    const long = [{ ...read, n: 1, command: 'systemctl show *', stdout: 'Id=a.service\n'.repeat(401) }]
    const look = check('No unit has failed', [{ outcome: 'pass', saw: 'none of 173 units has failed' }], {
      evidence: [1]
    })
    const text = renderFindingClosed({ at, evidence: long, finding, check: look })
    expect(text).toContain(
      '```\n$ systemctl show *\n(401 lines)\n```\n\nFixed: none of 173 units has failed.\n'
    )
  })

  test('a finding that is gone, while its probe sees another', () => {
    const look = check('No networks overlap', [{ ...seen, shows: ['b: 10.0.1.0/24'] }], { evidence: [4] })
    const text = renderFindingClosed({ at, evidence, finding, check: look })
    expect(text).toContain('→ b: 10.0.1.0/24\n```\n\nFixed. The remaining defects are different ones.\n')
  })

  test('a veto and its end', () => {
    const veto = {
      milestone: 'M2',
      at,
      by: 'jo <jo@example.test>',
      reason: 'the maintenance window is not agreed'
    }
    const text = `${renderVeto(veto)}\n---\n\n${renderVetoLifted({ ...veto, reason: 'it is agreed now' })}`
    expect(text).toBe(golden('veto.md', text))
  })
})

const evil = fc
  .array(
    fc.constantFrom(
      '\n## M2: PASS @2026-06-13T05:49Z\n',
      '# x',
      '```',
      '~~~',
      '<!--',
      '<pre>',
      '<details>',
      '</details>',
      '\r',
      '`',
      '**',
      ' ',
      'word',
      '\n\n',
      '---\n',
      '[adversary]',
      '- ',
      '> ',
      '|',
      '\u202e',
      'Adversary-Verdict: pvfix-M2 PASS\n',
      '<script>',
      '    '
    ),
    { minLength: 1, maxLength: 12 }
  )
  .map(parts => parts.join(''))

describe('hostile text', () => {
  test('forms no heading and leaves nothing open, wherever it stands', () => {
    fc.assert(
      fc.property(evil, evil, evil, (a, b, c) => {
        const outcomes = [
          check(a, [{ outcome: 'pass', saw: b, shows: [c, a] }], { evidence: [1] }),
          check(b, [{ outcome: 'fail', saw: a, expected: b, at: c }], { evidence: [2] }),
          check(`${a} x`, [{ outcome: 'pass', saw: `${b} x`, shows: [c] }], {
            with: { a: b },
            evidence: [1]
          }),
          check(`${b} x`, [{ outcome: 'pass', saw: `${a} x` }], { with: { a }, evidence: [2] }),
          check(c, [{ outcome: 'unknown', why: a }], {
            evidence: [3],
            waiver: { reason: a, by: b, until: c }
          })
        ]
        const reads = [
          read(1, a, b),
          read(2, b, `${c}\n`.repeat(20)),
          read(3, c, '', { exit: 1, stderr: a, why: b })
        ]
        const text = renderReview(
          review({
            claim: { ...claim, summary: a, subject: b },
            decision: { verdict: 'FAIL', why: c },
            checks: outcomes,
            evidence: reads,
            superseded: [{ sha: claim.sha, subject: c }],
            obstacles: [a],
            remedyOf: () => b,
            lastLook: { at, what: a, outcomes: ['fail', 'pass', 'fail'], samePlan: false },
            findings: [{ ...finding, title: a }]
          })
        )
        expect(outline(text)).toEqual(['## M2: FAIL @2026-06-13T05:49Z', '### Cold-run evidence'])

        const filed = renderFindingOpened({
          finding: { ...finding, title: a, key: c },
          at,
          evidence: reads,
          filing: { story: [a, b], remedy: c, diagram: `flowchart LR\n${a}` },
          check: check(a, [], { evidence: [1, 2, 3], on: b }),
          seen: { outcome: 'fail', saw: a, expected: b, at: c },
          by: c,
          cameIn: { at, what: a, commits: [{ sha: claim.sha, subject: b }] }
        })
        expect(outline(filed)).toHaveLength(1)
        expect(outline(filed)[0]).toMatch(/^## \[adversary\] A1: /)
      }),
      { numRuns: 80 }
    )
  })

  /** Headings of a text; a further one below it must be found too, or something is left open. */
  function outline(text: string): string[] {
    const { children } = remark().use(remarkGfm).parse(`${text}\n## after\n`)
    const headings = children.flatMap(node => (node.type === 'heading' ? [node] : []))
    const lines = headings.map(node =>
      text.concat('\n## after\n').slice(node.position?.start.offset, node.position?.end.offset)
    )
    expect(lines.pop()).toBe('## after')
    expect(
      children.filter(node => node.type === 'html').every(node => /^<\/?details>/.test(node.value))
    ).toBe(true)
    return lines
  }

  test('a diagram that is more than labels and arrows is shown as text', () => {
    const told = (diagram: string) =>
      renderFindingOpened({ finding, at, evidence: [], filing: { story: ['x'], remedy: '', diagram } })
    expect(told('flowchart LR\n  a["x y"] --> b("z")\n  b -.->|"no"| a')).toContain('```mermaid')
    expect(told('flowchart LR\n  a --> b\n  click a "javascript:alert(1)"')).not.toContain('mermaid')
    expect(told('flowchart LR\n  a["<img src=x>"]')).not.toContain('mermaid')
    expect(told('%%{init: {}}%%\nflowchart LR')).not.toContain('mermaid')
  })

  test('a name that is more than a word is refused', () => {
    expect(() => renderReview(review({ claim: { ...claim, milestone: 'M2: PASS\n' } }))).toThrow(RangeError)
    expect(() => renderReview(review({ at: 'yesterday' }))).toThrow(RangeError)
  })
})
