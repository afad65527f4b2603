import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, assert, beforeAll, describe, expect, it, vi } from 'vitest'
import { openSession } from '../../src/ssh/open-session.ts'
import type { HostAddress, HostSession } from '../../src/facts/session.ts'
import { reading, script } from '../support/read.ts'
import { generous } from '../support/pace.ts'

/** OpenSSH's own server on loopback, with a configuration of our own; as root, which it needs to log anyone in. */
const folder = mkdtempSync(join(tmpdir(), 'adversary-sshd-'))
const file = (name: string) => join(folder, name)
const keygen = (...argv: string[]) => execFileSync('ssh-keygen', ['-q', ...argv])
const publicKey = (name: string) =>
  execFileSync('ssh-keygen', ['-y', '-f', file(name)], { encoding: 'utf8' }).trim()

let port = 0
let sshd: ChildProcess
let log = ''

beforeAll(async () => {
  keygen('-t', 'ed25519', '-N', '', '-f', file('host'))
  keygen('-t', 'rsa', '-b', '2048', '-N', '', '-f', file('host_rsa'))
  keygen('-t', 'ed25519', '-N', '', '-f', file('authority'))
  keygen('-s', file('authority'), '-h', '-I', 'host', '-n', '127.0.0.1', file('host.pub'))
  keygen('-t', 'ed25519', '-N', '', '-f', file('client'))
  keygen('-t', 'ed25519', '-N', 'a passphrase', '-f', file('locked'))
  writeFileSync(file('authorized'), `${publicKey('client')}\n${readPublic('locked')}\n`)
  port = await freePort()
  writeFileSync(
    file('config'),
    [
      `ListenAddress 127.0.0.1:${port}`,
      `HostKey ${file('host')}`,
      `HostKey ${file('host_rsa')}`,
      `HostCertificate ${file('host')}-cert.pub`,
      `AuthorizedKeysFile ${file('authorized')}`,
      'PermitRootLogin prohibit-password',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'UsePAM no',
      'StrictModes no',
      'PidFile none',
      // One channel is all that we need.
      'MaxSessions 1',
      `Banner ${file('client.pub')}`
    ].join('\n')
  )
  mkdirSync('/run/sshd', { recursive: true })
  sshd = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', file('config')], { stdio: ['ignore', 'ignore', 'pipe'] })
  sshd.stderr?.on('data', chunk => {
    log += String(chunk)
  })
  await vi.waitFor(() => assert.match(log, /Server listening/), { timeout: generous(10_000) })
  known('known_hosts', `[127.0.0.1]:${port} ${publicKey('host')}`)
})

afterAll(() => {
  sshd.kill()
  rmSync(folder, { recursive: true, force: true })
})

const open: HostSession[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map(session => session.close()))
})

function readPublic(name: string): string {
  return execFileSync('cat', [file(`${name}.pub`)], { encoding: 'utf8' }).trim()
}

function known(name: string, text: string): string {
  writeFileSync(file(name), `${text}\n`)
  return file(name)
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise(resolve => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}

const address = (changes: Partial<HostAddress> = {}): HostAddress => ({
  name: 'sshd',
  ssh: `root@127.0.0.1:${port}`,
  transport: 'ssh2',
  identityFile: file('client'),
  knownHosts: file('known_hosts'),
  timeoutMs: 10_000,
  configFile: null,
  ...changes
})

async function session(changes: Partial<HostAddress> = {}): Promise<HostSession> {
  const opened = await openSession(address(changes), { signal: new AbortController().signal })
  open.push(opened)
  return opened
}

const ask = (on: HostSession, ...argv: string[]) => Promise.all(on.ask([reading(argv)]))

describe.each(['ssh2', 'openssh'] as const)('%s, with a real sshd', transport => {
  it('reads two rounds of many through one login and one channel', async () => {
    const logins = () => log.match(/Accepted publickey/g)?.length ?? 0
    const before = logins()
    const on = await session({ transport })
    const many = Array.from({ length: 100 }, (_, n) => script(`echo ${n}; echo e${n} >&2; exit ${n}`))
    for (let round = 0; round < 2; round++) {
      expect(await Promise.all(on.ask(many))).toMatchObject(
        many.map((_, n) => ({ answered: true, exit: n, stdout: `${n}\n`, stderr: `e${n}\n` }))
      )
    }
    expect(logins() - before).toBe(1)
    expect(Math.abs(on.clock.skewMs)).toBeLessThanOrEqual(on.clock.uncertaintyMs + 1)
  })

  it('leaves nothing running on the host', async () => {
    const on = await session({ transport })
    // sshd gives every command a session of its own: that is how its processes are told from others.
    const [sid] = await Promise.all(on.ask([script('ps -o sid= -p $$')]))
    assert(sid?.answered === true && /^\s*\d+\s*$/.test(sid.stdout))
    const running = () =>
      spawnSync('ps', ['-o', 'args=', '-s', sid.stdout.trim()], { encoding: 'utf8' }).stdout
    void on.ask([script('sleep 30', { deadlineMs: 1_000 }), script('yes', { deadlineMs: 1_000 })])
    await expect.poll(running).toContain('sleep 30')
    await on.close()
    await expect.poll(running, { timeout: generous(6_000), interval: 300 }).toBe('')
  })

  it('answers what is outstanding when the server ends the connection', async () => {
    const on = await session({ transport })
    const asked = on.ask([reading(['sleep', '20'])])
    const children = execFileSync('pgrep', ['-P', String(sshd.pid)], { encoding: 'utf8' })
      .trim()
      .split('\n')
    for (const pid of children) process.kill(Number(pid), 'SIGKILL')
    expect(await Promise.all(asked)).toMatchObject([
      { answered: false, why: expect.stringMatching(/closed|lost|reset|disconnect|ended/i) }
    ])
  })

  it('knows a host by a hashed name, and by its RSA key alone', async () => {
    const hashed = known('hashed', `[127.0.0.1]:${port} ${publicKey('host')}`)
    execFileSync('ssh-keygen', ['-q', '-H', '-f', hashed], { stdio: 'ignore' })
    expect(await ask(await session({ transport, knownHosts: hashed }), 'true')).toMatchObject([{ exit: 0 }])
    const rsa = known('rsa', `[127.0.0.1]:${port} ${publicKey('host_rsa')}`)
    expect(await ask(await session({ transport, knownHosts: rsa }), 'true')).toMatchObject([{ exit: 0 }])
  })

  it('is refused with a key that the host does not let in', async () => {
    keygen('-t', 'ed25519', '-N', '', '-f', file(`stranger-${transport}`))
    await expect(session({ transport, identityFile: file(`stranger-${transport}`) })).rejects.toMatchObject({
      kind: 'login-refused'
    })
  })
})

describe('keys in an agent', () => {
  let agent: ChildProcess
  beforeAll(async () => {
    agent = spawn('ssh-agent', ['-D', '-a', file('agent')], { stdio: 'ignore' })
    const add = () =>
      execFileSync('ssh-add', ['-q', file('locked')], {
        env: {
          ...process.env,
          SSH_AUTH_SOCK: file('agent'),
          SSH_ASKPASS: file('ask'),
          SSH_ASKPASS_REQUIRE: 'force'
        },
        stdio: 'ignore'
      })
    writeFileSync(file('ask'), '#!/bin/sh\necho a passphrase\n', { mode: 0o700 })
    await vi.waitFor(add, { timeout: generous(5_000) })
  })
  afterAll(() => {
    agent.kill()
  })

  it.each(['yes', 'no'])('log in where the file has a passphrase (IdentitiesOnly %s)', async only => {
    const config = file(`config-${only}`)
    writeFileSync(
      config,
      `Host *\n  IdentityFile ${file('locked')}\n  IdentitiesOnly ${only}\n  IdentityAgent ${file('agent')}\n`
    )
    const { identityFile: _unused, ...rest } = address({ configFile: config })
    const on = await openSession(rest, { signal: new AbortController().signal })
    open.push(on)
    expect(await ask(on, 'true')).toMatchObject([{ exit: 0 }])
  })

  it('are not used where the file alone is asked for and cannot be opened', async () => {
    const { SSH_AUTH_SOCK: before } = process.env
    delete process.env['SSH_AUTH_SOCK']
    try {
      await expect(session({ identityFile: file('locked') })).rejects.toMatchObject({
        kind: 'configuration',
        message: expect.stringContaining('has a passphrase, and there is no ssh-agent')
      })
    } finally {
      if (before !== undefined) process.env['SSH_AUTH_SOCK'] = before
    }
  })
})

it('leaves a host that is known by its authority to openssh', async () => {
  const knownHosts = known('by-authority', `@cert-authority [127.0.0.1]:* ${publicKey('authority')}`)
  await expect(session({ knownHosts })).rejects.toMatchObject({
    kind: 'configuration',
    message: expect.stringContaining('transport: openssh')
  })
  expect(await ask(await session({ knownHosts, transport: 'openssh' }), 'true')).toMatchObject([{ exit: 0 }])
})
