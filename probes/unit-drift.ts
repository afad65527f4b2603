import { z } from 'zod'
import { anyGlobMatches } from '../src/base/glob.ts'
import { isoMicros } from '../src/base/instant.ts'
import { defineProbe, type Filing, type Finding } from '../src/judge/probe.ts'
import { type Nixos, nixos, reviewedCommit, unitFileTimes } from '../src/observe/sources/unit-drift.ts'
import { allUnits, type UnitState } from '../src/observe/sources/units.ts'

export const unitDrift = defineProbe({
  id: 'unit-drift',
  asserts: 'What runs is what the files on the disk say',
  because:
    'A change that is on the disk and not in effect waits for the next restart, when nobody is looking.',
  remedy: 'Reload systemd (`systemctl daemon-reload`), restart the unit, or boot the new system.',
  params: z.strictObject({
    except: z.array(z.string().min(1)).min(1).optional().describe('units left aside (globs)'),
    revision: z.boolean().default(false).describe('NixOS must be built from the commit under review')
  }),
  hunts: { with: { revision: false }, severity: 'medium' },
  needs: ({ revision }) => ({
    units: allUnits,
    times: unitFileTimes,
    nixos,
    ...(revision ? { commit: reviewedCommit } : {})
  }),

  judge({ units, times, nixos, commit }, { except = [] }) {
    const judged = units.filter(({ name, load }) => load === 'loaded' && !anyGlobMatches(except, name))
    if (judged.length === 0)
      return [{ outcome: 'not-applicable', why: 'no unit is loaded, or every one is left aside' }]
    const [first, ...rest] = [
      ...judged.filter(({ needsReload }) => needsReload).map(notReloaded),
      ...judged.flatMap(unit => olderThanFile(unit, times)),
      ...system(nixos, commit)
    ]
    if (first !== undefined) return [first, ...rest]
    const timed = judged.filter(unit => lastStart(unit) !== null && newest(unit, times) !== null).length
    const kernel = nixos === null ? '' : '; the booted kernel is the current one'
    return [
      {
        outcome: 'pass',
        saw: `none of ${judged.length} loaded units awaits a reload, none of ${timed} active ones is older than its file${kernel}`
      }
    ]
  },

  falsify({ units, times, nixos, commit }, { except = [], revision }) {
    const [unit] = units.filter(({ name }) => !anyGlobMatches(except, name))
    if (unit === undefined) return []
    const facts = { units, times, nixos, ...(commit === undefined ? {} : { commit }) }
    const stale = {
      ...unit,
      load: 'loaded',
      active: 'active',
      activeMicros: 2e15,
      startedMicros: 2e15,
      files: ['/f']
    }
    return [
      { ...facts, units: [{ ...unit, load: 'loaded', needsReload: true }] },
      { ...facts, units: [stale], times: { '/f': 3e9 } },
      ...(revision
        ? [{ ...facts, nixos: { revision: 'falsified', bootedKernel: '', currentKernel: '' } }]
        : [])
    ]
  }
})

/** Files of the Nix store all carry the first seconds of 1970: they say nothing of when they came to be. */
const meaningful = 86_400

function newest({ files }: UnitState, times: Readonly<Record<string, number>>) {
  const known = files.flatMap(path => times[path] ?? []).filter(seconds => seconds > meaningful)
  return known.length === 0 ? null : Math.max(...known)
}

function lastStart({ active, startedMicros }: UnitState): number | null {
  return active === 'active' ? startedMicros : null
}

function notReloaded({ name, files }: UnitState): Finding {
  const saw = `${name} changed on the disk since systemd read it (NeedDaemonReload=yes)`
  return drift(name, saw, 'systemd runs what the files say', files, {
    subject: name,
    title: `${name} is not what its file says: systemd was not reloaded`,
    mend: `Run \`systemctl daemon-reload\`, look at what changed, and restart ${name}.`
  })
}

function olderThanFile(unit: UnitState, times: Readonly<Record<string, number>>): readonly Finding[] {
  const changed = newest(unit, times)
  const started = lastStart(unit)
  // stat tells whole seconds: what happened within the same one is not told apart.
  if (changed === null || started === null || unit.needsReload || started >= changed * 1e6) return []
  const saw = `${unit.name} started ${isoMicros(started)}, before its file last changed, ${isoMicros(changed * 1e6)}`
  return [
    drift(unit.name, saw, 'the unit started after its file last changed', unit.files, {
      subject: unit.name,
      title: `${unit.name} runs as it was before its file changed`,
      mend: `Look at what changed, and restart ${unit.name}.`
    })
  ]
}

function system(nixos: Nixos | null, commit: string | undefined): readonly Finding[] {
  const findings: Finding[] = []
  const { bootedKernel = '', currentKernel = '', revision = null } = nixos ?? {}
  if (bootedKernel !== '' && currentKernel !== '' && bootedKernel !== currentKernel) {
    const saw = `the host booted ${bootedKernel}, its current system has ${currentKernel}`
    findings.push(
      drift('the kernel', saw, 'the current kernel booted', [], {
        subject: 'kernel',
        title: 'The host runs another kernel than its current system',
        mend: 'Reboot at the next quiet time, and see that the host comes up.'
      })
    )
  }
  if (commit === undefined) return findings
  if (nixos === null)
    return [...findings, { outcome: 'unknown', why: 'the host is no NixOS: it records no revision' }]
  if (revision === null) {
    return [
      ...findings,
      { outcome: 'unknown', why: 'NixOS records no configurationRevision (system.configurationRevision)' }
    ]
  }
  if (revision === commit) return findings
  const saw = `NixOS was built from ${revision}`
  return [
    ...findings,
    drift('nixos-version', saw, `built from ${commit}`, [], {
      subject: 'configurationRevision',
      title: 'The host was built from another commit',
      mend: 'Deploy the commit that is under review.'
    })
  ]
}

function drift(
  at: string,
  saw: string,
  expected: string,
  shows: readonly string[],
  filing: Pick<Filing, 'subject' | 'title' | 'mend'>
): Finding {
  const story = [
    `${saw}. It takes effect at the next restart or boot, together with whatever else has changed by then.`
  ]
  return { outcome: 'fail', saw, expected, at, shows, filing: { ...filing, severity: 'medium', story } }
}
