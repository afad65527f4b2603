import { cp } from 'node:fs/promises'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { buildProduct, keepMoves, movesOf, type Product } from '../support/killed.ts'
import { eventually, makeScene, type Scene } from '../support/scene.ts'

/**
 * Many reviewers, each a process, beside a builder who keeps pushing and somebody who writes into the review file.
 *
 * REVIEWERS, CLAIMS: how many. PEOPLE_MS: how long the other two rest after each push.
 */
const reviewers = Number(process.env['REVIEWERS'] ?? 8)
const claims = Number(process.env['CLAIMS'] ?? 10)
const restMs = Number(process.env['PEOPLE_MS'] ?? 1000)

/** For what never comes, not for a busy machine. */
const patienceSeconds = 120 + claims * 12
const path = 'reviews/REVIEW-one.md'
let product: Product

beforeAll(async () => {
  product = await buildProduct('reviewers')
})
afterAll(() => product.dispose())

/** What the log says that is counted here. */
interface Event {
  readonly event: string
}

function eventOf(line: string): Event {
  const said: unknown = JSON.parse(line)
  const event = typeof said === 'object' && said !== null && 'event' in said ? said.event : undefined
  return { event: String(event) }
}

/** Somebody's commit on top of what is there; tried until it is in, as people do. */
async function person(scene: Scene, who: string, message: string, file: string) {
  const checkout = await scene.repo.clone(who)
  return (word: string) =>
    eventually(async () => {
      await checkout.git(['fetch', '--quiet', 'origin'])
      await checkout.git(['reset', '--quiet', '--hard', 'origin/main'])
      const before = await checkout.read(file).catch(() => '')
      await checkout.commit(message, { files: { [file]: `${before}${word}` } })
      return checkout.push('origin', 'HEAD:main').then(
        () => true,
        () => false
      )
    }, patienceSeconds)
}

it(
  'answer each claim once, without force, and keep what people wrote',
  async () => {
    const scene = await makeScene({ more: ['poll: 200ms', 'retry: 1m'] })
    onTestFinished(() => scene.dispose())
    await keepMoves(scene)
    const names = Array.from({ length: claims }, (_, index) => `D${index + 1}`)
    const check = '{ probe: repo-file, with: { path: README.md, contains: a repo } }'
    // The second half rests on the first: no two reviewers may turn the order round.
    const half = Math.ceil(claims / 2)
    const lines = names.map((name, index) => {
      const needs = index < half ? '' : `needs: [${names[index - half]}], `
      return `  ${name}: { ${needs}checks: [${check}] }`
    })
    await scene.plan('one', ['milestones:', ...lines, 'hunt: { probes: [] }', ''].join('\n'))
    await scene.commit('docs: notes', { files: { [path]: 'by hand\n' } })
    const made: string[] = []
    for (const name of names) made.push(await scene.repo.builder.commit(`claim(one-${name}): done`))
    await scene.repo.builder.push()

    // Two of them share a home, the others have each their own; all sign as the same reviewer.
    const homes = Array.from({ length: reviewers }, (_, index) => `${scene.home}-${Math.max(index, 1)}`)
    for (const home of homes) await cp(scene.home, home, { recursive: true })

    const build = await person(scene, 'builder-two', 'core: on', 'core.txt')
    const write = await person(scene, 'writer', 'docs: a word', path)
    const over = new AbortController()
    let words = 0
    const meanwhile = [
      () => build(`${Math.random()}\n`),
      () => write(`\nword ${(words += 1)}, by hand\n`)
    ].map(async again => {
      while (!over.signal.aborted) {
        await again()
        await new Promise(done => setTimeout(done, restMs))
      }
    })
    const begun = performance.now()
    const events: Event[][] = []
    const running = homes.map(home => {
      const own: Event[] = []
      events.push(own)
      return product.watch(home, line => own.push(eventOf(line)))
    })
    await eventually(async () => (await scene.verdicts()).length >= claims, patienceSeconds)
    const seconds = (performance.now() - begun) / 1000
    // Whoever is still at work must find that nothing is left to say.
    await new Promise(done => setTimeout(done, 2000))
    over.abort()
    await Promise.all(meanwhile)
    expect(await Promise.all(running.map(each => each.stop()))).toEqual(running.map(() => 0))

    const count = (own: readonly Event[], event: string) => own.filter(each => each.event === event).length
    const all = events.flat()
    const looks = count(all, 'review.started')
    const shares = events.map(own => count(own, 'review.published'))
    const { moves, forced } = await movesOf(scene)
    process.stdout.write(
      `${reviewers} reviewers, ${claims} claims in ${Math.round(seconds)} s, ${moves} pushes, ${words} by hand: ` +
        `${looks} observations, shares ${shares.join(' ')}, ${count(all, 'task.failed')} failed, ${forced.length} forced\n`
    )

    const answers = await scene.verdicts()
    expect(answers.map(({ claim }) => claim).sort()).toEqual([...made].sort())
    expect(new Set(answers.map(({ verdict }) => verdict.split(' ')[1]))).toEqual(new Set(['PASS']))
    const review = `${await scene.file(path)}\n`
    expect(review.startsWith('by hand\n')).toBe(true)
    expect(review.match(/^## Phase context/gm)).toHaveLength(1)
    expect(review.match(/^## D\d+: PASS @/gm)).toHaveLength(claims)
    for (let word = 1; word <= words; word += 1) {
      expect(review.split(`\nword ${word}, by hand\n`)).toHaveLength(2)
    }
    expect(forced).toEqual([])
    expect(count(all, 'task.failed')).toBe(0)
    // Eight that all begin with the oldest would each look at nearly all.
    expect(looks).toBeLessThan(claims * reviewers * 0.75)
  },
  (patienceSeconds + 120) * 1000
)
