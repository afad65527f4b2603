import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'
import { everyObject, leaked, oneLiners, secrets, withSecrets } from '../support/planted.ts'
import { type FlakyHost, makeScene, type Scene, startFlakyHost } from '../support/scene.ts'

/** Secrets in everything a host prints: none reaches the repo, the log, stdout or stderr. */

let folder: string
let flaky: FlakyHost
let scene: Scene
const route = createServer(socket => {
  socket.on('error', () => undefined)
  const words = oneLiners.map(({ line }) => line)
  socket.once('data', () =>
    socket.end(
      `HTTP/1.1 303 See\r\nLocation: /${words.join(' ; ')}\r\nConnection: close\r\n\r\n${words.join('\n')}`
    )
  )
})

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'adversary-secrets-'))
  flaky = await startFlakyHost(folder)
  scene = await makeScene({ hosts: flaky.lines })
  await new Promise<void>(done => route.listen(0, '127.0.0.1', done))
  const at = route.address()
  const port = typeof at === 'object' && at !== null ? at.port : 0
  const checks = [
    '{ probe: stray-stacks, with: { forbid: ["nobody*"] } }',
    '{ probe: replica-counts, with: { services: 9 } }',
    '{ probe: unit-script, with: { unit: swarm-init, contains: "PASSWORD", lacks: "docker swarm init" } }',
    '{ probe: image-drift }',
    '{ probe: failed-units }',
    '{ probe: health-gate-deadlock }',
    '{ probe: secret-in-unit }',
    `{ probe: route-status, with: { routes: { "http://127.0.0.1:${port}/": { status: 303, location: /x, contains: there } } } }`
  ]
  for (const phase of ['one', 'two']) {
    await scene.plan(
      phase,
      `milestones:\n  M1:\n    checks:\n${checks.map(each => `      - ${each}\n`).join('')}`
    )
  }
})
afterAll(async () => {
  route.close()
  await scene.dispose()
  await flaky.close()
  await rm(folder, { recursive: true, force: true })
})

it.each([
  ['printed', undefined],
  ['printed by commands that fail', 3]
])('%s', async (_, exit) => {
  flaky.host.play(withSecrets(flaky.recordings, exit))
  await scene.claim('one-M1')
  const runs = [
    ['orient', 'one', '--json'],
    ['review', 'one-M1', '--dry-run'],
    ['review', 'one-M1', '--json'],
    ['review', 'two-M1'],
    ['hunt', 'one', '--json'],
    ['hunt', 'two'],
    ['watch', '--once'],
    ['status', '--json'],
    ['probe', 'secret-in-unit', '--json'],
    ['probe', 'unit-script', '--with', '{ unit: swarm-init, contains: x }']
  ]
  let said = ''
  for (const words of runs) {
    const { stdout, stderr } = await runCli(words, { cwd: scene.home })
    expect([words, leaked(stdout + stderr)]).toEqual([words, []])
    said += stdout + stderr
  }
  const objects = await everyObject(scene.repo.remote)
  expect(leaked(objects)).toEqual([])
  // They were there to be seen.
  expect(said + objects).toMatch(/«redacted:|\\u00abredacted:|\xc2\xabredacted:/)
  expect(secrets.length).toBeGreaterThan(30)
})
