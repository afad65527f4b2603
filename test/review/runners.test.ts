import { afterEach, expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'
import { testGit } from '../support/repo.ts'
import { makeRunners, type Runners } from '../support/runners.ts'

/** Several runners of a pipeline, each with a clone of its own, review by commit: only the push keeps them apart. */

const open: Runners[] = []
afterEach(async () => {
  for (const { scene } of open.splice(0)) await scene.dispose()
})

async function runners(count: number, claims: number): Promise<Runners> {
  const made = await makeRunners(count, claims)
  open.push(made)
  return made
}

/** One after the other, as one runner does; answers the exit codes. */
async function reviewAll(home: string, claims: readonly string[]): Promise<readonly number[]> {
  const codes: number[] = []
  for (const claim of claims) codes.push((await runCli(['review', claim], { cwd: home })).code)
  return codes
}

/** Asserts that each claim has one review, pushed as it should be. */
async function eachOnce({ scene, claims, forced }: Runners): Promise<void> {
  const verdicts = await scene.verdicts()
  expect(verdicts.map(({ claim }) => claim).sort()).toEqual([...claims].sort())
  expect(new Set(verdicts.map(({ verdict }) => verdict.split(' ')[1]))).toEqual(new Set(['PASS']))
  expect(await forced()).toEqual([])
  const file = await scene.file('reviews/REVIEW-fleet.md')
  expect(file.match(/^## M\d+: PASS /gm)).toHaveLength(claims.length)
}

it('shares of the claims: all are answered, and nothing that another has pushed is lost', async () => {
  const made = await runners(2, 6)
  const codes = await Promise.all(
    made.homes.map((home, index) =>
      reviewAll(
        home,
        made.claims.filter((_, n) => n % 2 === index)
      )
    )
  )
  expect(codes).toEqual([
    [0, 0, 0],
    [0, 0, 0]
  ])
  await eachOnce(made)
})

it('the same claims on both, at the same time: each is answered once, and both tell its verdict', async () => {
  const made = await runners(2, 6)
  // Every claim is begun by both before either can have pushed.
  for (const claim of made.claims) {
    const codes = await Promise.all(made.homes.map(home => reviewAll(home, [claim])))
    expect(codes).toEqual([[0], [0]])
  }
  await eachOnce(made)
})

it('a forced push would be seen', async () => {
  const made = await runners(1, 2)
  await reviewAll(made.homes[0] ?? '', made.claims)
  expect(await made.forced()).toEqual([])
  await testGit(made.scene.repo.remote, ['update-ref', 'refs/heads/main', made.claims[1] ?? ''])
  expect(await made.forced()).toHaveLength(1)
})
