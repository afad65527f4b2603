import type { UnitState } from './units.ts'

/** What the state of a unit says of its health. Pure. */

const unreadable = new Set(['bad-setting', 'error'])

/** systemd cannot load its file. */
export function isUnreadable({ load }: UnitState): boolean {
  return unreadable.has(load)
}

/** It has failed, in whatever state it is now, or cannot be loaded. */
export function isFailed(unit: UnitState): boolean {
  return unit.active === 'failed' || isUnreadable(unit) || awaitsRestart(unit)
}

/** Results of a run that did not fail. A start that its own ExecCondition= skipped is none. */
const harmless = new Set(['', 'success', 'exec-condition'])

/**
 * Between two starts of `Restart=` a unit is `activating`, whatever ended the run before. `Result` tells a
 * program that crashed from one that ended well and is started again (`Restart=always`).
 */
export function isBetweenStarts({ active, sub }: UnitState): boolean {
  return active === 'activating' && /^auto-restart(?:-queued)?$/.test(sub)
}

function awaitsRestart(unit: UnitState): boolean {
  return isBetweenStarts(unit) && !harmless.has(unit.result)
}

/** What is wrong with a unit that has failed, as a headline. */
export function troubleOf(unit: UnitState): string {
  const { name, active, load } = unit
  if (active === 'failed')
    return `${name} has failed${load === 'not-found' ? ', and its unit file is gone' : ''}`
  if (awaitsRestart(unit)) return `${name} has failed and waits for its automatic restart`
  return `${name} cannot be loaded`
}
