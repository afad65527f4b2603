import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { keyPair } from './ssh-server.ts'

/** OpenSSH's own server on loopback, with accounts that differ by their key. */
export interface Sshd {
  /** A line for the `hosts:` of a home, less the host's name. */
  line(account: string): string
  close(): Promise<void>
}

/**
 * @param dir where its files may lie.
 * @param accounts by name: the program that runs at a login, which finds what was asked for in `$SSH_ORIGINAL_COMMAND`.
 */
export async function startSshd(dir: string, accounts: Readonly<Record<string, string>>): Promise<Sshd> {
  const at = (name: string) => join(dir, name)
  await mkdir(dir, { recursive: true })
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true })
  const hostKey = keyPair()
  await writeFile(at('host'), hostKey.private, { mode: 0o600 })
  const authorized = await Promise.all(
    Object.entries(accounts).map(async ([account, program]) => {
      const key = keyPair()
      await writeFile(at(`${account}.key`), key.private, { mode: 0o600 })
      return `restrict,command="${program}" ${key.public}\n`
    })
  )
  await writeFile(at('authorized'), authorized.join(''))
  let server: ChildProcess | undefined
  let port = 0
  // A port that was free may be another server's by now.
  for (let tries = 0; server === undefined && tries < 10; tries += 1) {
    port = await freePort()
    const config = [
      `ListenAddress 127.0.0.1:${port}`,
      `HostKey ${at('host')}`,
      `AuthorizedKeysFile ${at('authorized')}`,
      'PermitRootLogin yes',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'UsePAM no',
      'StrictModes no',
      'MaxStartups 200',
      'PidFile none'
    ]
    await writeFile(at('config'), config.join('\n'))
    const started = spawn('/usr/sbin/sshd', ['-D', '-f', at('config')], { stdio: 'ignore' })
    if (await answers(port, started)) server = started
  }
  if (server === undefined) throw new Error('sshd does not listen')
  const running = server
  await writeFile(at('known'), `[127.0.0.1]:${port} ${hostKey.public}\n`)
  const { username } = userInfo()
  return {
    line: account =>
      `{ ssh: ${username}@127.0.0.1:${port}, identityFile: ${at(`${account}.key`)}, knownHosts: ${at('known')}, timeout: 20s }`,
    async close() {
      const gone = running.exitCode === null ? once(running, 'exit') : null
      running.kill('SIGKILL')
      await gone
    }
  }
}

async function answers(port: number, server: ChildProcess): Promise<boolean> {
  while (server.exitCode === null) {
    const isThere = await new Promise<boolean>(done => {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => done(false))
      socket.once('data', bytes => {
        socket.destroy()
        done(bytes.toString().startsWith('SSH-'))
      })
    })
    if (isThere) return true
    await new Promise(done => setTimeout(done, 50))
  }
  return false
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  await new Promise(done => server.close(done))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
