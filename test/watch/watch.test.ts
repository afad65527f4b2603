import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { probes } from '../../probes/index.ts'
import { loadWorkspace } from '../../src/config/workspace.ts'
import { watch } from '../../src/watch/watch.ts'
import { allowedSigners, testGit } from '../support/repo.ts'
import { eventually, type FlakyHost, makeScene, type Scene, startFlakyHost } from '../support/scene.ts'

/** The watcher over real repos: what it answers, in which order, and what it makes of trouble. */

const open: { dispose(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.dispose()
})

async function scene(options?: Parameters<typeof makeScene>[0]): Promise<Scene> {
  const made = await makeScene(options)
  open.push(made)
  return made
}

async function flakyHost(name?: string): Promise<FlakyHost> {
  const dir = await mkdtemp(join(tmpdir(), 'adversary-host-'))
  const host = await startFlakyHost(dir, name)
  open.push({ dispose: () => host.close() })
  return host
}

const repoCheck = (contains: string) =>
  `checks: [{ probe: repo-file, with: { path: README.md, contains: ${contains} } }]`
const hostCheck = (on: string) =>
  `checks: [{ probe: stray-stacks, on: ${on}, with: { forbid: ["nobody*"] } }]`
const plan = (...milestones: string[]) =>
  ['milestones:', ...milestones.map(line => `  ${line}`), 'hunt: { probes: [] }', ''].join('\n')

describe('what is owed', () => {
  it('answers what can be answered, says what cannot, and leaves the rest alone', async () => {
    const it = await scene()
    await it.claim('one-M1', 'long before')
    const since = await it.commit('core: the reviewer starts here')
    const config = join(it.home, 'adversary.yaml')
    const yaml = await readFile(config, 'utf8')
    await writeFile(
      config,
      yaml.replace('  branch: main\n', `  branch: main\n  since: ${since.slice(0, 12)}\n`)
    )
    await it.plan('one', plan(`M1: { ${repoCheck('a repo')} }`, `M2: { ${repoCheck('x')} }`))

    await it.commit('claim(one-M1) no colon')
    await it.commit('claim(one): no milestone')
    await it.commit('Claim(one-M1): wrong case')
    await it.claim('one-M1', 'mine', { author: { name: 'b', email: 'ADVERSARY@example.test' } })
    const old = await it.claim('one-M1', 'first')
    const unknown = await it.claim('one-M9', 'which?')
    const foreign = await it.claim('other-M1', 'whose?')
    const newest = await it.claim('one-M1', 'second')

    const watched = await it.context()
    const answers = await watched.once()
    expect(answers.map(({ draft, verdict }) => [draft.claim.sha, verdict])).toEqual([
      [unknown, 'INCONCLUSIVE'],
      [foreign, 'INCONCLUSIVE'],
      [newest, 'PASS']
    ])
    expect(await it.verdicts()).toMatchObject([
      { claim: unknown },
      { claim: foreign },
      { claim: newest, supersedes: [old] }
    ])
    expect(answers[0]?.draft.decision.why).toMatch(/plans\/one\.yaml knows no milestone M9/)
    expect(answers[1]?.draft.decision.why).toMatch(/no plan of this reviewer is for phase other/)
    expect(await it.file('reviews/REVIEW-other.md')).toMatch(/## M1: INCONCLUSIVE @/)
    expect(await it.file('reviews/REVIEW-one.md')).toContain(`**Superseded by it:** \`${old.slice(0, 7)}\``)

    const reported = watched.log.filter(({ event }) => event === 'claim.malformed')
    expect(reported).toHaveLength(3)
    expect(watched.log.filter(({ event }) => event === 'claim.ignored')).toMatchObject([{ milestone: 'M1' }])
    expect(await watched.once()).toEqual([])
  })

  it('a phase whose plan comes after its first claim gets no baseline, and the section says so', async () => {
    const it = await scene()
    const first = await it.claim('one-M1')
    await it.plan('one', plan(`M1: { ${repoCheck('a repo')} }`))
    await (await it.context()).once()
    const review = await it.file('reviews/REVIEW-one.md')
    expect(review).toContain(`The phase was already claimed by \`${first.slice(0, 7)}\``)
    expect(review).not.toMatch(/before any claim/i)
  })

  it('without the PASS of what it needs a milestone is INCONCLUSIVE, with it it is judged', async () => {
    const it = await scene()
    await it.plan('one', plan(`M1: { ${repoCheck('patch')} }`, `M2: { needs: [M1], ${repoCheck('a repo')} }`))
    const watched = await it.context()
    await it.claim('one-M2')
    const [early] = await watched.once()
    expect(early?.draft.decision).toMatchObject({
      verdict: 'INCONCLUSIVE',
      why: expect.stringMatching(/M2 needs M1, which has no PASS/)
    })
    await it.commit('patch', { files: { 'README.md': '# a repo with a patch\n' } })
    await it.claim('one-M1')
    await it.claim('one-M2')
    expect((await watched.once()).map(({ verdict }) => verdict)).toEqual(['PASS', 'PASS'])
  })

  it('a claim that comes while another is being answered is not overlooked', async () => {
    const it = await scene()
    await it.plan('one', plan(`M1: { ${repoCheck('a repo')} }`, `M2: { ${repoCheck('a repo')} }`))
    const { context } = await it.context()
    await (await it.context({ clone: 'before' })).once()
    const first = await it.claim('one-M1')
    const second: string[] = []
    const git = {
      ...context.git,
      async push(...args: Parameters<typeof context.git.push>) {
        if (second.length === 0) second.push(await it.claim('one-M2'))
        return context.git.push(...args)
      }
    }
    const said = { reviewed: () => undefined, oriented: () => undefined, hunted: () => undefined }
    await watch({ ...context, git }, said, { once: true })
    expect((await it.verdicts()).map(({ claim }) => claim)).toEqual([first, ...second])
  })

  it('200 claims of one milestone get one answer; of many milestones, one each', async () => {
    const it = await scene()
    const names = Array.from({ length: 5 }, (_, index) => `D${index + 1}`)
    await it.plan('one', plan(...['M1', ...names].map(name => `${name}: { ${repoCheck('a repo')} }`)))
    const watched = await it.context()
    await watched.once()
    await it.repo.builder.pull()
    const claims: string[] = []
    for (let n = 1; n <= 195; n += 1) claims.push(`claim(one-M1): try ${n}`)
    await makeCommits(it, [...claims, ...names.map(name => `claim(one-${name}): done`)])
    const answers = await watched.once()
    expect(answers.map(({ draft, verdict }) => [draft.claim.milestone, verdict])).toEqual(
      ['M1', ...names].map(name => [name, 'PASS'])
    )
    expect(answers[0]?.draft.supersedes).toHaveLength(194)
    // A section names them without burying its verdict under them.
    const review = await it.file('reviews/REVIEW-one.md')
    expect(review.slice(review.indexOf('## M1:'), review.indexOf('## D1:')).split('\n').length).toBeLessThan(
      50
    )
  })
})

/** Empty commits by plumbing: 200 of them in a blink. */
async function makeCommits(it: Scene, subjects: readonly string[]): Promise<void> {
  const { builder } = it.repo
  const who = 'builder <builder@example.test> 1781330000 +0000'
  const stream = subjects.map((subject, index) => {
    const from = index === 0 ? 'from refs/heads/main^0\n' : ''
    return `commit refs/heads/main\ncommitter ${who}\ndata ${Buffer.byteLength(subject)}\n${subject}\n${from}\n`
  })
  await builder.git(['fast-import', '--quiet'], { input: stream.join('') })
  await builder.git(['reset', '--quiet', '--hard', 'main'])
  await builder.push()
}

describe('hostile words', () => {
  it('of a claim reach the review as words, and nothing else', async () => {
    const it = await scene()
    await it.plan('one', plan(`M1: { ${repoCheck('a repo')} }`))
    const evil = `\u001b[31m"$(touch /tmp/pwned)" \`id\` ' ]] [ci skip] <script> ## M9: PASS \u202e\u0007\u009b2J `
    const subject = evil + 'x'.repeat(10_000)
    const body = '\n\n## M1: FAIL @2026-06-13T05:33Z\nAdversary-Verdict: one-M1 FAIL\n```\n<!--\n`$(id)`\n'
    const sha = await it.claim('one-M1', subject + body)
    const answers = await (await it.context()).once()
    expect(answers).toHaveLength(1)
    const review = await it.file('reviews/REVIEW-one.md')
    expect(review.match(/^## M\d.*$/gm)).toEqual([expect.stringMatching(/^## M1: PASS @/)])
    // oxlint-disable-next-line no-control-regex
    expect(review).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/)
    expect(Math.max(...review.split('\n').map(line => line.length))).toBeLessThan(1200)
    const [answer] = await it.verdicts()
    expect(answer).toMatchObject({ claim: sha, verdict: 'one-M1 PASS' })
    expect((await it.subjects()).at(-1)).toBe('review(one-M1): M1 PASS')
  })
})

describe('a host that is gone', () => {
  it('holds up no other claim, is asked again, and is answered INCONCLUSIVE when `retry` is over', async () => {
    const [away, here] = [await flakyHost('away'), await flakyHost('here')]
    const it = await scene({ hosts: [...away.lines, ...here.lines], more: ['poll: 200ms', 'retry: 1500ms'] })
    await it.plan(
      'one',
      plan(
        `M1: { ${hostCheck('away')} }`,
        `M2: { ${hostCheck('here')} }`,
        `M3: { needs: [M1], ${hostCheck('here')} }`
      )
    )
    const watched = await it.context()
    await watched.once()
    const asked = away.connections()
    away.down()
    for (const name of ['M1', 'M3', 'M2']) await it.claim(`one-${name}`)
    const answers = await watched.once()
    expect(answers.map(({ draft, verdict }) => [draft.claim.milestone, verdict])).toEqual([
      ['M2', 'PASS'],
      ['M1', 'INCONCLUSIVE'],
      ['M3', 'INCONCLUSIVE']
    ])
    // 0, 0.2, 0.6, 1.4, 1.5 s; on a busy machine the first and the last
    expect(away.connections() - asked).toBeGreaterThanOrEqual(2)
    expect(away.connections() - asked).toBeLessThan(8)
    const review = await it.file('reviews/REVIEW-one.md')
    expect(review.slice(review.indexOf('## M1:'))).toMatch(/Could not see away: .*git commit --allow-empty/s)
  })

  it('is seen when it is back: PASS, and no word of the blip', async () => {
    const host = await flakyHost()
    const it = await scene({ hosts: host.lines, more: ['poll: 200ms', 'retry: 1m'] })
    await it.plan('one', plan(`M1: { ${hostCheck('prod')} }`, `M2: { needs: [M1], ${hostCheck('prod')} }`))
    const watched = await it.context()
    await watched.once()
    host.down()
    await it.claim('one-M1')
    await it.claim('one-M2')
    const answers = watched.once()
    await eventually(async () => watched.log.some(({ event }) => event === 'observation.failed'))
    host.up()
    expect((await answers).map(({ verdict }) => verdict)).toEqual(['PASS', 'PASS'])
  })

  it('costs its own checks and no other host its own', async () => {
    const [away, here] = [await flakyHost('away'), await flakyHost('here')]
    away.down()
    const it = await scene({ hosts: [...away.lines, ...here.lines], more: ['poll: 100ms', 'retry: 100ms'] })
    const check = (on: string) => `{ probe: stray-stacks, on: ${on}, with: { forbid: ["nobody*"] } }`
    await it.plan('one', plan(`M1: { checks: [${check('away')}, ${check('here')}] }`))
    await it.claim('one-M1')
    const [answer] = await (await it.context()).once()
    expect(answer?.draft.checks.map(({ check: { on, outcome } }) => [on, outcome])).toEqual([
      ['away', 'unknown'],
      ['here', 'pass']
    ])
    expect(answer?.verdict).toBe('INCONCLUSIVE')
  })

  it('is not written down as the baseline before it was waited for', async () => {
    const host = await flakyHost()
    host.down()
    const it = await scene({ hosts: host.lines, more: ['poll: 100ms', 'retry: 1m'] })
    await it.plan('one', plan(`M1: { ${hostCheck('prod')} }`))
    const watched = await it.context()
    const answers = watched.once()
    await eventually(async () => watched.log.some(({ event }) => event === 'observation.failed'))
    expect(await it.subjects()).toHaveLength(1)
    host.up()
    await answers
    expect(await it.file('reviews/REVIEW-one.md')).toMatch(/before any claim[\s\S]*10\.0\.1\.0\/24/)
  })
})

describe('a push that is refused', () => {
  it('loses nothing: said clearly, tried again, and pushed when the hook is gone', async () => {
    const it = await scene()
    await it.plan('one', plan(`M1: { ${repoCheck('a repo')} }`, `M2: { ${repoCheck('a repo')} }`))
    const watched = await it.context()
    await watched.once()
    const claims = [await it.claim('one-M1'), await it.claim('one-M2')]
    // Only the review of M1, so that M2 shows that nobody is held up.
    await it.hook(
      'pre-receive',
      `while read old new ref; do git log -1 --format=%s $new | grep -q one-M1 && { printf 'main is \\033[31mprotected\\n' >&2; exit 1; }; done; exit 0`
    )
    const running = watched.start()
    const failed = await eventually(async () => watched.log.find(({ event }) => event === 'task.failed'))
    expect(failed['why']).toMatch(/the push to main was refused: .*main is/)
    await eventually(async () => (await it.verdicts()).some(({ claim }) => claim === claims[1]))
    await it.hook('pre-receive', null)
    await eventually(async () => (await it.verdicts()).some(({ claim }) => claim === claims[0]))
    await running.stop()
    expect(await it.verdicts()).toHaveLength(2)
  })

  it('ends `--once` with the reason, after the others were answered', async () => {
    const it = await scene()
    await it.plan('one', plan(`M1: { ${repoCheck('a repo')} }`, `M2: { ${repoCheck('a repo')} }`))
    await (await it.context()).once()
    await it.claim('one-M1')
    const other = await it.claim('one-M2')
    await it.hook('update', 'git log -1 --format=%s $3 | grep -q one-M1 && exit 1; exit 0')
    const watched = await it.context()
    await expect(watched.once()).rejects.toMatchObject({ kind: 'repository', message: /refused/ })
    expect(await it.verdicts()).toMatchObject([{ claim: other }])
    await it.hook('update', null)
    expect(await watched.once()).toHaveLength(1)
  })
})

describe('the loop', () => {
  it('is one `git ls-remote` a poll when nothing is new, and leaves a remote that is gone alone', async () => {
    const it = await scene({ more: ['poll: 300ms'] })
    await it.plan('one', plan(`M1: { ${repoCheck('a repo')} }`))
    await it.claim('one-M1')
    const path = process.env['PATH']
    const bin = join(it.repo.dir, 'bin')
    const calls = join(it.repo.dir, 'calls')
    await mkdir(bin)
    const wrapper = `#!/bin/sh\nprintf '%s\\n' "$*" >> ${calls}\nPATH='${path}' exec git "$@"\n`
    await writeFile(join(bin, 'git'), wrapper, { mode: 0o755 })
    const listed = async () => (await readFile(calls, 'utf8').catch(() => '')).trim().split('\n')
    process.env['PATH'] = `${bin}:${path}`
    const watched = await it.context()
    const running = watched.start()
    try {
      await eventually(async () => (await it.verdicts()).length === 1)
      const quiet = async () => (await listed()).slice(-3).every(line => line.includes(' ls-remote --heads '))
      await eventually(quiet)

      await rename(it.repo.remote, `${it.repo.remote}.gone`)
      await eventually(async () => watched.log.some(({ event }) => event === 'task.failed'))
      const before = (await listed()).length
      await new Promise(done => setTimeout(done, 700))
      expect((await listed()).length - before).toBeLessThanOrEqual(2)
      await rename(`${it.repo.remote}.gone`, it.repo.remote)
      await it.claim('one-M1', 'again')
      await eventually(async () => (await it.verdicts()).length === 2)
      await eventually(async () => watched.log.some(({ event }) => event === 'remote.recovered'))
    } finally {
      process.env['PATH'] = path
      await running.stop()
    }
  })

  it('takes in a plan that is written while it runs, and goes on with the old one while it is wrong', async () => {
    const it = await scene()
    const watched = await it.context()
    const running = watched.start()
    await it.plan('one', '\tmilestones')
    await eventually(async () => watched.log.some(({ event }) => event === 'plans.invalid'))
    await it.plan('one', plan(`M1: { ${repoCheck('a repo')} }`))
    await eventually(async () => (await it.subjects()).includes('review(one): phase context'))
    const sha = await it.claim('one-M1')
    await eventually(async () => (await it.verdicts()).length === 1)
    await running.stop()
    expect(await it.verdicts()).toMatchObject([{ claim: sha, verdict: 'one-M1 PASS' }])
  })

  it('signs as the identity and believes the list that the home names now', async () => {
    const it = await scene()
    await it.plan('one', plan(`M1: { ${repoCheck('a repo')} }`))
    const watched = await it.context()
    const running = watched.start()
    await it.claim('one-M1')
    await eventually(async () => (await it.verdicts()).length === 1)
    const next = await it.repo.key('next')
    const list = allowedSigners([
      ['next@example.test', next],
      ['adversary@example.test', it.key]
    ])
    await writeFile(join(it.repo.dir, 'next_signers'), list)
    const config = join(it.home, 'adversary.yaml')
    const yaml = await readFile(config, 'utf8')
    const changed = yaml
      .replace('adversary@example.test', 'next@example.test')
      .replace(it.key.path, next.path)
      .replace('../allowed_signers', '../next_signers')
    await writeFile(config, changed)
    await eventually(async () => watched.log.some(({ event }) => event === 'signers.changed'))
    await it.claim('one-M1', 'again')
    await eventually(async () => (await it.verdicts()).length === 2)
    await running.stop()
    const [, second] = await it.verdicts()
    const who = await testGit(it.repo.remote, [
      '-c',
      `gpg.ssh.allowedSignersFile=${join(it.repo.dir, 'next_signers')}`,
      'log',
      '-1',
      '--format=%ae %G? %GS',
      second?.commit ?? ''
    ])
    expect(who.trim()).toBe('next@example.test G next@example.test')
  })

  it.each<[name: string, spoil: (it: Scene) => Promise<void>, why: RegExp]>([
    [
      'the list of signers is gone',
      it => rm(join(it.repo.dir, 'allowed_signers')),
      /allowed_signers does not exist/
    ],
    [
      'the list is a folder',
      async it => {
        await rm(join(it.repo.dir, 'allowed_signers'))
        await mkdir(join(it.repo.dir, 'allowed_signers'))
      },
      /folder/
    ],
    [
      'the configuration cannot be read',
      it => writeFile(join(it.home, 'adversary.yaml'), 'repo: ['),
      /adversary\.yaml/
    ],
    [
      'it names another list, and a plan is wrong',
      async it => {
        await it.plan('two', '\tmilestones')
        const yaml = await readFile(join(it.home, 'adversary.yaml'), 'utf8')
        await writeFile(join(it.home, 'adversary.yaml'), yaml.replace('../allowed_signers', './none'))
      },
      /plans\/two\.yaml/
    ]
  ])('nothing is signed while %s, and all that is owed afterwards', async (_, spoil, why) => {
    const it = await scene()
    await it.plan('one', plan(`M1: { ${repoCheck('a repo')} }`))
    const yaml = await readFile(join(it.home, 'adversary.yaml'), 'utf8')
    const watched = await it.context()
    const running = watched.start()
    await it.claim('one-M1')
    await eventually(async () => (await it.verdicts()).length === 1)
    await spoil(it)
    await eventually(async () => watched.log.some(({ event }) => event === 'plans.invalid'))
    expect(String(watched.log.find(({ event }) => event === 'plans.invalid')?.['why'])).toMatch(why)
    await it.claim('one-M1', 'again')
    await new Promise(resolve => setTimeout(resolve, 1_500))
    expect(await it.verdicts()).toHaveLength(1)
    await rm(join(it.repo.dir, 'allowed_signers'), { recursive: true, force: true })
    await writeFile(join(it.repo.dir, 'allowed_signers'), it.signers)
    await writeFile(join(it.home, 'adversary.yaml'), yaml)
    await eventually(async () => (await it.verdicts()).length === 2)
    await running.stop()
  })

  it('an empty plan is none: the one before it counts until there is another', async () => {
    const it = await scene()
    await it.plan('one', plan(`M1: { ${repoCheck('a repo')} }`))
    const watched = await it.context()
    const running = watched.start()
    const told = (event: string) => watched.log.filter(each => each.event === event)
    await eventually(async () => told('orientation.published').length === 1)
    await writeFile(join(it.home, 'plans/one.yaml'), '')
    await eventually(async () => told('plans.invalid').length === 1)
    await it.claim('one-M1')
    await eventually(async () => (await it.verdicts()).length === 1)
    await it.plan('one', plan(`M1: { ${repoCheck('what is not there')} }`))
    await eventually(async () => told('plans.changed').length === 1)
    await it.claim('one-M1', 'again')
    await eventually(async () => (await it.verdicts()).length === 2)
    await running.stop()
    expect((await it.verdicts()).map(({ verdict }) => verdict)).toEqual(['one-M1 PASS', 'one-M1 FAIL'])
    expect(told('plans.invalid')[0]?.['why']).toMatch(/plans\/one\.yaml/)
  })

  it('half of a plan, which is a plan of fewer checks, is not judged by, nor that a plan is gone for a moment', async () => {
    const it = await scene()
    const read = () =>
      loadWorkspace(it.home, { userHome: homedir(), library: async () => probes, facts: async () => ({}) })
    const none = await read()
    await it.plan('one', plan(`M1: { ${repoCheck('a repo')} }`))
    const half = await read()
    await it.plan('one', plan(`M1: { ${repoCheck('a repo')} }`, `M2: { ${repoCheck('what is not there')} }`))
    const whole = await read()
    const { context, log, ...rest } = await it.context()
    await it.claim('one-M2')
    // As it was, then as an editor leaves it on its way, then as it shall be.
    const readings = [half, none, half]
    const stop = new AbortController()
    const answered: string[] = []
    const events = {
      oriented: () => undefined,
      hunted: () => undefined,
      reviewed: (draft: { readonly decision: { readonly verdict: string } }) => {
        answered.push(draft.decision.verdict)
        stop.abort(new Error('enough'))
      }
    }
    await watch({ ...context, home: whole, signal: stop.signal }, events, {
      once: false,
      reload: async () => readings.shift() ?? whole
    })
    expect(answered).toEqual(['FAIL'])
    expect(log.filter(({ event }) => event === 'plans.changed')).toEqual([])
    await rest.close()
  })

  it('two watchers on one repo: one review of each claim, one orientation', async () => {
    const it = await scene()
    const names = ['M1', 'M2', 'M3', 'M4']
    await it.plan('one', plan(...names.map(name => `${name}: { ${repoCheck('a repo')} }`)))
    const running = await Promise.all(['a', 'b'].map(async clone => (await it.context({ clone })).start()))
    const claims: string[] = []
    for (const name of names) claims.push(await it.claim(`one-${name}`))
    await eventually(async () => (await it.verdicts()).length >= names.length)
    await Promise.all(running.map(({ stop }) => stop()))
    expect((await it.verdicts()).map(({ claim }) => claim).sort()).toEqual([...claims].sort())
    const subjects = await it.subjects()
    expect(subjects.filter(subject => subject.includes('phase context'))).toHaveLength(1)
    const review = await it.file('reviews/REVIEW-one.md')
    expect(review.match(/^## M/gm)).toHaveLength(names.length)
  })
})
