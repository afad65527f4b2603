import { describe, expect, it } from 'vitest'
import { failedUnits } from '../../probes/failed-units.ts'
import { unitState } from '../support/boot.ts'

const good = unitState('good.service')
const failed = unitState('bad.service', { active: 'failed', sub: 'failed', result: 'exit-code' })
const restarting = (result: string, sub = 'auto-restart') =>
  unitState('loop.service', { active: 'activating', sub, result })
const nowMicros = Date.parse('2026-06-13T12:00:00Z') * 1000
const clock = { hostMicros: nowMicros, skewMs: 0, uncertaintyMs: 5 }
const outcome = (units: readonly ReturnType<typeof unitState>[], except?: readonly string[]) =>
  failedUnits
    .judge({ units, clock }, failedUnits.params.parse(except === undefined ? {} : { except }))
    .map(({ outcome }) => outcome)

it.each<[name: string, outcomes: string[], units: ReturnType<typeof unitState>[], except?: string[]]>([
  ['all active', ['pass'], [good]],
  ['one failed', ['fail'], [good, failed]],
  ['two failed', ['fail', 'fail'], [failed, { ...failed, name: 'worse.service' }]],
  ['the failed one left aside', ['pass'], [good, failed], ['bad.*']],
  ['every unit left aside', ['not-applicable'], [failed], ['*']],
  ['a oneshot that ended well', ['pass'], [unitState('x.service', { active: 'inactive', sub: 'dead' })]],
  ['a bad result of an earlier run', ['pass'], [unitState('x.service', { result: 'exit-code' })]],
  ['still starting', ['pass'], [unitState('x.service', { active: 'activating' })]],
  [
    'a unit file with a bad setting',
    ['fail'],
    [unitState('x.service', { load: 'bad-setting', active: 'inactive' })]
  ],
  [
    'a unit that others name and nobody has',
    ['pass'],
    [good, unitState('x.service', { load: 'not-found', active: 'inactive' })]
  ],
  ['a masked unit', ['pass'], [unitState('x.service', { load: 'masked', active: 'inactive' })]],
  ['a failed unit whose file is gone', ['fail'], [good, { ...failed, load: 'not-found' }]],
  ['it alone', ['fail'], [{ ...failed, load: 'not-found' }]],
  ['it left aside', ['pass'], [good, { ...failed, load: 'not-found' }], ['bad.service']],
  ['a failed unit that was masked since', ['fail'], [good, { ...failed, load: 'masked' }]],
  ['a failed unit of a merged name', ['fail'], [good, { ...failed, load: 'merged' }]],
  [
    'only units that nobody has',
    ['not-applicable'],
    [unitState('x.service', { load: 'not-found', active: 'inactive' })]
  ],
  ['waiting for a restart after a crash', ['fail'], [good, restarting('exit-code')]],
  ['queued for it (systemd 254)', ['fail'], [good, restarting('exit-code', 'auto-restart-queued')]],
  ['after a signal', ['fail'], [good, restarting('signal')]],
  ['after a start that took too long', ['fail'], [good, restarting('timeout')]],
  ['after the kernel killed it', ['fail'], [good, restarting('oom-kill')]],
  ['whose file is gone meanwhile', ['fail'], [good, { ...restarting('exit-code'), load: 'not-found' }]],
  ['left aside while it waits', ['pass'], [good, restarting('exit-code')], ['loop.*']],
  ['waiting for the next run after one that ended well', ['unknown'], [good, restarting('success')]],
  ['queued for it', ['unknown'], [good, restarting('success', 'auto-restart-queued')]],
  ['before systemd says how it ended', ['unknown'], [good, restarting('')]],
  ['skipped by its ExecCondition', ['unknown'], [good, restarting('exec-condition')]],
  ['left aside while it waits for the next run', ['pass'], [good, restarting('success')], ['loop.*']],
  ['one that failed counts first', ['fail'], [failed, restarting('success')]],
  [
    'starting, before any result',
    ['pass'],
    [good, unitState('x.service', { active: 'activating', sub: 'start' })]
  ],
  ['a failed mount', ['fail'], [unitState('data.mount', { active: 'failed' })]]
])('%s: %j', (_, outcomes, units, except) => {
  expect(outcome(units, except)).toEqual(outcomes)
})

it('names the unit and how it failed', () => {
  expect(failedUnits.judge({ units: [failed], clock }, {})).toMatchObject([
    {
      outcome: 'fail',
      saw: 'bad.service has failed (Result=exit-code)',
      at: 'bad.service',
      filing: { subject: 'bad.service', title: 'bad.service has failed', severity: 'medium' }
    }
  ])
})

it('says that the file is gone, and that a unit waits to be restarted', () => {
  const saw = (unit: ReturnType<typeof unitState>) =>
    failedUnits.judge({ units: [unit], clock }, {}).map(finding => ('saw' in finding ? finding.saw : ''))
  expect(saw({ ...failed, load: 'not-found' })).toEqual([
    'bad.service has failed, and its unit file is gone (Result=exit-code)'
  ])
  expect(saw(restarting('signal'))).toEqual([
    'loop.service has failed and waits for its automatic restart (Result=signal)'
  ])
  expect(saw(good)).toEqual(['the only loaded unit, good.service, has not failed'])
})

it('counts what is loaded and judged, and nothing else', () => {
  const absent = unitState('absent.service', { load: 'not-found', active: 'inactive' })
  const other = unitState('other.timer')
  const saw = (units: readonly ReturnType<typeof unitState>[], except?: string[]) =>
    failedUnits.judge({ units, clock }, except === undefined ? {} : { except })
  expect(saw([good, other, absent])).toEqual([{ outcome: 'pass', saw: 'none of 2 loaded units has failed' }])
  expect(saw([good, other, failed, absent], ['bad.*'])).toEqual([
    { outcome: 'pass', saw: 'none of 2 loaded units has failed' }
  ])
  expect(saw([good, absent])).toEqual([
    { outcome: 'pass', saw: 'the only loaded unit, good.service, has not failed' }
  ])
  expect(saw([absent])).toEqual([{ outcome: 'not-applicable', why: 'every unit is excluded' }])
})

it('falsifies a unit that is judged', () => {
  const falsified = (units: readonly ReturnType<typeof unitState>[], except: string[]) =>
    failedUnits.falsify({ units, clock }, { except }).map(({ units }) => units.at(-1)?.name)
  expect(falsified([failed, good], ['bad.*'])).toEqual(['good.service', 'good.service'])
  expect(falsified([failed], ['*'])).toEqual([])
})

it('can fail', () => {
  for (const untrue of failedUnits.falsify({ units: [good], clock }, {})) {
    expect(failedUnits.judge(untrue, {}).map(({ outcome }) => outcome)).toEqual(['fail'])
  }
})

describe('a service that systemd restarts', () => {
  const seconds = (count: number) => count * 1_000_000
  const minutes = (count: number) => seconds(60 * count)
  const hours = (count: number) => minutes(60 * count)
  const days = (count: number) => hours(24 * count)
  /** @param age of the present run. */
  const running = (
    restarts: number | null,
    age: number,
    rest: Partial<ReturnType<typeof unitState>> = {}
  ) => {
    const micros = nowMicros - age
    const times = { startedMicros: micros, activeMicros: micros, mainStartedMicros: micros }
    return unitState('app.service', { sub: 'running', restarts, ...times, ...rest })
  }
  const booted = (ago: number) =>
    unitState('-.mount', { startedMicros: nowMicros - ago, activeMicros: nowMicros - ago })
  const judged = (units: readonly ReturnType<typeof unitState>[], since?: string) => {
    const params = failedUnits.params.parse(since === undefined ? {} : { since })
    const after =
      since === undefined
        ? {}
        : {
            since: {
              micros: Date.parse(since) * 1000,
              spanMicros: 0,
              said: since,
              clock: 'absolute' as const
            }
          }
    return failedUnits.judge({ units, clock, ...after }, params)
  }
  const outcomes = (units: readonly ReturnType<typeof unitState>[], since?: string) =>
    judged(units, since).map(({ outcome }) => outcome)

  it.each<[name: string, wanted: string, restarts: number | null, age: number, sinceBoot: number]>([
    ['never', 'pass', 0, seconds(5), minutes(10)],
    ['every ten seconds since the boot', 'fail', 60, seconds(5), minutes(10)],
    ['three times, a moment ago for the third', 'fail', 3, seconds(5), minutes(1)],
    ['twice, a moment ago for the second', 'unknown', 2, seconds(5), minutes(1)],
    ['once, a moment ago', 'unknown', 1, seconds(5), days(30)],
    ['once, ten minutes ago', 'pass', 1, minutes(10), days(30)],
    ['once, not quite ten minutes ago', 'unknown', 1, minutes(10) - 1, days(30)],
    ['five times after a boot of a minute, and no more since', 'pass', 5, minutes(2), minutes(3)],
    ['five times after a boot of a minute, and less than a minute ago', 'fail', 5, seconds(59), minutes(2)],
    ['every twenty minutes', 'fail', 15, minutes(19), hours(5)],
    ['as often as once an hour', 'unknown', 24, minutes(5), hours(24) + minutes(5)],
    ['a little more often', 'fail', 24, minutes(5), hours(24) + minutes(5) - 1],
    ['every day, as it is told to', 'pass', 30, hours(3), days(30)],
    ['every day, and a moment ago', 'unknown', 30, minutes(1), days(30)],
    ['in a loop that began after a month', 'unknown', 50, seconds(5), days(30)],
    ['as systemd does not show', 'unknown', null, hours(3), days(30)],
    ['in the future of the host', 'unknown', 4, -minutes(2), hours(1)]
  ])('%s: %s', (_, wanted, restarts, age, sinceBoot) => {
    expect(outcomes([running(restarts, age), booted(sinceBoot)])).toEqual([wanted])
  })

  it.each<[name: string, wanted: string, unit: ReturnType<typeof unitState>]>([
    ['while it starts', 'fail', running(60, seconds(5), { active: 'activating', sub: 'start-pre' })],
    ['while it ends', 'fail', running(60, seconds(5), { active: 'deactivating', sub: 'stop-sigterm' })],
    ['that is no service', 'pass', running(null, seconds(5), { name: 'app.socket' })],
    ['that has ended', 'pass', running(60, seconds(5), { active: 'inactive', sub: 'dead' })],
    [
      'whose times nobody knows',
      'unknown',
      running(60, 0, { startedMicros: null, activeMicros: null, mainStartedMicros: null })
    ]
  ])('in a loop, %s: %s', (_, wanted, unit) => {
    expect(outcomes([unit, booted(minutes(10))])).toEqual([wanted])
  })

  it('with a window, once within it is enough', () => {
    const units = [running(1, hours(3)), booted(days(30))]
    expect(outcomes(units)).toEqual(['pass'])
    expect(outcomes(units, '2026-06-13T08:59:00Z')).toEqual(['fail'])
    expect(outcomes(units, '2026-06-13T09:00:00Z')).toEqual(['unknown'])
    expect(outcomes(units, '2026-06-13T09:01:00Z')).toEqual(['pass'])
  })

  it('is named, with how often and when; one that has settled is shown', () => {
    expect(judged([running(60, seconds(5)), booted(minutes(10))])).toMatchObject([
      {
        outcome: 'fail',
        saw: 'systemd restarted app.service 60 times, the last time at 2026-06-13T11:59:55Z',
        at: 'app.service',
        filing: { subject: 'app.service', title: 'app.service is in a restart loop' }
      }
    ])
    expect(judged([running(1, hours(3)), booted(days(30))])).toMatchObject([
      { outcome: 'pass', shows: [expect.stringContaining('restarted app.service 1 time')] }
    ])
  })

  it('may settle: that is said', () => {
    expect(judged([running(1, minutes(4)), booted(days(30))])).toMatchObject([
      { outcome: 'unknown', settlesWithinMs: 360_000 }
    ])
  })
})
