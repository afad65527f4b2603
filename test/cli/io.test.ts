import { afterEach, describe, expect, it, vi } from 'vitest'
import { createIo, type OutputMode, paint } from '../../src/cli/io.ts'
import { Kept } from '../support/cli.ts'

const around = { cwd: '/', userHome: '/', signal: new AbortController().signal }

function io(manner: Partial<OutputMode> = {}, env: Readonly<Record<string, string>> = {}, tty = false) {
  const stdout = new Kept(tty)
  const stderr = new Kept(tty)
  const made = createIo({ stdout, stderr }, { json: false, quiet: false, ...manner }, { ...around, env })
  return { io: made, stdout, stderr }
}

afterEach(() => vi.useRealTimers())

describe('where words go', () => {
  it.each([
    ['for people', {}, 'answer\n', 'warning\n'],
    ['for machines', { json: true }, '{"answer":1}\n', 'warning\n'],
    ['quietly', { quiet: true }, '', 'warning\n'],
    ['quietly for machines', { json: true, quiet: true }, '{"answer":1}\n', 'warning\n']
  ])('%s', (_, manner, out, err) => {
    const { io: each, stdout, stderr } = io(manner)
    each.out('answer')
    each.json({ answer: 1 })
    each.err('warning')
    expect([stdout.text, stderr.text]).toEqual([out, err])
  })
})

describe('colour', () => {
  it.each([
    ['on a terminal', {}, true, true],
    ['into a file', {}, false, false],
    ['NO_COLOR', { NO_COLOR: '1' }, true, false],
    ['NO_COLOR without a value says nothing', { NO_COLOR: '' }, true, true],
    ['a terminal that knows none', { TERM: 'dumb' }, true, false]
  ])('%s', (_, env, tty, color) => {
    const { io: each } = io({}, env, tty)
    expect(each.color).toBe(color)
    expect(paint(each, 'red', 'x')).toBe(color ? '\u001B[31mx\u001B[39m' : 'x')
  })
})

describe('progress', () => {
  it('is plain lines where nobody watches', () => {
    const { io: each, stderr } = io()
    each.progress('reading web')
    each.progress('reading web')
    each.progress('reading db')
    each.progress(null)
    expect(stderr.text).toBe('reading web\nreading db\n')
  })

  it('is plain lines in CI, whatever it pretends to be', () => {
    const { io: each, stderr } = io({}, { CI: 'true' }, true)
    each.progress('reading web')
    expect(stderr.text).toBe('reading web\n')
  })

  it('is one line on a terminal, with the time it takes, and makes way for output', () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
    const { io: each, stdout, stderr } = io({}, {}, true)
    each.progress('reading web')
    vi.advanceTimersByTime(2500)
    expect(stderr.text.split('\r\u001B[2K').at(-1)).toBe('reading web (2.5 s)')
    each.out('done')
    expect(stdout.text).toBe('done\n')
    each.progress(null)
    expect(stderr.text.endsWith('\r\u001B[2K')).toBe(true)
    const length = stderr.text.length
    vi.advanceTimersByTime(1000)
    expect(stderr.text.length).toBe(length)
  })

  it('is cut to the width of the terminal', () => {
    const { io: each, stderr } = io({}, {}, true)
    each.progress('x'.repeat(200))
    each.progress(null)
    expect(stderr.text.split('\r\u001B[2K')[1]).toHaveLength(79)
  })

  it('is not heard with --quiet', () => {
    const { io: each, stderr } = io({ quiet: true })
    each.progress('reading web')
    expect(stderr.text).toBe('')
  })
})
