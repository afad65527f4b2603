import { execFileSync, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openSession } from '../../src/ssh/open-session.ts'
import { makeKey, serveRecordedHost } from '../../src/ssh/recorded-host.ts'
import type { HostAddress } from '../../src/facts/session.ts'
import { reading } from '../support/read.ts'

it.each(['ssh2', 'openssh'] as const)(
  'answers from its recordings, and changes, over %s',
  async transport => {
    const folder = await mkdtemp(join(tmpdir(), 'adversary-recorded-'))
    const uptime = { argv: ['uptime'], exit: 0, stdout: 'up é\n', stderr: '' }
    const awkward = { argv: ['sh', '-c', ' "$x" ', ''], exit: 3, stdout: '', stderr: 'no\n' }
    const host = await serveRecordedHost({
      recordings: [uptime, awkward],
      hostMicros: () => 1_800_000_000_000_000
    })
    const address: HostAddress = {
      name: 'recorded',
      ssh: `reviewer@127.0.0.1:${host.port}`,
      transport,
      identityFile: join(folder, 'key'),
      knownHosts: join(folder, 'known_hosts'),
      timeoutMs: 5_000,
      configFile: null
    }
    await writeFile(join(folder, 'key'), host.clientKey, { mode: 0o600 })
    await writeFile(join(folder, 'known_hosts'), `[127.0.0.1]:${host.port} ${host.hostKey}\n`)
    try {
      const session = await openSession(address, { signal: new AbortController().signal })
      // It goes on from there.
      expect(Math.trunc(session.clock.hostMicros / 1e9)).toBe(1_800_000)
      const ask = (...argv: string[]) => Promise.all(session.ask([reading(argv)]))
      const [both, cut] = await Promise.all([
        Promise.all(session.ask([reading(['uptime']), reading(awkward.argv)])),
        Promise.all(session.ask([reading(['uptime'], { capBytes: 2 })]))
      ])
      expect(both).toMatchObject([
        { answered: true, exit: 0, stdout: 'up é\n', cut: false },
        { answered: true, exit: 3, stderr: 'no\n' }
      ])
      expect(cut).toMatchObject([{ stdout: 'up', cut: true }])
      expect(await ask('uptime', '-p')).toMatchObject([
        { exit: 127, stderr: 'uptime: not recorded: uptime -p\n' }
      ])
      host.play([{ ...uptime, stdout: 'changed\n' }])
      expect(await ask('uptime')).toMatchObject([{ stdout: 'changed\n' }])
      await session.close()
    } finally {
      await host.close()
      await rm(folder, { recursive: true })
    }
  }
)

it('runs nothing and lets nobody else in', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'adversary-recorded-'))
  const host = await serveRecordedHost({ recordings: [] })
  const file = (name: string) => join(folder, name)
  await writeFile(file('key'), host.clientKey, { mode: 0o600 })
  await writeFile(file('other'), makeKey().private, { mode: 0o600 })
  await writeFile(file('known_hosts'), `[127.0.0.1]:${host.port} ${host.hostKey}\n`)
  const address = {
    name: 'recorded',
    ssh: `reviewer@127.0.0.1:${host.port}`,
    transport: 'ssh2',
    identityFile: file('other'),
    knownHosts: file('known_hosts'),
    timeoutMs: 5_000,
    configFile: null
  } as const
  try {
    await expect(openSession(address, { signal: new AbortController().signal })).rejects.toMatchObject({
      kind: 'login-refused'
    })
    const options = ['-F', 'none', '-i', file('key'), '-o', `UserKnownHostsFile=${file('known_hosts')}`]
    const child = spawn('ssh', [...options, '-p', String(host.port), 'reviewer@127.0.0.1', 'id'], {
      stdio: ['ignore', 'pipe', 'ignore']
    })
    let out = ''
    child.stdout.on('data', chunk => {
      out += String(chunk)
    })
    const code = await new Promise(resolve => child.on('close', resolve))
    expect([code, out]).toEqual([255, ''])
  } finally {
    await host.close()
    await rm(folder, { recursive: true })
  }
})

it('makes keys that ssh-keygen reads', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'adversary-key-'))
  for (let n = 0; n < 40; n++) {
    const key = makeKey()
    await writeFile(join(folder, `key${n}`), key.private, { mode: 0o600 })
    const text = execFileSync('ssh-keygen', ['-y', '-f', join(folder, `key${n}`)], { encoding: 'utf8' })
    expect(text.trim()).toBe(key.public)
  }
  await rm(folder, { recursive: true })
})
