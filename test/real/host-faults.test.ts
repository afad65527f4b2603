import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, assert, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { bootHost, type TestHost, until } from '../support/host.ts'
import {
  type FlakyHost,
  makeScene,
  patient,
  type Scene,
  startFlakyHost,
  type Watched
} from '../support/scene.ts'
import { generous } from '../support/pace.ts'

/**
 * What happens to a whole host while it is looked at: its engine goes, it goes down and comes up again, its clock
 * jumps, a service of it flaps. Its claim is not answered wrongly, the other host's is answered meanwhile, and the
 * rest needs no hand.
 */

/** A docker that says when it is asked, and goes on when something is gone. */
const slow = `printf '%s\\n' '#!/bin/sh' 'n=0; : > /tmp/asked; until [ -e /run/gone ] || [ $n -gt 200 ]; do n=$((n + 1)); sleep 0.1; done; exec /usr/bin/docker "$@"' > /usr/local/bin/docker
chmod 755 /usr/local/bin/docker
rm -f /tmp/asked /run/gone`
const quick = 'rm -f /usr/local/bin/docker /run/gone'

describe.skipIf(inject('hostObstacle') !== null)('while a real host is looked at', () => {
  let host: TestHost
  let well: FlakyHost
  let scene: Scene
  let watched: Watched
  let running: { stop(): Promise<void> } | undefined

  async function sh(script: string): Promise<void> {
    const { exit, stderr, stdout } = await host.run(`set -eu\n${script}`, { timeoutMs: 120_000 })
    if (exit !== 0) throw new Error(`${script}: ${stderr}${stdout}`)
  }
  const answered = async (claim: string) =>
    (await scene.verdicts()).find(each => each.claim === claim)?.verdict
  const log = (event: string, claim: string) =>
    watched.log.filter(each => each.event === event && each['claim'] === claim)

  beforeAll(async () => {
    host = await bootHost()
    scene = await makeScene({ hosts: [], more: ['poll: 500ms', 'retry: 10m'] })
    well = await startFlakyHost(scene.repo.dir, 'well')
    const prod = `prod: { ssh: ${host.user}@${host.address}, identityFile: ${host.identityFile}, knownHosts: ${host.knownHosts}, timeout: 10s }`
    const config = join(scene.home, 'adversary.yaml')
    const hosts = [prod, ...patient(well)].map(line => `  ${line}\n`).join('')
    await writeFile(config, (await readFile(config, 'utf8')).replace('hosts:\n', `hosts:\n${hosts}`))
    const check = (on: string) => `{ probe: stray-stacks, on: ${on}, with: { forbid: ["nobody*"] } }`
    const flapping = '{ probe: stray-stacks, on: prod, with: { forbid: [strays] }, within: 1m }'
    await scene.plan(
      'one',
      `milestones:
  M1: { checks: [${check('prod')}] }
  M2: { checks: [${check('well')}] }
  M3: { checks: [${flapping}] }
hunt: { probes: [] }
`
    )
    await host.settle()
    watched = await scene.context()
    running = watched.start()
    const oriented = () => assert(watched.log.some(({ event }) => event === 'orientation.published'))
    await vi.waitFor(oriented, { timeout: generous(60_000), interval: 200 })
  })
  afterAll(async () => {
    await running?.stop()
    await well.close()
    await scene.dispose()
    await host.reset()
    await host.stop()
  })

  /** A claim whose read is under way while `fault` is done; answers the reason, and what it says when it is over. */
  async function during(fault: () => Promise<unknown>, mend: () => Promise<unknown>): Promise<string> {
    await sh(slow)
    const first = await scene.claim('one-M1')
    await sh(until('[ -e /tmp/asked ]'))
    await fault()
    await expect
      .poll(() => log('observation.failed', first).length, { timeout: generous(60_000) })
      .toBeGreaterThan(0)
    const second = await scene.claim('one-M2')
    await expect.poll(() => answered(second), { timeout: generous(60_000) }).toBe('one-M2 PASS')
    const whys = log('observation.failed', first).map(each => String(each['why']))
    await mend()
    await expect.poll(() => answered(first), { timeout: generous(130_000) }).toBe('one-M1 PASS')
    expect(log('task.failed', first)).toEqual([])
    return whys[0] ?? ''
  }

  it('an engine that stops and starts', async () => {
    const why = await during(
      () => sh('systemctl stop docker.socket docker\ntouch /run/gone'),
      () => sh(`${quick}\nsystemctl start docker\n(${until('docker info')}) >/dev/null 2>&1`)
    )
    expect(why).toMatch(/docker daemon does not respond/)
  })

  it('a host that goes down and comes up again', async () => {
    let booted: Promise<void> | undefined
    const why = await during(
      async () => {
        booted = host.reset()
      },
      async () => {
        await booted
        await host.settle()
      }
    )
    expect(why).toMatch(/^the connection was (?:closed|lost)/)
  })

  it('a service that comes and goes is told as flapping, each look with its evidence', async () => {
    // Shorter than the 10 s between two looks, so that each finds what the one before did not.
    await sh(`nohup sh -c 'while [ ! -e /run/gone ]; do
      docker service create --detach --quiet --no-resolve-image --replicas 0 --name strays_app --label com.docker.stack.namespace=strays backup-bot-two:local; sleep 8
      docker service rm strays_app; sleep 8; done' >/dev/null 2>&1 </dev/null &`)
    const claim = await scene.claim('one-M3')
    await expect
      .poll(() => answered(claim), { timeout: generous(150_000), interval: 1_000 })
      .toMatch(/^one-M3 /)
    await sh('touch /run/gone')
    const text = await scene.file('reviews/REVIEW-one.md')
    expect(text).toMatch(/It flapped: (?:✗ at first .*✓ after|✓ at first .*✗ after) \d+ s \(reads /)
  })
})
