import { afterEach, expect, it, vi } from 'vitest'
import { pause } from '../../src/lib/effort.ts'
import { snapshot } from '../../src/review/context/review-context.ts'
import { runCli } from '../support/cli.ts'
import { slowness } from '../support/cpu.ts'
import { makeScene, type Scene } from '../support/scene.ts'

/** A builder's review file that is made to be slow, and who waits beside the board that is made of it. */

let scene: Scene
afterEach(() => scene.dispose())

/** What the lines alone do not decide, and what the parser takes the square of: each part anew, and not more than it takes. */
const slow = (piece: string, bytes: number) =>
  [1, 2, 3, 4]
    .map(n => `# ${n}\n\n<pre>\n\n</pre>\n\n${piece.repeat(Math.ceil(bytes / piece.length))}\n\n`)
    .join('')

it.each([
  ['underlined headings', 'a\n=\n', 10_000],
  ['lists in lists', '-\ta\n\t-\tb\n', 20_000]
])('of a file of %s is made with turns for others, and within its work', async (_, piece, bytes) => {
  scene = await makeScene()
  await scene.plan(
    'one',
    'milestones:\n  M1:\n    checks:\n      - { probe: repo-file, with: { path: a, exists: true } }\n'
  )
  await scene.commit('notes', { files: { 'reviews/REVIEW-one.md': slow(piece, bytes) } })
  for (const title of ['one', 'two', 'three', 'four'])
    expect(
      await runCli(['finding', 'open', 'one', '--title', title, '--severity', 'low'], { cwd: scene.home })
    ).toMatchObject({ code: 0 })
  const { context } = await scene.context()
  const at = await snapshot(context)
  // Nothing of these texts is remembered.
  vi.resetModules()
  const { boardModel } = await import('../../src/board/read-model.ts')
  const { boardPages } = await import('../../src/board/pages.ts')

  const made = { isDone: false }
  let longest = 0
  const others = (async () => {
    while (!made.isDone) {
      const before = process.cpuUsage()
      await pause()
      longest = Math.max(longest, spent(before))
    }
  })()
  const begun = process.cpuUsage()
  const model = await boardModel(context, at, Date.now(), { version: '1', newest: true })
  for (const [, page] of boardPages(model)) {
    expect(page).toContain('</html>')
    await pause()
  }
  const whole = spent(begun)
  made.isDone = true
  await others
  expect(model.phases[0]?.findings.map(({ title }) => title)).toEqual(['one', 'two', 'three', 'four'])
  expect(whole / slowness()).toBeLessThan(30_000)
  expect(longest / slowness()).toBeLessThan(4_000)
})

function spent(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}
