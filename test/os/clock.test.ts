import { getEventListeners } from 'node:events'
import { expect, it } from 'vitest'
import { isoMinute, isoSecond, sleep, tick } from '../../src/os/clock.ts'

it('writes times as headings and records carry them', () => {
  const ms = Date.UTC(2026, 5, 13, 5, 33, 59, 999)
  expect([isoSecond(ms), isoMinute(ms)]).toEqual(['2026-06-13T05:33:59Z', '2026-06-13T05:33Z'])
  expect(isoSecond()).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
})

it('waits, unless the wait is abandoned', async () => {
  const giveUp = new AbortController()
  const started = tick()
  await sleep(20, giveUp.signal)
  expect(tick() - started).toBeGreaterThan(18)
  const long = sleep(60_000, giveUp.signal)
  giveUp.abort(new Error('enough'))
  await expect(long).rejects.toThrow('enough')
  await expect(sleep(60_000, giveUp.signal)).rejects.toThrow('enough')
  expect(getEventListeners(giveUp.signal, 'abort')).toHaveLength(0)
})
