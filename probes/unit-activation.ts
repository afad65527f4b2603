import * as z from 'zod'
import { defineProbe, type Finding } from '../src/probe/probe.ts'
import { isoMicros } from '../src/lib/instant.ts'
import { hostClock } from '../src/systems/linux/host-clock.ts'
import { moment, momentParam } from '../src/systems/baseline/moment.ts'
import { isRemembered } from '../src/systems/systemd/unit-memory.ts'
import { isAfter } from '../src/systems/baseline/moment-order.ts'
import { lastActivation, unitParam, type UnitState, unitState } from '../src/systems/systemd/units.ts'

export const unitActivation = defineProbe({
  id: 'unit-activation',
  asserts: 'The unit is in the expected state, and was activated after the given time',
  because:
    'A oneshot unit that stays `active (exited)` shows only that it once succeeded: if that was before the change, the change never ran.',
  remedy:
    'Restart the unit (`systemctl restart`) so that it runs its current definition, or fix the cause of its failure.',
  fails: ['the unit is in another state, or was activated before that time', 'the unit does not exist'],
  example: { unit: 'swarm-init', after: { network: 'proxy' } },
  params: z.strictObject({
    unit: unitParam.describe('a systemd unit; `.service` may be left out'),
    after: momentParam
      .optional()
      .describe('its last activation must be later; for a oneshot without RemainAfterExit, its last start'),
    state: z
      .enum(['active', 'inactive', 'failed', 'activating', 'reloading', 'deactivating'])
      .default('active')
      .describe('the ActiveState it must have')
  }),

  needs: ({ unit, after }) => ({
    unit: unitState(unit),
    ...(after === undefined ? {} : { after: moment(after), clock: hostClock })
  }),

  judge({ unit, after, clock }, { state }) {
    const at = unit.name
    if (unit.load !== 'loaded') {
      const saw =
        unit.load === 'not-found' ? `unit ${at} does not exist` : `${at} is ${unit.load}, not loaded`
      return [{ outcome: 'fail', saw, expected: `${at} loaded and ${state}`, at }]
    }
    const activation = lastActivation(unit)
    const now = `${at} is ${stateOf(unit)}${activation === null ? '' : `, ${activation.word} ${isoMicros(activation.micros)}`}`
    const shows = [`${now}, Result=${unit.result}`]
    if (unit.active !== state) return [{ outcome: 'fail', saw: now, expected: `${at} ${state}`, at, shows }]
    // An inactive unit that must have run must have run well: its ExecCondition= may have skipped all of it.
    const mustSucceed = state === 'active' || (state === 'inactive' && activation?.word === 'started')
    if (mustSucceed && unit.result !== 'success' && unit.result !== '') {
      return [
        { outcome: 'fail', saw: `${now}, with Result=${unit.result}`, expected: 'Result=success', at, shows }
      ]
    }
    if (after === undefined || clock === undefined) return [{ outcome: 'pass', saw: now, shows }]
    if (activation === null) {
      if (!isRemembered(unit)) {
        const why = `${now}: systemd keeps no record of its start, because it unloads such a unit when it ends (no loaded unit refers to it)`
        return [{ outcome: 'unknown', why, shows }]
      }
      const saw = `${now} and has not been activated since the host booted`
      return [{ outcome: 'fail', saw, expected: `an activation after ${after.said}`, at, shows }]
    }
    const { order, why } = isAfter(activation.micros, after, clock)
    const verdicts = {
      after: { outcome: 'pass', saw: `${now}: ${why}`, shows },
      before: {
        outcome: 'fail',
        saw: `${now}: ${why}`,
        expected: `an activation after ${after.said}`,
        at,
        shows
      },
      'too-close': { outcome: 'unknown', why: `${now}: ${why}`, shows }
    } satisfies Record<typeof order, Finding>
    return [verdicts[order]]
  },

  falsify({ unit, after, clock }, { state }) {
    const facts = after === undefined || clock === undefined ? {} : { after, clock }
    const gone = { ...facts, unit: { ...unit, load: 'not-found', active: 'inactive', activeMicros: null } }
    const other = { ...facts, unit: { ...unit, active: state === 'failed' ? 'active' : 'failed' } }
    const early = (after?.micros ?? 0) - 86_400_000_000
    const tooEarly =
      after === undefined ? [] : [{ ...facts, unit: { ...unit, activeMicros: early, startedMicros: early } }]
    return [gone, other, ...tooEarly]
  }
})

function stateOf({ active, sub }: UnitState) {
  return sub === '' || sub === active ? active : `${active} (${sub})`
}
