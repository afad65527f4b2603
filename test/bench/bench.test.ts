import { describe, expect, it } from 'vitest'
import { type Bench, type Group, kept, measure, measureGroup, type Outcome, spread } from './bench.ts'
import { page } from './table.ts'

/** A bench that reports a wrong comparison is worse than none. */

const counting = (name: string, figures: readonly number[], order: string[] = []) => {
  let turn = 0
  return {
    name,
    run: async () => {
      order.push(name)
      return figures[turn++] ?? Number.NaN
    }
  }
}

const bench = (ours: readonly number[], theirs: readonly number[], order: string[] = []): Bench => ({
  name: 'a thing',
  unit: 'ms',
  rounds: ours.length - 1,
  ours: counting('ours', ours, order),
  baselines: [{ ...counting('theirs', theirs, order), limit: 1.5 }]
})

describe('measure', () => {
  it('runs both in turn, each first as often, and leaves the first round out', async () => {
    const order: string[] = []
    const outcome = await measure(bench([999, 10, 10], [999, 10, 10], order))
    expect(order).toEqual(['ours', 'theirs', 'theirs', 'ours', 'ours', 'theirs'])
    expect(outcome.ours.figure).toEqual({ median: 10, least: 10, most: 10 })
  })

  it('compares within a round, so that a load that comes and goes is in both', async () => {
    const { comparisons } = await measure(bench([0, 10, 100, 1000], [0, 5, 50, 500]))
    expect(comparisons[0]?.ratio).toEqual({ median: 2, least: 2, most: 2 })
  })

  it('takes the time itself where a side has no figure of its own', async () => {
    const waits = (name: string, ms: number) => ({
      name,
      run: () => new Promise<undefined>(resolve => setTimeout(() => resolve(undefined), ms))
    })
    const outcome = await measure({
      name: 'x',
      unit: 'ms',
      rounds: 1,
      ours: waits('ours', 20),
      baselines: []
    })
    expect(outcome.ours.figure.median).toBeGreaterThanOrEqual(19)
  })

  it('ends when a side fails: what failed was not fast', async () => {
    const fails = { name: 'theirs', run: () => Promise.reject(new Error('no such tool')) }
    await expect(measure({ ...bench([1, 1], [1, 1]), baselines: [fails] })).rejects.toThrow('no such tool')
  })
})

describe('measureGroup', () => {
  const fails = async (): Promise<never> => {
    throw new Error('no such tool')
  }
  const how = {
    setting: { peers: false, say: () => undefined },
    wanted: () => true,
    measured: () => undefined
  }
  const things: Group = {
    name: 'Things',
    obstacle: async () => null,
    prepare: async () => ({
      benches: [
        { ...bench([1, 1], [1, 1]), name: 'one', ours: { name: 'ours', run: fails } },
        { ...bench([1, 1], [1, 1]), name: 'two' }
      ],
      dispose: async () => undefined
    })
  }

  it('names a bench that fails, and goes on', async () => {
    const { outcomes, failures } = await measureGroup(things, how)
    expect(failures).toEqual([{ name: 'one', why: 'no such tool' }])
    expect(outcomes.map(each => each.bench.name)).toEqual(['two'])
  })

  it('names a group that cannot be made ready, or not be put away', async () => {
    const failed = [{ name: 'Things', why: 'no such tool' }]
    expect(await measureGroup({ ...things, prepare: fails }, how)).toEqual({ outcomes: [], failures: failed })
    expect(await measureGroup({ ...things, obstacle: fails }, how)).toEqual({
      outcomes: [],
      failures: failed
    })
    const stays = { ...things, prepare: async () => ({ benches: [], dispose: fails }) }
    expect(await measureGroup(stays, how)).toEqual({ outcomes: [], failures: failed })
  })

  it('tells why a group was left out', async () => {
    const left = { ...things, obstacle: async () => 'no root' }
    expect(await measureGroup(left, how)).toEqual({ outcomes: [], failures: [], obstacle: 'no root' })
  })
})

it('spread is the median and the middle half', () => {
  expect(spread([5, 1, 4, 2, 3])).toEqual({ median: 3, least: 2, most: 4 })
  expect(spread([1, 2])).toEqual({ median: 1.5, least: 1.25, most: 1.75 })
})

describe('limits', () => {
  const outcome = async (ours: number, atMost?: number): Promise<Outcome> =>
    measure({ ...bench([0, ours], [0, 10]), ...(atMost === undefined ? {} : { atMost }) })

  it('are kept up to themselves', async () => {
    const [at, over] = [await outcome(15, 15), await outcome(15.1, 15)]
    expect([kept(at, at.comparisons[0] ?? null), kept(at, null)]).toEqual([true, true])
    expect([kept(over, over.comparisons[0] ?? null), kept(over, null)]).toEqual([false, false])
    expect(kept(await outcome(1), null)).toBeNull()
  })

  it('a figure that is no number keeps none', async () => {
    const none = await outcome(Number.NaN, 15)
    expect([kept(none, none.comparisons[0] ?? null), kept(none, null)]).toEqual([false, false])
  })

  it('the page names what falls short and what was not measured', async () => {
    const text = page({
      at: '2026-06-13T05:33Z',
      around: ['machine: one'],
      sections: [
        { name: 'Things', outcomes: [await outcome(15.1, 15)], failures: [] },
        { name: 'Hosts', outcomes: [], failures: [], obstacle: 'no root' },
        { name: 'Files', outcomes: [], failures: [{ name: 'a file', why: 'no\nroom' }] }
      ]
    })
    expect(text).toContain(
      '| a thing | ours: 15.1 ms (15.1 … 15.1) | theirs: 10.0 ms (10.0 … 10.0) | 1.51 (1.51 … 1.51) | 1.5 × | ✗ |'
    )
    expect(text.slice(text.indexOf('## What falls short'))).toBe(
      `## What falls short

- a thing: 15.1 ms, at most 15 ms was meant
- a thing: 1.51 × theirs, at most 1.5 × was meant
- Not measured: a file failed (no room)
- Not measured: Hosts (no root)
`
    )
  })
})
