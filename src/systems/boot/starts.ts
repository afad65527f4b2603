import { type BootJudgement, type BootUnit, orderOf, type ServedBy, startsAfter } from './boot-graph.ts'
import { provisionsOf } from './waits.ts'
import { hostEffort } from '../../lib/effort.ts'
import { programRuns, type Run, stackOf } from '../programs/program-runs.ts'
import { labelsOfStack } from '../traefik/rule.ts'
import { environmentOf, startCommands, type UnitFile } from '../languages/unit-file.ts'

/** What the starts of all services run, as far as it could be read. */
export interface Starts {
  readonly runs: ReadonlyMap<string, readonly Run[]>
  /** What the stack files say that they serve, whether it is deployed now or not. */
  readonly declared: readonly ServedBy[]
  /** How many files were looked into. */
  readonly files: number
  /** Programs that could not be followed, with the unit that runs them. */
  readonly blind: readonly { readonly unit: string; readonly path: string }[]
}

/**
 * Follows the start programs of services through their files.
 *
 * @param texts the files; null for one that is there and could not be read. Those that do not exist are left
 * out together with `gone`.
 */
export function startsOf(
  services: readonly { readonly name: string; readonly files: readonly UnitFile[] }[],
  texts: ReadonlyMap<string, string | null>,
  gone: ReadonlySet<string>
): Starts {
  const read = new Set<string>()
  const blind: { unit: string; path: string }[] = []
  const runs = new Map<string, readonly Run[]>()
  const declared: ServedBy[] = []
  const effort = hostEffort()
  for (const { name, files } of services) {
    const environment = environmentOf(files, name)
    const made = programRuns(startCommands(files, name), texts, {
      hops: 3,
      environment,
      stacks: true,
      effort
    })
    runs.set(name, made.runs)
    for (const path of made.read.keys()) read.add(path)
    for (const run of made.runs) {
      const stack = stackOf(run)
      for (const path of stack?.files ?? []) {
        const labels = labelsOfStack(texts.get(path) ?? '')
        if (stack !== null) declared.push({ name: path, stack: stack.name, labels })
      }
    }
    const unread = [
      ...made.missing.filter(({ stack }) => !stack).map(({ path }) => path),
      ...made.broken,
      ...made.unread
    ]
    blind.push(...unread.filter(path => !gone.has(path)).map(path => ({ unit: name, path })))
  }
  return { runs, declared, files: read.size, blind }
}

/** A program that could not be followed, and why that matters, as a sentence. */
export interface BlindSpot {
  readonly unit: string
  readonly path: string
  readonly why: string
}

/**
 * Which of the programs that could not be read matter. One matters if a wait in it
 * could close a circle (something that units bring up is ordered after it), or if it could be what brings up
 * the thing that another unit waits for.
 */
export function blindSpots(
  starts: Starts,
  units: readonly BootUnit[],
  { waits }: BootJudgement
): readonly BlindSpot[] {
  const { after } = orderOf({ units, starts: starts.runs })
  const providers = [...starts.runs]
    .filter(([, runs]) => runs.some(run => provisionsOf(run).some(({ kind }) => kind !== 'file')))
    .map(([name]) => name)
  const open = waits.filter(({ providers, served }) => providers.length === 0 && served !== '')
  return starts.blind.flatMap(({ unit, path }) => {
    const behind = providers.filter(provider => startsAfter(after, provider, unit))
    const wanted = open.filter(wait => startsAfter(after, unit, wait.unit)).map(wait => wait.unit)
    if (behind.length === 0 && wanted.length === 0) return []
    const why =
      behind.length > 0
        ? `${behind.join(', ')} ${behind.length === 1 ? 'starts' : 'start'} only after it`
        : `it may start what ${wanted.join(', ')} waits for`
    return [{ unit, path, why: `${path} of ${unit} could not be read, and ${why}` }]
  })
}
