import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { gateOnce, openGate } from '../../src/gate/gate.ts'
import { type Base, type GateWorld, gateTime, makeGateWorld, path, type Scene } from '../support/gate.ts'
import { day, policy } from '../support/reviews.ts'
import { cpuMsOf } from '../support/cpu.ts'

let context: GateWorld
beforeAll(async () => {
  context = await makeGateWorld()
})
afterAll(() => context.dispose())

describe('an honest history', () => {
  it('is open after a PASS, and says by whom', async () => {
    const scene = await context.open('passed')
    const answer = await scene.gate()
    expect(answer).toEqual({
      gate: 'pvfix-M2',
      code: 0,
      verdict: 'PASS',
      reasons: [expect.stringContaining('signed by adversary at 2026-06-13T06')],
      review: expect.objectContaining({
        path,
        commit: scene.at.review2,
        claim: scene.at.claim2,
        signedAt: expect.any(String)
      }),
      next: null,
      mayChange: false,
      stale: null
    })
    expect(await scene.gate({ gate: 'pvfix-M1' })).toMatchObject({ code: 0 })
    expect(await scene.gate({ commit: scene.at.claim2 })).toMatchObject({ code: 0 })
    expect(await scene.gate({ branch: 'main', now: gateTime + 29 * day })).toMatchObject({ code: 0 })
  })

  it('opens a whole phase when each of its milestones is', async () => {
    expect(await (await context.open('passed')).gate({ gate: 'pvfix' })).toMatchObject({
      code: 0,
      verdict: 'PASS',
      milestones: [
        { gate: 'pvfix-M1', code: 0 },
        { gate: 'pvfix-M2', code: 0 }
      ]
    })
    expect(await (await context.open('claimed')).gate({ gate: 'pvfix' })).toMatchObject({
      code: 2,
      verdict: null,
      mayChange: true
    })
    expect(await (await context.open('failed')).gate({ gate: 'pvfix' })).toMatchObject({
      code: 1,
      verdict: 'FAIL',
      mayChange: false
    })
  })

  it('is not held up by a line that is made to be slow', async () => {
    const scene = await context.open('passed')
    await scene.append(`\n# M9${' '.repeat(200_000)}x\n`)
    const ms = await cpuMsOf(async () => expect(await scene.gate()).toMatchObject({ code: 0 }))
    expect(ms).toBeLessThan(5_000)
  })

  it('is not open where the signature of a veto could not be verified', async () => {
    const scene = await context.open('vetoed')
    const before = process.env['PATH'] ?? ''
    const folder = await mkdtemp(join(tmpdir(), 'adversary-dying-'))
    const dies =
      '#!/bin/sh\ncase "$*" in *"-I alice"*) kill -9 $$ ;; esac\nPATH=${PATH#*:} exec ssh-keygen "$@"\n'
    await writeFile(join(folder, 'ssh-keygen'), dies)
    await chmod(join(folder, 'ssh-keygen'), 0o755)
    try {
      process.env['PATH'] = `${folder}${delimiter}${before}`
      await expect(scene.gate()).rejects.toThrow(/could not be verified/)
    } finally {
      process.env['PATH'] = before
      await rm(folder, { recursive: true, force: true })
    }
  })

  it.each<[string, Base, number, RegExp, (scene: Scene) => Promise<unknown>]>([
    ['nobody has claimed it', 'empty', 2, /M2 is not claimed/, async () => {}],
    ['claimed, not reviewed', 'claimed', 2, /not reviewed yet/, async () => {}],
    ['FAIL', 'failed', 1, /M2 failed: /, async () => {}],
    ['vetoed by hand', 'vetoed', 1, /alice vetoes M2/, async () => {}],
    [
      'a veto lifted by its author',
      'vetoed',
      0,
      /PASS/,
      scene => scene.append('\n## VETO LIFTED M2: fine\n', 'docs: on', scene.keys.alice)
    ],
    [
      'a veto lifted by its author in a file that no parser reads',
      'vetoed',
      0,
      /PASS/,
      async scene => {
        await scene.append(`\n## A note\n\n <!-- -->\n${'>'.repeat(120)} x\n`)
        await scene.append('\n## VETO LIFTED M2: fine\n', 'docs: on', scene.keys.alice)
      }
    ],
    [
      'a veto lifted by the reviewer',
      'vetoed',
      0,
      /PASS/,
      scene => scene.say({ vetoes: [{ milestone: 'M2', status: 'lifted' }] })
    ],
    [
      'a veto lifted by the builder',
      'vetoed',
      1,
      /alice vetoes M2/,
      scene => scene.append('\n## VETO LIFTED M2: fine\n', 'docs: on', scene.keys.builder)
    ],
    [
      'a veto on a milestone that it needs',
      'passed',
      2,
      /it needs M1, which is not open: alice vetoes M1/,
      scene => scene.append('\n## VETO M1: no\n', 'docs: hold', scene.keys.alice)
    ],
    [
      'a veto on another milestone',
      'passed',
      0,
      /PASS/,
      scene => scene.append('\n## VETO M7: no\n', 'docs: hold', scene.keys.alice)
    ],
    [
      'a veto in other words',
      'passed',
      1,
      /alice vetoes \*/,
      scene => scene.append('\n### Veto: not before Monday\n', 'docs: hold', scene.keys.alice)
    ],
    [
      'a veto with a dash',
      'passed',
      1,
      /alice vetoes M2/,
      scene => scene.append('\n## veto M2 - no\n', 'docs: hold', scene.keys.alice)
    ],
    [
      'a word that is no veto',
      'passed',
      0,
      /PASS/,
      scene => scene.append('\n## Vetoed nothing\n\nveto\n', 'docs: hm', scene.keys.alice)
    ],
    [
      'a veto by trailer',
      'passed',
      1,
      /adversary vetoes M2/,
      scene => scene.say({ vetoes: [{ milestone: 'M2', status: 'open' }] })
    ],
    [
      'a veto by alice with the tool',
      'passed',
      1,
      /alice vetoes M2/,
      scene =>
        scene.say(
          { vetoes: [{ milestone: 'M2', status: 'open' }] },
          { key: scene.keys.alice, principal: 'alice' }
        )
    ],
    [
      'a finding that blocks',
      'passed',
      1,
      /A2 is open and blocks M2/,
      scene => scene.say({ findings: [{ id: 'A2', status: 'open', blocks: ['M2'] }] })
    ],
    [
      'a finding that blocks another',
      'passed',
      0,
      /PASS/,
      scene => scene.say({ findings: [{ id: 'A2', status: 'open', blocks: ['M7'] }] })
    ],
    [
      'a finding of alice by hand',
      'passed',
      1,
      /A2 is open and blocks M2/,
      scene =>
        scene.append(
          '\n## [adversary] A2: leaks\n**Status:** open · **Blocks:** M2 · x\n',
          'docs: found',
          scene.keys.alice
        )
    ],
    [
      'a finding by hand that does not say what it blocks',
      'passed',
      1,
      /A2 is open and blocks the phase/,
      scene => scene.append('\n## [adversary] A2: leaks\n', 'docs: found', scene.keys.alice)
    ],
    [
      'a finding that was closed',
      'passed',
      0,
      /PASS/,
      async scene => {
        await scene.say({ findings: [{ id: 'A2', status: 'open', blocks: ['M2'] }] })
        await scene.say({ findings: [{ id: 'A2', status: 'closed', blocks: ['M2'] }] })
      }
    ],
    [
      'a finding that alice closed and the reviewer had filed',
      'passed',
      1,
      /A2 is open/,
      async scene => {
        await scene.say({ findings: [{ id: 'A2', status: 'open', blocks: ['M2'] }] })
        await scene.say(
          { findings: [{ id: 'A2', status: 'closed', blocks: [] }] },
          { key: scene.keys.alice, principal: 'alice' }
        )
      }
    ],
    ['an unsigned note below', 'passed', 0, /PASS/, scene => scene.append('\nThanks!\n')],
    [
      'an unsigned FAIL below',
      'passed',
      0,
      /PASS/,
      scene => scene.append('\n## M2: FAIL @2026-06-13T07:00Z\n')
    ],
    [
      'a merge signed by alice, who took the file as it was',
      'passed',
      0,
      /PASS/,
      scene => mergeBy(scene, 'alice')
    ],
    ['a merge signed by the reviewer', 'passed', 0, /PASS/, scene => mergeBy(scene, 'reviewer')],
    ['an unsigned veto', 'passed', 0, /PASS/, scene => scene.append('\n## VETO M2: no\n')],
    ['a newer claim', 'passed', 2, /a newer claim \w+ waits/, scene => push(scene, 'claim(pvfix-M2): again')],
    [
      'a newer claim of another milestone',
      'passed',
      0,
      /PASS/,
      scene => push(scene, 'claim(pvfix-M3): more')
    ],
    ['a newer claim of another phase', 'passed', 0, /PASS/, scene => push(scene, 'claim(other-M2): more')],
    [
      'a newer claim that was answered',
      'passed',
      0,
      /PASS/,
      async scene => scene.say({ claim: await push(scene, 'claim(pvfix-M2): again'), milestone: 'M2' })
    ],
    [
      'a newer claim that failed',
      'passed',
      1,
      /M2 failed: /,
      async scene =>
        scene.say({ claim: await push(scene, 'claim(pvfix-M2): again'), milestone: 'M2', verdict: 'FAIL' })
    ],
    [
      'a newer claim that passed after a FAIL',
      'failed',
      0,
      /PASS/,
      async scene => scene.say({ claim: await push(scene, 'claim(pvfix-M2): again'), milestone: 'M2' })
    ],
    [
      'an older claim that failed later',
      'passed',
      0,
      /PASS/,
      async scene => {
        const newer = await push(scene, 'claim(pvfix-M2): again')
        await scene.say({ claim: newer, milestone: 'M2' })
      }
    ],
    [
      'INCONCLUSIVE',
      'claimed',
      2,
      /INCONCLUSIVE/,
      scene => scene.say({ claim: scene.at.claim2, milestone: 'M2', verdict: 'INCONCLUSIVE' })
    ],
    [
      'what it needs failed since',
      'passed',
      2,
      /it needs M1, which is FAIL/,
      async scene => scene.say({ claim: await push(scene, 'claim(pvfix-M1): again'), verdict: 'FAIL' })
    ],
    [
      'checks that changed since',
      'passed',
      2,
      /its checks have changed/,
      scene => scene.say({ policy: { milestones: policy.milestones.map(({ checks: _, ...rest }) => rest) } })
    ],
    [
      'a plan that no longer has it',
      'passed',
      2,
      /no longer has it/,
      scene => scene.say({ policy: { milestones: policy.milestones.slice(0, 1) } })
    ],
    [
      'reviews of another branch',
      'passed',
      2,
      /are about the branch other/,
      scene => scene.say({ policy: { branch: 'other' } })
    ]
  ])('%s', async (_, base, code, why, act) => {
    const scene = await context.open(base)
    await act(scene)
    const answer = await scene.gate()
    expect({ code: answer.code, why: answer.reasons[0] }).toEqual({ code, why: expect.stringMatching(why) })
    expect(answer.next === null).toBe(code === 0)
  })

  it('is stale when what it watches was touched, or after its age', async () => {
    const scene = await context.open('passed')
    expect(await scene.gate({ gate: 'pvfix-M1', now: gateTime + 31 * day })).toMatchObject({
      code: 2,
      mayChange: true
    })
    await push(scene, 'nix: change', { 'nix/swarm.nix': 'nothing\n' })
    expect(await scene.gate({ gate: 'pvfix-M1' })).toMatchObject({
      code: 2,
      reasons: [expect.stringContaining('changes a path that it watches')]
    })
    expect(await scene.gate({ gate: 'pvfix-M2' })).toMatchObject({
      code: 2,
      reasons: [expect.stringContaining('it needs M1, which is not open')]
    })
  })

  it('reads a review dated in the future as unproven', async () => {
    const scene = await context.open('passed')
    expect(await scene.gate({ now: Date.UTC(2026, 5, 1) })).toMatchObject({
      code: 2,
      reasons: [expect.stringContaining('in the future')]
    })
  })

  it('asks about the commit being built', async () => {
    const scene = await context.open('passed')
    expect(await scene.gate({ commit: scene.at.claim1 })).toMatchObject({
      code: 2,
      reasons: [expect.stringContaining('does not contain the reviewed claim')]
    })
    expect(await scene.gate({ commit: 'f'.repeat(40) })).toMatchObject({
      code: 2,
      reasons: [expect.stringContaining('is not in the remote')]
    })
    await scene.builder.git(['checkout', '--quiet', '-b', 'topic'])
    const topic = await scene.builder.commit('core: topic')
    await scene.builder.push('origin', 'topic')
    expect(await scene.gate({ commit: topic })).toMatchObject({ code: 0 })
    const claim = await scene.builder.commit('claim(pvfix-M2): on a topic')
    await scene.builder.push('origin', 'topic')
    expect(await scene.gate({ commit: claim })).toMatchObject({
      code: 2,
      reasons: [expect.stringContaining('newer claim')]
    })
  })

  it('lets an accepted edit pass, and only that', async () => {
    const scene = await context.open('passed')
    await scene.edit('## Said', '## It was said')
    expect(await scene.gate()).toMatchObject({ code: 3 })
    const { sha256 } = await import('../../src/lib/canonical.ts')
    await scene.say({ accept: sha256(await scene.builder.read(path)) })
    expect(await scene.gate()).toMatchObject({ code: 0 })
    await scene.builder.pull()
    await scene.edit('## It was said', '## Said')
    expect(await scene.gate()).toMatchObject({ code: 3 })
  })

  it('forgives an unsigned change that was restored', async () => {
    const scene = await context.open('passed')
    await scene.edit('## Said', '## It was said')
    await scene.edit('## It was said', '## Said')
    expect(await scene.gate()).toMatchObject({ code: 0 })
  })

  it('reads reviews from a branch of their own', async () => {
    const scene = await context.open('claimed')
    const { openClone } = await import('../../src/git/clone.ts')
    const { makeReviewer } = await import('../support/reviews.ts')
    const git = await openClone({ url: scene.remote, dir: `${scene.remote}.aside` })
    const trust = { allowed: context.signers, reviewer: 'adversary' }
    const aside = makeReviewer(git, scene.keys.reviewer, trust, {
      branch: 'reviews',
      now: Date.UTC(2026, 5, 13, 9)
    })
    await aside.say({ claim: scene.at.claim2, milestone: 'M2' })
    await git.close()
    expect(await scene.gate()).toMatchObject({ code: 2 })
    expect(await scene.gate({ reviewBranch: 'reviews' })).toMatchObject({ code: 0 })
    await push(scene, 'claim(pvfix-M2): again')
    expect(await scene.gate({ reviewBranch: 'reviews' })).toMatchObject({ code: 2 })
  })

  it('while it is waited for: a look sees whatever has been pushed since the one before', async () => {
    const scene = await context.open('claimed')
    const { openClone } = await import('../../src/git/clone.ts')
    const { makeReviewer } = await import('../support/reviews.ts')
    const asked = {
      gate: 'pvfix-M2',
      remote: scene.remote,
      allowedSigners: context.signers,
      reviewer: 'adversary'
    }
    const here = openGate(asked)
    const aside = openGate({ ...asked, reviewBranch: 'reviews' })
    try {
      for (const gate of [here, aside]) {
        const first = await gate.look(gateTime)
        expect(first).toMatchObject({ code: 2, mayChange: true })
        // Nothing has moved: it is the very answer.
        expect(await gate.look(gateTime)).toBe(first)
      }
      const git = await openClone({ url: scene.remote, dir: `${scene.remote}.aside` })
      const trust = { allowed: context.signers, reviewer: 'adversary' }
      const when = { branch: 'reviews', now: Date.UTC(2026, 5, 13, 9) }
      await makeReviewer(git, scene.keys.reviewer, trust, when).say({
        claim: scene.at.claim2,
        milestone: 'M2'
      })
      await git.close()
      // The branch of the reviews was not there before.
      expect(await aside.look(gateTime)).toMatchObject({ code: 0 })
      expect(await here.look(gateTime)).toMatchObject({ code: 2 })
      await push(scene, 'claim(pvfix-M2): again')
      expect(await aside.look(gateTime)).toMatchObject({ code: 2 })
      await scene.edit('## Said', '## It was said')
      expect(await here.look(gateTime)).toMatchObject({ code: 3 })
    } finally {
      await here.close()
      await aside.close()
    }
  })
})

describe('a reviewer of two repos that share history', () => {
  const here = { repo: 'ops/infra' }
  const passed = async (repo?: string) => {
    const scene = await context.open('claimed')
    const named = repo === undefined ? {} : { repo }
    await scene.say({ claim: scene.at.claim2, milestone: 'M2', ...named })
    return scene
  }

  it.each<[string, string | undefined, Record<string, string>, number, RegExp]>([
    ['made for this one', 'ops/infra', here, 0, /PASS/],
    [
      'made for this one, told by its path',
      'srv/git/ops/infra',
      { repo: '/srv/git/ops/infra.git' },
      0,
      /PASS/
    ],
    [
      'made for one that ends alike',
      'mallory/ops/infra',
      here,
      3,
      /made for the repository mallory\/ops\/infra/
    ],
    [
      'made for the other one',
      'alice/infra',
      here,
      3,
      /made for the repository alice\/infra; this one is ops\/infra/
    ],
    ['made for this one, by host and path', '//git.example.test/ops/infra', here, 0, /PASS/],
    [
      'made for this one, told in another spelling',
      '//git.example.test/ops/infra',
      { repo: 'ssh://git@git.example.test:2222/Ops/infra.git' },
      0,
      /PASS/
    ],
    [
      'made for this path of an older version, and host and path are told',
      'ops/infra',
      { repo: 'https://git.example.test/ops/infra' },
      0,
      /PASS/
    ],
    [
      'made for that path on another host',
      '//evil.example.test/ops/infra',
      { repo: 'https://git.example.test/ops/infra' },
      3,
      /made for the repository \/\/evil\.example\.test\/ops\/infra/
    ],
    [
      'made for a group that is called like the host',
      'git.example.test/ops/infra',
      { repo: 'https://git.example.test/ops/infra' },
      3,
      /made for the repository git\.example\.test\/ops\/infra/
    ],
    [
      'made for a path behind that of this one',
      '//git.example.test/mallory/ops/infra',
      here,
      3,
      /made for the repository \/\/git\.example\.test\/mallory\/ops\/infra/
    ],
    ['made for the other one, and nobody asks', 'alice/infra', {}, 0, /PASS/],
    ['made before reviews named one', undefined, here, 2, /does not name its repository/]
  ])('%s', async (_, repo, told, code, why) => {
    const scene = await passed(repo)
    expect(await scene.gate(told)).toMatchObject({ code, reasons: [expect.stringMatching(why)] })
  })

  it('a claim that is made again here waits for its review, and is answered', async () => {
    const scene = await passed('alice/infra')
    const claim = await push(scene, 'claim(pvfix-M2): here')
    expect(await scene.gate(here)).toMatchObject({ code: 2, mayChange: true })
    await scene.say({ claim, milestone: 'M2', repo: 'ops/infra' })
    expect(await scene.gate(here)).toMatchObject({ code: 0 })
  })

  it('what was made for the other one closes here, and opens nothing', async () => {
    const scene = await passed('ops/infra')
    expect(await scene.gate(here)).toMatchObject({ code: 0 })
    const vetoes = [{ milestone: 'M2', status: 'open' as const }]
    const findings = [{ id: 'A7', status: 'open' as const, blocks: ['M2'] }]
    await scene.say({ vetoes, findings, repo: 'alice/infra' })
    const reasons = [expect.stringContaining('vetoes M2'), expect.stringContaining('A7 is open')]
    expect(await scene.gate(here)).toMatchObject({ code: 1, reasons })
    await scene.say({
      vetoes: [{ milestone: 'M2', status: 'lifted' }],
      findings: [{ id: 'A7', status: 'closed', blocks: ['M2'] }],
      repo: 'alice/infra'
    })
    expect(await scene.gate(here)).toMatchObject({ code: 1, reasons })
    await scene.say({
      vetoes: [{ milestone: 'M2', status: 'lifted' }],
      findings: [{ id: 'A7', status: 'closed', blocks: ['M2'] }],
      repo: 'ops/infra'
    })
    expect(await scene.gate(here)).toMatchObject({ code: 0 })
  })

  it('neither its rules nor its accept count', async () => {
    const scene = await passed('ops/infra')
    const milestones = policy.milestones.map(rules => ({ ...rules, maxAge: 1000 * day }))
    await scene.say({ policy: { milestones }, repo: 'alice/infra' })
    expect(await scene.gate({ ...here, now: gateTime + 31 * day })).toMatchObject({ code: 2 })
    await scene.builder.pull()
    await scene.edit('## Said', '## It was said')
    const { sha256 } = await import('../../src/lib/canonical.ts')
    await scene.say({ accept: sha256(await scene.builder.read(path)), repo: 'alice/infra' })
    expect(await scene.gate(here)).toMatchObject({ code: 3 })
    expect(await scene.gate()).toMatchObject({ code: 0 })
  })
})

describe('what the gate must be told', () => {
  it.each([
    ['nobody allowed to sign', { allowedSigners: null }, /no signer is allowed/],
    ['an empty list', { allowedSigners: '# nobody\n\n' }, /no signer is allowed/],
    ['a path instead of a list', { allowedSigners: '/etc/adversary/allowed_signers' }, /holds no key/],
    [
      'a reviewer who is not on it',
      { reviewer: 'adversery' },
      /the list of allowed signers has no principal adversery/
    ],
    ['no reviewer', { reviewer: null }, /no reviewer is named/],
    ['an empty reviewer', { reviewer: '' }, /no reviewer is named/]
  ])('%s', async (_, options, why) => {
    const scene = await context.open('passed')
    const answer = await scene.gate(options)
    expect(answer).toMatchObject({
      code: 3,
      reasons: [expect.stringMatching(why)],
      next: expect.stringContaining('ADVERSARY_')
    })
  })

  it.each(['../x', 'a b', '', '-x', 'a/b', 'x\ny'])('a name that is none: %j', async gate => {
    const asking = gateOnce({ gate, remote: '/nowhere', allowedSigners: 'x', reviewer: 'x', now: 0 })
    await expect(asking).rejects.toMatchObject({ kind: 'usage' })
  })

  it('a remote that is none, and a branch that is not there', async () => {
    const scene = await context.open('passed')
    await expect(scene.gate({ remote: `${scene.remote}.none` })).rejects.toMatchObject({ kind: 'repository' })
    await expect(scene.gate({ branch: 'none' })).rejects.toMatchObject({
      kind: 'usage',
      message: expect.stringMatching(/has no branch none$/),
      hint: '--branch main'
    })
  })
})

async function push(scene: Scene, message: string, files?: Record<string, string>): Promise<string> {
  await scene.builder.pull()
  const sha = await scene.builder.commit(message, files === undefined ? {} : { files })
  await scene.builder.push('origin', 'HEAD:main')
  return sha
}

/** An honest merge of a branch that knows nothing of the reviews. */
async function mergeBy(scene: Scene, who: 'alice' | 'reviewer'): Promise<void> {
  const { builder, keys, at } = scene
  await builder.git(['checkout', '--quiet', '-b', 'side', at.patch])
  await builder.commit('core: side', { files: { other: 'x' } })
  await builder.git(['fetch', '--quiet', 'origin'])
  const sign = ['-c', 'gpg.format=ssh', '-c', `user.signingkey=${keys[who].path}`]
  await builder.git([...sign, 'merge', '-S', '--quiet', '-m', 'core: merge', 'origin/main'])
  await builder.push('origin', 'HEAD:main')
}
