import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { objectReader } from '../../src/git/raw/objects.ts'

let dir: string
const path = process.env['PATH'] ?? ''

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'adversary-objects-'))
})

afterEach(async () => {
  vi.useRealTimers()
  process.env['PATH'] = path
  await rm(dir, { recursive: true, force: true })
})

/** A git that answers every name with a blob of its own name, half a second after it was asked. */
async function slowGit(): Promise<void> {
  const script = `#!/bin/sh
while read -r name; do
  sleep 0.5
  printf '%s blob 40\\n%s\\n' "$name" "$name"
done
`
  await writeFile(join(dir, 'git'), script)
  await chmod(join(dir, 'git'), 0o755)
  process.env['PATH'] = `${dir}${delimiter}${path}`
}

const [one, other] = ['1'.repeat(40), '2'.repeat(40)]

it('what a process that was given up said last answers no question of the next one', async () => {
  await slowGit()
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const objects = objectReader(dir)
  const first = objects.read(one).catch(() => null)
  // The machine sleeps: the answer lies in the pipe, and by the clock its time is over before anybody reads it.
  await new Promise(settle => setImmediate(settle))
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500)
  vi.advanceTimersByTime(61_000)
  const second = objects.read(other)
  expect(await first).toBeNull()
  expect((await second)?.bytes.toString()).toBe(other)
  objects.close()
})
