import { describe, expect, it } from 'vitest'
import { bootOf, restartsOf } from '../../../src/systems/systemd/restarts.ts'
import { unitState } from '../../support/boot.ts'

const minute = 60_000_000
const now = 1_781_000_000_000_000
const began = (ago: number) => ({
  startedMicros: now - ago,
  activeMicros: now - ago,
  mainStartedMicros: now - ago
})
const service = (restarts: number | null, ago: number, rest = {}) =>
  unitState('app.service', { sub: 'running', restarts, ...began(ago), ...rest })

describe('how a service runs', () => {
  it.each<[name: string, unit: ReturnType<typeof service>, sinceBoot: number, kind: string]>([
    ['never restarted', service(0, minute), 60 * minute, 'none'],
    ['no service', unitState('a.mount', { restarts: 9, ...began(1) }), minute, 'none'],
    ['not running', service(9, 1, { active: 'inactive' }), minute, 'none'],
    ['no count', service(null, minute), 60 * minute, 'unseen'],
    ['in the future', service(3, -2 * minute), 60 * minute, 'unseen'],
    [
      'without a time',
      service(3, 0, { startedMicros: null, activeMicros: null, mainStartedMicros: null }),
      minute,
      'unseen'
    ],
    ['every minute', service(60, minute / 2), 60 * minute, 'loop'],
    ['twice', service(2, minute / 2), 60 * minute, 'young'],
    ['once, long ago', service(1, 60 * minute), 120 * minute, 'settled']
  ])('%s: %#', (_, unit, sinceBoot, kind) => {
    const restarts = restartsOf(unit, now, now - sinceBoot)
    expect(restarts.kind === 'some' ? restarts.trend : restarts.kind).toBe(kind)
  })

  it('is told with its count and time, and when it will be known', () => {
    expect(restartsOf(service(1, 4 * minute), now, null)).toEqual({
      kind: 'some',
      said: 'systemd restarted app.service 1 time, the last time at 2026-06-09T10:09:20Z',
      startedMicros: now - 4 * minute,
      trend: 'young',
      settlesWithinMs: 360_000
    })
  })
})

it('the boot is the earliest start that systemd knows', () => {
  expect(bootOf([])).toBeNull()
  expect(bootOf([service(0, minute), service(0, 9 * minute), service(0, 5 * minute)])).toBe(now - 9 * minute)
})
