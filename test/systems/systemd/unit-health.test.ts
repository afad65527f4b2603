import { expect, it } from 'vitest'
import {
  isBetweenStarts,
  isFailed,
  isUnreadable,
  troubleOf
} from '../../../src/systems/systemd/unit-health.ts'
import { unitState } from '../../support/boot.ts'

const restarting = { active: 'activating', sub: 'auto-restart' }

it.each<[name: string, state: object, failed: boolean, between: boolean]>([
  ['running', { active: 'active', sub: 'running' }, false, false],
  ['failed', { active: 'failed', sub: 'failed', result: 'exit-code' }, true, false],
  ['failed, its file gone', { active: 'failed', load: 'not-found' }, true, false],
  ['waiting for its restart after a crash', { ...restarting, result: 'exit-code' }, true, true],
  ['the same, queued', { ...restarting, sub: 'auto-restart-queued', result: 'signal' }, true, true],
  ['waiting for its restart after it ended well', { ...restarting, result: 'success' }, false, true],
  ['skipped by its own condition', { ...restarting, result: 'exec-condition' }, false, true],
  ['starting', { active: 'activating', sub: 'start' }, false, false],
  ['of a bad file', { load: 'bad-setting' }, true, false],
  ['of a file that cannot be read', { load: 'error' }, true, false],
  ['masked', { load: 'masked', active: 'inactive' }, false, false]
])('%s', (_, state, failed, between) => {
  const unit = unitState('app.service', state)
  expect([isFailed(unit), isBetweenStarts(unit)]).toEqual([failed, between])
})

it.each<[state: object, headline: string]>([
  [{ active: 'failed' }, 'app.service has failed'],
  [{ active: 'failed', load: 'not-found' }, 'app.service has failed, and its unit file is gone'],
  [{ ...restarting, result: 'exit-code' }, 'app.service has failed and waits for its automatic restart'],
  [{ load: 'error', active: 'inactive' }, 'app.service cannot be loaded']
])('%j: %s', (state, headline) => {
  expect(troubleOf(unitState('app.service', state))).toBe(headline)
})

it('a unit whose file cannot be loaded is unreadable, one without a file is not', () => {
  expect(isUnreadable(unitState('a.service', { load: 'bad-setting' }))).toBe(true)
  expect(isUnreadable(unitState('a.service', { load: 'not-found' }))).toBe(false)
})
