import { afterEach, expect, it } from 'vitest'
import { makeScene, type Scene } from '../support/scene.ts'

/** A search of the whole tree in whole reviews: what a review itself wrote of it is not found again. */

let scene: Scene
afterEach(() => scene.dispose())

const old = '10.0.1.0/24'

it('fails while a file holds the text, passes once it is gone, and again after that', async () => {
  scene = await makeScene()
  await scene.plan(
    'one',
    `milestones:\n  M1: { checks: [{ probe: repo-tree, with: { paths: "**", lacks: ${old} } }] }\nhunt: { probes: [] }\n`
  )
  await scene.commit('core: networks', { files: { 'nix/a.nix': `# ${old}\n`, 'docs/b.md': 'nothing\n' } })
  const verdicts = async () => {
    const watched = await scene.context()
    const answers = await watched.once()
    return answers.map(({ verdict, told }) => [verdict, told.rendered?.path])
  }
  await scene.claim('one-M1')
  expect(await verdicts()).toEqual([['FAIL', 'reviews/REVIEW-one.md']])
  expect(await scene.file('reviews/REVIEW-one.md')).toContain(`\`${old}\` is in 1 file`)

  await scene.commit('core: the network is gone', { files: { 'nix/a.nix': null } })
  await scene.claim('one-M1', 'again')
  expect(await verdicts()).toEqual([['PASS', 'reviews/REVIEW-one.md']])

  // A file of the builder's own beside them still counts.
  await scene.commit('docs: why', { files: { 'reviews/evidence/mine.json': `"${old}"\n` } })
  await scene.claim('one-M1', 'once more')
  expect(await verdicts()).toEqual([['FAIL', 'reviews/REVIEW-one.md']])
})

it('what a review wrote is no change of the builder', async () => {
  scene = await makeScene()
  const from = await scene.commit('core: networks', { files: { 'nix/a.nix': 'a\n' } })
  const plan = `{ probe: repo-diff, with: { since: ${from}, only: nix/ } }`
  await scene.plan('one', `milestones:\n  M1: { checks: [${plan}] }\nhunt: { probes: [] }\n`)
  const verdicts = async () => (await (await scene.context()).once()).map(({ verdict }) => verdict)
  await scene.claim('one-M1')
  expect(await verdicts()).toEqual(['INCONCLUSIVE'])
  await scene.commit('core: more', { files: { 'nix/a.nix': 'b\n' } })
  await scene.claim('one-M1', 'again')
  expect(await verdicts()).toEqual(['PASS'])
  await scene.commit('docs: why', { files: { 'reviews/evidence/mine.json': '{}\n' } })
  await scene.claim('one-M1', 'once more')
  expect(await verdicts()).toEqual(['FAIL'])
})
