import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { expect, it, onTestFinished } from 'vitest'
import { sleep, tick } from '../../src/os/clock.ts'
import { encodeRead } from '../../src/ssh/reader/frames.ts'
import { openLocal } from '../../src/ssh/local.ts'
import { newStart, nonceOf, readerProgram, startReader } from '../../src/ssh/reader/reader.ts'
import type { HostAddress, HostUnseen } from '../../src/facts/session.ts'
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
    message: 'the shell exited with 1'
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
    expect(lost).toMatchObject({ answered: false, why: 'the read was killed on the host' })
  }
})

it('is not held up by a host that sends something all the time and never begins to read', async () => {
  const start = newStart()
  const [stdin, stdout] = [new PassThrough(), new PassThrough()]
  const say = (head: string) => stdout.write(`${start.nonce} ${head} 0\n${start.nonce}\n`)
  const wire = {
    stdin,
    stdout,
    dialled: true,
    gone: new Promise<HostUnseen>(() => undefined),
    destroy: () => stdout.end()
  }
  const opening = startReader(wire, start, { signal: never }, never)
  say(`h ${Date.now()}000000`)
  const on = await opening
  onTestFinished(() => on.close())
  // Of the time, of a read that nobody asked for, and once more that the first one has begun.
  const noise = setInterval(() => {
    say(`h ${Date.now()}000000`)
    say('s 77')
    say('s 0')
    stdout.write(`${start.nonce} o 77 3\nabc${start.nonce}\n`)
  }, 50)
  onTestFinished(() => clearInterval(noise))
  const [first, second] = await Promise.all(
    on.ask([script('true', { deadlineMs: 300 }), script('true', { deadlineMs: 300 })])
  )
  for (const answer of [first, second])
    expect(answer).toMatchObject({ answered: false, why: 'no answer within 0.3 s' })
})

it.each(['begun', 'ended'])(
  'hears what has come while our own thread was busy, of a read that had %s',
  async when => {
    const on = await openLocal(here, { signal: never }, ['/bin/sh'])
    onTestFinished(() => on.close())
    const deadlineMs = 1_000
    const [answer] = on.ask([script(when === 'begun' ? 'sleep 0.5; echo here' : 'echo here', { deadlineMs })])
    if (when === 'begun') await sleep(200)
    // Longer than a read is ever waited for: its deadline and the grace.
    const until = tick() + deadlineMs + 3_000
    while (tick() < until);
    expect(await answer).toMatchObject({ answered: true, stdout: 'here\n' })
  }
)

it.each(['dash', 'bash', 'busybox sh'])(
  '%s runs nothing more once the other end has gone, and leaves nothing behind',
  async shell => {
    const folder = await mkdtemp(join(tmpdir(), 'adversary-reader-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const { nonce } = newStart()
    const [file = 'sh', ...flags] = shell.split(' ')
    const child = spawn(file, [...flags, '-c', readerProgram, 'adversary', nonce], {
      stdio: ['pipe', 'pipe', 'ignore']
    })
    const over = once(child, 'exit')
    // Six that run, and many behind them: each would leave a file.
    const request = (id: number, text: string) =>
      encodeRead({ id: String(id), seconds: 2, capBytes: 100, argv: ['sh', '-c', text] })
    for (let id = 0; id < 6; id++) child.stdin.write(request(id, `sleep 600.${nonce.slice(0, 6)}`))
    for (let id = 6; id < 60; id++) child.stdin.write(request(id, `echo x > ${folder}/${id}`))
    await once(child.stdout, 'data')
    child.stdout.destroy()
    child.stdin.on('error', () => undefined)
    await over
    expect(await readdir(folder)).toEqual([])
    // A signal needs a moment.
    await expect.poll(() => spawnSync('pgrep', ['-f', `sleep 600.${nonce.slice(0, 6)}`]).status).toBe(1)
  }
)
