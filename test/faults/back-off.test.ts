import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assert, expect, it, onTestFinished, vi } from 'vitest'
import { startWire } from '../support/git-servers.ts'
import { makeScene, startFlakyHost, type Scene, type Watched } from '../support/scene.ts'
import { tick } from '../../src/os/clock.ts'
import { testGit } from '../support/repo.ts'
import { generous } from '../support/pace.ts'

/**
 * What stays away is asked less and less, and as at first once it has been back: counted where the connections
 * arrive. A busy machine makes pauses longer and never shorter.
 */

/** So many connections fit between the first one and the end of a time, each pause twice the one before it, up to the longest. */
function mostIn(ms: number, firstMs: number, mostMs: number): number {
  let count = 1
  for (let at = 0, pause = firstMs; at + pause <= ms; pause = Math.min(pause * 2, mostMs)) {
    at += pause
    count += 1
  }
  return count
}

const told = (watched: Watched, event: string) => watched.log.filter(each => each.event === event)
const pausesOf = (watched: Watched, event: string, from = 0) =>
  told(watched, event)
    .slice(from)
    .map(each => Number(each['again_in_ms']))

/** Each pause is the configured one, and up to a quarter longer; not all of them exactly. */
function expectDoubled(pauses: readonly number[], firstMs: number, mostMs: number): void {
  const due = pauses.map((_, n) => Math.min(firstMs * 2 ** n, mostMs))
  expect(pauses.filter((pause, n) => pause < (due[n] ?? 0) || pause > (due[n] ?? 0) * 1.25 + 1)).toEqual([])
  expect(pauses.some((pause, n) => pause !== due[n])).toBe(true)
}

async function stage(options: Parameters<typeof makeScene>[0], check: string): Promise<Scene> {
  const scene = await makeScene(options)
  onTestFinished(() => scene.dispose())
  await scene.plan('one', `milestones:\n  M1: { checks: [${check}] }\nhunt: { probes: [] }\n`)
  return scene
}

const until = (there: () => void) => vi.waitFor(there, { timeout: generous(60_000), interval: 20 })

it('a host that is away', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'adversary-away-'))
  const host = await startFlakyHost(folder)
  onTestFinished(async () => {
    await host.close()
    await rm(folder, { recursive: true, force: true })
  })
  const scene = await stage(
    { hosts: host.lines, more: ['poll: 200ms', 'retry: 10m'] },
    '{ probe: stray-stacks, with: { forbid: ["nobody*"] } }'
  )
  const watched = await scene.context()
  const running = watched.start()
  onTestFinished(running.stop)
  await until(() => assert.equal(told(watched, 'orientation.published').length, 1))

  for (const times of [1, 2]) {
    host.down()
    const [before, seen] = [host.connections(), told(watched, 'observation.failed').length]
    await scene.claim('one-M1', `number ${times}`)
    await until(() => assert.isAbove(host.connections(), before))
    const begun = tick()
    // Long enough for pauses to grow, however slow the machine is.
    await until(() => assert.isAbove(host.connections(), before + 3))
    const dials = host.connections() - before
    expect(dials).toBeLessThanOrEqual(mostIn(tick() - begun, 200, 120_000))
    // The second time as the first: it was back meanwhile.
    expectDoubled(pausesOf(watched, 'observation.failed', seen), 200, 120_000)
    host.up()
    await until(() => assert.equal(told(watched, 'review.published').length, times))
  }
})

it('a remote that is away', async () => {
  const scene = await stage(
    { hosts: ['here: { transport: local }'], more: ['poll: 100ms'] },
    '{ probe: repo-file, with: { path: README.md, contains: a repo } }'
  )
  await testGit(scene.repo.remote, ['config', 'uploadpack.allowFilter', 'true'])
  const wire = await startWire(scene.repo.remote)
  onTestFinished(() => wire.close())
  const config = join(scene.home, 'adversary.yaml')
  await writeFile(
    config,
    (await readFile(config, 'utf8')).replace(`url: ${scene.repo.remote}`, `url: ${wire.url}`)
  )
  const watched = await scene.context()
  const running = watched.start()
  onTestFinished(running.stop)
  await until(() => assert.equal(told(watched, 'orientation.published').length, 1))

  for (const times of [1, 2]) {
    wire.set('closed')
    const seen = told(watched, 'task.failed').length
    await until(() => assert.isAbove(told(watched, 'task.failed').length, seen))
    const [before, begun] = [wire.connections(), tick()]
    await until(() => assert.isAbove(wire.connections(), before + 3))
    const dials = wire.connections() - before
    // Two polls, four, … thirty-two polls apart; each connection is one question, which is asked once.
    expect(dials).toBeLessThanOrEqual(mostIn(tick() - begun, 200, 3_200))
    expectDoubled(pausesOf(watched, 'task.failed', seen), 200, 3_200)
    wire.set('open')
    await until(() => assert.equal(told(watched, 'remote.recovered').length, times))
    await scene.claim('one-M1', `number ${times}`)
    await until(() => assert.equal(told(watched, 'review.published').length, times))
  }
})
