import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { runCli } from '../../support/cli.ts'
import { bootHost, type TestHost } from '../../support/host.ts'
import { type Phase, playPhase } from '../../support/phase.ts'

/** From `docker swarm init` until the engine is restarted, Docker 26 does not say which pool of addresses it uses. */
describe.skipIf(inject('hostObstacle') !== null)('a swarm that is as old as its engine', () => {
  let host: TestHost
  let phase: Phase

  const pool = async () => {
    const { stdout } = await host.run("docker info --format '{{json .Swarm.Cluster.DefaultAddrPool}}'")
    return stdout.trim()
  }
  const probe = (id: string, ...words: readonly string[]) =>
    runCli(['probe', id, '--on', 'cc-ci', ...words], { cwd: join(phase.repo.dir, 'home') })

  beforeAll(async () => {
    host = await bootHost()
    await host.reset()
    phase = await playPhase(host)
  })
  afterAll(async () => {
    await phase?.dispose()
    await host?.reset()
  })

  it('hands out the built-in pool', async () => {
    expect(await pool()).toBe('null')
    const { stdout } = await probe('subnet-collision', '--with', 'subnet=10.10.0.0/16')
    expect(stdout).toContain('note: it is inside the default address pool 10.0.0.0/8')
  })

  it('would make a network without --subnet in that pool, and not as it is now', async () => {
    expect((await probe('boot-reconcile')).stdout).toMatch(/^ *✓/m)
    await host.causes.networkByHand()
    expect(await pool()).toBe('null')
    const { stdout } = await probe('boot-reconcile')
    expect(stdout).toMatch(/^ *✗/m)
    expect(stdout).toMatch(/10\.10\.0\.0\/16.*10\.0\.0\.0\/8|10\.0\.0\.0\/8.*10\.10\.0\.0\/16/s)
  })
})
