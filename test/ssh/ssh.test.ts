import { chmod, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { dialHost } from '../../src/ssh/dial.ts'
import { fingerprint } from '../../src/ssh/known-hosts.ts'
import { openSession } from '../../src/ssh/open-session.ts'
import type { HostAddress, HostSession } from '../../src/facts/session.ts'
import { openClient } from '../../src/ssh/ssh2-session.ts'
import { reading, script } from '../support/read.ts'
import { type Fault, keyPair, startSshServer, type TestServer } from '../support/ssh-server.ts'

const ended: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end()
})

async function server(options?: Parameters<typeof startSshServer>[0]): Promise<TestServer> {
  const started = await startSshServer(options)
  ended.push(() => started.close())
  return started
}

async function open(address: HostAddress, signal = new AbortController().signal): Promise<HostSession> {
  const session = await openSession(address, { signal })
  ended.push(() => session.close())
  return session
}

const blobOf = (publicKey: string) => Buffer.from(publicKey.split(' ')[1] ?? '', 'base64')

describe.each(['ssh2', 'openssh'] as const)('over %s', transport => {
  const through = (on: TestServer, changes: Partial<HostAddress> = {}): HostAddress => ({
    ...on.address,
    transport,
    ...changes
  })

  it('reads everything through one connection and one exec', async () => {
    const on = await server()
    const session = await open(through(on))
    const first = await Promise.all(
      session.ask([reading(['echo', "it's"]), script('echo err >&2; exit 7'), reading(['no-such-tool'])])
    )
    const second = await Promise.all(session.ask([reading(['echo', 'again'])]))
    expect([...first, ...second]).toMatchObject([
      { answered: true, exit: 0, stdout: "it's\n", stderr: '' },
      { answered: true, exit: 7, stdout: '', stderr: 'err\n' },
      { answered: true, exit: 127, stdout: '' },
      { answered: true, exit: 0, stdout: 'again\n' }
    ])
    expect(session.stats).toEqual({ connections: 1, execs: 1, reads: 4 })
    await session.close()
    expect(on.seen).toMatchObject({ connections: 1, logins: 1, execs: 1 })
    // The clock of this machine may be set meanwhile, by some milliseconds.
    expect(Math.abs(session.clock.skewMs)).toBeLessThanOrEqual(session.clock.uncertaintyMs + 100)
  })

  it('reads megabytes whole', async () => {
    const session = await open(through(await server()))
    const [big, small] = await Promise.all(
      session.ask([script('yes 0123456789 | head -c 3000000'), reading(['echo', 'small'])])
    )
    expect(big).toMatchObject({ answered: true, cut: false })
    expect(big?.answered === true && big.stdout === '0123456789\n'.repeat(272_728).slice(0, 3_000_000)).toBe(
      true
    )
    expect(small).toMatchObject({ answered: true, stdout: 'small\n' })
  })

  it('skips what a login shell prints of its own', async () => {
    const session = await open(through(await server({ faults: ['noisy-shell'] })))
    expect(await Promise.all(session.ask([reading(['echo', 'clear'])]))).toMatchObject([
      { stdout: 'clear\n' }
    ])
  })

  it('answers what is outstanding when the connection drops', async () => {
    const on = await server({ faults: ['reset-after-output'] })
    const session = await open(through(on))
    const answers = await Promise.all(
      session.ask([script('sleep 30'), reading(['echo', 'now']), script('sleep 20')])
    )
    for (const answer of [answers[0], answers[2]]) {
      expect(answer).toMatchObject({
        answered: false,
        why: expect.stringMatching(/connection|reset|closed|disconnect/i)
      })
    }
    expect(await Promise.all(session.ask([reading(['true'])]))).toMatchObject([{ answered: false }])
  })

  it('closes quickly while reads hang and the host does not answer', async () => {
    const session = await open(through(await server({ faults: ['hang-at-close'] })))
    const asked = session.ask([script('sleep 30')])
    await session.close()
    expect(await Promise.all(asked)).toMatchObject([{ answered: false, why: 'the session was closed' }])
    const idle = await open(through(await server({ faults: ['hang-at-close'] })))
    await idle.close()
  })

  it.each<Fault>(['hang-at-login', 'hang-at-session', 'hang-at-exec'])(
    'stops at once when the review is given up: %s',
    async fault => {
      const on = await server({ faults: [fault] })
      const giveUp = new AbortController()
      setTimeout(() => giveUp.abort(new Error('enough')), 300)
      await expect(openSession(through(on), { signal: giveUp.signal })).rejects.toMatchObject({
        kind: 'timeout',
        message: 'stopped: enough'
      })
    }
  )

  it('stops at once when the review is given up while reads run', async () => {
    const giveUp = new AbortController()
    const session = await open(through(await server()), giveUp.signal)
    const asked = session.ask([script('sleep 30')])
    giveUp.abort(new Error('enough'))
    expect(await Promise.all(asked)).toMatchObject([{ answered: false, why: 'stopped: enough' }])
  })

  it.each<[fault: Fault, kind: string, message: RegExp]>([
    [
      'refuse-login',
      'login-refused',
      // The key that was offered, by its file and as `ssh-keygen -l` prints it.
      /refused the login of reader with \S+ \(SHA256:\S+\)$|\(offered: \S+ \(SHA256:[^()]*\)\): .*Permission denied/
    ],
    ['refuse-session', 'shell', /session|channel|open failed/i],
    ['refuse-exec', 'shell', /session|exec|ended/i],
    ['hang-at-login', 'timeout', /no answer from \S+ within 1 s of connecting/],
    ['hang-at-session', 'timeout', /no answer from \S+ within 1 s of connecting/],
    ['hang-at-exec', 'timeout', /no answer from \S+ within 1 s of connecting/],
    ['close-at-connect', 'unreachable', /closed|reset/i],
    ['reset-at-login', 'unreachable', /closed|reset/i],
    ['shell-that-ends', 'shell', /the shell on the host exited with 1: .*This account is closed\./],
    ['endless-noise', 'shell', /prints too much/]
  ])('%s: %s', async (fault, kind, message) => {
    const timeoutMs = fault.startsWith('hang') ? 1_000 : 5_000
    const on = await server({ faults: [fault] })
    const error = await openSession(through(on, { timeoutMs }), {
      signal: new AbortController().signal
    }).catch(thrown => thrown)
    expect(error).toMatchObject({ name: 'HostUnseen', message: expect.stringMatching(message), kind })
  })

  it('says that a port is closed and that a name does not exist', async () => {
    const on = await server()
    const signal = new AbortController().signal
    await expect(openSession(through(on, { ssh: 'reader@127.0.0.1:1' }), { signal })).rejects.toMatchObject({
      kind: 'unreachable',
      message: expect.stringMatching(/refused/)
    })
    const nobody = { ssh: 'reader@no-such-host.example.test' }
    await expect(openSession(through(on, nobody), { signal })).rejects.toMatchObject({
      kind: 'unreachable',
      message: expect.stringMatching(/unknown host name|could not be resolved|not resolve/)
    })
  })

  it('never logs in to a host whose key is unknown, changed or revoked, and shows the fingerprint', async () => {
    const on = await server()
    const signal = new AbortController().signal
    const shown = `ssh-ed25519 ${fingerprint(blobOf(on.hostKey.public))}`
    const name = `[127.0.0.1]:${on.port}`
    const tables = {
      unknown: `other.example.test ${on.hostKey.public}\n`,
      changed: `${name} ${keyPair().public}\n`,
      revoked: `${name} ${on.hostKey.public}\n@revoked * ${on.hostKey.public}\n`
    }
    for (const [why, table] of Object.entries(tables)) {
      const knownHosts = join(on.folder, why)
      await writeFile(knownHosts, table)
      const error = await openSession(through(on, { knownHosts }), { signal }).catch(thrown => thrown)
      expect(error).toMatchObject({ kind: 'host-key', message: expect.stringContaining(shown) })
      expect(error.message).toContain(transport === 'ssh2' ? knownHosts : 'Host key verification failed')
    }
    expect(on.seen).toMatchObject({ logins: 0, offered: 0 })
  })
})

describe('over ssh2 alone', () => {
  it('asks for the types on file', async () => {
    const hostKeys = [keyPair('ed25519'), keyPair('ecdsa'), keyPair('rsa')]
    const on = await server({ hostKeys })
    for (const key of hostKeys) {
      const knownHosts = join(on.folder, 'one')
      await writeFile(knownHosts, `[127.0.0.1]:${on.port} ${key.public}\n`)
      const session = await open({ ...on.address, knownHosts })
      expect(await Promise.all(session.ask([reading(['true'])]))).toMatchObject([{ answered: true }])
    }
  })

  it('shows the fingerprint of a host that has no key of a type on file any more', async () => {
    const on = await server()
    const knownHosts = join(on.folder, 'ecdsa')
    await writeFile(knownHosts, `[127.0.0.1]:${on.port} ${keyPair('ecdsa').public}\n`)
    await expect(
      openSession({ ...on.address, knownHosts }, { signal: new AbortController().signal })
    ).rejects.toMatchObject({
      kind: 'host-key',
      message: expect.stringMatching(/has changed.*on file is ecdsa-sha2-nistp256/)
    })
  })

  it('says what is wrong with keys and known_hosts before it connects', async () => {
    const on = await server()
    const signal = new AbortController().signal
    const loose = join(on.folder, 'loose')
    await writeFile(loose, on.clientKey.private)
    await chmod(loose, 0o644)
    const authority = join(on.folder, 'authority')
    await writeFile(authority, `@cert-authority [127.0.0.1]:* ${keyPair().public}\n`)
    const cases: [Partial<HostAddress>, RegExp][] = [
      [{ identityFile: loose }, /other users can read .*loose \(mode 0644\): chmod 600/],
      [{ identityFile: join(on.folder, 'absent') }, /absent does not exist/],
      [
        { identityFile: join(on.folder, 'known_hosts') },
        /other users can read|not a supported key|not a private key/
      ],
      [{ knownHosts: join(on.folder, 'absent') }, /cannot read .*absent/],
      [{ knownHosts: authority }, /certificate authority.*transport: openssh/],
      [{ ssh: '-oProxyCommand=touch /tmp/never' }, /is neither an alias/],
      [{ ssh: 'reader@host:99999' }, /99999 is not a port/]
    ]
    for (const [changes, message] of cases) {
      await expect(openSession({ ...on.address, ...changes }, { signal })).rejects.toMatchObject({
        kind: 'configuration',
        message: expect.stringMatching(message)
      })
    }
    expect(on.seen.connections).toBe(0)
  })
})

describe('a host that hangs up between the dial and the login', () => {
  it.each([
    ['by a reset', 'reset', 'resetAndDestroy'],
    ['in good order', 'closed', 'end']
  ] as const)('%s is told as what it is', async (_how, did, ending) => {
    // Once the connection stands at this end too.
    const listening = createServer(socket => void setTimeout(() => socket[ending](), 30))
    await new Promise<void>(resolve => listening.listen(0, '127.0.0.1', resolve))
    ended.push(() => new Promise(resolve => listening.close(() => resolve())))
    const address = listening.address()
    const port = address === null || typeof address === 'string' ? 0 : address.port
    const on = await server()
    const host = { ...on.address, ssh: `reader@127.0.0.1:${port}` }
    const { signal } = new AbortController()
    const line = await dialHost(host, signal)
    await line.socket
    // As long as ssh2 may take to be loaded.
    await new Promise(resolve => setTimeout(resolve, 100))
    await expect(openClient(host, signal, line)).rejects.toThrow(
      `127.0.0.1 ${did} the connection before its banner`
    )
  })

  it('is let go of before it stands, too', async () => {
    const on = await server()
    const line = await dialHost(on.address, new AbortController().signal)
    line.abort()
    await expect(line.socket).rejects.toMatchObject({ name: 'HostUnseen' })
  })

  it('lets go of the connection where there is nothing to log in with', async () => {
    const on = await server()
    const host = { ...on.address, identityFile: '/nonexistent/key' }
    const { signal } = new AbortController()
    const line = await dialHost(host, signal)
    const socket = await line.socket
    await expect(openClient(host, signal, line)).rejects.toMatchObject({ kind: 'configuration' })
    await new Promise(setImmediate)
    expect(socket.destroyed).toBe(true)
  })
})
