import { afterAll, beforeAll, expect, it } from 'vitest'
import { snapshot } from '../../src/review/context/review-context.ts'
import { viewsOf } from '../../src/review/context/views.ts'
import { runCli } from '../support/cli.ts'
import { makeScene, type Scene } from '../support/scene.ts'

let scene: Scene
beforeAll(async () => {
  scene = await makeScene()
})
afterAll(() => scene.dispose())

const plan = [
  'milestones:',
  '  M1: { checks: [{ probe: repo-file, with: { path: README.md, contains: a repo } }] }',
  'hunt: { probes: [] }',
  ''
].join('\n')

async function baselineOf(phase: string) {
  const { context, close } = await scene.context()
  const at = await snapshot(context)
  const found = await viewsOf(context, { commit: at.tip, phase, record: at.record }).record.baseline()
  await close()
  return found
}

it('is what the newest orientation before the first claim saw, and no later one', async () => {
  const orient = async (phase: string) =>
    expect((await runCli(['orient', phase], { cwd: scene.home })).code).toBe(0)
  await scene.plan('one', plan)
  expect(await baselineOf('one')).toBeNull()

  await orient('one')
  const first = await baselineOf('one')
  expect(first).toMatchObject({
    commit: expect.stringMatching(/^[0-9a-f]{40}$/),
    at: expect.stringMatching(/Z$/),
    facts: { 'repo-file README.md': { seen: true, value: { path: 'README.md' } } }
  })
  await scene.commit('core: something', { files: { 'README.md': 'a repo, changed\n' } })
  await orient('one')
  const second = await baselineOf('one')
  expect(second?.commit).not.toBe(first?.commit)

  await scene.claim('one-M1')
  await orient('one')
  expect((await baselineOf('one'))?.commit).toBe(second?.commit)
})

it('a look before a claim is no orientation: a watcher makes one all the same, and once', async () => {
  await scene.plan('three', plan)
  await runCli(['review', 'three-M1'], { cwd: scene.home })
  expect(await baselineOf('three')).toBeNull()
  await runCli(['watch', '--once'], { cwd: scene.home })
  await runCli(['watch', '--once'], { cwd: scene.home })
  const text = await scene.file('reviews/REVIEW-three.md')
  expect(text.match(/^## (?:Phase context|Pre-verification probe)/gm)).toEqual([
    '## Pre-verification probe',
    '## Phase context'
  ])
  expect(await baselineOf('three')).not.toBeNull()
})

it('is none where the phase was claimed first', async () => {
  await scene.plan('two', plan)
  await scene.claim('two-M1')
  await runCli(['orient', 'two'], { cwd: scene.home })
  expect(await baselineOf('two')).toBeNull()
})
