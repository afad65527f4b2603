import { describe, expect, it } from 'vitest'
import { fit } from '../../src/cli/layout.ts'
import { progressLine } from '../../src/cli/progress.ts'
import { reviewText } from '../../src/cli/review/check-text.ts'
import { check, claim, evidence, read } from '../render/example.ts'
import { golden } from '../render/golden.ts'

const lists = [
  check('The proxy network is 10.10.0.0/16 and new', [
    { outcome: 'fail', saw: '10.0.1.0/24', expected: '10.10.0.0/16', at: 'network proxy' }
  ]),
  check('All nine services run', [
    { outcome: 'pass', saw: '9 of 9 services run every task that they want, of their present spec' }
  ]),
  check('Nothing in the engine’s journal', [{ outcome: 'unknown', why: 'timed out after 10 s' }], {
    attempts: 3
  }),
  check('日本語のサービス名も幅を二つ取る、だから折り返しは文字数ではなく幅で数える', [
    { outcome: 'not-applicable', why: 'no network has a subnet\u001b[31m' }
  ]),
  check('The table', [{ outcome: 'pass', saw: 'one' }], { outcome: 'waived', flapped: true, attempts: 2 })
]
const draft = {
  claim,
  decision: {
    verdict: 'FAIL' as const,
    why: '1 of 5 checks failed: The proxy network is 10.10.0.0/16 and new'
  },
  checks: lists.map(each => ({ check: each, facts: {} })),
  stats: { connections: 1, execs: 1, reads: 14, ms: 3210 },
  evidence: [...evidence, read(9, 'docker service ps --no-trunc ccci-bridge_app', '', { ms: 2110 })]
}

describe('a review on a terminal', () => {
  it.each([
    ['wide', 100],
    ['narrow', 40]
  ])('%s', (name, columns) => {
    const text = reviewText(draft, { color: false, columns })
    expect(text).toBe(golden(`terminal-${name}.txt`, text))
    expect(text).not.toContain('\u001b')
  })

  it('is as clear without colour, and the same words with it', () => {
    const plain = reviewText(draft, { color: false, columns: 80 })
    const coloured = reviewText(draft, { color: true, columns: 80 })
    expect(coloured).not.toBe(plain)
    // oxlint-disable-next-line no-control-regex
    expect(coloured.replace(/\u001b\[\d+m/g, '')).toBe(plain)
  })

  it('keeps a line a line where no terminal is', () => {
    const lines = reviewText(draft, { color: false, columns: Number.POSITIVE_INFINITY }).split('\n')
    expect(lines[2]).toBe('      10.0.1.0/24; expected 10.10.0.0/16 (network proxy)')
  })
})

describe('lines that fit', () => {
  it('break between words, never in the middle of one, and hang', () => {
    expect(fit(`one two ${'x'.repeat(50)}`, { columns: 40 }, 2, 4)).toEqual([
      '  one two',
      `    ${'x'.repeat(50)}`
    ])
    expect(fit('one two', { columns: 8 }, 2)).toEqual(['  one two'])
  })
})

describe('what is being read', () => {
  const place = (state: 'connecting' | 'connected' | 'unseen', asked = 0, answered = 0) => ({
    state,
    asked,
    answered
  })

  it('names a few places, and the read that keeps everybody waiting', () => {
    const places = new Map([
      ['cc-ci', place('connected', 14, 12)],
      ['web', place('connected', 4, 4)]
    ])
    const open = [
      { place: 'cc-ci', what: 'docker service ls', since: 9_500 },
      { place: 'cc-ci', what: 'docker info', since: 7_900 }
    ]
    expect(progressLine(places, open, 10_000)).toBe('cc-ci 12 of 14 · web 4 of 4 · 2.1 s cc-ci $ docker info')
    expect(progressLine(places, open, 8_800)).toBe('cc-ci 12 of 14 · web 4 of 4')
  })

  it('counts many places', () => {
    const places = new Map([
      ['a', place('connected', 14, 12)],
      ['b', place('connecting')],
      ['c', place('unseen', 2, 2)],
      ['d', place('connecting')]
    ])
    expect(progressLine(places, [], 0)).toBe('4 places, 14 of 16 reads · connecting to 2 · cannot see 1')
  })
})
