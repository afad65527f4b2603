import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

/** The sum at the end of `.ci/run` must never say more than what ran. */

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'count-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

type Status = 'passed' | 'failed' | 'pending' | 'skipped' | 'todo'

function report(...statuses: readonly Status[]): string {
  const assertionResults = statuses.map((status, n) => ({ status, ancestorTitles: ['it'], title: `is ${n}` }))
  const failed = statuses.length === 0 || statuses.includes('failed')
  return JSON.stringify({
    testResults: [{ name: '/x.test.ts', status: failed ? 'failed' : 'passed', assertionResults }]
  })
}

async function count(files: Readonly<Record<string, string>>, env: NodeJS.ProcessEnv = {}) {
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  return new Promise<{ readonly code: number; readonly last: string | undefined; readonly stdout: string }>(
    done => {
      const script = resolve(import.meta.dirname, '../.ci/count.mjs')
      execFile(
        process.execPath,
        [script, folder],
        { env: { PATH: process.env['PATH'], ...env } },
        (error, stdout) =>
          done({ code: Number(error?.code ?? 0), last: stdout.trimEnd().split('\n').at(-1), stdout })
      )
    }
  )
}

describe('the sum of a run', () => {
  it.each<[name: string, files: Record<string, string>, code: number, last: string]>([
    [
      'all well',
      { steps: 'quick\t0\t3', 'quick.json': report('passed', 'passed') },
      0,
      '2 passed, 0 failed, 0 skipped'
    ],
    [
      'a failing test',
      { steps: 'quick\t1\t3', 'quick.json': report('passed', 'failed') },
      1,
      '1 passed, 1 failed, 0 skipped'
    ],
    [
      'two runs',
      { steps: 'a\t0\t1\nb\t1\t1', 'a.json': report('passed'), 'b.json': report('failed') },
      1,
      '1 passed, 1 failed, 0 skipped'
    ],
    [
      'a step without tests',
      { steps: 'lint\t1\t1\nquick\t0\t1', 'quick.json': report('passed') },
      1,
      '1 passed, 1 failed, 0 skipped'
    ],
    [
      'an error outside of any test',
      { steps: 'quick\t1\t1', 'quick.json': report('passed') },
      1,
      '1 passed, 1 failed, 0 skipped'
    ],
    [
      'a file that could not be loaded',
      { steps: 'quick\t1\t1', 'quick.json': report() },
      1,
      '0 passed, 1 failed, 0 skipped'
    ],
    [
      'a report that is not there',
      { steps: 'a\t0\t1\nb\t0\t1', expected: 'a.json\nb.json', 'a.json': report('passed') },
      1,
      '1 passed, 1 failed, 0 skipped'
    ],
    [
      'skips of every kind',
      {
        steps: 'quick\t0\t1',
        'quick.json': report('passed', 'pending', 'skipped', 'todo'),
        skipped: 'Node 24'
      },
      0,
      '1 passed, 0 failed, 4 skipped'
    ],
    [
      'nothing but skips',
      { steps: 'quick\t0\t1', 'quick.json': report('skipped') },
      1,
      '0 passed, 0 failed, 1 skipped'
    ],
    ['nothing', { steps: 'types\t0\t1' }, 1, '0 passed, 0 failed, 0 skipped']
  ])('%s', async (_, files, code, last) => {
    expect(await count(files)).toMatchObject({ code, last })
  })

  it('tells two runs of the same tests apart', async () => {
    const { stdout, last } = await count({
      steps: 'debian-12\t0\t1\ndebian-13\t1\t1',
      'debian-12.json': report('passed'),
      'debian-13.json': report('failed')
    })
    expect(stdout).toMatch(/^failed: debian-13: \/x\.test\.ts > it > is 0$/m)
    expect(last).toBe('1 passed, 1 failed, 0 skipped')
  })

  it('takes no skip for an answer in CI, and names each', async () => {
    const files = { steps: 'host\t0\t1', 'host.json': report('passed', 'skipped') }
    const { code, stdout } = await count(files, { CI: 'true' })
    expect(code).toBe(1)
    expect(stdout).toMatch(/^skipped: host: \/x\.test\.ts > it > is 1$/m)
  })
})
