import { spawn } from 'node:child_process'
import { dirname } from 'node:path'
import { execPath, versions } from 'node:process'
import { fileURLToPath, pathToFileURL } from 'node:url'

export interface SandboxLimits {
  /** Of real time; then it is killed. */
  readonly ms: number
  readonly memoryMb: number
  readonly outputBytes: number
}

export type SandboxAnswer =
  | { readonly ok: true; readonly stdout: string }
  /** Why there is no answer, for a person. */
  | { readonly ok: false; readonly why: string }

/**
 * Runs a program of our own over hostile input, in a process that has nothing: an empty environment, no files but those
 * beside the program itself, no right to write, to start processes or workers, or to make code from text. What is to be
 * known goes in on standard input and comes out on standard output.
 */
export function inSandbox(
  program: URL,
  input: string,
  limits: SandboxLimits,
  signal?: AbortSignal
): Promise<SandboxAnswer> {
  const path = fileURLToPath(program)
  const flags = [
    ...permissionFlags(dirname(path)),
    '--disallow-code-generation-from-strings',
    '--disable-proto=delete',
    `--max-old-space-size=${limits.memoryMb}`,
    '--stack-size=900',
    '--no-warnings'
  ]
  return new Promise(resolve => {
    const child = spawn(execPath, [...flags, path], {
      env: {},
      cwd: '/',
      stdio: ['pipe', 'pipe', 'ignore'],
      ...(signal === undefined ? {} : { signal })
    })
    const parts: Buffer[] = []
    let size = 0
    let why = ''
    const stop = (reason: string) => {
      why ||= reason
      child.kill('SIGKILL')
    }
    const deadline = setTimeout(() => stop(`it took longer than ${limits.ms / 1000} s`), limits.ms)
    child.stdout.on('data', (part: Buffer) => {
      size += part.length
      if (size > limits.outputBytes) stop(`it printed more than ${limits.outputBytes} bytes`)
      else parts.push(part)
    })
    child.on('error', error => {
      why ||= error.message
    })
    // It may end before it has read all: that shows in how it ends.
    child.stdin.on('error', () => {})
    child.stdin.end(input)
    child.on('close', (code, killedBy) => {
      clearTimeout(deadline)
      if (why === '' && code === 0) resolve({ ok: true, stdout: Buffer.concat(parts).toString('utf8') })
      else resolve({ ok: false, why: why || `it ended with ${killedBy ?? code ?? 'nothing'}` })
    })
  })
}

/**
 * A program of this package that runs in a sandbox. It lies beside the file that asks for it in what ships, and in a
 * checkout where the tests have built it.
 */
export function programOf(name: string): URL {
  if (!import.meta.url.endsWith('.ts')) return new URL(`./${name}.js`, import.meta.url)
  const built = process.env['ADVERSARY_BUILT'] ?? fileURLToPath(new URL('../../dist/bin', import.meta.url))
  return pathToFileURL(`${built}/${name}.js`)
}

/** Node's permission model, under the name that the running version has for it. */
function permissionFlags(folder: string): readonly string[] {
  const [major = 0, minor = 0] = versions.node.split('.').map(Number)
  const settled = major > 23 || (major === 23 && minor >= 5) || (major === 22 && minor >= 13)
  return [settled ? '--permission' : '--experimental-permission', `--allow-fs-read=${folder}/`]
}
