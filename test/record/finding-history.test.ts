import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Commit } from '../../src/git/git-types.ts'
import type { SignedReview } from '../../src/record/record.ts'
import { findingsOf, vetoesOf } from '../../src/record/finding-history.ts'
import type { FindingTrailer, ReviewMessage } from '../../src/record/trailers.ts'

/** Who may undo what: a veto is lifted by its author or the reviewer, a finding closed by who filed it or the reviewer. */

const people = ['reviewer', 'alice', 'carol'] as const
type Person = (typeof people)[number]

const who = { name: 'x', email: 'x@example.test' }
const nothing: ReviewMessage = {
  phase: 'p1',
  milestone: null,
  title: 'said',
  body: '',
  claim: null,
  verdict: null,
  supersedes: [],
  findings: [],
  vetoes: [],
  section: null,
  repo: null,
  plan: null,
  evidence: null,
  policy: null,
  accept: null,
  removed: []
}

interface Said {
  readonly by: Person
  readonly says: Partial<ReviewMessage>
  /** The commits that it builds on, by their place; the one before it unless said otherwise. */
  readonly on?: readonly number[]
}

/** Signed commits, one behind the other. */
function line(said: readonly Said[]) {
  const name = (index: number) => String(index).padStart(40, '0')
  const commits = said.map(({ on }, index): Commit => {
    const sha = name(index)
    const parents = (on ?? (index === 0 ? [] : [index - 1])).map(name)
    const at = '2026-06-13T06:00:00Z'
    return {
      sha,
      tree: sha,
      signed: true,
      parents,
      author: who,
      committer: who,
      authoredAt: at,
      committedAt: at,
      subject: '',
      message: ''
    }
  })
  const reviews = said.flatMap(({ by, says }, index): SignedReview[] => {
    const commit = commits[index]
    const message = { ...nothing, ...says }
    return commit === undefined ? [] : [{ commit, principal: by, byReviewer: by === 'reviewer', message }]
  })
  return { history: commits, reviews }
}

const put = (by: Person, milestone = 'M2') => ({
  by,
  says: { vetoes: [{ milestone, status: 'open' as const }] }
})
const lift = (by: Person, milestone = 'M2') => ({
  by,
  says: { vetoes: [{ milestone, status: 'lifted' as const }] }
})
const file = (by: Person, more: Partial<FindingTrailer> = {}) => ({
  by,
  says: { findings: [{ id: 'A1', status: 'open' as const, blocks: ['M2'], ...more }] }
})
const close = (by: Person, more: Partial<FindingTrailer> = {}) => ({
  by,
  says: { findings: [{ id: 'A1', status: 'closed' as const, blocks: ['M2'], ...more }] }
})

const pairs = people.flatMap(one => people.map(other => [one, other] as const))

describe('a veto', () => {
  it.each(pairs)('of %s is lifted by %s only where it is its author or the reviewer', (author, lifter) => {
    const may = lifter === author || lifter === 'reviewer'
    const standing = vetoesOf(line([put(author), lift(lifter)]), 'p1')
    expect(standing.map(({ by }) => by.principal)).toEqual(may ? [] : [author])
  })

  it('is lifted by its own name in any case, and not by that of another milestone, or of another phase', () => {
    const standing = (milestone: string) =>
      vetoesOf(line([put('alice', 'M2'), lift('alice', milestone)]), 'p1').length
    expect([standing('M2'), standing('m2'), standing('M20'), standing('*')]).toEqual([0, 0, 1, 1])
    const elsewhere = { by: 'alice' as const, says: { ...lift('alice').says, phase: 'p2' } }
    expect(vetoesOf(line([put('alice'), elsewhere]), 'p1')).toHaveLength(1)
  })

  it('put and lifted in one commit stands where the lift comes first', () => {
    const both = (...statuses: readonly ('open' | 'lifted')[]) =>
      vetoesOf(
        line([{ by: 'alice', says: { vetoes: statuses.map(status => ({ milestone: 'M2', status })) } }]),
        'p1'
      ).length
    expect([both('open', 'lifted'), both('lifted', 'open')]).toEqual([0, 1])
  })

  it('of several stands for each author by itself', () => {
    const act = fc.record({ by: fc.constantFrom(...people), open: fc.boolean() })
    fc.assert(
      fc.property(fc.array(act, { maxLength: 12 }), acts => {
        const standing = new Map<Person, number>()
        for (const { by, open } of acts) {
          if (open) standing.set(by, (standing.get(by) ?? 0) + 1)
          else if (by === 'reviewer') standing.clear()
          else standing.delete(by)
        }
        const found = vetoesOf(line(acts.map(({ by, open }) => (open ? put(by) : lift(by)))), 'p1')
        for (const person of people)
          expect(found.filter(({ by }) => by.principal === person)).toHaveLength(standing.get(person) ?? 0)
      })
    )
  })
})

describe('a finding', () => {
  it.each(pairs)('of %s is closed by %s only where it is who filed it or the reviewer', (author, closer) => {
    const may = closer === author || closer === 'reviewer'
    const [finding, ...rest] = findingsOf(line([file(author), close(closer)]), 'p1')
    expect(rest).toEqual([])
    expect(finding?.status).toBe(may ? 'closed' : 'open')
  })

  it('of two people under one number is two, and each closes its own', () => {
    const lives = findingsOf(line([file('alice'), file('carol'), close('carol')]), 'p1')
    expect(lives.map(({ filed, status }) => [filed.principal, status])).toEqual([
      ['alice', 'open'],
      ['carol', 'closed']
    ])
  })

  it("is the reviewer's own, not another's of that number, where the reviewer closes under a probe's key", () => {
    const key = 'restart-loops/shop_app'
    const lives = findingsOf(
      line([file('alice'), file('reviewer', { key }), close('reviewer', { key })]),
      'p1'
    )
    expect(lives.map(({ filed, status }) => [filed.principal, status])).toEqual([
      ['alice', 'open'],
      ['reviewer', 'closed']
    ])
    const alone = findingsOf(line([file('alice'), close('reviewer', { key })]), 'p1')
    expect(alone.map(({ status }) => status)).toEqual(['open'])
  })

  it('under a key of its own is not closed by what the reviewer says of one that somebody filed by hand', () => {
    const own = file('reviewer', { key: 'restart-loops/shop_app' })
    const lives = findingsOf(line([file('alice'), own, close('reviewer', { key: 'hand/A1' })]), 'p1')
    expect(lives.map(({ filed, status }) => [filed.principal, status])).toEqual([
      ['alice', 'closed'],
      ['reviewer', 'open']
    ])
  })

  it('of another phase, under the same number, is another', () => {
    const elsewhere = { by: 'alice' as const, says: { ...close('alice').says, phase: 'p2' } }
    expect(findingsOf(line([file('alice'), elsewhere]), 'p1').map(({ status }) => status)).toEqual(['open'])
    expect(findingsOf(line([file('alice')]), 'p2')).toEqual([])
  })

  it("is another's where the reviewer has its own of that number on a branch that the closing has not seen", () => {
    const said: readonly Said[] = [
      { by: 'alice', says: {} },
      { ...file('alice'), on: [0] },
      { ...file('reviewer'), on: [0] },
      { ...close('reviewer'), on: [1] }
    ]
    expect(findingsOf(line(said), 'p1').map(({ filed, status }) => [filed.principal, status])).toEqual([
      ['alice', 'closed'],
      ['reviewer', 'open']
    ])
  })

  it('opened on two branches blocks what either says, until one that has seen both closes it', () => {
    const merged: readonly Said[] = [
      { by: 'alice', says: {} },
      { ...file('alice', { blocks: ['M1'] }), on: [0] },
      { ...file('alice', { blocks: ['M3'] }), on: [0] },
      { by: 'alice', says: {}, on: [1, 2] }
    ]
    const stands = (said: readonly Said[]) =>
      findingsOf(line(said), 'p1').map(({ status, blocks }) => [status, [...blocks].sort()])
    expect(stands(merged)).toEqual([['open', ['M1', 'M3']]])
    // What the other branch opened it has not seen.
    expect(stands([...merged, { ...close('alice'), on: [1] }])).toEqual([['open', ['M3']]])
    expect(stands([...merged, close('alice')])).toEqual([['closed', ['M2']]])
  })
})
