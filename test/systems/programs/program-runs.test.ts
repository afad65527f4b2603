import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { programRuns } from '../../../src/systems/programs/program-runs.ts'
import { readablePath } from '../../../src/lib/secrets/readable-path.ts'
import { pythonRuns } from '../../../src/systems/programs/python-runs.ts'
import { shellRuns, unknowable } from '../../../src/systems/programs/shell-runs.ts'
import { startCommands } from '../../../src/systems/languages/unit-file.ts'
import { cpuMs } from '../../support/cpu.ts'

const argvs = (text: string, args: readonly string[] = []) =>
  shellRuns(text, { args: args.map(arg => [arg]), path: '/opt/x/start' }).commands.map(({ words }) =>
    words.map(values => values.join('|').replaceAll(unknowable, '?')).join(' ')
  )

describe('what a script runs', () => {
  it.each<[name: string, text: string, last: string]>([
    ['variables', 'A=1\nB="$A-2"\ncmd $B "${C:-3}" ${D}', 'cmd 1-2 3 ?'],
    ['a list unquoted', 'A="1 2"\ncmd $A "$A"', 'cmd 1 2 1 2'],
    ['either branch', 'if x; then A=1; else A=2; fi\ncmd $A', 'cmd 1|2'],
    ['a loop', 'for i in a b; do cmd $i; done', 'cmd a|b'],
    ['arguments', 'shift_nothing\ncmd "$1" "$@" "$0"', 'cmd one one two /opt/x/start'],
    ['a function', 'f() { local u=$1; cmd "$u" $2; }\nf a b', 'cmd a b'],
    ['wrappers', 'exec env A=b nice -n 5 timeout -k 5 10m sudo -u x cmd a', 'cmd a'],
    ['a shell in a shell', `sh -c "bash -c 'cmd a'"`, 'cmd a'],
    ['arguments of a shell', `sh -c 'cmd "$1"' sh a`, 'cmd a'],
    ['eval', `A=a\neval "cmd $A"`, 'cmd a'],
    ['its own folder', '"$(dirname "$0")/other" a', '/opt/x/other a'],
    ['what another command prints', 'cmd "a$(hostname)b"', 'cmd a?b'],
    ['what echo prints', 'cmd "$(echo a)"', 'cmd a']
  ])('%s', (_, text, last) => {
    expect(argvs(text, ['one', 'two']).at(-1)).toBe(last)
  })

  it('knows what stands around a command', () => {
    const [first] = shellRuns(
      'timeout 90 sh -c "until ! cmd | grep -q x || true; do sleep 2; done" &'
    ).commands.filter(({ words }) => words[0]?.[0] === 'cmd')
    expect(first).toMatchObject({
      background: true,
      excused: true,
      negated: true,
      looked: true,
      timeout: 90,
      loops: [{ kind: 'until', role: 'condition', sleep: 2 }]
    })
  })
})

it('follows files in the order in which they run, in the loops of their callers', () => {
  const files = [{ path: '/u', text: '[Service]\nExecStartPre=/opt/a x\nExecStart=/opt/b\n' }]
  const texts = new Map<string, string | null>([
    ['/opt/a', '#!/bin/sh\nuntil /opt/c "$1"; do sleep 1; done\n'],
    ['/opt/b', '#!/bin/sh\n. /opt/lib\nhello\n/opt/gone\n/opt/unread\n'],
    ['/opt/c', '#!/bin/sh\ncmd "$1"\n'],
    ['/opt/lib', 'hello() { cmd hi; }\n'],
    ['/opt/unread', null]
  ])
  const { runs, missing, unread, read } = programRuns(startCommands(files, 'u.service'), texts, { hops: 3 })
  expect(
    runs
      .filter(({ command }) => command.words[0]?.[0] === 'cmd')
      .map(({ file, command }) => [file, command.line, command.words[1]?.[0], command.loops.length])
  ).toEqual([
    ['/opt/c', 2, 'x', 1],
    ['/opt/lib', 1, 'hi', 0]
  ])
  expect(missing).toEqual([{ path: '/opt/gone', executed: true, stack: false, hop: 2 }])
  expect(unread).toEqual(['/opt/unread'])
  expect([...read.keys()]).toEqual(['/opt/a', '/opt/c', '/opt/b', '/opt/lib'])
})

it('ends where programs call each other', () => {
  const files = [{ path: '/u', text: '[Service]\nExecStart=/opt/a\n' }]
  const texts = new Map([
    ['/opt/a', '#!/bin/sh\n/opt/b\n/opt/b\n'],
    ['/opt/b', '#!/bin/sh\n/opt/a\n. /opt/b\n']
  ])
  expect(programRuns(startCommands(files, 'u.service'), texts, { hops: 9 }).missing).toEqual([])
})

it.each<[path: string, read: string | null]>([
  ['/opt/x', '/opt/x'],
  ['/opt/./a/../x', '/opt/x'],
  ['opt/x', null],
  ['/opt/../proc/1/environ', null],
  ['/dev/sda', null],
  ['/sys/x', null],
  ['/etc/shadow', null],
  ['/root/.ssh/config', null],
  ['/opt/x.key', null],
  ['/opt/id_ed25519', null],
  ['/run/secrets/token', null],
  ['/opt/a\nb', null],
  ['/opt/*', null],
  ['/opt/keyboard.sh', '/opt/keyboard.sh'],
  [
    '/nix/store/0-unit-script-secretary-start/bin/secretary-start',
    '/nix/store/0-unit-script-secretary-start/bin/secretary-start'
  ]
])('%s is read as %s', (path, read) => {
  expect(readablePath(path)).toBe(read)
})

describe('any text has an answer, in time', () => {
  const shell =
    'f() { } ; $1 "$(" ) until while do done if then fi for in `a` $x ${x:-y} & && | || <<E E . sh -c eval timeout'.split(
      ' '
    )
  const python =
    'def class while for in if else try: except : ( ) [ ] { } f"{x}" "a" = == + % or x x.y import from return urlopen subprocess.run print'.split(
      ' '
    )
  const text = (words: readonly string[]) =>
    fc
      .array(fc.oneof(fc.constantFrom(...words, '\n', '\n  ', '\n    ', ' '), fc.string({ maxLength: 3 })), {
        maxLength: 60
      })
      .map(parts => parts.join(' '))

  it('shell', () => {
    fc.assert(
      fc.property(text(shell), source => {
        expect(shellRuns(source).commands.length).toBeLessThanOrEqual(4000)
      }),
      { numRuns: 1500 }
    )
  })

  it('python', () => {
    const modules = new Map<string, string>()
    fc.assert(
      fc.property(text(python), source => {
        expect(pythonRuns(source, { modules, path: '/opt/x.py' }).commands.length).toBeLessThanOrEqual(5000)
      }),
      { numRuns: 1500 }
    )
  })

  it.each<[name: string, source: string]>([
    [
      'functions that call each other twice',
      Array.from({ length: 30 }, (_, n) => `f${n}() { f${n + 1}; f${n + 1}; }`).join('\n') + '\nf0'
    ],
    ['variables that double', `a=xxxxxxxx\n${'a="$a$a$a$a"\n'.repeat(2000)}cmd $a`],
    ['values that multiply', `for a in 1 2 3 4 5 6 7 8; do cmd ${'$a'.repeat(200)}; done`],
    ['nested substitutions', `${'"$('.repeat(5000)}`],
    ['evals', `${"eval '".repeat(5000)}`],
    ['many commands', 'cmd a b c "$d"; '.repeat(20_000)]
  ])('shell: %s', (_, source) => {
    expect(cpuMs(() => shellRuns(source))).toBeLessThan(5000)
  })

  it.each<[name: string, source: string]>([
    [
      'functions that call each other twice',
      Array.from({ length: 30 }, (_, n) => `def f${n}(x):\n  return f${n + 1}(f${n + 1}(x))`).join('\n') +
        '\nf0(f0(1))\n'
    ],
    ['nested calls', `${'f('.repeat(3000)}${')'.repeat(3000)}`],
    ['nested lists', `x = ${'['.repeat(3000)}${']'.repeat(3000)}`],
    ['nested strings', `x = ${'f"{'.repeat(3000)}`],
    ['long sums', `x = ${'"a" + '.repeat(20_000)}"b"`],
    ['deep blocks', Array.from({ length: 300 }, (_, n) => `${' '.repeat(n)}while x:`).join('\n')],
    ['values that multiply', `x = "a" or "b"\n${'x = x + x + x\n'.repeat(1000)}`],
    ['many lines', 'urlopen("https://a")\n'.repeat(20_000)]
  ])('python: %s', (_, source) => {
    expect(cpuMs(() => pythonRuns(source, { modules: new Map(), path: '/opt/x.py' }))).toBeLessThan(5000)
  })
})
