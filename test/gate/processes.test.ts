import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import { delimiter, join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'
import { rawCommit, signedRaw } from '../support/forge.ts'
import { type GateWorld, makeGateWorld } from '../support/gate.ts'
import { packOf } from '../support/long-history.ts'
import { testGit } from '../support/repo.ts'
import { gateOf, makeScene, type Scene } from '../support/scene.ts'

/** Which processes are started, where, with what around them, and how many. */

let context: GateWorld
beforeAll(async () => {
  context = await makeGateWorld()
})
afterAll(() => context.dispose())

let before: NodeJS.ProcessEnv
beforeEach(() => {
  before = { ...process.env }
})
afterEach(() => {
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
  Object.assign(process.env, before)
})

/** Puts a program in front of the real one that writes down how it was started. */
async function recorded(folder: string, name: string): Promise<string> {
  const log = join(folder, `${name}.log`)
  await mkdir(folder, { recursive: true })
  const rest = `PATH=$(printf %s "$PATH" | sed "s#${folder}:##") exec ${name} "$@"`
  const script = `#!/bin/sh\nprintf '%s\\n' "$(printf '%s' "cwd=$PWD GIT_DIR=$GIT_DIR GIT_CONFIG_NOSYSTEM=$GIT_CONFIG_NOSYSTEM GIT_CONFIG_GLOBAL=$GIT_CONFIG_GLOBAL GIT_CONFIG_SYSTEM=$GIT_CONFIG_SYSTEM args=$*" | tr '\\n' ' ')" >> ${log}\n${rest}\n`
  await writeFile(join(folder, name), script)
  await chmod(join(folder, name), 0o755)
  process.env['PATH'] = `${folder}${delimiter}${process.env['PATH']}`
  return log
}
const linesOf = async (log: string) =>
  existsSync(log) ? (await readFile(log, 'utf8')).split('\n').filter(Boolean) : []

describe('no git process looks for a repository or a configuration', () => {
  it('in any command: each is told its folder, or that there is none', async () => {
    const scene = await makeScene()
    try {
      const folder = join(scene.repo.dir, 'shim')
      const log = await recorded(folder, 'git')
      await scene.plan(
        'p1',
        'milestones: { M1: { checks: [{ probe: repo-file, with: { path: README.md, contains: repo } }] } }\n'
      )
      const run = (...words: string[]) =>
        runCli([...words, '--home', scene.home], { cwd: scene.repo.builder.dir })
      await run('doctor')
      await run('orient', 'p1')
      // The builder's own git is started by the test.
      process.env['PATH'] = before['PATH']
      await scene.claim('p1-M1')
      process.env['PATH'] = `${folder}${delimiter}${before['PATH']}`
      await run('review', 'p1-M1')
      await run('watch', '--once')
      await run('status')
      expect((await gateOf(scene, 'p1-M1')).code).toBe(0)
      const made = join(scene.repo.dir, 'made')
      await runCli(['init', made, '--repo', scene.repo.remote], { cwd: scene.repo.builder.dir })
      const started = await linesOf(log)
      expect(started.length).toBeGreaterThan(20)
      const subcommands = started.flatMap(
        line =>
          /args=.*? (ls-remote|fetch|push|cat-file|rev-list|init|config|commit-tree)\b/.exec(line)?.[1] ?? []
      )
      expect([...new Set(subcommands)].toSorted()).toEqual(
        expect.arrayContaining(['cat-file', 'commit-tree', 'fetch', 'init', 'ls-remote', 'push', 'rev-list'])
      )
      const strange = started.filter(
        line =>
          !/ GIT_DIR=\/dev\/null GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=\/dev\/null GIT_CONFIG_SYSTEM=\/dev\/null args=/.test(
            line
          )
      )
      expect(strange).toEqual([])
    } finally {
      await scene.dispose()
    }
  })

  const evil = (marker: string) =>
    `[credential]\n\thelper = "!touch ${marker};"\n[core]\n\tsshCommand = touch ${marker}\n\tfsmonitor = touch ${marker}\n[url "file:///nowhere/"]\n\tinsteadOf = file://\n\tinsteadOf = /\n`
  it.each<[string, (tmp: string, marker: string) => Promise<unknown>]>([
    ['TMPDIR with a .git in it', async (tmp, marker) => put(join(tmp, '.git'), marker)],
    ['TMPDIR with a .git above it', async (tmp, marker) => put(join(tmp, '..', '.git'), marker)],
    [
      'TMPDIR with a .git two folders above it',
      async (tmp, marker) => put(join(tmp, '..', '..', '.git'), marker)
    ],
    ['TMPDIR that is a bare repository', async (tmp, marker) => put(tmp, marker)],
    [
      'TMPDIR with a .git that points at one',
      async (tmp, marker) => {
        await put(join(tmp, 'else'), marker)
        await writeFile(join(tmp, '.git'), `gitdir: ${join(tmp, 'else')}\n`)
      }
    ]
  ])('%s', async (_, make) => {
    const scene = await context.open('passed')
    const tmp = join(scene.remote, '..', `tmp-${Math.random()}`, 'a', 'b')
    await mkdir(tmp, { recursive: true })
    const marker = join(tmp, 'ran')
    await make(tmp, marker)
    const server = createServer((_request, answer) => {
      answer.writeHead(401, { 'www-authenticate': 'Basic realm="x"' })
      answer.end()
    })
    await new Promise<void>(settle => server.listen(0, '127.0.0.1', settle))
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : 0
    process.env['TMPDIR'] = tmp
    try {
      expect(await scene.gate()).toMatchObject({ code: 0 })
      await expect(scene.gate({ remote: `http://127.0.0.1:${port}/x.git` })).rejects.toThrow(
        'cannot be reached'
      )
      expect(existsSync(marker)).toBe(false)
    } finally {
      server.close()
    }
  })

  async function put(dir: string, marker: string): Promise<void> {
    await mkdir(dir, { recursive: true })
    await testGit(dir, ['init', '--quiet', '--bare', dir])
    await writeFile(
      join(dir, 'config'),
      `[core]\n\trepositoryformatversion = 0\n\tbare = false\n${evil(marker)}`
    )
  }
})

it('20,000 commits that look like reviews start as many processes as there are signatures of listed keys', async () => {
  const scene = await context.open('passed')
  const { builder, keys, at } = scene
  const blank = (await rawCommit(scene, at.review2)).replace(
    /^gpgsig [\s\S]*?-----END SSH SIGNATURE-----\n/m,
    ''
  )
  const armorOf = async (key: typeof keys.builder) =>
    /^gpgsig [\s\S]*?-----END SSH SIGNATURE-----\n/m.exec(await signedRaw(scene, blank, key))?.[0] ?? ''
  const armors = [
    await armorOf(keys.builder),
    await armorOf(keys.reviewer),
    'gpgsig -----BEGIN SSH SIGNATURE-----\n AAAA\n -----END SSH SIGNATURE-----\n'
  ]
  const tree = await builder.git(['rev-parse', 'origin/main^{tree}'])
  const pack = packOf()
  let parent = await builder.git(['rev-parse', 'origin/main'])
  for (let n = 0; n < 20_000; n++) {
    const who = `x <x@example.test> ${1_781_352_000 + n} +0000`
    const armor = armors[n % armors.length] ?? ''
    parent = pack.add(
      'commit',
      `tree ${tree}\nparent ${parent}\nauthor ${who}\ncommitter ${who}\n${armor}\nreview(other-M2): x\n`
    )
  }
  await testGit(scene.remote, ['unpack-objects', '-q'], { input: pack.bytes() })
  await testGit(scene.remote, ['update-ref', 'refs/heads/main', parent])
  const log = await recorded(join(scene.remote, '..', 'shim-keygen'), 'ssh-keygen')
  expect(await scene.gate()).toMatchObject({ code: 0 })
  expect((await linesOf(log)).length).toBeLessThan(40)
})

describe('a repository in the format of SHA-256', () => {
  let scene: Scene
  beforeAll(async () => {
    scene = await makeScene({ objectFormat: 'sha256' })
    await scene.plan(
      'p1',
      'milestones: { M1: { checks: [{ probe: repo-file, with: { path: README.md, contains: repo } }] } }\n'
    )
  })
  afterAll(() => scene.dispose())

  it('is watched, reviewed and gated', async () => {
    const watched = await scene.context()
    const claim = await scene.claim('p1-M1')
    expect(claim).toHaveLength(64)
    expect((await watched.once()).map(({ verdict }) => verdict)).toEqual(['PASS'])
    expect(await watched.once()).toEqual([])
    const gate = await gateOf(scene, 'p1-M1')
    expect([gate.code, gate.stdout]).toEqual([0, expect.stringContaining('open')])
    const next = await scene.claim('p1-M1', 'again')
    expect((await gateOf(scene, 'p1-M1')).code).toBe(2)
    expect((await watched.once()).map(({ draft }) => draft.claim.sha)).toEqual([next])
    expect((await gateOf(scene, 'p1-M1')).code).toBe(0)
    expect((await gateOf(scene, 'p1-M1', '--commit', next)).code).toBe(0)
  })
})

describe('a remote by a relative path', () => {
  it('is looked for from here, and an origin from its checkout', async () => {
    const scene = await context.open('passed')
    const env = { ADVERSARY_ALLOWED_SIGNERS: context.signers, ADVERSARY_REVIEWER: 'adversary' }
    const folder = join(scene.builder.dir, 'sub')
    await mkdir(folder)
    const name = scene.remote.split('/').at(-1) ?? ''
    const gate = (cwd: string, ...words: string[]) => runCli(['gate', 'pvfix-M1', ...words], { cwd, env })
    const told = [
      await gate(scene.builder.dir, '--remote', `../${name}`),
      await gate(join(scene.builder.dir, '..'), '--remote', name),
      await gate(join(scene.builder.dir, '..'), '--remote', `./${name}`)
    ]
    await scene.builder.git(['remote', 'set-url', 'origin', `../${name}`])
    told.push(await gate(scene.builder.dir), await gate(folder))
    // Since then its age is over; that is not what is asked here.
    for (const { stdout, stderr } of told) {
      expect(stderr).not.toContain('cannot be reached')
      expect(stdout).toMatch(/pvfix-M1: (?:open|closed\n.*(?:days old|in the future))/)
    }
  })
})
