import { readdirSync, readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import * as z from 'zod'
import { runCli } from '../support/cli.ts'
import { makeScene, type Scene } from '../support/scene.ts'

/**
 * The pipelines of `examples`: each is read as strictly as its system reads it, and each of its gates is run
 * against a real repo, in the environment that the system makes.
 */

const root = resolve(import.meta.dirname, '../../examples')
const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter(name => /\.ya?ml$/.test(name) && !name.startsWith('monitoring/'))
  .map(name => relative(root, join(root, name)))
  .sort()

let scene: Scene
let empty: string
let passed: string
let open: string
beforeAll(async () => {
  scene = await makeScene()
  empty = join(scene.repo.dir, 'empty')
  await mkdir(empty)
  const check = 'checks: [{ probe: repo-file, with: { path: README.md, contains: a repo } }]'
  await scene.plan('pvfix', `milestones:\n  M1: { ${check} }\n  M2: { ${check} }\nhunt: { probes: [] }\n`)
  open = await scene.repo.builder.tip()
  await scene.claim('pvfix-M1')
  passed = await scene.claim('pvfix-M2')
  await (await scene.context()).once()
})
afterAll(() => scene.dispose())

const value = z.union([z.string(), z.number(), z.boolean(), z.strictObject({ from_secret: z.string() })])
const settings = z.record(z.string(), z.union([value, z.record(z.string(), z.string())]))
/** The keys of a step that Drone's docker runner reads. */
const droneStep = z.strictObject({
  name: z.string(),
  image: z.string(),
  commands: z.array(z.string()).min(1).optional(),
  environment: z.record(z.string(), value).optional(),
  settings: settings.optional(),
  depends_on: z.array(z.string()).optional(),
  when: z.record(z.string(), z.unknown()).optional()
})
const drone = z.strictObject({
  kind: z.literal('pipeline'),
  type: z.literal('docker'),
  name: z.string(),
  trigger: z
    .strictObject({
      event: z.array(z.enum(['push', 'promote', 'pull_request', 'tag', 'rollback', 'cron', 'custom']))
    })
    .optional(),
  steps: z.array(droneStep).min(1)
})
const woodpecker = z.strictObject({
  when: z.array(
    z.strictObject({ event: z.enum(['push', 'deployment', 'tag', 'manual']), branch: z.string().optional() })
  ),
  steps: z.array(droneStep).min(1)
})
/** Runners that exist: the labels of GitHub's hosted ones, and what Forgejo's and Gitea's have by default. */
const runners = { github: ['ubuntu-24.04', 'ubuntu-22.04', 'ubuntu-latest'], forgejo: ['docker'] } as const
const actions = (system: keyof typeof runners) =>
  z.strictObject({
    on: z.strictObject({ push: z.strictObject({ branches: z.array(z.string()).min(1) }) }),
    permissions: z.strictObject({ contents: z.literal('read') }).optional(),
    jobs: z.record(
      z.string(),
      z.strictObject({
        'runs-on': z.enum(runners[system]),
        container: z.strictObject({ image: z.string() }),
        steps: z
          .array(z.strictObject({ name: z.string(), run: z.string(), env: z.record(z.string(), z.string()) }))
          .min(1)
      })
    )
  })

interface Gate {
  readonly words: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

function load(name: string): unknown {
  const documents = parseAllDocuments(readFileSync(join(root, name), 'utf8'), {
    strict: true,
    uniqueKeys: true
  })
  expect(documents).toHaveLength(1)
  const [document] = documents
  expect([...(document?.errors ?? []), ...(document?.warnings ?? [])]).toEqual([])
  return document?.toJS()
}

/** A secret has the content that its name says; everything else is what stands there, as the system encodes it. */
function encoded(of: unknown): string {
  if (typeof of === 'object' && of !== null && 'from_secret' in of) {
    return of.from_secret === 'adversary_reviewer' ? 'adversary@example.test' : scene.signers
  }
  return typeof of === 'object' ? JSON.stringify(of) : String(of)
}

function stepGate(step: z.infer<typeof droneStep>): readonly Gate[] {
  if (step.commands === undefined) {
    const env = Object.entries(step.settings ?? {}).map(([key, each]) => [
      `PLUGIN_${key.toUpperCase()}`,
      encoded(each)
    ])
    return [{ words: ['drone-plugin'], env: Object.fromEntries(env) }]
  }
  const env = Object.fromEntries(
    Object.entries(step.environment ?? {}).map(([key, each]) => [key, encoded(each)])
  )
  return step.commands
    .filter(line => line.startsWith('adversary '))
    .map(line => ({ words: line.split(' ').slice(1), env }))
}

function gatesOf(name: string): readonly Gate[] {
  const told = load(name)
  if (name.startsWith('drone/')) return drone.parse(told).steps.flatMap(stepGate)
  if (name.startsWith('woodpecker/')) return woodpecker.parse(told).steps.flatMap(stepGate)
  const system = name.startsWith('github/') ? 'github' : 'forgejo'
  return Object.values(actions(system).parse(told).jobs).flatMap(({ steps }) =>
    steps.map(({ run, env }) => ({
      words: run.split(' ').slice(1),
      env: Object.fromEntries(
        Object.entries(env).map(([key, each]) => [
          key,
          each.startsWith('${{ secrets.') ? scene.signers : each
        ])
      )
    }))
  )
}

/** What each system says of the build, and the address of the repo that it clones. */
function surroundings(name: string, commit: string): Readonly<Record<string, string>> {
  const { url } = scene.repo
  if (name.startsWith('drone/')) {
    return {
      CI: 'true',
      DRONE: 'true',
      DRONE_GIT_HTTP_URL: url,
      DRONE_COMMIT_SHA: commit,
      DRONE_BRANCH: 'main',
      DRONE_BUILD_EVENT: 'push'
    }
  }
  if (name.startsWith('woodpecker/')) {
    return {
      CI: 'woodpecker',
      CI_SYSTEM_NAME: 'woodpecker',
      CI_REPO_CLONE_URL: url,
      CI_COMMIT_SHA: commit,
      CI_COMMIT_BRANCH: 'main'
    }
  }
  const at = url.lastIndexOf('/')
  return {
    CI: 'true',
    GITHUB_ACTIONS: 'true',
    GITHUB_SERVER_URL: url.slice(0, at),
    GITHUB_REPOSITORY: url.slice(at + 1).replace(/\.git$/, ''),
    GITHUB_SHA: commit
  }
}

const ask = async (words: readonly string[], env: Readonly<Record<string, string>>) => {
  // Nobody waits half an hour for a test.
  const short = words.map(word => (word === '30m' ? '1s' : word))
  const waits = 'PLUGIN_WAIT' in env ? { PLUGIN_WAIT: '1s' } : {}
  return runCli([...short, '--quiet'], { cwd: empty, env: { ...env, ...waits } })
}

it('there are examples for Drone, Woodpecker, Forgejo and GitHub', () => {
  expect(new Set(files.map(name => name.split('/')[0]))).toEqual(
    new Set(['drone', 'woodpecker', 'forgejo', 'github'])
  )
  expect(files.length).toBeGreaterThan(5)
})

describe.each(files)('%s', name => {
  const promotes = /promotion|deployment/.test(name)
  const target = name.startsWith('drone/') ? 'DRONE_DEPLOY_TO' : 'CI_PIPELINE_DEPLOY_TARGET'

  it('is open on what was reviewed and passed, closed before', async () => {
    const gates = gatesOf(name)
    expect(gates).toHaveLength(1)
    for (const { words, env } of gates) {
      const where = promotes ? { [target]: 'production' } : {}
      const now = await ask(words, { ...env, ...surroundings(name, passed), ...where })
      expect(now).toMatchObject({ code: 0, stderr: '' })
      const before = await ask(words, { ...env, ...surroundings(name, open), ...where })
      expect(before.code).toBe(2)
    }
  })

  it('trusts nobody without its signers', async () => {
    for (const { words, env } of gatesOf(name)) {
      const { ADVERSARY_ALLOWED_SIGNERS: _, PLUGIN_ALLOWED_SIGNERS: __, ...less } = env
      const where = promotes ? { [target]: 'production' } : {}
      expect((await ask(words, { ...less, ...surroundings(name, passed), ...where })).code).toBe(3)
    }
  })
})

describe('a promotion', () => {
  const plugin = (env: Readonly<Record<string, string>>) => {
    const [gate] = gatesOf('drone/promotion.yml')
    return ask(['drone-plugin'], { ...gate?.env, ...surroundings('drone/', passed), ...env })
  }

  it('needs the gate that its target names, globs included', async () => {
    expect((await plugin({ DRONE_DEPLOY_TO: 'staging-eu' })).code).toBe(0)
    const never = JSON.stringify({ production: 'pvfix-M2', 'staging-*': 'pvfix-M9' })
    expect((await plugin({ DRONE_DEPLOY_TO: 'staging-eu', PLUGIN_PROMOTE: never })).code).toBe(2)
  })

  it('to somewhere that no line names, or that is none, stays closed', async () => {
    const elsewhere = await plugin({ DRONE_DEPLOY_TO: 'prod' })
    expect(elsewhere).toMatchObject({
      code: 64,
      stderr: expect.stringMatching(/no gate is configured for "prod"/)
    })
    expect(await plugin({})).toMatchObject({
      code: 64,
      stderr: expect.stringMatching(/this build is not a promotion/)
    })
  })
})

describe('settings', () => {
  const plugin = (env: Readonly<Record<string, string>>) =>
    ask(['drone-plugin'], {
      ...surroundings('drone/', passed),
      PLUGIN_REVIEWER: 'adversary@example.test',
      PLUGIN_ALLOWED_SIGNERS: scene.signers,
      ...env
    })

  it.each([
    [{}, /neither `gate` nor `promote` is set/],
    [{ PLUGIN_GATE: '' }, /neither `gate` nor `promote` is set/],
    [{ PLUGIN_GATES: 'pvfix-M2' }, /unknown setting "gates", did you mean `gate`\?/],
    [{ PLUGIN_GATE: 'pvfix-M2', PLUGIN_MAX_AGE: '1d' }, /unknown setting "max_age"/],
    [{ PLUGIN_GATE: 'pvfix-M2', PLUGIN_WAIT: 'soon' }, /wait: expected a duration/],
    [{ PLUGIN_PROMOTE: 'production=pvfix-M2', DRONE_DEPLOY_TO: 'production' }, /promote: expected a map/],
    [{ PLUGIN_PROMOTE: '{"production":1}', DRONE_DEPLOY_TO: 'production' }, /promote: expected a map/],
    [{ PLUGIN_PROMOTE: '[]', DRONE_DEPLOY_TO: 'production' }, /promote: expected a map/]
  ] as const)('%j are refused, and open nothing', async (env, why) => {
    const { PLUGIN_WAIT: given, ...rest } = env as Readonly<Record<string, string>>
    const run = await runCli(['drone-plugin'], {
      cwd: empty,
      env: {
        ...surroundings('drone/', passed),
        PLUGIN_REVIEWER: 'adversary@example.test',
        PLUGIN_ALLOWED_SIGNERS: scene.signers,
        ...rest,
        ...(given === undefined ? {} : { PLUGIN_WAIT: given })
      }
    })
    expect(run).toMatchObject({ code: 64, stderr: expect.stringMatching(why) })
  })

  it('with dashes, as Drone leaves them, are the same', async () => {
    expect((await plugin({ PLUGIN_GATE: 'pvfix-M2', 'PLUGIN_REVIEW-BRANCH': 'main' })).code).toBe(0)
  })
})
