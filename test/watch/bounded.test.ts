import { afterEach, expect, it, vi } from 'vitest'
import type { HostAddress, HostSession, OpenSession } from '../../src/facts/session.ts'
import { bounded } from '../../src/facts/bounded.ts'
import { recordedSession } from '../support/doors.ts'

/** A door that tells who is inside, and lets out whom the test lets out. */
function door() {
  const inside = new Map<string, { out(session: HostSession): void; fail(error: Error): void }>()
  let most = 0
  const open: OpenSession = host =>
    new Promise((resolve, reject) => {
      const leave = () => inside.delete(host.name)
      inside.set(host.name, {
        out: session => void (leave() && resolve(session)),
        fail: error => void (leave() && reject(error))
      })
      most = Math.max(most, inside.size)
    })
  return { open, inside, most: () => most }
}

afterEach(() => void vi.useRealTimers())

const session = recordedSession({})
const options = { signal: new AbortController().signal }
const host = (n: number): HostAddress => ({ name: `h${n}`, ssh: `h${n}`, transport: 'ssh2', timeoutMs: 1 })
const patient = { timeoutMs: 10_000 }
const turn = () => new Promise(resolve => setImmediate(resolve))

it('lets so many in at once and all of them in the end, failures among them', async () => {
  const { open, inside, most } = door()
  const openBounded = bounded(open, 3)
  const all = Array.from({ length: 10 }, (_, n) => openBounded(host(n), options))
  const settled = Promise.allSettled(all)
  for (let n = 0; n < 10; n++) {
    await turn()
    const one = inside.get(`h${n}`)
    if (n % 2 === 0) one?.out(session)
    else one?.fail(new Error(`no h${n}`))
    await turn()
  }
  expect((await settled).map(({ status }) => status)).toEqual(
    Array.from({ length: 10 }, (_, n) => (n % 2 === 0 ? 'fulfilled' : 'rejected'))
  )
  expect(most()).toBe(3)
})

it('one that does not answer keeps its place for a moment and not for its whole deadline', async () => {
  const { open, inside } = door()
  const openBounded = bounded(open, 1)
  const slow = openBounded(host(1), options)
  const quick = openBounded(host(2), options)
  await turn()
  expect([...inside.keys()]).toEqual(['h1'])
  // Hangs where the slow one is waited for.
  while (!inside.has('h2')) await new Promise(resolve => setTimeout(resolve, 20))
  inside.get('h2')?.out(session)
  await quick
  expect(inside.has('h1')).toBe(true)
  inside.get('h1')?.out(session)
  await slow
})

it('where all logins are slow, the next one waits for its place', async () => {
  vi.useFakeTimers()
  const { open, inside, most } = door()
  const openBounded = bounded(open, 2)
  const all = Array.from({ length: 5 }, (_, n) => openBounded({ ...host(n), ...patient }, options))
  // As one busy machine ends them, one after the other: each but the first takes 4 s.
  for (let n = 0; n < 5; n++) {
    await vi.advanceTimersByTimeAsync(2_000)
    inside.get(`h${n}`)?.out(session)
  }
  await vi.advanceTimersByTimeAsync(0)
  await Promise.all(all)
  expect(most()).toBe(2)
})

it('where logins are quick, one that does not answer is not waited for much longer', async () => {
  vi.useFakeTimers()
  const { open, inside } = door()
  const openBounded = bounded(open, 1)
  const quick = openBounded({ ...host(1), ...patient }, options)
  await vi.advanceTimersByTimeAsync(100)
  inside.get('h1')?.out(session)
  await quick
  void openBounded({ ...host(2), ...patient }, options)
  void openBounded({ ...host(3), ...patient }, options)
  await vi.advanceTimersByTimeAsync(900)
  expect([...inside.keys()]).toEqual(['h2'])
  await vi.advanceTimersByTimeAsync(200)
  expect([...inside.keys()]).toEqual(['h2', 'h3'])
})
