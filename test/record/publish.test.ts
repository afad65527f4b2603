import { chmod, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { type Git, openClone } from '../../src/git/clone.ts'
import {
  baselinesOf,
  newestPass,
  newestReview,
  policyOf,
  readRecord,
  reviewOf,
  reviewTime,
  settledClaims,
  type Trust
} from '../../src/record/record.ts'
import { findingsOf } from '../../src/record/finding-history.ts'
import { allowedSigners, makeRepo, type TestKey, type TestRepo } from '../support/repo.ts'
import { makeReviewer, policy, publicationOf, publish, type Reviewer } from '../support/reviews.ts'

const path = 'machine-docs/REVIEW-pvfix.md'
let repo: TestRepo
let key: TestKey
let trust: Trust
let git: Git
let reviewer: Reviewer

beforeEach(async () => {
  repo = await makeRepo()
  key = await repo.key('reviewer')
  trust = { allowed: allowedSigners([['adversary', key]]), reviewer: 'adversary' }
  git = await openClone({ url: repo.url, dir: join(repo.dir, 'clone.git') })
  reviewer = makeReviewer(git, key, trust)
})
afterEach(async () => {
  await git.close()
  await repo.dispose()
})

async function claim(name: string): Promise<string> {
  await repo.builder.pull()
  const sha = await repo.builder.commit(`claim(${name}): done`)
  await repo.builder.push()
  return sha
}

async function record() {
  return readRecord(git, (await git.fetch('main')) ?? '', trust)
}

describe('a published review', () => {
  it('stands on the branch, signed, and is read back', async () => {
    const orientation = await reviewer.say({ title: 'phase context' })
    const m1 = await claim('pvfix-M1')
    const first = await reviewer.say({ claim: m1, verdict: 'FAIL' })
    const again = await claim('pvfix-M1')
    const finding = { id: 'A1', status: 'open' as const, blocks: ['M2'], key: 'p/s' }
    const second = await reviewer.say({ claim: again, findings: [finding] })
    await reviewer.say({ findings: [{ id: 'A1', status: 'closed', blocks: ['M2'] }] })

    const read = await record()
    expect(read.distrusted).toEqual([])
    expect(read.reviews).toHaveLength(4)
    expect(read.reviews.every(review => review.byReviewer)).toBe(true)
    expect(reviewOf(read, m1)?.commit.sha).toBe(first)
    expect(reviewOf(read, 'f'.repeat(40))).toBeNull()
    expect(settledClaims(read)).toEqual(new Set([m1, again]))
    expect(newestPass(read, 'pvfix', 'M1')?.commit.sha).toBe(second)
    expect(newestReview(read, 'pvfix', 'M2')).toBeNull()
    expect(reviewTime(read, 'pvfix', 'M1')).toBe('2026-06-13T06:00:06.000Z')
    expect(policyOf(read, 'pvfix')).toEqual(policy)
    expect(policyOf(read, 'other')).toBeNull()
    expect(baselinesOf(read, 'pvfix')[0]?.commit.sha).toBe(orientation)
    expect(findingsOf(read, 'pvfix')[0]).toMatchObject({
      status: 'closed',
      key: 'p/s',
      blocks: ['M2']
    })

    await repo.builder.pull()
    const text = await repo.builder.read(path)
    expect(text).toContain('# REVIEW — phase pvfix (Adversary)\n\n---\n\n## Said\n')
    expect(text).toContain('## M1: FAIL @')
    expect(await repo.builder.git(['log', '-1', '--format=%an <%ae>'])).toBe(
      'adversary-bot <adversary@example.test>'
    )
  })

  it('leaves the bytes that were there as they are, whatever git attributes say', async () => {
    const odd = Buffer.from('\ufeffa\r\nb\r\n```\nno final line break', 'utf8')
    await repo.builder.commit('docs: a file by hand', {
      files: {
        '.gitattributes': '* text eol=lf ident filter=evil\n',
        '.mailmap': 'X <adversary@example.test>\n'
      }
    })
    const blob = await repo.builder.git(['hash-object', '-w', '--stdin', '--no-filters'], { input: odd })
    await repo.builder.git(['update-index', '--add', '--cacheinfo', `100644,${blob},${path}`])
    await repo.builder.git(['commit', '--quiet', '-m', 'docs: put'])
    await repo.builder.push()
    const sha = await reviewer.say({})
    const file = await git.file(sha, path)
    const bytes = file.kind === 'file' ? Buffer.from(file.bytes) : Buffer.alloc(0)
    expect(bytes.subarray(0, odd.length).equals(odd)).toBe(true)
    expect(bytes.subarray(odd.length).toString()).toBe('\n---\n\n## Said\n')
  })

  it('is written on the new tip when it lost to unrelated commits', async () => {
    const m1 = await claim('pvfix-M1')
    const tips: string[] = []
    const published = await publish({
      ...reviewer.options(async tip => {
        tips.push(tip.sha)
        if (tips.length < 3) {
          await repo.builder.commit(`core: faster ${tips.length}`)
          await repo.builder.push()
        }
        return publicationOf(tip, { claim: m1 })
      })
    })
    expect(published).toMatchObject({ kind: 'published', attempts: 3 })
    expect(new Set(tips).size).toBe(3)
    expect((await record()).reviews).toHaveLength(1)
  })

  it('is dropped when another reviewer was faster with the same claim', async () => {
    const m1 = await claim('pvfix-M1')
    const others = await Promise.all(
      [1, 2, 3].map(async n => {
        const own = await openClone({ url: repo.url, dir: join(repo.dir, `clone-${n}.git`) })
        const outcome = await publish({
          ...makeReviewer(own, key, trust).options(async tip =>
            reviewOf(tip.record, m1) === null ? publicationOf(tip, { claim: m1 }) : null
          )
        })
        await own.close()
        return outcome.kind === 'published' ? outcome.commit : outcome.kind
      })
    )
    // Reviewers with one key and one clock write the same commit to the byte, and then both have pushed it.
    expect(new Set(others.filter(other => other !== 'dropped')).size).toBe(1)
    expect((await record()).reviews).toHaveLength(1)
  })

  it('is stale after five minutes, however often it lost', async () => {
    let now = 0
    let builds = 0
    const published = await publish({
      ...reviewer.options(async tip => {
        builds++
        now += 200_000
        await repo.builder.commit('core: faster')
        await repo.builder.push()
        return publicationOf(tip, {})
      }),
      observedAt: 0,
      now: () => now
    })
    expect(published).toEqual({ kind: 'stale' })
    expect(builds).toBe(2)
  })

  it('is stale where the clock was set back by more', async () => {
    const observedAt = Date.UTC(2026, 5, 13)
    const options = reviewer.options(async tip => publicationOf(tip, {}))
    const setBack = (ms: number) => publish({ ...options, observedAt, now: () => observedAt - ms })
    expect(await setBack(300_001)).toEqual({ kind: 'stale' })
    expect(await setBack(299_000)).toMatchObject({ kind: 'published' })
  })

  it('is what a force-push is compared with from then on', async () => {
    const sha = await reviewer.say({})
    expect(await git.remembered('main')).toBe(sha)
  })

  it('gives up after the last attempt', async () => {
    let builds = 0
    const publishing = publish({
      ...reviewer.options(async tip => {
        builds += 1
        await repo.builder.commit('core: faster')
        await repo.builder.push()
        return publicationOf(tip, {})
      }),
      attempts: 2
    })
    await expect(publishing).rejects.toThrow('lost 2 races in a row')
    expect(builds).toBe(2)
  })

  it('is tried again at once beside people, and later beside other reviewers', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    onTestFinished(() => {
      vi.restoreAllMocks()
    })
    const lose = async (faster: () => Promise<unknown>) => {
      const pauses: number[] = []
      const options = reviewer.options(async tip => {
        if (pauses.length < 4) await faster()
        return publicationOf(tip, {})
      })
      let now = options.observedAt
      // Each attempt takes a second: the clock is read when it begins, when it is dated, and when it is lost.
      await publish({ ...options, now: () => (now += 500), sleep: async ms => void pauses.push(ms) })
      return pauses
    }
    const people = async () => {
      await repo.builder.pull()
      await repo.builder.commit('core: faster')
      await repo.builder.push()
    }
    expect(await lose(people)).toEqual([125, 125, 125, 125])
    const other = await openClone({ url: repo.url, dir: join(repo.dir, 'other.git') })
    onTestFinished(() => other.close())
    const rival = makeReviewer(other, key, trust)
    let said = 0
    const another = () => rival.say({ phase: `other-${(said += 1)}` })
    // That it was a reviewer who was faster is known with the second attempt.
    expect(await lose(another)).toEqual([125, 1000, 1000, 1000])
  })

  it('is never dated before a review that it builds on, and never by a builder', async () => {
    await repo.builder.commit('core: from the future', { date: '2099-01-01T00:00:00Z' })
    await repo.builder.push()
    const first = await reviewer.say({})
    const early = makeReviewer(git, key, trust, { now: Date.UTC(2020, 0, 1) })
    const second = await early.say({})
    expect((await git.commit(first))?.committedAt).toMatch(/^2026-06-13T06:00/)
    expect((await git.commit(second))?.committedAt).toBe((await git.commit(first))?.committedAt)
  })

  it("is dated by the reviewer's other commits, readable or not, and by nobody else's", async () => {
    const message = 'review(pvfix-M1): x\n\nNo trailer.\n'
    await repo.builder.commit(message, { date: '2099-01-01T00:00:00Z' })
    await repo.builder.commit(message, { date: '2026-07-01T00:00:00Z', key })
    await repo.builder.push()
    expect((await git.commit(await reviewer.say({})))?.committedAt).toBe('2026-07-01T00:00:00.000Z')
  })

  it('goes to a branch of its own, begun from the watched one', async () => {
    const aside = makeReviewer(git, key, trust, { branch: 'reviews' })
    const main = await git.remoteTip('main')
    const first = await aside.say({})
    const second = await aside.say({})
    expect(await git.remoteTip('main')).toBe(main)
    expect(await git.remoteTip('reviews')).toBe(second)
    expect((await git.commit(first))?.parents).toEqual([main])
  })
})

describe('refused', () => {
  it.each<[string, string, RegExp]>([
    ['a symlinked review file', `120000 ${path}`, /is a symlink/],
    ['a symlinked folder', '120000 machine-docs', /is a symlink/],
    ['a submodule for a folder', '160000 machine-docs', /is a submodule/],
    ['a file for a folder', '100644 machine-docs', /not a folder/],
    ['a folder for the file', `100644 ${path}/x`, /is a folder/],
    ['a twin by case', '100644 machine-docs/review-PVFIX.md', /disguises itself/],
    ['a twin by Unicode form', '100644 machine-docs/REVIEW-pv\ufb01x.md', /disguises itself/],
    ['a twin of the folder', '120000 Machine-docs', /disguises itself/]
  ])('%s', async (_, entry, why) => {
    const [mode = '', ...rest] = entry.split(' ')
    const blob = await repo.builder.git(['hash-object', '-w', '--stdin'], { input: '/etc' })
    const sha = mode === '160000' ? await repo.builder.tip() : blob
    await repo.builder.git(['update-index', '--add', '--cacheinfo', `${mode},${sha},${rest.join(' ')}`])
    await repo.builder.git(['commit', '--quiet', '-m', 'core: trap'])
    await repo.builder.push()
    const before = await git.remoteTip('main')
    await expect(reviewer.say({})).rejects.toThrow(why)
    expect(await git.remoteTip('main')).toBe(before)
  })

  it('evidence that is there with other bytes', async () => {
    const m1 = await claim('pvfix-M1')
    await repo.builder.commit('core: squat', {
      files: { [`machine-docs/evidence/pvfix-${m1.slice(0, 12)}.json`]: '{}' }
    })
    await repo.builder.push()
    await expect(reviewer.say({ claim: m1 })).rejects.toThrow('with other bytes')
  })

  it('evidence that has a twin', async () => {
    const m1 = await claim('pvfix-M1')
    await repo.builder.commit('core: squat', {
      files: { [`machine-docs/evidence/PVFIX-${m1.slice(0, 12)}.json`]: '{}' }
    })
    await repo.builder.push()
    await expect(reviewer.say({ claim: m1 })).rejects.toThrow(/disguises itself as .*evidence\/pvfix-/)
  })

  it('a protected branch, with the words of the server', async () => {
    const hook = join(repo.remote, 'hooks', 'update')
    await mkdir(join(repo.remote, 'hooks'), { recursive: true })
    await writeFile(hook, '#!/bin/sh\necho "main is protected" >&2\nexit 1\n')
    await chmod(hook, 0o755)
    await expect(reviewer.say({})).rejects.toThrow(/was refused: .*main is protected/)
    await rm(hook)
  })

  it('a key that the allowed signers do not let through', async () => {
    const stranger = makeReviewer(git, await repo.key('stranger'), trust)
    await expect(stranger.say({})).rejects.toThrow('no gate would trust a review signed with')
    expect((await record()).reviews).toEqual([])
  })

  it("another listed signer's key", async () => {
    const allowed = allowedSigners([['alice', key]])
    const alice = makeReviewer(git, key, { ...trust, allowed })
    await expect(alice.say({})).rejects.toThrow("it is alice's")
  })
})
