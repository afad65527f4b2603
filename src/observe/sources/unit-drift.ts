import { z } from 'zod'
import { isSystemProgram, readablePath } from '../../base/program-runs.ts'
import { pathIn, startPrograms } from '../../base/running-program.ts'
import { type FactSource, type ReadResult, Unseen } from '../fact.ts'
import { readCommand, readPattern } from '../read-command.ts'
import { assembled } from './unit-programs.ts'
import { readStates, stateReads } from './units.ts'

/**
 * When the files of the services that are not the distribution's own last changed, and the programs that these
 * name: by path, in seconds since 1970. A link that was made anew changes as well.
 */
export const unitFileTimes: FactSource<Readonly<Record<string, number>>> = {
  key: 'unit-file-times',
  place: 'host',
  reads: [
    stateReads(['*']),
    readPattern.unitTexts(['*.service']),
    readPattern.changeTime(),
    readPattern.linkTime()
  ],
  async take(look) {
    const [states, cat] = await Promise.all([
      readStates(look, ['*']),
      look.read(readCommand.unitTexts(['*.service']))
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
    if (own.length > 500) throw new Unseen(`${own.length} unit files are more than are looked at`)
    const times = await Promise.all(
      own.map(async path => {
        const looks = [look.read(readCommand.changeTime(path))]
        if (units.has(path)) looks.push(look.read(readCommand.linkTime(path)))
        return (await Promise.all(looks)).flatMap(timeOf)
      })
    )
    return Object.fromEntries(
      own.flatMap((path, index) => {
        const found = times[index] ?? []
        return found.length === 0 ? [] : [[path, Math.max(...found)]]
      })
    )
  }
}

function timeOf({ exit, stdout }: ReadResult): readonly number[] {
  if (exit === 1) return []
  const [, seconds] = /^(\d{1,12}) \//.exec(stdout) ?? []
  if (seconds === undefined) throw new RangeError(`no time and path: ${stdout}`)
  return [Number(seconds)]
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
  reads: [stateReads(['*']), readPattern.unitStates(['*.service'], mainProperties), readPattern.processes()],
  async take(look) {
    const [states, mains] = await Promise.all([
      readStates(look, ['*']),
      look.read(readCommand.unitStates(['*.service'], mainProperties))
    ])
    const own = states.filter(
      ({ name, active, type, files }) =>
        name.endsWith('.service') &&
        active === 'active' &&
        type !== 'oneshot' &&
        files.some(path => !isSystemProgram(path))
    )
    const names = new Set(own.map(({ name }) => name))
    const units = mains.stdout.split(/\n\n+/).flatMap(block => {
      const unit = /^Id=(.*)$/m.exec(block)?.[1] ?? ''
      const pid = Number(/^MainPID=(\d{1,7})$/m.exec(block)?.[1] ?? '0')
      return names.has(unit) && pid > 0 ? [{ unit, pid }] : []
    })
    if (units.length > 500) throw new Unseen(`${units.length} services are more than are looked at`)
    if (units.length === 0) return []
    const { stdout } = await look.read(readCommand.processes(units.map(({ pid }) => pid)))
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
  reads: [readPattern.nixosVersion(), readPattern.nixosKernels(), readPattern.nixosSwitch()],
  async take(look) {
    const [said, kernels, switched] = await Promise.all([
      look.read(readCommand.nixosVersion()),
      look.read(readCommand.nixosKernels()),
      look.read(readCommand.nixosSwitch())
    ])
    if (said.exit === 127) return null
    const [bootedKernel = '', currentKernel = ''] = kernels.stdout.split('\n')
    return {
      revision: version.parse(JSON.parse(said.stdout)).configurationRevision ?? null,
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
