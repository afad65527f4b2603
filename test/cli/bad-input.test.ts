import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { documents } from '../../src/cli/documents.ts'
import { recordedPhase } from '../../src/cli/demo/recording.ts'
import { makeKey, type RecordedHost, type Recording, serveRecordedHost } from '../../src/ssh/recorded-host.ts'
import { runCli } from '../support/cli.ts'
import { testGit } from '../support/repo.ts'
import { makeScene, type Scene } from '../support/scene.ts'

/** What people, repos and hosts get wrong: one clear sentence each, the right exit code, nothing lost. */

const good = `phase: one
milestones:
  M1: { checks: [{ probe: repo-file, with: { path: README.md, contains: a repo } }] }
hunt: { probes: [] }
`

describe('a home that cannot be meant', () => {
  let scene: Scene
  beforeAll(async () => {
    scene = await makeScene()
    await scene.claim('one-M1')
  })
  afterAll(() => scene.dispose())

  const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]', 'b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]']
  for (let level = 0; level < 8; level += 1) {
    const [from, to] = [String.fromCharCode(98 + level), String.fromCharCode(99 + level)]
    bomb.push(`${to}: &${to} [${Array.from({ length: 9 }, () => `*${from}`).join(',')}]`)
  }

  it.each([
    [
      'a plan without checks',
      'phase: one\nmilestones:\n  M1: { checks: [] }\n',
      /plans\/one\.yaml:3: .*checks/
    ],
    [
      'a milestone without checks',
      'phase: one\nmilestones:\n  M1: { title: x }\n',
      /plans\/one\.yaml:3: .*checks/
    ],
    ['no milestones', 'phase: one\nmilestones: {}\n', /plans\/one\.yaml:2: .*milestone/],
    ['an empty plan', '', /plans\/one\.yaml: the file is empty; expected a plan/],
    [
      'a milestone twice',
      `${good.replace('hunt', '  M1: { checks: [{ probe: repo-file, with: { path: x } }] }\nhunt')}`,
      /plans\/one\.yaml:4:3: M1: the same key twice/
    ],
    ['tabs', good.replace('  M1', '\tM1'), /plans\/one\.yaml:3:1: found a tab/],
    ['an alias bomb', bomb.join('\n'), /plans\/one\.yaml/],
    [
      'a host that nobody knows',
      good.replace('[{ probe', '[{ on: prdo, probe'),
      /plans\/one\.yaml:3: .*prdo/
    ],
    ['a probe that nobody knows', good.replace('repo-file', 'repo-fiel'), /repo-fiel.*repo-file/],
    ['a key that nobody knows', good.replace('hunt', 'hnut'), /hnut.*hunt/],
    ['no YAML at all', '\u001b]0;x\u0007{{{', /plans\/one\.yaml/]
  ])('%s: 64, the place, and nothing done', async (_, yaml, words) => {
    await writeFile(join(scene.home, 'plans/one.yaml'), yaml)
    const { code, stdout, stderr } = await runCli(['watch', '--once', '--json'], { cwd: scene.home })
    expect([code, stdout, stderr]).toEqual([64, '', expect.stringMatching(words)])
    // oxlint-disable-next-line no-control-regex
    expect(stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
    expect(stderr.length).toBeLessThan(2_000)
    expect(await scene.subjects()).toHaveLength(2)
  })

  it('a password in the URL: refused, and not repeated', async () => {
    const config = join(scene.home, 'adversary.yaml')
    const yaml = await readFile(config, 'utf8')
    const url = 'https://bot:hunter2-s3cret@git.example.test/x.git'
    await writeFile(config, yaml.replace(scene.repo.remote, url))
    await writeFile(join(scene.home, 'plans/one.yaml'), good)
    const { code, stderr } = await runCli(['status'], { cwd: scene.home })
    await writeFile(config, yaml)
    expect([code, stderr]).toEqual([64, expect.not.stringContaining('hunter2')])
  })

  it.each([
    ['since: 0123456', /since.*0123456/],
    ['branch: trunk', /has no branch trunk[\s\S]*repo\.branch/]
  ])('%s: said, and nothing done', async (line, words) => {
    const config = join(scene.home, 'adversary.yaml')
    const yaml = await readFile(config, 'utf8')
    const [key = ''] = line.split(':')
    const without = yaml.replace(new RegExp(`  ${key}: .*\\n`), '')
    await writeFile(config, without.replace('repo:\n', `repo:\n  ${line}\n`))
    await writeFile(join(scene.home, 'plans/one.yaml'), good)
    for (const command of [['watch', '--once'], ['review', 'one-M1'], ['status']]) {
      const { code, stdout, stderr } = await runCli(command, { cwd: scene.home })
      expect([command, code, stdout, stderr]).toEqual([
        command,
        expect.toBeOneOf([64, 70]),
        // What the watcher does is known whatever the remote says.
        command[0] === 'status' ? '– no watcher is running\n' : '',
        expect.stringMatching(words)
      ])
      expect(stderr).not.toMatch(/internal error/)
    }
    await writeFile(config, yaml)
    expect(await scene.subjects()).toHaveLength(2)
  })

  it('a review of a misspelt milestone names the one that was meant', async () => {
    await writeFile(join(scene.home, 'plans/one.yaml'), good)
    const near = await runCli(['review', 'oneM1', '--dry-run'], { cwd: scene.home })
    expect([near.code, near.stderr]).toEqual([
      64,
      expect.stringContaining('no milestone or commit matches "oneM1"; did you mean one-M1?')
    ])
    const far = await runCli(['review', 'nothing-like-it', '--dry-run'], { cwd: scene.home })
    expect([far.code, far.stderr]).toEqual([64, expect.stringContaining('expected one of one-M1')])
  })

  it('a plan is suggested into a file only where there is one to suggest', async () => {
    const config = join(scene.home, 'adversary.yaml')
    const yaml = await readFile(config, 'utf8')
    const away = '  away: { ssh: reviewer@127.0.0.1:1, timeout: 1s }\n'
    await writeFile(
      config,
      /^hosts:.*$/m.test(yaml) ? yaml.replace(/^hosts:.*$/m, `hosts:\n${away}`) : `${yaml}hosts:\n${away}`
    )
    const words = ['suggest', '--on', 'away', '--out', 'plans/two.yaml']
    const { code, stderr } = await runCli(words, { cwd: scene.home })
    await writeFile(config, yaml)
    expect([code, stderr]).toEqual([2, expect.stringContaining('no check holds on away')])
    await expect(readFile(join(scene.home, 'plans/two.yaml'))).rejects.toThrow('ENOENT')
  })

  it('an empty repository, one that is gone, and none at all', async () => {
    const empty = join(scene.repo.dir, 'empty.git')
    await testGit(scene.repo.dir, ['init', '--quiet', '--bare', '--initial-branch=main', empty])
    const config = join(scene.home, 'adversary.yaml')
    const yaml = await readFile(config, 'utf8')
    await writeFile(join(scene.home, 'plans/one.yaml'), good)
    const ask = async (url: string) => {
      await writeFile(config, yaml.replace(scene.repo.remote, url))
      const { code, stderr } = await runCli(['watch', '--once'], { cwd: scene.home })
      return { code, stderr }
    }
    expect(await ask(empty)).toEqual({
      code: 70,
      stderr: expect.stringMatching(/has no branch main[\s\S]*push a first commit/)
    })
    expect(await ask(`${empty}.gone`)).toEqual({
      code: 70,
      stderr: expect.stringMatching(/cannot be reached/)
    })
    await writeFile(config, yaml)
    // Pointed back, everything is as it was.
    const { code, stderr } = await runCli(['watch', '--once'], { cwd: scene.home })
    expect([code, code === 0 ? '' : stderr]).toEqual([0, ''])
    expect(await scene.verdicts()).toHaveLength(1)
  })
})

describe('a host that cannot be seen, or not all of it', () => {
  let scene: Scene
  let keys: string
  const hosts: RecordedHost[] = []
  const answers = new Map<string, Record<string, unknown>>()
  let stdout = ''
  let stderr = ''

  const cases: readonly (readonly [name: string, check: string, verdict: string, why: RegExp])[] = [
    ['wrong-key', 'replica-counts', 'INCONCLUSIVE', /refused the login|permission denied|no key/i],
    ['changed-key', 'replica-counts', 'INCONCLUSIVE', /host key.*SHA256:/is],
    ['unknown-key', 'replica-counts', 'INCONCLUSIVE', /host key.*SHA256:/is],
    ['down', 'replica-counts', 'INCONCLUSIVE', /refused/i],
    ['no-such-alias', 'replica-counts', 'INCONCLUSIVE', /no-such-alias/],
    ['no-docker', 'replica-counts', 'INCONCLUSIVE', /docker.*(not found|not installed|no such)/i],
    ['no-permission', 'replica-counts', 'INCONCLUSIVE', /permission denied/i],
    ['no-unit', 'unit-activation, with: { unit: nope }', 'FAIL', /nope\.service/],
    ['fine', 'replica-counts', 'PASS', /9 of 9 services/]
  ]

  beforeAll(async () => {
    keys = await mkdtemp(join(tmpdir(), 'adversary-bad-'))
    const recorded = (await recordedPhase()).before(Date.now())
    const docker = (answer: Pick<Recording, 'exit' | 'stderr'>) =>
      recorded.map(each => (each.argv[0] === 'docker' ? { ...each, stdout: '', ...answer } : each))
    const denied =
      'permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get "http://%2Fvar%2Frun%2Fdocker.sock/v1.24/info": dial unix /var/run/docker.sock: connect: permission denied\n\u001b[31mred\u001b[0m token=ghp_0123456789abcdefghijABCDEFGHIJ012345\n'
    const show = recorded.find(({ argv }) => argv.includes('show') && argv.at(-1) === 'swarm-init.service')
    // As systemd answers for a unit that it does not have: exit 0.
    const absent = {
      argv: [...(show?.argv.slice(0, -1) ?? []), 'nope.service'],
      exit: 0,
      stdout:
        'Id=nope.service\nNames=nope.service\nLoadState=not-found\nActiveState=inactive\nSubState=dead\nResult=success\n',
      stderr: ''
    }
    const plain = await serveRecordedHost({ recordings: [...recorded, absent] })
    const noDocker = await serveRecordedHost({
      recordings: docker({ exit: 127, stderr: 'sh: 1: docker: not found\n' })
    })
    const noPermission = await serveRecordedHost({ recordings: docker({ exit: 1, stderr: denied }) })
    hosts.push(plain, noDocker, noPermission)
    const gone = createServer()
    const closed = await new Promise<number>(done =>
      gone.listen(0, '127.0.0.1', () => {
        const address = gone.address()
        gone.close(() => done(typeof address === 'object' && address !== null ? address.port : 1))
      })
    )

    const line = async (
      name: string,
      host: RecordedHost,
      { port = host.port, hostKey = host.hostKey, clientKey = host.clientKey, known = true } = {}
    ) => {
      await writeFile(join(keys, `${name}.key`), clientKey, { mode: 0o600 })
      await writeFile(join(keys, `${name}.known`), known ? `[127.0.0.1]:${port} ${hostKey}\n` : '')
      const files = `identityFile: ${join(keys, `${name}.key`)}, knownHosts: ${join(keys, `${name}.known`)}`
      return `${name}: { ssh: "reader@127.0.0.1:${port}", ${files}, timeout: 5s }`
    }
    scene = await makeScene({
      hosts: [
        await line('wrong-key', plain, { clientKey: makeKey().private }),
        await line('changed-key', plain, { hostKey: makeKey().public }),
        await line('unknown-key', plain, { known: false }),
        await line('down', plain, { port: closed }),
        'no-such-alias: { ssh: no-such-alias, timeout: 2s }',
        await line('no-docker', noDocker),
        await line('no-permission', noPermission),
        await line('no-unit', plain),
        await line('fine', plain)
      ],
      more: ['poll: 100ms', 'retry: 100ms']
    })
    await scene.plan(
      'one',
      [
        'milestones:',
        ...cases.map(([name, check], index) => `  M${index}: { checks: [{ on: ${name}, probe: ${check} }] }`),
        'hunt: { probes: [] }',
        ''
      ].join('\n')
    )
    await scene.repo.builder.pull()
    for (const index of cases.keys()) await scene.repo.builder.commit(`claim(one-M${index}): done`)
    await scene.repo.builder.push()
    const ran = await runCli(['watch', '--once', '--json'], { cwd: scene.home, userHome: keys })
    if (ran.code !== 1) throw new Error(`watch ended with ${ran.code}: ${ran.stderr}`)
    stdout = ran.stdout
    stderr = ran.stderr
    for (const text of stdout.trimEnd().split('\n')) {
      const document = documents.review.parse(JSON.parse(text)) as {
        readonly claim: { readonly milestone: string }
      }
      answers.set(document.claim.milestone, document)
    }
  })
  afterAll(async () => {
    await scene.dispose()
    await Promise.all(hosts.map(host => host.close()))
    await rm(keys, { recursive: true, force: true })
  })

  it.each(cases.map((each, index) => [...each, `M${index}`] as const))(
    '%s: %s is %s, with the reason',
    async (name, _, verdict, why, milestone) => {
      const answer = answers.get(milestone)
      expect(answer).toMatchObject({ verdict, checks: [{ on: name }] })
      expect(JSON.stringify(answer?.['checks'])).toMatch(why)
      const review = await scene.file('reviews/REVIEW-one.md')
      const section = review.slice(review.indexOf(`## ${milestone}: ${verdict} @`)).split('\n## ')[0] ?? ''
      expect(section).toMatch(why)
    }
  )

  it('secrets and terminal sequences of a host reach neither the answer, the log nor the repo', async () => {
    const review = await scene.file('reviews/REVIEW-one.md')
    const evidence = await scene.repo.builder
      .pull()
      .then(() => scene.repo.builder.git(['grep', '-h', '', '--', 'reviews']))
    for (const text of [stdout, stderr, review, evidence]) {
      expect(text).not.toContain('ghp_0123456789')
      // oxlint-disable-next-line no-control-regex
      expect(text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/)
    }
    for (const line of stderr
      .trimEnd()
      .split('\n')
      .filter(text => text.startsWith('{'))) {
      expect(JSON.parse(line)).toMatchObject({ event: expect.any(String) })
    }
  })

  it('what a server says to a push reaches the log as one harmless line', async () => {
    await scene.claim('one-M8', 'again')
    await scene.hook('pre-receive', `printf 'no\\033]0;x\\007 password=hunter2-very-s3cret\\n' >&2; exit 1`)
    const ran = await runCli(['watch', '--once'], { cwd: scene.home, userHome: keys })
    expect([ran.code, ran.stderr]).toEqual([70, expect.stringMatching(/the push to main was refused/)])
    // oxlint-disable-next-line no-control-regex
    expect(ran.stderr).not.toMatch(/hunter2|[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
    await scene.hook('pre-receive', null)
    expect((await runCli(['watch', '--once'], { cwd: scene.home, userHome: keys })).code).toBe(0)
  })
})
