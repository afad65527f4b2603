import * as z from 'zod'
import { anyGlobMatches } from '../src/lib/text/glob.ts'
import { defineProbe, type Finding } from '../src/probe/probe.ts'
import { allUnits, type UnitState } from '../src/systems/systemd/units.ts'

export const failedUnits = defineProbe({
  id: 'failed-units',
  asserts: 'No unit has failed, and systemd can load every unit file',
  because: 'The work of a failed unit is not done; whatever still runs may come from an earlier start.',
  remedy: 'Find out why it failed (`systemctl status`, `journalctl -u`), fix the cause, and start it again.',
  fails: [
    'a unit is in the state failed, whether or not its file still exists',
    'a unit failed and waits for its next automatic restart',
    'systemd cannot load a unit file'
  ],
  params: z.strictObject({
    except: z.array(z.string().min(1)).min(1).optional().describe('units to exclude (globs)')
  }),
  hunts: { with: {}, severity: 'medium' },
  needs: () => ({ units: allUnits }),

  judge({ units }, { except = [] }) {
    // systemd keeps the state of a unit whose file is gone: then it is both `not-found` and `failed`.
    const judged = units.filter(
      unit => (unit.load !== 'not-found' || isFailed(unit)) && !anyGlobMatches(except, unit.name)
    )
    if (judged.length === 0) return [{ outcome: 'not-applicable', why: 'every unit is excluded' }]
    const [first, ...rest] = judged.filter(isFailed).map(failed)
    if (first !== undefined) return [first, ...rest]
    const [between, ...more] = judged.filter(isBetweenStarts)
    if (between !== undefined) return [undecided(between), ...more.map(undecided)]
    return [
      {
        outcome: 'pass',
        saw:
          judged.length === 1
            ? `the only loaded unit, ${judged.map(({ name }) => name).join()}, has not failed`
            : `none of ${judged.length} loaded units has failed`
      }
    ]
  },

  falsify({ units }, { except = [] }) {
    const [unit] = units.filter(({ name }) => !anyGlobMatches(except, name))
    return unit === undefined
      ? []
      : [{ units: [{ ...unit, load: 'loaded', active: 'failed', result: 'exit-code' }] }]
  }
})

const unreadable = new Set(['bad-setting', 'error'])

function isFailed(unit: UnitState): boolean {
  return unit.active === 'failed' || unreadable.has(unit.load) || awaitsRestart(unit)
}

/** Results of a run that did not fail. A start that its own ExecCondition= skipped is none. */
const harmless = new Set(['', 'success', 'exec-condition'])

/**
 * Between two starts of `Restart=` a unit is `activating`, whatever ended the run before. `Result` tells a
 * program that crashed from one that ended well and is started again (`Restart=always`).
 */
function isBetweenStarts({ active, sub }: UnitState): boolean {
  return active === 'activating' && /^auto-restart(?:-queued)?$/.test(sub)
}

function awaitsRestart(unit: UnitState): boolean {
  return isBetweenStarts(unit) && !harmless.has(unit.result)
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
  const title = titleOf(unit)
  const saw =
    unreadable.has(load) && active !== 'failed' ? `${title} (${load})` : `${title} (Result=${result})`
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

function titleOf(unit: UnitState): string {
  const { name, active, load } = unit
  if (active === 'failed')
    return `${name} has failed${load === 'not-found' ? ', and its unit file is gone' : ''}`
  if (awaitsRestart(unit)) return `${name} has failed and waits for its automatic restart`
  return `${name} cannot be loaded`
}
