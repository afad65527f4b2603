import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'
import { eventually, makeScene, type Scene } from '../support/scene.ts'

/** Several homes, each with a repo of its own, watched from one process. */

const open: Scene[] = []
afterEach(async () => {
  for (const scene of open.splice(0)) await scene.dispose()
})

async function homes(count: number): Promise<{ readonly folder: string; readonly scenes: readonly Scene[] }> {
  const scenes = await Promise.all(Array.from({ length: count }, () => makeScene()))
  open.push(...scenes)
  const folder = join(scenes[0]?.repo.dir ?? '', 'homes')
  await mkdir(folder)
  const plan =
    'milestones: { M1: { checks: [{ probe: repo-file, with: { path: README.md, contains: a repo } }] } }\nhunt: { probes: [] }\n'
  for (const [index, scene] of scenes.entries()) {
    await scene.plan('one', plan)
    const config = join(scene.home, 'adversary.yaml')
    const yaml = await readFile(config, 'utf8')
    await writeFile(config, yaml.replace('../allowed_signers', join(scene.repo.dir, 'allowed_signers')))
    await rename(scene.home, join(folder, `home-${index}`))
  }
  return { folder, scenes }
}

it('answers what is owed in each, whatever is wrong with one of them, and its lines name the home', async () => {
  const { folder, scenes } = await homes(3)
  for (const scene of scenes) await scene.claim('one-M1')
  await mkdir(join(folder, 'broken'))
  await writeFile(join(folder, 'broken', 'adversary.yaml'), 'repo: 1\n')
  const { code, stderr } = await runCli(['watch', '--once', '--homes', folder], { cwd: folder })
  // What a person must mend in one is the answer of the whole.
  expect(code).toBe(64)
  for (const scene of scenes) expect(await scene.verdicts()).toMatchObject([{ verdict: 'one-M1 PASS' }])
  const events = stderr.split('\n').flatMap(line => (line.startsWith('{') ? [JSON.parse(line)] : []))
  expect(events.find(({ event }) => event === 'home.failed')).toMatchObject({ home: join(folder, 'broken') })
  for (const index of [0, 1, 2]) {
    const home = join(folder, `home-${index}`)
    expect(events.filter(each => each.home === home).map(({ event }) => event)).toContain('review.published')
  }
})

it('goes on watching all of them until it is told to stop', async () => {
  const { folder, scenes } = await homes(2)
  const stop = new AbortController()
  const watching = runCli(['watch', '--homes', ...[0, 1].map(index => join(folder, `home-${index}`))], {
    cwd: folder,
    signal: stop.signal
  })
  for (const scene of scenes) await scene.claim('one-M1')
  for (const scene of scenes) await eventually(async () => (await scene.verdicts()).length === 1)
  stop.abort(new DOMException('stopped', 'AbortError'))
  expect(await watching).toMatchObject({ code: 0 })
})

it('a folder that holds no home is said', async () => {
  const { folder } = await homes(1)
  const { code, stderr } = await runCli(['watch', '--homes', join(folder, 'home-0', 'plans')], {
    cwd: folder
  })
  expect(code).toBe(64)
  expect(stderr).toMatch(/is not a home and contains none/)
})
