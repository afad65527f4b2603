import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { exitCode } from '../../src/lib/words.ts'
import { runCli } from '../support/cli.ts'
import { gateOf, makeScene, type Scene } from '../support/scene.ts'

// Without a hunt: what listens on this machine moves with the tests beside this one.
const readme = [
  'milestones:',
  '  M1: { checks: [{ probe: repo-file, title: a readme, with: { path: README.md, exists: true } }] }',
  '  M2: { checks: [{ probe: repo-file, title: no such file, with: { path: gone.md, exists: true } }] }',
  'hunt: { probes: [] }',
  ''
].join('\n')

const path = 'reviews/REVIEW-p1.md'

/** A command of the home, and what it left on the branch. */
async function say(scene: Scene, ...words: readonly string[]) {
  const before = (await scene.subjects()).length
  const ran = await runCli([...words], { cwd: scene.home })
  return { ...ran, pushed: (await scene.subjects()).slice(before) }
}

async function reviewed(): Promise<Scene> {
  const scene = await makeScene()
  await scene.plan('p1', readme)
  await scene.commit('readme', { files: { 'README.md': 'Hello.\n' } })
  await scene.claim('p1-M1')
  await scene.claim('p1-M2')
  const verdicts = await (await scene.context()).once()
  expect(verdicts.map(({ verdict }) => verdict)).toEqual(['PASS', 'FAIL'])
  return scene
}

describe('accept', () => {
  let scene: Scene
  beforeAll(async () => {
    scene = await reviewed()
  })
  afterAll(() => scene.dispose())

  const edit = async (change: (text: string) => string) =>
    scene.commit('an edit', { files: { [path]: change(await scene.file(path)) } })

  it('has nothing to accept where all of it is signed, and pushes nothing', async () => {
    for (const how of [[], ['--yes'], ['--dry-run'], ['--json']]) {
      const { code, stdout, pushed } = await say(scene, 'accept', 'p1', ...how)
      expect([how, code, pushed]).toEqual([how, exitCode.pass, []])
      expect(stdout).toContain('nothing to accept')
    }
  })

  it('refuses a FAIL that was edited into a PASS, whatever is answered', async () => {
    const signed = await scene.file(path)
    await edit(text => text.replace('## M2: FAIL @', '## M2: PASS @'))
    for (const how of [['--yes'], ['--dry-run'], ['--yes', '--json']]) {
      const { code, stderr, pushed } = await say(scene, 'accept', 'p1', ...how)
      expect([how, code, pushed]).toEqual([how, exitCode.notTrusted, []])
      expect(stderr).toMatch(/the signed heading "M2: FAIL @[^"]*" was changed or removed/)
    }
    await edit(() => signed)
  })

  it.each([
    ['a verdict that nobody signed', (text: string) => `${text}\n## M2: PASS @2026-06-13T05:33Z\n`],
    ['a verdict in other letters', (text: string) => `${text}\n## M2: ＰＡＳＳ\n`],
    ['a signed section taken out', (text: string) => text.slice(0, text.indexOf('## M2: FAIL'))],
    ['a signed heading hidden in a fence', (text: string) => text.replace('## M2: FAIL', '```\n## M2: FAIL')],
    ['a lifted veto', (text: string) => `${text}\n## VETO LIFTED M2: fine\n`]
  ])('refuses %s', async (_, change) => {
    const signed = await scene.file(path)
    await edit(change)
    const { code, pushed, stderr } = await say(scene, 'accept', 'p1', '--yes')
    expect([code, pushed, stderr]).toEqual([
      exitCode.notTrusted,
      [],
      expect.stringContaining('cannot be accepted')
    ])
    await edit(() => signed)
  })

  it('shows the bytes, asks for a yes, and signs once', async () => {
    await edit(text => text.replace('Adversary', 'Adversry\u202e\u001b[2J'))
    const looked = await say(scene, 'accept', 'p1', '--dry-run')
    expect([looked.code, looked.pushed]).toEqual([exitCode.pass, []])
    expect(looked.stdout).toMatch(/^ {2}- .*Adversary\)/m)
    expect(looked.stdout).toContain(String.raw`Adversry\u{202e}\u{1b}[2J`)
    expect(looked.stdout).toContain('changed after it was signed')

    const unasked = await say(scene, 'accept', 'p1', '--reason', 'a word')
    expect([unasked.code, unasked.pushed]).toEqual([exitCode.usage, []])
    expect(unasked.stderr).toContain('--yes')

    expect((await gateOf(scene, 'p1-M1')).code).toBe(exitCode.notTrusted)
    const signed = await say(scene, 'accept', 'p1', '--yes', '--reason', 'a word')
    expect([signed.code, signed.pushed]).toEqual([
      exitCode.pass,
      ['review(p1): the review file accepted as it stands']
    ])
    expect((await gateOf(scene, 'p1-M1')).code).toBe(exitCode.pass)

    const again = await say(scene, 'accept', 'p1', '--yes')
    expect([again.code, again.pushed]).toEqual([exitCode.pass, []])
    expect(again.stdout).toContain('nothing to accept')
  })

  it('says every part that is not signed as JSON, and that one was appended', async () => {
    await edit(text => `${text}\nA remark of the builder.\n`)
    const { code, stdout, pushed } = await say(scene, 'accept', 'p1', '--dry-run', '--json')
    expect([code, pushed]).toEqual([exitCode.pass, []])
    expect(JSON.parse(stdout)).toMatchObject({
      commit: null,
      dryRun: true,
      refused: [],
      parts: [{ text: expect.stringContaining('A remark of the builder.'), was: null }]
    })
    expect((await say(scene, 'accept', 'p1', '--yes')).pushed).toHaveLength(1)
    expect((await say(scene, 'accept', 'p1', '--yes')).pushed).toEqual([])
  })

  it('adopts a file that was there before', async () => {
    await scene.plan('old', readme)
    const old = '# Old\n\n## M1: PASS @2020-01-01T00:00Z\n\nBy hand.\n'
    await scene.commit('an old review', { files: { 'reviews/REVIEW-old.md': old } })
    const { code, pushed, stdout } = await say(scene, 'accept', 'old', '--yes')
    expect([code, pushed.length]).toEqual([exitCode.pass, 1])
    expect(stdout).toContain('  + ## M1: PASS @2020-01-01T00:00Z')
    // What was typed is a text that somebody vouches for, and no verdict.
    expect((await gateOf(scene, 'old-M1')).code).not.toBe(exitCode.pass)
    expect((await say(scene, 'accept', 'old', '--yes')).pushed).toEqual([])
  })
})

describe('a word said twice', () => {
  let scene: Scene
  beforeAll(async () => {
    scene = await reviewed()
  })
  afterAll(() => scene.dispose())

  const open = ['finding', 'open', 'p1', '--title', 'backups are never restored', '--blocks', 'M1']

  it.each([
    ['finding open', open, /A\d+ is open already: backups are never restored/],
    ['finding close', ['finding', 'close', 'p1', 'A1', '--reason', 'restored'], /A1 is closed already/],
    ['veto', ['veto', 'p1-M1', '--reason', 'not yet'], /p1-M1 is vetoed already \([0-9a-f]{12}, .*Z\)/],
    ['veto --lift', ['veto', 'p1-M1', '--lift', '--reason', 'tested'], /p1-M1 is not vetoed/],
    ['veto of a phase', ['veto', 'p1', '--reason', 'not before the audit'], /p1 is vetoed already/],
    ['veto --lift of a phase', ['veto', 'p1', '--lift', '--reason', 'audited'], /p1 is not vetoed/]
  ])(
    '%s: a dry run pushes nothing, the first one does, the second changes nothing',
    async (_, words, says) => {
      const dry = await say(scene, ...words, '--dry-run')
      expect([dry.code, dry.pushed, dry.stdout]).toEqual([exitCode.pass, [], expect.stringMatching(/^## /m)])
      expect(await say(scene, ...words)).toMatchObject({ code: exitCode.pass, pushed: [expect.any(String)] })
      const second = await say(scene, ...words)
      expect([second.code, second.pushed, second.stdout]).toEqual([
        exitCode.pass,
        [],
        expect.stringMatching(says)
      ])
      const document = JSON.parse((await say(scene, ...words, '--json')).stdout)
      expect(document).toMatchObject({ commit: null, unchanged: expect.stringMatching(says) })
    }
  )

  it('lifting and closing what was never there', async () => {
    const lifted = await say(scene, 'veto', 'p1-M2', '--lift', '--reason', 'x')
    expect([lifted.code, lifted.pushed]).toEqual([exitCode.pass, []])
    expect(lifted.stdout).toContain('p1-M2 is not vetoed')
    expect((await say(scene, 'finding', 'close', 'p1', 'A77', '--reason', 'x')).code).toBe(exitCode.usage)
  })

  it('another severity or reach under the same title is another finding', async () => {
    expect((await say(scene, ...open)).pushed).toHaveLength(1)
    expect((await say(scene, ...open, '--severity', 'critical')).pushed).toHaveLength(1)
    expect((await say(scene, ...open, '--severity', 'critical')).pushed).toHaveLength(0)
  })

  it('a veto of the whole phase closes each gate, and its end opens them', async () => {
    const scene = await reviewed()
    try {
      expect((await gateOf(scene, 'p1-M1')).code).toBe(exitCode.pass)
      await say(scene, 'veto', 'p1', '--reason', 'not before the audit')
      expect((await gateOf(scene, 'p1-M1')).code).toBe(exitCode.fail)
      await say(scene, 'veto', 'p1', '--lift', '--reason', 'audited')
      expect((await gateOf(scene, 'p1-M1')).code).toBe(exitCode.pass)
    } finally {
      await scene.dispose()
    }
  })

  it('orient: a dry run shows the section, a second one of the same host and plan changes nothing', async () => {
    const unchanged = 'no change: the newest phase context says the same'
    // The watcher has oriented the phase.
    const first = await say(scene, 'orient', 'p1')
    expect([first.pushed, first.stdout]).toEqual([[], expect.stringContaining(unchanged)])
    await scene.plan('p1', readme.replace('a readme', 'the readme'))
    const dry = await say(scene, 'orient', 'p1', '--dry-run')
    expect([dry.pushed, dry.stdout]).toEqual([[], expect.stringContaining('## Phase context')])
    expect((await say(scene, 'orient', 'p1')).pushed).toEqual(['review(p1): phase context'])
    const second = await say(scene, 'orient', 'p1')
    expect([second.pushed, second.stdout]).toEqual([[], expect.stringContaining(unchanged)])
  })
})
