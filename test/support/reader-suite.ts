import { answerBounds } from '../../src/lib/bounds.ts'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { nowMs } from '../../src/os/clock.ts'
import { encodeRead } from '../../src/ssh/reader/frames.ts'
import { openLocal } from '../../src/ssh/local.ts'
import { newStart } from '../../src/ssh/reader/reader.ts'
import type { Answer, HostAddress, HostSession } from '../../src/facts/session.ts'
import type { ReadCommand } from '../../src/facts/read-command.ts'
import { reading, script } from './read.ts'
import { generous } from './pace.ts'

const here: HostAddress = { name: 'here', ssh: 'localhost', transport: 'local', timeoutMs: generous(5_000) }
const never = new AbortController().signal

/** A POSIX shell to run the reader, and the folder that `PATH` is, where it is not the account's own. */
export interface Shell {
  readonly name: string
  readonly command: readonly [string, ...string[]]
}

const open: HostSession[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map(session => session.close()))
})

async function session(shell: Shell['command'], signal = never): Promise<HostSession> {
  const opened = await openLocal(here, { signal }, shell)
  open.push(opened)
  return opened
}

async function ask(on: HostSession, ...commands: ReadCommand[]): Promise<Answer[]> {
  return Promise.all(on.ask(commands))
}

/** The answer without its duration. */
function said(answer: Answer | undefined) {
  if (answer === undefined) throw new Error('there is no such answer')
  const { ms: _ms, ...rest } = answer
  return rest
}

const printed = (stdout: string, exit = 0, stderr = '') => ({
  answered: true,
  exit,
  stdout,
  stderr,
  cut: false
})

/** What the reader must do under every shell. */
export function readerSuite(shells: readonly Shell[]): void {
  describe.each(shells)('the reader under $name', ({ command: shell }) => {
    it('keeps output, errors, exit code and duration of each read apart', async () => {
      const on = await session(shell)
      const answers = await ask(
        on,
        script('echo out; echo err >&2; exit 3'),
        script('printf "no newline"'),
        script('printf "\\n\\nthree\\n\\n\\n"'),
        script('sleep 1; echo slept'),
        reading(['true']),
        script('kill -9 $$')
      )
      expect(answers.map(said)).toEqual([
        printed('out\n', 3, 'err\n'),
        printed('no newline'),
        printed('\n\nthree\n\n\n'),
        printed('slept\n'),
        printed(''),
        expect.objectContaining({ exit: 137, stdout: '' })
      ])
      expect(answers[3]?.ms).toBeGreaterThan(800)
      expect(answers[0]?.ms).toBeLessThan(answers[3]?.ms ?? 0)
      expect(on.stats).toEqual({ connections: 1, execs: 1, reads: 6 })
    })

    it('reads side by side, in as many rounds as are asked for', async ({ onTestFinished }) => {
      const on = await session(shell)
      const folder = await mkdtemp(join(tmpdir(), 'side-by-side-'))
      onTestFinished(() => rm(folder, { recursive: true }))
      // Each goes on when it has seen all the others begin.
      const meets = (n: number) =>
        `: >${folder}/${n}; until [ -e ${folder}/0 ] && [ -e ${folder}/1 ] && [ -e ${folder}/2 ] && [ -e ${folder}/3 ] && [ -e ${folder}/4 ] && [ -e ${folder}/5 ]; do sleep 1; done; echo met`
      const answers = await ask(
        on,
        ...Array.from({ length: 6 }, (_, n) => script(meets(n), { deadlineMs: generous(20_000) }))
      )
      expect(answers.map(said)).toEqual(Array.from({ length: 6 }, () => printed('met\n')))
      expect((await ask(on, reading(['echo', 'again']))).map(said)).toEqual([printed('again\n')])
    })

    it('answers 200 reads of one round, none torn, none mixed up', async () => {
      const on = await session(shell)
      const text = (n: number) => `${String(n).padStart(4, '0')}-`.repeat(500)
      const answers = await ask(on, ...Array.from({ length: 200 }, (_, n) => reading(['echo', text(n)])))
      expect(answers.map(said)).toEqual(Array.from({ length: 200 }, (_, n) => printed(`${text(n)}\n`)))
    })

    it('hands words over as they are', async () => {
      const on = await session(shell)
      const words = [
        '',
        ' leading and trailing ',
        '\t',
        "it's",
        '"double"',
        '$(touch /tmp/never)',
        '`id`',
        '\\',
        '\\n',
        '-n',
        '--help',
        '*',
        '~',
        '$HOME',
        '!x',
        ';&|<>(){}[]#%',
        'é漢字😀',
        'x'.repeat(10_000)
      ]
      const [answer] = await ask(on, reading(['printf', '[%s]', ...words]))
      expect(said(answer)).toEqual(printed(words.map(word => `[${word}]`).join('')))
    })

    it('hands any word over as it is', async () => {
      const on = await session(shell)
      const word = fc
        .string({ unit: 'binary', maxLength: 40 })
        .filter(text => !/[\0\r\n]|\p{Surrogate}/u.test(text))
      await fc.assert(
        fc.asyncProperty(fc.array(word, { minLength: 1, maxLength: 8 }), async words => {
          const [answer] = await ask(on, reading(['printf', '%s|', ...words]))
          expect(said(answer)).toEqual(printed(words.map(text => `${text}|`).join('')))
        }),
        { numRuns: 60 }
      )
    })

    it('says that a command does not exist by its exit code', async () => {
      const on = await session(shell)
      const [answer] = await ask(on, reading(['no-such-command-here', '--version']))
      expect(answer).toMatchObject({ answered: true, exit: 127, stdout: '' })
      expect(answer?.answered === true && answer.stderr).toContain('no-such-command-here')
    })

    it('cuts a flood at the cap and nothing else with it', async () => {
      const on = await session(shell)
      const [flood, exact, over, quiet, loud] = await ask(
        on,
        reading(['yes'], { capBytes: 1_000_000 }),
        script('printf 12345', { capBytes: 5 }),
        script('printf 123456', { capBytes: 5 }),
        reading(['echo', 'quiet']),
        script('yes >&2')
      )
      expect(flood).toMatchObject({ answered: true, cut: true })
      expect(flood?.answered === true && flood.stdout.length).toBe(1_000_000)
      expect(said(exact)).toEqual(printed('12345'))
      expect(said(over)).toMatchObject({ stdout: '12345', cut: true })
      expect(said(quiet)).toEqual(printed('quiet\n'))
      expect(loud?.answered === true && loud.stderr.length).toBe(65_536)
    })

    it('takes so much of one host, and leaves what is more', async () => {
      const on = await session(shell)
      const part = (bytes: number) =>
        script(`head -c ${bytes} /dev/zero | tr "\\0" x`, { capBytes: 16_777_216 })
      // What is left of the division is left of the answers, too.
      const third = Math.floor(answerBounds.hostBytes / 3)
      for (let n = 0; n < 2; n += 1) expect((await ask(on, part(third)))[0]?.answered).toBe(true)
      const [more] = await ask(on, part(third + 2))
      expect(more).toMatchObject({
        answered: false,
        why: 'the host has answered more than 16 MiB in this review'
      })
      const [last] = await ask(on, part(third))
      expect(last?.answered === true && last.stdout.length).toBe(third)
      expect((await ask(on, reading(['echo', 'x'])))[0]).toMatchObject({ answered: false })
    })

    it('tells that it cut what has NUL bytes in it, and takes no more for the whole', async () => {
      const on = await session(shell)
      const [one, many, fits, exact] = await ask(
        on,
        script('printf "a\\0bcdef"', { capBytes: 5 }),
        script('head -c 1000 /dev/zero; echo end', { capBytes: 500 }),
        script('printf "a\\0bcd"', { capBytes: 5 }),
        script('printf "\\n\\n\\n\\n\\n"', { capBytes: 5 })
      )
      expect(one).toMatchObject({ answered: true, cut: true })
      expect(said(many)).toEqual({ answered: false, why: 'the read was killed on the host' })
      expect(said(fits)).toEqual(printed('abcd'))
      expect(said(exact)).toEqual(printed('\n\n\n\n\n'))
    })

    it('tells errors from exit codes, however they end', async () => {
      const on = await session(shell)
      const answers = await ask(
        on,
        script('printf "no newline" >&2; exit 3'),
        script('printf "\\n\\nthree\\n\\n" >&2; exit 4'),
        script('printf %s "\\tdash -n \\n kept" >&2'),
        script('i=0; while [ $i -lt 3000 ]; do echo "line $i"; i=$((i+1)); done >&2; echo out; exit 5')
      )
      expect(answers.slice(0, 3).map(said)).toEqual([
        printed('', 3, 'no newline'),
        printed('', 4, '\n\nthree\n\n'),
        printed('', 0, '\\tdash -n \\n kept')
      ])
      const lines = Array.from({ length: 3000 }, (_, n) => `line ${n}\n`).join('')
      expect(said(answers[3])).toEqual(printed('out\n', 5, lines))
    })

    it('cuts errors at their cap, whether or not they are lines', async () => {
      const on = await session(shell)
      const [one, lines, exact] = await ask(
        on,
        script('head -c 200000 /dev/zero | tr "\\0" x >&2'),
        script('yes >&2'),
        script('head -c 65536 /dev/zero | tr "\\0" x >&2; exit 6')
      )
      expect(said(one)).toMatchObject({ answered: true, stderr: 'x'.repeat(65_536) })
      expect(said(lines)).toMatchObject({ answered: true, exit: 141, stderr: 'y\n'.repeat(32_768) })
      expect(said(exact)).toEqual(printed('', 6, 'x'.repeat(65_536)))
    })

    it('tells no exit code but the one that was, wherever errors are cut', async () => {
      const on = await session(shell)
      const sizes = [65_501, 65_534, ...Array.from({ length: 12 }, (_, n) => 65_556 + n)]
      const answers = await ask(
        on,
        ...sizes.map(size => script(`echo >&2; head -c ${size} /dev/zero | tr "\\0" x >&2; exit 10`))
      )
      // `\n` and these bytes are 65536 at most, which is all of it.
      expect(answers.slice(0, 2).map(said)).toEqual(
        sizes.slice(0, 2).map(size => printed('', 10, `\n${'x'.repeat(size)}`))
      )
      // Of more than that the code may be lost, and half of it is none.
      for (const answer of answers) expect(answer).toMatchObject({ exit: expect.toBeOneOf([10, 141]) })
    })

    it('ends all that still runs when the connection breaks off', async () => {
      const { argv, nonce } = newStart()
      const [file, ...flags] = shell
      const reader = spawn(file, [...flags, ...argv], { stdio: ['pipe', 'pipe', 'inherit'] })
      const said = once(reader.stdout, 'data')
      const mark = `62.${process.pid}`
      const capBytes = 1_000_000
      const hanging = [`sleep ${mark}`, `setsid sleep 4 & :`, `setsid sleep 4 & echo no >&2`]
      hanging.forEach((text, id) => {
        reader.stdin.write(encodeRead({ id: String(id), seconds: 90, capBytes, argv: ['sh', '-c', text] }))
      })
      await said
      await new Promise(resolve => setTimeout(resolve, 500))
      const running = () => execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
      expect(running()).toContain(mark)
      expect(running()).toContain(nonce)
      reader.stdin.end()
      await once(reader, 'exit')
      // The watchman of busybox's `timeout` looks every second whether there is something left to watch.
      await vi.waitFor(
        () => expect(running().includes(mark) || running().includes(nonce)).toBe(false),
        generous(3_000)
      )
    })

    it('loses NUL bytes and replaces what is not UTF-8, and nothing else', async () => {
      const on = await session(shell)
      const [nul, half] = await ask(on, script('printf "a\\0b\\n"'), script('printf "caf\\303"'))
      expect(said(nul)).toEqual(printed('ab\n'))
      expect(said(half)).toEqual(printed('caf\uFFFD'))
    })

    it('is not fooled by output that looks like frames', async () => {
      const on = await session(shell)
      const fake = `${'0'.repeat(32)} x 1 0\n${'0'.repeat(32)} o 1 4\nfake`
      const [first, second] = await ask(
        on,
        reading(['printf', '%s', fake.replaceAll('\n', '|')]),
        script('exit 4')
      )
      expect(said(first)).toEqual(printed(fake.replaceAll('\n', '|')))
      expect(said(second)).toEqual(printed('', 4))
    })

    it('gives commands a plain environment, no input and no descriptors of its own', async () => {
      const on = await session(shell)
      const [env, input, fds] = await ask(
        on,
        script('echo "$LC_ALL $TZ"; echo ":$PATH:"'),
        reading(['cat']),
        script('for n in 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$n ] && echo $n; done; true')
      )
      expect(env?.answered === true && env.stdout).toMatch(
        /^C UTC\n.*:\/run\/current-system\/sw\/bin:.*:\/usr\/sbin:/
      )
      expect(said(input)).toEqual(printed(''))
      expect(said(fds)).toEqual(printed(''))
    })

    it('measures the clock', async () => {
      const before = nowMs()
      const { clock } = await session(shell)
      const after = nowMs()
      // One clock, told by two processes: on a busy machine either may be held up while it tells it.
      expect(Math.abs(clock.skewMs)).toBeLessThanOrEqual(clock.uncertaintyMs + generous(50))
      expect(clock.hostMicros / 1000).toBeGreaterThanOrEqual(before - clock.uncertaintyMs - 1)
      expect(clock.hostMicros / 1000).toBeLessThanOrEqual(after + clock.uncertaintyMs + 1)
      // Half a second more where `date` tells whole seconds, as busybox does.
      expect(clock.uncertaintyMs).toBeLessThanOrEqual(after - before + 501)
    })

    it('answers every outstanding read when it is closed or abandoned', async () => {
      const giveUp = new AbortController()
      const abandoned = await session(shell, giveUp.signal)
      const closed = await session(shell)
      const first = abandoned.ask([script('sleep 30')])
      const second = closed.ask([script('sleep 30')])
      giveUp.abort(new Error('out of budget'))
      await closed.close()
      expect((await Promise.all(first)).map(said)).toEqual([
        { answered: false, why: 'stopped: out of budget' }
      ])
      expect((await Promise.all(second)).map(said)).toEqual([
        { answered: false, why: 'the session was closed' }
      ])
      expect((await ask(closed, reading(['true']))).map(said)).toEqual([
        { answered: false, why: 'the session was closed' }
      ])
    })

    it.concurrent('gives a read that hangs up at its own deadline, and only that', async ({
      expect,
      onTestFinished
    }) => {
      const on = await openLocal(here, { signal: never }, shell)
      onTestFinished(() => on.close())
      const asked = on.ask([
        script('sleep 60', { deadlineMs: 1_000 }),
        script('trap "" TERM; while :; do sleep 1; done', { deadlineMs: 1_000 }),
        script('setsid sh -c "sleep 9; echo late" & echo early', { deadlineMs: 1_000 }),
        reading(['echo', 'fine'])
      ])
      expect(await Promise.race(asked)).toMatchObject({ stdout: 'fine\n' })
      const answers = await Promise.all(asked)
      expect(answers.map(said)).toEqual([
        { answered: false, why: 'no answer within 1 s' },
        { answered: false, why: 'no answer within 1 s' },
        { answered: false, why: 'no answer within 1 s' },
        printed('fine\n')
      ])
      expect((await ask(on, reading(['echo', 'still here']))).map(said)).toEqual([printed('still here\n')])
    })

    it.concurrent('lets go of slots that grandchildren hold, so that reads in the queue are answered', async ({
      expect,
      onTestFinished
    }) => {
      const on = await openLocal(here, { signal: never }, shell)
      onTestFinished(() => on.close())
      const stuck = Array.from({ length: 7 }, () => script('setsid sleep 8 & :', { deadlineMs: 1_000 }))
      const answers = await ask(on, ...stuck, reading(['echo', 'at last']))
      expect(answers.slice(0, 7).every(answer => !answer.answered)).toBe(true)
      expect(said(answers[7])).toEqual(printed('at last\n'))
    })

    it.concurrent('leaves nothing running and no file behind', async ({ expect, onTestFinished }) => {
      const on = await openLocal(here, { signal: never }, shell)
      onTestFinished(() => on.close())
      const mark = `61.${process.pid}`
      void on.ask([
        script(`sleep ${mark}`, { deadlineMs: 1_000 }),
        script(`setsid sleep 1.5${process.pid} & :`)
      ])
      await new Promise(resolve => setTimeout(resolve, 200))
      await on.close()
      await new Promise(resolve => setTimeout(resolve, 2_500))
      expect(execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })).not.toContain(mark)
      expect(existsSync('/tmp/never')).toBe(false)
    })
  })
}
