import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { widthOf } from '../../src/lib/text/wrap.ts'
import { makeRepo } from '../support/repo.ts'
import { makeScene } from '../support/scene.ts'

/** What only a process of its own can show: streams that close, signals, and what is left behind. */

const root = resolve(import.meta.dirname, '../..')
const cli = join(root, 'dist/bin/cli.js')
let cwd: string

beforeAll(async () => {
  // As it is shipped.
  const rolldown = join(root, 'node_modules/rolldown/bin/cli.mjs')
  await promisify(execFile)(process.execPath, [rolldown, '--config'], { cwd: root })
  cwd = await mkdtemp(join(tmpdir(), 'cli-'))
})
afterAll(() => rm(cwd, { recursive: true, force: true }))

function start(
  words: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {}
) {
  return spawn(process.execPath, [cli, ...words], {
    cwd: options.cwd ?? cwd,
    env: { ...process.env, ...options.env }
  })
}

async function ended(child: ChildProcess) {
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', chunk => (stdout += chunk))
  child.stderr?.on('data', chunk => (stderr += chunk))
  const [code, signal] = await new Promise<readonly [number | null, string | null]>(done =>
    child.once('close', (...how) => done(how))
  )
  return { code, signal, stdout, stderr }
}

describe('the process', () => {
  it('answers with the version of the package', async () => {
    const { code, stdout } = await ended(start(['--version']))
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+\n$/)])
  })

  it('ends with 64 for words that it does not understand', async () => {
    expect((await ended(start(['frobnicate']))).code).toBe(64)
  })

  it('keeps its exit code when nobody reads its answer to the end', async () => {
    const child = start(['probe', '--list', '--json'])
    child.stdout.destroy()
    expect(await ended(child)).toMatchObject({ code: 0, stderr: '' })
  })

  it('writes all of a long answer into a pipe before it ends', async () => {
    const { code, stdout } = await ended(start(['probe', '--list', '--json']))
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toHaveProperty('probes')
  })

  it('ends with 70 for what nothing catches, and what it prints speaks to no terminal or CI runner', async () => {
    const thrown = `new Error('\\x1b[2J\\x9b2J##vso[task.complete] ' + 'x'.repeat(1e6) + '\\n::error::x')`
    const preload = `process.on('newListener', name => { if (name === 'uncaughtException') setImmediate(() => { throw ${thrown} }) })`
    const env = {
      NODE_OPTIONS: `--import=data:text/javascript;base64,${Buffer.from(preload).toString('base64')}`
    }
    const { code, stderr } = await ended(start(['gate', 'one-M1', '--remote', '/nowhere'], { env }))
    expect(code).toBe(70)
    expect(stderr).toMatch(/^adversary: internal error: Error: /)
    expect(stderr).not.toMatch(/[\x1b\x9b]|##vso\[|^::/m) // oxlint-disable-line no-control-regex
    expect(stderr.length).toBeLessThan(25_000)
  })

  it.each(['SIGINT', 'SIGTERM'] as const)('ends cleanly on %s', async signal => {
    const repo = await makeRepo()
    try {
      const trust = { ADVERSARY_ALLOWED_SIGNERS: 'a ssh-ed25519 AAAA', ADVERSARY_REVIEWER: 'a' }
      const child = start(['gate', 'one-M1', '--wait', '10m'], { cwd: repo.builder.dir, env: trust })
      child.stderr.on('data', chunk => {
        if (String(chunk).includes('waiting')) child.kill(signal)
      })
      expect(await ended(child)).toMatchObject({
        code: 2,
        signal: null,
        stderr: expect.stringMatching(/interrupted/)
      })
    } finally {
      await repo.dispose()
    }
  })

  it.each(['SIGINT', 'SIGTERM'] as const)('ends cleanly on %s while it still loads', async signal => {
    // Sent by the program's first step; nothing is imported by then.
    const told = `process.on("newListener", function first(name) {
      if (name !== "uncaughtException") return
      process.off("newListener", first)
      setImmediate(() => process.kill(process.pid, "${signal}"))
    })`
    const preload = `--import=data:text/javascript,${encodeURIComponent(told)}`
    const scene = await makeScene()
    try {
      const child = start(['watch'], { cwd: scene.home, env: { NODE_OPTIONS: preload } })
      expect(await ended(child)).toMatchObject({ code: 0, signal: null, stdout: '' })
    } finally {
      await scene.dispose()
    }
  })

  it('a watcher that is told to end at any early moment leaves nothing that harms the next one', async () => {
    const scene = await makeScene()
    try {
      const check = '{ probe: repo-file, with: { path: README.md, contains: a repo } }'
      await scene.plan('one', `milestones:\n  M1: { checks: [${check}] }\nhunt: { probes: [] }\n`)
      await scene.claim('one-M1')
      const lies = async () => {
        const names = (await readdir(scene.home, { recursive: true })).sort()
        return Promise.all(names.map(async name => [name, (await stat(join(scene.home, name))).mtimeMs]))
      }
      for (const ms of [0, 15, 30, 45, 60, 90, 130, 180, 250, 350, 500]) {
        const before = await lies()
        const child = start(['watch'], { cwd: scene.home })
        await new Promise(done => setTimeout(done, ms))
        child.kill('SIGTERM')
        const { code, signal } = await ended(child)
        // Node itself takes its time: before the program's first step a signal is the system's business.
        if (signal !== null) expect([ms, await lies()]).toEqual([ms, before])
        else expect([ms, code]).toEqual([ms, 0])
      }
      const { code } = await ended(start(['watch', '--once'], { cwd: scene.home }))
      expect(code).toBe(0)
      expect(await scene.verdicts()).toMatchObject([{ verdict: 'one-M1 PASS' }])
    } finally {
      await scene.dispose()
    }
  })
})

/** `script` of util-linux gives a program a terminal of its own. */
describe.skipIf(process.platform !== 'linux')('on a terminal', () => {
  /** What the terminal shows, without colours and what was written over. */
  async function typed(words: readonly string[], columns: number, at: string) {
    const line = ['node', cli, ...words].map(word => `'${word}'`).join(' ')
    const child = spawn('script', ['-qec', `stty cols ${columns}; ${line}`, '/dev/null'], {
      cwd: at,
      env: {
        ...process.env,
        TERM: 'xterm',
        CI: '',
        NO_COLOR: '',
        PATH: `${dirname(process.execPath)}:${process.env['PATH']}`
      },
      stdio: ['ignore', 'pipe', 'pipe']
    })
    const { code, stdout } = await ended(child)
    const shown = stdout
      .replaceAll('\r\n', '\n')
      // oxlint-disable-next-line no-control-regex -- what is looked for are codes of a terminal
      .replace(/[^\n]*\r(?:\u001b\[2K)?/g, '')
      // oxlint-disable-next-line no-control-regex -- what is looked for are codes of a terminal
      .replace(/\u001b\[[\d;]*[mK]/g, '')
    return { code, shown }
  }

  it.each([60, 80])('watch tells a person what happens, at %i columns, and breaks no word', async columns => {
    const scene = await makeScene()
    try {
      const has = (text: string) =>
        `{ probe: repo-file, title: "The README says ${text}", with: { path: README.md, contains: ${text} } }`
      await scene.plan(
        'one',
        `milestones:\n  M1: { checks: [${has('repo')}, ${has('nonsense')}] }\nhunt: { probes: [] }\n`
      )
      await scene.commit('Claim(one-M1): with a capital')
      await scene.claim('one-M1', 'the words that a builder finds for what was done, which are more than fit')
      const { code, shown } = await typed(['watch', '--once'], columns, scene.home)
      expect([code, shown]).toEqual([1, expect.stringMatching(/^\d\d:\d\d:\d\dZ one-M1  FAIL  claim /m)])
      expect(shown).toMatch(/^\d\d:\d\d:\d\dZ [0-9a-f]{9}  malformed claim /m)
      expect(shown).toMatch(/^ {10}next: fix what is marked ✗, then claim again:$/m)
      expect(shown).not.toContain('{"time"')
      for (const line of shown.split('\n').filter(each => /\S \S/.test(each.trim())))
        expect(widthOf(line)).toBeLessThanOrEqual(columns)
      // What a program reads is JSON, whole lines of it, on a terminal as well.
      const events = (text: string) =>
        text
          .split('\n')
          .filter(line => line.startsWith('{'))
          .map(line => JSON.parse(line).event)
      expect(
        events((await typed(['watch', '--once', '--log', 'json'], columns, scene.home)).shown)
      ).toContain('watcher.started')
      const piped = await ended(start(['watch', '--once'], { cwd: scene.home }))
      expect(events(piped.stderr)).toContain('watcher.started')
      const text = await ended(start(['watch', '--once', '--log', 'text'], { cwd: scene.home }))
      expect(text.stderr).toMatch(/^\d\d:\d\d:\d\dZ watching main of /m)
    } finally {
      await scene.dispose()
    }
  })

  it('the demo ends with commands that can be pasted', async () => {
    const { code, shown } = await typed(['demo', '--keep', 'played'], 80, cwd)
    expect(code).toBe(0)
    const [, places = ''] = shown.split('Where to look:\n')
    const commands = places.split(/^ {2}\S.*:\n/m).slice(1)
    expect(commands).toHaveLength(4)
    for (const command of commands) {
      const child = spawn('sh', ['-c', command], {
        cwd,
        env: { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH']}` }
      })
      const { code: end, stdout } = await ended(child)
      expect([command, end, stdout]).toEqual([command, 0, expect.stringMatching(/\S/)])
    }
    expect(commands.at(-1)).toContain('gate pvfix-M2')
  })
})
