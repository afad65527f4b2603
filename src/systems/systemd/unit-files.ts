import { parseJson } from '../../lib/json.ts'
import * as z from 'zod'
import { isSystemProgram } from '../programs/program-runs.ts'
import { readablePath } from '../../lib/secrets/readable-path.ts'
import { pathIn, startPrograms } from './running-program.ts'
import { type FactSource, Unseen } from '../../facts/fact.ts'
import { linuxPattern, linuxRead } from '../linux/reads.ts'
import { nixosPattern, nixosRead } from '../nixos/reads.ts'
import { systemdPattern, systemdRead } from './reads.ts'
import { assembled } from './unit-programs.ts'
import { readStates, stateReads } from './units.ts'

/**
 * When the files of the services that are not the distribution's own last changed, and the programs that these
 * name: by path, in seconds since 1970. A link that was made anew changes as well. Null is a file that the login
 * may not see, in a folder of somebody else; one that is not there has no entry.
 */
export const unitFileTimes: FactSource<Readonly<Record<string, number | null>>> = {
  key: 'unit-file-times',
  place: 'host',
  reads: [
    stateReads(['*']),
    systemdPattern.unitTexts(['*.service']),
    linuxPattern.changeTimes(),
    linuxPattern.linkTimes()
  ],
  async take(look) {
    const [states, cat] = await Promise.all([
      readStates(look, ['*']),
      look.read(systemdRead.unitTexts(['*.service']))
    ])
    const services = assembled(states, cat.stdout).filter(
      ({ name, paths }) => name.endsWith('.service') && paths.some(path => !isSystemProgram(path))
    )
    const units = new Set(services.flatMap(({ paths }) => paths))
    // What lies in the Nix store is of 1970.
    const programs = services
      .flatMap(({ name, files }) => startPrograms(files ?? [], name))
      .filter(path => !path.startsWith('/nix/store/'))
    const own = [...new Set([...units, ...programs])]
      .filter(path => !isSystemProgram(path) && readablePath(path) === path)
      .sort()
    if (own.length > 500)
      throw new Unseen(`the host has ${own.length} unit files, more than the limit of 500`)
    const links = own.filter(path => units.has(path))
    const looks = [
      ...batches(own).map(async asked => ({ asked, answer: await look.read(linuxRead.changeTimes(asked)) })),
      ...batches(links).map(async asked => ({ asked, answer: await look.read(linuxRead.linkTimes(asked)) }))
    ]
    const times = new Map<string, number>()
    const hidden = new Set<string>()
    for (const {
      asked,
      answer: { stdout, stderr }
    } of await Promise.all(looks)) {
      const printed = new Map(timesIn(stdout, asked))
      for (const [path, seconds] of printed) times.set(path, Math.max(seconds, times.get(path) ?? 0))
      for (const path of asked) if (!printed.has(path) && !isGone(path, stderr)) hidden.add(path)
    }
    // A link whose own time is known says nothing of what it leads to.
    const all = [...times, ...[...hidden].map(path => [path, null] as const)]
    return Object.fromEntries(all.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
  }
}

/** A hundred files a question: each question costs the host a dozen processes. */
function batches(files: readonly string[]): readonly (readonly string[])[] {
  return Array.from({ length: Math.ceil(files.length / 100) }, (_, n) => files.slice(n * 100, (n + 1) * 100))
}

/** Only one that stat says is not there: what it says of a name that it quotes otherwise is not taken for that. */
function isGone(path: string, stderr: string): boolean {
  const ends = [`'${path}': No such file or directory`, `'${path}': Not a directory`]
  return stderr.split('\n').some(line => ends.some(end => line.endsWith(end)))
}

/** What stat could tell nothing of has no line. */
function timesIn(stdout: string, asked: readonly string[]): readonly (readonly [string, number])[] {
  return stdout
    .split('\n')
    .filter(line => line !== '')
    .map(line => {
      const [, seconds, path = ''] = /^(\d{1,12}) (\/.*)$/.exec(line) ?? []
      if (seconds === undefined || !asked.includes(path)) throw new RangeError(`no time and path: ${line}`)
      return [path, Number(seconds)]
    })
}

/** The main process of a service that runs on. */
export interface MainProgram {
  readonly unit: string
  /** The absolute paths among its words, in their order: other words may hold anything, and are not kept. */
  readonly paths: readonly string[]
}

const mainProperties = ['Id', 'MainPID'] as const

/** The main processes of the active services that are not the distribution's own. One that ended meanwhile is left out. */
export const mainPrograms: FactSource<readonly MainProgram[]> = {
  key: 'main-programs',
  place: 'host',
  reads: [
    stateReads(['*']),
    systemdPattern.unitStates(['*.service'], mainProperties),
    linuxPattern.processes()
  ],
  async take(look) {
    const states = await readStates(look, ['*'])
    const own = states.filter(
      ({ name, active, type, files }) =>
        name.endsWith('.service') &&
        active === 'active' &&
        type !== 'oneshot' &&
        files.some(path => !isSystemProgram(path))
    )
    // One after the other, unlike elsewhere: to look at every service costs systemd much, and mostly there are none.
    if (own.length === 0) return []
    const mains = await look.read(systemdRead.unitStates(['*.service'], mainProperties))
    const names = new Set(own.map(({ name }) => name))
    const units = mains.stdout.split(/\n\n+/).flatMap(block => {
      const unit = /^Id=(.*)$/m.exec(block)?.[1] ?? ''
      const pid = Number(/^MainPID=(\d{1,7})$/m.exec(block)?.[1] ?? '0')
      return names.has(unit) && pid > 0 ? [{ unit, pid }] : []
    })
    if (units.length > 500)
      throw new Unseen(`the host has ${units.length} services, more than the limit of 500`)
    if (units.length === 0) return []
    const { stdout } = await look.read(linuxRead.processes(units.map(({ pid }) => pid)))
    const lines = new Map(
      stdout.split('\n').flatMap(line => {
        const [, pid, words] = /^\s*(\d+) (.*)$/.exec(line) ?? []
        return pid === undefined || words === undefined ? [] : [[Number(pid), words]]
      })
    )
    return units
      .flatMap(({ unit, pid }) => {
        const words = lines.get(pid)?.split(/\s+/)
        return words === undefined ? [] : [{ unit, paths: words.map(pathIn).filter(path => path !== '') }]
      })
      .sort((a, b) => (a.unit < b.unit ? -1 : 1))
  }
}

/** What NixOS says of itself; null on another system. */
export interface Nixos {
  /** The commit that the system was built from; null if its configuration does not record it. */
  readonly revision: string | null
  /** Store paths; empty where there is none. */
  readonly bootedKernel: string
  readonly currentKernel: string
  /** When the current system was activated, by a boot or a switch, in seconds since 1970. */
  readonly switchedSeconds: number | null
}

const version = z.object({ configurationRevision: z.string().nullish() })

export const nixos: FactSource<Nixos | null> = {
  key: 'nixos',
  place: 'host',
  reads: [nixosPattern.nixosVersion(), nixosPattern.nixosKernels(), nixosPattern.nixosSwitch()],
  async take(look) {
    const answer = await look.read(nixosRead.nixosVersion())
    if (answer.exit === 127) return null
    const [kernels, switched] = await Promise.all([
      look.read(nixosRead.nixosKernels()),
      look.read(nixosRead.nixosSwitch())
    ])
    const [bootedKernel = '', currentKernel = ''] = kernels.stdout.split('\n')
    return {
      revision: version.parse(parseJson(answer.stdout)).configurationRevision ?? null,
      bootedKernel,
      currentKernel,
      switchedSeconds: /^\d{1,12}\n?$/.test(switched.stdout) ? Number(switched.stdout) : null
    }
  }
}

/** The commit under review. */
export const reviewedCommit: FactSource<string> = {
  key: 'reviewed-commit',
  place: 'repo',
  take: async look => look.repo.commit
}
