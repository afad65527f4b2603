import { afterEach, describe, expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'
import { makeScene, type Scene } from '../support/scene.ts'

/** Whatever a builder puts where reviews and evidence belong: its FAIL is recorded all the same. */

let scene: Scene
afterEach(() => scene.dispose())

const file = 'reviews/REVIEW-one.md'
const plan = (contains: string) =>
  `milestones:\n  M1: { checks: [{ probe: repo-file, with: { path: README.md, contains: ${contains} } }] }\nhunt: { probes: [] }\n`

async function gate() {
  const env = { ADVERSARY_ALLOWED_SIGNERS: scene.signers, ADVERSARY_REVIEWER: 'adversary@example.test' }
  const { code } = await runCli(['gate', 'one-M1', '--remote', scene.repo.remote], {
    cwd: scene.repo.dir,
    env
  })
  return code
}

/** Replaces what is at a path by an entry of that kind. */
async function put(mode: string, path: string, content: string | Buffer = '../elsewhere') {
  const { builder } = scene.repo
  await builder.pull()
  const blob = await builder.git(['hash-object', '-w', '--stdin'], { input: content })
  const sha = mode === '160000' ? await builder.tip() : blob
  await builder.git(['rm', '--quiet', '--cached', '-r', '--ignore-unmatch', '--', path])
  await builder.git(['update-index', '--add', '--replace', '--cacheinfo', `${mode},${sha},${path}`])
  await builder.git(['commit', '--quiet', '-m', 'core: tidy'])
  await builder.push()
  // The work tree is nobody's concern.
  await builder.git(['reset', '--quiet', '--hard'])
}

async function answered() {
  const watched = await scene.context()
  const answers = await watched.once()
  return answers.map(({ told, verdict }) => {
    const { rendered } = told
    return { verdict, path: rendered?.path ?? '', evidence: rendered?.files[0]?.path ?? '', rendered }
  })
}

describe('where something else stands', () => {
  it.each<[string, string, string, (string | Buffer)?]>([
    ['a symlink for the review file', '120000', file],
    ['a symlink out of the repo', '120000', file, '/etc/passwd'],
    ['a folder for the review file', '100644', `${file}/x`],
    ['a submodule for the review file', '160000', file],
    ['a review file in UTF-16', '100644', file, Buffer.from('\ufeff# Mine', 'utf16le')],
    ['a twin of the review file', '100644', 'reviews/review-ONE.md'],
    ['a file for the folder', '100644', 'reviews'],
    ['a symlink for the folder', '120000', 'reviews'],
    ['a submodule for the folder', '160000', 'reviews'],
    ['a file for the folder of evidence', '100644', 'reviews/evidence'],
    ['a symlink for the folder of evidence', '120000', 'reviews/evidence'],
    ['a twin of the folder of evidence', '100644', 'reviews/EVIDENCE']
  ])('%s', async (_, mode, path, content) => {
    scene = await makeScene()
    await scene.plan('one', plan('nobody'))
    await put(mode, path, content)
    await scene.claim('one-M1')
    const [fail] = await answered()
    expect(fail).toMatchObject({ verdict: 'FAIL' })
    if (path.toLowerCase() !== 'reviews/evidence') expect(fail?.path).toMatch(/^REVIEW-one-[0-9a-f]{8}\.md$/)
    else expect(fail?.path).toBe(file)
    if (path.startsWith(file) || path.includes('review-'))
      expect(fail?.evidence).toMatch(/^reviews\/evidence\//)
    else expect(fail?.evidence).toMatch(/^evidence-one-M1-[0-9a-f]{12}-[0-9a-f]{8}\.json$/)
    expect(await scene.file(fail?.path ?? '')).toContain('**Not at its usual place:**')
    expect(await gate()).toBe(1)
  })

  it('the next section goes where the last one went', async () => {
    scene = await makeScene()
    await scene.plan('one', plan('nobody'))
    await put('120000', 'reviews')
    await scene.claim('one-M1')
    const [fail] = await answered()
    await scene.plan('one', plan('repo'))
    await scene.claim('one-M1', 'mended')
    expect(await answered()).toMatchObject([{ verdict: 'PASS', path: fail?.path }])
    expect(await gate()).toBe(0)
  })

  it('a symlink for a file that was signed: not trusted, recorded elsewhere, and continued once it is back', async () => {
    scene = await makeScene()
    await scene.plan('one', plan('repo'))
    await scene.claim('one-M1')
    expect(await answered()).toMatchObject([{ verdict: 'PASS', path: file }])
    expect(await gate()).toBe(0)
    const text = await scene.file(file)

    await put('120000', file)
    await scene.plan('one', plan('nobody'))
    await scene.claim('one-M1', 'again')
    const [fail] = await answered()
    expect(fail).toMatchObject({ verdict: 'FAIL', path: expect.stringMatching(/^REVIEW-one-/) })
    expect(await gate()).toBe(3)

    await put('100644', file, `${text}\n`)
    expect(await gate()).toBe(1)
    await scene.plan('one', plan('repo'))
    await scene.claim('one-M1', 'mended')
    expect(await answered()).toMatchObject([{ verdict: 'PASS', path: file }])
    expect(await gate()).toBe(0)
  })

  it('evidence of the baseline that is a symlink now', async () => {
    scene = await makeScene()
    await scene.plan('one', plan('nobody'))
    await answered()
    await scene.repo.builder.pull()
    const [evidence = ''] = (await scene.repo.builder.git(['ls-files', '--', 'reviews/evidence'])).split('\n')
    expect(evidence).toMatch(/orientation/)
    await put('120000', evidence)
    await scene.claim('one-M1')
    expect(await answered()).toMatchObject([{ verdict: 'FAIL', path: file }])
    expect(await gate()).toBe(1)
  })
})
