import { mkdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { probes } from '../../probes/index.ts'
import { canonicalLines, sha256 } from '../../src/lib/canonical.ts'
import { AdversaryError } from '../../src/lib/errors.ts'
import { replay } from '../../src/review/replay.ts'
import { runCli } from '../support/cli.ts'
import { makeScene, type Scene } from '../support/scene.ts'

/** Evidence as a reviewer pushed it: what was changed in it since is noticed. */

let scene: Scene
let text: string
let name: string
let file: string
beforeAll(async () => {
  scene = await makeScene()
  const check = '{ probe: repo-file, with: { path: README.md, contains: a repo } }'
  await scene.plan('one', `milestones:\n  M1: { checks: [${check}] }\nhunt: { probes: [] }\n`)
  await scene.claim('one-M1')
  const watched = await scene.context()
  const [answer] = await watched.once()
  const written = answer?.told.rendered?.files[0]
  name = basename(written?.path ?? '')
  text = Buffer.from(written?.bytes ?? '').toString()
  await mkdir(join(scene.repo.dir, 'away'))
  file = join(scene.repo.dir, 'away', name)
  await writeFile(file, text)
})
afterAll(() => scene.dispose())

const differences = (changed: string, signed: Parameters<typeof replay>[2]) => {
  try {
    return replay(changed, probes, signed).differences
  } catch (error) {
    if (error instanceof AdversaryError) return [error.message]
    throw error
  }
}

it('is judged as it was, from the file alone', async () => {
  expect(replay(text, probes, { name, digest: sha256(text) })).toMatchObject({
    differences: [],
    decision: { verdict: 'PASS' }
  })
  const ran = await runCli(['replay', name, '--digest', sha256(text)], { cwd: join(scene.repo.dir, 'away') })
  expect([ran.code, ran.stdout]).toEqual([0, expect.stringContaining(sha256(text))])
})

it('of a time when nobody counted what was hidden', () => {
  const old: unknown = JSON.parse(text, (key, value: unknown) => (key === 'redacted' ? undefined : value))
  expect(text).toContain('"redacted"')
  expect(replay(canonicalLines(old), probes)).toMatchObject({
    differences: [],
    decision: { verdict: 'PASS' }
  })
})

it.each([
  ['an outcome', (it: string) => it.replace('"pass"', '"fail"')],
  ['other line ends', (it: string) => it.replaceAll('\n', '\r\n')],
  ['a space', (it: string) => it.replace('{', '{ ')],
  ['a key twice', (it: string) => it.replace('"verdict"', '"verdict": "PASS",\n "verdict"')],
  ['no last line break', (it: string) => it.trimEnd()]
])('%s is noticed, whatever the file is called', (_, change) => {
  expect(change(text)).not.toBe(text)
  expect(differences(change(text), {})).not.toEqual([])
})

it('any changed byte is noticed by its name, and by what was signed', () => {
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, put) => {
      fc.pre(text[at] !== put)
      const changed = text.slice(0, at) + put + text.slice(at + 1)
      expect(differences(changed, { name })).not.toEqual([])
      expect(differences(changed, { digest: sha256(text) })).not.toEqual([])
    }),
    { numRuns: 300 }
  )
})

it('parameters that the probe of today refuses are not judged', () => {
  const changed = text.replace('"contains"', '"contians"')
  expect(changed).not.toBe(text)
  const { checks, decision } = replay(changed, probes)
  expect(decision.verdict).toBe('INCONCLUSIVE')
  expect(checks.map(({ why }) => why).join()).toMatch(/refuses the recorded parameters/)
})

it('a file that was changed is not trusted', async () => {
  await writeFile(file, text.replace('a repo', 'a rope'))
  const ran = await runCli(['replay', file], { cwd: scene.repo.dir })
  expect([ran.code, ran.stderr]).toEqual([3, expect.stringContaining('was changed after it was written')])
  await writeFile(file, text)
  const wrong = await runCli(['replay', file, '--digest', `sha256:${'0'.repeat(64)}`], {
    cwd: scene.repo.dir
  })
  expect(wrong.code).toBe(3)
  expect((await runCli(['replay', file, '--digest', 'x'], { cwd: scene.repo.dir })).code).toBe(64)
})
