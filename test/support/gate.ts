import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openClone } from '../../src/git/clone.ts'
import { type GateAnswer, gateOnce, type GateOptions } from '../../src/gate/gate.ts'
import { allowedSigners, type Checkout, makeRepo, type TestKey, testGit, type TestRepo } from './repo.ts'
import { makeReviewer, type ReviewText } from './reviews.ts'

/** Signed histories to attack, made once and copied for each attack. */
export interface GateWorld {
  /** A copy of one of the histories, with a checkout of the builder's on it. */
  open(base: Base): Promise<Scene>
  readonly keys: Keys
  readonly signers: string
  dispose(): Promise<void>
}

export interface Keys {
  readonly reviewer: TestKey
  /** Listed, may veto and find. */
  readonly alice: TestKey
  /** Listed as well: another one than alice. */
  readonly carol: TestKey
  /** On no list. */
  readonly builder: TestKey
  /** A former key of the reviewer: the list lets it through until 2026-06-01. */
  readonly expired: TestKey
}

/**
 * `claimed`: M1 PASS, M2 claimed. `failed`: then M2 FAIL. `passed`: M2 PASS instead. `vetoed`: then a veto on M2
 * that alice wrote by hand.
 */
export type Base = 'empty' | 'claimed' | 'failed' | 'passed' | 'vetoed'

export interface Scene {
  readonly builder: Checkout
  readonly remote: string
  /** Sha of each commit of the history by its name. */
  readonly at: Readonly<
    Record<'orientation' | 'patch' | 'claim1' | 'review1' | 'claim2' | 'review2' | 'veto', string>
  >
  readonly keys: Keys
  readonly path: string
  /** A review by the reviewer's key, on top of the remote as it is now. */
  say(
    text: ReviewText,
    as?: { readonly key?: TestKey; readonly principal?: string; readonly now?: number }
  ): Promise<string>
  /** Appends to the review file, commits and pushes. */
  append(text: string, message?: string, key?: TestKey): Promise<string>
  /** Replaces text in the review file, commits and pushes. */
  edit(from: string | RegExp, to: string, key?: TestKey): Promise<string>
  gate(options?: Partial<GateOptions>): Promise<GateAnswer>
}

export const path = 'machine-docs/REVIEW-pvfix.md'
export const gateTime = Date.UTC(2026, 5, 13, 12, 0)

export async function makeGateWorld(): Promise<GateWorld> {
  const repo = await makeRepo()
  const keys = {
    reviewer: await repo.key('reviewer'),
    alice: await repo.key('alice'),
    carol: await repo.key('carol'),
    builder: await repo.key('builder'),
    expired: await repo.key('expired')
  }
  const signers = allowedSigners([
    ['adversary', keys.reviewer],
    ['alice', keys.alice],
    ['carol', keys.carol],
    ['adversary', keys.expired, 'namespaces="git",valid-before="20260601"']
  ])
  const at = {
    orientation: '',
    patch: '',
    claim1: '',
    review1: '',
    claim2: '',
    review2: '',
    veto: ''
  }
  const first = sceneOf(repo, repo.remote, repo.builder, keys, signers, at)
  const states: Record<Base, { remote: string; checkout: string; at: typeof at }> = Object.create(null)
  const keep = async (base: Base) => {
    const remote = join(repo.dir, `${base}.git`)
    const checkout = join(repo.dir, `${base}-checkout`)
    await repo.builder.pull()
    await cp(repo.remote, remote, { recursive: true })
    await cp(repo.builder.dir, checkout, { recursive: true })
    states[base] = { remote, checkout, at: { ...at } }
  }
  const { builder } = repo
  const push = async (message: string, files?: Record<string, string>) => {
    await builder.pull()
    const sha = await builder.commit(message, files === undefined ? {} : { files })
    await builder.push()
    return sha
  }

  await keep('empty')
  at.orientation = await first.say({ title: 'phase context' })
  at.patch = await push('nix: pin the subnet', { 'nix/swarm.nix': '--subnet 10.10.0.0/16\n' })
  at.claim1 = await push('claim(pvfix-M1): patch ready')
  at.review1 = await first.say({ claim: at.claim1, milestone: 'M1' })
  at.claim2 = await push('claim(pvfix-M2): all healthy')
  await keep('claimed')
  at.review2 = await first.say({ claim: at.claim2, milestone: 'M2', verdict: 'FAIL' })
  await keep('failed')
  await testGit(repo.remote, ['update-ref', 'refs/heads/main', at.claim2])
  await builder.git(['reset', '--quiet', '--hard', at.claim2])
  const finding = { id: 'A1', status: 'open' as const, blocks: ['D8'] }
  at.review2 = await first.say({ claim: at.claim2, milestone: 'M2', findings: [finding] })
  await keep('passed')
  await builder.pull()
  at.veto = await first.append('\n## VETO M2: not before Monday\n', 'docs: hold it', keys.alice)
  await keep('vetoed')

  let copies = 0
  return {
    keys,
    signers,
    async open(base) {
      const state = states[base]
      const name = `scene-${copies++}`
      const remote = join(repo.dir, `${name}.git`)
      await cp(state.remote, remote, { recursive: true })
      const dir = join(repo.dir, name)
      await cp(state.checkout, dir, { recursive: true })
      const config = join(dir, '.git', 'config')
      await writeFile(config, (await readFile(config, 'utf8')).replaceAll(repo.remote, remote))
      const checkout = repo.at(dir, { name: 'builder', email: 'builder@example.test' })
      return sceneOf(repo, remote, checkout, keys, signers, state.at)
    },
    dispose: () => repo.dispose()
  }
}

let clones = 0

function sceneOf(
  repo: TestRepo,
  remote: string,
  builder: Checkout,
  keys: Keys,
  signers: string,
  at: Scene['at']
): Scene {
  const trust = { allowed: signers, reviewer: 'adversary' }
  let now = Date.UTC(2026, 5, 13, 6, 0)
  const change = async (text: string, message: string, key?: TestKey) => {
    const sha = await builder.commit(message, {
      files: { [path]: text },
      ...(key === undefined ? {} : { key })
    })
    await builder.push('origin', 'HEAD:main')
    return sha
  }
  return {
    builder,
    remote,
    at,
    keys,
    path,
    async say(text, as = {}) {
      const git = await openClone({ url: remote, dir: join(repo.dir, `reviewer-${clones++}.git`) })
      now += 60_000
      const who = as.principal === undefined ? {} : { principal: as.principal }
      const reviewer = makeReviewer(git, as.key ?? keys.reviewer, trust, { now: as.now ?? now, ...who })
      const sha = await reviewer.say(text)
      await git.close()
      return sha
    },
    async append(text, message = 'docs: a note', key) {
      const there = await builder.read(path).catch(() => '')
      return change(there + text, message, key)
    },
    async edit(from, to, key) {
      const there = await builder.read(path)
      const text = there.replace(from, to)
      if (text === there) throw new Error('there is nothing to replace')
      return change(text, 'docs: a typo', key)
    },
    gate: options =>
      gateOnce({
        gate: 'pvfix-M2',
        remote,
        allowedSigners: signers,
        reviewer: 'adversary',
        now: gateTime,
        ...options
      })
  }
}
