import { describe, expect, it } from 'vitest'
import { healthGateDeadlock } from '../../probes/health-gate-deadlock.ts'
import type { Rehearsal, UnknownThing, Wait } from '../../src/rehearsal/answer.ts'
import { type BootSketch, bootOf, rehearsalOf, scriptPath } from '../support/boot.ts'

/** What the rehearsal of a boot and the texts of its programs show together. */

const url = 'https://ci.example.test/'
const gate = scriptPath('deploy-proxy')
const deploy = (stack: string) => `docker stack deploy -c /etc/${stack}.yml ${stack}`
const bringsUp = (unit: string, stack: string): Rehearsal['boot']['up'][number] => ({
  at: 2_000,
  unit,
  target: { kind: 'stack', key: stack },
  place: { path: scriptPath(unit.replace('.service', '')), line: 4 },
  argv: deploy(stack).split(' ')
})
const wait = (part: Partial<Wait> = {}): Wait => ({
  unit: 'deploy-proxy.service',
  place: { path: gate, line: 5 },
  argv: ['curl', '-sf', url],
  target: { kind: 'url', key: url, host: 'ci.example.test', port: 443, path: '/', tls: true },
  answer: '404',
  verdict: 'circle',
  stood: null,
  broughtUpBy: bringsUp('deploy-dashboard.service', 'dashboard'),
  circle: ['deploy-proxy.service', 'deploy-dashboard.service'],
  holds: ['deploy-dashboard.service'],
  dependsOn: [],
  ...part
})
const opaque: UnknownThing = {
  name: '/opt/gate.pl',
  kind: 'program',
  unit: 'deploy-proxy.service',
  place: { path: gate, line: 5 },
  why: 'it is run by perl'
}

function run(
  units: readonly (readonly [string, Rehearsal['boot']['units'][number]['state']])[]
): Rehearsal['boot'] {
  return {
    ended: 'horizon',
    lasted: 3_600_000,
    timeline: [
      { at: 1, kind: 'unit', unit: 'deploy-proxy.service', state: 'starting' },
      {
        at: 300,
        kind: 'asked',
        unit: 'deploy-proxy.service',
        place: { path: gate, line: 5 },
        argv: ['curl', '-sf', url],
        target: { kind: 'url', key: url, host: 'ci.example.test', port: 443, path: '/', tls: true },
        answer: '404',
        by: null,
        times: 2,
        last: 2_300
      }
    ],
    units: units.map(([unit, state]) => ({
      unit,
      state,
      began: 1,
      ended: state === 'active' ? 5_000 : null,
      why: null
    })),
    up: [bringsUp('deploy-dashboard.service', 'dashboard')],
    docker: { networks: [], stacks: [], services: [], containers: [] }
  }
}
const stuck = run([
  ['deploy-proxy.service', 'starting'],
  ['deploy-dashboard.service', 'waiting']
])
const through = run([
  ['deploy-proxy.service', 'active'],
  ['deploy-dashboard.service', 'active']
])

/** A gate that the texts do not show as one, and one that they do. */
const hidden = 'code=$(my-probe "$URL" || true)'
const shown = `until curl -fsS -o /dev/null ${url}; do sleep 2; done`

const sketch = (script: string): BootSketch => ({
  rules: { dashboard_app: 'Host(`ci.example.test`)' },
  units: {
    'deploy-proxy': { script: `${deploy('traefik')}\n${script}` },
    'deploy-dashboard': { after: ['deploy-proxy'], script: deploy('dashboard') }
  }
})
const judge = (script: string, part: Partial<Rehearsal>) =>
  healthGateDeadlock.judge({ ...bootOf(sketch(script)), rehearsal: rehearsalOf(part) }, {})

describe('a deadlock', () => {
  it('that only the rehearsal shows is told whole', () => {
    const circle =
      'deploy-proxy.service → waits for https://ci.example.test/, served by → deploy-dashboard.service → starts only after → deploy-proxy.service'
    expect(judge(hidden, { boot: stuck, waits: [wait()] })).toEqual([
      {
        outcome: 'fail',
        saw: `${circle}; the start of deploy-proxy.service hangs: systemd stops it after TimeoutStartSec=15min`,
        expected: 'a start that does not wait for a later unit',
        at: `${gate}:5`,
        shows: [
          `${gate}:5: ${hidden} (runs curl -sf ${url})`,
          `${scriptPath('deploy-dashboard')}:4: ${deploy('dashboard')}`,
          '/etc/systemd/system/deploy-dashboard.service:2: After=deploy-proxy.service',
          'the rehearsed boot, from its beginning:',
          '0.0 s  deploy-proxy.service starts',
          `0.3 s  deploy-proxy.service runs curl -sf ${url} (${gate}:5): 404, 2 times until 2.3 s`
        ],
        filing: {
          subject: 'deploy-proxy.service',
          severity: 'high',
          title:
            'deploy-proxy waits for ci.example.test, served only by deploy-dashboard, which starts after it',
          story: [
            `${circle}. None of them can start first.`,
            'On a boot from scratch the start of deploy-proxy.service hangs: systemd stops it after TimeoutStartSec=15min.',
            expect.stringContaining('running host does not show it')
          ],
          remedy: expect.stringContaining('its own /ping'),
          diagram: [
            'flowchart LR',
            '  u0["deploy-proxy.service"]',
            '  u1["deploy-dashboard.service"]',
            `  u0 -->|"waits for ${url}"| u1`,
            '  u1 -->|"starts only after"| u0'
          ].join('\n')
        }
      }
    ])
  })

  it('that gives up and fails names how long it takes', () => {
    const [finding] = judge(hidden, { boot: stuck, waits: [wait({ verdict: 'outlasts', stood: 300_000 })] })
    expect(finding).toMatchObject({
      outcome: 'fail',
      saw: expect.stringContaining('its own loop gives up after about 300 s')
    })
  })

  it('that both show is one finding, with the timeline', () => {
    const found = judge(shown, { boot: stuck, waits: [wait()] })
    expect(found).toHaveLength(1)
    expect(found[0]).toMatchObject({
      outcome: 'fail',
      shows: expect.arrayContaining([
        'the rehearsed boot, from its beginning:',
        '0.0 s  deploy-proxy.service starts'
      ])
    })
  })
})

it.each<[name: string, outcome: string, script: string, part: Partial<Rehearsal>]>([
  ['nothing waits', 'pass', hidden, { boot: through }],
  ['the texts show a wait that the rehearsal ends', 'pass', shown, { boot: through }],
  [
    'it gives up soon and goes on',
    'pass',
    shown,
    { boot: through, waits: [wait({ verdict: 'delays', stood: 5_000 })] }
  ],
  [
    'it gives up after minutes and goes on',
    'unknown',
    shown,
    { boot: through, waits: [wait({ verdict: 'delays', stood: 300_000 })] }
  ],
  ['the rehearsal cannot look into the gate', 'unknown', hidden, { boot: stuck, unknowns: [opaque] }],
  ['it cannot look into a gate that the texts show', 'fail', shown, { boot: stuck, unknowns: [opaque] }],
  [
    'it cannot look into a start that nothing is ordered after',
    'pass',
    hidden,
    { boot: through, unknowns: [{ ...opaque, unit: 'deploy-dashboard.service' }] }
  ],
  [
    'how a wait ends depends on what is not known',
    'unknown',
    hidden,
    { boot: through, waits: [wait({ verdict: 'unknown', dependsOn: ['jq'] })] }
  ],
  [
    'nothing brings up what it waits for, but a program that cannot be looked into may',
    'unknown',
    hidden,
    {
      boot: stuck,
      waits: [wait({ verdict: 'never', broughtUpBy: null, circle: [] })],
      unknowns: [{ ...opaque, unit: 'deploy-dashboard.service' }]
    }
  ],
  [
    'it waits for another host',
    'pass',
    hidden,
    { boot: stuck, waits: [wait({ verdict: 'never', broughtUpBy: null, circle: [] })] }
  ],
  [
    'it would be answered otherwise later, and still wait, as for a text of a page',
    'unknown',
    hidden,
    {
      boot: stuck,
      through: {
        ...stuck,
        timeline: stuck.timeline.map(each => (each.kind === 'asked' ? { ...each, answer: '200' } : each))
      },
      waits: [wait({ verdict: 'never', broughtUpBy: null, circle: [] })]
    }
  ],
  ['the rehearsal was stopped', 'unknown', hidden, { boot: { ...through, ended: 'budget' } }]
])('%s: %s', (_, outcome, script, part) => {
  const found = judge(script, part)
  expect([...new Set(found.map(each => each.outcome))]).toEqual([outcome])
})

it('a boot that could not be rehearsed is unknown, and a deadlock that the texts show is one', () => {
  const rehearsal = { answer: { unknown: 'it took longer than 20 s' }, files: [], unseen: [] }
  const outcomes = (script: string) =>
    healthGateDeadlock.judge({ ...bootOf(sketch(script)), rehearsal }, {}).map(({ outcome }) => outcome)
  expect(outcomes(hidden)).toEqual(['unknown'])
  expect(outcomes(shown)).toEqual(['fail', 'unknown'])
})
