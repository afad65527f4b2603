import { afterEach, beforeEach, expect, it } from 'vitest'
import { snapshot } from '../../src/review/context/review-context.ts'
import { viewsOf } from '../../src/review/context/views.ts'
import { makeScene, type Scene, type Watched } from '../support/scene.ts'

/** What the commits since another one changed, as a probe may ask it: bounded, and never a part of it. */

let scene: Scene
let watched: Watched
let from: string
beforeEach(async () => {
  scene = await makeScene()
  from = await scene.commit('core: one', { files: { 'a.sh': 'one\n' } })
  watched = await scene.context()
})
afterEach(async () => {
  await watched.close()
  await scene.dispose()
})

async function changes(since = from, wanted: (path: string) => boolean = () => true) {
  const { context } = watched
  const at = await snapshot(context)
  return viewsOf(context, { commit: at.tip, phase: 'p1', record: at.record }).repo.changes(since, wanted)
}

const some = (count: number, text = 'x\n') =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`many/${n}.sh`, text]))

it('are the files as they were and are, and which commit brought each line', async () => {
  const second = await scene.commit('core: two', { files: { 'a.sh': 'one\ntwo\n', 'b.sh': 'new\n' } })
  expect(await changes()).toEqual([
    { path: 'a.sh', before: 'one\n', after: 'one\ntwo\n', brought: new Map([[2, second]]) },
    { path: 'b.sh', before: null, after: 'new\n', brought: new Map([[1, second]]) }
  ])
  expect(await changes(second)).toEqual([])
})

it('of 200 files are told, of one more they are unseen', async () => {
  await scene.commit('core: many', { files: some(200) })
  expect(await changes()).toHaveLength(200)
  await scene.commit('core: one more', { files: { 'b.sh': 'y\n' } })
  await expect(changes()).rejects.toThrow(/changes 201 files, more than the 200 looked at/)
  expect(await changes(from, path => path === 'b.sh')).toHaveLength(1)
})

it('of more than four megabytes are unseen', async () => {
  await scene.commit('core: large', { files: some(4, `${'x'.repeat(79)}\n`.repeat(13_107)) })
  expect(await changes()).toHaveLength(4)
  await scene.commit('core: larger', { files: { 'b.sh': 'more than is left\n'.repeat(10) } })
  await expect(changes()).rejects.toThrow(/changes files of more than the 4194304 bytes looked at/)
})

it('since a commit that this one does not build on are unseen, in the clone or not', async () => {
  const outside = (sha: string) =>
    new RegExp(`^${sha.slice(0, 7)} is not among the commits that [0-9a-f]{7} builds on$`)
  const { builder } = scene.repo
  await scene.commit('core: two', { files: { 'a.sh': 'two\n' } })
  const { context } = watched
  const gone = (await snapshot(context)).tip
  await builder.git(['reset', '--quiet', '--hard', from])
  await builder.commit('core: another two', { files: { 'a.sh': 'another\n' } })
  await builder.push('--force', 'origin', 'HEAD')
  await expect(changes(gone)).rejects.toThrow(outside(gone))
  const never = 'a'.repeat(40)
  await expect(changes(never)).rejects.toThrow(outside(never))
})
