import { lstat, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { runCli } from '../support/cli.ts'
import { junitErrors, readMetrics, readStatement, sarifErrors } from '../support/formats.ts'
import { allowedSigners, makeRepo, type TestRepo } from '../support/repo.ts'

/** `--report`, of one phase from before its first claim to its gate. */

let repo: TestRepo
let cwd: string
let env: Readonly<Record<string, string>>

beforeAll(async () => {
  repo = await makeRepo()
  const key = await repo.key('reviewer')
  env = {
    ADVERSARY_ALLOWED_SIGNERS: allowedSigners([['adversary@example.test', key]]),
    ADVERSARY_REVIEWER: 'adversary@example.test'
  }
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

const formats = ['junit', 'sarif', 'in-toto', 'markdown', 'html', 'prometheus'] as const

/** Runs it with a report in every format; what was written, by format. */
async function ask(words: readonly string[], code: number, wanted: readonly string[] = formats) {
  const dir = join(cwd, 'reports')
  await mkdir(dir, { recursive: true })
  const options = wanted.flatMap(format => ['--report', `${format}=reports/${format}`])
  const run = await runCli([...words, ...options], { cwd, env })
  expect({ code: run.code, stderr: run.stderr }).toEqual({
    code,
    stderr: expect.not.stringMatching(/^adversary:/m)
  })
  // Whole files, and nothing half written beside them.
  expect((await readdir(dir)).sort()).toEqual([...wanted].sort())
  const text = async (format: (typeof formats)[number]) =>
    wanted.includes(format) ? readFile(join(dir, format), 'utf8') : ''
  const files = {
    junit: await text('junit'),
    sarif: await text('sarif'),
    statement: await text('in-toto'),
    markdown: await text('markdown'),
    html: await text('html'),
    metrics: readMetrics(await text('prometheus'))
  }
  expect(await junitErrors(files.junit)).toEqual([])
  expect(await sarifErrors(files.sarif)).toEqual([])
  for (const format of wanted) await writeFile(join(dir, format), 'left by an earlier run')
  return files
}

async function claim(milestone: string) {
  await repo.builder.pull()
  const sha = await repo.builder.commit(`claim(one-${milestone}): done`)
  await repo.builder.push()
  return sha
}

async function clean() {
  const dir = join(cwd, 'reports')
  for (const name of await readdir(dir)) await writeFile(join(dir, name), '')
  await import('node:fs/promises').then(({ rm }) => rm(dir, { recursive: true }))
}

const line = z.object({
  runs: z.tuple([
    z.looseObject({
      results: z.array(
        z.looseObject({
          locations: z.tuple([
            z.object({
              physicalLocation: z.object({
                artifactLocation: z.looseObject({ uri: z.string() }),
                region: z.object({ startLine: z.int() })
              })
            })
          ])
        })
      )
    })
  ])
})

/** The lines of the review file that the results of a SARIF file stand at. */
async function linesAt(sarif: string) {
  await repo.builder.pull()
  const [{ results }] = line.parse(JSON.parse(sarif)).runs
  return Promise.all(
    results.map(async ({ locations: [{ physicalLocation }] }) => {
      const text = await repo.builder.read(physicalLocation.artifactLocation.uri)
      return text.split('\n')[physicalLocation.region.startLine - 1]
    })
  )
}

describe('--report', () => {
  it('review before anybody has claimed: not proven in every format, and no statement', async () => {
    const { junit, metrics, markdown } = await ask(
      ['review', 'one-M1'],
      2,
      formats.filter(format => format !== 'in-toto')
    )
    expect(junit).toMatch(/errors="1"/)
    expect(markdown).toMatch(/^## \? one-M1: NOT PROVEN\n\n- it has no claim yet\n/)
    expect(metrics).toContainEqual(expect.objectContaining({ name: 'adversary_success', value: 0 }))
    await clean()
  })

  it('review that passes', async () => {
    const sha = await claim('M1')
    const { junit, sarif, statement, markdown, metrics } = await ask(['review', 'one-M1'], 0)
    expect(junit).toMatch(/tests="3" failures="0" errors="0"/)
    expect(await linesAt(sarif)).toEqual([])
    expect(readStatement(statement)).toMatchObject({
      subject: [{ name: 'one-M1', digest: { gitCommit: sha } }],
      predicate: { result: 'PASSED', failedTests: [] }
    })
    expect(markdown).toMatch(/^## ✓ one-M1: PASS\n/)
    expect(metrics).toContainEqual({
      name: 'adversary_verdict',
      labels: { phase: 'one', milestone: 'M1', verdict: 'PASS' },
      value: 1
    })
  })

  it('review that fails: written all the same, over what an earlier run left', async () => {
    await claim('M2')
    const { junit, sarif, statement, html } = await ask(['review', 'one-M2'], 1)
    // One file that needs nothing beside it, with the reason first and what was read.
    expect(html).toMatch(/<h1>one-M2: FAIL<\/h1>\n<p class="meta">.+; .*failed \(/)
    expect(html).toMatch(/<pre tabindex="0">\$ git show [0-9a-f]{40}:/)
    expect(html).not.toMatch(/<(?:script|link|img|iframe)\b|(?:href|src)="(?!#)/)
    expect(junit).toMatch(/failures="2"/)
    expect(await linesAt(sarif)).toEqual([
      expect.stringMatching(/^## M2: FAIL @/),
      expect.stringMatching(/^## M2: FAIL @/)
    ])
    expect(readStatement(statement).predicate).toMatchObject({ result: 'FAILED' })
  })

  it('review that is recorded, and gate: the same verdict', async () => {
    const recorded = await ask(['review', 'one-M2'], 1)
    expect(recorded.junit).toMatch(/failures="1"/)
    expect(readStatement(recorded.statement).predicate.result).toBe('FAILED')
    const words = (gate: string) => ['gate', gate, '--remote', repo.remote]
    const open = await ask(words('one-M1'), 0)
    expect(readStatement(open.statement).predicate.result).toBe('PASSED')
    const shut = await ask(words('one-M2'), 1)
    expect(await linesAt(shut.sarif)).toEqual([expect.stringMatching(/^## M2: FAIL @/)])
    const whole = await ask(words('one'), 1)
    expect(readStatement(whole.statement)).toMatchObject({
      subject: [{ name: 'one-M1' }, { name: 'one-M2' }],
      predicate: { passedTests: ['one-M1: the gate is open'] }
    })
    await clean()
  })

  it('hunt and probe', async () => {
    const wanted = formats.filter(format => format !== 'in-toto')
    await repo.builder.pull()
    const found = await ask(['hunt', 'one'], 0, wanted)
    expect(found.junit).toMatch(/tests="1" failures="0" errors="0"/)
    const probe = ['probe', 'repo-file', '--with', 'path=README.md', 'contains=palace']
    expect((await ask(probe, 1, wanted)).junit).toMatch(/tests="1" failures="1" errors="0"/)
    await clean()
  })

  it('an open finding stands at its own section', async () => {
    const title = 'backups are never restored'
    await runCli(['finding', 'open', 'one', '--title', title, '--blocks', 'M2'], { cwd, env })
    await claim('M1')
    const { sarif } = await ask(['review', 'one-M1'], 0)
    // A review names what it changed; what stands open is for the gate and the board.
    expect(await linesAt(sarif)).toEqual([`## [adversary] A1: ${title}`])
    await clean()
  })
})

describe('what cannot be', () => {
  it.each([
    [['gate', 'one-M1', '--report', 'tap=x'], /--report: `tap=x` is not <format>=<file> with one of junit, /],
    [['gate', 'one-M1', '--report', 'junit'], /--report: `junit` is not <format>=<file>/],
    [['gate', 'one-M1', '--report', 'junit=x', '--report', 'sarif=./x'], /--report: two formats for/],
    [['hunt', 'one', '--report', 'in-toto=x'], /--report: an in-toto statement is about a claim's commit/]
  ])('%j is refused before anything is done', async (words, said) => {
    const { code, stderr } = await runCli(words, { cwd, env })
    expect(code).toBe(64)
    expect(stderr).toMatch(said)
  })

  it('a file that cannot be written is said after the answer, and opens nothing', async () => {
    const gate = (name: string, file: string) =>
      runCli(['gate', name, '--remote', repo.remote, '--report', `junit=${file}`], { cwd, env })
    const open = await gate('one-M1', 'nowhere/junit.xml')
    expect(open.code).toBe(70)
    expect(open.stdout).toMatch(/^one-M1: open\n/)
    expect(open.stderr).toMatch(/^adversary: --report junit=nowhere\/junit\.xml: not written: ENOENT/m)
    // A verdict keeps its code.
    expect((await gate('one-M2', 'nowhere/junit.xml')).code).toBe(1)
    expect((await gate('one-M1', '/dev/null')).stderr).toMatch(
      /not written: \/dev\/null is not a regular file/
    )
    expect((await gate('one-M1', '.')).stderr).toMatch(/not written: .* is not a regular file/)
  })

  it('what broke off leaves no old PASS behind', async () => {
    const file = join(cwd, 'junit.xml')
    await writeFile(file, 'an old PASS')
    const words = ['gate', 'one-M1', '--remote', join(repo.dir, 'gone.git'), '--report', 'junit=junit.xml']
    expect((await runCli(words, { cwd, env })).code).toBe(70)
    await expect(readFile(file)).rejects.toThrow(/ENOENT/)
  })

  it.each([
    ['a link in its place', 'victim.txt', 'link.xml', 'link.xml'],
    ['a link to nothing in its place', 'nothing.txt', 'link.xml', 'link.xml'],
    ['a link to a folder on the way', '.', 'out', 'out/victim.txt']
  ])('%s is not followed, and says so', async (_, target, link, file) => {
    await writeFile(join(cwd, 'victim.txt'), 'precious')
    await symlink(target, join(cwd, link))
    for (const gate of ['one-M1', 'one-M2']) {
      const words = ['gate', gate, '--remote', repo.remote, '--report', `junit=${file}`]
      const { code, stderr } = await runCli(words, { cwd, env })
      expect({ code, stderr }).toEqual({
        code: gate === 'one-M1' ? 70 : 1,
        stderr: expect.stringContaining('is a symlink; symlinks are not followed')
      })
    }
    expect(await readFile(join(cwd, 'victim.txt'), 'utf8')).toBe('precious')
    expect(await readdir(cwd)).not.toContain('nothing.txt')
    expect((await lstat(join(cwd, link))).isSymbolicLink()).toBe(true)
    await rm(join(cwd, link))
  })
})
