import { expect, it } from 'vitest'
import { failedUnits } from '../../probes/failed-units.ts'
import { unitState } from '../support/boot.ts'

const good = unitState('good.service')
const failed = unitState('bad.service', { active: 'failed', sub: 'failed', result: 'exit-code' })
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

it('can fail', () => {
  for (const untrue of failedUnits.falsify({ units: [good] }, {})) {
    expect(failedUnits.judge(untrue, {}).map(({ outcome }) => outcome)).toEqual(['fail'])
  }
})
