import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { gather } from '../../../src/facts/gather.ts'
import { snapshot } from '../../../src/review/context/review-context.ts'
import { viewsOf } from '../../../src/review/context/views.ts'
import { splitBy, treeDiff } from '../../../src/systems/repo/tree-diff.ts'
import { closedAdapters } from '../../support/doors.ts'
import { makeScene, type Scene } from '../../support/scene.ts'

describe('of a real repo', () => {
  let scene: Scene
  let from: string
  beforeEach(async () => {
    scene = await makeScene()
    from = await scene.commit('core: one', { files: { 'a.sh': 'one\n', 'b.sh': 'b\n', 'gone.sh': 'x\n' } })
  })
  afterEach(() => scene.dispose())

  async function taken(since: string) {
    const { context } = await scene.context()
    const at = await snapshot(context)
    const source = treeDiff(since)
    const { repo, record } = viewsOf(context, { commit: at.tip, phase: 'p1', record: at.record })
    const gathered = await gather([{ host: 'h', sources: [source] }], closedAdapters({ repo, record }))
    return { fact: gathered.fact('h', source), evidence: gathered.evidence, tip: at.tip }
  }

  it('paths that came, went, became others or executable, and no others', async () => {
    const { builder } = scene.repo
    await scene.commit('core: two', { files: { 'a.sh': 'two\n', 'gone.sh': null, 'new/c.sh': 'c\n' } })
    await builder.git(['update-index', '--chmod=+x', 'b.sh'])
    await builder.git(['commit', '-q', '-m', 'core: executable'])
    await builder.push()
    const { fact, evidence, tip } = await taken(from)
    expect(fact).toMatchObject({
      seen: true,
      value: { from, to: tip, paths: ['a.sh', 'b.sh', 'gone.sh', 'new/c.sh'] }
    })
    expect(evidence).toMatchObject([
      {
        on: 'repo',
        command: `git diff --name-only --no-renames ${from} ${tip}`,
        stdout: expect.stringContaining('new/c.sh')
      }
    ])
  })

  it('what one commit brought and another took back is not among them', async () => {
    await scene.commit('core: two', { files: { 'a.sh': 'two\n' } })
    await scene.commit('core: back', { files: { 'a.sh': 'one\n' } })
    expect((await taken(from)).fact).toMatchObject({ seen: true, value: { paths: [] } })
  })

  it('without an orientation, and since a commit that is not below, they are not seen', async () => {
    expect((await taken('baseline')).fact).toMatchObject({
      seen: false,
      why: expect.stringContaining('no orientation')
    })
    expect((await taken('a'.repeat(40))).fact).toMatchObject({
      seen: false,
      why: expect.stringContaining('builds on')
    })
  })
})

it('paths are among the globs or outside of them', () => {
  expect(splitBy(['a/b', 'c', 'd.md'], ['a/', '*.md'])).toEqual({ among: ['a/b', 'd.md'], outside: ['c'] })
})
