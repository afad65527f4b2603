import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openClone } from '../../src/git/clone.ts'
import type { Commit } from '../../src/git/git-types.ts'
import {
  baselinesOf,
  closingOnly,
  heldTo,
  mayBeAnswered,
  newestPass,
  newestReview,
  orientationsOf,
  policyOf,
  readRecord,
  removedOf,
  reviewOf,
  settledClaims,
  type SignedRecord,
  type SignedReview
} from '../../src/record/record.ts'
import { printMessage, type ReviewMessage } from '../../src/record/trailers.ts'
import { sha256 } from '../../src/lib/canonical.ts'
import { allowedSigners, makeRepo } from '../support/repo.ts'
import { policy } from '../support/reviews.ts'

const id = (letter: string) => letter.repeat(40)
const who = { name: 'x', email: 'x@example.test' }
const digest = sha256('x')

const silent: ReviewMessage = {
  phase: 'p1',
  milestone: null,
  title: 'x',
  body: '',
  claim: null,
  verdict: null,
  supersedes: [],
  findings: [],
  vetoes: [],
  section: { path: 'REVIEW.md', digest },
  repo: null,
  plan: null,
  evidence: null,
  policy: null,
  accept: null,
  removed: []
}

function commit(sha: string, message = ''): Commit {
  const at = '2026-06-13T06:00:00Z'
  const dates = { authoredAt: at, committedAt: at }
  const [subject = ''] = message.split('\n')
  return {
    sha,
    tree: sha,
    signed: true,
    parents: [],
    author: who,
    committer: who,
    ...dates,
    subject,
    message
  }
}

/** Reviews in this order; the reviewer's own unless another principal is named. */
function record(...said: readonly (Partial<ReviewMessage> & { readonly by?: string })[]): SignedRecord {
  const reviews = said.map(({ by = 'reviewer', ...says }, index): SignedReview => {
    const own = { principal: by, byReviewer: by === 'reviewer' }
    return { commit: commit(`${index}`.padStart(40, '0')), ...own, message: { ...silent, ...says } }
  })
  return { tip: '', reviews, distrusted: [], history: reviews.map(({ commit: each }) => each) }
}

const place = (found: SignedReview | null) => (found === null ? null : Number(found.commit.sha))
const verdict = (claim: string, outcome: 'PASS' | 'FAIL', more: Partial<ReviewMessage> = {}) => ({
  milestone: 'M1',
  claim: id(claim),
  verdict: outcome,
  ...more
})

it('a claim is answered by the review of it, and by one that supersedes it', () => {
  const said = record(verdict('a', 'FAIL'), verdict('c', 'PASS', { supersedes: [id('b')] }))
  expect(['a', 'b', 'c', 'd'].map(claim => place(reviewOf(said, id(claim))))).toEqual([0, 1, 1, null])
  expect(settledClaims(said)).toEqual(new Set(['a', 'b', 'c'].map(id)))
})

it('the newest PASS is a PASS, of this milestone and phase, whatever came after it', () => {
  const said = record(
    verdict('a', 'PASS'),
    verdict('b', 'PASS'),
    verdict('c', 'PASS', { milestone: 'M2' }),
    verdict('d', 'PASS', { phase: 'p2' }),
    verdict('e', 'FAIL')
  )
  expect(place(newestPass(said, 'p1', 'M1'))).toBe(1)
  expect(place(newestReview(said, 'p1', 'M1'))).toBe(4)
})

it('what a force-push took is what the reviewer says of the phase', () => {
  const removed = [{ review: id('a'), milestone: 'M1', verdict: 'PASS' as const }]
  const said = record({ removed }, { removed, phase: 'p2' }, { removed, by: 'alice' })
  expect(removedOf(said, 'p1').map(({ by }) => place(by))).toEqual([0])
})

it('the policy is the newest that the reviewer signed for the phase', () => {
  const of = (branch: string) => ({ ...policy, branch })
  const said = record(
    { policy: of('old') },
    { policy: of('new') },
    { policy: null },
    { policy: of('other phase'), phase: 'p2' },
    { policy: of("alice's"), by: 'alice' }
  )
  expect(policyOf(said, 'p1')?.branch).toBe('new')
})

it('baselines are evidence without a claim, by the reviewer; orientations are those that are named so', () => {
  const evidence = (name: string) => ({ evidence: { path: `evidence/${name}`, digest } })
  const said = record(
    evidence('p1-hunt-0123.json'),
    evidence('p1-orientation-0123.json'),
    { ...evidence('p1-orientation-4567.json'), by: 'alice' },
    { ...evidence('p2-orientation-0123.json'), phase: 'p2' },
    { ...verdict('a', 'PASS'), ...evidence('p1-a.json') },
    {}
  )
  expect(baselinesOf(said, 'p1').map(place)).toEqual([0, 1])
  expect(orientationsOf(said, 'p1').map(place)).toEqual([1])
})

it('a claim may be answered by a commit that looks like a review and names it', () => {
  const answer = (message: string) => mayBeAnswered([commit(id('f'), message)], id('a'))
  expect(answer(`review(p1-M1): x\n\n${id('a')}`)).toBe(true)
  expect(answer(`core: x\n\n${id('a')}`)).toBe(false)
  expect(answer(`review(p1-M1): x\n\n${id('b')}`)).toBe(false)
})

describe('what only closes', () => {
  const finding = (status: 'open' | 'closed') => ({ id: 'A1', status, blocks: ['M1'] })
  const veto = (status: 'open' | 'lifted') => ({ milestone: 'M1', status })
  const all: ReviewMessage = {
    ...silent,
    ...verdict('a', 'PASS', { supersedes: [id('b')] }),
    findings: [finding('open'), finding('closed')],
    vetoes: [veto('open'), veto('lifted')],
    policy,
    accept: digest
  }
  const left = {
    ...all,
    claim: null,
    verdict: null,
    supersedes: [],
    findings: [finding('open')],
    vetoes: [veto('open')],
    policy: null,
    accept: null
  }

  it('opens nothing and answers nothing', () => {
    expect(closingOnly(all)).toEqual(left)
  })

  it('is left of a review for another repo; one for this repo, or for none, stays whole', () => {
    const repos = ['//git.example.test/ops/infra', null, '//git.example.test/ops/other']
    const said = heldTo(record(...repos.map(repo => ({ ...all, repo }))), '//git.example.test/ops/infra')
    expect(said.reviews.map(({ message }) => message.verdict)).toEqual(['PASS', 'PASS', null])
    expect(said.reviews[2]).toMatchObject({
      elsewhere: { repo: '//git.example.test/ops/other', claim: id('a'), verdict: 'PASS' },
      message: { findings: [finding('open')], policy: null }
    })
  })
})

it("a merge is no review, whoever signs it; a verdict is the reviewer's alone", async () => {
  const repo = await makeRepo()
  onTestFinished(() => repo.dispose())
  const [own, alices] = [await repo.key('reviewer'), await repo.key('alice')]
  const allowed = allowedSigners([
    ['adversary', own],
    ['alice', alices]
  ])
  const review = printMessage({
    ...silent,
    ...verdict('a', 'FAIL'),
    repo: null
  })
  const veto = printMessage({ ...silent, vetoes: [{ milestone: 'M1', status: 'open' }] })
  const { builder } = repo
  await builder.git(['checkout', '--quiet', '-b', 'side'])
  await builder.commit('core: side')
  await builder.git(['checkout', '--quiet', 'main'])
  const signed = ['-c', 'gpg.format=ssh', '-c', `user.signingKey=${own.path}`]
  await builder.git([...signed, 'merge', '--quiet', '--no-ff', '-S', '-m', review.trimEnd(), 'side'])
  const merge = await builder.tip()
  const byAlice = await builder.commit(review, { key: alices })
  const heard = await builder.commit(veto, { key: alices })
  const byReviewer = await builder.commit(review, { key: own })
  await builder.push()

  const git = await openClone({ url: repo.url, dir: join(repo.dir, 'clone.git') })
  onTestFinished(() => git.close())
  const found = await readRecord(git, (await git.fetch('main')) ?? '', { allowed, reviewer: 'adversary' })
  expect(found.distrusted.map(({ commit: { sha }, why }) => [sha, why])).toEqual([
    [merge, 'a merge cannot be a review'],
    [byAlice, 'alice signed a verdict, which only adversary may']
  ])
  expect(found.reviews.map(({ commit: { sha }, byReviewer: is }) => [sha, is])).toEqual([
    [heard, false],
    [byReviewer, true]
  ])
})
