import { describe, expect, it } from 'vitest'
import { parseIso } from '../../../src/lib/instant.ts'
import type { Fact } from '../../../src/facts/fact.ts'
import { gather } from '../../../src/facts/gather.ts'
import { type Moment, type MomentRef, moment, momentParam } from '../../../src/systems/baseline/moment.ts'
import { isAfter } from '../../../src/systems/baseline/moment-order.ts'
import { unitState } from '../../../src/systems/systemd/units.ts'
import { closedAdapters, type Recorded, recordedSession } from '../../support/doors.ts'
import { type Edition, recorded as recordedBy, recordedHosts } from '../../support/recordings.ts'

const networks = "docker network ls --no-trunc --format '{{json .}}'"
// The command is whatever unitState asks: a session that knows nothing tells it.
const asked = recordedSession({})
await gather([{ host: 'h', sources: [unitState('swarm-init')] }], closedAdapters({ open: async () => asked }))
const unit = asked.rounds.flat().join('')
const created = Date.UTC(2026, 5, 13, 5, 38, 2) * 1000 + 125_154

const network = (Name: string, CreatedAt = '2026-06-13 05:38:02.125154677 +0000 UTC') =>
  `${JSON.stringify({ Name, CreatedAt, ID: 'n1n1n1n1n1' })}\n`

async function take(
  ref: MomentRef,
  recorded: Recorded = {},
  times: Record<string, string> = {}
): Promise<Fact<unknown>> {
  const source = moment(ref)
  const time = async (milestone: string) => times[milestone] ?? null
  const adapters = closedAdapters({
    open: async () => recordedSession(recorded),
    record: { reviewTime: time, claimTime: time, baseline: async () => null }
  })
  return (await gather([{ host: 'h', sources: [source] }], adapters)).fact('h', source)
}

describe('when it was', () => {
  it('a network, by docker network ls', async () => {
    expect(
      await take({ network: 'proxy' }, { [networks]: { stdout: network('proxy') + network('proxy2') } })
    ).toEqual({
      seen: true,
      evidence: [1, 2],
      value: {
        micros: created,
        spanMicros: 0,
        clock: 'host',
        said: 'the creation of network proxy at 2026-06-13T05:38:02.125154Z'
      }
    })
  })

  it('a network of the swarm is not timed by a node that does not see all of it', async () => {
    const info = (swarm: object) => ({
      "docker info --format '{{json .}}'": {
        stdout: JSON.stringify({
          ServerVersion: '26.1.5',
          SystemTime: '2026-06-13T05:30:00Z',
          Swarm: { LocalNodeState: 'active', ControlAvailable: false, ...swarm }
        })
      }
    })
    const listed = (Scope: string) => ({
      [networks]: { stdout: network('proxy').replace('{', `{"Scope":"${Scope}",`) }
    })
    expect(await take({ network: 'proxy' }, { ...listed('swarm'), ...info({}) })).toMatchObject({
      seen: false,
      why: expect.stringContaining('not a manager')
    })
    for (const recorded of [
      { ...listed('local'), ...info({}) },
      { ...listed('swarm'), ...info({ ControlAvailable: true }) },
      listed('swarm')
    ]) {
      expect(await take({ network: 'proxy' }, recorded)).toMatchObject({ value: { micros: created } })
    }
  })

  it('a unit, in microseconds, with or without .service', async () => {
    const recorded = {
      [unit]: {
        stdout:
          'Id=swarm-init.service\nLoadState=loaded\nActiveState=active\nActiveEnterTimestamp=Sat 2026-06-13 05:38:17.000001 UTC\n'
      }
    }
    for (const name of ['swarm-init', 'swarm-init.service']) {
      expect(await take({ unit: name }, recorded)).toMatchObject({
        value: { said: 'the activation of swarm-init.service at 2026-06-13T05:38:17.000001Z', clock: 'host' }
      })
    }
  })

  it('a oneshot that does not remain active, by its start', async () => {
    const states = [
      'ActiveState=inactive\nActiveEnterTimestamp=\n',
      'ActiveState=activating\nActiveEnterTimestamp=Sat 2026-06-13 04:00:00.000000 UTC\n'
    ]
    for (const state of states) {
      const stdout = `Id=backup.service\nLoadState=loaded\nType=oneshot\nRemainAfterExit=no\n${state}InactiveExitTimestamp=Sat 2026-06-13 05:38:17.000001 UTC\n`
      expect(await take({ unit: 'swarm-init' }, { [unit]: { stdout } })).toMatchObject({
        value: { said: 'the start of swarm-init.service at 2026-06-13T05:38:17.000001Z', clock: 'host' }
      })
    }
  })

  it('a review, whose second git cut off', async () => {
    expect(await take({ review: 'M1' }, {}, { M1: '2026-06-13T05:33:10Z' })).toMatchObject({
      value: { said: 'the review of M1 at 2026-06-13T05:33:10Z', spanMicros: 999_999, clock: 'reviewer' }
    })
  })

  it('a claim', async () => {
    expect(await take({ claim: 'M1' }, {}, { M1: '2026-06-13T05:33:10Z' })).toMatchObject({
      value: { said: 'the claim of M1 at 2026-06-13T05:33:10Z', clock: 'builder' }
    })
  })

  it.each<[name: string, ref: MomentRef, recorded: Recorded, why: string]>([
    [
      'a network that is not there',
      { network: 'proxy' },
      { [networks]: { stdout: network('proxy2') } },
      'no network'
    ],
    [
      'two networks of one name',
      { network: 'proxy' },
      { [networks]: { stdout: network('proxy') + network('proxy') } },
      'lists 2 networks named `proxy`'
    ],
    [
      'a network from before time began',
      { network: 'proxy' },
      { [networks]: { stdout: network('proxy', '0001-01-01 00:00:00 +0000 UTC') } },
      'does not report when'
    ],
    [
      'a unit that does not exist',
      { unit: 'swarm-init' },
      {
        [unit]: {
          stdout: 'Id=swarm-init.service\nLoadState=not-found\nActiveState=inactive\nActiveEnterTimestamp=\n'
        }
      },
      'not-found'
    ],
    [
      'a unit that never ran',
      { unit: 'swarm-init' },
      {
        [unit]: {
          stdout: 'Id=swarm-init.service\nLoadState=loaded\nActiveState=active\nActiveEnterTimestamp=\n'
        }
      },
      'has not been activated'
    ],
    ['a milestone that nobody reviewed', { review: 'M1' }, {}, 'no signed PASS'],
    ['a milestone that nobody claimed', { claim: 'M1' }, {}, 'never claimed']
  ])('%s is unseen', async (_, ref, recorded, why) => {
    expect(await take(ref, recorded)).toMatchObject({ seen: false, why: expect.stringContaining(why) })
  })

  it.each<[param: unknown, good: boolean]>([
    ['2026-06-13T05:33Z', true],
    [{ review: 'Q4.1' }, true],
    [{ unit: 'getty@tty1.service' }, true],
    ['2026-06-13', false],
    [{ review: 'M1', claim: 'M1' }, false],
    [{ unit: '*.service' }, false],
    [{ unit: '-H' }, false],
    [{ network: '-f' }, false],
    [{ since: 'M1' }, false]
  ])('the parameter %j', (param, good) => {
    expect(momentParam.safeParse(param).success).toBe(good)
  })
})

it.each(recordedHosts)(
  'a network of a real host (%s), made anew between two recordings of it',
  async host => {
    const recording = (when: Edition, name: string) => recordedBy(host, when, name)
    const creation = async (when: Edition) => {
      const fact = await take({ network: 'proxy' }, { [networks]: recording(when, 'docker-network-ls') })
      expect(fact).toMatchObject({ seen: true, value: { clock: 'host' } })
      return fact.seen
        ? (fact.value as Moment)
        : { micros: Number.NaN, spanMicros: 0, clock: 'host' as const, said: '' }
    }
    const recorded = parseIso(recording('before', 'date').stdout.trim())
    const clock = { hostMicros: recorded, skewMs: 0, uncertaintyMs: 0 }
    expect(isAfter(recorded, await creation('before'), clock).order).toBe('after')
    expect(isAfter(recorded, await creation('after'), clock).order).toBe('before')
  }
)

describe('what came after it', () => {
  const base = 1_781_328_790_000_000
  const at = (clock: Moment['clock'], spanMicros = 0): Moment => ({
    micros: base,
    spanMicros,
    clock,
    said: 'it'
  })
  const skew = (skewMs: number, uncertaintyMs = 5) => ({ hostMicros: base, skewMs, uncertaintyMs })
  const late = (skewMs: number, uncertaintyMs = 5) => ({
    ...skew(skewMs, uncertaintyMs),
    hostMicros: base + 86_400_000_000
  })

  it.each<[name: string, later: number, moment: Moment, clock: ReturnType<typeof skew>, order: string]>([
    ['one microsecond later on the same clock', 1, at('host'), skew(90_000, 500), 'after'],
    ['the same microsecond', 0, at('host'), skew(0), 'too-close'],
    ['one microsecond earlier', -1, at('host'), skew(0), 'before'],
    ['just beyond the uncertainty', 5_001, at('reviewer'), skew(0), 'after'],
    ['at the uncertainty', 5_000, at('reviewer'), skew(0), 'too-close'],
    ['at the uncertainty, earlier', -5_000, at('reviewer'), skew(0), 'too-close'],
    ['just before the uncertainty', -5_001, at('reviewer'), skew(0), 'before'],
    ['within the second that git keeps', 900_000, at('reviewer', 999_999), skew(0), 'too-close'],
    ['beyond the second that git keeps', 1_005_000, at('reviewer', 999_999), skew(0), 'after'],
    ['earlier by a clock that is behind', -20_000_000, at('absolute'), skew(-30_000), 'after'],
    ['later by a clock that is ahead', 20_000_000, at('builder'), skew(30_000), 'before'],
    [
      'a clock a minute off, and the order hangs on it',
      30_000_000,
      at('reviewer'),
      skew(60_001),
      'too-close'
    ],
    [
      'a clock a minute off, and the order does not hang on it',
      90_000_000,
      at('reviewer'),
      skew(60_001),
      'after'
    ],
    ['two minutes in the host’s future', 120_000_000, at('reviewer'), skew(0), 'after'],
    ['further in the host’s future', 120_000_001, at('reviewer'), skew(0), 'too-close'],
    [
      'a moment of the host’s in its future',
      -1,
      { ...at('host'), micros: base + 120_000_001 },
      skew(0),
      'too-close'
    ],
    [
      'a day that is still to come',
      -1,
      { ...at('absolute'), micros: base + 86_400_000_000 },
      skew(0),
      'before'
    ],
    ['a clock a minute off, long before', -90_000_000, at('reviewer'), skew(60_001), 'before']
  ])('%s', (_, later, moment, clock, order) => {
    expect(isAfter(base + later, moment, clock).order).toBe(order)
  })

  it('says how far apart, and how good the clocks are', () => {
    expect(isAfter(base + 291_125_154, at('builder', 999_999), late(12, 3)).why).toBe(
      "291.113 s after it (the host's clock is 12 ms ahead of the reviewer's, ±3 ms; the claim's time may be the builder's own clock)"
    )
    expect(isAfter(base + 14_874_846, at('host'), late(12)).why).toBe('14.875 s after it')
    expect(isAfter(base, at('reviewer'), late(-3_600_000)).why).toBe(
      "the host's clock is 60 min behind the reviewer's, ±5 ms: too far off to compare with it"
    )
  })
})
