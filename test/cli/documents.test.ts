import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { documents } from '../../src/cli/documents.ts'
import { runCli } from '../support/cli.ts'
import { allowedSigners, makeRepo, type TestRepo } from '../support/repo.ts'

/** What `--json` says, of one phase from before its first claim to its gate, against the schemas that are shipped. */

let repo: TestRepo
let cwd: string
let signers: string
/** The claim of M1. */
let sha: string

beforeAll(async () => {
  repo = await makeRepo()
  const key = await repo.key('reviewer')
  signers = allowedSigners([['adversary@example.test', key]])
  cwd = join(repo.dir, 'home')
  await mkdir(join(cwd, 'plans'), { recursive: true })
  await writeFile(
    join(cwd, 'adversary.yaml'),
    `repo: { url: ${repo.remote}, branch: main }
identity: { name: adversary-bot, email: adversary@example.test, signingKey: ${key.path} }
hosts: { here: { transport: local } }
`
  )
  await writeFile(
    join(cwd, 'plans/one.yaml'),
    `phase: one
milestones:
  M1: { checks: [{ probe: repo-file, with: { path: README.md, contains: a repo } }] }
  M2: { checks: [{ probe: repo-file, with: { path: README.md, contains: a palace } }] }
hunt: { probes: [clock-skew] }
`
  )
})
afterAll(() => repo.dispose())

type Name = keyof typeof documents

/** Runs it with `--json`, and checks that stdout is one document of that schema and nothing else. */
async function ask(name: Name, words: readonly string[], code: number) {
  const env = { ADVERSARY_ALLOWED_SIGNERS: signers, ADVERSARY_REVIEWER: 'adversary@example.test' }
  const run = await runCli([...words, '--json'], { cwd, env })
  expect({ code: run.code, stderr: run.stderr }).toEqual({ code, stderr: expect.not.stringMatching(/fault/) })
  const lines = run.stdout.trimEnd().split('\n')
  expect(lines).toHaveLength(1)
  const document: unknown = JSON.parse(lines[0] ?? '')
  documents[name].parse(document)
  return document
}

describe('--json', () => {
  it('orient', async () => {
    expect(await ask('orient', ['orient', 'one'], 0)).toHaveProperty('facts')
  })

  it('review, before anybody has claimed', async () => {
    expect(await ask('review', ['review', 'one-M1'], 2)).toMatchObject({
      claim: null,
      verdict: null,
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    })
  })

  it('review: first looked at, then recorded, with the same code', async () => {
    sha = await repo.builder.pull().then(() => repo.builder.commit('claim(one-M1): the readme says so'))
    await repo.builder.push()
    expect(await ask('review', ['review', 'one-M1', '--dry-run'], 0)).toMatchObject({ review: null })
    const fresh = await ask('review', ['review', 'one-M1'], 0)
    expect(fresh).toMatchObject({
      claim: { sha },
      verdict: 'PASS',
      checks: [{ outcome: 'pass', evidence: [1] }]
    })
    const again = await ask('review', ['review', 'one-M1'], 0)
    expect(again).toMatchObject({ claim: { sha }, verdict: 'PASS', recorded: true })
    expect(again).toHaveProperty('review', expect.objectContaining({ path: 'reviews/REVIEW-one.md' }))
  })

  it('watch: one document a line, and the worst code', async () => {
    await repo.builder.pull()
    await repo.builder.commit('claim(one-M2): a palace')
    await repo.builder.push()
    expect(await ask('review', ['watch', '--once'], 1)).toMatchObject({
      verdict: 'FAIL',
      checks: [{ outcome: 'fail', findings: [{ outcome: 'fail', at: expect.stringMatching(/^README\.md/) }] }]
    })
    const { code, stdout } = await runCli(['watch', '--once', '--json'], { cwd })
    expect([code, stdout]).toEqual([0, ''])
  })

  it('hunt', async () => {
    expect(await ask('hunt', ['hunt', 'one'], 0)).toMatchObject({ findings: [] })
  })

  it('probe', async () => {
    const document = await ask('probe', ['probe', 'repo-file', '--with', 'path=README.md'], 0)
    expect(document).toMatchObject({ outcome: 'pass', evidence: [{ n: 1, on: 'repo' }] })
    await ask('probe', ['probe', 'repo-file', '--with', 'path=README.md', 'contains=palace'], 1)
  })

  it('gate', async () => {
    const words = (gate: string) => ['gate', gate, '--remote', repo.remote]
    expect(await ask('gate', words('one-M1'), 0)).toMatchObject({ verdict: 'PASS' })
    expect(await ask('gate', words('one-M2'), 1)).toMatchObject({ verdict: 'FAIL' })
    expect(await ask('gate', words('one'), 1)).toMatchObject({ milestones: [{ code: 0 }, { code: 1 }] })
  })

  it('status', async () => {
    expect(await ask('status', ['status'], 0)).toMatchObject({
      phases: [
        {
          phase: 'one',
          milestones: [
            { milestone: 'M1', verdict: 'PASS', stale: false },
            { milestone: 'M2', verdict: 'FAIL', stale: false }
          ],
          pending: []
        }
      ]
    })
  })

  it('board', async () => {
    expect(await ask('board', ['board', '--out', 'public'], 0)).toMatchObject({
      files: expect.arrayContaining(['index.html'])
    })
    const page = await readFile(join(cwd, 'public/index.html'), 'utf8')
    expect(page).toContain('Gate open')
    expect(page).toMatch(
      /Gate closed:<\/b> M2 failed: .*a palace.* is not in the file .*; the only check failed \(/
    )
    // Why it failed stands in the timeline too.
    expect(page).toMatch(/<b>one-M2<\/b> .*a palace.* is not in the file .* \(claim [0-9a-f]{9}\)<\/a>/)
    for (const words of [[], ['--out', 'x', '--commits', 'javascript:alert(1)//']]) {
      expect((await runCli(['board', ...words], { cwd })).code).toBe(64)
    }
  })

  it('a veto on the board: its reason, and a page of what was signed', async () => {
    await ask('said', ['veto', 'one-M1', '--reason', 'the backup was not tested'], 0)
    await ask('board', ['board', '--out', 'public'], 0)
    const page = await readFile(join(cwd, 'public/index.html'), 'utf8')
    const [, path = ''] =
      /<a href="(?<path>reviews\/[0-9a-f]{40}\.html)">Vetoed by adversary@example\.test<\/a>: the backup was not tested/.exec(
        page
      ) ?? []
    expect(await readFile(join(cwd, 'public', path), 'utf8')).toContain('the backup was not tested')
    await ask('said', ['veto', 'one-M1', '--lift', '--reason', 'it was tested'], 0)
  })

  it('finding open, list and close', async () => {
    await ask('said', ['finding', 'open', 'one', '--title', 'the palace is a shed', '--blocks', 'M2'], 0)
    expect(await ask('finding-list', ['finding', 'list', 'one'], 0)).toMatchObject({
      findings: [{ id: 'A1' }]
    })
    await ask('said', ['finding', 'close', 'one', 'A1', '--reason', 'it was mended'], 0)
  })

  it('prove and replay', async () => {
    await ask('prove', ['prove', 'one'], 0)
    await repo.builder.pull()
    const names = await repo.builder.git(['ls-files', 'reviews/evidence'])
    const file = names.split('\n').find(name => name.includes(sha.slice(0, 12))) ?? ''
    expect(await ask('replay', ['replay', join(repo.builder.dir, file)], 0)).toMatchObject({
      differences: []
    })
  })
})
