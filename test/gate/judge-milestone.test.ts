import { describe, expect, it } from 'vitest'
import { judgeMilestone, type MilestoneFacts } from '../../src/gate/judge-milestone.ts'
import type { Policy } from '../../src/record/policy.ts'
import type { SignedReview } from '../../src/record/record.ts'
import type { ReviewMessage } from '../../src/record/trailers.ts'

/** What keeps a gate closed, of facts alone: each obstacle by itself, and what is just short of it. */

const who = { name: 'x', email: 'x@example.test' }
const hour = 3_600_000
const now = Date.parse('2026-06-13T12:00:00Z')
const digest = (of: string) => `sha256:${of.repeat(64)}`
const rules: Policy['milestones'][number] = {
  milestone: 'M2',
  needs: [],
  watchPaths: [],
  maxAge: 720 * hour,
  checks: digest('a')
}
const policy: Policy = {
  phase: 'p1',
  branch: 'main',
  review: 'reviews/REVIEW-p1.md',
  milestones: ['M0', 'M1', 'M2'].map(milestone => ({ ...rules, milestone }))
}
const claim = 'c'.repeat(40)

function review(said: Partial<ReviewMessage> = {}, committedAt = '2026-06-13T11:00:00Z'): SignedReview {
  const sha = 'e'.repeat(40)
  const message: ReviewMessage = {
    phase: 'p1',
    milestone: 'M2',
    title: 'M2 PASS',
    body: 'M2 PASS: all 3 checks passed.',
    claim,
    verdict: 'PASS',
    supersedes: [],
    findings: [],
    vetoes: [],
    section: { path: policy.review, digest: digest('b') },
    repo: 'ops/infra',
    plan: digest('c'),
    evidence: { path: 'reviews/evidence/x.json', digest: digest('d') },
    policy,
    accept: null,
    removed: [],
    ...said
  }
  const commit = {
    sha,
    tree: sha,
    signed: true,
    parents: [],
    author: who,
    committer: who,
    authoredAt: committedAt,
    committedAt,
    subject: '',
    message: ''
  }
  return { commit, principal: 'adversary', byReviewer: true, message }
}

const passed: MilestoneFacts = {
  phase: 'p1',
  milestone: 'M2',
  review: review(),
  verdict: 'PASS',
  claims: [],
  elsewhere: [],
  claimInBranch: true,
  claimInBuilt: true,
  claimInReview: true,
  newer: [],
  branch: 'main',
  policy,
  rules,
  touched: [],
  crooked: [],
  disagreements: [],
  needs: [],
  blockers: [],
  distrusted: [],
  removed: [],
  typed: false
}
const newer = {
  sha: 'a'.repeat(40),
  phase: 'p1',
  milestone: 'M2',
  summary: 'again',
  subject: 'claim(p1-M2): again',
  author: who,
  committer: who,
  committedAt: '2026-06-13T11:30:00Z'
}
const judged = (changed: Partial<MilestoneFacts>, repo: string | null = 'ops/infra') =>
  judgeMilestone({ ...passed, ...changed }, now, repo).map(({ code, why, mayChange, stale }) => [
    code,
    why,
    mayChange,
    stale ?? false
  ])
const says = (text: string) => expect.stringContaining(text)

it('a PASS with nothing against it is open', () => {
  expect(judged({})).toEqual([])
})

it.each<
  [
    what: string,
    changed: Partial<MilestoneFacts>,
    code: number,
    why: string,
    mayChange: boolean,
    stale: boolean
  ]
>([
  [
    'that does not agree with itself',
    { disagreements: ['it names another plan'] },
    3,
    'does not agree with itself: it names another plan',
    false,
    false
  ],
  [
    'of a tree that git would not write',
    { crooked: ['nix/ holds a name twice'] },
    3,
    'nix/ holds a name twice',
    false,
    false
  ],
  [
    'of a claim that is not in the branch',
    { claimInBranch: false, claimInBuilt: false, claimInReview: false },
    3,
    'which is not a claim of p1-M2 in the history of main',
    false,
    false
  ],
  [
    'that does not build on its claim',
    { claimInReview: false },
    3,
    'answers a claim that is not in its history',
    false,
    false
  ],
  [
    'of a claim that is not being built',
    { claimInBuilt: false },
    2,
    'the commit being built does not contain the reviewed claim',
    false,
    false
  ],
  [
    'that names no repository',
    { review: review({ repo: null }) },
    2,
    'does not name its repository; this one is ops/infra',
    false,
    false
  ],
  [
    'of a branch that is not asked about',
    { policy: { ...policy, branch: 'release' } },
    2,
    'are about the branch release, not main',
    false,
    true
  ],
  ['of a plan that no longer knows it', { rules: null }, 2, 'the plan of p1 no longer has it', true, true],
  [
    'by other checks',
    { rules: { ...rules, checks: digest('f') } },
    2,
    'its checks have changed since',
    true,
    true
  ],
  [
    'by checks that were not recorded',
    { review: review({ policy: null }) },
    2,
    'its checks have changed since',
    true,
    true
  ],
  [
    'with a commit since',
    { touched: ['f'.repeat(40)] },
    2,
    'ffffffffffff came after the claim and changes a path that it watches',
    true,
    true
  ],
  [
    'with a newer claim',
    {
      newer: [newer]
    },
    2,
    'a newer claim aaaaaaaaaaaa waits for its review',
    true,
    true
  ],
  [
    'before a verdict that is gone',
    { removed: [{ review: 'a'.repeat(40), verdict: 'FAIL', said: 'b'.repeat(40) }] },
    2,
    'a later verdict on M2 was removed from the branch',
    true,
    true
  ],
  [
    'with a veto',
    { blockers: [{ what: 'veto', id: 'M2', commit: 'a'.repeat(40), by: 'alice', blocks: ['M2'] }] },
    1,
    'alice vetoes M2',
    false,
    false
  ],
  [
    'with a finding',
    { blockers: [{ what: 'finding', id: 'A1', commit: 'a'.repeat(40), by: 'adversary', blocks: ['M2'] }] },
    1,
    'finding A1 is open and blocks M2',
    false,
    false
  ],
  [
    'with a FAIL by hand',
    { blockers: [{ what: 'FAIL', id: 'M2', commit: 'a'.repeat(40), by: 'alice', blocks: ['M2'] }] },
    1,
    'alice signed FAIL for M2 by hand',
    false,
    false
  ],
  [
    'with an INCONCLUSIVE by hand',
    { blockers: [{ what: 'INCONCLUSIVE', id: 'M2', commit: 'a'.repeat(40), by: 'alice', blocks: ['M2'] }] },
    2,
    'alice signed INCONCLUSIVE for M2 by hand',
    true,
    false
  ]
])('a PASS %s is closed', (_, changed, code, why, mayChange, stale) => {
  expect(judged(changed)).toEqual([[code, says(why), mayChange, stale]])
})

it('a review that names no repository opens where the pipeline names none either', () => {
  expect(judged({ review: review({ repo: null }) }, null)).toEqual([])
})

describe('its age', () => {
  const at = (committedAt: string, changed: Partial<MilestoneFacts> = {}) =>
    judged({ review: review({}, committedAt), ...changed }).map(([code, why]) => [code, why])

  it('may be what the plan allows, and not a second more', () => {
    const short = { rules: { ...rules, maxAge: hour } }
    expect(at('2026-06-13T11:00:00Z', short)).toEqual([])
    expect(at('2026-06-13T10:59:59Z', short)).toEqual([[2, says('it is 1 hour old; the limit is 1 hour')]])
  })

  it('may be ten minutes in the future, and not a second more', () => {
    expect(at('2026-06-13T12:10:00Z')).toEqual([])
    expect(at('2026-06-13T12:10:01Z')).toEqual([[2, says('in the future')]])
  })

  it('that nobody can read is none', () => {
    expect(at('yesterday')).toEqual([[2, says('is stale')]])
  })
})

describe('what it needs', () => {
  const needs = (facts: MilestoneFacts | null) => ({ needs: [{ milestone: 'M1', facts }] })
  const first: MilestoneFacts = { ...passed, milestone: 'M1' }

  it('is open, or keeps it closed', () => {
    expect(judged(needs(first))).toEqual([])
    expect(judged(needs({ ...first, touched: ['f'.repeat(40)] }))).toEqual([
      [2, says('it needs M1, which is not open: the verdict on M1 is stale'), true, false]
    ])
    expect(judged(needs({ ...first, verdict: 'FAIL' }))).toEqual([
      [2, says('it needs M1, which is FAIL'), true, false]
    ])
    expect(judged(needs({ ...first, review: null, verdict: null }))).toEqual([
      [2, says('it needs M1, which has no verdict'), true, false]
    ])
    expect(judged(needs(null))).toEqual([[2, says('it needs M1, which needs it in turn'), false, false]])
  })

  it('is not open because what it needs in turn is not', () => {
    const deep = {
      ...first,
      needs: [{ milestone: 'M0', facts: { ...first, milestone: 'M0', verdict: 'FAIL' as const } }]
    }
    expect(judged(needs(deep))).toEqual([[2, says('it needs M1, which is not open: '), true, false]])
  })

  it('comes behind reasons of its own, where there are any', () => {
    const both = { touched: ['f'.repeat(40)], ...needs({ ...first, touched: ['f'.repeat(40)] }) }
    expect(judged(both)).toEqual([[2, says('changes a path that it watches'), true, true]])
  })
})

describe('without a verdict', () => {
  const none = { review: null, verdict: null }
  it('is closed, and says why', () => {
    expect(judged(none)).toEqual([[2, 'M2 is not claimed yet', true, false]])
    expect(judged({ ...none, rules: null })).toEqual([[2, 'the plan of p1 has no M2', true, false]])
    expect(judged({ ...none, typed: true })).toEqual([
      [3, 'the review file shows a PASS of M2 that no signed review supports', false, false]
    ])
  })

  it('a veto, and a verdict that is gone, keep it closed as well', () => {
    const blockers = [
      { what: 'veto', id: 'M2', commit: 'a'.repeat(40), by: 'alice', blocks: ['M2'] } as const
    ]
    const removed = [{ review: 'a'.repeat(40), verdict: 'PASS', said: 'b'.repeat(40) } as const]
    expect(judged({ ...none, blockers, removed }).map(([code]) => code)).toEqual([2, 2, 1])
  })
})

it.each<['FAIL' | 'INCONCLUSIVE', number, signed: string, string]>([
  ['FAIL', 1, '1 of 3 checks failed: the routes answer', 'M2 failed: 1 of 3 checks: the routes answer'],
  ['INCONCLUSIVE', 2, '1 of 3 checks could not be seen', 'M2 is not proven: 1 of 3 checks could not be seen']
])('%s keeps it closed, with the reason that was signed', (verdict, code, signed, why) => {
  const body = `M2 ${verdict}: ${signed}.`
  expect(judged({ verdict, review: review({ verdict, body }) })).toEqual([[code, why, false, false]])
})
