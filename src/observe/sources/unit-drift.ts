import { z } from 'zod'
import { isSystemProgram, readablePath } from '../../base/program-runs.ts'
import { type FactSource, Unseen } from '../fact.ts'
import { readCommand, readPattern } from '../read-command.ts'
import { readStates, stateReads } from './units.ts'

/** When the files of the services that are not the distribution's own last changed, by path, in seconds since 1970. */
export const unitFileTimes: FactSource<Readonly<Record<string, number>>> = {
  key: 'unit-file-times',
  place: 'host',
  reads: [stateReads(['*']), readPattern.changeTime()],
  async take(look) {
    const states = (await readStates(look, ['*'])).filter(({ name }) => name.endsWith('.service'))
    const paths = [...new Set(states.flatMap(({ files }) => files))]
    const own = paths.filter(path => !isSystemProgram(path) && readablePath(path) === path).sort()
    if (own.length > 500) throw new Unseen(`${own.length} unit files are more than are looked at`)
    const times = await Promise.all(own.map(path => look.read(readCommand.changeTime(path))))
    return Object.fromEntries(
      own.flatMap((path, index) => {
        const { exit, stdout } = times[index] ?? { exit: 1, stdout: '' }
        if (exit === 1) return []
        const [, seconds] = /^(\d{1,12}) \//.exec(stdout) ?? []
        if (seconds === undefined) throw new RangeError(`no time and path: ${stdout}`)
        return [[path, Number(seconds)]]
      })
    )
  }
}

/** What NixOS says of itself; null on another system. */
export interface Nixos {
  /** The commit that the system was built from; null if its configuration does not record it. */
  readonly revision: string | null
  /** Store paths; empty where there is none. */
  readonly bootedKernel: string
  readonly currentKernel: string
}

const version = z.object({ configurationRevision: z.string().nullish() })

export const nixos: FactSource<Nixos | null> = {
  key: 'nixos',
  place: 'host',
  reads: [readPattern.nixosVersion(), readPattern.nixosKernels()],
  async take(look) {
    const [said, kernels] = await Promise.all([
      look.read(readCommand.nixosVersion()),
      look.read(readCommand.nixosKernels())
    ])
    if (said.exit === 127) return null
    const [bootedKernel = '', currentKernel = ''] = kernels.stdout.split('\n')
    return {
      revision: version.parse(JSON.parse(said.stdout)).configurationRevision ?? null,
      bootedKernel,
      currentKernel
    }
  }
}

/** The commit under review. */
export const reviewedCommit: FactSource<string> = {
  key: 'reviewed-commit',
  place: 'repo',
  take: async look => look.repo.commit
}
