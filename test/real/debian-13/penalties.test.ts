import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, inject, it } from 'vitest'
import { openSession } from '../../../src/ssh/open-session.ts'
import type { HostAddress } from '../../../src/facts/session.ts'
import { bootHost, type TestHost, until } from '../../support/host.ts'
import { generous } from '../../support/pace.ts'

/** An sshd of OpenSSH 10 that penalises an address for one key that it does not know, and then drops the right key too. */
describe.skipIf(inject('hostObstacle') !== null)('an sshd with PerSourcePenalties', () => {
  let host: TestHost
  let folder: string
  // Each transport has an sshd of its own, which counts for itself.
  const ports = { ssh2: 2222, openssh: 2223 } as const
  const transports = ['ssh2', 'openssh'] as const satisfies readonly HostAddress['transport'][]
  type Tried = (typeof transports)[number]

  const dial = async (identityFile: string, transport: Tried) => {
    const session = await openSession(
      {
        name: 'prod',
        ssh: `${host.user}@${host.address}:${ports[transport]}`,
        transport,
        identityFile,
        knownHosts: join(folder, 'known_hosts'),
        timeoutMs: 20_000,
        configFile: null
      },
      { signal: new AbortController().signal }
    )
    await session.close()
  }
  const outcome = (transport: Tried) =>
    dial(host.identityFile, transport).then(
      () => 'let in',
      (error: unknown) => String(error)
    )

  beforeAll(async () => {
    host = await bootHost()
    folder = await mkdtemp(join(tmpdir(), 'adversary-penalties-'))
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, 'stranger')])
    const known = await readFile(host.knownHosts, 'utf8')
    const others = Object.values(ports).map(port =>
      known.replaceAll(/^198\.51\.100\.2 /gm, `[198.51.100.2]:${port} `)
    )
    await writeFile(join(folder, 'known_hosts'), others.join(''))
    const start = transports.map(
      each => `/usr/sbin/sshd -p ${ports[each]} -o PidFile=/run/sshd-penalties-${each}.pid \\
  -o 'PerSourcePenalties authfail:40 min:15'
${until(`ss -ltn | grep -q :${ports[each]}`)}`
    )
    const { exit, stderr } = await host.run(`set -eu\n${start.join('\n')}`)
    if (exit !== 0) throw new Error(`on the host: exit ${exit}: ${stderr}`)
  })
  afterAll(async () => {
    await host?.run('kill $(cat /run/sshd-penalties-*.pid)')
    if (folder !== undefined) await rm(folder, { recursive: true })
  })

  // Both at once, for what they wait for is the minute that a penalised host is left alone.
  it.concurrent.for(transports)(
    'says that the address is penalised, waits, and is let in again (%s)',
    async (transport, { expect }) => {
      await expect(dial(join(folder, 'stranger'), transport)).rejects.toMatchObject({ kind: 'login-refused' })
      await expect
        .poll(() => outcome(transport), { timeout: generous(20_000), interval: 200 })
        .toMatch(/after failed logins.*next attempt in 60 s/)
      // Nothing is sent while it waits, so the penalty does not grow.
      expect(await outcome(transport)).toMatch(/after failed logins.*next attempt in \d+ s/)
      await expect
        .poll(() => outcome(transport), { timeout: generous(180_000), interval: 2_000 })
        .toBe('let in')
    }
  )
})
