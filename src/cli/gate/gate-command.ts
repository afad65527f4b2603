import { resolve } from 'node:path'
import { AdversaryError } from '../../lib/errors.ts'
import { redact } from '../../lib/secrets/redact.ts'
import { repoName, repoPath } from '../../lib/repo-name.ts'
import { oneLine } from '../../lib/text/clean.ts'
import { nowMs, sleep, tick } from '../../os/clock.ts'
import { readBytes, readText } from '../../os/files.ts'
import { type GateAnswer, openGate, type GateOptions } from '../../gate/gate.ts'
import { loginFor } from '../../gate/pipeline.ts'
import { absolutePath } from '../../config/config.ts'
import { workingTreesAround } from '../../config/working-tree.ts'
import { type ExitCode, exitCode } from '../../lib/words.ts'
import { type CommonOptions, type Io, paint } from '../io.ts'

export interface GateCommandOptions extends CommonOptions {
  /** `<phase>` or `<phase>-<milestone>`. */
  readonly gate: string
  readonly waitMs?: number
  readonly remote?: string
  readonly branch?: string
  readonly reviewBranch?: string
  readonly commit?: string
  readonly allowedSigners?: string
  readonly revoked?: string
  readonly reviewer?: string
  readonly repo?: string
}

/** Between two looks while waiting, in milliseconds. */
const lookAgainMs = 10_000
const capBytes = 1024 * 1024

/** What pipelines say of themselves: Drone, Woodpecker, Forgejo and Gitea Actions, GitHub Actions, GitLab. */
const told = {
  remote: ['DRONE_GIT_HTTP_URL', 'CI_REPO_CLONE_URL', 'CI_REPOSITORY_URL'],
  repo: ['DRONE_REPO', 'CI_REPO', 'GITHUB_REPOSITORY', 'CI_PROJECT_PATH'],
  commit: ['DRONE_COMMIT_SHA', 'CI_COMMIT_SHA', 'GITHUB_SHA']
} as const

/**
 * May it proceed? Asks the remote, in a temporary clone of its own, and believes signed review commits.
 * Nothing of the folder that it runs in is believed, and no home is needed.
 */
export async function run(options: GateCommandOptions, io: Io): Promise<ExitCode> {
  const started = tick()
  const question = await questionOf(options, io)
  io.progress(`reading the reviews of ${hideLogin(question.remote)}`)
  const gate = openGate({ ...question, signal: io.signal })
  try {
    for (;;) {
      const answer = await gate.look(nowMs())
      const left = (options.waitMs ?? 0) - (tick() - started)
      if (answer.code === exitCode.pass || !answer.mayChange || left <= 0) {
        io.progress(null)
        return say(answer, question.remote, io)
      }
      // The same words until something changes: in a pipeline's log that is one line.
      io.progress(`${answer.gate}: ${oneLine(answer.reasons[0] ?? 'not open yet')}; waiting for a review`)
      await sleep(Math.min(lookAgainMs, left), io.signal)
    }
  } finally {
    await gate.close()
  }
}

async function questionOf(options: GateCommandOptions, io: Io): Promise<Omit<GateOptions, 'now' | 'signal'>> {
  const given = options.remote ?? from(io.env, told.remote) ?? actionsRemote(io.env)
  const remote = given === undefined ? await origin(io) : located(given, io.cwd, io)
  if (remote === null) {
    const hint = '--remote URL'
    throw new AdversaryError('usage', 'no remote: neither the pipeline nor a checkout here names one', {
      hint
    })
  }
  const commit = options.commit ?? from(io.env, told.commit) ?? null
  const signersFile = options.allowedSigners
  const allowedSigners =
    signersFile === undefined
      ? (from(io.env, ['ADVERSARY_ALLOWED_SIGNERS']) ?? null)
      : await needed(signersFile, '--allowed-signers', io)
  const { branch, reviewBranch, revoked } = options
  // Of another remote than the pipeline's own its name says nothing.
  const own = options.remote === undefined ? ownName(io.env) : undefined
  const repo = options.repo ?? from(io.env, ['ADVERSARY_REPO']) ?? own
  if (repo !== undefined && repoName(repo) === null) {
    throw new AdversaryError('usage', `--repo: ${JSON.stringify(repo)} is not the name of a repository`, {
      hint: '--repo ops/infra'
    })
  }
  const login = loginFor(remote, io.env)
  return {
    gate: options.gate,
    remote,
    allowedSigners,
    // A secret that was pasted or piped into a form ends in a line break.
    reviewer: options.reviewer ?? from(io.env, ['ADVERSARY_REVIEWER'])?.trim() ?? null,
    ...(branch === undefined ? {} : { branch }),
    ...(reviewBranch === undefined ? {} : { reviewBranch }),
    ...(commit === null ? {} : { commit }),
    ...(repo === undefined ? {} : { repo }),
    ...(login === null ? {} : { login }),
    ...(revoked === undefined ? {} : { revoked: await revocation(revoked, io) })
  }
}

function say(answer: GateAnswer, remote: string, io: Io): ExitCode {
  const open = answer.code === exitCode.pass
  io.out(`${answer.gate}: ${open ? paint(io, 'green', 'open') : paint(io, 'red', 'closed')}`)
  for (const part of answer.milestones ?? []) {
    io.out(`  ${part.code === exitCode.pass ? '✓' : '✗'} ${part.gate}: ${oneLine(part.reasons[0] ?? '')}`)
  }
  for (const reason of answer.reasons) io.out(`  ${oneLine(reason)}`)
  if (answer.next !== null) io.out(`next: ${oneLine(answer.next)}`)
  const { mayChange: _, milestones, ...document } = answer
  io.json({
    ...document,
    ...(milestones === undefined ? {} : { milestones: milestones.map(({ mayChange: __, ...each }) => each) }),
    repo: { url: redact(hideLogin(remote)).text }
  })
  return answer.code
}

function from(env: Io['env'], names: readonly string[]): string | undefined {
  return names.map(name => env[name]).find(value => value !== undefined && value !== '')
}

/**
 * What the pipeline calls its repository: a path. Of Actions the path behind the server's own, which a forge may have; the
 * server's host is the one by which a runner reaches it, and often no name that is used elsewhere.
 */
function ownName(env: Io['env']): string | undefined {
  const name = from(env, told.repo)
  if (name === undefined || name !== from(env, ['GITHUB_REPOSITORY'])) return name
  return repoPath(actionsRemote(env) ?? name) ?? name
}

/** Actions name server and repository, and no clone URL. */
function actionsRemote(env: Io['env']): string | undefined {
  const server = from(env, ['GITHUB_SERVER_URL'])
  const repository = from(env, ['GITHUB_REPOSITORY'])
  return server === undefined || repository === undefined ? undefined : `${server}/${repository}.git`
}

/** Only the address is taken from the checkout, and only where the pipeline names none. */
async function origin(io: Io): Promise<string | null> {
  const [tree] = await workingTreesAround(io.cwd)
  const url = tree?.remotes.find(({ name }) => name === 'origin')?.url
  return tree === undefined || url === undefined ? null : located(url, tree.dir, io)
}

/** A path, which git tells from an address by the first colon, is looked for from the folder that it was named in. */
function located(url: string, dir: string, { userHome }: Io): string {
  return /^[^/]*:/.test(url) || url === '' ? url : absolutePath(url, dir, userHome)
}

async function needed(path: string, option: string, io: Io): Promise<string> {
  const text = await readText(resolve(io.cwd, path), capBytes)
  if (text === null) throw new AdversaryError('usage', `${option}: ${path} does not exist`)
  return text
}

async function revocation(path: string, io: Io): Promise<Uint8Array> {
  const bytes = await readBytes(resolve(io.cwd, path), capBytes)
  if (bytes === null) throw new AdversaryError('usage', `--revoked: ${path} does not exist`)
  return bytes
}

function hideLogin(url: string): string {
  return url.replace(/^(?<scheme>[a-z+]+:\/\/)[^@/]*@/, '$<scheme>')
}
