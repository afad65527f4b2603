import { spawnSync } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { isReadProgram, readablePath } from '../../src/lib/secrets/readable-path.ts'
import {
  scriptEndings,
  secretEndings,
  secretStems,
  secretWords,
  textEndings
} from '../../src/lib/secrets/secret-file.ts'
import { guardScript } from '../../src/ssh/reader/guard.ts'
import { openSession } from '../../src/ssh/open-session.ts'
import { commandStart, newStart } from '../../src/ssh/reader/reader.ts'
import type { Answer, HostSession } from '../../src/facts/session.ts'
import { fits, mostAsked, type Pattern } from '../../src/facts/read-command.ts'
import { reading } from '../support/read.ts'
import { startSshServer, type TestServer } from '../support/ssh-server.ts'

/** `echo` stands for docker: what runs says so with its own words. */
const reads: readonly Pattern[] = [
  ['echo', 'list', '{{json .}}'],
  ['echo', 'inspect', '--', { placeholder: 'ids' }],
  ['echo', '--unit=a.service', { placeholder: 'seconds', after: '--since=@' }, '--all'],
  ['echo', 'cat', '--', '*.service'],
  ['echo', 'ps', '-p', { placeholder: 'pids' }],
  ['head', '-c', '131073', '--', { placeholder: 'program' }],
  // Each of these looks like the other until its end.
  ['echo', 'df', '--', { placeholder: 'path' }],
  ['echo', 'df', '--', '/', '/var'],
  ['echo', 'df', '--', { placeholder: 'path' }, '-i'],
  ['echo', 'stat', '-c', '%Y %n', '--', { placeholder: 'paths' }]
]
const programs = ['/opt', '/nix/store'] as const
const id = '0123456789ab'

let folder: string
let guard: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'adversary-guard-'))
  guard = join(folder, 'guard')
  const script = guardScript({ reads, programs: [...programs, folder], comments: ['made by a test'] })
  await writeFile(guard, script)
  await chmod(guard, 0o755)
  await writeFile(join(folder, 'start.py'), 'print()\n')
  await writeFile(join(folder, 'api.KEY'), 'hidden\n')
})
afterAll(() => rm(folder, { recursive: true }))

const shells = ['dash', 'bash', 'busybox sh'] as const

describe.each(shells)('a host that is guarded by %s', shell => {
  let server: TestServer
  const open: HostSession[] = []
  beforeAll(async () => {
    server = await startSshServer({ forced: `${shell} ${guard}` })
  })
  afterEach(() => Promise.all(open.splice(0).map(session => session.close())))
  afterAll(() => server.close())

  async function ask(argvs: readonly (readonly string[])[]): Promise<readonly Answer[]> {
    const session = await openSession(server.address, { signal: new AbortController().signal })
    open.push(session)
    return Promise.all(session.ask(argvs.map(argv => reading(argv))))
  }

  it('reads what is on its list', async () => {
    const path = join(folder, 'start.py')
    const answers = await ask([
      ['echo', 'list', '{{json .}}'],
      ['echo', 'inspect', '--', id, `${id}${id}`],
      ['echo', '--unit=a.service', '--since=@1781328782', '--all'],
      ['echo', 'cat', '--', '*.service'],
      ['head', '-c', '131073', '--', path],
      ['echo', 'df', '--', '/opt/a'],
      ['echo', 'df', '--', '/opt'],
      ['echo', 'df', '--', '/', '/var'],
      ['echo', 'df', '--', '/opt/a', '-i'],
      ['echo', 'stat', '-c', '%Y %n', '--', '/opt/a'],
      ['echo', 'stat', '-c', '%Y %n', '--', '/opt/a b', '/nix/store/b']
    ])
    expect(answers.map(answer => (answer.answered ? [answer.exit, answer.stdout] : answer.why))).toEqual([
      [0, 'list {{json .}}\n'],
      [0, `inspect -- ${id} ${id}${id}\n`],
      [0, '--unit=a.service --since=@1781328782 --all\n'],
      [0, 'cat -- *.service\n'],
      [0, 'print()\n'],
      [0, 'df -- /opt/a\n'],
      [0, 'df -- /opt\n'],
      [0, 'df -- / /var\n'],
      [0, 'df -- /opt/a -i\n'],
      [0, 'stat -c %Y %n -- /opt/a\n'],
      [0, 'stat -c %Y %n -- /opt/a b /nix/store/b\n']
    ])
  })

  const refused: readonly (readonly string[])[] = [
    ['true'],
    ['echo'],
    ['echo', 'list'],
    ['echo', 'list', '{{json .}}', 'more'],
    ['echo', 'list', '{{json .}} '],
    ['echo', 'list|{{json .}}'],
    ['echo|list|{{json .}}'],
    ['echo', 'list', ''],
    ['/bin/echo', 'list', '{{json .}}'],
    ['echo', 'inspect', '--'],
    ['echo', 'inspect', '--', id, '--all'],
    ['echo', 'inspect', '--', id, ''],
    ['echo', 'inspect', '--', id.toUpperCase()],
    ['echo', 'inspect', '--', id.slice(1)],
    ['echo', 'inspect', '--', `${id}*`],
    ['echo', '--unit=b.service', '--since=@1', '--all'],
    ['echo', '--unit=a.service', '--since=@', '--all'],
    ['echo', '--unit=a.service', '--since=@1', '--file=/x', '--all'],
    ['echo', '--unit=a.service', '--since=@1 --file=/x', '--all'],
    ['echo', '--unit=a.service', '--since=@-1', '--all'],
    ['echo', 'cat', '--', 'a.service'],
    ['head', '-c', '131073', '--', '/etc/passwd'],
    ['head', '-c', '131073', '--', '/opt/../etc/passwd'],
    ['head', '-c', '131073', '--', '/opt'],
    ['echo', 'stat', '-c', '%Y %n', '--'],
    ['echo', 'stat', '-c', '%Y %n', '--', '/opt/a', '/etc/passwd'],
    ['echo', 'stat', '-c', '%Y %n', '--', '/opt/a', '/opt/.env'],
    ['echo', 'stat', '-c', '%Y %n', '--', '/opt/a', '-L'],
    ['echo', 'stat', '-c', '%Y %n', '--', '/opt/a', ''],
    ['echo', 'stat', '-c', '%Y %n', '--', '/opt/a|/opt/b'],
    ['head', '-c', '131073', '--', '/optional/start'],
    ['head', '-c', '131073', '--', '/opt/start', '/etc/passwd'],
    ['head', '-c', '1', '--', '/opt/start'],
    ['sh', '-c', 'echo list']
  ]
  it('refuses everything else with 126, and goes on', async () => {
    const answers = await ask([...refused, ['head', '-c', '131073', '--', join(folder, 'api.KEY')]])
    for (const [index, answer] of answers.entries()) {
      expect([refused[index], answer]).toMatchObject([
        refused[index],
        {
          answered: true,
          exit: 126,
          stdout: '',
          stderr: expect.stringContaining('not allowed on this host')
        }
      ])
    }
  })

  it('is no narrower than the patterns, and no wider', async () => {
    const odd = [
      '',
      '*',
      "'",
      '/opt',
      '/opt/a',
      '/opt/.env',
      '/opt/./a',
      `${id}|${id}`,
      '--since=@1|',
      '--since=@1',
      '7',
      '1,22',
      '1,',
      ',1',
      '1,,2',
      '1,$(id)',
      '-1',
      '7'.repeat(4_001)
    ]
    const words = fc.constantFrom(...reads.flat().filter(place => typeof place === 'string'), id, ...odd)
    const near = fc
      .constantFrom(...reads)
      .chain(pattern =>
        fc.tuple(
          ...pattern.map(place =>
            fc.oneof({ weight: 9, arbitrary: typeof place === 'string' ? fc.constant(place) : words }, words)
          )
        )
      )
    const commands = fc.sample(fc.oneof(near, fc.array(words, { minLength: 1, maxLength: 6 })), 150)
    const answers = await ask(commands)
    for (const [index, answer] of answers.entries()) {
      const argv = commands[index] ?? []
      const allowed = reads.some(
        pattern =>
          fits(pattern, argv) &&
          pattern.every(
            (place, at) =>
              typeof place === 'string' ||
              (place.placeholder !== 'path' &&
                place.placeholder !== 'paths' &&
                place.placeholder !== 'program') ||
              argv
                .slice(at, place.placeholder === 'paths' ? argv.length : at + 1)
                .every(word =>
                  programs.some(
                    folder =>
                      word.startsWith(`${folder}/`) || (word === folder && place.placeholder !== 'program')
                  )
                )
          )
      )
      expect([argv, answer.answered && answer.exit !== 126]).toEqual([argv, allowed])
    }
  })
})

/** What sshd runs when `command` is asked for. */
function forced(shell: string, command: string | undefined, input = '') {
  const [file = 'sh', ...flags] = shell.split(' ')
  const env = {
    PATH: process.env['PATH'],
    ...(command === undefined ? {} : { SSH_ORIGINAL_COMMAND: command })
  }
  const { status, stdout, stderr } = spawnSync(file, [...flags, guard], {
    env,
    input,
    cwd: folder,
    encoding: 'utf8'
  })
  return { status, stdout, stderr }
}

describe.each(shells)('what is not the reader is not run by %s', shell => {
  const nonce = '0'.repeat(32)
  it.each([
    ['a login shell', undefined],
    ['nothing', ''],
    ['a command', 'id'],
    ['scp', 'scp -t /tmp'],
    ['sftp', '/usr/lib/openssh/sftp-server'],
    ['rsync', 'rsync --server . /'],
    ['the reader and more', `${commandStart}${nonce}; id`],
    ['the reader with more before it', `id; ${commandStart}${nonce}`],
    ['a nonce that is none', `${commandStart}${'$(id)'.padEnd(32, '0')}`],
    ['a short nonce', `${commandStart}${nonce.slice(1)}`],
    ['a line more', `${commandStart}${nonce}\nid`],
    ['another program', `/bin/sh -c 'id' adversary ${nonce}`],
    ['another version of the reader', `${commandStart}${nonce}`.replace('LC_ALL=C;', 'LC_ALL=C.UTF-8;')]
  ])('%s', (_, command) => {
    expect(forced(shell, command)).toEqual({
      status: 126,
      stdout: '',
      stderr: 'adversary lockdown: this key may only start the reader of adversary\n'
    })
  })

  it.each([
    'r 0 x[$(echo>owned)] 10 1',
    'r 0 1 x[$(echo>owned)] 1',
    'r 0 1 10 x[$(echo>owned)]',
    'r x[$(echo>owned)] 1 10 1',
    'r 0 * 10 1',
    'r 0 08 10 1',
    'r 0 1 10 1 1',
    'r 0 1 10',
    'x 0 1 10 1',
    `r 0 ${mostAsked.seconds + 1} 10 1`,
    'r 0 999 10 1',
    `r 0 1 ${mostAsked.capBytes + 1} 1`,
    'r 0 1 99999999 1',
    `r 0 1 10 ${mostAsked.words + 1}`,
    'r 0 1 10 9999',
    ''
  ])('nor a request of other numbers: %j', async line => {
    const input = `${line}\necho\nlist\n{{json .}}\n`
    const { status, stdout } = forced(shell, newStart().command, input)
    expect(status).toBe(126)
    // The greeting, and no frame of a read.
    expect(stdout.split('\n').filter(text => / [soex] /.test(text))).toEqual([])
    expect(spawnSync('ls', [folder], { encoding: 'utf8' }).stdout).not.toContain('owned')
  })
})

it('withholds every file that the reviewer itself would not read by its name', () => {
  for (const ending of secretEndings) expect([ending, readablePath(`/opt/${ending}`)]).toEqual([ending, null])
})

/** Names of files as hosts have them, secret and not, and what is made of their pieces. */
const names = [
  ...secretWords,
  ...secretStems,
  ...scriptEndings.map(ending => `run.${ending}`),
  ...textEndings.map(ending => `app.${ending}`),
  ...'start stop secretary keyboard monkey.sh python3.11 deploy-proxy .start-wrapped .wrapped run. a.b.c'.split(
    ' '
  )
]
const folders = ['/opt', '/opt/bin', '/opt/x/libexec', '/nix/store/0-unit/bin', '/opt/app.d', '/opt/sbin/x']

describe.each(shells)('what %s withholds is what the reviewer does not read', shell => {
  /** Runs the functions of the guard on each path. */
  const readable = (paths: readonly string[]): readonly boolean[] => {
    const [file = 'sh', ...flags] = shell.split(' ')
    const script = guardScript({ reads, programs: [...programs], comments: [] })
    const functions = script.slice(script.indexOf('program() {'), script.indexOf('programs() {'))
    const { stdout, stderr } = spawnSync(
      file,
      [
        ...flags,
        '-c',
        `${functions}\nfor x do if readable "$x"; then echo 1; else echo 0; fi; done`,
        'sh',
        ...paths
      ],
      { encoding: 'utf8', env: { PATH: process.env['PATH'], LC_ALL: 'C' }, stdio: ['ignore', 'pipe', 'pipe'] }
    )
    expect(stderr).toBe('')
    return stdout
      .trim()
      .split('\n')
      .map(line => line === '1')
  }

  it('by any name made of such pieces', () => {
    const piece = fc.oneof(
      fc.constantFrom(...names),
      fc.string({ unit: fc.constantFrom('a', '.', '-', '_', '0', '@', 'K') })
    )
    const name = fc.array(piece, { minLength: 1, maxLength: 3 }).chain(parts =>
      fc.tuple(fc.constantFrom('', '.', '-', '_'), fc.boolean()).map(([glue, upper]) => {
        const joined = parts.join(glue)
        return upper ? joined.toUpperCase() : joined
      })
    )
    const paths = fc
      .sample(fc.tuple(fc.constantFrom(...folders), name), 1500)
      .map(([folder, base]) => `${folder}/${base}`)
      .filter(path => readablePath(path) === path)
    expect(paths.length).toBeGreaterThan(300)
    const answers = readable(paths)
    expect(paths.filter((path, index) => answers[index] !== isReadProgram(path))).toEqual([])
  })
})

it.each([
  '/opt/app/.env',
  '/opt/app/.env.production',
  '/opt/app/.env.local',
  '/opt/app/prod.env',
  '/opt/app/env.production',
  '/opt/app/server.key.bak',
  '/opt/app/server.key~',
  '/opt/app/acme.json',
  '/opt/app/.pgpass',
  '/opt/app/.netrc',
  '/opt/app/.npmrc',
  '/opt/app/.vault-token',
  '/opt/app/secrets.yml',
  '/opt/app/SECRETS.YAML',
  '/opt/app/db-password.conf',
  '/opt/app/api_key',
  '/opt/app/keystore.jks',
  '/opt/app/kubeconfig',
  '/opt/app/kubeconfig.yaml',
  '/opt/app/id_dsa',
  '/opt/app/id_ed25519.old',
  '/opt/app/terraform.tfstate',
  '/opt/app/dump.sql',
  '/opt/app/data.sqlite',
  '/opt/app/wallet.dat',
  '/opt/app/config.json',
  '/opt/app/secrets.sh',
  '/opt/app/env.py'
])('%s is not read', path => {
  expect(isReadProgram(path)).toBe(false)
})

it.each([
  '/opt/app/start',
  '/opt/app/start.sh',
  '/opt/app/rotate-keys.sh',
  '/opt/app/stack.yml',
  '/opt/app/docker-compose.prod.yaml',
  '/opt/app/lib.inc',
  '/opt/bin/wait-for-secrets-service',
  '/nix/store/0123-unit-script-secretary-start/bin/secretary-start',
  '/nix/store/0123-app/bin/.app-wrapped',
  '/opt/app/monkey',
  '/opt/app/run.py'
])('%s is read', path => {
  expect(isReadProgram(path)).toBe(true)
})
