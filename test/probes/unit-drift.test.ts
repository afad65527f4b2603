import { describe, expect, it } from 'vitest'
import { unitDrift } from '../../probes/unit-drift.ts'
import type { StartBefore } from '../../src/systems/baseline/baseline.ts'
import type { MainProgram, Nixos } from '../../src/systems/systemd/unit-files.ts'
import type { BootPrograms } from '../../src/systems/systemd/unit-programs.ts'
import { unitState } from '../support/boot.ts'

const started = 1_781_000_000
const unit = unitState('x.service', { startedMicros: started * 1e6 + 5, activeMicros: started * 1e6 + 9 })
const file = '/etc/systemd/system/x.service'
const kernels = {
  bootedKernel: '/nix/store/a/bzImage',
  currentKernel: '/nix/store/a/bzImage',
  switchedSeconds: null
}
const running: Pick<Sketch, 'mains' | 'programs'> = {
  mains: [{ unit: 'x.service', paths: ['/nix/store/aaa-x-1.0/bin/x'] }],
  programs: {
    services: [
      {
        name: 'x.service',
        files: [{ path: file, text: '[Service]\nExecStart=/nix/store/bbb-x-1.1/bin/x\n' }]
      }
    ],
    programs: [{ path: '/nix/store/bbb-x-1.1/bin/x', text: '', why: '' }],
    untold: []
  }
}
const commit = 'c'.repeat(40)

const none: BootPrograms = { services: [], programs: [], untold: [] }

interface Sketch {
  readonly units?: readonly (typeof unit)[]
  readonly times?: Readonly<Record<string, number | null>>
  readonly nixos?: Nixos | null
  readonly mains?: readonly MainProgram[]
  readonly programs?: BootPrograms
}

/** A oneshot whose script was another file of the store when the orientation looked. */
const script = (text: string, path = '/nix/store/aaa-x-start/bin/x-start'): BootPrograms => ({
  services: [{ name: 'x.service', files: [{ path: file, text: `[Service]\nExecStart=${path}\n` }] }],
  programs: [{ path, text, why: '' }],
  untold: []
})
const then: StartBefore = {
  name: 'x.service',
  startedMicros: started * 1e6 + 5,
  starts: ['ExecStart=/nix/store/aaa-x-start/bin/x-start'],
  texts: { '/nix/store/aaa-x-start/bin/x-start': 'one' }
}
const judgeSince = (programs: BootPrograms, before: readonly StartBefore[], changed = {}) =>
  unitDrift.judge(
    {
      units: [{ ...unit, ...changed }],
      times: { [file]: 1 },
      mains: [],
      programs,
      nixos: null,
      before: { at: '2026-06-09T10:14:00Z', hosts: { h: before } },
      host: 'h'
    },
    unitDrift.params.parse({ baseline: true })
  )

describe('what was not started since the orientation', () => {
  const other = '/nix/store/bbb-x-start/bin/x-start'
  it.each<[name: string, outcome: string, ...rest: Parameters<typeof judgeSince>]>([
    ['starts the same', 'pass', script('one'), [then]],
    ['has another script', 'fail', script('one', other), [then]],
    ['has a script with another text', 'fail', script('two'), [then]],
    [
      'another script, but it was started since',
      'pass',
      script('one', other),
      [then],
      { startedMicros: 2e15 }
    ],
    [
      'another script, but it is to start only now',
      'pass',
      script('one', other),
      [then],
      { active: 'inactive' }
    ],
    ['was not there then', 'pass', script('one', other), []],
    ['a script that could not be read then', 'pass', script('two'), [{ ...then, texts: {} }]]
  ])('%s: %s', (_, outcome, ...rest) => {
    expect(judgeSince(...rest).map(finding => finding.outcome)).toEqual([outcome])
  })

  it('is told with both', () => {
    expect(judgeSince(script('one', other), [then])).toMatchObject([
      {
        saw: `x.service started 2026-06-09T10:13:20.000005Z, before the orientation; its unit now names ExecStart=${other} instead of ExecStart=/nix/store/aaa-x-start/bin/x-start`,
        filing: { subject: 'x.service', title: 'x.service runs as it was before its start program changed' }
      }
    ])
  })
})

const judge = (
  { units = [unit], times = { [file]: started - 60 }, nixos = null, mains = [], programs = none }: Sketch,
  revision = false
) =>
  unitDrift.judge(
    { units, times, mains, programs, nixos, ...(revision ? { commit } : {}) },
    unitDrift.params.parse({ revision })
  )

/** A drop-in that is newer than the unit's start. */
function controlled(path: string, others: Readonly<Record<string, number>> = {}): Sketch {
  return {
    units: [{ ...unit, files: [file, path] }],
    times: { [file]: 1, [path]: started + 60, ...others }
  }
}

it.each<[name: string, outcome: string, sketch: Sketch, revision?: boolean]>([
  ['started after its file changed', 'pass', {}],
  ['within the same second', 'pass', { times: { [file]: started } }],
  ['a second before its file changed', 'fail', { times: { [file]: started + 1 } }],
  [
    'a drop-in changed since',
    'fail',
    { units: [{ ...unit, files: [file, '/d.conf'] }], times: { [file]: 1e9, '/d.conf': started + 60 } }
  ],
  ...['etc', 'run'].map((root): [name: string, outcome: string, sketch: Sketch] => [
    `a limit that \`systemctl set-property\` set since, in /${root}`,
    'pass',
    {
      units: [{ ...unit, files: [file, `/${root}/systemd/system.control/x.service.d/50-MemoryMax.conf`] }],
      times: { [file]: 1e9, [`/${root}/systemd/system.control/x.service.d/50-MemoryMax.conf`]: started + 60 }
    }
  ]),
  [
    'a drop-in of such a name elsewhere',
    'fail',
    {
      units: [{ ...unit, files: [file, '/etc/systemd/system/x.service.d/50-MemoryMax.conf'] }],
      times: { [file]: 1e9, '/etc/systemd/system/x.service.d/50-MemoryMax.conf': started + 60 }
    }
  ],
  ['a file of the Nix store, all of which are of 1970', 'pass', { times: { [file]: 1 } }],
  ['a file without a time', 'pass', { times: {} }],
  ...['/etc', '/run'].map((folder): [string, string, Sketch] => [
    `a property that was set in the running unit (${folder})`,
    'pass',
    controlled(`${folder}/systemd/system.control/x.service.d/50-CPUQuota.conf`)
  ]),
  ['a drop-in that somebody wrote', 'fail', controlled('/etc/systemd/system/x.service.d/50-CPUQuota.conf')],
  [
    'a property that was set, and a file that changed before it',
    'fail',
    { ...controlled('/etc/systemd/system.control/x.service.d/50-CPUQuota.conf', { [file]: started + 1 }) }
  ],
  ['a file that may not be seen', 'unknown', { times: { [file]: null } }],
  [
    'one that may not be seen, of a unit that does not run',
    'pass',
    { units: [{ ...unit, active: 'inactive' }], times: { [file]: null } }
  ],
  [
    'a program that may not be seen',
    'unknown',
    { programs: script('', '/root/x/start.sh'), times: { [file]: 1e9, '/root/x/start.sh': null } }
  ],
  [
    'the script that it starts changed since',
    'fail',
    { programs: script('', '/opt/x/start.sh'), times: { [file]: 1e9, '/opt/x/start.sh': started + 60 } }
  ],
  [
    'not active: it will start with the new file',
    'pass',
    { units: [{ ...unit, active: 'inactive' }], times: { [file]: started + 60 } }
  ],
  ['systemd was not reloaded', 'fail', { units: [{ ...unit, needsReload: true }] }],
  [
    'not reloaded and older: told once',
    'fail',
    { units: [{ ...unit, needsReload: true }], times: { [file]: started + 60 } }
  ],
  [
    'a unit that nobody has',
    'not-applicable',
    { units: [{ ...unit, load: 'not-found', needsReload: true }] }
  ],
  ['NixOS, the booted kernel is current', 'pass', { nixos: { revision: null, ...kernels } }],
  [
    'NixOS, another kernel',
    'fail',
    { nixos: { revision: null, ...kernels, currentKernel: '/nix/store/b/bzImage' } }
  ],
  ['another build runs than the unit names', 'fail', running],
  ['the same, and nothing runs', 'pass', { ...running, mains: [] }],
  [
    'the same in a unit that is not loaded any more',
    'not-applicable',
    {
      ...running,
      units: [{ ...unit, load: 'not-found' }]
    }
  ],
  [
    'another build runs, systemd was not reloaded: told once',
    'fail',
    { ...running, units: [{ ...unit, needsReload: true }] }
  ],
  [
    'another build runs, the unit started before the switch',
    'fail',
    { ...running, nixos: { revision: null, ...kernels, switchedSeconds: started } }
  ],
  [
    'another build runs, the unit started since the switch: a wrapper',
    'pass',
    { ...running, nixos: { revision: null, ...kernels, switchedSeconds: started - 1 } }
  ],
  ['the revision asked for', 'pass', { nixos: { revision: commit, ...kernels } }, true],
  ['another revision', 'fail', { nixos: { revision: 'd'.repeat(40), ...kernels } }, true],
  ['built from a dirty tree', 'fail', { nixos: { revision: 'dirty', ...kernels } }, true],
  ['no revision recorded', 'unknown', { nixos: { revision: null, ...kernels } }, true],
  ['no NixOS', 'unknown', { nixos: null }, true]
])('%s: %s', (_, outcome, sketch, revision) => {
  expect(judge(sketch, revision).map(finding => finding.outcome)).toEqual([outcome])
})

it('says when both were', () => {
  expect(judge({ times: { [file]: started + 60 } })).toMatchObject([
    {
      saw: 'x.service started 2026-06-09T10:13:20.000005Z, before its file last changed, 2026-06-09T10:14:20Z',
      at: 'x.service',
      filing: { subject: 'x.service', severity: 'medium' }
    }
  ])
})

it('names the program that runs and the one that the unit names', () => {
  expect(judge(running)).toMatchObject([
    {
      saw: 'x.service runs /nix/store/aaa-x-1.0/bin/x, but its unit names /nix/store/bbb-x-1.1/bin/x',
      at: 'x.service',
      filing: { subject: 'x.service', severity: 'medium' }
    }
  ])
})

it('says which services it could not compare', () => {
  const [finding] = judge({ ...running, mains: [{ unit: 'x.service', paths: ['/opt/y'] }] })
  expect(finding).toMatchObject({
    outcome: 'pass',
    saw: expect.stringContaining('0 of 1 service runs the program that the unit names'),
    shows: ['not compared, because it runs another program: x.service']
  })
})

it.each([
  [false, false],
  [true, false],
  [true, true]
])('can fail (revision: %s, baseline: %s)', (revision, baseline) => {
  const facts = {
    units: [unit],
    times: {},
    mains: [],
    programs: none,
    nixos: null,
    host: 'h',
    ...(revision ? { commit } : {})
  }
  const params = unitDrift.params.parse({ revision, baseline })
  expect(unitDrift.falsify(facts, params).length).toBe(3 + Number(revision) + Number(baseline))
  for (const untrue of unitDrift.falsify(facts, params)) {
    expect(unitDrift.judge(untrue, params).map(({ outcome }) => outcome)).toContain('fail')
  }
})
