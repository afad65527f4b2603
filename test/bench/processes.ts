import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { inCheckout } from '../support/root.ts'

/** The program as it is shipped. */
export const program = inCheckout('dist/bin/cli.js')

export interface Ended {
  readonly ms: number
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  /** The most memory that it held at any time, in MB; 0 where it was not asked for. */
  readonly peakMb: number
}

export interface HowToRun {
  readonly input?: string
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** The exit codes that are meant. Default: 0. */
  readonly codes?: readonly number[]
  /** Looks at its memory while it runs. */
  readonly memory?: boolean
}

/** Runs a process to its end. Throws for an exit code that is not meant: what failed was not fast. */
export async function run(argv: readonly string[], how: HowToRun = {}): Promise<Ended> {
  const [command = '', ...args] = argv
  const started = performance.now()
  const child = spawn(command, args, {
    stdio: 'pipe',
    ...(how.cwd === undefined ? {} : { cwd: how.cwd }),
    env: { ...process.env, ...how.env }
  })
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout.on('data', (bytes: Buffer) => out.push(bytes))
  child.stderr.on('data', (bytes: Buffer) => err.push(bytes))
  child.stdin.on('error', () => undefined)
  child.stdin.end(how.input)
  const status = `/proc/${child.pid}/status`
  let peakMb = 0
  const look = async () => {
    const text = await readFile(status, 'utf8').catch(() => '')
    peakMb = Math.max(peakMb, Number(/^VmHWM:\s+(?<kb>\d+)/m.exec(text)?.groups?.['kb'] ?? 0) / 1024)
  }
  const timer = how.memory === true ? setInterval(() => void look(), 25) : undefined
  const code = await new Promise<number>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (exit, signal) =>
      exit === null ? reject(new Error(`${command}: ${signal}`)) : resolve(exit)
    )
  }).finally(() => clearInterval(timer))
  const ended = {
    ms: performance.now() - started,
    code,
    stdout: Buffer.concat(out).toString(),
    stderr: Buffer.concat(err).toString(),
    peakMb
  }
  if (!(how.codes ?? [0]).includes(code)) {
    throw new Error(`${argv.join(' ').slice(0, 200)} ended with ${code}: ${ended.stderr.slice(-2_000)}`)
  }
  return ended
}

/** A side that is one process, from its start to its end. */
export function processSide(name: string, argv: readonly string[], how: HowToRun = {}) {
  return { name, run: async () => (await run(argv, how)).ms }
}
