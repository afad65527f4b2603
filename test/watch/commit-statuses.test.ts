import { chmod, readFile, writeFile } from 'node:fs/promises'
import { createServer as createHttps } from 'node:https'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { type ForgeKind, forgeKinds } from '../../src/forge/forge.ts'
import { certificate } from '../support/certificates.ts'
import { runCli } from '../support/cli.ts'
import { type ForgeServer, forgeRepo, forgeToken, startForge } from '../support/forge-server.ts'
import { eventually, makeScene, type Scene } from '../support/scene.ts'

/** What a forge is told of the reviews, whatever becomes of the telling. */

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

const plan = [
  'milestones:',
  '  M1: { checks: [{ probe: repo-file, with: { path: README.md, contains: a repo } }] }',
  '  M2: { checks: [{ probe: repo-file, with: { path: README.md, contains: never } }] }',
  '  M3: { needs: [M2], checks: [{ probe: repo-file, with: { path: README.md, contains: a repo } }] }',
  'hunt: { probes: [] }',
  ''
].join('\n')

async function forge(kind: ForgeKind, options?: Parameters<typeof startForge>[1]): Promise<ForgeServer> {
  const server = await startForge(kind, options)
  open.push(server)
  return server
}

async function scene(server: ForgeServer): Promise<Scene> {
  const made = await makeScene({
    more: ['poll: 100ms', 'retry: 100ms', `forge: { ${server.config}, token: ../token }`]
  })
  open.push({ close: () => made.dispose() })
  await writeFile(join(made.repo.dir, 'token'), `${forgeToken}\n`, { mode: 0o600 })
  await made.plan('one', plan)
  return made
}

const cli = (of: Scene, words: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  runCli([...words, '--home', of.home], { cwd: of.home, userHome: of.repo.dir, env })

describe.each(forgeKinds)('%s', kind => {
  it('is told of every verdict: pending, then success, failure or error, with a link to the section', async () => {
    const server = await forge(kind)
    const it = await scene(server)
    const claims = [await it.claim('one-M1'), await it.claim('one-M2'), await it.claim('one-M3')]
    const { code, stderr } = await cli(it, ['watch', '--once', '--quiet'])
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
    expect(server.complaints).toEqual([])

    const bad = kind === 'gitlab' ? 'failed' : 'failure'
    const unclear = kind === 'gitlab' ? 'failed' : 'error'
    const told = claims.map((sha, index) =>
      server.posts.filter(post => post.sha === sha && post.context === `adversary/one-M${index + 1}`)
    )
    const last = told.map(posts => posts.at(-1))
    expect(last.map(post => post?.state)).toEqual(['success', bad, unclear])
    // A `pending` that could not be said in time is not said any more: the verdict is there.
    const before = told.map(posts => posts.slice(0, -1).map(({ state }) => state))
    for (const states of before) expect([[], ['pending']]).toContainEqual(states)
    expect(before.flat()).toContain('pending')
    const posted = server.posts.length
    expect(posted).toBe(told.flat().length)
    expect(last[0]?.description).toBe('M1 PASS: the only check passed')
    expect(last[1]?.description).toMatch(/^M2 FAIL: /)

    // The link leads to the heading: the same commit, file and line, read back from the repo.
    for (const [index, posts] of told.entries()) {
      const link = new URL(posts.at(-1)?.link ?? '')
      const [commit = ''] = /[0-9a-f]{40}/.exec(link.pathname) ?? []
      const line = Number(link.hash.slice(2))
      expect(link.pathname).toContain(`/${forgeRepo}/`)
      expect(link.pathname).toMatch(/\/reviews\/REVIEW-one\.md$/)
      const lines = (await it.file('reviews/REVIEW-one.md', commit)).split('\n')
      expect(lines[line - 1]).toMatch(new RegExp(`^## M${index + 1}: [A-Z]+ @`))
    }

    // Who does not know what was posted asks first, and finds it there.
    expect((await cli(it, ['watch', '--once'])).code).toBe(0)
    expect((await cli(it, ['review', 'one-M1'])).stdout).toMatch(/recorded in/)
    expect(server.posts).toHaveLength(posted)
    expect(server.requests.filter(asked => asked.startsWith('GET'))).not.toHaveLength(0)
    expect(server.complaints).toEqual([])
  })
})

describe('a forge that does not answer', () => {
  it('costs no review, and is told later what it missed: by another process too', async () => {
    const server = await forge('gitea')
    const it = await scene(server)
    const sha = await it.claim('one-M1')
    // As after a crash between the push and the post: reviewed by a process that posts nowhere.
    await (await it.context({ clone: 'other' })).once()
    expect(server.posts).toEqual([])
    expect((await cli(it, ['watch', '--once'])).code).toBe(0)
    expect(server.posts.map(({ state }) => state)).toEqual(['success'])
    expect(server.state(sha, 'adversary/one-M1')).toBe('success')
    expect(await it.verdicts()).toHaveLength(1)
  })

  it('is asked again after an error, and when an answer got lost is told once more, which changes nothing', async () => {
    const server = await forge('gitea')
    const it = await scene(server)
    const sha = await it.claim('one-M1')
    server.next.push({ status: 502, body: '<html>' }, { status: 500, taken: true })
    expect((await cli(it, ['watch', '--once', '--quiet'])).code).toBe(0)
    expect(server.state(sha, 'adversary/one-M1')).toBe('success')
    expect(server.posts.map(({ state }) => state)).toEqual(['success', 'success'])
  })

  it('is not asked before its Retry-After', async () => {
    const server = await forge('github')
    const it = await scene(server)
    const sha = await it.claim('one-M1')
    server.next.push({ status: 429, headers: { 'retry-after': '2' } })
    const started = performance.now()
    expect((await cli(it, ['watch', '--once', '--quiet'])).code).toBe(0)
    expect(performance.now() - started).toBeGreaterThan(2_000)
    expect(server.state(sha, 'adversary/one-M1')).toBe('success')
  })

  it('leaves the verdict and the exit code alone, and says what is left, never the token', async () => {
    const server = await forge('gitea')
    const it = await scene(server)
    await it.claim('one-M1')
    await server.close()
    open.splice(0, 1)
    const { code, stdout, stderr } = await cli(it, ['review', 'one-M1'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/one-M1 {2}PASS/)
    expect(await it.verdicts()).toHaveLength(1)
    expect(stderr).toMatch(/a commit status was not posted: .*ECONNREFUSED/)
    expect(stdout + stderr).not.toContain(forgeToken)
  })

  it('that refuses is not hammered: once, and the reason is said at once', async () => {
    const server = await forge('gitea', { access: 'read' })
    const it = await scene(server)
    await it.claim('one-M1')
    const { code, stderr } = await cli(it, ['watch', '--once'])
    expect(code).toBe(0)
    expect(stderr).toMatch(/status.failed.*HTTP 403: write access is required/)
    expect(server.requests.filter(line => line.startsWith('POST')).length).toBeLessThanOrEqual(2)
  })
})

it('a claim that another one overtook while it waited does not stay pending', async () => {
  const server = await forge('gitea')
  const it = await scene(server)
  const old = await it.claim('one-M1', 'first')
  // A watcher that had begun with it: what it posted stays.
  await fetch(`${server.url}/api/v1/repos/${forgeRepo}/statuses/${old}`, {
    method: 'POST',
    headers: { authorization: `token ${forgeToken}` },
    body: JSON.stringify({ state: 'pending', context: 'adversary/one-M1' })
  })
  const newest = await it.claim('one-M1', 'second')
  expect((await cli(it, ['watch', '--once', '--quiet'])).code).toBe(0)
  expect(server.state(newest, 'adversary/one-M1')).toBe('success')
  expect(server.state(old, 'adversary/one-M1')).toBe('error')
  expect(server.posts.at(-1)?.description).toBe(
    `M1 was claimed again by ${newest.slice(0, 12)}; that one was judged`
  )
})

describe('the token', () => {
  it('comes from the environment where no file is named, and is never in the output', async () => {
    const server = await forge('github')
    const it = await scene(server)
    await writeFile(
      join(it.home, 'adversary.yaml'),
      (await import('node:fs'))
        .readFileSync(join(it.home, 'adversary.yaml'), 'utf8')
        .replace(', token: ../token', '')
    )
    const sha = await it.claim('one-M1')
    const { stdout, stderr } = await cli(it, ['watch', '--once', '--json'], {
      ADVERSARY_FORGE_TOKEN: forgeToken
    })
    expect(server.state(sha, 'adversary/one-M1')).toBe('success')
    expect(stdout + stderr).not.toContain(forgeToken)
  })

  it.each([
    ['as it is', forgeToken],
    ['in a URL', `https://git.example.test/api?private_token=${encodeURIComponent(forgeToken)}&x`],
    ['encoded sign by sign', [...forgeToken].map(sign => `%${sign.charCodeAt(0).toString(16)}`).join('')],
    ['in base64', Buffer.from(`bot:${forgeToken}`).toString('base64')]
  ])(
    'that the forge repeats in its error %s is in no output',
    async (_, told) => {
      const server = await forge('gitea')
      const it = await scene(server)
      await it.claim('one-M1')
      server.next.push({ status: 403, body: JSON.stringify({ message: `the token ${told} may not` }) })
      const { code, stdout, stderr } = await cli(it, ['watch', '--once'])
      expect(code).toBe(0)
      expect(stdout + stderr).not.toContain(told)
      expect(stderr).toMatch(/HTTP 403: the token .*«.*may not/)
    },
    60_000
  )

  it('in a file that is open to others is refused, and the review stands', async () => {
    const server = await forge('gitea')
    const it = await scene(server)
    await chmod(join(it.repo.dir, 'token'), 0o644)
    await it.claim('one-M1')
    const { code, stderr } = await cli(it, ['review', 'one-M1'])
    expect(code).toBe(0)
    expect(stderr).toMatch(/other users can read .*token, mode 0644 \(forge\.token\)/)
    expect(server.requests).toEqual([])
  })
})

it('a forge with a certificate of its own CA is trusted by that CA alone', async () => {
  const authority = certificate({ name: 'test CA', authority: true })
  const own = certificate({ name: 'forge', names: ['127.0.0.1'], issuer: authority })
  const server = await forge('gitea', { server: listener => createHttps(own, listener) })
  const it = await scene(server)
  await writeFile(join(it.repo.dir, 'ca.pem'), authority.cert)
  const sha = await it.claim('one-M1')
  const untrusted = await cli(it, ['review', 'one-M1'])
  expect(untrusted.code).toBe(0)
  expect(untrusted.stderr).toMatch(/not posted: .*certificate/i)
  const config = join(it.home, 'adversary.yaml')
  const yaml = await readFile(config, 'utf8')
  await writeFile(config, yaml.replace(', token:', ', ca: ../ca.pem, token:'))
  await cli(it, ['review', 'one-M1'])
  expect(server.state(sha, 'adversary/one-M1')).toBe('success')
})

it('a watcher that goes on posts in the background, and what was refused while it ran', async () => {
  const server = await forge('forgejo')
  const it = await scene(server)
  const stop = new AbortController()
  const watching = runCli(['watch', '--home', it.home, '--quiet'], {
    cwd: it.home,
    userHome: it.repo.dir,
    signal: stop.signal
  })
  const first = await it.claim('one-M1')
  await eventually(async () => server.state(first, 'adversary/one-M1') === 'success')
  server.next.push({ status: 503 }, { status: 503 })
  const second = await it.claim('one-M2')
  await eventually(async () => server.state(second, 'adversary/one-M2') === 'failure')
  stop.abort(new DOMException('stopped', 'AbortError'))
  expect((await watching).code).toBe(0)
  expect(server.complaints).toEqual([])
})

it('a PASS whose gate is closed later is told so, with the reason of the gate, and once it is open again too', async () => {
  const server = await forge('gitea')
  const it = await scene(server)
  const sha = await it.claim('one-M1')
  const state = () => server.state(sha, 'adversary/one-M1')
  expect((await cli(it, ['watch', '--once', '--quiet'])).code).toBe(0)
  expect(state()).toBe('success')

  await cli(it, ['veto', 'one-M1', '--reason', 'the backup was not tested'])
  expect((await cli(it, ['watch', '--once', '--quiet'])).code).toBe(0)
  expect([state(), server.posts.at(-1)?.description]).toEqual([
    'failure',
    expect.stringMatching(/^adversary@example\.test vetoes M1 \([0-9a-f]{12}\)$/)
  ])

  await cli(it, ['veto', 'one-M1', '--lift', '--reason', 'tested'])
  expect((await cli(it, ['watch', '--once', '--quiet'])).code).toBe(0)
  expect(state()).toBe('success')
})
