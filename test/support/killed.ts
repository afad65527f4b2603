import { type ChildProcess, execFile, spawn, type StdioOptions } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { testGit } from './repo.ts'
import type { Scene } from './scene.ts'

/** The product as a process of its own, built, and how it is ended before its time. */
export interface Product {
  /** Runs `watch --once` in a home until it is done, or until that moment of `killer.mjs`. */
  dieAt(home: string, moment: number, how: { readonly withChildren: boolean }): Promise<Death>
  /** Runs `watch` and ends it with SIGKILL after that time, in milliseconds. */
  dieAfter(home: string, ms: number, how: { readonly withChildren: boolean }): Promise<void>
  /** Starts `watch`. */
  watch(home: string, log: (line: string) => void): Watching
  /** Ends what still runs, too. */
  dispose(): Promise<void>
}

export interface Watching {
  readonly pid: number
  /** Ends it as a service manager does, and answers its exit code. */
  stop(): Promise<number | null>
}

export interface Death {
  readonly killed: boolean
  /** What the moments were; the last is the one at which it died. */
  readonly moments: readonly string[]
}

const root = resolve(import.meta.dirname, '../..')

/** @param name of a folder of its own: other test files build and run the product meanwhile. */
export async function buildProduct(name: string): Promise<Product> {
  const built = join(root, 'dist', `.${name}`)
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const words = [tsc, '-p', 'tsconfig.build.json', '--noCheck', '--outDir', built]
  await promisify(execFile)(process.execPath, words, { cwd: root })
  const cli = join(built, 'src/cli/main.js')
  const running = new Set<ChildProcess>()
  const start = (home: string, words: readonly string[], stdio: StdioOptions) => {
    const child = spawn(process.execPath, [cli, 'watch', ...words], { cwd: home, stdio })
    running.add(child)
    const over = new Promise(done => child.once('close', done)).finally(() => running.delete(child))
    return { child, over }
  }

  return {
    async dieAt(home, moment, { withChildren }) {
      const log = join(tmpdir(), `adversary-moments-${randomBytes(8).toString('hex')}`)
      const child = spawn(process.execPath, [cli, 'watch', '--once', '--quiet'], {
        cwd: home,
        stdio: 'ignore',
        env: {
          ...process.env,
          NODE_OPTIONS: `--import=${join(root, 'test/support/killer.mjs')}`,
          KILL_AT: String(moment),
          KILL_LOG: log,
          ...(withChildren ? { KILL_ALL: '1' } : {})
        }
      })
      await new Promise(done => child.once('close', done))
      const moments = (await readFile(log, 'utf8')).trim().split('\n')
      await rm(log)
      return { killed: child.signalCode === 'SIGKILL', moments }
    },
    async dieAfter(home, ms, { withChildren }) {
      const { child, over } = start(home, ['--quiet'], 'ignore')
      await new Promise(done => setTimeout(done, ms))
      if (withChildren && child.pid !== undefined) {
        for (const pid of await descendants(child.pid)) kill(pid)
      }
      child.kill('SIGKILL')
      await over
    },
    watch(home, log) {
      const { child, over } = start(home, [], ['ignore', 'ignore', 'pipe'])
      let held = ''
      child.stderr?.on('data', (bytes: Buffer) => {
        const lines = (held + bytes.toString()).split('\n')
        held = lines.pop() ?? ''
        for (const line of lines) log(line)
      })
      return {
        pid: child.pid ?? 0,
        async stop() {
          child.kill('SIGTERM')
          // Whoever does not hear that is no less to be ended: what is asked is how long it took.
          const deaf = setTimeout(() => child.kill('SIGKILL'), 60_000)
          await over
          clearTimeout(deaf)
          return child.exitCode
        }
      }
    },
    async dispose() {
      for (const child of running) child.kill('SIGKILL')
      await rm(built, { recursive: true, force: true })
    }
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

/** The processes that a process has started, and theirs. */
async function descendants(pid: number): Promise<readonly number[]> {
  const listed = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid='])
  const pairs = listed.stdout
    .trim()
    .split('\n')
    .map(line => line.trim().split(/\s+/).map(Number))
  const found: number[] = []
  const open = [pid]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const [child, parent] of pairs) {
      if (parent !== next || child === undefined) continue
      found.push(child)
      open.push(child)
    }
  }
  return found
}

/** The bare remote keeps a list of all that is done to its branch, for `movesOf`. */
export async function keepMoves(scene: Scene): Promise<void> {
  await testGit(scene.repo.remote, ['config', 'core.logAllRefUpdates', 'always'])
}

/** How often the branch moved since `keepMoves`, and the moves that were no fast-forward. */
export async function movesOf(
  scene: Scene
): Promise<{ readonly moves: number; readonly forced: readonly string[] }> {
  const { remote } = scene.repo
  const tips = (await testGit(remote, ['reflog', 'show', '--format=%H', 'main'])).split('\n')
  const order = new Map(
    (await testGit(remote, ['rev-list', '--topo-order', '--reverse', 'main']))
      .split('\n')
      .map((sha, index) => [sha, index] as const)
  )
  // The history is one line: a move is a fast-forward where it goes up that line.
  const forced = tips.filter((tip, index) => {
    const next = tips[index - 1]
    return !order.has(tip) || (next !== undefined && (order.get(next) ?? -1) < (order.get(tip) ?? 0))
  })
  return { moves: tips.length, forced }
}
