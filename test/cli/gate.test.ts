import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openClone } from '../../src/git/clone.ts'
import { gateDocument } from '../../src/cli/documents.ts'
import { runCli } from '../support/cli.ts'
import { makeReviewer } from '../support/reviews.ts'
import { allowedSigners, makeRepo, testGit, type TestKey, type TestRepo } from '../support/repo.ts'

/** What the gate makes of its surroundings; what it makes of histories is in test/gate. */

let repo: TestRepo
let signers: string
let key: TestKey
let empty: string
beforeEach(async () => {
  repo = await makeRepo()
  key = await repo.key('reviewer')
  signers = allowedSigners([['adversary@example.test', key]])
  empty = join(repo.dir, 'empty')
  await mkdir(empty)
})
afterEach(() => repo.dispose())

const trust = () => ({ ADVERSARY_ALLOWED_SIGNERS: signers, ADVERSARY_REVIEWER: 'adversary@example.test' })

/** A server that answers everything with 401, and remembers who asked. */
async function lockedServer() {
  const asked: (string | undefined)[] = []
  const server = createServer((request, response) => {
    asked.push(request.headers.authorization)
    response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return { server, asked, port: typeof address === 'object' ? address?.port : undefined }
}

describe('adversary gate', () => {
  it("never sends the pipeline's login in the clear", async () => {
    const { server, asked, port } = await lockedServer()
    const env = {
      ...trust(),
      DRONE_GIT_HTTP_URL: `http://127.0.0.1:${port}/ops/infra.git`,
      DRONE_NETRC_MACHINE: '127.0.0.1',
      DRONE_NETRC_USERNAME: 'drone',
      DRONE_NETRC_PASSWORD: 'p@ss'
    }
    const { code, stdout, stderr } = await runCli(['gate', 'one-M1'], { cwd: empty, env })
    server.close()
    expect(code).toBe(70)
    expect(new Set(asked)).toEqual(new Set([undefined]))
    expect(stdout + stderr).not.toMatch(/p@ss|p%40ss/)
  })

  it('without signers trusts nobody, and says how to set them', async () => {
    const { code, stdout } = await runCli(['gate', 'one-M1'], { cwd: repo.builder.dir })
    expect(code).toBe(3)
    expect(stdout).toMatch(/ADVERSARY_ALLOWED_SIGNERS|--allowed-signers/)
  })

  it.each([
    ['Drone', (url: string) => ({ DRONE_GIT_HTTP_URL: url })],
    ['Woodpecker', (url: string) => ({ CI_REPO_CLONE_URL: url })],
    [
      'Actions',
      (url: string) => ({ GITHUB_SERVER_URL: url.replace(/\/remote\.git$/, ''), GITHUB_REPOSITORY: 'remote' })
    ]
  ])('knows the remote by the environment of %s', async (_, environment) => {
    const commit = await repo.builder.tip()
    const env = { ...trust(), ...environment(repo.url), DRONE_COMMIT_SHA: commit }
    const { code, stdout } = await runCli(['gate', 'one-M1', '--json'], { cwd: empty, env })
    expect(code).toBe(2)
    expect(gateDocument.parse(JSON.parse(stdout))).toMatchObject({ gate: 'one-M1', code: 2, verdict: null })
  })

  it.each<[string, Record<string, string>, readonly string[], number]>([
    ['Drone', { DRONE_GIT_HTTP_URL: '@', DRONE_REPO: 'ops/infra' }, [], 3],
    ['Woodpecker', { CI_REPO_CLONE_URL: '@', CI_REPO: 'ops/infra' }, [], 3],
    ['Actions', { DRONE_GIT_HTTP_URL: '@', GITHUB_REPOSITORY: 'ops/infra' }, [], 3],
    ['GitLab', { CI_REPOSITORY_URL: '@', CI_PROJECT_PATH: 'ops/infra' }, [], 3],
    ['what its owner says', { DRONE_GIT_HTTP_URL: '@', ADVERSARY_REPO: 'ops/infra' }, [], 3],
    ['an option', { DRONE_GIT_HTTP_URL: '@', ADVERSARY_REPO: 'x/y' }, ['--repo', 'ops/infra'], 3],
    ['the right name', { DRONE_GIT_HTTP_URL: '@', DRONE_REPO: 'Alice/Infra' }, [], 0],
    [
      'another name that its owner says',
      { DRONE_GIT_HTTP_URL: '@', DRONE_REPO: 'ops/infra', ADVERSARY_REPO: 'alice/infra' },
      [],
      0
    ],
    ['nothing', { DRONE_GIT_HTTP_URL: '@' }, [], 0],
    ['the name of a repo that is not the one asked', { DRONE_REPO: 'ops/deploy' }, ['--remote', '@'], 0]
  ])('knows the repo by %s', async (_, environment, words, code) => {
    const claim = await repo.builder.commit('claim(pvfix-M1): done')
    await repo.builder.push()
    const git = await openClone({ url: repo.url, dir: join(repo.dir, 'clone.git') })
    const reviewer = 'adversary@example.test'
    await makeReviewer(git, key, { allowed: signers, reviewer }, { now: Date.now() }).say({
      claim,
      repo: 'alice/infra'
    })
    await git.close()
    const at = (word: string) => (word === '@' ? repo.url : word)
    const env = Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, at(value)]))
    const ran = await runCli(['gate', 'pvfix-M1', ...words.map(at)], {
      cwd: empty,
      env: { ...trust(), ...env }
    })
    expect([ran.code, ran.stdout]).toEqual([
      code,
      expect.stringMatching(code === 0 ? /open/ : /alice\/infra/)
    ])
  })

  it.each<[string, (url: string) => Record<string, string>]>([
    ['Drone', url => ({ DRONE: 'true', CI: 'true', DRONE_GIT_HTTP_URL: url, DRONE_REPO: 'ops/infra' })],
    ['Woodpecker', url => ({ CI: 'woodpecker', CI_REPO_CLONE_URL: url, CI_REPO: 'ops/infra' })],
    [
      'Forgejo Actions, by the address in it,',
      () => ({ CI: 'true', GITHUB_ACTIONS: 'true', GITHUB_REPOSITORY: 'ops/infra' })
    ]
  ])(
    'sees the PASS from a checkout as %s makes it, which the builder may have set up',
    async (_, environment) => {
      const claim = await repo.builder.commit('claim(pvfix-M1): done')
      await repo.builder.push()
      const git = await openClone({ url: repo.url, dir: join(repo.dir, 'clone.git') })
      const reviewer = 'adversary@example.test'
      const make = makeReviewer(git, key, { allowed: signers, reviewer }, { now: Date.now() })
      await make.say({ claim, repo: 'ops/infra' })
      await git.close()

      // Shallow, detached, of another user, and lent objects by what is not there.
      const checkout = join(repo.dir, 'checkout')
      await testGit(repo.dir, ['clone', '--quiet', '--depth=1', repo.url, checkout])
      await testGit(checkout, ['checkout', '--quiet', '--detach'])
      const words = [
        '[core]\n\tfsmonitor = false-and-run\n\tsshCommand = false',
        '[remote "origin"]\n\tpromisor = true\n\tpartialCloneFilter = tree:0\n\tuploadpack = false',
        '[extensions]\n\tpartialClone = origin\n'
      ]
      await appendFile(join(checkout, '.git/config'), words.join('\n'))
      await writeFile(join(checkout, '.git/objects/info/alternates'), '/nowhere/objects\n')
      if (process.getuid?.() === 0) await promisify(execFile)('chown', ['-R', '12345:12345', checkout])

      const env = { ...trust(), ...environment(repo.url) }
      const { code, stdout } = await runCli(['gate', 'pvfix-M1'], { cwd: checkout, env })
      expect([code, stdout]).toEqual([0, expect.stringMatching(/^pvfix-M1: open/)])
    }
  )

  it('takes the address of a checkout where the pipeline names none', async () => {
    const { code } = await runCli(['gate', 'one-M1'], { cwd: repo.builder.dir, env: trust() })
    expect(code).toBe(2)
  })

  it('takes a reviewer whose name ends in a line break, as a form left it', async () => {
    const env = { ...trust(), ADVERSARY_REVIEWER: 'adversary@example.test\n' }
    expect((await runCli(['gate', 'one-M1'], { cwd: repo.builder.dir, env })).code).toBe(2)
  })

  it.each([
    ['one_M1', 'one-M1'],
    ['ONE-M1', 'one-M1']
  ])('names what was meant by %s, without waiting', async (typed, meant) => {
    const words = ['gate', typed, '--wait', '10m']
    const { code, stderr } = await runCli(words, { cwd: repo.builder.dir, env: trust() })
    expect([code, stderr]).toEqual([64, expect.stringContaining(`did you mean ${meant}?`)])
  })

  it('reads signers from a file', async () => {
    await writeFile(join(empty, 'signers'), signers)
    const words = ['gate', 'one-M1', '--allowed-signers', 'signers', '--reviewer', 'adversary@example.test']
    expect((await runCli([...words, '--remote', repo.url], { cwd: empty })).code).toBe(2)
    const gone = await runCli(['gate', 'one-M1', '--allowed-signers', 'nobody'], { cwd: repo.builder.dir })
    expect([gone.code, gone.stdout]).toEqual([64, ''])
  })

  it('without a remote is a usage error, and a remote that is not there a fault: never open', async () => {
    expect((await runCli(['gate', 'one-M1'], { cwd: empty, env: trust() })).code).toBe(64)
    const words = ['gate', 'one-M1', '--remote', join(repo.dir, 'nowhere.git')]
    expect((await runCli(words, { cwd: empty, env: trust() })).code).toBe(70)
  })

  it('for a branch that is not there is a usage error, and of a remote without a commit nothing is proven', async () => {
    const words = ['gate', 'one-M1', '--remote', repo.url, '--branch', 'nosuch']
    const { code, stderr } = await runCli(words, { cwd: empty, env: trust() })
    expect(code).toBe(64)
    expect(stderr).toMatch(/has no branch nosuch\n.*--branch main/)
    const bare = join(repo.dir, 'bare.git')
    await promisify(execFile)('git', ['init', '--quiet', '--bare', bare])
    const asked = await runCli(['gate', 'one-M1', '--remote', bare], { cwd: empty, env: trust() })
    expect([asked.code, asked.stdout]).toEqual([2, ''])
    expect(asked.stderr).toMatch(/has no branch/)
  })

  it('waits as long as it was told, and no longer', async () => {
    const started = performance.now()
    const { code, stderr } = await runCli(['gate', 'one-M1', '--wait', '3s'], {
      cwd: repo.builder.dir,
      env: trust()
    })
    expect(code).toBe(2)
    expect(performance.now() - started).toBeGreaterThan(3000)
    expect(stderr).toMatch(/waiting for a review/)
  })

  it('stops waiting when it is interrupted, and is not open then', async () => {
    const interrupted = new AbortController()
    setTimeout(() => interrupted.abort(new DOMException('interrupted', 'AbortError')), 700)
    const { code, stderr } = await runCli(['gate', 'one-M1', '--wait', '10m'], {
      cwd: repo.builder.dir,
      env: trust(),
      signal: interrupted.signal
    })
    expect(code).toBe(2)
    expect(stderr).toMatch(/interrupted/)
  })

  it('never shows a login', async () => {
    const url = 'https://user:s3cret@127.0.0.1:9/ops/infra.git'
    const { code, stdout, stderr } = await runCli(['gate', 'one-M1', '--remote', url], {
      cwd: empty,
      env: trust()
    })
    expect(code).not.toBe(0)
    expect(stdout + stderr).not.toContain('s3cret')
  })
})
