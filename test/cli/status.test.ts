import { describe, expect, it } from 'vitest'
import { sayBoard, sayWatcher } from '../../src/cli/watch/status-lines.ts'
import type { GateAnswer } from '../../src/gate/gate.ts'
import type { Board, BoardMilestone } from '../../src/board/summary.ts'
import type { Watcher } from '../../src/watch/watcher-status.ts'
import type { ExitCode } from '../../src/lib/words.ts'
import { claim } from '../render/example.ts'
import { golden } from '../render/golden.ts'

const gateSays = (code: ExitCode, ...reasons: string[]): GateAnswer => ({
  gate: 'pvfix',
  code,
  verdict: null,
  reasons,
  review: null,
  next: null,
  stale: null,
  mayChange: false
})
const stone = (milestone: string, more: Partial<BoardMilestone> = {}): BoardMilestone => ({
  milestone,
  title: `what ${milestone} is about`,
  verdict: null,
  stale: null,
  claim: null,
  review: null,
  reviewedAt: null,
  gate: gateSays(2, `nobody has claimed ${milestone} yet`),
  ...more
})
const reviewed = { review: 'b'.repeat(40), reviewedAt: '2026-06-13T05:33:07Z', claim: 'a'.repeat(40) }
const seen: Board = {
  phases: [
    {
      phase: 'pvfix',
      plan: null,
      milestones: [
        stone('M1', { verdict: 'PASS', gate: gateSays(0), ...reviewed }),
        stone('M2', {
          verdict: 'FAIL',
          gate: gateSays(1, 'M2 failed: 1 of 3 checks failed: the routes answer'),
          ...reviewed
        }),
        stone('M3', {
          verdict: 'PASS',
          stale: 'the verdict on M3 is stale: it is 8 days old; the limit is 7 days',
          gate: gateSays(2, 'the verdict on M3 is stale: it is 8 days old; the limit is 7 days'),
          ...reviewed
        }),
        stone('M4', { verdict: 'PASS', gate: gateSays(1, 'alice vetoes M4 (dddddddddddd)'), ...reviewed }),
        stone('M6', { verdict: 'PASS', gate: gateSays(3, 'the file was edited'), ...reviewed }),
        stone('M7', {
          gate: gateSays(3, 'the review file shows a PASS of M7 that no signed review supports')
        }),
        stone('rollout', {
          verdict: 'INCONCLUSIVE',
          gate: gateSays(2, 'rollout is not proven: prod could not be seen'),
          ...reviewed
        }),
        stone('M5')
      ],
      findings: [
        {
          id: 'A1',
          status: 'open',
          blocks: ['M2', 'rollout'],
          severity: 'high',
          title: 'deploy-proxy waits for ci.example.test\u001b[31m, which only deploy-dashboard serves'
        },
        { id: 'A2', status: 'closed', blocks: [], severity: 'low', title: 'it is mended' }
      ],
      vetoes: [{ milestone: 'M4', by: 'alice', commit: 'd'.repeat(40) }],
      pending: [claim]
    }
  ],
  malformed: [
    {
      kind: 'malformed',
      sha: 'c'.repeat(40),
      subject: 'claim(pvfix): no milestone',
      why: 'expected a milestone'
    }
  ],
  own: [{ ...claim, sha: 'd'.repeat(40) }],
  distrusted: [{ commit: 'e'.repeat(40), why: 'it is not signed' }]
}
const now = Date.parse('2026-06-13T06:00:00Z')
const watcher: Watcher = {
  pid: 4711,
  state: 'running',
  startedAt: '2026-06-12T06:00:00Z',
  beatAt: '2026-06-13T05:59:58Z',
  doing: { what: 'reviewing', about: 'pvfix-M2', since: '2026-06-13T05:59:30Z' },
  polls: 1440,
  polledAt: '2026-06-13T05:59:30Z',
  reviews: 3,
  troubles: [
    {
      subject: 'prod',
      kind: 'host',
      since: '2026-06-13T05:10:00Z',
      times: 12,
      why: 'connect ECONNREFUSED 192.0.2.7:22'
    }
  ]
}
const text = (columns: number, color = false) => {
  const io = { color, columns }
  return [...sayWatcher(watcher, now, io), ...sayBoard(seen, io)].join('\n')
}

describe('status on a terminal', () => {
  it.each([
    ['wide', 100],
    ['narrow', 40]
  ])('%s', (name, columns) => {
    const shown = text(columns)
    expect(shown).toBe(golden(`status-${name}.txt`, shown))
    expect(shown).not.toContain('\u001b')
    for (const line of shown.split('\n')) expect(line.length).toBeLessThanOrEqual(columns)
  })

  it('is as clear without colour, and the same words with it', () => {
    const coloured = text(Number.POSITIVE_INFINITY, true)
    expect(coloured).toContain('\u001b[32m✓ PASS')
    // oxlint-disable-next-line no-control-regex
    expect(coloured.replace(/\u001b\[\d+m/g, '')).toBe(text(Number.POSITIVE_INFINITY))
  })

  it('keeps a line a line where no terminal is', () => {
    const lines = text(Number.POSITIVE_INFINITY).split('\n')
    const mine = lines.find(line => line.includes(' M3 '))
    expect(mine).toBe(
      '  ? PASS stale        M3       what M3 is about · bbbbbbbbb 2026-06-13T05:33Z · the verdict on M3 is stale: it is 8 days old; the limit is 7 days'
    )
  })

  it.each([
    ['stalled', /^✗ stalled {2}watcher 4711, .*its loop hangs/],
    ['gone', /^✗ gone {2}watcher 4711, .*its process is gone: run `adversary watch`/],
    ['unknown', /^\? unknown {2}watcher 4711, .*is not visible from this machine or container/]
  ] as const)('a watcher that is %s', (state, first) => {
    const io = { color: false, columns: Number.POSITIVE_INFINITY }
    const [head, does] = sayWatcher({ ...watcher, state }, now, io)
    expect(head).toMatch(first)
    expect(does).toBe('  last heartbeat 2026-06-13T05:59:58Z, 2 s ago: reviewing pvfix-M2')
  })

  it('no watcher', () => {
    expect(sayWatcher(null, now, { color: false, columns: 40 })[0]).toBe('– no watcher is running')
  })
})
