import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Base, type GateWorld, makeGateWorld, path, type Scene } from '../support/gate.ts'
import { testGit } from '../support/repo.ts'

let context: GateWorld
beforeAll(async () => {
  context = await makeGateWorld()
})
afterAll(() => context.dispose())

describe('a checkout and an environment turned against the gate', () => {
  let before: NodeJS.ProcessEnv
  let scene: Scene
  let checkout: string
  let trace: string

  beforeEach(async () => {
    before = { ...process.env }
    scene = await context.open('failed')
    checkout = scene.builder.dir
    trace = join(checkout, 'trace')
  })
  afterEach(() => {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
    Object.assign(process.env, before)
  })

  const script = async (name: string, body: string) => {
    await mkdir(join(checkout, 'node_modules', '.bin'), { recursive: true })
    const file = join(checkout, 'node_modules', '.bin', name)
    await writeFile(file, `#!/bin/sh\necho "${name} $*" >> ${trace}\n${body}\n`)
    await chmod(file, 0o755)
    return file
  }
  const configuration = async () => {
    const keygen = await script(
      'ssh-keygen',
      'echo "Good \\"git\\" signature for adversary with ED25519 key SHA256:x"'
    )
    const file = join(checkout, 'evil.gitconfig')
    await writeFile(
      file,
      [
        `[gpg "ssh"]\n\tprogram = ${keygen}\n\tallowedSignersFile = ${file}`,
        `[core]\n\thooksPath = ${checkout}/node_modules/.bin\n\tfsmonitor = ${keygen}\n\tsshCommand = ${keygen}`,
        `[url "file://${scene.remote}.evil"]\n\tinsteadOf = ${scene.remote}`,
        `[alias]\n\tlog = !${keygen}`,
        `[credential]\n\thelper = !${keygen}`,
        ''
      ].join('\n')
    )
    return file
  }

  it.each<[string, () => Promise<Record<string, string>>]>([
    [
      'PATH through its node_modules',
      async () => {
        await script('git', 'echo "git version 2.39.5"')
        await script('ssh-keygen', 'exit 0')
        return { PATH: [join(checkout, 'node_modules', '.bin'), '.', before['PATH']].join(delimiter) }
      }
    ],
    ['GIT_CONFIG_GLOBAL', async () => ({ GIT_CONFIG_GLOBAL: await configuration() })],
    [
      'GIT_CONFIG_SYSTEM',
      async () => ({ GIT_CONFIG_SYSTEM: await configuration(), GIT_CONFIG_NOSYSTEM: '0' })
    ],
    [
      'a home with a .gitconfig',
      async () => {
        await configuration()
        await writeFile(join(checkout, '.gitconfig'), `[include]\n\tpath = ${checkout}/evil.gitconfig\n`)
        return { HOME: checkout, XDG_CONFIG_HOME: checkout }
      }
    ],
    [
      'GIT_CONFIG_COUNT',
      async () => ({
        GIT_CONFIG_COUNT: '1',
        GIT_CONFIG_KEY_0: 'include.path',
        GIT_CONFIG_VALUE_0: await configuration()
      })
    ],
    [
      'GIT_CONFIG_PARAMETERS',
      async () => ({ GIT_CONFIG_PARAMETERS: `'include.path=${await configuration()}'` })
    ],
    ['GIT_DIR and GIT_WORK_TREE', async () => ({ GIT_DIR: join(checkout, '.git'), GIT_WORK_TREE: checkout })],
    ['GIT_OBJECT_DIRECTORY', async () => ({ GIT_OBJECT_DIRECTORY: join(checkout, '.git', 'objects') })],
    [
      'GIT_ALTERNATE_OBJECT_DIRECTORIES',
      async () => ({ GIT_ALTERNATE_OBJECT_DIRECTORIES: join(checkout, '.git', 'objects') })
    ],
    [
      'GIT_EXEC_PATH',
      async () => {
        await script('git-log', 'exit 0')
        return { GIT_EXEC_PATH: join(checkout, 'node_modules', '.bin') }
      }
    ],
    [
      'GIT_TEMPLATE_DIR',
      async () => {
        await mkdir(join(checkout, 'template', 'hooks'), { recursive: true })
        await writeFile(
          join(checkout, 'template', 'config'),
          `[include]\n\tpath = ${await configuration()}\n`
        )
        return { GIT_TEMPLATE_DIR: join(checkout, 'template') }
      }
    ],
    [
      'GIT_GRAFT_FILE and GIT_REPLACE_REF_BASE',
      async () => {
        await writeFile(join(checkout, 'grafts'), `${scene.at.review2} ${scene.at.claim2}\n`)
        return { GIT_GRAFT_FILE: join(checkout, 'grafts'), GIT_REPLACE_REF_BASE: 'refs/heads/' }
      }
    ],
    [
      'GIT_SHALLOW_FILE and GIT_NAMESPACE',
      async () => ({ GIT_SHALLOW_FILE: join(checkout, 'x'), GIT_NAMESPACE: 'x' })
    ],
    [
      'GIT_ATTR_SOURCE, GIT_LITERAL_PATHSPECS and GIT_ICASE_PATHSPECS',
      async () => ({
        GIT_ATTR_SOURCE: 'HEAD',
        GIT_LITERAL_PATHSPECS: '0',
        GIT_ICASE_PATHSPECS: '1'
      })
    ],
    [
      'GIT_SSH_COMMAND, GIT_ASKPASS and GIT_PROXY_COMMAND',
      async () => {
        const file = await script('evil', 'exit 0')
        return {
          GIT_SSH_COMMAND: file,
          GIT_ASKPASS: file,
          GIT_PROXY_COMMAND: file,
          GIT_EXTERNAL_DIFF: file,
          PAGER: file
        }
      }
    ],
    ['LC_ALL and TZ', async () => ({ LC_ALL: 'de_DE.UTF-8', LANGUAGE: 'de', TZ: 'Pacific/Kiritimati' })]
  ])('%s', async (_, make) => {
    Object.assign(process.env, await make())
    expect(await scene.gate()).toMatchObject({ code: 1, reasons: [expect.stringContaining('M2 failed: ')] })
    const open = await context.open('passed')
    expect(await open.gate()).toMatchObject({ code: 0 })
    expect(existsSync(trace)).toBe(false)
  })

  it('a shallow remote', async () => {
    const shallow = `${scene.remote}.shallow`
    await testGit(checkout, ['clone', '--quiet', '--bare', '--depth', '1', `file://${scene.remote}`, shallow])
    await expect(scene.gate({ remote: shallow })).rejects.toMatchObject({ kind: 'repository' })
  })
})

describe('random edits to a valid history', () => {
  const codes: Readonly<Record<'claimed' | 'failed' | 'passed' | 'vetoed', readonly number[]>> = {
    claimed: [2, 3],
    failed: [1, 3],
    passed: [0, 3],
    vetoed: [1, 3]
  }
  const words = fc.constantFrom(
    '\n## M2: PASS @2026-06-13T07:00Z\n',
    '\n## M2: FAIL @2026-06-13T07:00Z\n',
    '\n## VETO LIFTED M2: x\n',
    '\n## VETO M2: x\n',
    '\n## [adversary] A1: CLOSED @2026-06-13T07:00Z\n',
    '\n```\n',
    '<!--',
    '-->',
    '\r\n',
    '\ufeff',
    '---\n'
  )
  const edit = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    cut: fc.oneof(fc.constant(0), fc.nat(400)),
    put: fc.oneof(fc.constant(''), words, fc.string({ maxLength: 20 })),
    sign: fc.constantFrom('nobody', 'builder', 'expired'),
    asReview: fc.boolean()
  })

  it.each<Base & keyof typeof codes>(['claimed', 'failed', 'passed', 'vetoed'])(
    'are refused, or leave the verdict: %s',
    async base => {
      const scene = await context.open(base)
      const { builder } = scene
      const start = await builder.tip()
      await fc.assert(
        fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 3 }), async edits => {
          await builder.git(['reset', '--quiet', '--hard', start])
          for (const { at, cut, put, sign, asReview } of edits) {
            const there = await builder.read(path)
            const from = Math.round(at * there.length)
            const text = there.slice(0, from) + put + there.slice(from + cut)
            const message = asReview ? 'review(pvfix-M2): M2 PASS' : 'docs: edit'
            const key =
              sign === 'nobody' ? {} : { key: scene.keys[sign === 'builder' ? 'builder' : 'expired'] }
            await builder.commit(message, { files: { [path]: text }, ...key })
          }
          await builder.push('--force', 'origin', 'HEAD:main')
          const { code } = await scene.gate()
          expect(codes[base]).toContain(code)
        }),
        { numRuns: 10 }
      )
    },
    120_000
  )
})
