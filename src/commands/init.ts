import { basename, dirname, join, relative, resolve } from 'node:path'
import { stringify } from 'yaml'
import { probes } from '../../probes/index.ts'
import { AdversaryError } from '../base/errors.ts'
import { toText } from '../base/text.ts'
import { parseClaim } from '../claim/parse.ts'
import { kindOf, makeFolder, readText, writeNew } from '../doors/files.ts'
import { type Git, openClone } from '../doors/git.ts'
import { runGit } from '../doors/git/process.ts'
import { absolutePath, isLocal, readConfig } from '../home/config.ts'
import { configFile } from '../home/home.ts'
import { readPlan } from '../home/plan.ts'
import { isRepoPath } from '../home/scalars.ts'
import { keepOutOfTheRepo, workingTreesAround } from '../home/working-tree.ts'
import { parseYaml } from '../home/yaml.ts'
import { type ExitCode, exitCode } from '../words.ts'
import type { CommonOptions, Io } from './io.ts'
import { packageRoot } from './package.ts'
import { adversaryYaml, type Guesses, planYaml } from './init-files.ts'

export interface InitOptions extends CommonOptions {
  readonly dir?: string
  readonly repo?: string
  readonly branch?: string
  /** `name`, or `name=address`. */
  readonly host?: string
  readonly phase?: string
}

const capBytes = 1024 * 1024

/** Writes a home for a repo and a host. What it is not told it guesses, and says so in the files. Never overwrites. */
export async function run(options: InitOptions, io: Io): Promise<ExitCode> {
  const [tree] = await workingTreesAround(io.cwd)
  const repo = repoUrl(
    options.repo ?? tree?.remotes.find(({ name }) => name === 'origin')?.url,
    tree?.dir,
    io
  )
  const dir = resolve(io.cwd, options.home ?? options.dir ?? defaultDir(tree?.dir))
  if ((await kindOf(join(dir, configFile))) !== null) {
    throw new AdversaryError('usage', `${join(dir, configFile)} is already there, and is left as it is`)
  }

  await keepOutOfTheRepo({ dir, repo: { url: repo } }, io.userHome)

  io.progress(`reading ${repo}`)
  const git = await openClone({ url: repo, dir: join(dir, '.adversary', 'clone.git'), signal: io.signal })
  const guesses = await guess(git, repo, options, io).finally(() => git.close())
  io.progress(null)

  const plan = `plans/${guesses.phase}.yaml`
  const files: readonly (readonly [name: string, text: string])[] = [
    [configFile, adversaryYaml(guesses)],
    [plan, planYaml(guesses)],
    ['.gitignore', '.adversary/\n']
  ]
  // What is about to be written must be what the other commands will read.
  const config = readConfig(parseYaml(adversaryYaml(guesses), configFile), dir, io.userHome)
  readPlan(parseYaml(planYaml(guesses), plan), guesses.phase, { ...config, probes })
  await makeFolder(join(dir, 'plans'))
  for (const [name, text] of files) await writeNew(join(dir, name), text)

  const hasKey = (await kindOf(config.identity.signingKey)) !== null
  const next = nextSteps(guesses, relative(io.cwd, dir) || '.', hasKey)
  io.out(`A home for ${repo} is in ${dir}:`)
  for (const [name] of files) io.out(`  ${name}`)
  io.out('Next:')
  for (const line of next) io.out(`  ${line}`)
  io.json({ home: dir, files: files.map(([name]) => name), next })
  return exitCode.pass
}

function repoUrl(given: string | undefined, tree: string | undefined, io: Io): string {
  const url = given ?? tree
  if (url === undefined) {
    const hint = 'adversary init --repo ssh://git@git.example.test/ops/infra.git --host prod'
    throw new AdversaryError('usage', 'no repo: there is no checkout here, and no --repo', { hint })
  }
  return isLocal(url) || (given !== undefined && !url.includes(':'))
    ? absolutePath(url, given === undefined ? io.cwd : (tree ?? io.cwd), io.userHome)
    : url
}

/** Beside a checkout and never inside it: a builder must not be able to change its own exam. */
function defaultDir(tree: string | undefined): string {
  return tree === undefined ? 'adversary-home' : join(dirname(tree), `${basename(tree)}-adversary`)
}

/** Everything that the repo, the account and the machine can tell. */
async function guess(git: Git, repo: string, options: InitOptions, io: Io): Promise<Guesses> {
  const branch = options.branch ?? (await git.remoteHead()) ?? 'main'
  const tip = await git.fetch(branch)
  if (tip === null && options.branch !== undefined) {
    throw new AdversaryError('repository', `${repo} has no branch ${branch}`)
  }
  const history = tip === null ? [] : await git.commits({ tip })
  const paths = tip === null ? [] : await pathsOf(git, tip)
  const claimed = history.flatMap(commit => {
    const parsed = parseClaim(commit)
    return parsed.kind === 'claim' ? [parsed.claim] : []
  })
  const reviews = paths.filter(path => /(?:^|\/)REVIEW-[\w.-]+\.md$/.test(path))
  const last = claimed.at(-1)
  const aliases = await sshAliases(io.userHome)
  return {
    repo,
    branch,
    since: tip,
    phase: options.phase ?? last?.phase ?? 'p1',
    milestone: last?.milestone ?? 'M1',
    reviewFolder: reviews.map(path => path.slice(0, path.lastIndexOf('/') + 1)).at(-1) ?? 'reviews/',
    existingReviews: reviews,
    file:
      paths.find(path => /^README/i.test(path)) ?? paths.find(path => !path.startsWith('.')) ?? 'README.md',
    host: hostOf(options.host ?? (aliases.length === 1 ? aliases[0] : undefined)),
    aliases,
    schemas: join(await packageRoot(), 'schemas'),
    email: `adversary@${/^(?:\w+:\/\/)?(?:[^@/]+@)?(?<host>[\w-]+(?:\.[\w-]+)+)/.exec(repo)?.groups?.['host'] ?? 'localhost'}`
  }
}

async function pathsOf(git: Git, commit: string): Promise<readonly string[]> {
  const { code, stdout } = await runGit(git.dir, [
    'ls-tree',
    '-r',
    '--full-tree',
    '--name-only',
    '-z',
    commit
  ])
  return code === 0 ? toText(stdout).split('\0').filter(isRepoPath) : []
}

function hostOf(given: string | undefined): Guesses['host'] {
  if (given === undefined) return null
  const equals = given.indexOf('=')
  const name = equals < 0 ? given : given.slice(0, equals)
  return { name, ssh: equals < 0 ? given : given.slice(equals + 1) }
}

/** The names in ~/.ssh/config that stand for one host. */
async function sshAliases(userHome: string): Promise<readonly string[]> {
  const text = (await readText(join(userHome, '.ssh', 'config'), capBytes)) ?? ''
  const names = [...text.matchAll(/^[ \t]*Host[ \t=]+(?<names>.+)$/gim)].flatMap(
    match => match.groups?.['names']?.trim().split(/\s+/) ?? []
  )
  return [...new Set(names)].filter(name => /^[A-Za-z0-9][\w.-]*$/.test(name))
}

function nextSteps(guesses: Guesses, dir: string, hasKey: boolean): readonly string[] {
  const { phase, milestone, host } = guesses
  const where = dir === '.' ? '' : ` --home ${stringify(dir).trim()}`
  return [
    ...(hasKey ? [] : [`ssh-keygen -t ed25519 -N '' -C ${guesses.email} -f ~/.ssh/adversary_ed25519`]),
    ...(host === null
      ? [`add your host to ${join(dir, configFile)}, under hosts:`]
      : [`adversary probe subnet-collision --on ${host.name}${where}`]),
    `write what ${milestone} must be shown to be into ${join(dir, 'plans', `${phase}.yaml`)}`,
    `adversary review ${phase}-${milestone} --dry-run${where}`
  ]
}
