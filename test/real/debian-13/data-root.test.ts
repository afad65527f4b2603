import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, assert, beforeAll, describe, expect, inject, it } from 'vitest'
import type { HostAddress } from '../../../src/facts/session.ts'
import { checkLock, lock, scriptPath } from '../../../src/cli/setup/lockdown.ts'
import type { Proof } from '../../../src/cli/setup/doctor-result.ts'
import { bootHost, type TestHost } from '../../support/host.ts'
import { type Phase, playPhase } from '../../support/phase.ts'

const dataRoot = '/srv/engine'

/** An engine whose data are elsewhere than `/var/lib/docker`: a review asks `df` of that path. */
describe.skipIf(inject('hostObstacle') !== null)('a locked key, and a custom data-root', () => {
  let host: TestHost
  let phase: Phase
  let folder: string
  let address: HostAddress

  beforeAll(async () => {
    host = await bootHost()
    folder = await mkdtemp(join(tmpdir(), 'adversary-data-root-'))
    const identityFile = join(folder, 'key')
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', identityFile])
    phase = await playPhase({ ...host, identityFile })
    const found = phase.context.home.hosts.get('cc-ci')
    assert(found !== undefined)
    address = found
    await asRoot(`systemctl stop docker.socket docker
umount /var/lib/docker || umount -l /var/lib/docker
mkdir -p ${dataRoot}
mount -t tmpfs -o mode=0711 tmpfs ${dataRoot}
sed -i '1a "data-root": "${dataRoot}",' /etc/docker/daemon.json
systemctl start docker
[ "$(docker info --format '{{.DockerRootDir}}')" = ${dataRoot} ]`)
  })
  afterAll(async () => {
    await phase?.dispose()
    if (folder !== undefined) await rm(folder, { recursive: true })
    await host?.reset()
  })

  const asRoot = async (script: string) => {
    const { exit, stderr } = await host.run(`set -eu\n${script}`, { timeoutMs: 240_000 })
    if (exit !== 0) throw new Error(`on the host: exit ${exit}: ${stderr}`)
  }

  const install = async (also: readonly string[]) => {
    const { script, authorizedKeys } = await lock(phase.context.home, address, {
      from: null,
      path: scriptPath,
      key: null,
      also
    })
    const keys = '/home/reviewer/.ssh/authorized_keys'
    await asRoot(`mkdir -p ${scriptPath.slice(0, scriptPath.lastIndexOf('/'))}
echo ${Buffer.from(script).toString('base64')} | base64 -d >${scriptPath}
chmod 0755 ${scriptPath}
grep -qxF '${authorizedKeys}' ${keys} || echo '${authorizedKeys}' >>${keys}`)
  }

  /** What the host refused to a review, and what the check says of it. */
  const compare = async (): Promise<{ refused: readonly string[]; listed: Proof | undefined }> => {
    const { observed } = await phase.hunt()
    const refused = observed.evidence
      .filter(({ stderr }) => stderr.startsWith('adversary lockdown: '))
      .map(({ command }) => command)
    const proofs = await checkLock(
      { home: phase.context.home, userHome: homedir(), signal: new AbortController().signal },
      address
    )
    return { refused, listed: proofs.find(({ id }) => id === 'lockdown/listed') }
  }

  it('the check names what a review is refused, and how it is allowed', async () => {
    await install(['/etc/testhost'])
    const { refused, listed } = await compare()
    expect(refused).toEqual([`df -P -k -- ${dataRoot}`, `df -P -i -- ${dataRoot}`])
    expect(listed).toMatchObject({
      ok: false,
      saw: `refused: ${refused.join('; ')}`,
      mend: expect.stringContaining('--also')
    })
  })

  it('with --also and that folder, nothing is refused', async () => {
    await install(['/etc/testhost', dataRoot])
    const { refused, listed } = await compare()
    expect(refused).toEqual([])
    expect(listed).toMatchObject({ ok: true })
  })
})
