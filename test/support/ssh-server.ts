import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ServerChannel } from 'ssh2'
import ssh2 from 'ssh2'
import type { HostAddress } from '../../src/facts/session.ts'

const { Server, utils } = ssh2

/** How the server fails its client. */
export type Fault =
  | 'refuse-login'
  | 'refuse-session'
  | 'refuse-exec'
  | 'hang-at-login'
  | 'hang-at-session'
  | 'hang-at-exec'
  | 'close-at-connect'
  | 'reset-at-login'
  | 'reset-after-output'
  | 'noisy-shell'
  | 'endless-noise'
  | 'shell-that-ends'
  | 'hang-at-close'

export interface TestServer {
  readonly port: number
  readonly folder: string
  readonly hostKey: KeyPair
  readonly clientKey: KeyPair
  /** Connections, logins and execs so far. */
  readonly seen: { connections: number; logins: number; execs: number; offered: number }
  /** The address that a client needs to get in: its own key, and a known_hosts that knows the host's. */
  readonly address: HostAddress
  close(): Promise<void>
}

export interface KeyPair {
  readonly private: string
  readonly public: string
}

/** A new key, by ssh-keygen. */
export function keyPair(type: 'ed25519' | 'ecdsa' | 'rsa' = 'ed25519'): KeyPair {
  const folder = mkdtempSync(join(tmpdir(), 'adversary-keygen-'))
  try {
    const file = join(folder, 'key')
    execFileSync('ssh-keygen', [
      '-q',
      '-t',
      type,
      ...(type === 'rsa' ? ['-b', '2048'] : []),
      '-N',
      '',
      '-C',
      '',
      '-f',
      file
    ])
    return { private: readFileSync(file, 'utf8'), public: readFileSync(`${file}.pub`, 'utf8').trim() }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** A real SSH server on loopback that runs what it is asked to by `/bin/sh -c`, as sshd does. */
export async function startSshServer(
  options: {
    faults?: readonly Fault[]
    hostKeys?: readonly KeyPair[]
    shell?: readonly string[]
    /** As `command=` of authorized_keys: runs instead of whatever is asked for. */
    forced?: string
  } = {}
): Promise<TestServer> {
  const faults = new Set(options.faults)
  const [hostKey, ...moreKeys] = options.hostKeys ?? [keyPair()]
  if (hostKey === undefined) throw new Error('a server needs a host key')
  const clientKey = keyPair()
  const allowed = utils.parseKey(clientKey.public)
  if (allowed instanceof Error) throw allowed
  const seen = { connections: 0, logins: 0, execs: 0, offered: 0 }
  const children = new Set<ChildProcess>()
  const sockets = new Set<Socket>()

  const server = new Server(
    { hostKeys: [hostKey, ...moreKeys].map(key => key.private), banner: 'Authorised use only.\n' },
    connection => {
      seen.connections++
      connection.on('error', () => undefined)
      connection.on('authentication', context => {
        if (faults.has('hang-at-login')) return
        if (faults.has('reset-at-login')) return reset()
        if (context.method !== 'publickey') return context.reject(['publickey'])
        seen.offered++
        const known = context.key.data.equals(allowed.getPublicSSH())
        if (!known || faults.has('refuse-login')) return context.reject(['publickey'])
        if (context.signature === undefined || context.blob === undefined) return context.accept()
        if (allowed.verify(context.blob, context.signature, context.hashAlgo)) context.accept()
        else context.reject()
      })
      connection.on('ready', () => {
        seen.logins++
        connection.on('session', (accept, reject) => {
          if (faults.has('refuse-session')) return reject()
          if (faults.has('hang-at-session')) return
          accept().on('exec', (acceptExec, rejectExec, { command }) => {
            seen.execs++
            if (faults.has('refuse-exec')) return rejectExec()
            if (faults.has('hang-at-exec')) return
            run(command, acceptExec())
          })
        })
      })
    }
  )

  function run(command: string, channel: ServerChannel) {
    const shell = options.shell ?? ['/bin/sh']
    if (faults.has('noisy-shell')) {
      channel.write('Welcome to Ubuntu!\n* 3 updates\nno newline at the end')
      channel.stderr.write('tty: not a tty\n')
    }
    if (faults.has('endless-noise')) {
      const flood = () => {
        while (channel.write('all work and no play\n'.repeat(1000)));
        channel.once('drain', flood)
      }
      return flood()
    }
    const [file = '/bin/sh', ...flags] = shell
    const asked = options.forced ?? command
    const text = faults.has('shell-that-ends') ? 'echo This account is closed. >&2; exit 1' : asked
    const env = { ...process.env, SSH_ORIGINAL_COMMAND: command }
    const child = spawn(file, [...flags, '-c', text], { detached: true, env })
    children.add(child)
    child.stdin.on('error', () => undefined)
    child.stdout.pipe(channel, { end: false })
    child.stderr.pipe(channel.stderr, { end: false })
    channel.pipe(child.stdin)
    channel.on('error', () => undefined)
    channel.on('close', () => child.stdin.end())
    if (faults.has('reset-after-output')) {
      child.stdout.on('data', (chunk: Buffer) => {
        if (chunk.includes('now')) reset()
      })
    }
    child.on('close', (code, signal) => {
      children.delete(child)
      if (faults.has('hang-at-close')) return
      if (code === null) channel.exit(String(signal).replace('SIG', ''))
      else channel.exit(code)
      channel.end()
    })
  }

  // A listener of our own, because a network breaks connections by their sockets.
  const front = createServer({ noDelay: true }, socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    if (faults.has('close-at-connect')) socket.destroy()
    else server.injectSocket(socket)
  })
  function reset() {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  await new Promise<void>(resolve => front.listen(0, '127.0.0.1', resolve))
  const address = front.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const { port } = address
  const folder = await mkdtemp(join(tmpdir(), 'adversary-ssh-'))
  const identityFile = join(folder, 'key')
  const knownHosts = join(folder, 'known_hosts')
  await writeFile(identityFile, clientKey.private, { mode: 0o600 })
  await writeFile(`${identityFile}.pub`, clientKey.public)
  await writeFile(knownHosts, `[127.0.0.1]:${port} ${hostKey.public}\n`)

  return {
    port,
    folder,
    hostKey,
    clientKey,
    seen,
    address: {
      name: 'test',
      ssh: `reader@127.0.0.1:${port}`,
      transport: 'ssh2',
      identityFile,
      knownHosts,
      timeoutMs: 5_000,
      configFile: null
    },
    async close() {
      reset()
      for (const { pid } of children) if (pid !== undefined) kill(pid)
      await new Promise<void>(resolve => front.close(() => resolve()))
      await rm(folder, { recursive: true, force: true })
    }
  }
}

function kill(pid: number) {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It was faster.
  }
}
