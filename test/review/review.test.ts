import { execFile } from 'node:child_process'
import { mkdtemp, readdir } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as commonmark from 'commonmark'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { assess, publishReview } from '../../src/review/review.ts'
import { pendingClaims } from '../../src/review/context/claim-history.ts'
import { snapshot } from '../../src/review/context/review-context.ts'
import { runCli } from '../support/cli.ts'
import { type FlakyHost, gateOf, makeScene, type Scene, startFlakyHost } from '../support/scene.ts'
import { startSshServer } from '../support/ssh-server.ts'

/** `review` by hand, and what becomes of review files and repos that were not made for it. */

const readme = (contains: string) =>
  `{ probe: repo-file, with: { path: README.md, contains: ${JSON.stringify(contains)} } }`
const milestone = (name: string, contains = 'a repo') => `${name}: { checks: [${readme(contains)}] }`
const plan = (...milestones: string[]) =>
  ['milestones:', ...milestones.map(line => `  ${line}`), 'hunt: { probes: [] }', ''].join('\n')

/** Headings that a reader sees as such: at the top level, by a parser that is not the product's. */
function headings(text: string): readonly string[] {
  const found: string[] = []
  const document = new commonmark.Parser().parse(text.replace(/^\uFEFF/, ''))
  for (let node = document.firstChild; node !== null; node = node.next) {
    if (node.type !== 'heading') continue
    let words = ''
    const walker = node.walker()
    for (let step = walker.next(); step !== null; step = walker.next()) words += step.node.literal ?? ''
    found.push(words)
  }
  return found
}

/** The bytes of a file on the remote's branch. */
function bytesOf(it: Scene, path: string): Promise<Buffer> {
  return new Promise((done, fail) =>
    execFile(
      'git',
      ['--git-dir', it.repo.remote, 'cat-file', 'blob', `main:${path}`],
      { encoding: 'buffer' },
      (error, stdout) => (error === null ? done(stdout) : fail(error))
    )
  )
}

describe('review', () => {
  let context: Scene
  const run = (...words: string[]) => runCli(words, { cwd: context.home })
  beforeAll(async () => {
    context = await makeScene()
  })
  afterAll(() => context.dispose())

  it('first shows, then says, then repeats; by milestone and by commit', async () => {
    await context.plan('one', plan(milestone('M1', 'a palace'), milestone('M2')))
    const old = await context.claim('one-M1', 'try')
    const sha = await context.claim('one-M1', 'try again')
    const other = await context.claim('one-M2')

    const before = await context.subjects()
    const dry = await run('review', 'one-M1', '--dry-run')
    expect(dry.code).toBe(1)
    expect(dry.stdout).toMatch(
      /^## M1: FAIL @[\s\S]*a palace[\s\S]*git commit --allow-empty -m "claim\(one-M1\): …"/
    )
    expect(await context.subjects()).toEqual(before)

    expect((await run('review', 'one-M1')).code).toBe(1)
    // The others stay pending, and the older claim of the same milestone is answered with the newer.
    expect(await context.verdicts()).toMatchObject([
      { claim: sha, verdict: 'one-M1 FAIL', supersedes: [old] }
    ])
    const { stdout } = await run('status', '--json')
    expect(JSON.parse(stdout)).toMatchObject({ phases: [{ pending: [{ sha: other }] }] })

    const after = await context.subjects()
    for (const target of ['one-M1', sha, sha.slice(0, 9), old]) {
      const again = await run('review', target, '--json')
      expect([target, again.code]).toEqual([target, 1])
      expect(JSON.parse(again.stdout)).toMatchObject({ recorded: true, verdict: 'FAIL' })
    }
    expect(await context.subjects()).toEqual(after)
    expect((await run('review', other.slice(0, 12))).code).toBe(0)
  })

  it('shows a waived check as such, in the review and to `prove`, and the gate reads it', async () => {
    const waive = 'waive: { reason: moving house, by: ops, until: 2999-07-01 }'
    const waived = readme('a palace').replace(/ }$/, `, ${waive} }`)
    await context.plan('two', plan(`M1: { checks: [${readme('a repo')}, ${waived}] }`))
    await context.claim('two-M1')
    expect((await run('review', 'two-M1')).code).toBe(0)
    const section = await context.repo.builder
      .pull()
      .then(() => context.repo.builder.read('reviews/REVIEW-two.md'))
    expect(section).toMatch(/Waived by ops until 2999-07-01: moving house/)
    expect((await gateOf(context, 'two-M1')).code).toBe(0)
    const proved = await run('prove', 'two')
    expect(proved.code).toBe(0)
    expect(proved.stdout.match(/^M1 {2}can fail .*$/gm)).toEqual([
      expect.not.stringContaining('waived'),
      expect.stringMatching(/; waived by ops until 2999-07-01: moving house$/)
    ])
  })

  it.each([
    ['one-M7', /no milestone or commit matches "one-M7"; did you mean one-M1/],
    ['; rm -rf /', /no milestone or commit matches[\s\S]*expected one of one-M1, one-M2/],
    ['deadbeef', /no milestone or commit matches "deadbeef"/],
    ['--force', /unknown option/]
  ])('says what is wrong with %s', async (target, words) => {
    const { code, stderr, stdout } = await run('review', target)
    expect([code, stdout]).toEqual([64, ''])
    expect(stderr).toMatch(words)
  })

  it('refuses a commit that is no claim, and one of its own identity', async () => {
    const plain = await context.commit('core: nothing')
    const own = await context.claim('one-M2', 'mine', {
      author: { name: 'adversary-bot', email: 'adversary@example.test' }
    })
    expect(await run('review', plain)).toMatchObject({
      code: 64,
      stderr: expect.stringMatching(/is not a claim/)
    })
    expect(await run('review', own)).toMatchObject({
      code: 64,
      stderr: expect.stringMatching(/own identity/)
    })
  })
})

describe('a review file that was there before', () => {
  const files: readonly (readonly [name: string, text: string])[] = [
    ['bom', '\uFEFF# Notes\n\nno line end'],
    ['fence', '# Notes\n\n```sh\necho'],
    ['crlf', '# Notes\r\n\r\n~~~~\r\nx'],
    ['comment', '# Notes\n\n<!-- to do\n'],
    ['pre', '# Notes\n\n- a\n\n  <pre>\n  x'],
    ['looks-reviewed', '# Notes\n\n## M1: PASS @2026-06-13T05:33Z\n\nby hand\n'],
    ['latin1', '# Notes\n\ncaf\u00e9\n']
  ]
  let scene: Scene
  beforeAll(async () => {
    scene = await makeScene()
    const contents = Object.fromEntries(
      files.map(([name, text]) => [
        `reviews/REVIEW-${name}.md`,
        Buffer.from(text, name === 'latin1' ? 'latin1' : 'utf8')
      ])
    )
    const attributes = '* text=auto eol=crlf ident filter=evil export-subst\n'
    for (const [name] of files) await scene.plan(name, plan(milestone('M1')))
    await scene.commit('notes by hand', { files: contents })
    await scene.commit('core: attributes', { files: { '.gitattributes': attributes } })
    for (const [name] of files) await scene.repo.builder.commit(`claim(${name}-M1): done`)
    await scene.repo.builder.push()
    // Without an orientation, so that the section itself meets what the file leaves open.
    const { context } = await scene.context()
    const at = await snapshot(context)
    for (const unanswered of (await pendingClaims(context.git, context.home, at)).unanswered) {
      const task = { kind: 'review', ...unanswered } as const
      await publishReview(context, await assess(context, at, task, { budgetMs: 10_000 }))
    }
  })
  afterAll(() => scene.dispose())

  it.each(files)('%s: every byte stays, the section is read as one, the gate is open', async (name, text) => {
    const bytes = await bytesOf(scene, `reviews/REVIEW-${name}.md`)
    const before = Buffer.from(text, name === 'latin1' ? 'latin1' : 'utf8')
    expect(bytes.subarray(0, before.length).equals(before)).toBe(true)
    const added = bytes.subarray(before.length).toString()
    const seen = headings(bytes.toString())
    expect(seen.at(-2)).toMatch(/^M1: PASS @20/)
    expect(seen.at(-1)).toBe('Cold-run evidence')
    if (text.includes('\r\n')) expect(added.replaceAll('\r\n', '')).not.toContain('\n')
    else expect(added).not.toContain('\r')
  })

  it('and the gate believes what was signed, not what stood there', async () => {
    for (const name of ['crlf', 'fence', 'looks-reviewed']) {
      const gate = await gateOf(scene, `${name}-M1`)
      expect([name, gate.code, gate.code === 0 ? '' : gate.stdout + gate.stderr]).toEqual([name, 0, ''])
    }
  })

  it('edited after a review: the next review is appended, the gate closes until somebody accepts', async () => {
    const path = 'reviews/REVIEW-bom.md'
    const now = (await bytesOf(scene, path)).toString()
    await scene.commit('notes: mended a word', {
      files: { [path]: now.replace('Notes', 'Note') }
    })
    await scene.claim('bom-M1', 'again')
    expect(await (await scene.context({ clone: 'edited' })).once()).toMatchObject([{ verdict: 'PASS' }])
    expect((await bytesOf(scene, path)).toString()).toMatch(/^\uFEFF# Note\n/)
    expect((await gateOf(scene, 'bom-M1')).code).toBe(3)
    expect((await runCli(['accept', 'bom', '--yes', '--reason', 'a word'], { cwd: scene.home })).code).toBe(0)
    expect((await gateOf(scene, 'bom-M1')).code).toBe(0)
  })
})

describe('a protected main', () => {
  it('gets its reviews on a branch of their own, each claim one', async () => {
    const scene = await makeScene({ repo: ['reviewBranch: reviews'] })
    try {
      await scene.plan('one', plan(milestone('M1'), `M2: { needs: [M1], checks: [${readme('a repo')}] }`))
      await scene.hook(
        'update',
        'test "$1" = refs/heads/main && git log -1 --format=%s $3 | grep -q ^review && exit 1; exit 0'
      )
      const watched = await scene.context()
      await scene.claim('one-M1')
      expect((await watched.once()).map(({ verdict }) => verdict)).toEqual(['PASS'])
      await scene.claim('one-M2')
      expect((await watched.once()).map(({ verdict }) => verdict)).toEqual(['PASS'])
      expect(await watched.once()).toEqual([])
      expect(await scene.verdicts('reviews')).toHaveLength(2)
      expect(await scene.verdicts('main')).toHaveLength(0)
      const gate = await gateOf(scene, 'one-M2', '--branch', 'main', '--review-branch', 'reviews')
      expect([gate.code, gate.stderr]).toEqual([0, expect.not.stringMatching(/adversary:/)])
    } finally {
      await scene.dispose()
    }
  })
})

describe('on a host', () => {
  let scene: Scene
  let host: FlakyHost
  beforeAll(async () => {
    host = await startFlakyHost(await mkdtemp(join(tmpdir(), 'adversary-review-')))
    scene = await makeScene({ hosts: host.lines })
    const checks = [
      '{ probe: stray-stacks, with: { forbid: ["nobody*"] } }',
      '{ probe: replica-counts, with: { services: 9 } }',
      '{ probe: subnet-collision, with: { subnet: 10.10.0.0/16 } }',
      '{ probe: network-addresses, with: { network: proxy } }'
    ]
    await scene.plan('one', ['milestones:', `  M1: { checks: [${checks.join(', ')}] }`, ''].join('\n'))
  })
  afterAll(async () => {
    await scene.dispose()
    await host.close()
  })

  it('asks over one connection, and every evidence file judges to the same verdict again', async () => {
    const before = host.connections()
    await scene.claim('one-M1')
    const { code, stdout } = await runCli(['review', 'one-M1', '--json'], { cwd: scene.home })
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ stats: { connections: 1, execs: 1 } })
    expect(host.connections() - before).toBe(1)

    host.host.play([])
    await scene.claim('one-M1', 'again')
    expect((await runCli(['review', 'one-M1'], { cwd: scene.home })).code).toBe(2)
    await scene.repo.builder.pull()
    const dir = join(scene.repo.builder.dir, 'reviews/evidence')
    const files = (await readdir(dir)).filter(name => name.includes('-M1-'))
    expect(files).toHaveLength(2)
    for (const name of files) {
      const replayed = await runCli(['replay', join(dir, name), '--json'], { cwd: scene.repo.dir })
      const { verdict, recorded, differences } = JSON.parse(replayed.stdout)
      expect({ verdict, differences }).toEqual({ verdict: recorded, differences: [] })
    }
  })
})

describe('told to stop', () => {
  it.each([
    ['watch', 0],
    ['watch --once', 2],
    ['review one-M1', 2]
  ])('in mid-review, `%s` ends with %d and has pushed nothing', async (words, expected) => {
    const server = await startSshServer({ faults: ['hang-at-exec'] })
    const scene = await makeScene({
      hosts: [
        `prod: { ssh: "${server.address.ssh}", identityFile: ${server.address.identityFile}, knownHosts: ${server.address.knownHosts}, timeout: 5m }`
      ]
    })
    try {
      await scene.plan(
        'one',
        'milestones:\n  M1: { checks: [{ probe: replica-counts }] }\nhunt: { probes: [] }\n'
      )
      await scene.claim('one-M1')
      const stop = new AbortController()
      const running = runCli(words.split(' '), { cwd: scene.home, signal: stop.signal })
      while (server.seen.execs === 0) await new Promise(done => setTimeout(done, 20))
      stop.abort(new DOMException('interrupted by SIGTERM', 'AbortError'))
      expect((await running).code).toBe(expected)
      expect(await scene.subjects()).toHaveLength(2)
    } finally {
      await scene.dispose()
      await server.close()
    }
  })
})

it.each([
  ['review', 'half-M1'],
  ['watch', '--once']
])('%s %s judges nothing by a plan that was still being written when it was read', async (...words) => {
  const context = await makeScene()
  const run = () => runCli(words, { cwd: context.home })
  // Whoever writes it is done by the time that the route is asked.
  let rest = async () => undefined as void
  const route = createServer((_, response) => void rest().then(() => response.end('there')))
  await new Promise<void>(resolve => route.listen(0, '127.0.0.1', resolve))
  const address = route.address()
  const port = address === null || typeof address === 'string' ? 0 : address.port
  const check = `{ probe: route-status, with: { routes: { "http://127.0.0.1:${port}/": { status: 200 } } } }`
  const half = `milestones:\n  M1:\n    checks:\n      - ${check}\n`
  await context.plan('half', half)
  await context.claim('half-M1')

  rest = () => context.plan('half', `${half}      - ${readme('a palace')}\n`)
  const told = await run()
  expect([told.code, told.stderr]).toEqual([
    64,
    expect.stringContaining('plans/half.yaml changed while the claim was looked at')
  ])
  expect(await context.verdicts()).toEqual([])

  rest = async () => undefined
  expect((await run()).code).toBe(1)
  expect(await context.verdicts()).toMatchObject([{ verdict: 'half-M1 FAIL' }])
  await new Promise(resolve => route.close(resolve))
  await context.dispose()
})
