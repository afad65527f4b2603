import { execFile, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile, mkdir } from 'node:fs/promises'
import { devNull, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

/**
 * A real bare remote, real checkouts of it and real keys, in one temporary folder. Nothing of the account's
 * own git configuration reaches them.
 */
export interface TestRepo {
  /** The folder that holds everything; gone after `dispose`. */
  readonly dir: string
  /** Path of the bare remote. */
  readonly remote: string
  /** `file://` URL of the bare remote. */
  readonly url: string
  /** The builder's checkout, on `main`, with one commit pushed. */
  readonly builder: Checkout
  /** Another checkout of the remote. */
  clone(name: string, person?: Partial<TestPerson>): Promise<Checkout>
  /** A checkout that is there already. */
  at(dir: string, person: TestPerson): Checkout
  /** A new SSH key pair. */
  key(name: string, type?: 'ed25519' | 'ecdsa'): Promise<TestKey>
  dispose(): Promise<void>
}

export interface TestPerson {
  readonly name: string
  readonly email: string
}

export interface TestKey {
  /** Path of the private key. */
  readonly path: string
  /** `ssh-ed25519 AAAA…`, without comment. */
  readonly publicKey: string
}

export interface CommitOptions {
  /** Path to content; null deletes. */
  readonly files?: Readonly<Record<string, string | Uint8Array | null>>
  /** Signs with this key. */
  readonly key?: TestKey
  readonly author?: TestPerson
  readonly committer?: TestPerson
  /** ISO 8601, for both dates. */
  readonly date?: string
}

export interface Checkout {
  readonly dir: string
  readonly person: TestPerson
  /** Runs git here; answers stdout without its last line break. Throws when git fails. */
  git(
    args: readonly string[],
    options?: { readonly env?: Record<string, string>; readonly input?: string | Uint8Array }
  ): Promise<string>
  /** Writes the files and commits (an empty commit without any); answers the sha. */
  commit(message: string, options?: CommitOptions): Promise<string>
  push(...args: readonly string[]): Promise<void>
  pull(): Promise<void>
  read(path: string): Promise<string>
  tip(): Promise<string>
}

const run = promisify(execFile)

/** The time of the first commit; each further one is a minute later unless it says its own. */
const firstTime = Date.UTC(2026, 5, 13, 5, 0)

export async function makeRepo(
  options: { readonly branch?: string; readonly objectFormat?: 'sha1' | 'sha256' } = {}
): Promise<TestRepo> {
  const branch = options.branch ?? 'main'
  const dir = await mkdtemp(join(tmpdir(), 'adversary-repo-'))
  const remote = join(dir, 'remote.git')
  const init = [
    'init',
    '--quiet',
    `--initial-branch=${branch}`,
    `--object-format=${options.objectFormat ?? 'sha1'}`
  ]
  await testGit(dir, [...init, '--bare', remote])
  let minutes = 0
  const nextTime = () => new Date(firstTime + 60_000 * minutes++).toISOString()

  const clone = async (name: string, person: Partial<TestPerson> = {}) => {
    const at = join(dir, name)
    await testGit(dir, ['clone', '--quiet', remote, at])
    return checkout(at, { name, email: `${name}@example.test`, ...person }, nextTime)
  }

  const at = join(dir, 'builder')
  await testGit(dir, [...init, at])
  await testGit(at, ['remote', 'add', 'origin', remote])
  const builder = checkout(at, { name: 'builder', email: 'builder@example.test' }, nextTime)
  await builder.commit('core: begin', { files: { 'README.md': '# a repo\n' } })
  await builder.git(['push', '--quiet', '-u', 'origin', branch])

  return {
    dir,
    remote,
    url: `file://${remote}`,
    builder,
    clone,
    at: (folder, person) => checkout(folder, person, nextTime),
    async key(name, type = 'ed25519') {
      const path = join(dir, `${name}.key`)
      await run('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', name, '-f', path])
      const [kind = '', blob = ''] = (await readFile(`${path}.pub`, 'utf8')).split(' ')
      return { path, publicKey: `${kind} ${blob}` }
    },
    dispose: () => rm(dir, { recursive: true, force: true, maxRetries: 3 })
  }
}

function checkout(dir: string, person: TestPerson, nextTime: () => string): Checkout {
  const git: Checkout['git'] = (args, options = {}) => testGit(dir, args, { ...options, person })
  return {
    dir,
    person,
    git,
    async commit(message, { files = {}, key, author = person, committer = person, date = nextTime() } = {}) {
      for (const [path, content] of Object.entries(files)) {
        if (content === null) {
          await git(['rm', '--quiet', '--', path])
          continue
        }
        await mkdir(dirname(join(dir, path)), { recursive: true })
        await writeFile(join(dir, path), content)
        await git(['add', '--force', '--', path])
      }
      const signing = key === undefined ? ['--no-gpg-sign'] : ['-S']
      const settings = key === undefined ? [] : ['-c', 'gpg.format=ssh', '-c', `user.signingKey=${key.path}`]
      const words = ['commit', '--quiet', '--allow-empty', '--cleanup=verbatim', ...signing, '-F', '-']
      await git([...settings, ...words], {
        input: message,
        env: {
          GIT_AUTHOR_NAME: author.name,
          GIT_AUTHOR_EMAIL: author.email,
          GIT_AUTHOR_DATE: date,
          GIT_COMMITTER_NAME: committer.name,
          GIT_COMMITTER_EMAIL: committer.email,
          GIT_COMMITTER_DATE: date
        }
      })
      return git(['rev-parse', 'HEAD'])
    },
    async push(...args) {
      await git(['push', '--quiet', ...(args.length > 0 ? args : ['origin', 'HEAD'])])
    },
    async pull() {
      await git(['pull', '--quiet', '--ff-only'])
    },
    read: path => readFile(join(dir, path), 'utf8'),
    tip: () => git(['rev-parse', 'HEAD'])
  }
}

/** Allowed-signers lines: `principal [options] key`. */
export function allowedSigners(
  signers: readonly (readonly [principal: string, key: TestKey, options?: string])[]
): string {
  return signers
    .map(([principal, key, options = 'namespaces="git"']) => `${principal} ${options} ${key.publicKey}\n`)
    .join('')
}

/** Runs git in a folder, with a person's identity and nobody's configuration. */
export function testGit(
  cwd: string,
  args: readonly string[],
  options: {
    readonly env?: Record<string, string>
    readonly input?: string | Uint8Array
    readonly person?: TestPerson
  } = {}
): Promise<string> {
  const person = options.person ?? { name: 'test', email: 'test@example.test' }
  return new Promise((settle, reject) => {
    const child = spawn('git', ['-c', 'protocol.file.allow=always', '-c', 'gc.auto=0', ...args], {
      cwd,
      env: {
        PATH: process.env['PATH'],
        HOME: cwd,
        LC_ALL: 'C',
        GIT_CONFIG_GLOBAL: devNull,
        GIT_CONFIG_SYSTEM: devNull,
        GIT_TERMINAL_PROMPT: '0',
        GIT_MERGE_AUTOEDIT: 'no',
        GIT_AUTHOR_NAME: person.name,
        GIT_AUTHOR_EMAIL: person.email,
        GIT_COMMITTER_NAME: person.name,
        GIT_COMMITTER_EMAIL: person.email,
        ...options.env
      }
    })
    const out: Buffer[] = []
    let said = ''
    child.stdout.on('data', (bytes: Buffer) => out.push(bytes))
    child.stderr.on('data', (bytes: Buffer) => {
      said += bytes.toString()
    })
    child.stdin.on('error', () => undefined)
    child.stdin.end(options.input)
    child.on('error', reject)
    child.on('close', code => {
      if (code === 0) settle(Buffer.concat(out).toString().replace(/\n$/, ''))
      else reject(new Error(`git ${args.join(' ')} ended with ${code}: ${said}`))
    })
  })
}
