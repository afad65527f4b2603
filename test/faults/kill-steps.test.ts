import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { buildProduct, type Product } from '../support/killed.ts'
import { type FlakyHost, makeScene, patient, type Scene, startFlakyHost } from '../support/scene.ts'

/**
 * A reviewer that is ended with SIGKILL at each moment at which it changes the outside world, and is then
 * started again: every claim gets exactly one review, and nobody's words are lost.
 */

/** So many at a time. */
const laneCount = 3
const path = 'reviews/REVIEW-one.md'
/** What somebody wrote before: with a byte order mark, line ends of two kinds, a fence left open, no last line end. */
const byHand = '\ufeff# Notes\r\nby hand\n```\nleft open'
const afterwards = '\nand a word that came while the reviewer lay dead\n'

let folder = ''
let host: FlakyHost
let product: Product
const scenes: Scene[] = []

beforeAll(async () => {
  product = await buildProduct('kill-steps')
  folder = await mkdtemp(join(tmpdir(), 'adversary-kill-'))
  host = await startFlakyHost(folder)
}, 120_000)
afterAll(async () => {
  await Promise.all(scenes.map(scene => scene.dispose()))
  await host.close()
  await product.dispose()
  await rm(folder, { recursive: true, force: true })
})

/** A repo with a context and an open claim, and how to get back to it as it was. */
async function lane(): Promise<{ readonly scene: Scene; readonly claim: string; again(): Promise<void> }> {
  const scene = await makeScene({ hosts: patient(host), more: ['poll: 100ms', 'retry: 2m'] })
  scenes.push(scene)
  const checks = [
    '{ probe: repo-file, with: { path: README.md, contains: a repo } }',
    '{ probe: stray-stacks, on: prod, with: { forbid: ["nobody*"] } }'
  ]
  await scene.plan('one', `milestones:\n  M1: { checks: [${checks.join(', ')}] }\nhunt: { probes: [] }\n`)
  await scene.commit('docs: notes', { files: { [path]: byHand } })
  await live(scene)
  const claim = await scene.claim('one-M1')
  const base = `${scene.repo.remote}.base`
  await cp(scene.repo.remote, base, { recursive: true })
  const gone = { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }
  return {
    scene,
    claim,
    async again() {
      await rm(scene.repo.remote, gone)
      await cp(base, scene.repo.remote, { recursive: true })
      await rm(join(scene.home, '.adversary'), gone)
    }
  }
}

/** The reviewer's next life, in this process. */
async function live(scene: Scene): Promise<void> {
  const watched = await scene.world()
  await watched.once()
  await watched.close()
}

/** Somebody writes into the review file meanwhile, at its end, by hand. */
async function write(scene: Scene): Promise<void> {
  const { builder } = scene.repo
  await builder.git(['fetch', '--quiet', 'origin'])
  await builder.git(['reset', '--quiet', '--hard', 'origin/main'])
  const now = await builder.read(path)
  await scene.commit('docs: a word', { files: { [path]: now + afterwards } })
}

it('is no event for anybody else, at any step', async () => {
  const lanes = await Promise.all(Array.from({ length: laneCount }, lane))
  const ends = new Map<string, number>()
  const wrong: string[] = []
  let next = 0
  let over = false
  await Promise.all(
    lanes.map(async ({ scene, claim, again }) => {
      while (!over) {
        next += 1
        const at = next
        await again()
        const { killed, moment } = await product.dieAt(scene.home, at, { withChildren: at % 2 === 0 })
        over ||= !killed
        const spoken = at % 8 === 0
        if (spoken) await write(scene)
        await live(scene)

        const review = await scene.file(path)
        const found = {
          answered: (await scene.verdicts()).map(one => `${one.verdict} ${one.claim}`),
          sections: review.match(/^## (?:M1: PASS|Phase context)/gm) ?? [],
          kept: review.startsWith(byHand),
          words: review.split(afterwards.trim()).length - 1
        }
        const wanted = {
          answered: [`one-M1 PASS ${claim}`],
          sections: ['## Phase context', '## M1: PASS'],
          kept: true,
          words: spoken ? 1 : 0
        }
        if (JSON.stringify(found) !== JSON.stringify(wanted)) {
          wrong.push(`${at} (${moment}): ${JSON.stringify(found)}`)
        }
        const kind = moment
          .replace(/ (?:git|sh|ssh-keygen)\b.*/, ' a process')
          .replace(/^(?:before|after) /, '')
        if (killed) ends.set(kind, (ends.get(kind) ?? 0) + 1)
      }
    })
  )
  const counts = [...ends].map(([kind, count]) => `${count} ${kind}`).join(', ')
  const points = [...ends.values()].reduce((sum, count) => sum + count, 0)
  process.stdout.write(`killed at each of ${points} moments (${counts}); wrong afterwards: ${wrong.length}\n`)
  expect(wrong).toEqual([])
  // As many as one review has, and all kinds of them.
  expect(points).toBeGreaterThan(100)
  expect([...ends.keys()]).toEqual(
    expect.arrayContaining(['write to the network', 'start of a process', 'end of a process', 'rename'])
  )
}, 900_000)
