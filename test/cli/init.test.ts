import { mkdir, readFile, readdir, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { probes } from '../../probes/index.ts'
import { initDocument, statusDocument } from '../../src/cli/documents.ts'
import { loadWorkspace } from '../../src/config/workspace.ts'
import { runCli } from '../support/cli.ts'
import { makeRepo, testGit, type TestRepo } from '../support/repo.ts'

let repo: TestRepo
let user: string
beforeEach(async () => {
  repo = await makeRepo()
  user = join(repo.dir, 'user')
  await mkdir(join(user, '.ssh'), { recursive: true })
})
afterEach(() => repo.dispose())

const load = (dir: string) =>
  loadWorkspace(dir, { userHome: user, library: async () => probes, facts: async () => ({}) })
const init = (words: readonly string[], cwd = repo.builder.dir) =>
  runCli(['init', ...words], { cwd, userHome: user })

describe('adversary init', () => {
  it('in a checkout, with nothing said: a home beside it, valid, with what could be guessed', async () => {
    await repo.builder.commit('claim(swarm-M3): it is done', {
      files: { 'machine-docs/REVIEW-swarm.md': '# REVIEW\n', 'flake.nix': '{}\n' }
    })
    await repo.builder.push()
    await writeFile(join(user, '.ssh/config'), 'Host *\n  User me\nHost cc-ci\n  HostName 192.0.2.1\n')

    const { code, stdout, stderr } = await init([])
    expect([code, stderr]).toEqual([0, expect.stringMatching(/^reading \S+\n$/)])
    const home = await load(join(repo.dir, 'builder-adversary'))
    expect(home).toMatchObject({
      repo: {
        url: repo.remote,
        branch: 'main',
        review: 'machine-docs/REVIEW-{phase}.md',
        since: await repo.builder.tip()
      },
      identity: { signingKey: join(user, '.ssh/adversary_ed25519') }
    })
    expect([...home.hosts.keys()]).toEqual(['cc-ci'])
    expect(home.plans.get('swarm')?.milestones[0]).toMatchObject({
      id: 'M3',
      checks: [{ probe: { id: 'repo-file' } }, { probe: { id: 'subnet-collision' }, host: 'cc-ci' }]
    })
    // What to type, in order.
    const commands = stdout.split('\n').filter(line => /^ {2}(?:adversary|ssh-keygen|git) /.test(line))
    expect(commands).toEqual([
      "  ssh-keygen -t ed25519 -N '' -C adversary@localhost -f ~/.ssh/adversary_ed25519",
      '  adversary doctor --home ../builder-adversary',
      '  adversary suggest --on cc-ci --phase swarm --home ../builder-adversary',
      '  git commit --allow-empty -m "claim(swarm-M3): what was done" && git push',
      '  adversary review swarm-M3 --dry-run --home ../builder-adversary',
      '  adversary watch --home ../builder-adversary'
    ])
  })

  it('says the same as a document', async () => {
    const { code, stdout, stderr } = await init([
      '--json',
      '--host',
      'prod=ops@192.0.2.7:2222',
      '--phase',
      'one',
      '../there'
    ])
    expect([code, stderr]).toEqual([0, expect.anything()])
    const document = initDocument.parse(JSON.parse(stdout))
    expect(document.home).toBe(join(repo.dir, 'there'))
    expect(document.files).toEqual([
      'adversary.yaml',
      'plans/one.yaml',
      '.gitignore',
      'schemas/adversary.schema.json',
      'schemas/plan.schema.json'
    ])
    const home = await load(document.home)
    expect(home.hosts.get('prod')).toMatchObject({ ssh: 'ops@192.0.2.7:2222' })
  })

  it('points editors at schemas inside the home, by paths that are true wherever the home is', async () => {
    await init(['../there', '--phase', 'one'])
    const home = join(repo.dir, 'there')
    const moved = join(repo.dir, 'elsewhere')
    await rename(home, moved)
    for (const name of ['adversary.yaml', 'plans/one.yaml']) {
      const text = await readFile(join(moved, name), 'utf8')
      const at = /^# yaml-language-server: \$schema=(?<path>\.\S+)$/m.exec(text)?.groups?.['path'] ?? ''
      const schema: unknown = JSON.parse(await readFile(join(moved, dirname(name), at), 'utf8'))
      const validate = new Ajv2020({ strict: false, formats: { regex: true, date: true } }).compile(
        Object(schema)
      )
      expect([name, validate(parse(text)), validate.errors]).toEqual([name, true, null])
      expect(validate({ ...parse(text), surprise: 1 })).toBe(false)
      expect(text).not.toContain(process.cwd())
    }
  })

  it('never overwrites', async () => {
    await init(['../there'])
    const before = await readFile(join(repo.dir, 'there/adversary.yaml'), 'utf8')
    const { code, stdout, stderr } = await init(['../there', '--host', 'prod'])
    expect([code, stdout]).toEqual([64, ''])
    expect(stderr).toMatch(/already exists; it was not changed/)
    expect(await readFile(join(repo.dir, 'there/adversary.yaml'), 'utf8')).toBe(before)
  })

  it('never inside the watched repo', async () => {
    const { code, stderr } = await init(['adversary'])
    expect(code).toBe(64)
    expect(stderr).toMatch(/inside a working tree of the watched repo/)
    expect(await readdir(repo.builder.dir)).not.toContain('adversary')
  })

  it('of an empty repo counts every claim', async () => {
    const bare = join(repo.dir, 'empty.git')
    await testGit(repo.dir, ['init', '--quiet', '--bare', '--initial-branch=main', bare])
    const { code } = await init(['there', '--repo', bare], repo.dir)
    expect(code).toBe(0)
    expect((await load(join(repo.dir, 'there'))).repo.since).toBe(null)
  })

  it.each([
    ['a host that is none', ['--repo', './remote.git', '--host', 'a b'], 64, /--host: a b is not a host/],
    ['no repo at all', [], 64, /no repository: the current folder is not a checkout, and --repo is missing/],
    ['a repo that is not there', ['--repo', './nowhere.git'], 70, /nowhere\.git/],
    ['a branch that is not there', ['--repo', './remote.git', '--branch', 'next'], 70, /has no branch next/],
    ['an option for a URL is a path like any other', ['--repo=--upload-pack=id'], 70, /upload-pack/]
  ])('%s', async (_, words, expected, said) => {
    const { code, stdout, stderr } = await init(words, repo.dir)
    expect([code, stdout]).toEqual([expected, ''])
    expect(stderr).toMatch(said)
    expect(await readdir(join(repo.dir, 'adversary-home')).catch(() => [])).not.toContain('adversary.yaml')
  })

  it('asks what it cannot guess, where somebody is there to answer', async () => {
    await writeFile(join(user, '.ssh/config'), 'Host one two\n')
    const { code, stderr } = await runCli(['init', 'there'], {
      cwd: repo.dir,
      userHome: user,
      tty: true,
      answers: ['./remote.git', '; rm -rf /', 'ops@prod.example.test:2222', 'Phase One', 'hardening']
    })
    expect(code).toBe(0)
    expect(stderr).toMatch(/Which repository is watched\?/)
    expect(stderr).toMatch(/~\/\.ssh\/config has one, two\./)
    expect(stderr).toMatch(/; rm -rf \/ is neither an alias nor user@host:port/)
    expect(stderr).toMatch(/Phase One: expected small letters/)
    const home = await load(join(repo.dir, 'there'))
    expect([...home.hosts]).toMatchObject([['prod', { ssh: 'ops@prod.example.test:2222' }]])
    expect([...home.plans.keys()]).toEqual(['hardening'])
  })

  it.each([
    ['nothing typed', ['', '']],
    ['the end of input', []]
  ])('takes %s for an answer', async (_, answers) => {
    const { code } = await runCli(['init', '../there'], {
      cwd: repo.builder.dir,
      userHome: user,
      tty: true,
      answers
    })
    expect(code).toBe(0)
    const home = await load(join(repo.dir, 'there'))
    expect([...home.hosts.keys(), ...home.plans.keys()]).toEqual(['p1'])
  })

  it('what a repo is called cannot leave its line', async () => {
    const path = 'machine-docs\n  evil: true/REVIEW-x.md'
    await repo.builder.commit('core: a file', { files: { [path]: 'x', 'REVIEW-ok.md': 'x' } })
    await repo.builder.push()
    expect((await init(['../there'])).code).toBe(0)
    expect((await load(join(repo.dir, 'there'))).repo.review).toBe('REVIEW-{phase}.md')
  })
})

describe('adversary status', () => {
  it('of a fresh home shows the plan, and the claims made since', async () => {
    const key = await repo.key('reviewer')
    await init(['../there', '--phase', 'one'])
    const config = join(repo.dir, 'there/adversary.yaml')
    await writeFile(
      config,
      (await readFile(config, 'utf8')).replace(/signingKey: .*/, `signingKey: ${key.path}`)
    )
    const sha = await repo.builder.commit('claim(one-M1): done\u001B[31m')
    await repo.builder.commit('claim(one): no milestone')
    await repo.builder.push()

    const place = { cwd: join(repo.dir, 'there', 'plans'), userHome: user }
    const people = await runCli(['status'], place)
    expect(people.code).toBe(0)
    expect(people.stdout).toMatch(
      /^one {2}Phase one\n {2}– none {2}M1 {2}what M1 is about · claimed by [0-9a-f]{9}, not reviewed yet: done$/m
    )
    expect(people.stdout).toMatch(/^\? malformed .*claim\(one\): no milestone/m)
    expect(people.stdout).not.toContain('\u001B')

    const { code, stdout } = await runCli(['status', '--json'], place)
    expect(code).toBe(0)
    const { phases, malformed } = statusDocument.parse(JSON.parse(stdout))
    expect(phases).toMatchObject([
      { phase: 'one', milestones: [{ milestone: 'M1', verdict: null, stale: false }], pending: [{ sha }] }
    ])
    expect(malformed).toHaveLength(1)
  })
})
