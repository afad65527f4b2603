import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ZodError } from 'zod'
import { repoFile } from '../../probes/repo-file.ts'
import { outcomeOf } from '../../src/probe/run.ts'

const commit = 'e6349a9c0ffee0000000000000000000000000000'.slice(0, 40)
const swarm = (name: string) =>
  readFileSync(new URL(`../host/repo/${name}/nix/modules/swarm.nix`, import.meta.url), 'utf8')

function judged(text: string | null, params: object, path = 'nix/modules/swarm.nix') {
  const bound = repoFile.bind({ path, ...params })
  return bound.judge({ file: { path, commit, text } })
}

const subnet = { contains: '--subnet 10.10.0.0/16' }
const create = 'docker network create --driver overlay --subnet 10.10.0.0/16 proxy'
const nix = (script: string) => `{ systemd.services.swarm-init.script = ''\n  ${script}\n''; }\n`

it('passes the patch of the reference phase, quoting its line', () => {
  expect(judged(swarm('after'), subnet)).toEqual([
    {
      outcome: 'pass',
      saw: '`--subnet 10.10.0.0/16` is in nix/modules/swarm.nix:47',
      shows: ['47:        docker network create --driver overlay --attachable --subnet 10.10.0.0/16 proxy']
    }
  ])
})

it('fails the file as it was before', () => {
  expect(judged(swarm('before'), subnet)).toEqual([
    {
      outcome: 'fail',
      saw: '`--subnet 10.10.0.0/16` is not in the file',
      expected: '`--subnet 10.10.0.0/16` outside comments and messages',
      at: 'nix/modules/swarm.nix at e6349a9'
    }
  ])
})

it('tells what is only said from what is done, and where', () => {
  expect(judged(nix(`# ${create}\n  docker network create proxy`), subnet)).toEqual([
    {
      outcome: 'fail',
      saw: '`--subnet 10.10.0.0/16` is only in a comment or a message',
      expected: '`--subnet 10.10.0.0/16` outside comments and messages',
      at: 'nix/modules/swarm.nix:2',
      shows: [`2:  # ${create}`]
    }
  ])
})

describe('contains', () => {
  it.each<[name: string, text: string | null, path: string, outcome: string]>([
    ['a command of a nix script', nix(create), 'a.nix', 'pass'],
    ['a nix comment', `# ${create}\n{ }\n`, 'a.nix', 'fail'],
    ['a nix block comment', `/*\n${create}\n*/\n{ }\n`, 'a.nix', 'fail'],
    ['a shell comment within a nix string', nix(`# ${create}`), 'a.nix', 'fail'],
    ['a comment behind a command', nix(`true # ${create}`), 'a.nix', 'fail'],
    ['an echo', nix(`echo "would run ${create}"`), 'a.nix', 'fail'],
    ['a colon', nix(`: ${create}`), 'a.nix', 'fail'],
    ['an echo before the command', nix(`echo creating; ${create}`), 'a.nix', 'pass'],
    ['a nix string that is no script', `{ command = "${create}"; }\n`, 'a.nix', 'pass'],
    [
      'a line that goes on',
      `docker network create \\\n  --subnet \\\n  10.10.0.0/16 proxy\n`,
      'a.sh',
      'pass'
    ],
    ['a shell comment', `#!/bin/sh\n# ${create}\n`, 'a.sh', 'fail'],
    ['a script by its first line alone', `#!/bin/sh\n# ${create}\n`, 'start', 'fail'],
    ['a yaml comment', `a: b # ${create}\n`, 'a.yml', 'fail'],
    ['a yaml value', `run: ${create}\n`, 'a.yaml', 'pass'],
    ['a toml comment', `# ${create}\n`, 'a.toml', 'fail'],
    ['a TypeScript comment', `// ${create}\n`, 'a.ts', 'fail'],
    ['a TypeScript block comment', `/* ${create} */\n`, 'a.ts', 'fail'],
    ['a TypeScript string', `run('${create}')\n`, 'a.ts', 'pass'],
    ['a python comment', `# ${create}\n`, 'a.py', 'fail'],
    ['prose', `# ${create}\n`, 'runbook.md', 'pass'],
    ['an unknown file, a # line', `  # ${create}\n`, 'start', 'fail'],
    ['an unknown file, a // line', `// ${create}\n`, 'start.xyz', 'fail'],
    ['an unknown file, any other line', `${create}\n`, 'start', 'pass'],
    ['another case', nix(create.toUpperCase()), 'a.nix', 'fail'],
    ['another subnet', nix(create.replace('10.10', '10.11')), 'a.nix', 'fail'],
    ['Windows line ends', nix(create).replaceAll('\n', '\r\n'), 'a.nix', 'pass'],
    ['an empty file', '', 'a.nix', 'fail'],
    ['no file', null, 'a.nix', 'fail']
  ])('%s', (_, text, path, outcome) => {
    expect(outcomeOf(judged(text, subnet, path))).toBe(outcome)
  })

  it('each of a list is a finding of its own', () => {
    const findings = judged(nix(create), { contains: ['--subnet', '--attachable'] })
    expect(findings.map(finding => finding.outcome)).toEqual(['pass', 'fail'])
  })

  it('of a line that goes on, quotes the part that says it', () => {
    expect(
      judged(
        'docker network create \\\n  --driver overlay \\\n  --subnet x\n',
        { contains: '--driver' },
        'a.sh'
      )
    ).toEqual([{ outcome: 'pass', saw: '`--driver` is in a.sh:2', shows: ['2:  --driver overlay \\'] }])
  })
})

describe('lacks, matches, exists', () => {
  it.each<[name: string, text: string | null, params: object, outcome: string]>([
    ['lacks: there', 'docker network create --internal\n', { lacks: '--internal' }, 'fail'],
    ['lacks: not there', 'docker network create\n', { lacks: '--internal' }, 'pass'],
    ['lacks: only in a comment', 'true # --internal\n', { lacks: '--internal' }, 'pass'],
    ['lacks: nothing to look at', '# --internal\n', { lacks: '--internal' }, 'unknown'],
    ['lacks: no file', null, { lacks: '--internal' }, 'fail'],
    [
      'matches: in code',
      'create --subnet 10.10.0.0/16\n',
      { matches: String.raw`subnet 10\.\d+\.0\.0/16\b` },
      'pass'
    ],
    [
      'matches: one more digit',
      'create --subnet 10.10.0.0/160\n',
      { matches: String.raw`subnet 10\.\d+\.0\.0/16\b` },
      'fail'
    ],
    ['matches: only in an echo', 'echo subnet 10.10.0.0/16\n', { matches: String.raw`subnet 10\.` }, 'fail'],
    ['exists by default', 'x\n', {}, 'pass'],
    ['missing by default', null, {}, 'fail'],
    ['must not exist and does not', null, { exists: false }, 'pass'],
    ['must not exist and does', '', { exists: false }, 'fail']
  ])('%s', (_, text, params, outcome) => {
    expect(outcomeOf(judged(text, params, 'a.sh'))).toBe(outcome)
  })

  it.each<[name: string, path: string, text: string, params: object, outcome: string]>([
    [
      'several lines',
      'a.yml',
      'x:\n  ports:\n    - 80\n    - 443\n',
      { contains: 'ports:\n  - 80\n' },
      'pass'
    ],
    [
      'several lines, moved in alike',
      'a.yml',
      'a:\n    b: 1\n    c: 2\n',
      { contains: 'b: 1\nc: 2' },
      'pass'
    ],
    ['several lines, one deeper', 'a.yml', 'a:\n  b: 1\n    c: 2\n', { contains: 'b: 1\nc: 2' }, 'fail'],
    ['several lines in another order', 'a.yml', 'c: 2\nb: 1\n', { contains: 'b: 1\nc: 2' }, 'fail'],
    ['several lines around a comment', 'a.yml', 'b: 1\n# x\n\nc: 2\n', { contains: 'b: 1\nc: 2' }, 'pass'],
    ['several lines, one a comment', 'a.yml', 'b: 1\n# c: 2\n', { contains: 'b: 1\nc: 2' }, 'fail'],
    ['several lines, the last begun', 'a.yml', 'b: 1\nc: 22\n', { contains: 'b: 1\nc: 2' }, 'pass'],
    ['several lines, the first ended', 'a.sh', 'run b \\\n  --c\n', { contains: 'b \\\n  --c' }, 'pass'],
    ['several lines of Windows', 'a.yml', 'b: 1\r\nc: 2\r\n', { contains: 'b: 1\nc: 2' }, 'pass'],
    ['several lines that should not be', 'a.yml', 'b: 1\nc: 2\n', { lacks: 'b: 1\nc: 2' }, 'fail'],
    ['several lines that are not', 'a.yml', 'b: 1\nd: 2\n', { lacks: 'b: 1\nc: 2' }, 'pass'],
    ['a continued line of Windows', 'a.sh', 'a \\\r\n  --b\r\n', { contains: 'a --b' }, 'pass'],
    ['where dialects differ', 'a.ini', 'a = b ; c\n', { contains: '; c' }, 'unknown'],
    ['lacks, where dialects differ', 'a.ini', 'a = b ; c\n', { lacks: '; c' }, 'unknown'],
    ['lacks, in an unknown language', 'a.xyz', 'a\n# c\n', { lacks: 'c' }, 'unknown'],
    ['written to a file', 'a.sh', 'echo "c" >> /etc/x\n', { contains: 'c' }, 'pass'],
    ['sops: a key', 'a.yml', 'db: ENC[AES256_GCM,data:x]\n', { contains: 'db:' }, 'pass'],
    ['sops: a value', 'a.yml', 'db: ENC[AES256_GCM,data:x]\n', { contains: 'db: y' }, 'unknown'],
    ['sops: lacks', 'a.yml', 'db: ENC[AES256_GCM,data:x]\n', { lacks: 'hunter2' }, 'unknown'],
    [
      'a pointer of LFS',
      'a.bin',
      'version https://git-lfs.github.com/spec/v1\noid sha256:1\n',
      { lacks: 'x' },
      'unknown'
    ],
    ['a pointer of LFS exists', 'a.bin', 'version https://git-lfs.github.com/spec/v1\n', {}, 'pass'],
    ['Latin-1: ASCII', 'a.conf', 'x \uFFFD\ny\n', { lacks: 'z' }, 'pass'],
    ['Latin-1: another letter', 'a.conf', 'x \uFFFD\ny\n', { lacks: 'ü' }, 'unknown']
  ])('%s', (_, path, text, params, outcome) => {
    expect(outcomeOf(judged(text, params, path))).toBe(outcome)
  })

  it.each<[params: object, outcome: string]>([
    [{ contains: 'x' }, 'unknown'],
    [{ lacks: 'x' }, 'unknown'],
    [{ matches: 'x' }, 'unknown'],
    [{}, 'pass'],
    [{ exists: false }, 'fail']
  ])('a file that is no text, %j: %s', (params, outcome) => {
    const bound = repoFile.bind({ path: 'a.conf', ...params })
    const findings = bound.judge({ file: { path: 'a.conf', commit, text: null, unread: 'it is UTF-16' } })
    expect(outcomeOf(findings)).toBe(outcome)
  })

  it('counts lines, says what was judged as text, and keeps the name of the file', () => {
    expect(judged('x', {}, 'justfile')).toEqual([
      { outcome: 'pass', saw: '`justfile` at e6349a9 exists, 1 line' }
    ])
    expect(judged('x\ny\n', {}, 'justfile')).toEqual([
      { outcome: 'pass', saw: '`justfile` at e6349a9 exists, 2 lines' }
    ])
    expect(judged('x\n', { lacks: 'y' }, 'a.md')).toEqual([
      { outcome: 'pass', saw: '`y` is not in the one line of a.md (judged as text)' }
    ])
    expect(judged('x\n', { contains: 'x' }, 'a.xyz')).toMatchObject([
      { saw: '`x` is in a.xyz:1 (judged as text: its comment syntax is unknown)' }
    ])
    expect(judged('a:\n  b: 1\n  c: 2\n', { contains: 'b: 1\nc: 2' }, 'a.yml')).toEqual([
      { outcome: 'pass', saw: '`b: 1 ⏎ c: 2` is in a.yml:2', shows: ['2:  b: 1', '3:  c: 2'] }
    ])
  })

  it('names the commit that has no such file', () => {
    expect(judged(null, {}, 'a.sh')).toEqual([
      {
        outcome: 'fail',
        saw: 'no file `a.sh` in commit e6349a9',
        expected: 'it to exist',
        at: 'a.sh at e6349a9'
      }
    ])
  })
})

it.each<[params: object]>([
  [{ path: '../a' }],
  [{ path: '/etc/passwd' }],
  [{ path: 'a/./b' }],
  [{ path: '.git/config' }],
  [{ path: 'a', contains: ' \n ' }],
  [{ path: 'a', contains: [] }],
  [{ path: 'a', contains: '' }],
  [{ path: 'a', matches: '(' }],
  [{ path: 'a', exists: false, contains: 'b' }],
  [{ path: 'a', contain: 'b' }]
])('refuses %j', params => {
  expect(() => repoFile.bind(params)).toThrow(ZodError)
})

it.each<[params: object]>([
  [{ contains: 'create' }],
  [{ matches: 'cre+ate' }],
  [{ lacks: ['--internal', 'curl'] }],
  [{ exists: false }],
  [{}]
])('can fail: %j', params => {
  for (const path of ['a.nix', 'a.sh', 'a', 'a.md', 'a.py', 'a.yml']) {
    const bound = repoFile.bind({ path, ...params })
    const falsified = bound.falsify({ file: { path, commit, text: 'create\n' } })
    expect(falsified.length).toBeGreaterThan(0)
    expect(falsified.every(facts => outcomeOf(bound.judge(facts)) === 'fail')).toBe(true)
  }
})

it('asks the repo alone, and tells which path makes a PASS stale', () => {
  const { file } = repoFile.bind({ path: 'nix/modules/swarm.nix' }).needs
  expect(file).toMatchObject({ place: 'repo', watches: ['nix/modules/swarm.nix'] })
})
