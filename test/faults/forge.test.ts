import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rename, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { type CloneOptions, type Git, openClone } from '../../src/git/clone.ts'
import { type HttpGit, startHttpGit, startWire, type Wire } from '../support/git-servers.ts'
import { makeRepo, type TestKey, testGit, type TestRepo } from '../support/repo.ts'
import { generous } from '../support/pace.ts'

/** What goes wrong with git and its servers: really caused, told by its true reason, over in bounded time, mended. */

const run = promisify(execFile)
let repo: TestRepo
let key: TestKey
let wire: Wire
let web: HttpGit
const table: string[] = []

beforeAll(async () => {
  repo = await makeRepo()
  key = await repo.key('reviewer')
  // Large enough to be cut in the middle.
  await repo.builder.commit('core: noise', { files: { noise: randomBytes(2_000_000) } })
  await repo.builder.push()
  await testGit(repo.remote, ['config', 'http.receivepack', 'true'])
  await testGit(repo.remote, ['config', 'uploadpack.allowFilter', 'true'])
  wire = await startWire(repo.remote)
  web = await startHttpGit(repo.remote)
})
afterAll(async () => {
  process.stdout.write(`${table.join('\n')}\n`)
  await wire.close()
  await web.close()
  await repo.dispose()
})

beforeEach(() => {
  wire.set('open')
  web.fail(null)
  web.admit(null)
})

/** Halves of packs in a clone. */
async function halves(dir: string): Promise<readonly string[]> {
  const names = await readdir(dir, { recursive: true })
  return names.filter(name => name.includes('tmp_')).map(name => join(dir, name))
}

let clones = 0
async function clone(url: string, options: Partial<CloneOptions> = {}): Promise<Git> {
  clones += 1
  const git = await openClone({ url, dir: join(repo.dir, `clone-${clones}.git`), ...options })
  onTestFinished(() => git.close())
  return git
}

interface Failure {
  readonly why: string
  readonly ms: number
}

/** What it says when it fails, and after how long. */
async function failing(doing: () => Promise<unknown>): Promise<Failure> {
  const begun = performance.now()
  const why = await doing().then(
    () => 'it did not fail',
    (error: unknown) => (error instanceof Error ? error.message : String(error))
  )
  return { why, ms: performance.now() - begun }
}

/** One row: the fault, how it was caused, what was said and after how long, and how long the next try took. */
async function mended(fault: string, { why, ms }: Failure, again: () => Promise<unknown>): Promise<void> {
  const begun = performance.now()
  await again()
  const back = performance.now() - begun
  table.push(
    `| ${fault} | ${why.replaceAll(/127\.0\.0\.1:\d+/g, 'HOST')} | ${seconds(ms)} | ${seconds(back)} |`
  )
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`

const review = async (git: Git, parent: string, words = 'review') =>
  git.writeCommit({
    parent,
    files: [{ path: 'reviews/REVIEW-one.md', bytes: randomBytes(400_000) }],
    message: `${words}\n`,
    identity: { name: 'adversary-bot', email: 'adversary@example.test', signingKey: key.path },
    date: new Date().toISOString()
  })

/** Processes of git that still speak with that server. */
async function speaking(url: string): Promise<readonly string[]> {
  const { stdout } = await run('ps', ['-A', '-o', 'args='])
  return stdout.split('\n').filter(line => line.includes(url) && line.includes('git'))
}

async function nobodySpeaks(url: string): Promise<void> {
  for (let tries = 0; tries < generous(10_000) / 100 && (await speaking(url)).length > 0; tries += 1) {
    await new Promise(done => setTimeout(done, 100))
  }
  expect(await speaking(url)).toEqual([])
}

describe('a remote', () => {
  it('that is down', async () => {
    const git = await clone(wire.url)
    wire.set('closed')
    const failure = await failing(() => git.remoteTip('main'))
    expect(failure.why).toMatch(/cannot be reached: .*(?:hung up|reset|EOF|closes under it)/i)
    wire.set('open')
    await mended('remote down', failure, () => git.remoteTip('main'))
  })

  it('that takes connections and says nothing', async () => {
    const git = await clone(wire.url, { remoteDeadlineMs: 1000 })
    wire.set('silent')
    const failure = await failing(() => git.remoteTip('main'))
    expect(failure.why).toMatch(/did not answer within 1000 ms/)
    await nobodySpeaks(wire.url)
    wire.set('open')
    const patient = await clone(wire.url)
    await mended('remote silent', failure, () => patient.remoteTip('main'))
  })

  it('that hangs in the middle of a fetch', async () => {
    const git = await clone(wire.url, { remoteDeadlineMs: 300 })
    wire.set({ after: 300_000, of: 'answers', ends: 'silence' })
    const failure = await failing(() => git.fetch('main'))
    expect(failure.why).toMatch(/did not answer within 3000 ms/)
    await nobodySpeaks(wire.url)
    // What each try leaves does not pile up: it is swept once no fetch can be at work on it any more.
    for (const path of await halves(git.dir)) await utimes(path, 1_000_000, 1_000_000)
    await failing(() => git.fetch('main'))
    expect((await halves(git.dir)).length).toBeLessThanOrEqual(1)
    wire.set('open')
    const patient = await openClone({ url: wire.url, dir: git.dir })
    await mended('remote hangs in mid-fetch', failure, () => patient.fetch('main'))
    await patient.close()
  })

  it('whose line breaks in the middle of a fetch: the clone is kept', async () => {
    const git = await clone(wire.url)
    const before = (await git.fetch('main')) ?? ''
    await repo.builder.commit('core: more noise', { files: { more: randomBytes(2_000_000) } })
    await repo.builder.push()
    wire.set({ after: 300_000, of: 'answers', ends: 'reset' })
    const failure = await failing(() => git.fetch('main'))
    expect(failure.why).toMatch(/cannot be reached: .*(?:early EOF|unexpected disconnect|reset)/)
    wire.set('open')
    expect(await git.commit(before)).not.toBeNull()
    await mended('line cut in mid-fetch', failure, () => git.fetch('main'))
  })

  it('that hangs in the middle of a push', async () => {
    const git = await clone(wire.url)
    const parent = (await git.fetch('main')) ?? ''
    const sha = await review(git, parent)
    const hasty = await openClone({ url: wire.url, dir: git.dir, remoteDeadlineMs: 1500 })
    wire.set({ after: 100_000, of: 'questions', ends: 'silence' })
    const failure = await failing(() => hasty.push(sha, 'main'))
    expect(failure.why).toMatch(/did not answer within 1500 ms/)
    await nobodySpeaks(wire.url)
    wire.set('open')
    expect(await git.remoteTip('main')).toBe(parent)
    await mended('remote hangs in mid-push', failure, async () =>
      expect(await git.push(sha, 'main')).toEqual({ kind: 'pushed' })
    )
    await hasty.close()
    await repo.builder.pull()
  })

  it('whose credentials expire in mid-run', async () => {
    web.admit('me:secret')
    const login = { username: 'me', password: 'secret' }
    const git = await clone(web.url, { login })
    const parent = (await git.fetch('main')) ?? ''
    web.admit('me:another')
    const before = web.requests()
    const failure = await failing(() => git.remoteTip('main'))
    expect(failure.why).toMatch(/cannot be reached: Authentication failed/)
    expect(failure.why).not.toContain('secret')
    expect(web.requests() - before).toBeLessThanOrEqual(3)
    expect((await failing(async () => git.push(await review(git, parent), 'main'))).why).toMatch(
      /Authentication failed/
    )
    web.admit('me:secret')
    await mended('credentials expired', failure, () => git.fetch('main'))
    web.admit(null)
  })

  it('that answers 503', async () => {
    const git = await clone(web.url)
    web.fail(503)
    const failure = await failing(() => git.remoteTip('main'))
    expect(failure.why).toMatch(/cannot be reached: .*503/)
    web.fail(null)
    await mended('forge answers 503', failure, () => git.fetch('main'))
  })

  it('whose hook refuses, in its own words', async () => {
    const git = await clone(web.url)
    const parent = (await git.fetch('main')) ?? ''
    const sha = await review(git, parent)
    const hook = join(repo.remote, 'hooks', 'pre-receive')
    await mkdir(join(repo.remote, 'hooks'), { recursive: true })
    await writeFile(hook, '#!/bin/sh\necho "GL-HOOK: main is protected" >&2\nexit 1\n', { mode: 0o755 })
    const refused = await git.push(sha, 'main')
    expect(refused).toMatchObject({ kind: 'refused', why: expect.stringMatching(/main is protected/) })
    await rename(hook, `${hook}.off`)
    const why = refused.kind === 'refused' ? refused.why : ''
    await mended('hook refuses', { why, ms: 0 }, async () =>
      expect(await git.push(sha, 'main')).toEqual({ kind: 'pushed' })
    )
    await repo.builder.pull()
  })

  it("that keeps a huge file: it is not fetched, not read, and in nobody's way", async () => {
    await repo.builder.commit('core: huge', { files: { huge: Buffer.alloc(70 * 1024 * 1024) } })
    await repo.builder.push()
    const git = await clone(wire.url)
    const parent = (await git.fetch('main')) ?? ''
    const { stdout } = await run('du', ['-sk', git.dir])
    expect(Number(stdout.split('\t')[0])).toBeLessThan(8_000)
    const blob = await repo.builder.git(['rev-parse', 'HEAD:huge'])
    await expect(testGit(git.dir, ['--git-dir', git.dir, 'cat-file', '-e', blob])).rejects.toThrow(
      'ended with 1'
    )
    expect(await git.file(parent, 'huge')).toEqual({
      kind: 'refused',
      why: `huge has more than ${64 * 1024 * 1024} bytes`
    })
    expect(await git.file(parent, 'README.md')).toMatchObject({ kind: 'file' })
    expect(await git.paths(parent)).toContain('huge')
    const before = await repo.builder.git(['rev-parse', 'HEAD~1'])
    expect(await git.changedSince(before, parent, ['huge'])).toEqual([parent])
    await expect(git.changedSince(`${parent}~1`, parent, ['huge'])).rejects.toThrow('full commit ids')
    expect(await git.push(await review(git, parent), 'main')).toEqual({ kind: 'pushed' })
    // A clone that was there before, by another process.
    const later = await openClone({ url: wire.url, dir: git.dir })
    await later.fetch('main')
    expect(await later.file(parent, 'huge')).toMatchObject({ kind: 'refused' })
    await later.close()
    expect(await testGit(repo.remote, ['cat-file', '-s', 'main:huge'])).toBe(String(70 * 1024 * 1024))
    await repo.builder.pull()
  })
})

/** A file system of that size; only root may make one. */
async function smallDisk(
  name: string,
  size: string
): Promise<{ readonly dir: string; grow(): Promise<unknown> }> {
  const dir = join(repo.dir, name)
  await mkdir(dir)
  await run('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', dir])
  onTestFinished(() => run('umount', ['-l', dir]).then(() => undefined))
  return { dir, grow: () => run('mount', ['-o', 'remount,size=64m', dir]) }
}

describe.runIf(process.getuid?.() === 0)('a disk that is full', () => {
  it('here: nothing is thrown away for it, and it goes on when there is room', async () => {
    const disk = await smallDisk('here', '1m')
    const git = await clone(repo.url, { dir: join(disk.dir, 'clone.git') })
    const failure = await failing(() => git.fetch('main'))
    expect(failure.why).toMatch(/clone\.git cannot be written: .*No space left on device/)
    await disk.grow()
    await mended('own disk full', failure, () => git.fetch('main'))
  })

  it('on the remote', async () => {
    const disk = await smallDisk('there', '6m')
    const remote = join(disk.dir, 'remote.git')
    await testGit(repo.dir, ['init', '--quiet', '--bare', '--initial-branch=main', remote])
    const base = await repo.builder.git(['rev-list', '--max-parents=0', 'HEAD'])
    await repo.builder.git(['push', '--quiet', remote, `${base}:refs/heads/main`])
    const git = await clone(`file://${remote}`)
    const parent = (await git.fetch('main')) ?? ''
    const sha = await review(git, parent)
    await run('dd', ['if=/dev/zero', `of=${join(disk.dir, 'fill')}`, 'bs=1k', 'count=6000']).catch(
      () => undefined
    )
    const begun = performance.now()
    const outcome = await git
      .push(sha, 'main')
      .catch((error: unknown) => ({ kind: 'thrown', why: String(error) }))
    const why = 'why' in outcome ? outcome.why : ''
    expect(why).toMatch(/No space left on device|unpacker error|unpack/i)
    await disk.grow()
    await mended("remote's disk full", { why, ms: performance.now() - begun }, async () =>
      expect(await git.push(sha, 'main')).toEqual({ kind: 'pushed' })
    )
  })
})
