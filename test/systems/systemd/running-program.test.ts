import fc from 'fast-check'
import { expect, it } from 'vitest'
import { pathIn, runningProgram } from '../../../src/systems/systemd/running-program.ts'

const old = '/nix/store/aaaa-app-1.0/bin/app'
const now = '/nix/store/bbbb-app-1.1/bin/app'
const python = '/nix/store/pppp-python3-3.11.9/bin/python3'
const start = (letter: string) => `/nix/store/${letter}-unit-script-app-start/bin/app-start`

it.each<[why: string, kind: string, argv: readonly string[], runs: readonly string[], text?: string | null]>([
  ['the very program', 'same', [now], [now]],
  ['an older version', 'other', [now], [old]],
  ['another build of the same version', 'other', [now], ['/nix/store/cccc-app-1.1/bin/app']],
  ['another program of the same package', 'untold', [now], ['/nix/store/aaaa-app-1.0/bin/appd']],
  ['a program of that name in another package', 'untold', [now], ['/nix/store/aaaa-app-wrapped-1.0/bin/app']],
  [
    'its own hidden half behind a wrapper',
    'same',
    [now],
    [python, '/nix/store/bbbb-app-1.1/bin/.app-wrapped']
  ],
  ['the hidden half of the older one', 'untold', [now], [python, '/nix/store/aaaa-app-1.0/bin/.app-wrapped']],
  [
    'a start script under its interpreter',
    'same',
    [start('b')],
    ['/nix/store/s-bash-5.2/bin/bash', start('b')]
  ],
  ['the start script of before', 'other', [start('b')], ['/nix/store/s-bash-5.2/bin/bash', start('a')]],
  ['what a start script hands over to', 'same', [start('b')], [now], `#!/bin/sh\nexec ${now} --port 80\n`],
  [
    'what the start script of before handed over to',
    'other',
    [start('b')],
    [old],
    `#!/bin/sh\nexec ${now}\n`
  ],
  ['what a script may run, as it mentions it', 'untold', [now], [old], `#!/bin/sh\n${old} "$@"\n`],
  ['a start script that tells nothing', 'untold', [start('b')], [old], '#!/bin/sh\nmain\n'],
  ['a program that could not be read', 'untold', [now], [old], null],
  [
    'a title with the path in it',
    'same',
    ['/nix/store/n-nginx-1.24/bin/nginx'],
    ['/nix/store/n-nginx-1.24/bin/nginx']
  ],
  ['another configuration', 'other', [now, '-c', '/nix/store/b-app.conf'], [now, '/nix/store/a-app.conf']],
  [
    'another configuration, by an option',
    'other',
    [now, '--config=/nix/store/b-app.conf'],
    [now, '/nix/store/a-app.conf']
  ],
  [
    'two of a kind, both there',
    'same',
    [now, '/nix/store/a-x/lib', '/nix/store/b-x/lib'],
    [now, '/nix/store/a-x/lib', '/nix/store/b-x/lib']
  ],
  [
    'a script under another build of its interpreter',
    'other',
    [python, '/opt/run.py'],
    ['/nix/store/q-python3-3.11.8/bin/python3', '/opt/run.py']
  ],
  [
    'an interpreter’s script elsewhere',
    'other',
    ['/usr/bin/python3', '/opt/app-2/run.py'],
    ['/usr/bin/python3', '/opt/app-1/run.py']
  ],
  [
    'an interpreter’s other script',
    'same',
    ['/usr/bin/python3', '/opt/app-2/run.py'],
    ['/usr/bin/python3', '/opt/app-2/worker.py']
  ],
  [
    'data elsewhere',
    'same',
    ['/usr/bin/python3', '/opt/run.py', '/srv/data'],
    ['/usr/bin/python3', '/opt/run.py', '/var/data']
  ],
  ['a binary elsewhere', 'other', ['/opt/app-2/app'], ['/opt/app-1/app'], ''],
  [
    'a script of that name that starts a binary of that name',
    'untold',
    ['/usr/local/bin/app'],
    ['/opt/app/app'],
    '#!/bin/sh\n'
  ],
  ['a program that nobody read, elsewhere', 'untold', ['/opt/app-2/app'], ['/opt/app-1/app']],
  [
    'a shell that hands over to a script of another shell',
    'untold',
    ['/nix/store/s-bash-5.2/bin/bash', '-c', 'app'],
    ['/nix/store/t-bash-5.1/bin/bash', '/opt/app']
  ],
  ['what is filled in only at the start', 'untold', ['/opt/%i/app'], ['/opt/x/app'], ''],
  ['a process that shows no path', 'untold', [now], []],
  ['no command', 'untold', [], [old]]
])('%s: %s', (_, kind, argv, runs, text) => {
  expect(runningProgram(argv, runs, text).kind).toBe(kind)
})

it('names both', () => {
  expect(runningProgram([now], [old], '')).toEqual({ kind: 'other', wanted: now, runs: old })
})

it.each([
  ['/opt/app', '/opt/app'],
  ['--config=/etc/app', '/etc/app'],
  ['password=/x', ''],
  ['app', ''],
  ['a/b', ''],
  ['--url=http://x/y', '']
])('%s is the path %j', (word, path) => {
  expect(pathIn(word)).toBe(path)
})

it('has an answer for any text', () => {
  const words = fc.array(fc.oneof(fc.constantFrom(old, now, python, '/nix/store/', '-'), fc.string()))
  fc.assert(
    fc.property(words, words, fc.option(fc.string()), (argv, runs, text) => {
      expect(['same', 'other', 'untold']).toContain(runningProgram(argv, runs, text).kind)
    })
  )
})
