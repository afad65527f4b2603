import { expect, it } from 'vitest'
import type { BoundProbe, Finding } from '../../src/probe/probe.ts'
import type { FactSource, FactContext } from '../../src/facts/fact.ts'
import { dockerRead } from '../../src/systems/docker/reads.ts'
import { type RetryPolicy, settle } from '../../src/review/review.ts'
import type { Check } from '../../src/config/types.ts'
import { closedAdapters, recordedSession } from '../support/doors.ts'

/** A probe that sees how often it was looked at, and judges by a script: one word a look. */
function scripted(words: readonly Finding[]): BoundProbe {
  let look = 0
  return {
    id: 'scripted',
    given: { a: 1 },
    needs: {
      list: {
        key: 'list',
        place: 'host',
        take: async at => (await at.read(dockerRead.dockerNetworkList())).stdout
      }
    },
    judge() {
      const word = words[Math.min(look, words.length - 1)]
      look += 1
      return word === undefined ? [] : [word]
    },
    falsify: () => []
  }
}

const pass: Finding = { outcome: 'pass', saw: 'fine' }
const fail: Finding = { outcome: 'fail', saw: 'a', expected: 'b', at: 'c' }
const settling: Finding = { outcome: 'unknown', why: 'update in progress', settlesWithinMs: 60_000 }

/** Time that passes only when somebody waits. */
function patience(budgetMs: number): RetryPolicy & { waited(): number } {
  let now = 0
  return {
    tick: () => now,
    sleep: async ms => {
      now += ms
    },
    until: budgetMs,
    now: '2026-06-13T23:59:00.000Z',
    waited: () => now
  }
}

const adapters = closedAdapters({
  open: async () => recordedSession({ "docker network ls --no-trunc --format '{{json .}}'": { stdout: 'x' } })
})
const question = (words: readonly Finding[], more: Partial<Check> = {}): Check => ({
  probe: scripted(words),
  title: 'Scripted',
  host: 'h',
  line: 0,
  ...more
})

async function one(words: readonly Finding[], more: Partial<Check> = {}, budgetMs = 300_000) {
  const time = patience(budgetMs)
  const { checks, evidence, facts } = await settle([question(words, more)], adapters, time)
  const judged = checks.map(each => each.facts)
  return { check: checks[0]?.check, waited: time.waited(), evidence, judged, facts }
}

it('looks once at what is clear', async () => {
  const { check, waited } = await one([fail, pass])
  expect(check).toMatchObject({ outcome: 'fail', attempts: 1, evidence: [1], with: { a: 1 } })
  expect(waited).toBe(0)
})

it('what settles is looked at again, for as long as the probe says and no longer', async () => {
  expect(await one([settling, settling, pass])).toMatchObject({
    check: { outcome: 'pass', attempts: 3 },
    waited: 6000
  })
  const never = await one([settling])
  expect(never.check).toMatchObject({ outcome: 'unknown', why: 'update in progress' })
  expect(never.waited).toBe(60_000)
})

it('`within` wants two passes in a row, 10 s apart', async () => {
  expect(await one([fail, pass, pass], { withinMs: 300_000 })).toMatchObject({
    check: { outcome: 'pass', attempts: 3, flapped: false },
    waited: 20_000
  })
})

it('flapping is said', async () => {
  expect((await one([pass, fail, pass, pass], { withinMs: 300_000 })).check).toMatchObject({
    outcome: 'pass',
    attempts: 4,
    flapped: true,
    evidence: [1, 2, 3, 4],
    looks: [
      { afterMs: 0, outcome: 'pass', evidence: [1] },
      { afterMs: 10_000, outcome: 'fail', evidence: [2] },
      { afterMs: 20_000, outcome: 'pass', evidence: [3] },
      { afterMs: 30_000, outcome: 'pass', evidence: [4] }
    ]
  })
})

it('a single pass at the end of `within` is not a pass', async () => {
  expect((await one([fail, pass], { withinMs: 10_000 })).check).toMatchObject({
    outcome: 'unknown',
    why: 'it passed only once before the time was over'
  })
})

it('the budget ends the looking, not the judgement', async () => {
  expect((await one([fail], { withinMs: 300_000 }, 15_000)).check).toMatchObject({
    outcome: 'fail',
    attempts: 2
  })
})

it('what one judgement rests on is read together, each time anew', async () => {
  const time = patience(300_000)
  let reads = 0
  const take = (line: string) => ({
    key: line,
    place: 'host' as const,
    take: async (at: FactContext) => {
      reads += 1
      return (await at.read(dockerRead.dockerNetworkList())).stdout
    }
  })
  const base = scripted([fail, pass, pass])
  const two: BoundProbe = { ...base, needs: { before: take('before'), after: take('after') } }
  const { checks } = await settle(
    [question([pass]), { ...question([]), probe: two, withinMs: 60_000 }],
    adapters,
    time
  )
  // The first check was clear at once; both facts of the other are of its third look.
  expect(checks[1]?.facts).toEqual({ before: 'before @ h (attempt 3)', after: 'after @ h (attempt 3)' })
  expect(reads).toBe(6)
  expect(checks.map(({ check }) => check.attempts)).toEqual([1, 3])
})

it('every attempt stays in the evidence, and the last one is what was judged', async () => {
  const { check, evidence, judged, facts } = await one([fail, pass, pass], { withinMs: 300_000 })
  expect(evidence.map(({ n }) => n)).toEqual([1, 2, 3])
  expect(check?.evidence).toEqual([1, 2, 3])
  expect(check?.looks?.at(-1)?.evidence).toEqual([3])
  expect(judged).toEqual([{ list: 'list @ h (attempt 3)' }])
  expect(Object.keys(facts)).toEqual(['list @ h', 'list @ h (attempt 2)', 'list @ h (attempt 3)'])
})

it('a waiver counts until the end of its day', async () => {
  const waiver = { reason: 'known', by: 'ada', until: '2026-06-13' }
  expect((await one([fail], { waiver })).check).toMatchObject({
    outcome: 'waived',
    why: 'waived by ada until 2026-06-13: known'
  })
  expect((await one([fail], { waiver: { ...waiver, until: '2026-06-12' } })).check).toMatchObject({
    outcome: 'fail',
    why: 'the waiver by ada ended on 2026-06-12'
  })
})

/** Looks at one fact that is there at once, and one that is there when it is let go. */
function pair(order: string[]) {
  let letGo = () => undefined as void
  const waited = new Promise<string>(resolve => {
    letGo = () => resolve('slow')
  })
  const probe = (key: string, take: () => Promise<string>): BoundProbe => ({
    id: key,
    given: {},
    needs: { it: { key, place: 'host', timed: true, take } },
    judge({ it: value }) {
      order.push(`judged ${String(value)}`)
      return [{ outcome: 'pass', saw: String(value) }]
    },
    falsify: () => []
  })
  const questions = [probe('slow', () => waited), probe('quick', async () => 'quick')].map(each => ({
    ...question([]),
    probe: each
  }))
  return { questions, letGo }
}

it('judges what is there while the rest is waited for, and each once', async () => {
  const order: string[] = []
  const { questions, letGo } = pair(order)
  const examined = settle(questions, adapters, patience(0))
  while (order.length === 0) await new Promise(setImmediate)
  expect(order).toEqual(['judged quick'])
  letGo()
  const { checks } = await examined
  expect(order).toEqual(['judged quick', 'judged slow'])
  expect(checks.map(({ check }) => check.outcome)).toEqual(['pass', 'pass'])
})

it('believes no judgement on a time that turns out to be none', async () => {
  const order: string[] = []
  const { questions, letGo } = pair(order)
  const jumped = { ...adapters, jumped: async () => "the host's clock jumped" }
  const examined = settle(questions, jumped, patience(0))
  while (order.length === 0) await new Promise(setImmediate)
  letGo()
  const { checks } = await examined
  for (const { check } of checks)
    expect(check).toMatchObject({ outcome: 'unknown', why: "the host's clock jumped" })
  expect(checks).toHaveLength(2)
})

it('judges by all that a probe needs, whatever that is called, and by nothing that is not there yet', async () => {
  const source = (key: string, turns: number): FactSource<string> => ({
    key,
    place: 'host',
    async take() {
      for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate)
      return key
    }
  })
  const probe: BoundProbe = {
    id: 'own',
    given: {},
    needs: { toString: source('slow', 9), other: source('quick', 0) },
    judge: ({ toString: slow, other }) => [{ outcome: 'pass', saw: `${String(slow)} and ${String(other)}` }],
    falsify: () => []
  }
  const { checks } = await settle([{ ...question([]), probe }], adapters, patience(0))
  expect(checks[0]?.check.findings).toEqual([{ outcome: 'pass', saw: 'slow and quick' }])
})

it('a probe may throw whatever it likes, also while others are waited for', async () => {
  const order: string[] = []
  const { questions, letGo } = pair(order)
  const thrown = questions.map(each => ({
    ...each,
    probe: {
      ...each.probe,
      judge: () => {
        order.push('threw')
        throw Object.create(null)
      }
    }
  }))
  const examined = settle(thrown, adapters, patience(0))
  while (order.length === 0) await new Promise(setImmediate)
  letGo()
  for (const { check } of (await examined).checks)
    expect([check.outcome, check.why]).toEqual(['unknown', 'the probe crashed: an error without a message'])
})
