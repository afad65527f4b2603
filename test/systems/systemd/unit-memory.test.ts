import { expect, it } from 'vitest'
import { isRemembered } from '../../../src/systems/systemd/unit-memory.ts'

const unit = {
  active: 'inactive',
  before: ['shutdown.target'] as readonly string[],
  after: ['basic.target'] as readonly string[]
}

it.each([
  ['nothing refers to it', {}, false],
  ['it runs', { active: 'active' }, true],
  ['it failed', { active: 'failed' }, true],
  ['a target wants it', { before: ['shutdown.target', 'multi-user.target'] }, true],
  ['a timer starts it', { after: ['a.timer'] }, true],
  ['a path starts it', { after: ['a.path'] }, true],
  ['a socket starts it', { after: ['a.socket'] }, true]
])('systemd keeps the times of a unit: %s', (_, changes, kept) => {
  expect(isRemembered({ ...unit, ...changes })).toBe(kept)
})
