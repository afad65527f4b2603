import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { buildProduct, type Product } from '../support/killed.ts'
import { type FlakyHost, makeScene, patient, type Scene, startFlakyHost } from '../support/scene.ts'

/**
 * A reviewer that is ended with SIGKILL at moments at which it changes the outside world, and is then
 * started again: every claim gets exactly one review, and nobody's words are lost.
 *
 * KILL_EVERY: at one in so many moments, 1 for all of them. KILL_FROM: the first,
 * from 1 to KILL_EVERY; without it another one each day, so that all have their turn. Both are printed.
 */
const every = Number(process.env['KILL_EVERY'] ?? 3)
const from = Number(process.env['KILL_FROM'] ?? 1 + (Math.floor(Date.now() / 86_400_000) % every))

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
})
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

function kindOf(moment: string): string {
  return moment.replace(/ (?:git|sh|ssh-keygen)\b.*/, ' a process').replace(/^(?:before|after) /, '')
}

/** The reviewer's next life, in this process. */
async function live(scene: Scene): Promise<void> {
  const watched = await scene.context()
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

it('is no event for anybody else, whichever the step', async () => {
  const lanes = await Promise.all(Array.from({ length: laneCount }, lane))
  const ends = new Map<string, number>()
  const wrong: string[] = []
  let all: readonly string[] = []
  let next = from - every
  let over = false
  await Promise.all(
    lanes.map(async ({ scene, claim, again }) => {
      while (!over) {
        next += every
        const at = next
        await again()
        const turn = Math.floor(at / every)
        const { killed, moments } = await product.dieAt(scene.home, at, { withChildren: turn % 2 === 0 })
        const kind = kindOf(moments.at(-1) ?? '')
        if (!killed) {
          over = true
          all = moments
        }
        const spoken = turn % 4 === 0
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
          wrong.push(`${at} (${moments.at(-1)}): ${JSON.stringify(found)}`)
        }
        if (killed) ends.set(kind, (ends.get(kind) ?? 0) + 1)
      }
    })
  )
  const counts = [...ends].map(([kind, count]) => `${count} ${kind}`).join(', ')
  const points = [...ends.values()].reduce((sum, count) => sum + count, 0)
  process.stdout.write(
    `killed at ${points} of ${all.length} moments, from ${from} each ${every} (${counts}); wrong afterwards: ${wrong.length}\n`
  )
  expect(wrong).toEqual([])
  // As many as one review has, and all kinds of them.
  expect(points).toBeGreaterThanOrEqual(Math.floor(100 / every))
  expect(all.length).toBeGreaterThan(100)
  expect([...new Set(all.map(kindOf))]).toEqual(
    expect.arrayContaining(['write to the network', 'start of a process', 'end of a process', 'rename'])
  )
}, 3_600_000)
