import { expect, it } from 'vitest'
import { environmentOf, startCommands } from '../../src/base/unit-text.ts'

const argvs = (text: string, unit = 'x@one.service') =>
  startCommands([{ path: '/x', text: `[Service]\n${text}\n` }], unit).map(({ argv }) => argv)

it.each<[name: string, text: string, argv: string[][]]>([
  ['words', 'ExecStart=/bin/a b  c', [['/bin/a', 'b', 'c']]],
  [
    'quotes of both kinds',
    `ExecStart=/bin/sh -c 'until curl "$1"; do sleep 1; done' "a b"`,
    [['/bin/sh', '-c', 'until curl "$1"; do sleep 1; done', 'a b']]
  ],
  [
    'prefixes',
    'ExecStart=-/bin/a\nExecStart=!!/bin/b\nExecStart=@/bin/c d e',
    [['/bin/a'], ['/bin/b'], ['/bin/c', 'e']]
  ],
  ['several in a line', 'ExecStart=/bin/a ; /bin/b c', [['/bin/a'], ['/bin/b', 'c']]],
  ['a semicolon in quotes', `ExecStart=/bin/a ';' b`, [['/bin/a', ';', 'b']]],
  ['continued lines', 'ExecStart=/bin/a \\\n  b \\\n# a comment\n  c', [['/bin/a', 'b', 'c']]],
  ['an empty value clears', 'ExecStart=/bin/a\nExecStart=\nExecStart=/bin/b', [['/bin/b']]],
  ['specifiers', 'ExecStart=/bin/a %n %i %p 100%%', [['/bin/a', 'x@one.service', 'one', 'x', '100%']]],
  [
    'variables',
    'Environment=URL=http://a "B=c d"\nExecStart=/bin/a ${URL} $B $$x ${NONE}',
    [['/bin/a', 'http://a', 'c', 'd', '$x', '${NONE}']]
  ],
  ['comments', '#ExecStart=/bin/a\n;ExecStart=/bin/b\nExecStart=/bin/c', [['/bin/c']]],
  [
    'the order of a start',
    'ExecStartPost=/bin/c\nExecStart=/bin/b\nExecStartPre=/bin/a\nExecReload=/bin/r\nExecStop=/bin/s',
    [['/bin/a'], ['/bin/b'], ['/bin/c']]
  ]
])('%s', (_, text, argv) => {
  expect(argvs(text)).toEqual(argv)
})

it('reads drop-ins after the unit, and only the section Service', () => {
  const files = [
    { path: '/x', text: '[Unit]\nExecStart=/no\n[Service]\nEnvironment=A=1\nExecStart=/bin/a\n' },
    { path: '/x.d/o.conf', text: '[Service]\nEnvironment=A=2\nExecStart=\nExecStart=/bin/b ${A}\n' }
  ]
  expect(startCommands(files, 'x.service')).toEqual([
    { key: 'ExecStart', argv: ['/bin/b', '2'], ignoresFailure: false, path: '/x.d/o.conf', line: 4 }
  ])
  expect([...environmentOf(files, 'x.service')]).toEqual([['A', '2']])
})
