import { expect, it, onTestFinished } from 'vitest'
import { runCli } from '../support/cli.ts'
import { makeScene, type Scene } from '../support/scene.ts'

/** A builder who moves the branch by force, and what becomes of the reviews that go with it. */

const check = (contains: string) =>
  `checks: [{ probe: repo-file, with: { path: README.md, contains: ${contains} } }]`

async function scene(): Promise<Scene> {
  const made = await makeScene()
  onTestFinished(() => made.dispose())
  await made.plan('one', `milestones:\n  M1: { ${check('a repo')} }\nhunt: { probes: [] }\n`)
  return made
}

async function gate(it: Scene, name: string) {
  const env = { ADVERSARY_ALLOWED_SIGNERS: it.signers, ADVERSARY_REVIEWER: 'adversary@example.test' }
  const ran = await runCli(['gate', name, '--remote', it.repo.remote, '--json'], { cwd: it.repo.dir, env })
  return { code: ran.code, ...JSON.parse(ran.stdout) }
}

async function status(it: Scene) {
  const ran = await runCli(['status', '--json'], { cwd: it.home })
  return JSON.parse(ran.stdout).phases[0].milestones[0]
}

/** The builder's branch goes back to that commit, by force, and gets something else on top. */
async function forceBackTo(it: Scene, sha: string): Promise<void> {
  const { builder } = it.repo
  await builder.git(['fetch', '--quiet', 'origin'])
  await builder.git(['reset', '--quiet', '--hard', sha])
  await builder.commit('core: another way')
  await builder.push('--force', 'origin', 'HEAD:main')
}

/** A PASS, then a FAIL of the same milestone. Where the branch was before the FAIL was asked for. */
async function passThenFail(it: Scene) {
  const watched = await it.context()
  await it.claim('one-M1')
  await watched.once()
  await it.repo.builder.pull()
  const passed = await it.repo.builder.tip()
  await it.commit('core: worse', { files: { 'README.md': '# nothing\n' } })
  const claim = await it.claim('one-M1', 'still done')
  await watched.once()
  const [, fail] = await it.verdicts()
  expect(fail).toMatchObject({ claim, verdict: 'one-M1 FAIL' })
  return { watched, passed, fail: fail?.commit ?? '' }
}

it('a FAIL that was pushed away does not leave an older PASS as the last word', async () => {
  const it = await scene()
  const { watched, passed, fail } = await passThenFail(it)
  await forceBackTo(it, passed)
  expect(await gate(it, 'one-M1')).toMatchObject({ code: 0 })

  await watched.once()
  expect(watched.log.filter(({ event }) => /^(?:history|review\.removed)/.test(event))).toMatchObject([
    { event: 'history.rewritten', reviews_gone: 1 },
    { event: 'review.removed', milestone: 'M1', verdict: 'FAIL', commit: fail }
  ])
  const review = await it.file('reviews/REVIEW-one.md')
  const said = review.slice(review.indexOf('## History rewritten @'))
  expect(said).toContain(`- M1 was FAIL: \`${fail.slice(0, 12)}\`, of the claim`)
  expect(said).toContain('git commit --allow-empty -m "claim(one-M1): …"')
  const closed = await gate(it, 'one-M1')
  expect(closed.code).toBe(2)
  expect(closed.reasons[0]).toMatch(
    new RegExp(`later verdict on M1 was removed .*force-push: FAIL, ${fail.slice(0, 12)}`)
  )
  expect(await status(it)).toMatchObject({
    stale: true,
    why: expect.stringContaining('was removed from the branch by a force-push')
  })

  // Said once, by whoever comes first; and a review after it is an answer again.
  await watched.once()
  const other = await it.context({ clone: 'another' })
  await other.once()
  expect((await it.subjects()).filter(subject => subject.includes('rewritten'))).toHaveLength(1)
  await it.claim('one-M1', 'and now')
  await watched.once()
  expect(await gate(it, 'one-M1')).toMatchObject({ code: 0 })
  expect(await status(it)).toMatchObject({ stale: false, verdict: 'PASS' })
})

it('what was said of it is said again when that is pushed away too', async () => {
  const it = await scene()
  const { watched, passed, fail } = await passThenFail(it)
  await forceBackTo(it, passed)
  await watched.once()
  await forceBackTo(it, passed)
  expect(await gate(it, 'one-M1')).toMatchObject({ code: 0 })
  await watched.once()
  const closed = await gate(it, 'one-M1')
  expect(closed.code).toBe(2)
  expect(closed.reasons.join('\n')).toContain(fail.slice(0, 12))
})

it('vetoes and open findings stand again', async () => {
  const it = await scene()
  const watched = await it.context()
  await it.claim('one-M1')
  await watched.once()
  await it.repo.builder.pull()
  const before = await it.repo.builder.tip()
  for (const words of [
    ['veto', 'one-M1', '--reason', 'not before the audit'],
    ['finding', 'open', 'one', '--title', 'The door is open', '--severity', 'high', '--blocks', 'M1']
  ]) {
    expect(await runCli(words, { cwd: it.home })).toMatchObject({ code: 0 })
  }
  await watched.once()
  await forceBackTo(it, before)
  await watched.once()
  const closed = await gate(it, 'one-M1')
  expect(closed.code).toBe(1)
  expect(closed.reasons.join('\n')).toMatch(/vetoes M1[^]*finding A1 is open/)
  expect(await it.file('reviews/REVIEW-one.md')).toMatch(
    /## VETO M1: [^]*## \[adversary\] A1: The door is open/
  )
})

it('a claim that lost its review alone is reviewed again; a rewrite that took no review is only logged', async () => {
  const it = await scene()
  const watched = await it.context()
  await watched.once()
  const claim = await it.claim('one-M1')
  await watched.once()
  await it.repo.builder.git(['fetch', '--quiet', 'origin'])
  await it.repo.builder.git(['push', '--quiet', '--force', 'origin', `${claim}:refs/heads/main`])
  await watched.once()
  expect(await it.verdicts()).toMatchObject([{ claim, verdict: 'one-M1 PASS' }])
  expect(await gate(it, 'one-M1')).toMatchObject({ code: 0 })

  const quiet = await it.commit('core: a slip')
  await watched.once()
  await forceBackTo(it, `${quiet}^`)
  await watched.once()
  expect(watched.log.at(-1)).toMatchObject({ event: 'history.rewritten', reviews_gone: 0 })
  expect((await it.subjects()).filter(subject => subject.includes('rewritten'))).toHaveLength(1)
})
