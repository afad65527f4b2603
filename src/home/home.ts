import { dirname, join, resolve, sep } from 'node:path'
import { AdversaryError, messageOf } from '../base/errors.ts'
import { kindOf, namesIn, readText, realPath } from '../doors/files.ts'
import type { AnyProbe } from '../judge/probe.ts'
import type { Config } from './config.ts'
import { absolutePath, isLocal, readConfig } from './config.ts'
import type { Kit } from './own-probes.ts'
import { loadOwnProbes } from './own-probes.ts'
import { readPlan } from './plan.ts'
import type { Home, Plan } from './types.ts'
import { capBytes, parseYaml, type YamlFile } from './yaml.ts'

export type * from './types.ts'

export const configFile = 'adversary.yaml'

/** What the machine, and not the home, decides. */
export interface Machine {
  /** What `~` stands for. */
  readonly userHome: string
  /** The library of probes. */
  readonly library: readonly AnyProbe[]
  /** The fact sources that a home's own probes may use; loaded where there are such probes. */
  facts(): Promise<Kit['facts']>
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
 * what was expected; nothing has been done then.
 */
export async function loadHome(dir: string, machine: Machine): Promise<Home> {
  const root = (await realPath(dir)) ?? resolve(dir)
  const source = await yaml(root, configFile)
  if (source === null) {
    const hint = 'adversary init writes one'
    throw new AdversaryError('usage', `there is no ${configFile} in ${root}`, { hint })
  }
  const config = readConfig(source, root, machine.userHome)
  await keepOutOfTheRepo(config, machine)

  const own = await loadOwnProbes(root, machine.library, machine.facts)
  const probes = [...machine.library, ...own]
  const plans = new Map<string, Plan>()
  for (const name of (await namesIn(join(root, 'plans'))) ?? []) {
    if (name.endsWith('.yml')) {
      const hint = `mv plans/${name} plans/${name.slice(0, -4)}.yaml`
      throw new AdversaryError('usage', `plans/${name}: expected the ending \`.yaml\``, { hint })
    }
    if (!name.endsWith('.yaml') || name.startsWith('.')) continue
    const file = await yaml(root, `plans/${name}`)
    if (file === null) throw new AdversaryError('usage', `plans/${name}: it is gone, or a link to nothing`)
    const plan = readPlan(file, name.slice(0, -5), { ...config, probes })
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

/**
 * A home inside a working tree of the watched repo could be changed by the builder whose work it judges.
 * The tree is known by its remotes, and by being the watched repo itself.
 */
async function keepOutOfTheRepo({ dir, repo }: Config, machine: Machine): Promise<void> {
  for (let tree = dir; ; tree = dirname(tree)) {
    if ((await kindOf(join(tree, '.git'))) !== null) {
      const config = await gitConfig(tree)
      const remotes = [...config.matchAll(/^\s*url\s*=\s*(?<url>.*?)\s*$/gm)].map(
        match => match.groups?.['url'] ?? ''
      )
      const watched = await sameRepo(repo.url, dir, machine.userHome)
      const here = [`${tree}${sep}.git`, ...remotes]
      for (const url of here) {
        if ((await sameRepo(url, tree, machine.userHome)) !== watched) continue
        const hint = 'keep it elsewhere: a builder must not be able to change its own exam'
        throw new AdversaryError('usage', `the home ${dir} is inside a working tree of the watched repo`, {
          hint
        })
      }
    }
    if (tree === dirname(tree)) return
  }
}

/** The text of a working tree's git configuration; a linked tree's is that of its main repository. */
async function gitConfig(tree: string): Promise<string> {
  const dotGit = join(tree, '.git')
  if ((await kindOf(dotGit)) === 'folder') return (await readText(join(dotGit, 'config'), capBytes)) ?? ''
  const gitDir = /^gitdir: (?<path>.+)$/m.exec((await readText(dotGit, capBytes)) ?? '')?.groups?.['path']
  if (gitDir === undefined) return ''
  const common = (await readText(join(resolve(tree, gitDir), 'commondir'), capBytes)) ?? '.'
  return (await readText(join(resolve(tree, gitDir, common.trim()), 'config'), capBytes)) ?? ''
}

/** One text for every way to write one repo's address: scheme, user, port, `.git` and a final slash set aside. */
async function sameRepo(url: string, dir: string, userHome: string): Promise<string> {
  const plain = url.replace(/^file:\/\//, '')
  if (isLocal(plain) || plain !== url) {
    const path = absolutePath(plain, dir, userHome)
    return ((await realPath(path)) ?? path).replace(/\/?\.git\/?$|\/+$/, '')
  }
  const scp = /^(?:[^@/]+@)?(?<host>[^:/]+):(?!\/\/)(?<path>.*)$/.exec(url)?.groups
  const { host = '', path = '' } = scp ?? urlParts(url)
  return `${host.toLowerCase()}/${path.replace(/^\/+|\/+$|(?:\.git)?\/*$/g, '')}`
}

function urlParts(url: string): { readonly host?: string; readonly path?: string } {
  return URL.canParse(url) ? { host: new URL(url).hostname, path: new URL(url).pathname } : {}
}
