import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Base, type GateWorld, makeGateWorld, path, type Scene } from '../support/gate.ts'
import { policy } from '../support/reviews.ts'

let context: GateWorld
beforeAll(async () => {
  context = await makeGateWorld()
})
afterAll(() => context.dispose())

type Row = readonly [
  name: string,
  base: Base,
  code: number,
  why: RegExp,
  act: (scene: Scene) => Promise<unknown>,
  gate?: string
]

const write = async (scene: Scene, text: string | null, key?: Scene['keys']['alice']) => {
  await scene.builder.commit('docs: the review file', {
    files: { [path]: text },
    ...(key === undefined ? {} : { key })
  })
  await scene.builder.push('origin', 'HEAD:main')
}
const there = (scene: Scene) => scene.builder.read(path)
const start = (act: (scene: Scene, before: string) => Promise<unknown>) => async (scene: Scene) => {
  await scene.builder.pull()
  await act(scene, await there(scene))
}

const restored: readonly Row[] = [
  [
    'a listed person restores what an unsigned edit took',
    'passed',
    0,
    /PASS/,
    start(async (scene, before) => {
      await scene.edit('## Said', '## It was said')
      await write(scene, before, scene.keys.alice)
    })
  ],
  [
    'a listed person restores what an unsigned deletion of some lines took',
    'failed',
    1,
    /M2/,
    start(async (scene, before) => {
      await scene.edit(/\n---\n\n## M2: FAIL[\s\S]*$/, '')
      await write(scene, before, scene.keys.alice)
    })
  ],
  [
    'a listed person takes out what nobody signed',
    'passed',
    0,
    /PASS/,
    start(async (scene, before) => {
      await scene.append('\nsome words\n')
      await write(scene, before, scene.keys.alice)
    })
  ],
  [
    'a listed person takes back a typo of her own',
    'passed',
    0,
    /PASS/,
    start(async (scene, before) => {
      await scene.edit('## Said', '## Sayd', scene.keys.alice)
      await write(scene, before, scene.keys.alice)
    })
  ],
  [
    'the reviewer takes back the typo of a listed person',
    'passed',
    0,
    /PASS/,
    start(async (scene, before) => {
      await scene.edit('## Said', '## Sayd', scene.keys.alice)
      await write(scene, before, scene.keys.reviewer)
    })
  ],
  [
    'a listed person restores a review file that was deleted: what is closed stays closed',
    'passed',
    0,
    /PASS/,
    async scene => {
      await scene.say({ findings: [{ id: 'A2', status: 'open', blocks: ['M2'] }] })
      await scene.say({ findings: [{ id: 'A2', status: 'closed', blocks: ['M2'] }] })
      await scene.builder.pull()
      const before = await there(scene)
      await write(scene, null)
      await write(scene, before, scene.keys.alice)
    }
  ],
  [
    'a listed person restores it and adds a veto',
    'passed',
    1,
    /alice vetoes M2/,
    start(async (scene, before) => {
      await write(scene, null)
      await write(scene, `${before}\n## VETO M2: who deletes such files?\n`, scene.keys.alice)
    })
  ],
  [
    'after that a review goes on',
    'passed',
    0,
    /PASS/,
    start(async (scene, before) => {
      await write(scene, null)
      await write(scene, before, scene.keys.alice)
      await scene.say({ title: 'go on' })
    })
  ]
]

const notRestored: readonly Row[] = [
  [
    'she restores something else',
    'passed',
    3,
    /changes what/,
    start(async (scene, before) => {
      await scene.edit('## Said', '## It was said')
      await write(scene, before.replace('## Said', '## Sad'), scene.keys.alice)
    })
  ],
  [
    'she restores a state from before a signed section',
    'failed',
    3,
    /were changed or removed/,
    start(async scene => {
      const older = await scene.builder.git(['show', `${scene.at.claim2}:${path}`])
      await write(scene, `${older}\n`, scene.keys.alice)
    })
  ],
  [
    'the builder takes back the typo of a listed person',
    'passed',
    3,
    /alice/,
    start(async (scene, before) => {
      await scene.edit('## Said', '## Sayd', scene.keys.alice)
      await write(scene, before)
    })
  ],
  [
    'the builder takes back an edit of hers, which vetoed as well',
    'passed',
    3,
    /alice/,
    start(async (scene, before) => {
      await write(scene, `${before.replace('## Said', '## Sayd')}\n## VETO M2: x\n`, scene.keys.alice)
      await write(scene, before)
    })
  ],
  [
    'she restores the file without the veto of somebody else',
    'vetoed',
    3,
    /were changed or removed/,
    start(async scene => {
      const older = await scene.builder.git(['show', `${scene.at.review2}:${path}`])
      await write(scene, `${older}\n`, scene.keys.reviewer)
    })
  ]
]

const needs = (...edges: readonly (readonly [string, readonly string[]])[]) => ({
  milestones: edges.map(([milestone, needs]) => ({
    milestone,
    needs: [...needs],
    watchPaths: milestone === 'M1' ? ['nix/swarm.nix'] : [],
    maxAge: 30 * 86_400_000,
    checks: policy.milestones.find(known => known.milestone === milestone)?.checks
  }))
})
const push = async (scene: Scene, message: string, files: Record<string, string> = {}) => {
  await scene.builder.pull()
  const sha = await scene.builder.commit(message, { files })
  await scene.builder.push('origin', 'HEAD:main')
  return sha
}

const needed: readonly Row[] = [
  [
    'what it needs is vetoed',
    'passed',
    2,
    /needs M1, which is not open: alice vetoes M1/,
    start(scene => scene.append('\n## VETO M1: x\n', 'docs: hold', scene.keys.alice))
  ],
  [
    'what it needs is claimed again',
    'passed',
    2,
    /needs M1, which is not open: .*newer claim/,
    scene => push(scene, 'claim(pvfix-M1): again')
  ],
  [
    'what it needs is stale',
    'passed',
    2,
    /needs M1, which is not open: .*changes a path that it watches/,
    scene => push(scene, 'core: x', { 'nix/swarm.nix': 'other\n' })
  ],
  [
    'a finding blocks what it needs',
    'passed',
    2,
    /needs M1, which is not open: finding A9/,
    scene => scene.say({ findings: [{ id: 'A9', status: 'open', blocks: ['M1'] }] })
  ],
  [
    'what it needs was signed as FAIL by hand',
    'passed',
    2,
    /needs M1, which is not open: alice signed FAIL/,
    start(scene => scene.append('\n## M1: FAIL @2026-06-13T09:00Z\n', 'docs: x', scene.keys.alice))
  ],
  [
    'what is needed by what it needs is not open',
    'passed',
    2,
    /needs M1, which is not open: .*needs M0, which has no verdict/,
    scene => scene.say({ policy: needs(['M0', []], ['M1', ['M0']], ['M2', ['M1']]) })
  ],
  [
    'it needs itself',
    'passed',
    2,
    /needs M2, which needs it in turn/,
    scene => scene.say({ policy: needs(['M1', []], ['M2', ['M2']]) })
  ],
  [
    'two need each other',
    'passed',
    2,
    /needs M1, which is not open: .*needs M2, which needs it in turn/,
    scene => scene.say({ policy: needs(['M1', ['M2']], ['M2', ['M1']]) })
  ],
  [
    'two ways lead to what it needs',
    'passed',
    0,
    /PASS/,
    scene => scene.say({ policy: needs(['M1', []], ['M2', ['M1', 'M1']]) })
  ],
  [
    'a veto on what needs it',
    'passed',
    0,
    /PASS/,
    start(scene => scene.append('\n## VETO M2: x\n', 'docs: hold', scene.keys.alice)),
    'pvfix-M1'
  ]
]

/** A branch from before the patch, merged after the claim; M1 watches what the patch has changed. */
const forked =
  (
    from: 'patch^' | 'root' | 'main',
    work: (scene: Scene) => Promise<unknown>,
    merge: (scene: Scene) => Promise<unknown> = scene =>
      scene.builder.git(['merge', '--quiet', '--no-ff', '-m', 'core: merge', 'side'])
  ) =>
  async (scene: Scene) => {
    const { builder, at } = scene
    await builder.pull()
    if (from === 'root') {
      await builder.git(['checkout', '--quiet', '--orphan', 'side'])
      await builder.git(['rm', '--quiet', '-r', '-f', '.'])
    } else {
      const start = from === 'main' ? 'main' : `${at.patch}^`
      await builder.git(['checkout', '--quiet', '-b', 'side', start])
    }
    await work(scene)
    await builder.git(['checkout', '--quiet', 'main'])
    await merge(scene)
    await builder.push('origin', 'HEAD:main')
  }
const other = (scene: Scene) => scene.builder.commit('core: other', { files: { 'other/file': 'x\n' } })
/** A merge whose tree is main's with these commands over it, as strategies and people by hand make them. */
const made =
  (...commands: readonly (readonly string[])[]) =>
  async ({ builder }: Scene) => {
    const ours = ['merge', '--quiet', '--no-ff', '--no-commit', '-s', 'ours', '--allow-unrelated-histories']
    await builder.git([...ours, 'side'])
    for (const command of commands) await builder.git(command)
    await builder.git(['commit', '--quiet', '-m', 'core: merge'])
    await builder.git(['reset', '--quiet', '--hard'])
  }
const withoutPatch = ['rm', '--quiet', '-r', '--cached', '--ignore-unmatch', 'nix/swarm.nix'] as const
const theirs = (scene: Scene) =>
  scene.builder.commit('core: other', { files: { 'nix/swarm.nix': 'theirs\n' } })

const merged: readonly Row[] = [
  ['a branch from before the patch is merged', 'passed', 0, /PASS/, forked('patch^', other), 'pvfix-M1'],
  [
    'main was merged into it before',
    'passed',
    0,
    /PASS/,
    forked('patch^', async scene => {
      await other(scene)
      await scene.builder.git(['merge', '--quiet', '-m', 'core: main', 'main'])
      await scene.builder.commit('core: more', { files: { 'other/more': 'x\n' } })
    }),
    'pvfix-M1'
  ],
  [
    'it takes the same patch by itself',
    'passed',
    0,
    /PASS/,
    forked('patch^', scene => scene.builder.git(['cherry-pick', scene.at.patch])),
    'pvfix-M1'
  ],
  [
    'an unrelated history is merged',
    'passed',
    0,
    /PASS/,
    forked('root', other, ({ builder }) =>
      builder.git(['merge', '--quiet', '--allow-unrelated-histories', '-m', 'core: merge', 'side'])
    ),
    'pvfix-M1'
  ],
  [
    'an unrelated history with a file of that name is merged into a folder',
    'passed',
    0,
    /PASS/,
    forked('root', theirs, made(['read-tree', '--prefix=vendored/', 'side'])),
    'pvfix-M1'
  ],
  [
    'an unrelated history is merged in the place of what it watches',
    'passed',
    2,
    /changes a path that it watches/,
    forked('root', theirs, made([...withoutPatch], ['read-tree', '--prefix=nix/swarm.nix/', 'side'])),
    'pvfix-M1'
  ],
  [
    'the merge itself leaves the patch out',
    'passed',
    2,
    /changes a path that it watches/,
    forked('patch^', other, made([...withoutPatch])),
    'pvfix-M1'
  ],
  [
    'the merge itself is the tree of the branch from before it',
    'passed',
    3,
    /changes a path that it watches/,
    forked('patch^', other, made(['read-tree', 'side'], ['read-tree', '--prefix=old/', 'main'])),
    'pvfix-M1'
  ],
  [
    'a branch that takes the patch back is merged',
    'passed',
    2,
    /changes a path that it watches/,
    forked('main', scene => scene.builder.commit('core: back', { files: { 'nix/swarm.nix': '' } })),
    'pvfix-M1'
  ]
]

const groups: readonly (readonly [string, readonly Row[]])[] = [
  ['what was restored', restored],
  ['what was not', notRestored],
  ['what it needs', needed],
  ['what is merged', merged]
]
describe.each(groups.map(([group, rows]) => ({ group, rows })))('$group', ({ rows }) => {
  it.each(rows.map(row => [row[0], row] as const))('%s', async (_, [, base, code, why, act, gate]) => {
    const scene = await context.open(base)
    await act(scene)
    const answer = await scene.gate(gate === undefined ? {} : { gate })
    expect({ code: answer.code, why: answer.reasons.join('\n') }).toEqual({
      code,
      why: expect.stringMatching(why)
    })
  })
})
