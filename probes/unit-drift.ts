import { z } from 'zod'
import { anyGlobMatches } from '../src/base/glob.ts'
import { isoMicros } from '../src/base/instant.ts'
import { type Running, runningProgram } from '../src/base/running-program.ts'
import { startCommands } from '../src/base/unit-text.ts'
import { defineProbe, type Filing, type Finding } from '../src/judge/probe.ts'
import {
  type MainProgram,
  mainPrograms,
  type Nixos,
  nixos,
  reviewedCommit,
  unitFileTimes
} from '../src/observe/sources/unit-drift.ts'
import { type BootPrograms, bootPrograms } from '../src/observe/sources/unit-programs.ts'
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
    mains: mainPrograms,
    programs: bootPrograms,
    nixos,
    ...(revision ? { commit: reviewedCommit } : {})
  }),

  judge({ units, times, mains, programs, nixos, commit }, { except = [] }) {
    const judged = units.filter(({ name, load }) => load === 'loaded' && !anyGlobMatches(except, name))
    if (judged.length === 0)
      return [{ outcome: 'not-applicable', why: 'no unit is loaded, or every one is left aside' }]
    const stale = [
      ...judged.filter(({ needsReload }) => needsReload).map(notReloaded),
      ...judged.flatMap(unit => olderThanFile(unit, times))
    ]
    const running = judged.flatMap(unit => runsOf(unit, mains, programs, nixos))
    const told = new Set(stale.map(finding => (finding.outcome === 'fail' ? finding.at : '')))
    const [first, ...rest] = [
      ...stale,
      ...running.flatMap(({ unit, running }) => (told.has(unit.name) ? [] : otherProgram(unit, running))),
      ...system(nixos, commit)
    ]
    if (first !== undefined) return [first, ...rest]
    const timed = judged.filter(unit => lastStart(unit) !== null && newest(unit, times) !== null).length
    const kernel = nixos === null ? '' : '; the booted kernel is the current one'
    const untold = running.filter(({ running: { kind } }) => kind === 'untold').map(({ unit }) => unit.name)
    const same = `${running.length - untold.length} of ${running.length} services show the program that their unit names`
    return [
      {
        outcome: 'pass',
        saw: `none of ${judged.length} loaded units awaits a reload, none of ${timed} active ones is older than its file, ${same}${kernel}`,
        ...(untold.length === 0
          ? {}
          : { shows: [`not compared, they run another program: ${untold.join(', ')}`] })
      }
    ]
  },

  falsify({ units, times, mains, programs, nixos, commit }, { except = [], revision }) {
    const [unit] = units.filter(({ name }) => !anyGlobMatches(except, name))
    if (unit === undefined) return []
    const facts = { units, times, mains, programs, nixos, ...(commit === undefined ? {} : { commit }) }
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
      {
        ...facts,
        units: [{ ...stale, needsReload: false }],
        times: {},
        nixos: nixos === null ? null : { ...nixos, switchedSeconds: null },
        mains: [{ unit: unit.name, paths: ['/nix/store/a-f/bin/f'] }],
        programs: {
          ...programs,
          services: [
            { name: unit.name, files: [{ path: '/f', text: '[Service]\nExecStart=/nix/store/b-f/bin/f\n' }] }
          ]
        }
      },
      ...(revision
        ? [
            {
              ...facts,
              nixos: { revision: 'falsified', bootedKernel: '', currentKernel: '', switchedSeconds: null }
            }
          ]
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

function runsOf(
  unit: UnitState,
  mains: readonly MainProgram[],
  { services, programs }: BootPrograms,
  nixos: Nixos | null
): readonly { readonly unit: UnitState; readonly running: Running }[] {
  const files = services.find(({ name }) => name === unit.name)?.files
  const paths = mains.find(main => main.unit === unit.name)?.paths
  if (files === undefined || paths === undefined) return []
  const [command, second] = startCommands(files, unit.name).filter(({ key }) => key === 'ExecStart')
  if (command === undefined || second !== undefined) return []
  const text = programs.find(({ path }) => path === command.argv[0])?.text
  const running = runningProgram(command.argv, paths, text)
  // What started since the switch is the unit's of now: then a wrapper handed over to what it wraps.
  const since = (unit.startedMicros ?? 0) >= ((nixos?.switchedSeconds ?? Infinity) + 1) * 1e6
  return [{ unit, running: running.kind === 'other' && since ? { kind: 'untold' } : running }]
}

function otherProgram({ name, files }: UnitState, running: Running): readonly Finding[] {
  if (running.kind !== 'other') return []
  const saw = `${name} runs ${running.runs}, its unit names ${running.wanted}`
  return [
    drift(name, saw, 'the program that the unit names now', files, {
      subject: name,
      title: `${name} runs another program than its unit names`,
      mend: `Look at what changed, and restart ${name}.`
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
