import { counted } from '../src/lib/text/counted.ts'
import * as z from 'zod'
import { anyGlobMatches } from '../src/lib/text/glob.ts'
import { defineProbe, type Finding } from '../src/probe/probe.ts'
import {
  type Drift,
  kernelDrift,
  programsOf,
  revisionDrift,
  timedUnits,
  unitDrifts,
  unseenFiles
} from '../src/systems/baseline/drift.ts'
import { asRecorded } from '../src/facts/fact.ts'
import { hostName, startsBefore } from '../src/systems/baseline/baseline.ts'
import {
  mainPrograms,
  type Nixos,
  nixos,
  reviewedCommit,
  unitFileTimes
} from '../src/systems/systemd/unit-files.ts'
import { bootPrograms } from '../src/systems/systemd/unit-programs.ts'
import { allUnits } from '../src/systems/systemd/units.ts'

export const unitDrift = defineProbe({
  id: 'unit-drift',
  asserts: 'Running units match their files on disk',
  because: 'A change on disk that is not in effect yet takes effect at the next restart, unattended.',
  remedy: 'Reload systemd (`systemctl daemon-reload`), restart the unit, or boot the new system.',
  fails: [
    'systemd was not reloaded',
    'a unit was started before its file or its program last changed',
    'it runs a program other than the one it names',
    'its start command changed since the orientation, and it was not restarted',
    'NixOS runs an old kernel, or was built from another commit'
  ],
  params: z.strictObject({
    except: z.array(z.string().min(1)).min(1).optional().describe('units to exclude (globs)'),
    revision: z.boolean().default(false).describe('NixOS must be built from the commit under review'),
    baseline: z
      .boolean()
      .default(false)
      .describe(
        'a unit not restarted since the orientation of the phase must have the same start command as then; without this, a oneshot whose script is another file of the Nix store goes unnoticed'
      )
  }),
  hunts: { with: { revision: false, baseline: true }, severity: 'medium' },
  needs: ({ revision, baseline }) => ({
    units: allUnits,
    times: unitFileTimes,
    mains: mainPrograms,
    programs: bootPrograms,
    nixos,
    ...(revision ? { commit: reviewedCommit } : {}),
    ...(baseline ? { before: startsBefore, host: hostName, recorded: asRecorded(bootPrograms) } : {})
  }),

  judge({ units, before = null, host = '', recorded, commit, ...seen }, { except = [] }) {
    const judged = units.filter(({ name, load }) => load === 'loaded' && !anyGlobMatches(except, name))
    if (judged.length === 0)
      return [{ outcome: 'not-applicable', why: 'no unit is loaded, or every unit is excluded' }]
    const starts = before !== null && Object.hasOwn(before.hosts, host) ? (before.hosts[host] ?? []) : []
    const disk = { ...seen, before: starts, recorded: recorded ?? seen.programs }
    const drifts = [...unitDrifts(judged, disk), kernelDrift(seen.nixos)]
    const [first, ...rest] = [
      ...drifts.flatMap(drift => (drift === null ? [] : [failed(drift)])),
      ...(commit === undefined ? [] : revised(seen.nixos, commit)),
      ...unseenFiles(judged, disk).map(
        ({ name, path }): Finding => ({
          outcome: 'unknown',
          why: `the modification time of ${path}, which ${name} runs, is unknown: the login may not read it`
        })
      )
    ]
    if (first !== undefined) return [first, ...rest]
    const { count, untold } = programsOf(judged, disk)
    const kernel = seen.nixos === null ? '' : '; the booted kernel is current'
    const same = `${count - untold.length} of ${counted(count, 'service')} ${count === 1 ? 'runs' : 'run'} the program that the unit names`
    const since =
      starts.length === 0
        ? ''
        : `; ${counted(starts.length, 'start')} compared with the orientation of ${before?.at}`
    const saw = `no reload pending in ${counted(judged.length, 'loaded unit')}, no start older than its file in ${counted(timedUnits(judged, disk), 'active unit')}, ${same}${since}${kernel}`
    const shows =
      untold.length === 0
        ? {}
        : { shows: [`not compared, because it runs another program: ${untold.join(', ')}`] }
    return [{ outcome: 'pass', saw, ...shows }]
  },

  falsify(facts, { except = [], revision, baseline }) {
    const [unit] = facts.units.filter(({ name }) => !anyGlobMatches(except, name))
    if (unit === undefined) return []
    const { name } = unit
    const stale = {
      ...unit,
      load: 'loaded',
      active: 'active',
      activeMicros: 2e15,
      startedMicros: 2e15,
      files: ['/f']
    }
    const files = [{ path: '/f', text: '[Service]\nExecStart=/nix/store/b-f/bin/f\n' }]
    const older = {
      ...facts,
      units: [{ ...stale, needsReload: false }],
      times: {},
      nixos: facts.nixos === null ? null : { ...facts.nixos, switchedSeconds: null },
      programs: { ...facts.programs, services: [{ name, files }] },
      ...(baseline ? { recorded: { ...facts.programs, services: [{ name, files }] } } : {})
    }
    const elsewhere = { revision: 'falsified', bootedKernel: '', currentKernel: '', switchedSeconds: null }
    const start = { name, startedMicros: 2e15, starts: ['ExecStart=/nix/store/a-f/bin/f'], texts: {} }
    return [
      { ...facts, units: [{ ...unit, load: 'loaded', needsReload: true }] },
      { ...facts, units: [stale], times: { '/f': 3e9 } },
      { ...older, mains: [{ unit: name, paths: ['/nix/store/a-f/bin/f'] }] },
      ...(revision ? [{ ...facts, nixos: elsewhere }] : []),
      ...(baseline ? [{ ...older, before: { at: 'then', hosts: { [facts.host ?? '']: [start] } } }] : [])
    ]
  }
})

function failed({ at, saw, expected, shows, subject, title, remedy }: Drift): Finding {
  const story = [
    `${saw}. It takes effect at the next restart or boot, together with every other change made by then.`
  ]
  return {
    outcome: 'fail',
    saw,
    expected,
    at,
    shows,
    filing: { subject, title, remedy, severity: 'medium', story }
  }
}

function revised(nixos: Nixos | null, commit: string): readonly Finding[] {
  if (nixos === null)
    return [{ outcome: 'unknown', why: 'the host does not run NixOS, so it records no revision' }]
  if (nixos.revision === null)
    return [
      { outcome: 'unknown', why: 'NixOS records no configurationRevision (system.configurationRevision)' }
    ]
  const drift = revisionDrift(nixos.revision, commit)
  return drift === null ? [] : [failed(drift)]
}
