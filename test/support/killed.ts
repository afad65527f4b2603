import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

/** The product as a process of its own, built, and how it is ended before its time. */
export interface Product {
  /** Runs `watch --once` in a home until it is done, or until that moment of `killer.mjs`. */
  dieAt(home: string, moment: number, how: { readonly withChildren: boolean }): Promise<Death>
  dispose(): Promise<void>
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
  const cli = join(built, 'src/cli.js')

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
    dispose: () => rm(built, { recursive: true, force: true })
  }
}
