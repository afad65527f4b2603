import { rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Workspace } from '../../src/config/workspace.ts'
import { parseYaml } from '../../src/config/yaml.ts'
import { mayBeAnswered } from '../../src/record/record.ts'
import { assess } from '../../src/review/review.ts'
import { pendingClaims } from '../../src/review/context/claim-history.ts'
import { snapshot } from '../../src/review/context/review-context.ts'
import { fetching, hostsAskedBy, likelyHost, openEarly } from '../../src/review/context/early.ts'
import { runCli } from '../support/cli.ts'
import { makeScene, type Scene } from '../support/scene.ts'
import { startSshServer, type TestServer } from '../support/ssh-server.ts'

/** A login that begins beside the fetch is as fresh, as checked and as bounded as one that begins after it. */

let server: TestServer
let scene: Scene
let home: Workspace
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
  const watched = await scene.context()
  home = watched.context.home
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
  void opened.begin(names)
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
  void begin(['far'])
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
  await unwanted.begin(['far'])
  await unwanted.close()
  const wanted = openEarly(seat)
  await wanted.begin(['far'])
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

it('is on its way once it is dialled, whether or not the host ever says a word', async () => {
  const sockets: Socket[] = []
  const silent = createServer(socket => void sockets.push(socket))
  await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve))
  const address = silent.address()
  const port = address === null || typeof address === 'string' ? 0 : address.port
  const host = { ...server.address, name: 'far', ssh: `reader@127.0.0.1:${port}` }
  const nowhere = { ...host, name: 'nowhere', ssh: '-oProxyCommand=x' }
  const hosts = new Map([host, nowhere].map(each => [each.name, each]))
  const opened = openEarly({ home: { ...home, hosts }, signal: never })
  await expect(opened.begin(['far', 'nowhere'])).resolves.toBeUndefined()
  await opened.close()
  for (const socket of sockets) socket.destroy()
  await new Promise(resolve => silent.close(resolve))
})

it('hands the fetch that was begun to whoever fetches the branch first, and fetches anew after that', async () => {
  const { context, close } = await scene.context()
  const first = await scene.commit('first')
  const ahead = fetching(context.git, 'main')
  expect(await ahead.fetch('main')).toBe(first)
  const second = await scene.commit('second')
  expect(await ahead.fetch('main')).toBe(second)

  const other = fetching(context.git, 'main')
  expect(await other.fetch('nowhere')).toBeNull()
  expect(await other.fetch('main')).toBe(second)

  const gone = fetching({ ...context.git, fetch: () => Promise.reject(new Error('gone')) }, 'main')
  // Nobody has asked yet, and nobody may have to.
  await new Promise(setImmediate)
  await expect(gone.fetch('main')).rejects.toThrow('gone')
  await close()
})

it('the hosts are asked while signatures are verified, and nothing is decided before these are', async () => {
  await scene.claim('p1-M1')
  const { context, close } = await scene.context()
  const at = await snapshot(context)
  const [unanswered] = (await pendingClaims(context.git, context.home, at)).unanswered
  if (unanswered === undefined) throw new Error('nothing is owed')
  let verified: (record: typeof at.record) => void = () => undefined
  const record = new Promise<typeof at.record>(resolve => {
    verified = resolve
  })
  let decided = false
  const task = { kind: 'review', ...unanswered } as const
  const drafting = assess(context, { tip: at.tip, record }, task, { budgetMs: 20_000 })
  void drafting.then(() => {
    decided = true
  })
  while (server.seen.execs === 0) await new Promise(resolve => setTimeout(resolve, 5))
  await new Promise(resolve => setTimeout(resolve, 300))
  expect(decided).toBe(false)
  verified(at.record)
  expect((await drafting).decision.verdict).toBe('PASS')

  const unreadable = Promise.reject(new Error('unreadable'))
  unreadable.catch(() => undefined)
  const refused = assess(context, { tip: at.tip, record: unreadable }, task, {
    budgetMs: 20_000
  })
  await expect(refused).rejects.toThrow('unreadable')
  await close()
})

it('whatever looks like a review of the claim may be its answer, signed or not', () => {
  const [person, date] = [{ name: 'x', email: 'x@example.test' }, '2026-11-01T00:00:00Z']
  const commit = (message: string) => ({
    sha: 'a'.repeat(40),
    tree: '0'.repeat(40),
    signed: false,
    parents: [],
    author: person,
    committer: person,
    authoredAt: date,
    committedAt: date,
    subject: message.split('\n')[0] ?? '',
    message
  })
  const claim = 'b'.repeat(40)
  const may = (message: string) => mayBeAnswered([commit('other'), commit(message)], claim)
  expect(may(`review(p1-M1): M1 PASS\n\nAdversary-Claim: ${claim}\n`)).toBe(true)
  expect(may(`review(p1-M1): M1 PASS\n\nAdversary-Supersedes: ${claim}\n`)).toBe(true)
  expect(may(`Review [p1-M1]\n\n${claim}`)).toBe(true)
  expect(may(`review(p1-M1): M1 PASS\n\nAdversary-Claim: ${'c'.repeat(40)}\n`)).toBe(false)
  expect(may(`claim(p1-M1): ${claim}`)).toBe(false)
})
