import { expect, it } from 'vitest'
import { unitScript } from '../../probes/unit-script.ts'
import type { UnitPrograms } from '../../src/systems/systemd/unit-programs.ts'
import type { UnitState } from '../../src/systems/systemd/units.ts'
import { rehearseHere } from '../../src/rehearsal/worlds.ts'
import { withFiles, withUnit } from '../../src/rehearsal/host/host-facts.ts'
import { unitAnswer } from '../../src/rehearsal/host/unit-answer.ts'
import { hostOf } from '../rehearsal/sketch.ts'
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

async function facts({ script = '', exec = `ExecStart=${start}`, files = {}, state = {} }: Sketch) {
  const programs = Object.entries({
    [start]: script === null ? null : `#!/bin/bash\nset -e\n\n${script}\n`,
    ...files
  })
  return rehearsed({
    unit: unitState('swarm-init.service', state),
    files: [{ path: '/etc/systemd/system/swarm-init.service', text: `[Service]\n${exec}\n` }],
    programs: programs.map(([path, text]) => ({
      path,
      text,
      why: text === null ? 'Permission denied' : ''
    }))
  })
}

/** With the rehearsal of its start, on a host that has Docker and nothing else. */
async function rehearsed(programs: UnitPrograms) {
  let host = withUnit(hostOf({ units: {}, files: {} }), programs)
  let answer = await rehearseHere(host)
  // Nothing else is there.
  for (; answer.asked.length > 0; answer = await rehearseHere(host))
    host = withFiles(
      host,
      answer.asked.map(path => [
        path,
        path.endsWith('.env') ? { kind: 'unseen', why: 'not read' } : { kind: 'missing' }
      ])
    )
  return { programs, rehearsal: { answer: unitAnswer(answer, programs.unit.name), files: [] } }
}

const params = (given: object) => unitScript.params.parse({ unit: 'swarm-init', ...given })
const outcome = async (sketch: Sketch, given: object) =>
  unitScript.judge(await facts(sketch), params(given)).map(({ outcome }) => outcome)

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
  [
    'in a Python program that may have ended before',
    'unknown',
    { script: 'python3 /opt/x.py', files: { '/opt/x.py': `sys.exit(0)\nrun("${create}")` } }
  ],
  [
    'in a branch of a Python program',
    'unknown',
    { script: 'python3 /opt/x.py', files: { '/opt/x.py': `if False:\n    run("${create}")` } }
  ],
  [
    'in a variable of a Python program',
    'unknown',
    { script: 'python3 /opt/x.py', files: { '/opt/x.py': `hint = "${create}"` } }
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
    'fail',
    { script: 'docker run  --privileged x' },
    { lacks: 'run --privileged' }
  ],
  [
    'lacks what a script has in quotes',
    'fail',
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
  ...[
    ['after exec of another program', `exec sleep infinity\n${create}`],
    ['after exit', `docker ps\nexit 0\n${create}`],
    ['behind false', `false && ${create}`],
    ['behind true', `true || ${create}`],
    ['in a branch that is never taken', `if [ 1 = 2 ]; then\n  ${create}\nfi`],
    ['in such a branch on one line', `if [ 1 = 2 ]; then ${create}; fi`],
    ['in a loop that is never entered', `while false; do ${create}; done`],
    ['after a loop without end', `while :; do sleep 60; done\n${create}`],
    ['in a function that is never called', `mk() {\n  ${create}\n}\ndocker ps`],
    ['in such a function on one line', `mk() { ${create}; }\ndocker ps`],
    ['after the return of a function', `mk() {\n  return 0\n  ${create}\n}\nmk`],
    ['in an arm that is not taken', `case up in\n  up) docker ps ;;\n  down) ${create} ;;\nesac`],
    ['where nothing is executed', `set -n\n${create}`],
    ['in a variable that nothing uses', `HINT="${wanted}"\ndocker network create proxy`],
    ['of a network that is removed again', `${create}\ndocker network rm proxy\ndocker network create proxy`],
    ['after a failure with set -e', `set -e\nfalse\n${create}`]
  ].map(([name = '', script = '']): [string, string, Sketch] => [name, 'unknown', { script }]),
  ['in a function that is called', 'pass', { script: `mk() {\n  ${create}\n}\nmk` }],
  ['by a variable', 'pass', { script: 'NET=10.10.0.0/16\ndocker network create --subnet "$NET" proxy' }],
  [
    'by an argument',
    'pass',
    { script: 'mk() { docker network create "$@"; }\nmk --subnet 10.10.0.0/16 proxy' }
  ],
  ['in a branch that is taken', 'pass', { script: `if [ 1 = 1 ]; then\n  ${create}\nfi` }],
  ['after what was there is removed', 'pass', { script: `docker network rm proxy || true\n${create}` }],
  ['behind a failure that is ignored', 'pass', { script: `false || true\n${create}` }],
  ['systemd was not told to reload', 'unknown', { script: create, state: { needsReload: true } }],
  ['no such unit', 'fail', { script: create, state: { load: 'not-found' } }]
])('%s: %s', async (_, expected, sketch, given = { contains: wanted }) => {
  const outcomes = await outcome(sketch, given)
  expect(outcomes).toContain(expected)
  expect(new Set(outcomes).size).toBe(1)
})

const run = (runs: string) => ({ runs })
const other = (options: string) => ({ script: `docker network create ${options}` })
it.each<[name: string, outcome: string, sketch: Sketch, runs: string]>([
  ['as it is', 'pass', { script: create }, create],
  ['with fewer options', 'pass', { script: create }, `docker network create ${wanted} proxy`],
  [
    'in another order',
    'pass',
    { script: create },
    `docker network create --attachable ${wanted} --driver overlay proxy`
  ],
  ['by an equals sign', 'pass', { script: create }, 'docker network create --subnet=10.10.0.0/16 proxy'],
  [
    'by variables',
    'pass',
    other('--subnet "${X:-10.10.0.0/16}" proxy'),
    `docker network create ${wanted} proxy`
  ],
  ['of another network', 'fail', other(`${wanted} proxy2`), `docker network create ${wanted} proxy`],
  ['of two networks', 'fail', other(`${wanted} proxy x`), `docker network create ${wanted} proxy`],
  [
    'with another subnet',
    'fail',
    other('--subnet 10.99.0.0/16 proxy'),
    `docker network create ${wanted} proxy`
  ],
  [
    'with a second subnet',
    'fail',
    other(`${wanted} --subnet 10.99.0.0/16 proxy`),
    `docker network create ${wanted} proxy`
  ],
  [
    'with a longer subnet',
    'fail',
    other('--subnet 10.10.0.0/160 proxy'),
    `docker network create ${wanted} proxy`
  ],
  [
    'with its name as a label',
    'fail',
    other(`${wanted} --label proxy x`),
    `docker network create ${wanted} proxy`
  ],
  [
    'with an option by its letter',
    'unknown',
    other(`-d overlay ${wanted} proxy`),
    'docker network create --driver overlay proxy'
  ],
  ['that is only printed', 'fail', { script: `echo "${create}"\ntrue` }, create],
  ['that is dead', 'fail', { script: `exit 0\n${create}` }, create],
  ['that is removed again', 'unknown', { script: `${create}\ndocker network rm proxy` }, create],
  [
    'of a program that cannot be looked into',
    'unknown',
    { script: '/opt/x', files: { '/opt/x': null } },
    create
  ]
])('runs a command %s: %s', async (_, expected, sketch, runs) => {
  expect(await outcome(sketch, run(runs))).toEqual([expected])
})

it.each(['docker ps | grep x', 'docker ps > x', 'A=b docker ps', 'docker run $X', 'a; b', 'if'])(
  'refuses a command that only a shell understands: %s',
  runs => {
    expect(unitScript.params.safeParse({ unit: 'x', runs }).success).toBe(false)
  }
)

it('says which file and line', async () => {
  expect(unitScript.judge(await facts({ script: create }), params({ contains: wanted }))).toEqual([
    { outcome: 'pass', saw: `\`${wanted}\` is in ${start}:4`, shows: [`${start}:4: ${create}`] }
  ])
  expect(
    unitScript.judge(await facts({ script: 'docker network create proxy' }), params({ contains: wanted }))
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
)('tells the real host (%s) %s the maintenance: %s', async (host, edition, expected) => {
  const unit = recorded(host, edition, 'systemctl-cat-swarm-init').stdout
  const path = /ExecStart=(\S+)/.exec(unit)?.[1] ?? ''
  const programs: UnitPrograms = {
    unit: unitState('swarm-init.service'),
    files: [{ path: '/etc/systemd/system/swarm-init.service', text: unit }],
    programs: [{ path, text: recorded(host, edition, 'script-swarm-init').stdout, why: '' }]
  }
  const found = unitScript.judge(await rehearsed(programs), params({ contains: wanted }))
  expect(found.map(({ outcome }) => outcome)).toEqual([expected])
})

it.each([
  { contains: wanted },
  { lacks: ['# x', 'a b'] },
  { matches: '^docker' },
  { contains: wanted, lacks: 'x' },
  { runs: 'docker ps' }
])('its falsifiers fail with %j', async given => {
  for (const untrue of unitScript.falsify(
    await facts({ script: create, state: { needsReload: true } }),
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

it.each(['true\n', 'true\r\n\n'])('the end of a line is no part of a text: %j', async text => {
  expect(await outcome({ script: 'true' }, { lacks: text })).toEqual(['fail'])
  expect(await outcome({ script: 'true' }, { contains: text })).toEqual(['pass'])
})
