import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Home } from '../../src/home/home.ts'
import { parseYaml } from '../../src/home/yaml.ts'
import { hostsAskedBy, likelyHost, openEarly } from '../../src/run/early.ts'
import { runCli } from '../support/cli.ts'
import { makeScene, type Scene } from '../support/scene.ts'
import { startSshServer, type TestServer } from '../support/ssh-server.ts'

/** A login that begins beside the fetch is as fresh, as checked and as bounded as one that begins after it. */

let server: TestServer
let scene: Scene
let home: Home
beforeEach(async () => {
  server = await startSshServer()
  const { ssh, identityFile, knownHosts } = server.address
  scene = await makeScene({
    hosts: [`far: { ssh: "${ssh}", identityFile: ${identityFile}, knownHosts: ${knownHosts} }`]
  })
  await scene.plan(
    'p1',
    `milestones:
  M1: { checks: [{ probe: clock-skew }] }
  M2: { checks: [{ probe: repo-file, with: { path: README.md, contains: a repo } }] }
hunt: { probes: [] }
`
  )
  const watched = await scene.world()
  home = watched.world.home
})
afterEach(async () => {
  await scene.dispose()
  await server.close()
})

const never = new AbortController().signal

function early(names: readonly string[]) {
  const host = home.hosts.get('far')
  if (host === undefined) throw new Error('the home has no host')
  const opened = openEarly({ home, signal: never })
  opened.begin(names)
  return { host, ...opened }
}

it('knows from the plans which hosts a milestone asks', () => {
  expect(hostsAskedBy(home, 'p1-M1')).toEqual(['far'])
  expect(hostsAskedBy(home, 'p1-M2')).toEqual([])
  expect(hostsAskedBy(home, 'p1-M9')).toEqual([])
})

it('knows the likely host before the plans are understood', () => {
  const plan = (text: string) => [{ stem: 'p1', file: parseYaml(text, 'plans/p1.yaml') }]
  const milestone = 'milestones: { M1: { checks: [{ probe: nobody-knows }] } }\n'
  const likely = (text: string, target = 'p1-M1', hosts = ['far']) =>
    likelyHost({ hosts: new Map(hosts.map(name => [name, server.address])) }, plan(text), target)
  expect(likely(milestone)).toEqual(['far'])
  expect(likely(`host: other\n${milestone}`)).toEqual(['other'])
  expect(likely(`phase: p2\n${milestone}`, 'p2-M1')).toEqual(['far'])
  expect(likely(`phase: p2\n${milestone}`)).toEqual([])
  expect(likely(milestone, 'p1-M9')).toEqual([])
  expect(likely(milestone, 'p1-M1', ['far', 'near'])).toEqual([])
  expect(likely('[not, a, plan]')).toEqual([])
  expect(likely(`phase: [1]\nhost: { a: b }\n${milestone}`)).toEqual([])
})

it('logs in to a host once, however often it is named, and to none that it does not know', async () => {
  const { host, begin, openSession, close } = early(['far', 'nowhere'])
  begin(['far'])
  const session = await openSession(host, { signal: never })
  expect(server.seen).toMatchObject({ connections: 1, logins: 1, execs: 1 })
  await session.close()
  await close()
})

it('a session is handed out once; what looks again has one of its own', async () => {
  const { host, openSession, close } = early(['far'])
  const first = await openSession(host, { signal: never })
  expect(server.seen).toMatchObject({ connections: 1, logins: 1, execs: 1 })
  const second = await openSession(host, { signal: never })
  expect(server.seen).toMatchObject({ connections: 2, logins: 2, execs: 2 })
  expect(first).not.toBe(second)
  for (const session of [first, second]) await session.close()
  await close()
})

it('is given up with the review that it was handed to', async () => {
  const { host, openSession, close } = early(['far'])
  const budget = new AbortController()
  budget.abort(new Error('the budget ran out'))
  await expect(openSession(host, { signal: budget.signal })).rejects.toThrow('the budget ran out')
  await close()
})

it('what goes wrong is told to whoever wants it, and nobody else', async () => {
  // A host that nobody knows by this name.
  const host = { ...server.address, name: 'far', ssh: `reader@localhost:${server.port}` }
  const seat = { home: { ...home, hosts: new Map([['far', host]]) }, signal: never }
  const unwanted = openEarly(seat)
  unwanted.begin(['far'])
  await unwanted.close()
  const wanted = openEarly(seat)
  wanted.begin(['far'])
  await expect(wanted.openSession(host, { signal: never })).rejects.toThrow(/host key of .* is unknown/)
  await wanted.close()
  expect(server.seen.logins).toBe(0)
})

it('a review logs in once; one that is recorded asks nothing', async () => {
  await scene.claim('p1-M1')
  const asked = await runCli(['review', 'p1-M1', '--json'], { cwd: scene.home })
  expect(JSON.parse(asked.stdout)).toMatchObject({ verdict: 'PASS', stats: { connections: 1, execs: 1 } })
  expect(server.seen).toMatchObject({ connections: 1, execs: 1 })
  await scene.plan('p2', 'milestones: { M1: { checks: [{ probe: no-such-probe }] } }\n')
  const broken = await runCli(['review', 'p1-M1', '--json'], { cwd: scene.home })
  expect(broken).toMatchObject({ code: 64, stderr: expect.stringContaining('no-such-probe') })
  await rm(join(scene.home, 'plans/p2.yaml'))
  const again = await runCli(['review', 'p1-M1', '--json'], { cwd: scene.home })
  expect(JSON.parse(again.stdout)).toMatchObject({ verdict: 'PASS', recorded: true })
})
