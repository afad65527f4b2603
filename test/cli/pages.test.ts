import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'
import { stepsOf } from '../support/page.ts'
import { inCheckout } from '../support/root.ts'
import { makeScene, type Scene } from '../support/scene.ts'

/**
 * What the pages tell people to type, run for real on a home like the one they speak of. The page for a first
 * start is walked through on the real host, and so is what asks for a key that is locked there.
 */

let scene: Scene
let evidence: string

beforeAll(async () => {
  scene = await makeScene({
    hosts: ['prod: { transport: local }'],
    more: ['poll: 30s'],
    repo: ['review: machine-docs/REVIEW-{phase}.md']
  })
  const check = '{ checks: [{ probe: repo-file, with: { path: README.md, exists: true } }] }'
  await scene.plan(
    'pvfix',
    `milestones: { M1: ${check}, M2: ${check} }\nhunt: { probes: [clock-skew] }\nhost: prod\n`
  )
  await scene.plan('p1', `milestones: { M1: ${check} }\n`)
  await scene.claim('p1-M1')
  await scene.claim('pvfix-M1')
  await scene.claim('pvfix-M2')
  await (await scene.context()).once()
  const folder = 'machine-docs/evidence'
  await scene.repo.builder.pull()
  const [name = ''] = (await readdir(join(scene.repo.builder.dir, folder))).filter(each =>
    each.startsWith('pvfix-M2-')
  )
  evidence = join(scene.repo.builder.dir, folder, name)
  await mkdir(join(scene.home, 'textfile'))
})
afterAll(() => scene.dispose())

interface Line {
  readonly page: string
  readonly line: string
}

async function lines(): Promise<readonly Line[]> {
  const pages = [
    'README.md',
    'SECURITY.md',
    'CONTRIBUTING.md',
    ...(await readdir(inCheckout('docs'))).filter(name => name.endsWith('.md')).map(name => `docs/${name}`)
  ]
  const found = await Promise.all(
    pages.map(async page =>
      (await stepsOf(page)).flatMap(({ commands }) =>
        commands.split('\n').flatMap(line => (line.startsWith('adversary ') ? [{ page, line }] : []))
      )
    )
  )
  return found
    .flat()
    .filter(({ page, line }) => page !== 'docs/getting-started.md' && !line.startsWith('adversary lockdown '))
}

/** The words of a line, without what a shell does with the answer; names of files as they are here. */
function words(line: string): readonly string[] {
  const [command = ''] = line.split(/\s[#>|]/)
  return command
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(word =>
      word
        .replace(/^machine-docs\/evidence\/\S+\.json$/, evidence)
        .replace('/var/lib/node_exporter/textfile', join(scene.home, 'textfile'))
    )
}

/** A command that goes on until it is told to stop is told so once it has begun. */
async function run(argv: readonly string[], cwd: string) {
  const stop = new AbortController()
  const timer = argv[0] === 'watch' || argv[0] === 'serve' ? setTimeout(() => stop.abort(), 3_000) : undefined
  const env = { ADVERSARY_ALLOWED_SIGNERS: scene.signers, ADVERSARY_REVIEWER: 'adversary@example.test' }
  try {
    return await runCli(argv, { cwd, env, userHome: scene.repo.dir, signal: stop.signal })
  } finally {
    clearTimeout(timer)
  }
}

describe('every command line of the pages', () => {
  it('runs', async () => {
    const all = await lines()
    expect(all.length).toBeGreaterThan(10)
    for (const { page, line } of all) {
      const argv = words(line)
      // These two are typed in a checkout of the repo, the others in the home.
      const cwd = argv[0] === 'init' || argv[0] === 'gate' ? scene.repo.builder.dir : scene.home
      const { code, stderr } = await run(argv, cwd)
      // Proven or not, passed or failed: but never misunderstood, and never a fault.
      expect([page, line, stderr, code]).toEqual([page, line, stderr, expect.toBeOneOf([0, 1, 2])])
    }
  })

  it('with the answers that they are there for', async () => {
    expect(await run(['gate', 'pvfix-M2'], scene.repo.builder.dir)).toMatchObject({ code: 0 })
    expect(await run(['replay', evidence], scene.home)).toMatchObject({ code: 0 })
    expect(await run(['prove', 'pvfix'], scene.home)).toMatchObject({ code: 0 })
    expect(await readFile(join(scene.home, 'public/index.html'), 'utf8')).toContain('pvfix')
  })
})
