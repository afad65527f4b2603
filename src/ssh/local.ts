import { type ChildProcess, spawn } from 'node:child_process'
import { messageOf } from '../lib/errors.ts'
import { loginLimit, newStart, startReader, type Wire } from './reader/reader.ts'
import type { HostAddress, HostSession, SessionOptions } from '../facts/session.ts'
import { HostUnseen } from '../facts/session.ts'

/** What a read may know of our own environment: where things are, and no secret of a pipeline. */
const passed = ['PATH', 'HOME', 'USER', 'LOGNAME', 'DOCKER_HOST', 'XDG_RUNTIME_DIR']

/**
 * Reads the machine that we run on.
 *
 * @param shell the POSIX shell that runs the reader, and its own arguments.
 */
export async function openLocal(
  host: HostAddress,
  options: SessionOptions,
  shell: readonly [string, ...string[]] = ['/bin/sh']
): Promise<HostSession> {
  const [file, ...flags] = shell
  const env = Object.fromEntries(passed.map(name => [name, process.env[name]]))
  const limit = loginLimit(host, options)
  try {
    // A process group of its own, so that letting go can end all of it.
    const start = newStart()
    const child = spawn(file, [...flags, ...start.argv], { env, detached: true })
    return await startReader(childWire(child, endOfShell), start, options, limit.signal)
  } finally {
    limit.done()
  }
}

function endOfShell(how: string, stderrText: string): HostUnseen {
  return new HostUnseen('shell', `the shell exited ${how}${stderrText === '' ? '' : `: ${stderrText}`}`)
}

/**
 * The wire to a reader that a child process runs or leads to.
 *
 * @param explain makes the reason from how it ended (`with 255`) and from the last of what it said on stderr.
 */
export function childWire(
  child: ChildProcess,
  explain: (how: string, stderrText: string) => HostUnseen
): Wire {
  const { stdin, stdout, stderr } = child
  if (stdin === null || stdout === null || stderr === null) throw new Error('a child process without pipes')
  let stderrText = ''
  stderr.on('data', (chunk: Buffer) => {
    stderrText = (stderrText + chunk.toString()).slice(-16_384)
  })
  stderr.on('error', () => undefined)
  const gone = new Promise<HostUnseen>(resolve => {
    child.once('error', error =>
      resolve(explain(`before it started (${messageOf(error)})`, stderrText.trim()))
    )
    child.once('exit', (code, signal) => {
      const end = () => resolve(explain(code === null ? `by ${signal}` : `with ${code}`, stderrText.trim()))
      // When the pipes close too, all has been said; a grandchild that holds them is not waited for.
      const timer = setTimeout(end, 100)
      child.once('close', () => {
        clearTimeout(timer)
        end()
      })
    })
  })
  return {
    stdin,
    stdout,
    dialled: false,
    gone,
    destroy() {
      for (const stream of [stdin, stdout, stderr]) stream.destroy()
      if (child.pid === undefined) return
      try {
        process.kill(-child.pid, 'SIGKILL')
      } catch {
        // Already gone, or not the leader of a group.
        child.kill('SIGKILL')
      }
    }
  }
}
