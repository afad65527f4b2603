import { expect, it } from 'vitest'
import { unitScript } from '../../probes/unit-script.ts'
import type { UnitPrograms } from '../../src/systems/systemd/unit-programs.ts'
import type { UnitState } from '../../src/systems/systemd/units.ts'
import { unitState } from '../support/boot.ts'
import { recorded, recordedHosts } from '../support/recordings.ts'

const wanted = '--subnet 10.10.0.0/16'
const create = `docker network create --driver overlay --attachable ${wanted} proxy`
const start = '/nix/store/0000000000-unit-script-swarm-init-start/bin/swarm-init-start'

interface Sketch {
  readonly script?: string | null
  readonly exec?: string
  readonly files?: Readonly<Record<string, string | null>>
  readonly state?: Partial<UnitState>
}

function facts({ script = '', exec = `ExecStart=${start}`, files = {}, state = {} }: Sketch): {
  programs: UnitPrograms
} {
  const programs = Object.entries({
    [start]: script === null ? null : `#!/bin/bash\nset -e\n\n${script}\n`,
    ...files
  })
  return {
    programs: {
      unit: unitState('swarm-init.service', state),
      files: [{ path: '/etc/systemd/system/swarm-init.service', text: `[Service]\n${exec}\n` }],
      programs: programs.map(([path, text]) => ({
        path,
        text,
        why: text === null ? 'Permission denied' : ''
      }))
    }
  }
}

const params = (given: object) => unitScript.params.parse({ unit: 'swarm-init', ...given })
const outcome = (sketch: Sketch, given: object) =>
  unitScript.judge(facts(sketch), params(given)).map(({ outcome }) => outcome)

it.each<[name: string, outcome: string, sketch: Sketch, params?: object]>([
  ['the script does it', 'pass', { script: create }],
  [
    'over continued lines',
    'pass',
    { script: 'docker network create \\\n  --subnet 10.10.0.0/16 proxy' },
    { contains: 'create --subnet 10.10.0.0/16 proxy' }
  ],
  ['the script lacks it', 'fail', { script: 'docker network create proxy' }],
  ['only in a comment', 'fail', { script: `# ${create}\ndocker network create proxy` }],
  ['only in an echo', 'fail', { script: `echo "${create}"` }],
  ['only after a colon', 'fail', { script: `: ${create}` }],
  [
    'only in a file that it does not run',
    'fail',
    { script: 'true', files: { '/opt/other': `#!/bin/sh\n${create}` } }
  ],
  [
    'in a file that it runs',
    'pass',
    { script: '/opt/other', files: { '/opt/other': `#!/bin/sh\n${create}` } }
  ],
  ['in a file that it sources', 'pass', { script: '. /opt/lib.sh', files: { '/opt/lib.sh': create } }],
  [
    'in a comment of a file that it sources',
    'fail',
    { script: '. /opt/lib.sh', files: { '/opt/lib.sh': `# ${create}` } }
  ],
  [
    'in a Python program',
    'pass',
    { script: 'python3 /opt/x.py', files: { '/opt/x.py': `run("${create}")` } }
  ],
  ['in the unit file itself', 'pass', { exec: `ExecStart=/usr/bin/${create}` }],
  ['in a shell of the unit file', 'pass', { exec: `ExecStart=/bin/sh -c 'true; ${create}'` }],
  ['in an echo of such a shell', 'fail', { exec: `ExecStart=/bin/sh -c 'true; echo ${create}'` }],
  ['in ExecStop only', 'fail', { exec: `ExecStart=/bin/true\nExecStop=/usr/bin/${create}` }],
  [
    'in an ExecStart that was cleared',
    'fail',
    { exec: `ExecStart=/usr/bin/${create}\nExecStart=\nExecStart=/bin/true` }
  ],
  ['two texts, both there', 'pass', { script: create }, { contains: [wanted, '--attachable'] }],
  ['a match', 'pass', { script: create }, { matches: String.raw`--subnet\s+10\.10\.` }],
  ['no match', 'fail', { script: create }, { matches: '^docker swarm' }],
  ['lacks what is not there', 'pass', { script: create }, { lacks: '--ipv6' }],
  ['lacks what is there', 'fail', { script: create }, { lacks: '--attachable' }],
  [
    'lacks words that stand further apart in the unit',
    'unknown',
    { exec: 'ExecStart=/usr/bin/docker run   --privileged  x' },
    { lacks: 'run   --privileged' }
  ],
  [
    'lacks what is quoted in the unit',
    'unknown',
    { exec: 'ExecStart=/usr/bin/docker run --label="a b" x' },
    { lacks: '--label="a b"' }
  ],
  [
    'lacks what a script has with more blanks',
    'unknown',
    { script: 'docker run  --privileged x' },
    { lacks: 'run --privileged' }
  ],
  [
    'lacks what a script has in quotes',
    'unknown',
    { script: 'docker run "--privileged" x' },
    { lacks: 'docker run --privileged' }
  ],
  [
    'has it but for blanks',
    'unknown',
    { exec: 'ExecStart=/usr/bin/docker run   --rm  x' },
    { contains: 'run   --rm' }
  ],
  ['lacks what is only in a comment', 'pass', { script: `# --ipv6\n${create}` }, { lacks: '--ipv6' }],
  ['the program could not be read', 'unknown', { script: null }],
  [
    'not found, and a called file could not be read',
    'unknown',
    { script: '/opt/x', files: { '/opt/x': null } }
  ],
  [
    'lacks, and a called file could not be read',
    'unknown',
    { script: '/opt/x', files: { '/opt/x': null } },
    { lacks: 'y' }
  ],
  [
    'found, and a called file could not be read',
    'pass',
    { script: `/opt/x\n${create}`, files: { '/opt/x': null } }
  ],
  [
    'a variable of the unit',
    'pass',
    { exec: `Environment=NET=10.10.0.0/16\nExecStart=/usr/bin/docker network create --subnet \${NET} proxy` }
  ],
  [
    'a variable that a file may set otherwise',
    'unknown',
    {
      exec: `Environment=NET=10.10.0.0/16\nEnvironmentFile=/etc/net.env\nExecStart=/usr/bin/docker network create --subnet \${NET} proxy`
    }
  ],
  [
    'lacks, and a file of variables',
    'unknown',
    { exec: 'EnvironmentFile=/etc/x.env\nExecStart=/usr/bin/docker $OPTIONS' },
    { lacks: '--ipv6' }
  ],
  [
    'lacks, and a variable that is not set',
    'pass',
    { exec: 'ExecStart=/usr/bin/docker $OPTIONS' },
    { lacks: 'OPTIONS' }
  ],
  [
    'lacks, and a file of variables that it does not use',
    'pass',
    { exec: 'EnvironmentFile=/etc/x.env\nExecStart=/usr/bin/docker ps' },
    { lacks: '--ipv6' }
  ],
  [
    'there, beside a variable that is not known',
    'pass',
    { exec: `EnvironmentFile=/etc/x.env\nExecStart=/usr/bin/${create} $OPTIONS` }
  ],
  [
    'an unset variable in a shell of the unit',
    'fail',
    { exec: `ExecStart=/bin/sh -c 'docker network create \${NET} proxy'` },
    { contains: '${NET}' }
  ],
  [
    'the name of the host',
    'unknown',
    { exec: 'ExecStart=/usr/bin/docker run --name %H x' },
    { contains: '--name web1' }
  ],
  [
    'escaped',
    'pass',
    { exec: String.raw`ExecStart=/usr/bin/docker network create \x2d\x2dsubnet "10.10.0.0/16" proxy` }
  ],
  ['of an instance', 'pass', { exec: 'ExecStart=/usr/bin/docker %N' }, { contains: 'docker swarm-init' }],
  ['systemd knows no comment behind a command', 'pass', { exec: `ExecStart=/usr/bin/docker # ${wanted}` }],
  [
    'a semicolon that is a word',
    'pass',
    { exec: String.raw`ExecStart=/usr/bin/find / -exec ls {} \; -quit` },
    { contains: '{} ; -quit' }
  ],
  [
    'only in an echo of systemd',
    'fail',
    { exec: `ExecStart=/bin/echo ${wanted}\nExecStart=/usr/bin/docker ps` }
  ],
  ['systemd was not told to reload', 'unknown', { script: create, state: { needsReload: true } }],
  ['no such unit', 'fail', { script: create, state: { load: 'not-found' } }]
])('%s: %s', (_, expected, sketch, given = { contains: wanted }) => {
  const outcomes = outcome(sketch, given)
  expect(outcomes).toContain(expected)
  expect(new Set(outcomes).size).toBe(1)
})

it('says which file and line', () => {
  expect(unitScript.judge(facts({ script: create }), params({ contains: wanted }))).toEqual([
    { outcome: 'pass', saw: `\`${wanted}\` is in ${start}:4`, shows: [`${start}:4: ${create}`] }
  ])
  expect(
    unitScript.judge(facts({ script: 'docker network create proxy' }), params({ contains: wanted }))
  ).toEqual([
    {
      outcome: 'fail',
      saw: `\`${wanted}\` is not in /etc/systemd/system/swarm-init.service, ${start}`,
      expected: `swarm-init.service runs \`${wanted}\``,
      at: `/etc/systemd/system/swarm-init.service, ${start}`
    }
  ])
})

it.each(
  recordedHosts.flatMap(
    host =>
      [
        [host, 'before', 'fail'],
        [host, 'after', 'pass']
      ] as const
  )
)('tells the real host (%s) %s the maintenance: %s', (host, edition, expected) => {
  const unit = recorded(host, edition, 'systemctl-cat-swarm-init').stdout
  const path = /ExecStart=(\S+)/.exec(unit)?.[1] ?? ''
  const programs: UnitPrograms = {
    unit: unitState('swarm-init.service'),
    files: [{ path: '/etc/systemd/system/swarm-init.service', text: unit }],
    programs: [{ path, text: recorded(host, edition, 'script-swarm-init').stdout, why: '' }]
  }
  expect(unitScript.judge({ programs }, params({ contains: wanted })).map(({ outcome }) => outcome)).toEqual([
    expected
  ])
})

it.each([
  { contains: wanted },
  { lacks: ['# x', 'a b'] },
  { matches: '^docker' },
  { contains: wanted, lacks: 'x' }
])('its falsifiers fail with %j', given => {
  for (const untrue of unitScript.falsify(
    facts({ script: create, state: { needsReload: true } }),
    params(given)
  )) {
    expect(unitScript.judge(untrue, params(given)).map(({ outcome }) => outcome)).toContain('fail')
  }
})

it.each([
  {},
  { contains: [] },
  { contains: '' },
  { matches: '(' },
  { has: 'x' },
  // What runs is judged line by line: a text of several lines is in none, and would be lacked by everything.
  { lacks: 'a\nb' },
  { lacks: ['x', 'a\r\nb'] },
  { lacks: '\na' },
  { lacks: 'a\rb' },
  { lacks: ' ' },
  { lacks: '\n' },
  { contains: 'a\nb' },
  { matches: 'a\nb' },
  { matches: ['a\n'] }
])('refuses %j', given => {
  expect(unitScript.params.safeParse({ unit: 'x', ...given }).success).toBe(false)
})

it.each(['true\n', 'true\r\n\n'])('the end of a line is no part of a text: %j', text => {
  expect(outcome({ script: 'true' }, { lacks: text })).toEqual(['fail'])
  expect(outcome({ script: 'true' }, { contains: text })).toEqual(['pass'])
})
