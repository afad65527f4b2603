import { execFileSync } from 'node:child_process'
import { createServer, type Server } from 'node:http'
import { chmod, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { doctorDocument } from '../../src/cli/documents.ts'
import { runCli } from '../support/cli.ts'
import { allowedSigners, makeRepo, type TestKey, type TestRepo } from '../support/repo.ts'
import { keyPair, startSshServer, type TestServer } from '../support/ssh-server.ts'

/** Each failure is really caused: keys, hooks, servers and hosts are real. */

let repo: TestRepo
let key: TestKey
let home: string
let servers: TestServer[]
let path: string | undefined
beforeEach(async () => {
  repo = await makeRepo()
  key = await repo.key('reviewer')
  home = join(repo.dir, 'home')
  servers = []
  path = process.env['PATH']
  await mkdir(join(home, 'plans'), { recursive: true })
  await writeFile(join(home, 'allowed_signers'), allowedSigners([['adversary@example.test', key]]))
  await configure({})
})
afterEach(async () => {
  process.env['PATH'] = path
  await Promise.all(servers.map(server => server.close()))
  await repo.dispose()
})

interface Config {
  readonly repo?: Readonly<Record<string, string>>
  readonly signingKey?: string
  readonly signers?: string | null
  readonly hosts?: Readonly<Record<string, unknown>>
}

async function configure({
  repo: more = {},
  signingKey = key.path,
  signers = './allowed_signers',
  hosts = {}
}: Config) {
  const config = {
    repo: { url: repo.url, branch: 'main', ...more },
    identity: { name: 'adversary-bot', email: 'adversary@example.test', signingKey },
    hosts,
    ...(signers === null ? {} : { gate: { allowedSigners: signers } })
  }
  // JSON is YAML.
  await writeFile(join(home, 'adversary.yaml'), JSON.stringify(config))
}

async function doctor() {
  const run = await runCli(['doctor', '--home', home, '--json'], { cwd: repo.dir })
  const { checks } = doctorDocument.parse(JSON.parse(run.stdout))
  return { code: run.code, checks, of: (id: string) => checks.find(check => check.id === id) }
}

async function server(options: Parameters<typeof startSshServer>[0] = {}) {
  const started = await startSshServer(options)
  servers.push(started)
  const { ssh, identityFile, knownHosts } = started.address
  return { started, host: { ssh, identityFile, knownHosts, timeout: '5s' } }
}

const local = { here: { transport: 'local' } }

/** A PATH on which `docker`, `ip`, `systemctl` and `journalctl` are these scripts, before all others. */
async function tools(scripts: Readonly<Record<string, string>>) {
  const folder = join(repo.dir, 'bin')
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder)
  for (const [name, script] of Object.entries({ ...good, ...scripts })) {
    await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`)
    await chmod(join(folder, name), 0o755)
  }
  process.env['PATH'] = `${folder}${delimiter}${path}`
}

const engine = (manager: boolean, state = 'active') =>
  JSON.stringify({
    ServerVersion: '28.1.1',
    SystemTime: '2026-06-13T05:33:00.000000001Z',
    Swarm: { LocalNodeState: state, ControlAvailable: manager }
  })
const good = {
  docker: `echo '${engine(true)}'`,
  systemctl: `echo LoadState=loaded; echo 'InactiveExitTimestamp=Sat 2026-06-13 05:33:00.000000 UTC'`,
  journalctl: `echo 'File path: /var/log/journal/x/system.journal'; echo 'Head realtime timestamp: Sat (60a8b1c0d2000)'`,
  ip: `case "$*" in *addr*) echo '[{"ifname":"eth0","addr_info":[{"local":"192.0.2.2","prefixlen":24}]}]';; *) echo '[]';; esac`
} as const

describe('where all is well', () => {
  it('every line is proved, and the code is 0', async () => {
    await tools({})
    await configure({ hosts: local, repo: { since: await repo.builder.tip() } })
    const { code, checks } = await doctor()
    expect(checks.filter(({ ok }) => ok !== true)).toEqual([])
    expect(checks.map(({ id }) => id)).toEqual([
      'tool/git',
      'tool/ssh-keygen',
      'home',
      ...['key', 'signing', 'signers', 'fetch', 'since', 'push'].map(id => `repo/${id}`),
      ...[
        'settings',
        'reach',
        'host-key',
        'login',
        'reader',
        'docker',
        'systemd',
        'journal',
        'ip',
        'clock'
      ].map(id => `host/here/${id}`)
    ])
    expect(code).toBe(0)
  })

  it('nothing is left on the remote', async () => {
    const before = execFileSync('git', ['-C', repo.remote, 'for-each-ref'], { encoding: 'utf8' })
    await doctor()
    expect(execFileSync('git', ['-C', repo.remote, 'for-each-ref'], { encoding: 'utf8' })).toBe(before)
  })

  it('people read a line each, and the way to mend it', async () => {
    await chmod(key.path, 0o644)
    const { code, stdout } = await runCli(['doctor', '--home', home], { cwd: repo.dir })
    expect(code).toBe(1)
    expect(stdout).toMatch(/^✓ git: \d+\.\d+/m)
    expect(stdout).toContain(
      `✗ signing key: other users can read ${key.path} (mode 0644; expected 0600)\n    chmod 600 ${key.path}\n`
    )
    expect(stdout).toMatch(/^– since: not set/m)
  })
})

describe('the tools and the home', () => {
  it('ssh-keygen is missing: said, and nothing of the repo is tried', async () => {
    const folder = join(repo.dir, 'few')
    await mkdir(folder)
    await symlink(execFileSync('which', ['git'], { encoding: 'utf8' }).trim(), join(folder, 'git'))
    process.env['PATH'] = folder
    const { code, of } = await doctor()
    expect(code).toBe(1)
    expect(of('tool/ssh-keygen')).toMatchObject({ ok: false, mend: expect.stringContaining('OpenSSH') })
    expect(of('tool/git')).toMatchObject({ ok: true })
    expect(of('repo/push')).toMatchObject({ ok: null, saw: expect.stringContaining('not checked') })
  })

  it('a home that is wrong: its line, and the code of a configuration error', async () => {
    await writeFile(join(home, 'adversary.yaml'), 'repo: { url: 5 }\n')
    const { code, of } = await doctor()
    expect(code).toBe(64)
    expect(of('home')).toMatchObject({ ok: false, saw: expect.stringContaining('adversary.yaml:1') })
    expect(of('tool/git')).toMatchObject({ ok: true })
  })
})

it('with no key that may be used, signing is not tried', async () => {
  await chmod(key.path, 0o644)
  const { of } = await doctor()
  for (const id of ['repo/signing', 'repo/signers', 'repo/push']) expect(of(id)).toMatchObject({ ok: null })
})

describe('the repository', () => {
  const cases: readonly (readonly [string, () => Promise<void>, string, RegExp, RegExp])[] = [
    [
      'a key that others may read',
      () => chmod(key.path, 0o640),
      'repo/key',
      /other users can read .* \(mode 0640; expected 0600\)/,
      /^chmod 600 /
    ],
    ['no key', () => rm(key.path), 'repo/key', / does not exist$/, /ssh-keygen -t ed25519/],
    [
      'a key that the list does not have',
      async () => configure({ signingKey: (await repo.key('other')).path }),
      'repo/signers',
      /does not allow the reviewer's own key/,
      /add to .*allowed_signers: adversary@example\.test namespaces="git" ssh-ed25519 AAAA/
    ],
    [
      'a key that the list has under another name',
      () => writeFile(join(home, 'allowed_signers'), allowedSigners([['builder@example.test', key]])),
      'repo/signers',
      /as builder@example\.test, not adversary@example\.test/,
      /add to /
    ],
    [
      'a key that the list has expired',
      () =>
        writeFile(
          join(home, 'allowed_signers'),
          allowedSigners([['adversary@example.test', key, 'namespaces="git",valid-before="20200101"']])
        ),
      'repo/signers',
      /does not allow/,
      /add to /
    ],
    [
      'no list',
      () => rm(join(home, 'allowed_signers')),
      'repo/signers',
      /allowed_signers does not exist/,
      /add to /
    ],
    [
      'neither list nor public half',
      async () => {
        await configure({ signers: null })
        await rm(`${key.path}.pub`)
      },
      'repo/signers',
      /\.pub does not exist, and `gate\.allowedSigners` is not set/,
      /ssh-keygen -y/
    ],
    [
      'a repo that is not there',
      () => configure({ repo: { url: 'file:///nowhere/at/all.git' } }),
      'repo/fetch',
      /cannot be reached/,
      /git ls-remote/
    ],
    [
      'a branch that is not there',
      () => configure({ repo: { branch: 'trunk' } }),
      'repo/fetch',
      /no branch trunk/,
      /./
    ],
    [
      'since: no such commit',
      () => configure({ repo: { since: 'a'.repeat(40) } }),
      'repo/since',
      /has no commit/,
      /./
    ],
    [
      'since: a commit of another branch',
      async () => {
        await repo.builder.git(['checkout', '--quiet', '--orphan', 'side'])
        const sha = await repo.builder.commit('side: begin')
        await repo.builder.push('origin', 'side')
        await configure({ repo: { since: sha, reviewBranch: 'side' } })
      },
      'repo/since',
      /not in the history of main/,
      /repo\.since/
    ]
  ]
  it.each(cases)('%s', async (_, cause, id, saw, mend) => {
    await cause()
    const { code, of } = await doctor()
    expect(code).toBe(1)
    expect(of(id)).toMatchObject({
      ok: false,
      saw: expect.stringMatching(saw),
      mend: expect.stringMatching(mend)
    })
  })

  it('a hook that refuses is seen by a real push alone, and the line says so', async () => {
    const hook = join(repo.remote, 'hooks/pre-receive')
    await writeFile(hook, '#!/bin/sh\necho no reviews here >&2\nexit 1\n')
    await chmod(hook, 0o755)
    await expect(repo.builder.push('origin', 'HEAD:refs/heads/reviews')).rejects.toThrow('no reviews here')
    const { of } = await doctor()
    expect(of('repo/push')).toMatchObject({
      ok: true,
      saw: expect.stringContaining('hooks and branch protection')
    })
  })

  describe('a server that hands out and takes nothing', () => {
    let http: Server
    afterEach(() => new Promise(resolve => http.close(resolve)))

    it('fetch is proved, push is not', async () => {
      // Git's dumb protocol: files over HTTP, nothing can be pushed.
      execFileSync('git', ['-C', repo.remote, 'update-server-info'])
      http = createServer((request, response) => {
        const asked = join(
          repo.remote,
          new URL(request.url ?? '/', 'http://x').pathname.replace('/r.git/', '/')
        )
        readFile(asked).then(
          bytes => response.end(bytes),
          () => response.writeHead(404).end()
        )
      })
      await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
      const at = http.address()
      const port = typeof at === 'object' && at !== null ? at.port : 0
      await configure({ repo: { url: `http://127.0.0.1:${port}/r.git` } })
      const { code, of } = await doctor()
      expect(of('repo/fetch')).toMatchObject({ ok: true })
      expect(of('repo/push')).toMatchObject({ ok: false, mend: expect.any(String) })
      expect(code).toBe(1)
    })
  })
})

describe('a host', () => {
  const steps = ['settings', 'reach', 'host-key', 'login', 'reader', 'docker', 'clock']
  const told = (checks: Awaited<ReturnType<typeof doctor>>['checks'], host: string) =>
    Object.fromEntries(steps.map(step => [step, checks.find(({ id }) => id === `host/${host}/${step}`)?.ok]))

  it('each failure has its own line, and hides no other host', async () => {
    const [fine, strange, refusing, silent, loose] = await Promise.all([
      server(),
      server(),
      server({ faults: ['refuse-login'] }),
      server({ faults: ['shell-that-ends'] }),
      server()
    ])
    await writeFile(strange.started.address.knownHosts ?? '', '')
    await chmod(loose.host.identityFile ?? '', 0o644)
    const keyless = { ...fine.host, identityFile: join(home, 'no_key') }
    await configure({
      hosts: {
        keyless,
        fine: fine.host,
        strange: strange.host,
        refusing: refusing.host,
        silent: silent.host,
        loose: loose.host,
        down: { ...fine.host, ssh: 'reader@127.0.0.1:1' }
      }
    })
    const { code, checks, of } = await doctor()
    expect(code).toBe(1)
    const after = (step: string) =>
      Object.fromEntries(
        steps.map((each, index) => [each, index < steps.indexOf(step) ? true : each === step ? false : null])
      )
    expect(told(checks, 'fine')).toMatchObject({
      settings: true,
      reach: true,
      'host-key': true,
      login: true,
      reader: true
    })
    expect(told(checks, 'loose')).toEqual(after('settings'))
    expect(told(checks, 'keyless')).toEqual(after('settings'))
    expect(of('host/keyless/settings')).toMatchObject({
      saw: expect.stringContaining(`${keyless.identityFile} does not exist`),
      mend: expect.stringMatching(
        /^make a key here, then add \S+no_key\.pub to .*authorized_keys on the host: ssh-keygen /
      ),
      command: expect.stringMatching(/^ssh-keygen -t ed25519 -N '' -f \S+no_key$/)
    })
    expect(told(checks, 'down')).toEqual(after('reach'))
    expect(told(checks, 'strange')).toEqual(after('host-key'))
    expect(told(checks, 'refusing')).toEqual(after('login'))
    expect(told(checks, 'silent')).toEqual(after('reader'))
    expect(of('host/loose/settings')).toMatchObject({ saw: expect.stringContaining('chmod 600') })
    expect(of('host/strange/host-key')).toMatchObject({
      saw: expect.stringMatching(/is unknown: ssh-ed25519 SHA256:/),
      mend: expect.stringMatching(/ssh-keygen -lf .*ssh -o UserKnownHostsFile=/)
    })
    // A line that can be pasted: `user@host:port` is our way to write it, and none of ssh's.
    const { knownHosts, identityFile } = strange.started.address
    expect(of('host/strange/host-key')).toMatchObject({
      command: `ssh -o UserKnownHostsFile=${knownHosts} -i ${identityFile} -p ${strange.started.port} reader@127.0.0.1`
    })
    expect(of('host/down/reach')).toMatchObject({
      command: expect.stringMatching(/^ssh -o UserKnownHostsFile=\S+ -i \S+ -p 1 reader@127\.0\.0\.1 true$/)
    })
    expect(of('host/refusing/login')).toMatchObject({
      saw: expect.stringMatching(/refused the login of reader with \S+ \(SHA256:\S+\)$/),
      mend: expect.stringContaining('authorized_keys'),
      command: expect.stringMatching(
        /^echo 'ssh-ed25519 [A-Za-z0-9+/=]+' >> ~reader\/\.ssh\/authorized_keys$/
      )
    })
    expect(of('host/silent/reader')).toMatchObject({ saw: expect.stringContaining('This account is closed') })
  })

  it('a host key that has changed', async () => {
    const { started, host } = await server()
    await writeFile(started.address.knownHosts ?? '', `[127.0.0.1]:${started.port} ${keyPair().public}\n`)
    await configure({ hosts: { prod: host } })
    expect((await doctor()).of('host/prod/host-key')).toMatchObject({
      ok: false,
      saw: expect.stringContaining('has changed')
    })
  })

  const causes: readonly (readonly [string, Parameters<typeof tools>[0], string, RegExp, RegExp])[] = [
    [
      'no docker',
      { docker: 'echo "sh: docker: not found" >&2; exit 127' },
      'docker',
      /no such command/,
      /PATH/
    ],
    [
      'a docker that may not be read',
      { docker: 'echo "permission denied while trying to connect to the Docker daemon socket" >&2; exit 1' },
      'docker',
      /permission denied/,
      /usermod -aG docker .*root on the host/
    ],
    [
      'a docker without its daemon',
      { docker: 'echo "Cannot connect to the Docker daemon. Is the docker daemon running?" >&2; exit 1' },
      'docker',
      /does not respond/,
      /systemctl status docker/
    ],
    [
      'no manager',
      { docker: `echo '${engine(false)}'` },
      'docker',
      /in a swarm \(active\), but not a manager/,
      /manager/
    ],
    [
      'an old systemd',
      { systemctl: `echo "Failed to parse timestamp style: us+utc" >&2; exit 1` },
      'systemd',
      /timestamp style/,
      /systemd 248/
    ],
    [
      "a journal that is the login's own",
      {
        journalctl: 'echo "Hint: You are currently not seeing messages from other users and the system." >&2'
      },
      'journal',
      /only its own messages/,
      /usermod -aG systemd-journal/
    ],
    ['a journal without files', { journalctl: 'true' }, 'journal', /no file/, /systemd-journal/],
    [
      'an ip without JSON',
      { ip: `echo 'Option "-j" is unknown, try "ip -help".' >&2; exit 255` },
      'ip',
      /no JSON/,
      /iproute2/
    ]
  ]
  it('accepts a host without a swarm, and does not propose one', async () => {
    await tools({ ...good, docker: `echo '${engine(false, 'inactive')}'` })
    await configure({ hosts: local })
    const { of } = await doctor()
    expect(of('host/here/docker')).toMatchObject({ ok: true, saw: expect.stringContaining('not in a swarm') })
  })

  it.each(causes)('%s', async (_, scripts, id, saw, mend) => {
    await tools(scripts)
    await configure({ hosts: local })
    const { code, checks, of } = await doctor()
    expect(code).toBe(1)
    expect(of(`host/here/${id}`)).toMatchObject({
      ok: false,
      saw: expect.stringMatching(saw),
      mend: expect.stringMatching(mend)
    })
    expect(checks.filter(({ ok }) => ok === false).map(check => check.id)).toEqual([`host/here/${id}`])
  })

  it('a clock that is off', async () => {
    await tools({ date: `echo 1781328782000000000` })
    await configure({ hosts: local })
    expect((await doctor()).of('host/here/clock')).toMatchObject({
      ok: false,
      saw: expect.stringContaining('limit 5 s')
    })
  })

  it('is asked of what its plans need, and of nothing else', async () => {
    await tools({ journalctl: 'exit 9' })
    await configure({ hosts: local })
    await writeFile(
      join(home, 'plans/p.yaml'),
      'phase: p\nmilestones: { M1: { checks: [{ probe: subnet-collision }] } }\nhunt: { probes: [] }\n'
    )
    const { code, of } = await doctor()
    expect(of('host/here/journal')).toMatchObject({ ok: null, saw: 'no plan uses it' })
    expect(of('host/here/docker')).toMatchObject({ ok: true })
    expect(code).toBe(0)
  })
})
