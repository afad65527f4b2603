import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { openLocal } from '../../src/doors/local.ts'
import { newStart, nonceOf, readerProgram } from '../../src/doors/reader.ts'
import type { HostAddress } from '../../src/doors/session.ts'
import { script } from '../support/read.ts'
import { readerSuite } from '../support/reader-suite.ts'

const here: HostAddress = { name: 'here', ssh: 'localhost', transport: 'local', timeoutMs: 5_000 }
const never = new AbortController().signal

// Whatever shell this machine calls `sh`; dash, bash and busybox one by one are in test/real/shells.test.ts.
readerSuite([{ name: 'sh', command: ['/bin/sh'] }])

it('is one line that every login shell passes on unharmed', () => {
  expect(readerProgram).not.toMatch(/['\\!\n]/)
  const { command, nonce } = newStart()
  expect(command.length).toBeLessThan(4_096)
  expect(nonceOf(command)).toBe(nonce)
  expect([nonceOf(`${command}0`), nonceOf(`${command}; id`), nonceOf('id')]).toEqual([
    undefined,
    undefined,
    undefined
  ])
})

it('says why there is no reader', async () => {
  await expect(openLocal(here, { signal: never }, ['/no/such/shell'])).rejects.toMatchObject({
    name: 'HostUnseen',
    kind: 'shell',
    message: expect.stringContaining('ENOENT')
  })
  await expect(openLocal(here, { signal: never }, ['false'])).rejects.toMatchObject({
    kind: 'shell',
    message: 'the shell ended with 1'
  })
  await expect(
    openLocal({ ...here, timeoutMs: 300 }, { signal: never }, ['sh', '-c', 'sleep 5', 'sh'])
  ).rejects.toMatchObject({ kind: 'timeout', message: 'no answer from localhost within 0.3 s of connecting' })
  await expect(
    openLocal(here, { signal: AbortSignal.abort(new Error('enough')) }, ['sh'])
  ).rejects.toMatchObject({ kind: 'timeout', message: 'stopped: enough' })
})

it('takes no output for the whole of which the host lost a part', async () => {
  const bin = await mkdtemp(join(tmpdir(), 'adversary-reader-'))
  onTestFinished(() => rm(bin, { recursive: true, force: true }))
  const path = process.env['PATH'] ?? ''
  // As if the host's memory ran out: what takes the output ends before all is read, or never begins.
  for (const lines of ['head -c 3\nkill -9 $$', 'head -c 3\nexit 1', 'exit 127']) {
    await writeFile(join(bin, 'head'), `#!/bin/sh\nPATH=\${PATH#*:}\n${lines}\n`)
    await chmod(join(bin, 'head'), 0o755)
    const shell = ['env', `PATH=${bin}:${path}`, '/bin/sh'] as const
    const on = await openLocal(here, { signal: never }, [...shell])
    onTestFinished(() => on.close())
    const [lost] = await Promise.all(on.ask([script('printf "one x"')]))
    expect(lost).toMatchObject({ answered: false, why: 'the read was ended on the host' })
  }
})
