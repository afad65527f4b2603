#!/usr/bin/env node
import { homedir } from 'node:os'
import { forTerminal } from '../lib/text/terminal.ts'

/** The one file that touches the process: words in, exit code out, signals in between. */

const neededNode = [20, 19] as const

/** How long tidying up may take once the process was told to end, in milliseconds. */
const graceMs = 8_000

/** Of a fault so much is shown. */
const faultCharacters = 20_000

async function start(): Promise<void> {
  // Whatever it was started with: nothing that we or our children write may be written by others.
  process.umask(process.umask() | 0o022)
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major < neededNode[0] || (major === neededNode[0] && minor < neededNode[1])) {
    process.stderr.write(
      `adversary: needs Node ${neededNode.join('.')} or newer, this is ${process.version}\n`
    )
    return end(70)
  }
  // Before all that takes its time: whoever is told to end while it still loads ends as it should.
  const interrupted = new AbortController()
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143]
  ] as const) {
    process.on(signal, () => {
      // The second one is meant: whatever is still being tidied up is not waited for.
      if (interrupted.signal.aborted) process.exit(code)
      interrupted.abort(new DOMException(`interrupted by ${signal}`, 'AbortError'))
      // Nothing is lost by that: what was not pushed is owed, and what was pushed is there.
      setTimeout(() => {
        process.stderr.write(`adversary: still running ${graceMs / 1000} s after ${signal}; exiting now\n`)
        process.exit(code)
      }, graceMs).unref()
    })
  }

  // Loaded only now: an older Node could not even parse it.
  const { concealed, createIo, main, packageVersion, programName } = await import('./start.ts')
  shown = text => forTerminal(concealed(text))
  const cwd = process.cwd()
  const around = {
    env: process.env,
    cwd,
    userHome: homedir(),
    signal: interrupted.signal,
    program: programName(process.argv[1] ?? '', cwd, process.env['PATH'] ?? '')
  }
  const code = await main(process.argv.slice(2), {
    io: manner =>
      createIo({ stdin: process.stdin, stdout: process.stdout, stderr: process.stderr }, manner, around),
    version: packageVersion,
    node: process.versions.node,
    working
  })
  return end(code)
}

/**
 * Most commands end before optimized code pays for its making: on Node 20 that takes a sixth of their processor time,
 * from the hosts and tools that they wait for. What runs long is optimized all the same, thirty times later. Newer
 * engines have a cheaper step in between, and no such flag.
 */
async function working(): Promise<void> {
  if (!process.versions.v8.startsWith('11.')) return
  const { setFlagsFromString } = await import('node:v8')
  setFlagsFromString('--interrupt-budget=2000000')
}

/** Ends once everything written has left; an open connection or timer does not keep the process. */
async function end(code: number): Promise<void> {
  await Promise.all(
    [process.stdout, process.stderr].map(
      stream =>
        new Promise<void>(resolve => (stream.writable ? stream.write('', () => resolve()) : resolve()))
    )
  )
  process.exit(code)
}

/** A fault may quote a host or a secret. What hides secrets is loaded with the commands. */
let shown = forTerminal

function fault(thrown: unknown): void {
  try {
    const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
    process.stderr.write(`adversary: internal error: ${shown(text).slice(0, faultCharacters)}\n`)
  } catch {
    // What cannot be made safe to print is not printed: the exit code says enough.
    process.stderr.write('adversary: internal error, which cannot be shown\n')
  }
  process.exit(70)
}

process.on('uncaughtException', fault)
process.on('unhandledRejection', fault)
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // `| head` has read enough. The command goes on: its exit code is still an answer.
    if (error.code !== 'EPIPE') fault(error)
  })
}

await start()
