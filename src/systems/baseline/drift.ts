import type { Filing, Finding } from '../../lib/finding.ts'
import { isoMicros } from '../../lib/instant.ts'
import { type Running, runningProgram, startPrograms } from '../systemd/running-program.ts'
import { startCommands } from '../languages/unit-file.ts'
import { type StartBefore, startTexts, unitStarts } from './baseline.ts'
import type { MainProgram, Nixos } from '../systemd/unit-files.ts'
import type { BootPrograms } from '../systemd/unit-programs.ts'
import type { UnitState } from '../systemd/units.ts'

/** Comparisons of what runs with what is on the disk. Nothing here asks a host. */

/** Something that is on the disk and not in effect, or the other way round. */
export type Drift = Required<Omit<Extract<Finding, { outcome: 'fail' }>, 'outcome' | 'filing'>> &
  Pick<Filing, 'subject' | 'title' | 'remedy'>

export interface OnDisk {
  /** When files last changed, by path, in seconds since 1970; null for one that the login may not see. */
  readonly times: Readonly<Record<string, number | null>>
  readonly mains: readonly MainProgram[]
  readonly programs: BootPrograms
  /** The same as the record would hold them, to be compared with `before`. */
  readonly recorded: BootPrograms
  readonly nixos: Nixos | null
  /** How units had been started at the baseline; empty where there is none. */
  readonly before: readonly StartBefore[]
}

/** Each unit's drift is told once, by the plainest instrument. */
export function unitDrifts(units: readonly UnitState[], disk: OnDisk): readonly Drift[] {
  return units.flatMap(
    unit =>
      notReloaded(unit) ??
      olderThanFile(unit, disk) ??
      otherProgram(unit, disk) ??
      startedOtherwise(unit, disk) ??
      []
  )
}

/** Which services show the program of their unit, and which show nothing that could be compared. */
export function programsOf(units: readonly UnitState[], disk: OnDisk) {
  const running = units.flatMap(unit => {
    const found = runningOf(unit, disk)
    return found === null ? [] : [{ name: unit.name, kind: found.kind }]
  })
  return {
    count: running.length,
    untold: running.filter(({ kind }) => kind === 'untold').map(({ name }) => name)
  }
}

/** How many active units have a file whose time says something. */
export function timedUnits(units: readonly UnitState[], disk: OnDisk): number {
  return units.filter(unit => lastStart(unit) !== null && newest(unit, disk) !== null).length
}

/** What drifted of the system as a whole: the kernel, and the commit that NixOS was built from. */
export function kernelDrift(nixos: Nixos | null): Drift | null {
  const { bootedKernel = '', currentKernel = '' } = nixos ?? {}
  if (bootedKernel === '' || currentKernel === '' || bootedKernel === currentKernel) return null
  return {
    at: 'the kernel',
    saw: `the host booted ${bootedKernel}, but its current system has ${currentKernel}`,
    expected: 'the current kernel',
    shows: [],
    subject: 'kernel',
    title: 'The host runs a kernel other than that of its current system',
    remedy: 'Reboot in the next maintenance window, and check that the host comes up.'
  }
}

/** @param revision that the host was built from. */
export function revisionDrift(revision: string, commit: string): Drift | null {
  if (revision === commit) return null
  return {
    at: 'nixos-version',
    saw: `NixOS was built from ${revision}`,
    expected: `a build from ${commit}`,
    shows: [],
    subject: 'configurationRevision',
    title: 'The host was built from another commit',
    remedy: 'Deploy the commit that is under review.'
  }
}

/** Files of the Nix store all carry the first seconds of 1970: they say nothing of when they came to be. */
const meaningful = 86_400

/** What starts active units and may not be seen: whether it changed since is not known. */
export function unseenFiles(units: readonly UnitState[], disk: OnDisk) {
  return units.flatMap(unit =>
    lastStart(unit) === null
      ? []
      : filesOf(unit, disk).flatMap(path =>
          Object.hasOwn(disk.times, path) && disk.times[path] === null ? [{ name: unit.name, path }] : []
        )
  )
}

/** The unit's files, and the programs that start it. */
function filesOf({ name, files }: UnitState, { programs }: OnDisk): readonly string[] {
  const texts = programs.services.find(service => service.name === name)?.files ?? []
  const own = files.filter(path => !inEffectAtOnce.test(path))
  return [...new Set([...own, ...startPrograms(texts, name)])]
}

/** `systemctl set-property` writes these after it has given the running unit what they say. */
const inEffectAtOnce = /^\/(?:etc|run)\/systemd\/(?:system|user)\.control\//

/** Of these, what changed last. */
function newest(unit: UnitState, disk: OnDisk) {
  const { times } = disk
  const known = filesOf(unit, disk).flatMap(path => {
    const seconds = Object.hasOwn(times, path) ? (times[path] ?? 0) : 0
    return seconds > meaningful ? [{ path, seconds }] : []
  })
  return known.sort((a, b) => b.seconds - a.seconds)[0] ?? null
}

function lastStart({ active, startedMicros }: UnitState): number | null {
  return active === 'active' ? startedMicros : null
}

function notReloaded({ name, files, needsReload }: UnitState): Drift | null {
  if (!needsReload) return null
  return {
    at: name,
    saw: `${name} changed on disk since systemd read it (NeedDaemonReload=yes)`,
    expected: 'a reload after the last change',
    shows: files,
    subject: name,
    title: `${name} differs from its file: systemd was not reloaded`,
    remedy: `Run \`systemctl daemon-reload\`, check what changed, and restart ${name}.`
  }
}

function olderThanFile(unit: UnitState, disk: OnDisk): Drift | null {
  const changed = newest(unit, disk)
  const started = lastStart(unit)
  // stat tells whole seconds: what happened within the same one is not told apart.
  if (changed === null || started === null || started >= changed.seconds * 1e6) return null
  const { name, files } = unit
  const its = files.includes(changed.path) ? 'its file' : changed.path
  return {
    at: name,
    saw: `${name} started ${isoMicros(started)}, before ${its} last changed, ${isoMicros(changed.seconds * 1e6)}`,
    expected: 'a start after the last change of its file',
    shows: [...files, ...(files.includes(changed.path) ? [] : [changed.path])],
    subject: name,
    title: `${name} runs as it was before its file changed`,
    remedy: `Check what changed, and restart ${name}.`
  }
}

/** Its last start is the one that the baseline saw, and what starts it is not. */
function startedOtherwise(unit: UnitState, { before, recorded: programs }: OnDisk): Drift | null {
  const { name } = unit
  const then = before.find(one => one.name === name)
  const files = programs.services.find(service => service.name === name)?.files
  const started = lastStart(unit)
  if (then === undefined || files === undefined || started === null || started !== then.startedMicros)
    return null
  const [now] = unitStarts([{ name, files }])
  if (now === undefined) return null
  const texts = startTexts(files, name, programs.programs)
  const edited = Object.keys(texts).find(path => (then.texts[path] ?? texts[path]) !== texts[path])
  const [was, is] = [then.starts.join('; '), now.starts.join('; ')]
  if (was === is && edited === undefined) return null
  const change = was === is ? `${edited} has changed since` : `its unit now names ${is} instead of ${was}`
  return {
    at: name,
    saw: `${name} started ${isoMicros(started)}, before the orientation; ${change}`,
    expected: 'a start of the command that the unit names now',
    shows: unit.files,
    subject: name,
    title: `${name} runs as it was before its start program changed`,
    remedy: `Check what changed, and restart ${name}.`
  }
}

function otherProgram(unit: UnitState, disk: OnDisk): Drift | null {
  const running = runningOf(unit, disk)
  if (running?.kind !== 'other') return null
  const { name, files } = unit
  return {
    at: name,
    saw: `${name} runs ${running.runs}, but its unit names ${running.wanted}`,
    expected: 'the program that the unit names now',
    shows: files,
    subject: name,
    title: `${name} runs a program other than the one its unit names`,
    remedy: `Check what changed, and restart ${name}.`
  }
}

/** Null for a unit that has no main process to compare. */
function runningOf(unit: UnitState, { mains, programs, nixos }: OnDisk): Running | null {
  const files = programs.services.find(({ name }) => name === unit.name)?.files
  const paths = mains.find(main => main.unit === unit.name)?.paths
  if (files === undefined || paths === undefined) return null
  const [command, second] = startCommands(files, unit.name).filter(({ key }) => key === 'ExecStart')
  if (command === undefined || second !== undefined) return null
  const text = programs.programs.find(({ path }) => path === command.argv[0])?.text
  const running = runningProgram(command.argv, paths, text)
  // What started since the switch is the unit's of now: then a wrapper handed over to what it wraps.
  const since = (unit.startedMicros ?? 0) >= ((nixos?.switchedSeconds ?? Infinity) + 1) * 1e6
  return running.kind === 'other' && since ? { kind: 'untold' } : running
}
