import * as z from 'zod'
import type { HostClock } from '../src/facts/fact.ts'
import { anyGlobMatches } from '../src/lib/text/glob.ts'
import { defineProbe, type Finding } from '../src/probe/probe.ts'
import { type Moment, moment, momentParam } from '../src/systems/baseline/moment.ts'
import { isAfter } from '../src/systems/baseline/moment-order.ts'
import { hostClock } from '../src/systems/linux/host-clock.ts'
import { bootOf, type Restarts, restartsOf } from '../src/systems/systemd/restarts.ts'
import { isBetweenStarts, isFailed, isUnreadable, troubleOf } from '../src/systems/systemd/unit-health.ts'
import { allUnits, type UnitState } from '../src/systems/systemd/units.ts'

export const failedUnits = defineProbe({
  id: 'failed-units',
  asserts: 'No unit has failed or is in a restart loop, and systemd can load every unit file',
  because: 'The work of a failed unit is not done; whatever still runs may come from an earlier start.',
  remedy: 'Find out why it failed (`systemctl status`, `journalctl -u`), fix the cause, and start it again.',
  fails: [
    'a unit is in the state failed, whether or not its file still exists',
    'a unit failed and waits for its next automatic restart',
    'a service runs at this moment, and systemd restarted it three times or more, at least once an hour',
    'systemd restarted a service after `since`',
    'systemd cannot load a unit file'
  ],
  params: z.strictObject({
    except: z.array(z.string().min(1)).min(1).optional().describe('units to exclude (globs)'),
    since: momentParam
      .optional()
      .describe('since this time systemd must not have restarted a service on its own')
  }),
  hunts: { with: {}, severity: 'medium' },
  needs: ({ since }) => ({
    units: allUnits,
    clock: hostClock,
    ...(since === undefined ? {} : { since: moment(since) })
  }),

  judge({ units, clock, since }, { except = [] }) {
    // systemd keeps the state of a unit whose file is gone: then it is both `not-found` and `failed`.
    const judged = units.filter(
      unit => (unit.load !== 'not-found' || isFailed(unit)) && !anyGlobMatches(except, unit.name)
    )
    if (judged.length === 0) return [{ outcome: 'not-applicable', why: 'every unit is excluded' }]
    const boot = bootOf(units)
    const restarted = judged
      .filter(unit => !isFailed(unit))
      .map(unit => judgeRestarts(unit, restartsOf(unit, clock.hostMicros, boot), since, clock))
    const findings = [
      ...judged.filter(isFailed).map(failed),
      ...judged.filter(isBetweenStarts).map(undecided),
      ...restarted.flatMap(one => (one === null || 'settled' in one ? [] : [one]))
    ]
    const fails = findings.filter(({ outcome }) => outcome === 'fail')
    const [first, ...rest] = fails.length > 0 ? fails : findings
    if (first !== undefined) return [first, ...rest]
    const shows = restarted.flatMap(one => (one !== null && 'settled' in one ? [one.settled] : []))
    return [
      {
        outcome: 'pass',
        saw:
          judged.length === 1
            ? `the only loaded unit, ${judged.map(({ name }) => name).join()}, has not failed`
            : `none of ${judged.length} loaded units has failed`,
        ...(shows.length === 0 ? {} : { shows })
      }
    ]
  },

  falsify(facts, { except = [] }) {
    const judged = facts.units.filter(({ name }) => !anyGlobMatches(except, name))
    const [unit] = judged
    if (unit === undefined) return []
    const loaded = { ...unit, load: 'loaded', sub: 'running', result: 'success' }
    const service = judged.find(({ name }) => name.endsWith('.service'))
    const began = (seconds: number) => {
      const micros = facts.clock.hostMicros - seconds * 1_000_000
      return { startedMicros: micros, activeMicros: micros, mainStartedMicros: micros }
    }
    const boot = { ...loaded, restarts: 0, active: 'inactive', ...began(605) }
    const loop = { active: 'active', restarts: 60, ...began(5) }
    return [
      { ...facts, units: [{ ...loaded, active: 'failed', result: 'exit-code' }] },
      ...(service === undefined
        ? []
        : [{ ...facts, units: [boot, { ...loaded, ...service, ...loop, load: 'loaded', sub: 'running' }] }])
    ]
  }
})

/** Null where there is nothing to say. */
function judgeRestarts(
  { name, active, sub }: UnitState,
  restarts: Restarts,
  since: Moment | undefined,
  clock: HostClock
): Finding | { readonly settled: string } | null {
  if (restarts.kind === 'none') return null
  if (restarts.kind === 'unseen') return { outcome: 'unknown', why: restarts.why }
  const { said, startedMicros, trend, settlesWithinMs } = restarts
  const order = since === undefined ? null : isAfter(startedMicros, since, clock)
  if (order?.order === 'too-close') return { outcome: 'unknown', why: `${said}: ${order.why}` }
  const isWithin = order?.order === 'after'
  if (trend === 'loop' || isWithin) {
    const title = trend === 'loop' ? `${name} is in a restart loop` : `${name} was restarted by systemd`
    return {
      outcome: 'fail',
      saw: said,
      expected: isWithin ? `no automatic restart since ${since?.said}` : 'services that keep running',
      at: name,
      shows: [`${name}: ActiveState=${active} SubState=${sub}`, said],
      filing: {
        subject: name,
        title,
        severity: 'medium',
        story: [
          `${said}.`,
          'Between two ends it is active, so a look at its state alone shows nothing, while its work is interrupted each time.'
        ],
        remedy: `Read \`journalctl -u ${name}\`, fix the cause, and start it again: that sets the count to zero.`
      }
    }
  }
  if (trend === 'settled') return { settled: said }
  return {
    outcome: 'unknown',
    why: `${said}: it has not run for long enough to tell whether it is in a restart loop`,
    settlesWithinMs
  }
}

/** A program that ends at once and says that all is well is in a loop as well; one that is run every minute is not. */
function undecided({ name, result }: UnitState): Finding {
  return {
    outcome: 'unknown',
    why: `${name} is not running: it ended (Result=${result || 'success'}) and waits for its automatic restart. Exclude it with \`except\` if it is meant to exit and be restarted`
  }
}

function failed(unit: UnitState): Finding {
  const { name, active, sub, load, result } = unit
  const title = troubleOf(unit)
  const saw = isUnreadable(unit) && active !== 'failed' ? `${title} (${load})` : `${title} (Result=${result})`
  return {
    outcome: 'fail',
    saw,
    expected: 'units that are loaded and have not failed',
    at: name,
    shows: [`${name}: LoadState=${load} ActiveState=${active} SubState=${sub} Result=${result}`],
    filing: {
      subject: name,
      title,
      severity: 'medium',
      story: [`${saw}. Its work is not done, even if something that it started earlier still runs.`],
      remedy:
        load === 'not-found'
          ? `Its unit file is gone. Read \`journalctl -u ${name}\`, and restore the file or run \`systemctl reset-failed ${name}\`.`
          : `Read \`systemctl status ${name}\` and \`journalctl -u ${name}\`, fix the cause, and start it again.`
    }
  }
}
