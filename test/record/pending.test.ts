import { describe, expect, it } from 'vitest'
import { type HistoryCommit, pending } from '../../src/record/pending.ts'

const builder = { name: 'builder', email: 'builder@example.test' }
const reviewer = { name: 'adversary-bot', email: 'Adversary@example.test' }

/** `sha < parents: subject` */
function history(...lines: readonly string[]): readonly HistoryCommit[] {
  return lines.map(line => {
    const [, sha = '', parents = '', subject = ''] = /^(\S+) <((?: [^\s:]+)*): (.*)$/.exec(line) ?? []
    return {
      sha,
      parents: parents.split(' ').filter(Boolean),
      subject,
      author: builder,
      committer: builder,
      committedAt: '2026-06-13T05:00:00.000Z'
    }
  })
}

function unanswered(commits: readonly HistoryCommit[], settled: readonly string[] = []) {
  return pending(commits, new Set(settled), { email: 'adversary@example.test' }).unanswered.map(
    ({ claim, supersedes }) => [claim.sha, ...supersedes.map(older => older.sha)].join(' over ')
  )
}

describe('claims that are owed a review', () => {
  const line = history(
    'a <: core: begin',
    'b < a: claim(x-M1): one',
    'c < b: claim(x-M2): two',
    'd < c: claim(x-M1): one, again',
    'e < d: claim(y-M1): another phase'
  )

  it('oldest first, the newest of each milestone, naming the older', () => {
    expect(unanswered(line)).toEqual(['c', 'd over b', 'e'])
  })

  it('none for what was answered, and none for what an answered claim builds on', () => {
    expect(unanswered(line, ['d'])).toEqual(['c', 'e'])
    expect(unanswered(line, ['b', 'c', 'd', 'e'])).toEqual([])
  })

  it('a newer claim after an answered one', () => {
    expect(unanswered(line, ['b'])).toEqual(['c', 'd', 'e'])
  })

  it('a claim that a merge brought in after the answer', () => {
    const merged = history(
      'a <: core: begin',
      's < a: claim(x-M1): on a side branch',
      'b < a: claim(x-M1): one',
      'm < b s: Merge branch side'
    )
    expect(unanswered(merged, ['b'])).toEqual(['s'])
    expect(unanswered(merged)).toEqual(['b over s'])
    expect(unanswered(merged, ['b', 's'])).toEqual([])
  })

  it.each(['author', 'committer'])('none by the reviewer as %s, whatever the case of its address', role => {
    const [first, second] = history('a <: claim(x-M1): mine', 'b < a: claim(x-M2): his')
    if (first === undefined || second === undefined) throw new Error('two commits')
    const mine = { ...first, [role]: reviewer }
    const found = pending([mine, second], new Set(), { email: 'adversary@EXAMPLE.test' })
    expect(found.own.map(claim => claim.sha)).toEqual(['a'])
    expect(found.unanswered.map(({ claim }) => claim.sha)).toEqual(['b'])
  })

  it('lists malformed ones', () => {
    const found = pending(history('a <: claim(x): no milestone'), new Set(), { email: '' })
    expect(found.malformed.map(one => one.sha)).toEqual(['a'])
  })

  it('200 claims at once', () => {
    const many = Array.from(
      { length: 200 },
      (_, n) => `c${n} <${n > 0 ? ` c${n - 1}` : ''}: claim(x-M${n % 20}): ${n}`
    )
    const found = pending(history(...many), new Set(), { email: '' })
    expect(found.unanswered).toHaveLength(20)
    expect(found.unanswered.every(({ supersedes }) => supersedes.length === 9)).toBe(true)
  })
})
