import { spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { lifeOf, thisProcess } from '../../src/os/processes.ts'
import { keepStanding, watcherOf } from '../../src/watch/watcher-status.ts'
import type { WatcherStatus } from '../../src/watch/state.ts'

/** What a watcher leaves in its home for `status`. */

let dir: string
let file: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'adversary-standing-'))
  file = join(dir, 'watcher.json')
})
afterEach(() => rm(dir, { recursive: true, force: true }))

const now = () => new Date().toISOString()
const standing = (changes: Partial<WatcherStatus> = {}): WatcherStatus => ({
  startedAt: now(),
  beatAt: now(),
  doing: { what: 'reviewing', about: 'one-M1', since: now() },
  polls: 3,
  polledAt: now(),
  reviews: 1,
  troubles: [{ subject: 'prod', kind: 'host', since: now(), times: 2, why: 'prod refused the connection' }],
  ...changes
})

async function shown(of: WatcherStatus): Promise<void> {
  const kept = await keepStanding(dir, why => expect.fail(why))
  kept.show(standing({ reviews: 0 }))
  kept.show(of)
  await expect.poll(() => readFile(file, 'utf8').catch(() => '')).toContain(`"reviews": ${of.reviews}`)
}

/** As the file is, but for what is changed. */
async function edit(change: (written: { process: Record<string, unknown> }) => void): Promise<void> {
  const written = JSON.parse(await readFile(file, 'utf8'))
  change(written)
  await writeFile(file, JSON.stringify(written))
}

describe('a watcher', () => {
  it('that runs is seen with what it does and what fails', async () => {
    expect(await watcherOf(dir)).toBeNull()
    const told = standing()
    await shown(told)
    expect(await watcherOf(dir)).toEqual({ ...told, state: 'running', pid: process.pid })
  })

  it('whose loop hangs is not taken for one that works', async () => {
    await shown(standing({ beatAt: new Date(Date.now() - 16 * 60_000).toISOString() }))
    expect(await watcherOf(dir)).toMatchObject({ state: 'stalled' })
  })

  it('that was killed is gone, also when another process has its number', async () => {
    await shown(standing())
    const child = spawn('sleep', ['60'])
    await edit(written => (written.process['pid'] = child.pid))
    expect(await watcherOf(dir)).toMatchObject({ state: 'gone' })
    child.kill()
    await new Promise(done => child.once('close', done))
    expect(await watcherOf(dir)).toMatchObject({ state: 'gone' })
  })

  it('before a reboot is gone; of another machine or namespace nobody knows', async () => {
    const self = await thisProcess()
    const { realm } = self
    expect(await lifeOf(self)).toBe('alive')
    expect(await lifeOf({ ...self, born: '1' })).toBe('gone')
    expect(await lifeOf({ ...self, realm: { ...realm, machine: 'other.example.test' } })).toBe('unknown')
    expect(await lifeOf({ ...self, realm: { ...realm, namespace: 'pid:[1]' } })).toBe('unknown')
  })

  it('takes its file away at the end, but not that of another', async () => {
    const kept = await keepStanding(dir, why => expect.fail(why))
    kept.show(standing())
    await kept.close()
    expect(await readdir(dir)).toEqual([])
    await shown(standing())
    await edit(written => (written.process['born'] = 'another'))
    await kept.close()
    expect(await readdir(dir)).toEqual(['watcher.json'])
  })
})

describe('the file', () => {
  it('may be deleted, with its folder: the next step writes it anew', async () => {
    await shown(standing())
    await rm(dir, { recursive: true })
    await shown(standing({ reviews: 2 }))
    expect(await watcherOf(dir)).toMatchObject({ reviews: 2 })
  })

  it('that cannot be written is said once, and nothing else comes of it', async () => {
    const path = join(dir, 'file')
    await writeFile(path, '')
    const said: string[] = []
    const kept = await keepStanding(path, why => said.push(why))
    for (let n = 0; n < 3; n += 1) {
      kept.show(standing())
      await new Promise(done => setTimeout(done, 20))
    }
    await kept.close()
    expect(said).toEqual([expect.stringMatching(/is not a folder/)])
  })

  it('is refused where it is none of ours', async () => {
    for (const text of [
      '',
      '{"process":',
      '{}',
      '[]',
      'null',
      JSON.stringify({ ...standing(), process: 1 })
    ]) {
      await writeFile(file, text)
      await expect(watcherOf(dir)).rejects.toThrow(/JSON|invalid|expected/i)
    }
  })

  it('holds no secret and no control character of what a host said', async () => {
    const why = 'https://bot:Wk7vQz2mXr9LpT4sBn8d@git.example.test/ \u001b[31m\u202eevil\nline'
    await shown(standing({ troubles: [{ subject: 'remote', kind: 'remote', since: now(), times: 1, why }] }))
    const text = await readFile(file, 'utf8')
    expect(text).not.toMatch(/Wk7vQz2mXr9LpT4sBn8d|\\u001b|\u202e|\\n/)
    expect(text).toContain('evil line')
  })
})
