import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { openSession } from '../../src/ssh/open-session.ts'
import { type HostAddress, HostUnseen } from '../../src/facts/session.ts'
import { startSshServer } from '../support/ssh-server.ts'

const ended: (() => Promise<unknown>)[] = []
afterEach(async () => {
  vi.unstubAllEnvs()
  for (const end of ended.splice(0).reverse()) await end()
})

async function unseen(address: HostAddress): Promise<HostUnseen> {
  const error: unknown = await openSession(address, { signal: new AbortController().signal }).then(
    () => null,
    (error: unknown) => error
  )
  if (!(error instanceof HostUnseen)) throw new Error('the host was seen')
  return error
}

async function address(changes: Partial<HostAddress>): Promise<HostAddress> {
  const server = await startSshServer()
  ended.push(() => server.close())
  return { ...server.address, ...changes }
}

describe.each(['ssh2', 'openssh'] as const)('over %s', transport => {
  it('a host that penalises our address is told as that, and is left alone', async () => {
    let connections = 0
    // As sshd 9.8 and newer do: one line, and no banner.
    const server = createServer(socket => {
      connections += 1
      socket.resume()
      socket.on('error', () => undefined)
      socket.end('Not allowed at this time\r\n')
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    ended.push(() => new Promise(resolve => server.close(resolve)))
    const at = server.address()
    const port = at === null || typeof at === 'string' ? 0 : at.port
    const host = await address({ transport, ssh: `reader@127.0.0.1:${port}` })
    const first = await unseen(host)
    expect(first.message).toMatch(/after failed logins .*next attempt in 60 s$/)
    expect((await unseen(host)).message).toMatch(/after failed logins .*next attempt in \d+ s$/)
    expect(connections).toBe(1)
  })
})

/** What `ssh` printed in real failures, and what of it is the reason. */
const warning = [
  '** WARNING: connection is not using a post-quantum key exchange algorithm.',
  '** This session may be vulnerable to "store now, decrypt later" attacks.',
  '** The server may need to be upgraded. See https://openssh.com/pq.html'
]
const banner = ['#####################', 'Authorized users only.', 'All use is recorded.']

it.each<[name: string, lines: readonly string[], exit: number, kind: HostUnseen['kind'], why: RegExp]>([
  [
    'a refused login',
    [
      ...warning,
      ...banner,
      'debug1: No more authentication methods to try.',
      'a@b: Permission denied (publickey).'
    ],
    255,
    'login-refused',
    /: a@b: Permission denied \(publickey\)\.$/
  ],
  [
    'a connection that is closed behind the warning',
    [...warning, 'Connection closed by 192.0.2.1 port 22'],
    255,
    'unreachable',
    /: Connection closed by 192\.0\.2\.1 port 22$/
  ],
  [
    'a connection that is closed behind the banner',
    [...banner, 'Connection reset by 192.0.2.1 port 22'],
    255,
    'unreachable',
    /: Connection reset by 192\.0\.2\.1 port 22$/
  ],
  ['nothing but the warning', warning, 255, 'unreachable', /: exited without a message$/],
  [
    'a shell that ends',
    [...warning, ...banner, 'Authenticated to b ([192.0.2.1]:22) using "publickey".', '/bin/sh: not found'],
    127,
    'shell',
    /exited with 127: \/bin\/sh: not found$/
  ]
])('the reason is the reason: %s', async (_, lines, exit, kind, why) => {
  const folder = await mkdtemp(join(tmpdir(), 'adversary-client-'))
  ended.push(() => rm(folder, { recursive: true, force: true }))
  const printed = lines.map(line => `printf '%s\\n' '${line}' >&2`).join('\n')
  await writeFile(join(folder, 'ssh'), `#!/bin/sh\n${printed}\nexit ${exit}\n`)
  await chmod(join(folder, 'ssh'), 0o755)
  vi.stubEnv('PATH', `${folder}${delimiter}${process.env['PATH'] ?? ''}`)
  const error = await unseen(await address({ transport: 'openssh' }))
  expect(error.message).toMatch(why)
  expect(error.kind).toBe(kind)
})
