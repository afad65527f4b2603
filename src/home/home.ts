import { dirname, join, resolve } from 'node:path'
import { AdversaryError, messageOf } from '../base/errors.ts'
import { kindOf, namesIn, readText, realPath } from '../doors/files.ts'
import type { AnyProbe } from '../judge/probe.ts'
import { absolutePath, type Config, readConfig } from './config.ts'
import type { Kit } from './own-probes.ts'
import { loadOwnProbes } from './own-probes.ts'
import { readPlan } from './plan.ts'
import type { Home, Plan } from './types.ts'
import { keepOutOfTheRepo } from './working-tree.ts'
import { capBytes, parseYaml, type YamlFile } from './yaml.ts'

export type * from './types.ts'

export const configFile = 'adversary.yaml'

/** What the machine, and not the home, decides. */
export interface Machine {
  /** What `~` stands for. */
  readonly userHome: string
  /** The library of probes, which is loaded once the configuration has been read. */
  library(): Promise<readonly AnyProbe[]>
  /** The fact sources that a home's own probes may use; loaded where there are such probes. */
  facts(): Promise<Kit['facts']>
  /** Hears what the home says before its plans are understood and the library is loaded, which wait for it. */
  read?(config: Config, plans: readonly PlanFile[]): Promise<void>
}

/** A plan as it is written, not yet understood. */
export interface PlanFile {
  /** Its name without the ending, which is its phase where it names none. */
  readonly stem: string
  readonly file: YamlFile
}

/** The nearest folder upwards from `cwd` (included) with an `adversary.yaml`; null: there is none. */
export async function findHome(cwd: string): Promise<string | null> {
  for (let dir = resolve(cwd); ; dir = dirname(dir)) {
    if ((await kindOf(join(dir, configFile))) !== null) return dir
    if (dir === dirname(dir)) return null
  }
}

/**
 * Reads and checks the whole home: configuration, own probes, every plan.
 *
 * @throws AdversaryError (usage) for the first thing that is wrong, naming file, line, key, value and
 * what was expected.
 * @param want.plans false leaves the plans alone, whatever state they are in.
 */
export async function loadHome(
  dir: string,
  machine: Machine,
  want: { readonly plans: boolean } = { plans: true }
): Promise<Home> {
  const root = (await realPath(dir)) ?? resolve(dir)
  const source = await yaml(root, configFile)
  if (source === null) {
    const hint = 'adversary init writes one'
    throw new AdversaryError('usage', `there is no ${configFile} in ${root}`, { hint })
  }
  const config = readConfig(source, root, machine.userHome)
  await keepOutOfTheRepo(config, machine.userHome)

  const files: PlanFile[] = []
  const names = want.plans ? await namesIn(join(root, 'plans')) : null
  for (const name of names ?? []) {
    if (name.endsWith('.yml')) {
      const hint = `mv plans/${name} plans/${name.slice(0, -4)}.yaml`
      throw new AdversaryError('usage', `plans/${name}: expected the ending \`.yaml\``, { hint })
    }
    if (!name.endsWith('.yaml') || name.startsWith('.')) continue
    const file = await yaml(root, `plans/${name}`)
    if (file === null) throw new AdversaryError('usage', `plans/${name}: it is gone, or a link to nothing`)
    files.push({ stem: name.slice(0, -5), file })
  }
  await machine.read?.(config, files)

  const library = await machine.library()
  const probes = [...library, ...(await loadOwnProbes(root, library, machine.facts))]
  const plans = new Map<string, Plan>()
  for (const { stem, file } of files) {
    const plan = readPlan(file, stem, { ...config, probes })
    plans.set(plan.phase, plan)
  }
  return { ...config, plans, probes }
}

/** The review file of a phase, in the repo. */
export function reviewPathOf({ repo }: Pick<Home, 'repo'>, phase: string): string {
  return repo.review.replaceAll('{phase}', phase)
}

/** The folder of a phase's evidence files, in the repo. */
export function evidenceDirOf({ repo }: Pick<Home, 'repo'>, phase: string): string {
  return repo.evidence.replaceAll('{phase}', phase)
}

/** The branch that reviews are pushed to. */
export function reviewBranchOf({ repo }: Pick<Home, 'repo'>): string {
  return repo.reviewBranch ?? repo.branch
}

/** The text of a file that a plan names, for example a CA. @throws AdversaryError (usage) if it cannot be read. */
export async function homeFile(home: Pick<Home, 'dir'>, path: string, userHome: string): Promise<string> {
  const text = await textOf(absolutePath(path, home.dir, userHome), path)
  if (text === null) throw new AdversaryError('usage', `${path}: there is no such file in ${home.dir}`)
  return text
}

async function yaml(dir: string, name: string): Promise<YamlFile | null> {
  const text = await textOf(join(dir, name), name)
  return text === null ? null : parseYaml(text.replace(/^\uFEFF/, ''), name)
}

async function textOf(path: string, name: string): Promise<string | null> {
  try {
    return await readText(path, capBytes)
  } catch (error) {
    throw new AdversaryError('usage', `${name}: cannot be read: ${messageOf(error)}`, { cause: error })
  }
}
