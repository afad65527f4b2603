import fc from 'fast-check'
import { expect, it } from 'vitest'
import { environmentOf, startCommands } from '../../../src/systems/languages/unit-file.ts'

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
    [['/bin/a', 'http://a', 'c', 'd', '$x', '']]
  ],
  ['a variable that is not set as a word', 'ExecStart=/bin/a $NONE b', [['/bin/a', 'b']]],
  ['it in braces', 'ExecStart=/bin/a x${NONE}y', [['/bin/a', 'xy']]],
  ['in quotes it is split as well', 'Environment="B=c d"\nExecStart=/bin/a "$B"', [['/bin/a', 'c', 'd']]],
  ['in braces it is one word', 'Environment="B=c d"\nExecStart=/bin/a ${B}', [['/bin/a', 'c d']]],
  [
    'quotes and backslashes in its value',
    `Environment="B='c d' e\\\\\\\\f"\nExecStart=/bin/a $B ${'${B}'}`,
    [['/bin/a', 'c d', 'e\\f', "'c d' e\\\\f"]]
  ],
  ['a variable with an empty value', 'Environment=B=\nExecStart=/bin/a $B ${B}', [['/bin/a', '']]],
  [
    'more than a name behind the dollar',
    'Environment=B=c\nExecStart=/bin/a $B/d $(date) e',
    [['/bin/a', 'e']]
  ],
  ['a dollar within a word', 'Environment=B=c\nExecStart=/bin/a x$B d$ $', [['/bin/a', 'x$B', 'd$']]],
  ['what a shell expands stays', 'Environment=B=c\nExecStart=/bin/a x${B:-d}y', [['/bin/a', 'x${B:-d}y']]],
  [
    'two dollars before braces',
    'Environment=B=c\nExecStart=/bin/sh -c "echo $${B} $$B"',
    [['/bin/sh', '-c', 'echo ${B} $B']]
  ],
  ['no end of the braces', 'ExecStart=/bin/a x${B', [['/bin/a', 'x${B']]],
  ['other things in braces', 'ExecStart=/bin/a x${#B}${}${B[0]}', [['/bin/a', 'x']]],
  ['the program is no variable', 'Environment=B=c\nExecStart=$B ${B}', [['$B', 'c']]],
  [
    'without substitution',
    'Environment=B=c\nExecStart=:/bin/a $B ${B} $$ %i',
    [['/bin/a', '$B', '${B}', '$$', 'one']]
  ],
  ['all prefixes', 'Environment=B=c\nExecStart=-@:+/bin/a b $B', [['/bin/a', '$B']]],
  [
    'by way of a shell',
    'ExecStart=|/bin/a b\nExecStart=| -c "x y"',
    [
      ['/bin/a', 'b'],
      ['/bin/sh', '-c', 'x y']
    ]
  ],
  ['a prefix alone', 'ExecStart=-\nExecStart=@\nExecStart=/bin/a', [['/bin/a']]],
  ['an escaped semicolon', 'ExecStart=/bin/a \\; b "\\;" c', [['/bin/a', ';', 'b', '\\;', 'c']]],
  [
    'one within a word',
    'ExecStart=/bin/a b\\;c ;d e; ; /bin/f',
    [['/bin/a', 'b\\;c', ';d', 'e;'], ['/bin/f']]
  ],
  ['one at an end', 'ExecStart=/bin/a ;', [['/bin/a']]],
  ['one at the beginning', 'ExecStart=; /bin/a', [['/bin/a']]],
  [
    'hexadecimal and octal',
    String.raw`ExecStart=/bin/a \x41\102 "\x20" \xc3\xa4 \303\244`,
    [['/bin/a', 'AB', ' ', 'ä', 'ä']]
  ],
  ['unicode', String.raw`ExecStart=/bin/a \u00e4 \U0001f600`, [['/bin/a', 'ä', '😀']]],
  [
    'escapes in both quotes',
    String.raw`ExecStart=/bin/a "\x41\"" '\x41\'' \s\t`,
    [['/bin/a', 'A"', "A'", ' \t']]
  ],
  [
    'escapes that are none',
    String.raw`ExecStart=/bin/a \q \x4 \x00 \8 b\ c`,
    [['/bin/a', '\\q', '\\x4', '\\x00', '\\8', 'b\\ c']]
  ],
  [
    'an escaped per cent is a specifier',
    String.raw`ExecStart=/bin/a \x25i \x25\x25i`,
    [['/bin/a', 'one', '%i']]
  ],
  ['quotes within a word', `ExecStart=/bin/a b" c "d'e'`, [['/bin/a', 'b c de']]],
  ['an empty word', `ExecStart=/bin/a "" ''`, [['/bin/a', '', '']]],
  ['a no-break space is none', 'ExecStart=/bin/a b\u00a0c', [['/bin/a', 'b\u00a0c']]],
  [
    'two backslashes at the end continue nothing',
    'ExecStart=/bin/a b\\\\\nExecStartPost=/bin/c',
    [['/bin/a', 'b\\'], ['/bin/c']]
  ],
  ['continued in quotes, the indentation stays', 'ExecStart=/bin/a "b \\\n  c"', [['/bin/a', 'b    c']]],
  [
    'comments of both kinds within, and an indented one',
    'ExecStart=/bin/a \\\n  # b \\\n;c\n  d',
    [['/bin/a', 'd']]
  ],
  ['an empty line ends it', 'ExecStart=/bin/a \\\n\n  d=e', [['/bin/a']]],
  ['continued to the end of the file', 'ExecStart=/bin/a \\\n b \\', [['/bin/a', 'b']]],
  ['no comment behind a value', 'ExecStart=/bin/a b # c', [['/bin/a', 'b', '#', 'c']]],
  ['white space around the key', '  ExecStart  =  /bin/a  ', [['/bin/a']]],
  ['lines of Windows', 'ExecStart=/bin/a \\\r\n b\r\nExecStartPost=/bin/c\r', [['/bin/a', 'b'], ['/bin/c']]],
  [
    'UnsetEnvironment',
    'Environment=A=1 B=2 C=3\nUnsetEnvironment=A C=3 B=9\nExecStart=/bin/a x${A}${B}${C} $A',
    [['/bin/a', 'x2']]
  ],
  [
    'UnsetEnvironment that was cleared',
    'Environment=A=1\nUnsetEnvironment=A\nUnsetEnvironment=\nExecStart=/bin/a $A',
    [['/bin/a', '1']]
  ],
  [
    'Environment that was cleared',
    'Environment=A=1\nEnvironment=\nEnvironment=B=2\nExecStart=/bin/a x${A}${B}',
    [['/bin/a', 'x2']]
  ],
  ['the later value', 'Environment=A=1\nEnvironment=A=2\nExecStart=/bin/a $A', [['/bin/a', '2']]],
  [
    'no variable in a value, but a specifier',
    'Environment=A=1 "B=$A %i"\nExecStart=/bin/a ${B}',
    [['/bin/a', '$A one']]
  ],
  ['names that are none', 'Environment=1A=1 =2 A-B=3\nExecStart=/bin/a x${1A}${A-B}', [['/bin/a', 'x']]],
  ['comments', '#ExecStart=/bin/a\n;ExecStart=/bin/b\nExecStart=/bin/c', [['/bin/c']]],
  [
    'the order of a start',
    'ExecStartPost=/bin/c\nExecStart=/bin/b\nExecStartPre=/bin/a\nExecReload=/bin/r\nExecStop=/bin/s',
    [['/bin/a'], ['/bin/b'], ['/bin/c']]
  ]
])('%s', (_, text, argv) => {
  expect(argvs(text)).toEqual(argv)
})

it.each<[unit: string, specifiers: string, words: string[]]>([
  ['x@one.service', '%n %N %p %i %I', ['x@one.service', 'x@one', 'x', 'one', 'one']],
  [
    String.raw`x@var-lib-my\x2ddata.service`,
    '%i %I %f',
    [String.raw`var-lib-my\x2ddata`, 'var/lib/my-data', '/var/lib/my-data']
  ],
  [String.raw`x@\xc3\xa4.service`, '%I', ['ä']],
  ['x@-.service', '%I %f', ['/', '/']],
  ['x@a@b.service', '%p %i', ['x', 'a@b']],
  ['x@.service', 'x%iy %p', ['xy', 'x']],
  ['my-app-web@one.service', '%p %P %j %J', ['my-app-web', 'my/app/web', 'web', 'web']],
  ['a.b.service', '%N %p %f x%i', ['a.b', 'a.b', '/a.b', 'x']],
  [
    'x.service',
    '%t %S %C %L %E %T %V %h %u %U %g %G',
    [
      '/run',
      '/var/lib',
      '/var/cache',
      '/var/log',
      '/etc',
      '/tmp',
      '/var/tmp',
      '/root',
      'root',
      '0',
      'root',
      '0'
    ]
  ],
  ['x.service', '%d %y %Y', ['/run/credentials/x.service', '/etc/x', '/etc']],
  ['x.service', '%% %%n %z 5% 100%%', ['%', '%n', '%z', '5%', '100%']]
])('of %s: %s', (unit, specifiers, words) => {
  const files = [{ path: '/etc/x', text: `[Service]\nExecStart=/bin/a ${specifiers}\n` }]
  expect(startCommands(files, unit)).toEqual([
    { key: 'ExecStart', argv: ['/bin/a', ...words], ignoresFailure: false, path: '/etc/x', line: 2 }
  ])
})

it.each<[name: string, text: string, argv: string[], unsure: string[]]>([
  ['the name of the host', 'ExecStart=/bin/a %H %l-x', ['%H', '%l-x'], ['%H', '%l']],
  [
    'a file of variables',
    'Environment=A=1\nEnvironmentFile=/etc/x.env\nExecStart=/bin/a $A ${B}',
    ['$A', '${B}'],
    ['$A', '${B}']
  ],
  ['one that may be missing', 'EnvironmentFile=-/etc/x.env\nExecStart=/bin/a x${B}', ['x${B}'], ['${B}']],
  ['one that was cleared', 'EnvironmentFile=/etc/x.env\nEnvironmentFile=\nExecStart=/bin/a x${B}', ['x'], []],
  [
    'of it, what is unset at last',
    'EnvironmentFile=/etc/x.env\nUnsetEnvironment=B\nExecStart=/bin/a x${B}${C}',
    ['x${C}'],
    ['${C}']
  ],
  ['of it, what no file can set', 'EnvironmentFile=/etc/x.env\nExecStart=/bin/a x${#B} $(date)', ['x'], []],
  ['a file, and no variable', 'EnvironmentFile=/etc/x.env\nExecStart=/bin/a $$A', ['$A'], []],
  [
    'what is passed on',
    'PassEnvironment=B C\nEnvironment=C=1\nExecStart=/bin/a ${B} ${C}',
    ['${B}', '1'],
    ['${B}']
  ],
  [
    'what systemd sets by itself',
    'ExecStart=/bin/a ${HOME} ${STATE_DIRECTORY}',
    ['${HOME}', '${STATE_DIRECTORY}'],
    ['${HOME}', '${STATE_DIRECTORY}']
  ],
  ['it, set by the unit', 'Environment=HOME=/h\nExecStart=/bin/a ${HOME}', ['/h'], []],
  ['a variable of the name of the host', 'Environment=A=%H\nExecStart=/bin/a ${A}', ['${A}'], ['${A}']]
])('what the unit does not decide: %s', (_, text, argv, unsure) => {
  const [command] = startCommands([{ path: '/x', text: `[Service]\n${text}\n` }], 'x.service')
  expect(command?.argv.slice(1)).toEqual(argv)
  expect(command?.unsure ?? []).toEqual(unsure)
})

it('takes any text', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'$\\"\'{}%;: \n=[]#aAx0é😀') }), text => {
      const files = [{ path: '/x', text: `[Service]\nEnvironment=A=${text}\nExecStart=/bin/a ${text}` }]
      for (const { argv } of startCommands(files, 'x@y.service')) expect(argv.length).toBeGreaterThan(0)
    })
  )
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
