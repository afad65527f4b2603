import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, assert, beforeAll, describe, expect, inject, it } from 'vitest'
import { openSession } from '../../src/ssh/open-session.ts'
import type { HostAddress } from '../../src/facts/session.ts'
import { proveHost } from '../../src/cli/setup/host-check.ts'
import { checkLock, type Lock, lock, scriptPath } from '../../src/cli/setup/lockdown.ts'
import { bootHost, type TestHost } from '../support/host.ts'
import { type Phase, playPhase, said, swarmNix } from '../support/phase.ts'
import { reading } from '../support/read.ts'
import { generous } from '../support/pace.ts'

/** The reference phase through a locked key, and everything else that somebody with that key may try. */

const m1 = 'claim(pvfix-M1): patched'
const m2 = 'claim(pvfix-M2): proxy recreated as 10.10.0.0/16'
const authorized = '/home/reviewer/.ssh/authorized_keys'

describe.skipIf(inject('hostObstacle') !== null)("the reviewer's key, locked, on the real host", () => {
  let host: TestHost
  let phase: Phase
  let folder: string
  let identityFile: string
  let address: HostAddress
  let locked: Lock

  const asRoot = async (script: string) => {
    const { exit, stdout, stderr } = await host.run(`set -eu\n${script}`)
    expect({ exit, stderr }).toEqual({ exit: 0, stderr })
    return stdout
  }
  const seat = () => ({ home: phase.context.home, userHome: homedir(), signal: new AbortController().signal })

  beforeAll(async () => {
    host = await bootHost()
    await host.settle()
    folder = await mkdtemp(join(tmpdir(), 'adversary-locked-'))
    identityFile = join(folder, 'key')
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', identityFile])
    phase = await playPhase({ ...host, identityFile })
    const found = phase.context.home.hosts.get('cc-ci')
    assert(found !== undefined)
    address = found
    locked = await lock(phase.context.home, address, {
      from: '198.51.100.0/24',
      path: scriptPath,
      key: null,
      also: ['/etc/testhost']
    })
    const script = Buffer.from(locked.script).toString('base64')
    await asRoot(`cp ${authorized} /root/authorized_keys.before
mkdir -p ${scriptPath.slice(0, scriptPath.lastIndexOf('/'))}
echo ${script} | base64 -d >${scriptPath}
chmod 0755 ${scriptPath}
cat >>${authorized} <<'END'
${locked.authorizedKeys}
END`)
  })

  afterAll(async () => {
    await phase?.dispose()
    if (folder !== undefined) await rm(folder, { recursive: true })
    await host?.reset()
  })

  it('the check finds nothing to mend', async () => {
    const proofs = await checkLock(seat(), address)
    expect(proofs.filter(({ ok }) => ok !== true)).toEqual([])
    expect(proofs.length).toBeGreaterThan(12)
  })

  it('the check of a key that is not locked finds it', async () => {
    const proofs = await checkLock(seat(), { ...address, identityFile: host.identityFile })
    const open = proofs.filter(({ ok }) => ok === false).map(({ id }) => id)
    expect(open).toEqual(
      ['unlisted', 'command', 'shell', 'terminal', 'sftp', 'forward', 'docker-socket', 'remote-forward'].map(
        id => `lockdown/${id}`
      )
    )
  })

  it('the doctor has all it asks for', async () => {
    expect((await proveHost(seat(), address)).filter(({ ok }) => ok === false)).toEqual([])
  })

  it('the phase passes through it: orientation, M1, maintenance, M2', async () => {
    await phase.answer()
    await phase.build(m1, { 'nix/modules/swarm.nix': await swarmNix('after') })
    const [first] = await phase.answer()
    assert(first !== undefined)
    expect(said(first.draft)).toBe('')
    expect(first.draft.decision.verdict).toBe('PASS')
    await host.maintain()
    await phase.build(m2)
    const [second] = await phase.answer()
    assert(second !== undefined)
    expect(said(second.draft)).toBe('')
    expect(second.draft.decision.verdict).toBe('PASS')
    expect(second.draft.stats).toMatchObject({ connections: 1, execs: 1 })
    // Not one read of checks, hunts or orientation was withheld.
    for (const { draft } of [first, second]) {
      expect(draft.evidence.filter(({ stderr }) => stderr.includes('adversary lockdown'))).toEqual([])
      expect(
        draft.hunts.filter(({ check }) => check.outcome === 'unknown').map(({ check }) => check.why)
      ).toEqual([])
    }
    expect(await phase.review()).not.toContain('adversary lockdown')
  })

  it.each([
    [['docker', 'ps']],
    [['docker', 'network', 'ls']],
    [['docker', 'network', 'ls', '--no-trunc', '--format', '{{.ID}}']],
    [['docker', 'network', 'inspect', '--', 'proxy']],
    [['docker', 'network', 'rm', '--', 'proxy']],
    [['docker', 'service', 'inspect', '--', '0123456789ab', '--format={{.Spec}}']],
    [['docker', 'secret', 'ls']],
    [['docker', 'run', '--rm', '-v', '/:/host', 'cast:backend', 'true']],
    [['systemctl', 'stop', 'deploy-bridge']],
    [['systemctl', 'cat', '--', 'ssh.service']],
    [['journalctl', '--header']],
    [['head', '-c', '131073', '--', '/etc/passwd']],
    [['head', '-c', '131073', '--', '/etc/testhost/../passwd']],
    [['head', '-c', '131073', '--', '/etc/testhost/tls/ca.key']],
    [['tee', '/tmp/written']],
    [['sh', '-c', 'id']]
  ])('the reader refuses %j', async argv => {
    const session = await openSession(address, { signal: new AbortController().signal })
    try {
      expect(await Promise.all(session.ask([reading(argv)]))).toMatchObject([
        {
          answered: true,
          exit: 126,
          stdout: '',
          stderr: expect.stringContaining('not allowed on this host')
        }
      ])
    } finally {
      await session.close()
    }
  })

  describe('OpenSSH with that key', () => {
    const options = () => {
      const known = `-oUserKnownHostsFile=${host.knownHosts}`
      const only = ['-oIdentitiesOnly=yes', '-oBatchMode=yes', '-oStrictHostKeyChecking=yes']
      return ['-F', 'none', '-i', identityFile, known, ...only]
    }
    const ssh = (...words: readonly string[]) =>
      spawnSync('ssh', [...options(), ...words], {
        input: 'id\n',
        encoding: 'utf8',
        timeout: generous(20_000)
      })
    const at = () => `${host.user}@${host.address}`
    const refusal = 'this key may only start the reader of adversary'

    it.each([
      ['a command', ['id']],
      ['a write', ['echo owned > /tmp/written']],
      ['docker', ['docker', 'ps']],
      ['the reader and more', ["/bin/sh -c 'id' adversary 00000000000000000000000000000000; id"]],
      ['a login shell', []]
    ])('%s', (_, words) => {
      const { status, stdout, stderr } = ssh('-T', at(), ...words)
      expect([status, stdout]).toEqual([126, ''])
      expect(stderr).toContain(refusal)
    })

    it('a terminal', () => {
      const { status, stdout, stderr } = ssh('-tt', at())
      expect(status).not.toBe(0)
      expect(stdout).not.toContain('uid=')
      expect(`${stdout}${stderr}`).toContain('PTY allocation request failed')
    })

    it('sftp and scp', async () => {
      const batch = join(folder, 'batch')
      await writeFile(batch, 'ls /\n')
      const sftp = spawnSync('sftp', [...options(), '-b', batch, at()], {
        encoding: 'utf8',
        timeout: generous(20_000)
      })
      expect(sftp.status).not.toBe(0)
      expect(sftp.stdout).not.toContain('/etc')
      const scp = spawnSync('scp', [...options(), batch, `${at()}:/tmp/written`], {
        encoding: 'utf8',
        timeout: generous(20_000)
      })
      expect(scp.status).not.toBe(0)
    })

    it('a port, and the socket of docker', () => {
      for (const words of [
        ['-W', '127.0.0.1:22', at()],
        ['-W', '[127.0.0.1]:2375', at()]
      ]) {
        const { status, stderr } = ssh(...words)
        expect(status).not.toBe(0)
        expect(stderr).toMatch(/administratively prohibited/)
      }
    })

    it('and nothing was written', async () => {
      expect(await asRoot('ls /tmp')).not.toContain('written')
      expect(await asRoot("docker network ls --filter name=proxy --format '{{.Name}}'")).toContain('proxy')
    })
  })

  it('from another address the key opens nothing', async () => {
    await asRoot(`sed -i 's#from="198.51.100.0/24"#from="192.0.2.1"#' ${authorized}`)
    try {
      const opened = openSession(address, { signal: new AbortController().signal })
      await expect(opened).rejects.toMatchObject({ kind: 'login-refused' })
    } finally {
      await asRoot(`sed -i 's#from="192.0.2.1"#from="198.51.100.0/24"#' ${authorized}`)
    }
  })
})
