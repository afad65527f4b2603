import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { createDeflate } from 'node:zlib'
import { afterAll, beforeEach, expect, it, onTestFinished } from 'vitest'
import { startHttpGit } from '../support/git-servers.ts'
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
  const watched = await scene.context()
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
}, 1_200_000)

it('the branch is renamed: that is said, nothing is pushed, and renaming it back is enough', async () => {
  const watched = await scene.context()
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
  const watched = await scene.context()
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
  const watched = await scene.context()
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

/**
 * A commit on top of the branch with a file of zeros of that size under each of these paths. The file is written as git
 * writes one: git itself takes half a minute for it.
 */
async function commitHuge(bytes: number, paths: readonly string[]): Promise<void> {
  const hash = createHash('sha1')
  const deflate = createDeflate({ level: 1 })
  const made = join(scene.repo.remote, 'objects/huge')
  const written = pipeline(deflate, createWriteStream(made))
  const write = async (data: Buffer) => {
    hash.update(data)
    if (!deflate.write(data)) await once(deflate, 'drain')
  }
  await write(Buffer.from(`blob ${bytes}\0`))
  const zeros = Buffer.alloc(1 << 20)
  for (let left = bytes; left > 0; left -= zeros.length) await write(zeros.subarray(0, left))
  deflate.end()
  await written
  const blob = hash.digest('hex')
  await mkdir(join(scene.repo.remote, 'objects', blob.slice(0, 2)), { recursive: true })
  await rename(made, join(scene.repo.remote, 'objects', blob.slice(0, 2), blob.slice(2)))

  const index = join(scene.repo.dir, 'huge-index')
  const staged = (...args: string[]) => testGit(scene.repo.remote, args, { env: { GIT_INDEX_FILE: index } })
  await staged('read-tree', 'main')
  for (const path of paths) await staged('update-index', '--add', '--cacheinfo', `100644,${blob},${path}`)
  await commitTree((await staged('write-tree')).trim(), 'core: huge')
}

/** A commit on top of the branch without a working tree, which would hold the file as well. */
async function commitTree(tree: string, message: string): Promise<void> {
  const who = ['-c', 'user.name=builder', '-c', 'user.email=builder@example.test']
  const commit = await remote(...who, 'commit-tree', '-p', 'main', '-m', message, tree)
  await remote('update-ref', 'refs/heads/main', commit.trim())
}

/** Runs the program as it is shipped, and answers the most memory that it and any process below it took, in MB. */
async function measured(words: readonly string[]) {
  const cli = join(root, 'dist/.huge/cli.js')
  const child = spawn(process.execPath, [cli, ...words], { cwd: scene.home })
  let log = ''
  child.stdout.resume()
  child.stderr.on('data', chunk => {
    log += String(chunk)
  })
  const ended = once(child, 'close')
  const most = new Map<number, number>()
  const look = async (pid: number): Promise<void> => {
    const proc = (file: string) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')
    const kilobytes = /^VmHWM:\s*(\d+) kB$/m.exec(await proc('status'))?.[1]
    most.set(pid, Math.max(most.get(pid) ?? 0, Number(kilobytes ?? 0)))
    const below = (await proc(`task/${pid}/children`)).split(' ').filter(each => each !== '')
    await Promise.all(below.map(each => look(Number(each))))
  }
  const { pid = 0 } = child
  const sampling = setInterval(() => void look(pid), 50)
  const [code] = await ended
  clearInterval(sampling)
  const own = most.get(pid) ?? 0
  most.delete(pid)
  const events: readonly { readonly event: string; readonly why?: string }[] = log
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line))
  return {
    code,
    said: log,
    events,
    own: Math.round(own / 1000),
    git: Math.round(Math.max(...most.values()) / 1000)
  }
}

const root = resolve(import.meta.dirname, '../..')

it('a file of 2 GiB: what is beside it is answered, what it stands in the way of is refused by name', async () => {
  const rolldown = join(root, 'node_modules/rolldown/bin/cli.mjs')
  await promisify(execFile)(process.execPath, [rolldown, '--config', '--dir', 'dist/.huge'], { cwd: root })
  const bytes = 2 ** 31 + 1
  const looksAt = '{ probe: repo-file, with: { path: huge, contains: x } }'
  await scene.plan(
    'one',
    `milestones:\n  M1: { checks: [${check}] }\n  M2: { checks: [${looksAt}] }\nhunt: { probes: [] }\n`
  )
  const made = performance.now()
  await commitHuge(bytes, ['huge', 'reviews/REVIEW-two.md'])
  expect(Number(await remote('cat-file', '-s', 'main:huge'))).toBe(bytes)
  const making = seconds(made)

  const answered = async (url: string, claims: number, why: string) => {
    const config = join(scene.home, 'adversary.yaml')
    const yaml = await readFile(config, 'utf8')
    await writeFile(config, yaml.replace(/url: \S+/, `url: ${url}`))
    for (const target of ['one-M1', 'one-M2', 'two-M1']) {
      await commitTree('main^{tree}', `claim(${target}): number ${claims}`)
    }
    const begun = performance.now()
    const { code, events, said: _, ...megabytes } = await measured(['watch', '--once'])
    const took = seconds(begun)
    expect(events.filter(({ event }) => event === 'task.failed')).toEqual([])
    const unseen = events.filter(({ event }) => event === 'observation.failed')
    expect(new Set(unseen.map(each => each.why))).toEqual(new Set([why]))
    expect(code).toBe(2)
    const verdicts = (await scene.verdicts()).map(({ verdict }) => verdict)
    expect(verdicts.slice(-3).sort()).toEqual(['one-M1 PASS', 'one-M2 INCONCLUSIVE', 'two-M1 INCONCLUSIVE'])
    // No file in its place keeps a verdict from being recorded: it goes beside, and says why.
    const names = await remote('ls-tree', '--name-only', 'main')
    const beside = /^REVIEW-two-[0-9a-f]{8}\.md$/m.exec(names)?.[0] ?? ''
    expect(await scene.file(beside)).toMatch(/`reviews\/REVIEW-two\.md` has more than `67108864` bytes/)
    expect(megabytes.own).toBeLessThan(300)
    expect(megabytes.git).toBeLessThan(200)
    const { stdout } = await promisify(execFile)('du', ['-sk', join(scene.home, '.adversary')])
    return { took, megabytes, clone: Number(stdout.split('\t')[0]) / 1000 }
  }

  const row = (how: string, { took, megabytes, clone }: Awaited<ReturnType<typeof answered>>) =>
    table.push(
      `| 2 GiB, ${how} | answered | ${took} | ${megabytes.own} MB, git ${megabytes.git} MB, clone ${clone} MB |`
    )
  await remote('config', 'uploadpack.allowFilter', 'true')
  const kept = await answered(`file://${scene.repo.remote}`, 1, 'huge has more than 67108864 bytes')
  expect(await scene.file('reviews/REVIEW-one.md')).toMatch(/huge`? has more than `?67108864`? bytes/)
  // All that the home holds would not hold the pack of the file, which is small as zeros are.
  expect(kept.clone).toBeLessThan(4)
  row(`kept back (made in ${making})`, kept)

  // Over HTTP nothing is kept back: all of it comes.
  const http = await startHttpGit(scene.repo.remote)
  onTestFinished(() => http.close())
  await remote('config', 'http.receivepack', 'true')
  row('over HTTP, all of it', await answered(http.url, 2, `huge has ${bytes} bytes, more than 67108864`))

  await writeFile(join(scene.home, 'plans/three.yaml'), '')
  await truncate(join(scene.home, 'plans/three.yaml'), bytes)
  const { code, own, said: stderr } = await measured(['watch', '--once'])
  expect([code, own < 300, stderr]).toEqual([
    64,
    true,
    expect.stringMatching(/plans\/three\.yaml: cannot be read: .*bytes/)
  ])
}, 1_600_000)
