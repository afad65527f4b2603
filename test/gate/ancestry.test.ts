import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sha256 } from '../../src/lib/canonical.ts'
import { printMessage, type ReviewMessage } from '../../src/record/trailers.ts'
import { commitForgery, forge, reviewerPerson } from '../support/forge.ts'
import { type Base, type GateWorld, makeGateWorld, path, type Scene } from '../support/gate.ts'
import type { TestKey } from '../support/repo.ts'

let context: GateWorld
beforeAll(async () => {
  context = await makeGateWorld()
})
afterAll(() => context.dispose())

/** A signed word in a file of its own, so that it lies on a branch beside others and the merge is clean. */
async function word(
  { builder }: Scene,
  said: Partial<Pick<ReviewMessage, 'findings' | 'vetoes'>>,
  as: { readonly key: TestKey; readonly date?: string; readonly file?: string }
): Promise<string> {
  const file = as.file ?? 'machine-docs/REVIEW-pvfix-more.md'
  const there = await builder.read(file).catch(() => '')
  const text = '\n---\n\n## Said\n'
  const message: ReviewMessage = {
    phase: 'pvfix',
    milestone: null,
    title: 'said',
    body: '',
    claim: null,
    verdict: null,
    supersedes: [],
    findings: [],
    vetoes: [],
    section: { path: file, digest: sha256(Buffer.from(text)) },
    repo: null,
    plan: null,
    evidence: null,
    policy: null,
    accept: null,
    removed: [],
    ...said
  }
  return builder.commit(printMessage(message), {
    files: { [file]: there + text },
    key: as.key,
    author: reviewerPerson,
    committer: reviewerPerson,
    date: as.date ?? '2026-06-13T09:00:00Z'
  })
}

/** Behind the orientation, before all reviews. */
const early = '2026-06-13T06:01:30Z'
const later = '2026-06-13T11:00:00Z'
const open = (id: string) => [{ id, status: 'open' as const, blocks: ['M2'] }]
const closed = (id: string) => [{ id, status: 'closed' as const, blocks: ['M2'] }]
const veto = [{ milestone: 'M2', status: 'open' as const }]
const lift = [{ milestone: 'M2', status: 'lifted' as const }]

/** What is done from there lies on a branch of its own, beside what main has, and is merged. */
async function beside(
  scene: Scene,
  from: string,
  work: () => Promise<unknown>,
  how: 'into main' | 'main into it' | 'with a third' = 'into main'
): Promise<void> {
  const { builder } = scene
  await builder.pull()
  await builder.git(['checkout', '--quiet', '-b', 'side', from])
  await work()
  const merge = ['merge', '--quiet', '--no-ff', '-m', 'core: merge']
  if (how === 'main into it') await builder.git([...merge, 'main'])
  else {
    const more = how === 'with a third' ? ['third'] : []
    if (how === 'with a third') {
      await builder.git(['checkout', '--quiet', '-b', 'third', scene.at.patch])
      await builder.commit('core: third', { files: { third: 'x' } })
    }
    await builder.git(['checkout', '--quiet', 'main'])
    await builder.git([...merge, 'side', ...more])
  }
  await builder.push('origin', 'HEAD:main')
}

type Row = readonly [name: string, base: Base, code: number, attack: (scene: Scene) => Promise<unknown>]

const findings: readonly Row[] = [
  [
    'a listed person files the same number under an old date on a side branch, and closes it there',
    'passed',
    1,
    async scene => {
      await scene.say({ findings: open('A2') })
      const { alice } = scene.keys
      await beside(scene, scene.at.patch, async () => {
        await word(scene, { findings: open('A2') }, { key: alice, date: early })
        await word(scene, { findings: closed('A2') }, { key: alice, date: later })
      })
    }
  ],
  [
    'a listed person files it under an old date on a side branch, and closes it after the merge',
    'passed',
    1,
    async scene => {
      await scene.say({ findings: open('A2') })
      const { alice } = scene.keys
      await beside(scene, scene.at.patch, () =>
        word(scene, { findings: open('A2') }, { key: alice, date: early })
      )
      await word(scene, { findings: closed('A2') }, { key: alice, date: later })
      await scene.builder.push('origin', 'HEAD:main')
    }
  ],
  [
    'a listed person wrote the number by hand before the reviewer used it, and closes it by hand',
    'passed',
    1,
    async scene => {
      await scene.append('\n## [adversary] A2: mine\n', 'docs: x', scene.keys.alice)
      await scene.say({ findings: open('A2') })
      await scene.builder.pull()
      await scene.append('\n## [adversary] A2: CLOSED @2026-06-13T10:00Z\n', 'docs: y', scene.keys.alice)
    }
  ],
  [
    'a listed person filed the number before the reviewer used it, and closes it with a trailer',
    'passed',
    1,
    async scene => {
      await scene.builder.pull()
      await word(scene, { findings: open('A2') }, { key: scene.keys.alice })
      await scene.builder.push('origin', 'HEAD:main')
      await scene.say({ findings: open('A2'), title: 'second' })
      await scene.builder.pull()
      await word(scene, { findings: closed('A2') }, { key: scene.keys.alice, date: later })
      await scene.builder.push('origin', 'HEAD:main')
    }
  ],
  [
    'a listed person closes what only the reviewer filed',
    'passed',
    1,
    async scene => {
      await scene.say({ findings: open('A2') })
      await scene.builder.pull()
      await word(scene, { findings: closed('A2') }, { key: scene.keys.alice, date: later })
      await scene.builder.push('origin', 'HEAD:main')
    }
  ],
  [
    'the reviewer closes its own of that number, and not that of somebody else',
    'passed',
    1,
    async scene => {
      await scene.say({ findings: open('A2') })
      await beside(scene, scene.at.review2, () =>
        word(scene, { findings: open('A2') }, { key: scene.keys.alice })
      )
      await scene.say({ findings: closed('A2') })
    }
  ],
  ...(['into main', 'main into it', 'with a third'] as const).map(
    (how): Row => [
      `the reviewer closes an older filing on a branch that is merged later: ${how}`,
      'passed',
      1,
      async scene => {
        const { reviewer } = scene.keys
        await scene.say({ findings: open('A2') })
        await scene.builder.pull()
        const first = await scene.builder.tip()
        await scene.say({ findings: closed('A2') })
        await scene.say({ findings: open('A2') })
        await beside(
          scene,
          first,
          () => word(scene, { findings: closed('A2') }, { key: reviewer, date: later }),
          how
        )
      }
    ]
  ),
  [
    'closed by who filed it: it is open no more',
    'passed',
    0,
    async scene => {
      await scene.builder.pull()
      await word(scene, { findings: open('A2') }, { key: scene.keys.alice })
      await word(scene, { findings: closed('A2') }, { key: scene.keys.alice, date: later })
      await scene.builder.push('origin', 'HEAD:main')
    }
  ],
  [
    'closed by the reviewer, who did not file it: it is open no more',
    'passed',
    0,
    async scene => {
      await scene.builder.pull()
      await word(scene, { findings: open('A2') }, { key: scene.keys.alice })
      await scene.builder.push('origin', 'HEAD:main')
      await scene.say({ findings: closed('A2') })
    }
  ]
]

const vetoes: readonly Row[] = [
  ...(['into main', 'main into it', 'with a third'] as const).flatMap((how): readonly Row[] =>
    (['alice', 'reviewer'] as const).map(
      (who): Row => [
        `${who} lifts one on a branch that has never seen it, under a later date: ${how}`,
        'vetoed',
        1,
        scene =>
          beside(
            scene,
            scene.at.review2,
            () => word(scene, { vetoes: lift }, { key: scene.keys[who], date: later }),
            how
          )
      ]
    )
  ),
  [
    'a lift that is older than the veto, by a clock that is ahead',
    'passed',
    1,
    async scene => {
      await scene.builder.pull()
      await word(scene, { vetoes: veto }, { key: scene.keys.alice })
      await word(scene, { vetoes: lift }, { key: scene.keys.alice, date: '2026-06-13T11:30:00Z' })
      await word(scene, { vetoes: veto }, { key: scene.keys.alice, date: '2026-06-13T11:30:00Z' })
      await scene.builder.push('origin', 'HEAD:main')
    }
  ],
  [
    'put on a branch that was merged after the lift of another one',
    'vetoed',
    1,
    async scene => {
      await scene.say({ vetoes: lift })
      await beside(scene, scene.at.review2, () =>
        word(scene, { vetoes: veto }, { key: scene.keys.alice, date: '2026-06-13T06:30:00Z' })
      )
    }
  ],
  [
    'put by the reviewer, and lifted by hand by somebody else of the list',
    'passed',
    1,
    async scene => {
      await scene.say({ vetoes: veto })
      await scene.builder.pull()
      await scene.append('\n## VETO LIFTED M2: it is fine\n', 'docs: go on', scene.keys.alice)
    }
  ],
  [
    'put by the reviewer, and lifted by the trailers of somebody else of the list',
    'passed',
    1,
    async scene => {
      await scene.say({ vetoes: veto })
      await scene.builder.pull()
      await word(scene, { vetoes: lift }, { key: scene.keys.alice })
      await scene.builder.push('origin', 'HEAD:main')
    }
  ],
  [
    'put by one of the list, and lifted by hand by another',
    'vetoed',
    1,
    scene => scene.append('\n## VETO LIFTED M2: it is fine\n', 'docs: go on', scene.keys.carol)
  ],
  [
    'put by one of the list, and lifted by the trailers of another',
    'vetoed',
    1,
    async scene => {
      await scene.builder.pull()
      await word(scene, { vetoes: lift }, { key: scene.keys.carol })
      await scene.builder.push('origin', 'HEAD:main')
    }
  ],
  [
    'put by two of the list, and lifted by one of them',
    'vetoed',
    1,
    async scene => {
      await scene.append('\n## VETO M2: nor before Tuesday\n', 'docs: hold it', scene.keys.carol)
      await scene.append('\n## VETO LIFTED M2: it is fine\n', 'docs: go on', scene.keys.carol)
    }
  ],
  [
    'put by two of the list, and lifted by each of them',
    'vetoed',
    0,
    async scene => {
      await scene.append('\n## VETO M2: nor before Tuesday\n', 'docs: hold it', scene.keys.carol)
      await scene.append('\n## VETO LIFTED M2: it is fine\n', 'docs: go on', scene.keys.carol)
      await scene.append('\n## VETO LIFTED M2: Monday it is\n', 'docs: go on', scene.keys.alice)
    }
  ],
  [
    'lifted on a branch that has it in its history',
    'vetoed',
    0,
    async scene => {
      await scene.builder.pull()
      const from = await scene.builder.tip()
      await scene.builder.commit('core: more', { files: { more: 'x' } })
      await scene.builder.push('origin', 'HEAD:main')
      await beside(scene, from, () => word(scene, { vetoes: lift }, { key: scene.keys.alice, date: later }))
    }
  ],
  [
    'lifted by its author, whose clock is years behind',
    'vetoed',
    0,
    async scene => {
      await scene.builder.pull()
      const text = `${await scene.builder.read(path)}\n## VETO LIFTED M2: it is fine\n`
      const hand = { files: { [path]: text }, key: scene.keys.alice, date: '2020-01-01T00:00:00Z' }
      await scene.builder.commit('docs: go on', hand)
      await scene.builder.push('origin', 'HEAD:main')
    }
  ]
]

const side = 'machine-docs/REVIEW-pvfix-side.md'
/** A verdict of the reviewer's on a claim that lies beside the one on main. */
const besideVerdict = async (scene: Scene, verdict: 'PASS' | 'FAIL', date: string, on?: string) => {
  await beside(scene, on === undefined ? scene.at.claim2 : scene.at.patch, async () => {
    const claim = on ?? (await scene.builder.commit('claim(pvfix-M2): on a branch'))
    const inSide = { ...scene, path: side }
    await commitForgery(inSide, {
      claim,
      verdict,
      key: scene.keys.reviewer,
      author: reviewerPerson,
      date,
      policy: { review: side },
      mangle: message => message.replaceAll('REVIEW-pvfix.md', 'REVIEW-pvfix-side.md')
    })
  })
}

const verdicts: readonly Row[] = [
  [
    'a PASS on another claim that has not seen the FAIL, under a later date',
    'failed',
    1,
    scene => besideVerdict(scene, 'PASS', later)
  ],
  [
    'a FAIL on another claim that has not seen the PASS, under an earlier date',
    'passed',
    1,
    scene => besideVerdict(scene, 'FAIL', '2026-06-13T06:02:30Z')
  ],
  [
    'a PASS on a branch that has not seen its claim',
    'claimed',
    3,
    scene => besideVerdict(scene, 'PASS', later, scene.at.claim2)
  ],
  [
    'a PASS that has not seen the FAIL that a listed person signed by hand',
    'passed',
    1,
    async scene => {
      await scene.builder.pull()
      await scene.append('\n## M2: FAIL @2026-06-13T07:00Z\n', 'docs: x', scene.keys.alice)
      await besideVerdict(scene, 'PASS', later)
    }
  ],
  [
    'a PASS that has the FAIL in its history',
    'failed',
    0,
    async scene => {
      await scene.builder.pull()
      const claim = await scene.builder.commit('claim(pvfix-M2): again')
      await scene.builder.push('origin', 'HEAD:main')
      await scene.say({ claim, milestone: 'M2' })
    }
  ],
  [
    'a PASS on the very claim that failed, after a verdict on an older one',
    'passed',
    3,
    async scene => {
      await scene.builder.pull()
      const claim = await scene.builder.commit('claim(pvfix-M2): again')
      const own = { claim, key: scene.keys.reviewer, author: reviewerPerson }
      await forge(scene, { ...own, verdict: 'FAIL', date: '2026-06-13T10:00:00Z' })
      await forge(scene, { ...own, verdict: 'PASS', date: later })
    }
  ],
  [
    'a FAIL that has the PASS in its history, on a claim that it builds on',
    'passed',
    1,
    async scene => {
      await scene.builder.pull()
      const claim = await scene.builder.commit('claim(pvfix-M2): again')
      await forge(scene, {
        claim,
        verdict: 'FAIL',
        key: scene.keys.reviewer,
        author: reviewerPerson,
        date: later
      })
    }
  ]
]

const groups: readonly (readonly [string, readonly Row[]])[] = [
  ['findings', findings],
  ['vetoes', vetoes],
  ['verdicts', verdicts]
]
describe.each(groups.map(([group, rows]) => ({ group, rows })))('$group', ({ rows }) => {
  it.each(rows.map(row => [row[0], row] as const))('%s', async (_, [, base, code, attack]) => {
    const scene = await context.open(base)
    await attack(scene)
    const answer = await scene.gate()
    expect({ code: answer.code, why: answer.reasons }).toMatchObject({ code })
  })
})
