import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { lockdownDocument } from '../../src/cli/documents.ts'
import { runCli } from '../support/cli.ts'
import { startSshServer, type TestServer } from '../support/ssh-server.ts'

let dir: string
let servers: TestServer[]
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'lockdown-'))
  servers = []
  await mkdir(join(dir, 'plans'))
})
afterEach(async () => {
  await Promise.all(servers.map(server => server.close()))
  await rm(dir, { recursive: true })
})

const m1 = `phase: p
host: prod
milestones:
  M1: { checks: [{ probe: unit-activation, with: { unit: deploy, after: 2026-06-13T05:33:00Z } }, { probe: clock-skew, on: spare }] }
hunt: { probes: [] }
`

async function home(plan = m1, options: Parameters<typeof startSshServer>[0] = {}): Promise<TestServer> {
  const server = await startSshServer(options)
  servers.push(server)
  const { ssh, identityFile, knownHosts } = server.address
  const host = { ssh, identityFile, knownHosts, timeout: '5s' }
  const config = {
    repo: { url: join(dir, 'repo.git'), branch: 'main' },
    identity: { name: 'a', email: 'adversary@example.test', signingKey: join(dir, 'key') },
    hosts: { prod: host, spare: host, idle: host, here: { transport: 'local' } }
  }
  await writeFile(join(dir, 'adversary.yaml'), JSON.stringify(config))
  await writeFile(join(dir, 'plans/p.yaml'), plan)
  return server
}

const run = (...words: readonly string[]) => runCli(['lockdown', '--home', dir, ...words], { cwd: dir })

async function made(...words: readonly string[]) {
  const { code, stdout } = await run('--json', ...words)
  expect(code).toBe(0)
  const document = lockdownDocument.parse(JSON.parse(stdout))
  if (!('script' in document)) throw new Error('no script')
  return document as typeof document & { script: string; authorizedKeys: string; reads: readonly string[] }
}

describe('what it prints', () => {
  it('the line of authorized_keys: restricted, from there alone, to the script', async () => {
    const { clientKey } = await home()
    const key = clientKey.public.split(' ').slice(0, 2).join(' ')
    expect((await made('--on', 'prod', '--from', '192.0.2.10,2001:db8::/64')).authorizedKeys).toBe(
      `restrict,from="192.0.2.10,2001:db8::/64",command="/usr/local/libexec/adversary-reader" ${key} adversary`
    )
    expect((await made('--on', 'prod', '--path', '/etc/adversary')).authorizedKeys).toBe(
      `restrict,command="/etc/adversary" ${key} adversary`
    )
  })

  it('a script with that line in its head, and nothing else on stdout', async () => {
    await home()
    const { code, stdout, stderr } = await run('--on', 'prod')
    expect([code, stderr]).toEqual([0, ''])
    const { script, authorizedKeys } = await made('--on', 'prod')
    expect(stdout).toBe(script)
    expect(script).toMatch(/^#!\/bin\/sh\n# Limits the reviewer's key on prod: /)
    expect(script).toContain(`\n# ${authorizedKeys}\n`)
  })

  it('the reads of the plan, of its orientation and of the doctor, and no others', async () => {
    await home()
    const { reads } = await made('--on', 'prod')
    expect(reads).toContain("docker network ls --no-trunc --format '{{json .}}'")
    expect(reads).toContain('docker network inspect -- …')
    expect(reads.filter(read => read.includes('deploy.service'))).toHaveLength(1)
    expect(reads.filter(read => /^(?:journalctl|head|sed) /.test(read))).toEqual([])
  })

  it('each host has its own', async () => {
    await home()
    const { reads } = await made('--on', 'spare')
    expect(reads.filter(read => read.includes('deploy.service'))).toEqual([])
  })

  it('a plan that reads a journal and programs: the unit by its name, time and path as blanks', async () => {
    await home(
      m1.replace(
        '{ probe: clock-skew, on: spare }',
        '{ probe: journal-silent, with: { unit: deploy, matches: x, since: 2026-06-13T05:33:00Z } }, { probe: unit-script, with: { unit: deploy, contains: x } }'
      )
    )
    const { reads } = await made('--on', 'prod')
    expect(reads).toContain('journalctl --header --no-pager')
    expect(reads).toContain('head -c 131073 -- …')
    expect(reads.filter(read => read.includes('--since=@…'))).toHaveLength(2)
  })
})

it.each([
  [['--on', 'nowhere'], /is not a host of adversary\.yaml; expected one of prod, spare, idle, here/],
  [[], /--on is required/],
  [['--on', 'here'], /there is no key to limit/],
  [['--on', 'idle'], /no plan reads idle/],
  [['--on', 'prod', '--path', 'relative'], /not an absolute path/],
  [['--on', 'prod', '--path', '/x"; id'], /not an absolute path of letters/],
  [['--on', 'prod', '--from', '192.0.2.1",command="id'], /not a list of addresses/],
  [['--on', 'prod', '--also', '/'], /not a folder that may be read/],
  [['--on', 'prod', '--also', '/opt/../etc'], /not a folder that may be read/],
  [['--on', 'prod', '--key', 'nokey'], /no public key found for .*nokey/]
])('%j is refused with a sentence', async (words, said) => {
  await home()
  const { code, stdout, stderr } = await run(...words)
  expect([code, stdout]).toEqual([64, ''])
  expect(stderr).toMatch(said)
})

describe('--check', () => {
  const states = (stdout: string) => {
    const document = lockdownDocument.parse(JSON.parse(stdout))
    const checks = 'checks' in document ? (document['checks'] as { id: string; ok: boolean | null }[]) : []
    return Object.fromEntries(checks.map(({ id, ok }) => [id.split('/').at(-1), ok]))
  }

  it('a host that is not locked: what it lets through is said', async () => {
    await home()
    const { code, stdout } = await run('--check', '--on', 'prod', '--json')
    expect(code).toBe(1)
    expect(states(stdout)).toMatchObject({ reader: true, listed: true, unlisted: false, command: false })
  })

  it('a host with the script: it answers the plan and nothing else', async () => {
    const script = join(dir, 'guard')
    await home(m1, { forced: script })
    await writeFile(script, (await made('--on', 'prod')).script)
    await chmod(script, 0o755)
    const { stdout } = await run('--check', '--on', 'prod', '--json')
    expect(states(stdout)).toMatchObject({ reader: true, listed: true, unlisted: true, command: true })
  })

  it('a script of an older plan: what it withholds is said', async () => {
    const script = join(dir, 'guard')
    await home(m1, { forced: script })
    await writeFile(script, (await made('--on', 'prod')).script)
    await chmod(script, 0o755)
    await writeFile(join(dir, 'plans/p.yaml'), m1.replace('unit: deploy', 'unit: other'))
    const { code, stdout } = await run('--check', '--on', 'prod')
    expect(code).toBe(1)
    expect(stdout).toMatch(/✗ prod: reads of the plans: refused: systemctl show .* -- other\.service/)
    expect(stdout).toContain('adversary lockdown --on prod')
  })

  it('what only the host tells, such as where docker keeps its data, is asked as a review asks it', async () => {
    const script = join(dir, 'guard')
    const bin = join(dir, 'bin')
    await mkdir(bin)
    const info = JSON.stringify({ DockerRootDir: '/data/docker', ServerVersion: '26.1.5' })
    await writeFile(
      join(bin, 'docker'),
      `#!/bin/sh\ncase $* in context*) echo default ;; *) printf '%s\\n' '${info}' ;; esac\n`
    )
    await chmod(join(bin, 'docker'), 0o755)
    const plan = m1.replace('{ probe: clock-skew, on: spare }', '{ probe: disk-headroom }')
    await home(plan, { forced: script })
    const found = (text: string) => text.replace('PATH=/usr/bin', `PATH=${bin}:/usr/bin`)
    await writeFile(script, found((await made('--on', 'prod')).script))
    await chmod(script, 0o755)
    const before = await run('--check', '--on', 'prod')
    expect(before.code).toBe(1)
    expect(before.stdout).toMatch(/✗ prod: reads of the plans: refused: df -P -k -- \/data\/docker/)
    expect(before.stdout).toContain('--also')
    await writeFile(script, found((await made('--on', 'prod', '--also', '/data')).script))
    const after = await run('--check', '--on', 'prod')
    expect(after.stdout).toMatch(/✓ prod: reads of the plans: all \d+ are allowed, and all \d+ of a review/)
  })

  it('a host that is down: said, and nothing is called locked', async () => {
    const server = await home()
    await server.close()
    servers = []
    const { code, stdout } = await run('--check', '--on', 'prod', '--json')
    expect(code).toBe(1)
    expect(Object.keys(states(stdout))).toEqual(['settings', 'reach', 'host-key', 'login', 'reader'])
  })
})
