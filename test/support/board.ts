import type { BoardModel, CheckModel, FindingModel, ReviewModel } from '../../src/board/model.ts'

/** A board with everything that may be on one, and the same text in every place for text. */
export function boardOf(text: string): BoardModel {
  const sha = (letter: string) => letter.repeat(40)
  const at = '2026-06-13T05:33:07.000Z'
  const check = (outcome: CheckModel['outcome']): CheckModel => ({
    probe: 'replica-counts',
    title: `${outcome} ${text}`,
    place: text,
    outcome,
    said: [text, `saw \`${text}\``],
    reads: [1]
  })
  const checks = (['pass', 'fail', 'unknown', 'not-applicable', 'waived'] as const).map(check)
  const review: ReviewModel = {
    commit: sha('b'),
    at,
    title: text,
    target: 'pvfix-M1',
    kind: 'review',
    verdict: 'FAIL',
    claim: { sha: sha('a'), summary: text },
    obstacles: [text],
    checks,
    hunts: checks,
    reads: [{ n: 1, on: text, command: text, exit: null, ms: 31, stdout: text, stderr: text, why: text }],
    file: text
  }
  const finding: FindingModel = {
    id: 'A1',
    title: text,
    severity: 'high',
    status: 'open',
    blocks: [text],
    origin: 'introduced',
    filed: { commit: sha('b'), at },
    last: { commit: sha('b'), at },
    section: `**Status:** open\n\n${text}\n\n\`\`\`mermaid\nflowchart LR\n  a["one"]\n  b["two"]\n  a -->|"waits for"| b\n  b -->|"starts after"| a\n\`\`\`\n\n- ${text}\n\n\`\`\`\n${text}\n`
  }
  const stone = (
    milestone: string,
    verdict: 'PASS' | 'FAIL' | 'INCONCLUSIVE' | null,
    stale: string | null
  ) => ({
    milestone,
    title: text,
    verdict,
    stale,
    gate: { open: false, code: verdict === 'PASS' ? 2 : verdict === 'FAIL' ? 1 : 2, reasons: [text] },
    pending: { sha: sha('c'), summary: text },
    claim: { sha: sha('a'), summary: text },
    review: { commit: sha('b'), at },
    history: [
      { verdict: 'FAIL' as const, commit: sha('b'), at },
      { verdict: 'PASS' as const, commit: sha('f'), at: text }
    ]
  })
  return {
    repo: text,
    branch: text,
    commits: 'https://git.example.test/ops/infra/commit/',
    at,
    version: '1.2.3',
    phases: [
      {
        phase: 'pvfix',
        title: text,
        milestones: [
          stone('M1', 'FAIL', null),
          stone('M2', 'PASS', text),
          stone('M3', 'INCONCLUSIVE', null),
          stone('M4', 'PASS', null),
          stone('M5', null, null)
        ],
        findings: [finding, { ...finding, id: 'A2', status: 'closed' }],
        vetoes: [
          { milestone: 'M1', by: text, commit: sha('d'), reason: text },
          { milestone: '*', by: text, commit: sha('9'), reason: null }
        ]
      }
    ],
    timeline: [
      { at, commit: sha('b'), target: text, what: 'review', verdict: 'FAIL', text, by: text },
      { at, commit: sha('a'), target: text, what: 'claim', verdict: null, text, by: text }
    ],
    reviews: [review],
    words: [
      {
        commit: sha('d'),
        at,
        target: text,
        what: 'veto',
        title: text,
        by: text,
        section: `## VETO M1: ${text}\n\n${text}\n`
      },
      { commit: sha('8'), at, target: text, what: 'accepted', title: text, by: text, section: null }
    ],
    doubts: [{ commit: sha('e'), what: 'distrusted', text, why: text }],
    watcher: {
      state: 'running',
      beatAt: at,
      doing: text,
      polledAt: null,
      troubles: [
        { subject: text, kind: 'host', since: at, why: text },
        { subject: text, kind: 'remote', since: text, why: text }
      ]
    },
    hosts: [
      { name: text, seenAt: at, trouble: { since: at, why: text } },
      { name: text, seenAt: null, trouble: null }
    ]
  }
}
