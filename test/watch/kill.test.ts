import { afterAll, beforeAll, expect, it } from 'vitest'
import { buildProduct, keepMoves, movesOf, type Product } from '../support/killed.ts'
import { type Answered, eventually, makeScene, type Scene } from '../support/scene.ts'
import { generous } from '../support/pace.ts'

/**
 * A watcher that is killed at any moment and started again: every claim gets exactly one review, and nobody's
 * words are lost.
 *
 * KILLS: how often.
 */
const kills = Number(process.env['KILLS'] ?? 20)

const path = 'reviews/REVIEW-one.md'
const milestones = ['M1', 'M2', 'M3', 'M4', 'M5']
let scene: Scene
let product: Product

beforeAll(async () => {
  product = await buildProduct('kill')
  scene = await makeScene({ more: ['poll: 100ms', 'retry: 1s'] })
  const check = '{ probe: repo-file, with: { path: README.md, contains: a repo } }'
  const lines = milestones.map(name => `  ${name}: { checks: [${check}] }`)
  await scene.plan('one', ['milestones:', ...lines, 'hunt: { probes: [] }', ''].join('\n'))
  await keepMoves(scene)
})
afterAll(async () => {
  await product.dispose()
  await scene.dispose()
})

/** Somebody's commit on top of whatever the remote has; the watcher may push at the same moment. */
function push(message: string, word?: string): Promise<string> {
  const { builder } = scene.repo
  return eventually(async () => {
    await builder.git(['fetch', '--quiet', 'origin'])
    await builder.git(['reset', '--quiet', '--hard', 'origin/main'])
    const now = word === undefined ? '' : await builder.read(path).catch(() => '')
    const sha = await builder.commit(message, word === undefined ? {} : { files: { [path]: now + word } })
    return builder.push().then(
      () => sha,
      () => undefined
    )
  }, 120)
}

const settledBy = (answers: readonly Answered[]) =>
  answers.flatMap(({ claim: sha, supersedes }) => [sha, ...supersedes])

it(
  'is no event for anybody else',
  async () => {
    const claims: string[] = []
    const words: string[] = []
    // How long an answer takes from a start to its push, on this machine and now: anywhere in there.
    const begun = performance.now()
    await product.dieAt(scene.home, 0, { withChildren: false })
    const wholeMs = performance.now() - begun
    for (let round = 0; round < kills; round += 1) {
      if (round % 2 === 0)
        claims.push(await push(`claim(one-${milestones[(round / 2) % milestones.length]}): done`))
      if (round % 10 === 5) {
        words.push(`\nword ${round} by hand, no line end`)
        await push('docs: a word', words.at(-1))
      }
      await product.dieAfter(scene.home, wholeMs * (0.2 + Math.random()), { withChildren: round % 4 < 2 })
    }
    const log: string[] = []
    const watching = product.watch(scene.home, line => log.push(line))
    await eventually(async () => {
      const settled = new Set(settledBy(await scene.verdicts()))
      // One before it may have answered all: until this one has begun, no signal is heard.
      return log.length > 0 && claims.every(sha => settled.has(sha))
    }, 120)
    expect(await watching.stop()).toBe(0)

    const answers = await scene.verdicts()
    const { moves, forced } = await movesOf(scene)
    process.stdout.write(
      `killed at ${kills} random moments: ${claims.length} claims, answered by ${answers.length} reviews, ` +
        `${words.length} words by hand, ${moves} pushes, ${forced.length} forced\n`
    )
    expect(settledBy(answers).sort()).toEqual([...claims].sort())
    const review = await scene.file(path)
    expect(review.match(/^## M\d: PASS @/gm)).toHaveLength(answers.length)
    expect(review.match(/^## Phase context/gm)).toHaveLength(1)
    expect(words.filter(word => review.split(word).length !== 2)).toEqual([])
    expect(forced).toEqual([])
  },
  generous(120_000 + kills * 6_000)
)
