import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Answered, eventually, makeScene, type Scene } from '../support/scene.ts'

/** A watcher that is killed at any moment and started again: every claim gets exactly one review. */

const root = resolve(import.meta.dirname, '../..')
// Of its own: other test files build and run dist meanwhile.
const built = join(root, 'dist/.kill')
const milestones = ['M1', 'M2', 'M3', 'M4', 'M5']
let scene: Scene

beforeAll(async () => {
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const words = [tsc, '-p', 'tsconfig.build.json', '--noCheck', '--outDir', built]
  await promisify(execFile)(process.execPath, words, { cwd: root })
  scene = await makeScene({ more: ['poll: 100ms', 'retry: 1s'] })
  const check = '{ probe: repo-file, with: { path: README.md, contains: a repo } }'
  const lines = milestones.map(name => `  ${name}: { checks: [${check}] }`)
  await scene.plan('one', ['milestones:', ...lines, 'hunt: { probes: [] }', ''].join('\n'))
}, 60_000)
afterAll(async () => {
  await scene.dispose()
  await rm(built, { recursive: true, force: true })
})

function start(): { readonly child: ChildProcess; readonly over: Promise<unknown> } {
  const words = [join(built, 'src/cli.js'), 'watch', '--quiet']
  const child = spawn(process.execPath, words, { cwd: scene.home, stdio: 'ignore' })
  return { child, over: new Promise(done => child.once('close', done)) }
}

/** A claim on top of whatever the remote has; the watcher may push at the same moment. */
function claim(target: string): Promise<string> {
  const { builder } = scene.repo
  return eventually(async () => {
    await builder.git(['fetch', '--quiet', 'origin'])
    await builder.git(['reset', '--quiet', '--hard', 'origin/main'])
    const sha = await builder.commit(`claim(${target}): done`)
    return builder.push().then(
      () => sha,
      () => undefined
    )
  })
}

const settledBy = (answers: readonly Answered[]) =>
  answers.flatMap(({ claim: sha, supersedes }) => [sha, ...supersedes])

it('is no event for anybody else', async () => {
  const claims: string[] = []
  for (let round = 0; round < 20; round += 1) {
    if (round % 2 === 0) claims.push(await claim(`one-${milestones[(round / 2) % milestones.length]}`))
    const { child, over } = start()
    // It needs some 300 ms to begin and as long again for an answer: anywhere in there.
    await new Promise(done => setTimeout(done, 250 + Math.random() * 650))
    child.kill('SIGKILL')
    await over
  }
  const { child, over } = start()
  await eventually(async () => {
    const settled = new Set(settledBy(await scene.verdicts()))
    return claims.every(sha => settled.has(sha))
  })
  child.kill('SIGTERM')
  await over
  expect(child.exitCode).toBe(0)

  const answers = await scene.verdicts()
  expect(settledBy(answers).sort()).toEqual([...claims].sort())
  const review = await scene.file('reviews/REVIEW-one.md')
  expect(review.match(/^## M\d: PASS @/gm)).toHaveLength(answers.length)
  expect(review.match(/^## Phase context/gm)).toHaveLength(1)
}, 60_000)
