import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { putRawCommit, putRawTree, rawCommit, treeEntry } from '../support/forge.ts'
import { type GateWorld, makeGateWorld, path, type Scene } from '../support/gate.ts'

/** What a lenient server lets a builder push must not keep the reviewer from saying FAIL. */

let context: GateWorld
beforeAll(async () => {
  context = await makeGateWorld()
})
afterAll(() => context.dispose())

const entry =
  (mode: string, name: string, times = 1) =>
  async (scene: Scene) => {
    const sha =
      mode === '40000'
        ? await scene.builder.git(['mktree'], { input: '' })
        : await scene.builder.git(['hash-object', '-w', '--stdin'], { input: 'x' })
    await putRawTree(scene, '', bytes =>
      Buffer.concat([...Array.from({ length: times }, () => treeEntry(mode, name, sha)), bytes])
    )
  }
const commit = (change: (raw: string) => string) => async (scene: Scene) => {
  const raw = await rawCommit(scene, await scene.builder.commit('review(pvfix-M9): x'))
  await putRawCommit(scene, change(raw))
}

describe('a FAIL is recorded', () => {
  /** What is checked out of such a tree is not what is read from it: the gate says so, and the FAIL besides. */
  const crooked = 3
  it.each<[string, (scene: Scene) => Promise<unknown>, code?: number]>([
    ['a file .git', entry('100644', '.git'), crooked],
    ['a folder .GIT', entry('40000', '.GIT'), crooked],
    ['a file ..', entry('100644', '..'), crooked],
    ['a name with a slash', entry('100644', 'machine-docs/REVIEW-pvfix.md'), crooked],
    ['a symlink .gitmodules', entry('120000', '.gitmodules')],
    ['a name that is no UTF-8, out of order', entry('100644', 'x\xff\xfe'), crooked],
    ['a name that is no UTF-8', entry('100644', '0\xff\xfe')],
    ['an entry of no mode', entry('0', 'y'), crooked],
    ['an entry that is there twice', entry('100644', 'x', 2), crooked],
    [
      'a date beyond all calendars in a signed commit',
      commit(raw =>
        raw
          .replace(/^(committer .*) \d+ /m, '$1 18446744073709551615 ')
          .replace('\n\n', '\ngpgsig -----BEGIN SSH SIGNATURE-----\n x\n -----END SSH SIGNATURE-----\n\n')
      )
    ],
    ['a signed commit without a date', commit(raw => raw.replace(/^(committer .*>).*$/m, '$1'))]
  ])('after %s', async (_, push, code = 1) => {
    const scene = await context.open('claimed')
    await push(scene)
    const before = await scene.builder.git(['ls-remote', 'origin', 'refs/heads/main'])
    const sha = await scene.say({ claim: scene.at.claim2, milestone: 'M2', verdict: 'FAIL' })
    await scene.builder.git(['fetch', '--quiet', 'origin'])
    expect(await scene.builder.git(['diff', '--name-only', before.slice(0, 40), sha])).toBe(
      `${path}\nmachine-docs/evidence/pvfix-${scene.at.claim2.slice(0, 12)}.json`
    )
    const answer = await scene.gate()
    expect(answer).toMatchObject({ code })
    expect(answer.reasons.at(code === crooked ? -1 : 0)).toContain('M2 failed: ')
  })
})
