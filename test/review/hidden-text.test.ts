import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { runCli } from '../support/cli.ts'
import { everyObject } from '../support/planted.ts'
import { makeScene, type Scene } from '../support/scene.ts'

/** What is judged is what was read; what is shown of it has its secrets hidden. */

let scene: Scene
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'adversary-hidden-'))
  scene = await makeScene()
})
afterAll(async () => {
  await scene.dispose()
  await rm(folder, { recursive: true, force: true })
})

const secret = 'changeme-4711'
const files = {
  '.env': `A=1\nDB_PASSWORD=${secret}\nB=2\n`,
  'nix/db.nix': '{ services.db = {\n  password = config.sops.placeholder.db;\n}; }\n',
  'nix/web.nix': '{ services.web = {\n  password = settings.web.pass-4711;\n}; }\n'
}

interface Row {
  readonly with: string
  readonly outcome: 'pass' | 'fail'
  /** Whether another outcome would come of the file with its secrets hidden. */
  readonly hidden: boolean
}

const rows: Readonly<Record<string, Row>> = {
  'a secret that is there and must not be': {
    with: `{ path: .env, lacks: "DB_PASSWORD=${secret}" }`,
    outcome: 'fail',
    hidden: true
  },
  'a secret that is there and must be': {
    with: `{ path: .env, contains: "DB_PASSWORD=${secret}" }`,
    outcome: 'pass',
    hidden: true
  },
  'a reference to a secret': {
    with: '{ path: nix/db.nix, contains: "password = config.sops.placeholder.db" }',
    outcome: 'pass',
    hidden: false
  },
  'an expression that looks like a secret': {
    with: '{ path: nix/web.nix, contains: "password = settings.web.pass-4711" }',
    outcome: 'pass',
    hidden: true
  },
  'its value alone': {
    with: '{ path: nix/web.nix, contains: "web.pass-4711" }',
    outcome: 'pass',
    hidden: true
  },
  'an expression of its value': {
    with: '{ path: .env, matches: "PASSWORD=change[a-z]+-[0-9]+$" }',
    outcome: 'pass',
    hidden: true
  },
  'what stands beside it': { with: '{ path: .env, contains: B=2 }', outcome: 'pass', hidden: false },
  'a secret that is not there': {
    with: '{ path: .env, lacks: "DB_PASSWORD=another-4712" }',
    outcome: 'pass',
    hidden: false
  }
}

const reviewed = z.looseObject({
  verdict: z.string(),
  checks: z.array(z.looseObject({ outcome: z.string(), hidden: z.literal(true).optional() })),
  review: z.looseObject({ path: z.string(), commit: z.string() })
})
const replayed = z.looseObject({
  differences: z.array(z.string()),
  restsOnHidden: z.boolean(),
  checks: z.array(z.looseObject({ outcome: z.string() }))
})

describe.each(Object.entries(rows))('%s', (name, { with: params, outcome, hidden }) => {
  const phase = `p${Object.keys(rows).indexOf(name)}`
  // Where the file is read that shows it to be one.
  const word = params.includes('.env') ? secret : 'a reference'

  it(`is a ${outcome}${hidden ? ' that rests on hidden text' : ''}, and can fail`, async () => {
    await scene.plan(
      phase,
      `milestones:\n  M1: { checks: [{ probe: repo-file, title: "it has ${word}", with: ${params} }] }\nhunt: { probes: [] }\n`
    )
    await scene.claim(`${phase}-M1`, `with ${word}`, { files })
    const proved = await runCli(['prove', phase], { cwd: scene.home })
    expect([proved.code, proved.stdout]).toEqual([0, expect.stringContaining('can fail')])

    const ran = await runCli(['review', `${phase}-M1`, '--json'], { cwd: scene.home })
    const document = reviewed.parse(JSON.parse(ran.stdout))
    expect(document.checks).toMatchObject([{ outcome }])
    expect(document.checks[0]?.hidden).toBe(hidden ? true : undefined)
    expect(ran.code).toBe(outcome === 'pass' ? 0 : 1)
    const section = await scene.file(document.review.path)
    expect(/depends on hidden text/.test(section)).toBe(hidden)

    const [evidence = ''] = [...section.matchAll(/\*\*Evidence:\*\* `(?<path>[^`]+)`/g)].map(
      match => match.groups?.['path'] ?? ''
    )
    const file = join(folder, evidence.split('/').at(-1) ?? 'none')
    await writeFile(file, `${await scene.file(evidence)}\n`)
    const again = await runCli(['replay', file, '--json'], { cwd: folder })
    const answer = replayed.parse(JSON.parse(again.stdout))
    expect(answer).toMatchObject({
      differences: [],
      restsOnHidden: hidden,
      checks: [{ outcome: hidden ? 'hidden' : outcome }]
    })
    expect(again.code).toBe(hidden ? 2 : ran.code)
    const read = await runCli(['replay', file], { cwd: folder })
    expect(/hidden/.test(read.stdout)).toBe(hidden)

    const said = [proved, ran, again, read].map(({ stdout, stderr }) => stdout + stderr).join('\n')
    expect(said).not.toContain(secret)
    expect(await readFile(file, 'utf8')).not.toContain(secret)
    // What the builder itself wrote, the files and the claim, is in the repo.
    const written =
      section + (await scene.subjects()).filter(subject => subject.startsWith('review(')).join('\n')
    expect(written).not.toContain(secret)
    expect(written).not.toContain('settings.web.pass-4711;')
  })
})

it('a verdict that another check proves does not rest on what is hidden', async () => {
  await scene.plan(
    'two',
    `milestones:\n  M1:\n    checks:\n      - { probe: repo-file, with: { path: .env, lacks: "${secret}" } }\n      - { probe: repo-file, with: { path: .env, contains: nowhere } }\nhunt: { probes: [] }\n`
  )
  await scene.claim('two-M1', 'done', { files })
  const ran = await runCli(['review', 'two-M1', '--json'], { cwd: scene.home })
  const document = reviewed.parse(JSON.parse(ran.stdout))
  const section = await scene.file(document.review.path)
  const evidence = /\*\*Evidence:\*\* `(?<path>[^`]+)`/.exec(section)?.groups?.['path'] ?? ''
  const file = join(folder, evidence.split('/').at(-1) ?? 'none')
  await writeFile(file, `${await scene.file(evidence)}\n`)
  const again = await runCli(['replay', file, '--json'], { cwd: folder })
  expect([again.code, replayed.parse(JSON.parse(again.stdout))]).toMatchObject([
    1,
    { restsOnHidden: false, differences: [], checks: [{ outcome: 'hidden' }, { outcome: 'fail' }] }
  ])
  expect(await everyObject(scene.repo.remote)).toContain(secret)
})
