import { expect, it } from 'vitest'
import { timedUnits, unitDrifts, unseenFiles } from '../../../src/systems/baseline/drift.ts'
import { unitState } from '../../support/boot.ts'

const file = '/etc/systemd/system/x.service'
const limit = '/etc/systemd/system.control/x.service.d/50-MemoryMax.conf'
const started = 1_781_000_000
const unit = unitState('x.service', { startedMicros: started * 1e6, files: [file, limit] })
const none = { services: [], programs: [], untold: [] }
const disk = (times: Readonly<Record<string, number | null>>) => ({
  times,
  mains: [],
  programs: none,
  recorded: none,
  nixos: null,
  before: []
})

it('a unit is as old as its files, whole seconds, and what a running unit was told meanwhile is in effect', () => {
  const drifts = (times: Readonly<Record<string, number | null>>) =>
    unitDrifts([unit], disk(times)).map(({ title }) => title)
  expect(drifts({ [file]: started })).toEqual([])
  expect(drifts({ [file]: started + 1 })).toEqual(['x.service runs as it was before its file changed'])
  expect(drifts({ [file]: started - 9, [limit]: started + 9 })).toEqual([])
})

it('the time of a file in the Nix store says nothing, and is none', () => {
  expect(timedUnits([unit], disk({ [file]: started - 9 }))).toBe(1)
  expect(timedUnits([unit], disk({ [file]: 1 }))).toBe(0)
  expect(timedUnits([unit], disk({ [file]: 86_400 }))).toBe(0)
  expect(timedUnits([unit], disk({ [file]: 86_401 }))).toBe(1)
  expect(timedUnits([unit], disk({ [file]: null }))).toBe(0)
  const stopped = { ...unit, active: 'inactive' }
  expect(timedUnits([stopped], disk({ [file]: started - 9 }))).toBe(0)
})

it('what may not be seen leaves an active unit open, but for what is in effect at once', () => {
  expect(unseenFiles([unit], disk({ [file]: null, [limit]: null }))).toEqual([
    { name: 'x.service', path: file }
  ])
  expect(unseenFiles([unit], disk({ [file]: started, [limit]: null }))).toEqual([])
  expect(unseenFiles([{ ...unit, active: 'failed' }], disk({ [file]: null }))).toEqual([])
})
