import * as z from 'zod'
import { anyGlobMatches } from '../src/base/glob.ts'
import { defineProbe, type Finding } from '../src/judge/probe.ts'
import { allUnits, type UnitState } from '../src/observe/sources/units.ts'

export const failedUnits = defineProbe({
  id: 'failed-units',
  asserts: 'No unit has failed, and every unit file can be read by systemd',
  because: 'What a failed unit was to do is not done, and what it did before may be all that still runs.',
  remedy: 'Read why it failed (`systemctl status`, `journalctl -u`), mend that, and start it again.',
  fails: ['a unit is in the state failed', 'systemd could not read a unit file'],
  params: z.strictObject({
    except: z.array(z.string().min(1)).min(1).optional().describe('units left aside (globs)')
  }),
  hunts: { with: {}, severity: 'medium' },
  needs: () => ({ units: allUnits }),

  judge({ units }, { except = [] }) {
    const judged = units.filter(({ name, load }) => load !== 'not-found' && !anyGlobMatches(except, name))
    if (judged.length === 0) return [{ outcome: 'not-applicable', why: 'every unit is left aside' }]
    const [first, ...rest] = judged.filter(isFailed).map(failed)
    if (first !== undefined) return [first, ...rest]
    return [{ outcome: 'pass', saw: `none of ${judged.length} loaded units has failed` }]
  },

  falsify({ units }, { except = [] }) {
    const [unit] = units.filter(({ name }) => !anyGlobMatches(except, name))
    return unit === undefined
      ? []
      : [{ units: [{ ...unit, load: 'loaded', active: 'failed', result: 'exit-code' }] }]
  }
})

const unreadable = new Set(['bad-setting', 'error'])

function isFailed({ active, load }: UnitState): boolean {
  return active === 'failed' || unreadable.has(load)
}

function failed({ name, active, sub, load, result }: UnitState): Finding {
  const saw = unreadable.has(load)
    ? `${name} cannot be loaded (${load})`
    : `${name} has failed (Result=${result})`
  return {
    outcome: 'fail',
    saw,
    expected: 'units that are loaded and have not failed',
    at: name,
    shows: [`${name}: LoadState=${load} ActiveState=${active} SubState=${sub} Result=${result}`],
    filing: {
      subject: name,
      title: unreadable.has(load) ? `${name} cannot be loaded` : `${name} has failed`,
      severity: 'medium',
      story: [`${saw}. What it is to do is not done, even where something that it once started still runs.`],
      mend: `Read \`systemctl status ${name}\` and \`journalctl -u ${name}\`, mend the cause, and start it again.`
    }
  }
}
