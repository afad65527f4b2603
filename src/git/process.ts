import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { devNull } from 'node:os'
import { delimiter, isAbsolute, resolve, sep } from 'node:path'
import { AdversaryError, messageOf } from '../lib/errors.ts'

/**
 * How git is started for everything that stays on this machine: with bytes in and bytes out, which
 * simple-git does not do, and with nothing of anybody's configuration.
 */

export interface Ran {
  readonly code: number
  readonly stdout: Buffer
  readonly stderr: string
}

export interface RunOptions {
  readonly input?: string | Uint8Array
  /** Over the fixed environment; undefined takes a name out of it. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** In milliseconds. */
  readonly deadlineMs?: number
  readonly signal?: AbortSignal | undefined
  /** More output than this ends the process and rejects. */
  readonly capBytes?: number
}

/** The clone itself is damaged, incomplete or gone: making it anew may help. */
export class BrokenClone extends AdversaryError {
  constructor(message: string) {
    super('repository', message)
  }
}

/** The oldest git that signs and verifies with SSH keys. */
const oldestGit = [2, 34] as const
const localDeadlineMs = 60_000
const outputCap = 512 * 1024 * 1024

/**
 * The folders of `PATH` that belong to the machine: relative ones, and those that npm puts in front for the
 * checkout that it runs in, may hold a `git` of the builder's.
 */
export function ownPath(path = process.env['PATH'] ?? ''): string {
  return path
    .split(delimiter)
    .filter(folder => isAbsolute(folder) && !folder.split(sep).includes('node_modules'))
    .join(delimiter)
}

/** The environment of every git process, local or not. */
export function gitEnvironment(): Record<string, string> {
  const env: Record<string, string> = {
    PATH: ownPath(),
    LC_ALL: 'C',
    TZ: 'UTC',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_SYSTEM: devNull,
    GIT_CONFIG_GLOBAL: devNull,
    GIT_ATTR_NOSYSTEM: '1',
    // No git looks for a repository, and for the configuration in it, where it happens to run.
    GIT_DIR: devNull,
    GIT_TERMINAL_PROMPT: '0',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_OPTIONAL_LOCKS: '0',
    SSH_ASKPASS_REQUIRE: 'never'
  }
  for (const name of ['HOME', 'TMPDIR', 'SSH_AUTH_SOCK', 'SYSTEMROOT']) {
    const value = process.env[name]
    if (value !== undefined) env[name] = value
  }
  return env
}

/** Options before the subcommand that hold for every call. */
export const hardening = [
  '--no-replace-objects',
  '--literal-pathspecs',
  '-c',
  `core.hooksPath=${devNull}`,
  '-c',
  `core.attributesFile=${devNull}`,
  '-c',
  'core.fsmonitor=false',
  '-c',
  // Whatever the umask is: the clone is for this account alone.
  'core.sharedRepository=0600',
  '-c',
  'log.showSignature=false',
  '-c',
  'log.mailmap=false',
  // Ancestry comes from the commits themselves and from no index of them.
  '-c',
  'core.commitGraph=false'
] as const

/** Where a git runs that needs no repository: nobody but root puts anything there. */
export const nowhere = resolve('/')

/**
 * Runs git on the clone in `dir`; null: on no repository.
 *
 * @returns the exit code with the output, whatever the code: what it means is for the caller to say.
 * @throws AdversaryError `missing-tool` without git; `repository` for a deadline, an abort, or too much output;
 * `BrokenClone` where `dir` is gone.
 */
export async function runGit(
  dir: string | null,
  args: readonly string[],
  options: RunOptions = {}
): Promise<Ran> {
  const child = startGit(dir, args, options.env)
  const verb = args.find((word, at) => !word.startsWith('-') && args[at - 1] !== '-c') ?? ''
  return finish(child, dir ?? nowhere, `git ${verb}`, options)
}

/**
 * Runs ssh-keygen beside the clone in `dir`.
 *
 * @throws AdversaryError `missing-tool` without it; `repository` where it is ended by a signal: that a signature
 * could not be verified is no answer. Else as `runGit`.
 */
export async function runKeygen(
  dir: string,
  args: readonly string[],
  options: RunOptions = {}
): Promise<Ran> {
  const child = spawn('ssh-keygen', args, {
    cwd: dir,
    env: { ...gitEnvironment(), ...options.env },
    stdio: 'pipe',
    detached: true
  })
  try {
    return await finish(child, dir, 'ssh-keygen', options)
  } catch (error) {
    if (!(error instanceof AdversaryError) || error instanceof BrokenClone) throw error
    const { kind, message } = error
    if (kind === 'missing-tool') throw new AdversaryError('missing-tool', 'ssh-keygen is not installed')
    throw new AdversaryError(kind, `signatures could not be verified: ${message}`, { cause: error })
  }
}

/** Why a git did not start on the clone in `dir`. A missing folder and a missing program are the same error to the system. */
export function notStartedOn(dir: string, error: Error): AdversaryError {
  if (!existsSync(dir)) return new BrokenClone(`the clone in ${dir} is gone`)
  return notStarted('git', error)
}

/** A git process that the caller talks to. */
export function startGit(
  dir: string | null,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = {}
): ChildProcessWithoutNullStreams {
  return spawn('git', [...(dir === null ? [] : [`--git-dir=${dir}`]), ...hardening, ...args], {
    cwd: dir ?? nowhere,
    env: { ...gitEnvironment(), ...env },
    stdio: 'pipe',
    // A session of its own: ssh-keygen finds no terminal to ask on, and one signal ends git's children too.
    detached: true
  })
}

/** Ends a process started here, with its children. */
export function endProcess(child: ChildProcessWithoutNullStreams): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    child.kill('SIGKILL')
  }
}

function finish(
  child: ChildProcessWithoutNullStreams,
  dir: string,
  name: string,
  options: RunOptions
): Promise<Ran> {
  const { deadlineMs = localDeadlineMs, capBytes = outputCap, signal } = options
  return new Promise((settle, reject) => {
    const out: Buffer[] = []
    const err: Buffer[] = []
    let size = 0
    const stop = (why: AdversaryError) => {
      endProcess(child)
      reject(why)
    }
    const timer = setTimeout(
      () => stop(new AdversaryError('repository', `${name} took longer than ${deadlineMs} ms`)),
      deadlineMs
    )
    const aborted = () =>
      stop(new AdversaryError('repository', `${name} was stopped`, { cause: signal?.reason }))
    if (signal?.aborted) aborted()
    signal?.addEventListener('abort', aborted, { once: true })

    child.stdout.on('data', (bytes: Buffer) => {
      size += bytes.length
      if (size > capBytes)
        stop(new AdversaryError('repository', `${name} printed more than ${capBytes} bytes`))
      else out.push(bytes)
    })
    child.stderr.on('data', (bytes: Buffer) => {
      if (err.length < 64) err.push(bytes)
    })
    // A process that ends before it has read its input is told by its exit code.
    child.stdin.on('error', () => undefined)
    child.stdin.end(options.input)
    child.on('error', error => {
      clearTimeout(timer)
      reject(notStartedOn(dir, error))
    })
    child.on('close', (code, killedBy) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', aborted)
      if (code === null) reject(new AdversaryError('repository', `${name} was killed by ${killedBy}`))
      else settle({ code, stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString() })
    })
  })
}

function notStarted(tool: string, error: Error): AdversaryError {
  const missing = 'code' in error && error.code === 'ENOENT'
  return new AdversaryError(
    missing ? 'missing-tool' : 'repository',
    missing ? `${tool} is not installed` : `${tool} did not start: ${messageOf(error)}`,
    { cause: error }
  )
}

let tools: Promise<void> | undefined

/**
 * Proves git and ssh-keygen before they are needed: git reports a missing ssh-keygen as a bad signature.
 *
 * @throws AdversaryError `missing-tool`.
 */
export function requireTools(): Promise<void> {
  tools ??= findTools().catch(error => {
    tools = undefined
    throw error
  })
  return tools
}

async function findTools(): Promise<void> {
  await Promise.all([findGit(), findKeygen()])
}

/** The version of git. @throws AdversaryError `missing-tool` where there is none, or one that is too old. */
export async function findGit(): Promise<string> {
  const output = await ask('git', ['--version'])
  const [, version = '', major, minor] = /^git version ((\d+)\.(\d+)\S*)/.exec(output) ?? []
  const [wantedMajor, wantedMinor] = oldestGit
  const found = [Number(major), Number(minor)] as const
  if (!(found[0] > wantedMajor || (found[0] === wantedMajor && found[1] >= wantedMinor))) {
    throw new AdversaryError(
      'missing-tool',
      `git ${oldestGit.join('.')} or newer is required; found ${output.trim()}`
    )
  }
  return version
}

/** @throws AdversaryError `missing-tool` where there is no ssh-keygen, or one that cannot sign. */
export async function findKeygen(): Promise<void> {
  const output = await ask('ssh-keygen', ['-Y', 'sign'])
  if (/(?:unknown|illegal) option/.test(output)) {
    throw new AdversaryError(
      'missing-tool',
      'ssh-keygen of OpenSSH 8.2 or newer is required; this one cannot sign'
    )
  }
}

/** The version of the OpenSSH client, as it says it. @throws AdversaryError `missing-tool` where there is none. */
export async function sshVersion(): Promise<string> {
  return (await ask('ssh', ['-V'])).trim()
}

async function ask(tool: string, args: readonly string[]): Promise<string> {
  return new Promise((settle, reject) => {
    const child = spawn(tool, args, {
      cwd: nowhere,
      env: gitEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe']
    })
    let output = ''
    const collect = (bytes: Buffer) => {
      output += bytes.toString()
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    child.on('error', error => {
      const failure = notStarted(tool, error)
      const hint = `install ${tool === 'git' ? 'git' : 'the OpenSSH client tools'}: reviews are signed and verified with it`
      reject(new AdversaryError('missing-tool', failure.message, { cause: error, hint }))
    })
    child.on('close', () => settle(output))
  })
}
