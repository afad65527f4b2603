import { basename, dirname, join, relative, resolve } from 'node:path'
import { stringify } from 'yaml'
import { probes } from '../../../probes/index.ts'
import { AdversaryError } from '../../lib/errors.ts'
import { oneLine, toText } from '../../lib/text/clean.ts'
import { defaultPatterns, parseClaim } from '../../record/claim.ts'
import { kindOf, makeFolder, readText, writeNew } from '../../os/files.ts'
import { type Git, openClone } from '../../git/clone.ts'
import { runGit } from '../../git/process.ts'
import { absolutePath, isLocal, readConfig } from '../../config/config.ts'
import { configFile } from '../../config/workspace.ts'
import { readPlan } from '../../config/plan/plan.ts'
import { isRepoPath } from '../../config/scalars.ts'
import { keepOutOfTheRepo, workingTreesAround } from '../../config/working-tree.ts'
import { parseYaml } from '../../config/yaml.ts'
import { type ExitCode, exitCode } from '../../lib/words.ts'
import type { CommonOptions, Io } from '../io.ts'
import { pasted } from '../layout.ts'
import { packageRoot } from '../package.ts'
import { adversaryYaml, type Guesses, homeSchemaFiles, planYaml } from './init-files.ts'

export interface InitOptions extends CommonOptions {
  readonly dir?: string
  readonly repo?: string
  readonly branch?: string
  /** `name`, `address`, or `name=address`. */
  readonly host?: string
  readonly phase?: string
}

const capBytes = 1024 * 1024

/**
 * Writes a home for a repo and a host. What it is not told it guesses, and says so in the files; what it cannot
 * guess it asks, where a person is there to answer. Never overwrites.
 */
export async function run(options: InitOptions, io: Io): Promise<ExitCode> {
  const [tree] = await workingTreesAround(io.cwd)
  const repo = repoUrl(
    options.repo ??
      tree?.remotes.find(({ name }) => name === 'origin')?.url ??
      (await answer(io, 'Which repository is watched? (what git clone takes)')),
    tree?.dir,
    io
  )
  const dir = resolve(io.cwd, options.home ?? options.dir ?? defaultDir(tree?.dir))
  if ((await kindOf(join(dir, configFile))) !== null) {
    throw new AdversaryError('usage', `${join(dir, configFile)} already exists; it was not changed`)
  }

  await keepOutOfTheRepo({ dir, repo: { url: repo } }, io.userHome)

  io.progress(`reading ${repo}`)
  const git = await openClone({ url: repo, dir: join(dir, '.adversary', 'clone.git'), signal: io.signal })
  const found = await guess(git, repo, options, io).finally(() => git.close())
  io.progress(null)
  const guesses = await completed(found, options, io)

  const plan = `plans/${guesses.phase}.yaml`
  const files: readonly (readonly [name: string, text: string])[] = [
    [configFile, adversaryYaml(guesses)],
    [plan, planYaml(guesses)],
    ['.gitignore', '.adversary/\n'],
    ...(await schemaCopies())
  ]
  // What is about to be written must be what the other commands will read.
  const config = readConfig(parseYaml(adversaryYaml(guesses), configFile), dir, io.userHome)
  readPlan(parseYaml(planYaml(guesses), plan), guesses.phase, { ...config, probes })
  for (const folder of ['plans', 'schemas']) await makeFolder(join(dir, folder))
  for (const [name, text] of files) await writeNew(join(dir, name), text)

  const hasKey = (await kindOf(config.identity.signingKey)) !== null
  const next = nextSteps(guesses, relative(io.cwd, dir) || '.', hasKey)
  io.out(`A home for ${oneLine(repo)} is in ${oneLine(dir)}:`)
  for (const [name] of files) io.out(`  ${name}`)
  io.out('What comes next, in this order:')
  for (const { command, about } of next) {
    io.out(`  # ${about}`)
    io.text(pasted(oneLine(command), io, 2).join('\n'))
  }
  io.json({ home: dir, files: files.map(([name]) => name), next: next.map(({ command }) => command) })
  return exitCode.pass
}

async function schemaCopies(): Promise<readonly (readonly [name: string, text: string])[]> {
  const root = await packageRoot()
  return Promise.all(
    homeSchemaFiles.map(async name => {
      const text = await readText(join(root, name), capBytes)
      if (text === null) throw new Error(`${name} is missing from the package`)
      return [name, text] as const
    })
  )
}

async function answer(io: Io, question: string): Promise<string | undefined> {
  const said = (await io.ask(question))?.trim()
  return said === '' ? undefined : said
}

/** What neither options nor guesses told, asked of the person at the terminal. */
async function completed(guesses: Guesses, options: InitOptions, io: Io): Promise<Guesses> {
  const host = guesses.host ?? (await askHost(guesses.aliases, io))
  const phase = guesses.claimed || options.phase !== undefined ? undefined : await askPhase(guesses.phase, io)
  return { ...guesses, host, phase: phase ?? guesses.phase }
}

/** How often a question is asked before it is left to the file. */
const tries = 3

async function askHost(aliases: readonly string[], io: Io): Promise<Guesses['host']> {
  const known = aliases.length === 0 ? '' : ` ~/.ssh/config has ${aliases.slice(0, 10).join(', ')}.`
  for (let count = 0; count < tries; count += 1) {
    const said = await answer(
      io,
      `Which host does it check?${known} An alias, or user@host:port; leave empty to add one later.`
    )
    if (said === undefined) return null
    const host = hostOf(said)
    if (host !== null) return host
    io.err(`${oneLine(said, 80)} is neither an alias nor user@host:port`)
  }
  return null
}

async function askPhase(guess: string, io: Io): Promise<string | undefined> {
  for (let count = 0; count < tries; count += 1) {
    const said = await answer(io, `What is the first phase called? Builders will claim it. (${guess})`)
    if (said === undefined || defaultPatterns.phase.test(said)) return said
    io.err(`${oneLine(said, 80)}: expected small letters, digits and hyphens`)
  }
  return undefined
}

function repoUrl(given: string | undefined, tree: string | undefined, io: Io): string {
  const url = given ?? tree
  if (url === undefined) {
    const hint = 'adversary init --repo ssh://git@git.example.test/ops/infra.git --host prod'
    throw new AdversaryError(
      'usage',
      'no repository: the current folder is not a checkout, and --repo is missing',
      { hint }
    )
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
    claimed: last !== undefined,
    phase: options.phase ?? last?.phase ?? 'p1',
    milestone: last?.milestone ?? 'M1',
    reviewFolder: reviews.map(path => path.slice(0, path.lastIndexOf('/') + 1)).at(-1) ?? 'reviews/',
    existingReviews: reviews,
    file:
      paths.find(path => /^README/i.test(path)) ?? paths.find(path => !path.startsWith('.')) ?? 'README.md',
    host: given(options.host) ?? (aliases.length === 1 ? hostOf(aliases[0] ?? '') : null),
    aliases,
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

function given(host: string | undefined): Guesses['host'] {
  if (host === undefined) return null
  const found = hostOf(host)
  if (found === null) {
    throw new AdversaryError('usage', `--host: ${oneLine(host, 80)} is not a host`, {
      hint: 'an alias of ~/.ssh/config, user@host:port, or a name for it: --host prod=deploy@prod.example.test:22'
    })
  }
  return found
}

/** `name`, `address`, or `name=address`; an address without a name is called as its host begins. */
function hostOf(text: string): Guesses['host'] {
  const parts =
    /^(?:(?<name>[A-Za-z0-9][\w.-]{0,62})=)?(?<ssh>(?:[\w.-]+@)?(?<host>[A-Za-z0-9[][\w.:[\]%-]*))$/.exec(
      text
    )
  const { name, ssh, host } = parts?.groups ?? {}
  if (ssh === undefined || host === undefined) return null
  if (name !== undefined) return { name, ssh }
  if (ssh === host && !/[:[\]%]/.test(host)) return { name: host, ssh }
  return { name: /^[A-Za-z][\w-]*/.exec(host)?.[0] ?? 'host', ssh }
}

/** The names in ~/.ssh/config that stand for one host. */
async function sshAliases(userHome: string): Promise<readonly string[]> {
  const text = (await readText(join(userHome, '.ssh', 'config'), capBytes)) ?? ''
  const names = [...text.matchAll(/^[ \t]*Host[ \t=]+(?<names>.+)$/gim)].flatMap(
    match => match.groups?.['names']?.trim().split(/\s+/) ?? []
  )
  return [...new Set(names)].filter(name => /^[A-Za-z0-9][\w.-]*$/.test(name))
}

/** A command line to type, and what it is for. */
interface Step {
  readonly command: string
  readonly about: string
}

function nextSteps(guesses: Guesses, dir: string, hasKey: boolean): readonly Step[] {
  const { phase, milestone, host } = guesses
  const where = dir === '.' ? '' : ` --home ${stringify(dir).trim()}`
  const plan = join(dir, 'plans', `${phase}.yaml`)
  const key = {
    command: `ssh-keygen -t ed25519 -N '' -C ${guesses.email} -f ~/.ssh/adversary_ed25519`,
    about: 'a key to sign reviews with'
  }
  const checks =
    host === null
      ? {
          command: `$EDITOR ${join(dir, configFile)} ${plan}`,
          about: 'name your host and the checks'
        }
      : {
          command: `adversary suggest --on ${host.name} --phase ${phase}${where}`,
          about: `the checks that hold on ${host.name} today; copy those that must keep holding into ${plan}`
        }
  return [
    ...(hasKey ? [] : [key]),
    {
      command: `adversary doctor${where}`,
      about: 'checks every permission, and shows how to fix what fails'
    },
    checks,
    {
      command: `git commit --allow-empty -m "claim(${phase}-${milestone}): what was done" && git push`,
      about: 'a builder claims, in a checkout of the repository'
    },
    {
      command: `adversary review ${phase}-${milestone} --dry-run${where}`,
      about: 'shows the review without pushing it'
    },
    { command: `adversary watch${where}`, about: 'reviews every claim from now on' }
  ]
}
