import { expect, it } from 'vitest'
import { failedUnits } from '../../probes/failed-units.ts'
import { unitState } from '../support/boot.ts'

const good = unitState('good.service')
const failed = unitState('bad.service', { active: 'failed', sub: 'failed', result: 'exit-code' })
const restarting = (result: string, sub = 'auto-restart') =>
  unitState('loop.service', { active: 'activating', sub, result })
const outcome = (units: readonly ReturnType<typeof unitState>[], except?: readonly string[]) =>
  failedUnits
    .judge({ units }, failedUnits.params.parse(except === undefined ? {} : { except }))
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
  expect(failedUnits.judge({ units: [failed] }, {})).toMatchObject([
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
    failedUnits.judge({ units: [unit] }, {}).map(finding => ('saw' in finding ? finding.saw : ''))
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
    failedUnits.judge({ units }, except === undefined ? {} : { except })
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
    failedUnits.falsify({ units }, { except }).map(({ units: [unit] }) => unit?.name)
  expect(falsified([failed, good], ['bad.*'])).toEqual(['good.service'])
  expect(falsified([failed], ['*'])).toEqual([])
})

it('can fail', () => {
  for (const untrue of failedUnits.falsify({ units: [good] }, {})) {
    expect(failedUnits.judge(untrue, {}).map(({ outcome }) => outcome)).toEqual(['fail'])
  }
})
