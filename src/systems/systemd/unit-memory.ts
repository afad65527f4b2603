import type { UnitState } from './units.ts'

/**
 * Whether systemd keeps what it knows of a unit that is not running: something that is loaded refers to it. It
 * unloads others at their end, and then remembers no start of theirs.
 *
 * A timer, path or socket is ordered before what it triggers, and a target after what it wants.
 */
export function isRemembered({
  active,
  before,
  after
}: Pick<UnitState, 'active' | 'before' | 'after'>): boolean {
  return (
    active !== 'inactive' ||
    before.some(name => name !== 'shutdown.target') ||
    after.some(name => /\.(?:timer|path|socket)$/.test(name))
  )
}
