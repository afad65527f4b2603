import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, inject } from 'vitest'
import { readerSuite } from '../support/reader-suite.ts'

/** Nothing but busybox: its `timeout`, `head` and `date` are not those of coreutils. */
const applets = mkdtempSync(join(tmpdir(), 'adversary-busybox-'))
const obstacle = inject('hostObstacle')

beforeAll(() => {
  if (obstacle === null) execFileSync('busybox', ['--install', '-s', applets])
})
afterAll(() => rmSync(applets, { recursive: true }))

readerSuite([
  { name: 'dash', command: ['dash'] },
  { name: 'bash', command: ['bash'] },
  ...(obstacle === null
    ? [{ name: 'busybox', command: ['env', `PATH=${applets}`, 'busybox', 'sh'] as const }]
    : [])
])
