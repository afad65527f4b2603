import { basename, dirname, join, resolve } from 'node:path'
import { sha256 } from '../lib/canonical.ts'
import { AdversaryError, messageOf } from '../lib/errors.ts'
import { kindOf, namesIn, readText, realPath } from '../os/files.ts'
import type { AnyProbe } from '../probe/probe.ts'
import { absolutePath, type Config, readConfig } from './config.ts'
import type { ProbeApi } from './own-probes.ts'
import { loadOwnProbes, ownProbeFiles } from './own-probes.ts'
import { readPlan } from './plan/plan.ts'
import type { Workspace, Plan } from './types.ts'
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
  facts(): Promise<ProbeApi['facts']>
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
export async function findWorkspace(cwd: string): Promise<string | null> {
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
export async function loadWorkspace(
  dir: string,
  machine: Machine,
  want: { readonly plans: boolean } = { plans: true }
): Promise<Workspace> {
  const root = (await realPath(dir)) ?? resolve(dir)
  const { text, config } = await configIn(root, machine.userHome)
  await keepOutOfTheRepo(config, machine.userHome)

  const texts = want.plans ? await planTexts(root) : []
  const files = texts.map(
    ([name, plan]): PlanFile => ({
      stem: basename(name, '.yaml'),
      file: yaml(existing(name, plan), name)
    })
  )
  await machine.read?.(config, files)

  const own = await ownProbeFiles(root)
  // As they are before they are loaded.
  const programs = await Promise.all(
    own.map(async (name): Promise<NamedText> => [name, await textOf(join(root, name), name, programCap)])
  )
  const held = [[configFile, text] as const, ...texts, ...programs]
  const library = await machine.library()
  const probes = [...library, ...(await loadOwnProbes(root, own, library, machine.facts))]
  const plans = new Map<string, Plan>()
  for (const { stem, file } of files) {
    const plan = readPlan(file, stem, { ...config, probes })
    plans.set(plan.phase, plan)
  }
  return {
    ...config,
    plans,
    probes,
    files: new Map(held.map(([name, content]) => [name, digestOf(content)]))
  }
}

/** What `checkWorkspace` found. Files by their names in the home. */
export interface WorkspaceCheck {
  readonly dir: string
  readonly checked: readonly string[]
  /** Files that cannot be judged before an error in another file is fixed. */
  readonly unchecked: readonly string[]
  /** The first error of each file; `file` is null where the home as a whole is wrong. */
  readonly errors: readonly { readonly file: string | null; readonly error: AdversaryError }[]
}

/**
 * Checks every file of the home, where `loadWorkspace` stops at the first error. Opens no connection, starts no
 * program and writes nothing; own probes are loaded.
 *
 * @throws whatever is not an error of the home.
 */
export async function checkWorkspace(dir: string, machine: Machine): Promise<WorkspaceCheck> {
  const root = (await realPath(dir)) ?? resolve(dir)
  const errors: WorkspaceCheck['errors'][number][] = []
  const checked: string[] = []
  const unchecked: string[] = []
  async function attempt<T>(file: string | null, work: () => Promise<T>): Promise<T | null> {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof AdversaryError) || error.kind !== 'usage') throw error
      errors.push({ file, error })
      return null
    }
  }

  const found = await attempt(configFile, () => configIn(root, machine.userHome))
  if ((await kindOf(join(root, configFile))) !== null) checked.push(configFile)
  if (found !== null) await attempt(null, () => keepOutOfTheRepo(found.config, machine.userHome))

  const library = await machine.library()
  const probes = [...library]
  const broken: string[] = []
  const own = (await attempt('probes', () => ownProbeFiles(root))) ?? []
  for (const file of own) {
    checked.push(file)
    const loaded = await attempt(file, () => loadOwnProbes(root, [file], library, machine.facts))
    if (loaded === null) broken.push(basename(file, '.mjs'))
    probes.push(...(loaded ?? []))
  }

  for (const name of (await attempt('plans', () => planNames(root))) ?? []) {
    const path = `plans/${name}`
    const file = await attempt(path, async () => {
      const at = planPath(name)
      return yaml(existing(at, await textOf(join(root, at), at)), at)
    })
    const needsBroken = broken.some(id => JSON.stringify(file?.data ?? null).includes(JSON.stringify(id)))
    if (file !== null && (found === null || needsBroken)) {
      unchecked.push(path)
      continue
    }
    checked.push(path)
    if (file === null || found === null) continue
    await attempt(path, async () => readPlan(file, basename(name, '.yaml'), { ...found.config, probes }))
  }
  return { dir: root, checked, unchecked, errors }
}

/**
 * `adversary.yaml` as it is now, without plans and probes.
 *
 * @throws AdversaryError (usage) for the first thing that is wrong.
 */
export async function loadConfig(dir: string, userHome: string): Promise<Config> {
  return (await configIn((await realPath(dir)) ?? resolve(dir), userHome)).config
}

async function configIn(
  root: string,
  userHome: string
): Promise<{ readonly text: string; readonly config: Config }> {
  const text = await textOf(join(root, configFile), configFile)
  if (text === null) {
    const hint = 'run `adversary init` to create one'
    throw new AdversaryError('usage', `no ${configFile} in ${root}`, { hint })
  }
  return { text, config: readConfig(yaml(text, configFile), root, userHome) }
}

/**
 * Which of these files hold something else than when the home was read: somebody was writing them then, or writes now.
 * Own probes are among them where there are any.
 */
export async function changedFiles(
  { dir, files }: Pick<Workspace, 'dir' | 'files'>,
  names: readonly string[]
): Promise<readonly string[]> {
  const own = [...files.keys()].filter(name => name.endsWith('.mjs'))
  const changed: string[] = []
  for (const name of [...names, ...own]) {
    if (digestOf(await textOf(join(dir, name), name, programCap)) !== files.get(name)) changed.push(name)
  }
  return changed
}

function digestOf(content: string | null): string {
  return content === null ? '' : sha256(content)
}

type NamedText = readonly [name: string, text: string | null]

/** What the files of plans hold, by their names in the home; null: it is gone, or a link to nothing. */
async function planTexts(root: string): Promise<readonly NamedText[]> {
  const texts: NamedText[] = []
  for (const name of await planNames(root)) {
    const path = planPath(name)
    texts.push([path, await textOf(join(root, path), path)])
  }
  return texts
}

/** The names in `plans/` that are plans, or were meant to be. */
async function planNames(root: string): Promise<readonly string[]> {
  const names = (await namesIn(join(root, 'plans'))) ?? []
  return names.filter(name => name.endsWith('.yml') || (name.endsWith('.yaml') && !name.startsWith('.')))
}

/** @throws AdversaryError (usage) for a name that is not a plan's. */
function planPath(name: string): string {
  if (!name.endsWith('.yml')) return `plans/${name}`
  const hint = `mv plans/${name} plans/${name.slice(0, -4)}.yaml`
  throw new AdversaryError('usage', `plans/${name}: expected the ending \`.yaml\``, { hint })
}

/** @throws AdversaryError (usage) for a plan that could not be read. */
function existing(name: string, text: string | null): string {
  if (text === null) throw new AdversaryError('usage', `${name}: missing, or a dangling symlink`)
  if (text.trim() === '') {
    throw new AdversaryError('usage', `${name}: the file is empty; expected a plan`, {
      hint: `write one with \`adversary suggest --out ${name}\`, or remove the file`
    })
  }
  return text
}

/** The review file of a phase, in the repo. */
export function reviewPathOf({ repo }: Pick<Workspace, 'repo'>, phase: string): string {
  return repo.review.replaceAll('{phase}', phase)
}

/** The folder of a phase's evidence files, in the repo. */
export function evidenceDirOf({ repo }: Pick<Workspace, 'repo'>, phase: string): string {
  return repo.evidence.replaceAll('{phase}', phase)
}

/** The branch that reviews are pushed to. */
export function reviewBranchOf({ repo }: Pick<Workspace, 'repo'>): string {
  return repo.reviewBranch ?? repo.branch
}

/** The text of a file that a plan names, for example a CA. @throws AdversaryError (usage) if it cannot be read. */
export async function workspaceFile(
  home: Pick<Workspace, 'dir'>,
  path: string,
  userHome: string
): Promise<string> {
  const text = await textOf(absolutePath(path, home.dir, userHome), path)
  if (text === null) throw new AdversaryError('usage', `${path} does not exist in ${home.dir}`)
  return text
}

function yaml(text: string, name: string): YamlFile {
  return parseYaml(text.replace(/^\uFEFF/, ''), name)
}

/** A program may be bundled from many. */
const programCap = 16 * 1024 * 1024

async function textOf(path: string, name: string, cap = capBytes): Promise<string | null> {
  try {
    return await readText(path, cap)
  } catch (error) {
    throw new AdversaryError('usage', `${name}: cannot be read: ${messageOf(error)}`, { cause: error })
  }
}
