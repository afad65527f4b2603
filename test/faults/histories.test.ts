import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { afterAll, beforeEach, expect, it } from 'vitest'
import { testGit } from '../support/repo.ts'
import { makeScene, type Scene } from '../support/scene.ts'

/** Histories that a reviewer does not expect: each really made, its claim answered or the true reason said. */

const table: string[] = []
const scenes: Scene[] = []
let scene: Scene

const check = '{ probe: repo-file, with: { path: README.md, contains: a repo } }'

beforeEach(async () => {
  scene = await makeScene()
  scenes.push(scene)
  await scene.plan('one', `milestones:\n  M1: { checks: [${check}] }\nhunt: { probes: [] }\n`)
})
afterAll(async () => {
  process.stdout.write(`${table.join('\n')}\n`)
  await Promise.all(scenes.map(each => each.dispose()))
})

const remote = (...args: string[]) => testGit(scene.repo.remote, args)
const said = (what: () => Promise<unknown>) =>
  what().then(
    () => 'nothing',
    (error: unknown) => (error instanceof Error ? error.message : String(error))
  )
const seconds = (since: number) => `${((performance.now() - since) / 1000).toFixed(1)} s`

/** So many commits on top of the branch, as one stream. */
async function grow(commits: number): Promise<void> {
  const tip = await remote('rev-parse', 'main')
  const git = spawn('git', ['fast-import', '--quiet'], {
    cwd: scene.repo.remote,
    stdio: ['pipe', 'ignore', 'inherit']
  })
  const lines = Array.from({ length: commits }, (_, n) => {
    const message = `core: step ${n}\n\nWhat it does.\n`
    const who = `builder <builder@example.test> ${1_700_000_000 + n} +0000`
    const from = n === 0 ? `from ${tip}\n` : ''
    return `commit refs/heads/main\ncommitter ${who}\ndata ${message.length}\n${message}${from}`
  })
  const ended = once(git, 'close')
  git.stdin.end(`${lines.join('\n')}\n`)
  expect(await ended).toEqual([0, null])
}

it('100,000 commits: the claim on top of them is answered', async () => {
  await grow(100_000)
  const claim = await scene.claim('one-M1')
  const watched = await scene.world()
  const begun = performance.now()
  await watched.once()
  const first = seconds(begun)
  expect(await scene.verdicts()).toMatchObject([{ claim, verdict: 'one-M1 PASS' }])
  const again = performance.now()
  const next = await scene.claim('one-M1', 'again')
  await watched.once()
  expect(await scene.verdicts()).toMatchObject([{ claim }, { claim: next, verdict: 'one-M1 PASS' }])
  const { rss } = process.memoryUsage()
  table.push(
    `| 100,000 commits | answered | ${first}, then ${seconds(again)} | ${Math.round(rss / 1e6)} MB |`
  )
}, 300_000)

it('the branch is renamed: that is said, nothing is pushed, and renaming it back is enough', async () => {
  const watched = await scene.world()
  const claim = await scene.claim('one-M1')
  await remote('branch', '-m', 'main', 'trunk')
  const why = await said(() => watched.once())
  expect(why).toMatch(/remote\.git has no branch main$/)
  expect((await remote('for-each-ref', '--format=%(refname)')).trim()).toBe('refs/heads/trunk')
  expect(await scene.verdicts('trunk')).toEqual([])
  await remote('branch', '-m', 'trunk', 'main')
  const begun = performance.now()
  await watched.once()
  expect(await scene.verdicts()).toMatchObject([{ claim, verdict: 'one-M1 PASS' }])
  table.push(`| branch renamed | ${why} | ${seconds(begun)} |`)
})

it('a shallow remote: nothing of what it lacks is guessed at', async () => {
  for (let n = 0; n < 5; n += 1) await scene.commit(`core: step ${n}`)
  const claim = await scene.claim('one-M1')
  const whole = `${scene.repo.remote}.whole`
  await testGit(scene.repo.dir, ['clone', '--quiet', '--bare', scene.repo.remote, whole])
  await rm(scene.repo.remote, { recursive: true })
  await testGit(scene.repo.dir, [
    'clone',
    '--quiet',
    '--bare',
    '--depth=2',
    `file://${whole}`,
    scene.repo.remote
  ])
  const watched = await scene.world()
  const why = await said(() => watched.once())
  expect(why).toMatch(/remote\.git is a shallow clone: it lacks history/)
  expect(await scene.verdicts()).toEqual([])
  await testGit(scene.repo.remote, ['fetch', '--quiet', '--unshallow', whole, 'main'])
  await watched.once()
  expect(await scene.verdicts()).toMatchObject([{ claim, verdict: 'one-M1 PASS' }])
})

it('commits of the year 2099: the order of the history counts, not their clocks', async () => {
  const future = new Date('2099-01-01T00:00:00Z').toISOString()
  const claim = await scene.claim('one-M1', 'done', { date: future })
  const watched = await scene.world()
  await watched.once()
  const next = await scene.claim('one-M1', 'again')
  await watched.once()
  expect(await scene.verdicts()).toMatchObject([
    { claim, verdict: 'one-M1 PASS' },
    { claim: next, verdict: 'one-M1 PASS' }
  ])
  const sections = await scene.file('reviews/REVIEW-one.md')
  expect(sections).not.toContain('2099')
})
