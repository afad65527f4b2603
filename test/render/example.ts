import type { CheckResult } from '../../src/probe/verdict.ts'
import type { FindingState } from '../../src/record/finding-changes.ts'
import type { Finding } from '../../src/probe/probe.ts'
import type { Evidence } from '../../src/facts/fact.ts'
import type { Claim } from '../../src/lib/words.ts'

/** A phase as it could be: what the sections are rendered from in the tests of this folder. */

const builder = { name: 'Builder', email: 'builder@example.test' }

export const claim: Claim = {
  sha: `71319d7${'0'.repeat(33)}`,
  phase: 'pvfix',
  milestone: 'M2',
  summary: 'proxy recreated as 10.10.0.0/16; nixos-rebuild applied; all services healthy; routes up.',
  subject: 'claim(pvfix-M2): proxy recreated as 10.10.0.0/16',
  author: builder,
  committer: builder,
  committedAt: '2026-06-13T05:47:11Z'
}

export const hosts = [{ name: 'cc-ci', clock: { skewMs: 3.2, uncertaintyMs: 8.4 } }]
export const evidenceFile = {
  path: 'machine-docs/evidence/pvfix-M2-71319d7.json',
  digest: `sha256:${'ab'.repeat(32)}`
}

const services = [
  'backups_app',
  'ccci-bridge_app',
  'ccci-dashboard_app',
  'ccci-reports_app',
  'drone_app',
  'traefik_app',
  'traefik_socket-proxy',
  'warm-keycloak_app',
  'warm-keycloak_db'
]

export function read(n: number, command: string, stdout: string, more: Partial<Evidence> = {}): Evidence {
  return { n, on: 'cc-ci', command, exit: 0, ms: 12, stdout, stderr: '', cut: false, ...more }
}

export const evidence: readonly Evidence[] = [
  read(1, "docker network ls --no-trunc --format '{{json .}}'", '{"Name":"proxy"}\n'),
  read(2, 'docker network inspect -- 3b9f', '[]\n'),
  read(3, "docker service ls --format '{{json .}}'", '{}\n'),
  read(4, 'systemctl show swarm-init.service -p ActiveState,ActiveEnterTimestamp', 'ActiveState=active\n'),
  read(5, 'curl -sI https://ci.example.test/', 'HTTP/2 200\n', { on: 'web' }),
  read(6, 'curl -sI https://drone.ci.example.test/', 'HTTP/2 303\nlocation: /login\n', { on: 'web' }),
  read(
    7,
    'cat /nix/store/0c1h-swarm-init-start/bin/swarm-init-start',
    services
      .map((name, i) => `line ${i} ${name}`)
      .join('\n')
      .repeat(3)
  ),
  read(8, 'journalctl -u docker', '', { exit: null, why: 'timed out after 10 s' })
]

export function check(
  title: string,
  findings: readonly Finding[],
  more: Partial<CheckResult> = {}
): CheckResult {
  return {
    probe: 'some-probe',
    title,
    on: 'cc-ci',
    with: {},
    outcome: findings[0]?.outcome ?? 'unknown',
    why: null,
    attempts: 1,
    flapped: false,
    findings,
    evidence: [],
    ...more
  }
}

export const passing: readonly CheckResult[] = [
  check(
    'The network proxy is 10.10.0.0/16',
    [
      {
        outcome: 'pass',
        saw: '`proxy` on `10.10.0.0/16`, created 05:38:02Z, after the review of M1 at 05:33:10Z',
        shows: ['proxy overlay swarm 10.10.0.0/16 2026-06-13 05:38:02.125154677 +0000 UTC']
      }
    ],
    { evidence: [1, 2] }
  ),
  check(
    'All 9 services run as many tasks as they should',
    [
      {
        outcome: 'pass',
        saw: '9 of 9 services at 1/1, none restarting',
        shows: services.map(name => `${name.padEnd(24)} 1/1`)
      }
    ],
    { evidence: [3] }
  ),
  check(
    'swarm-init ran after the network was made',
    [
      {
        outcome: 'pass',
        saw: '`swarm-init.service` active since 05:38:17Z, 15 s after `proxy` was created',
        shows: ['ActiveState=active', 'ActiveEnterTimestamp=Sat 2026-06-13 05:38:17 UTC']
      }
    ],
    { evidence: [4] }
  ),
  check(
    'The routes answer',
    [
      {
        outcome: 'pass',
        saw: '`https://ci.example.test/` answered `200` over HTTP/2',
        shows: ['https://ci.example.test/ HTTP/2 200']
      },
      {
        outcome: 'pass',
        saw: '`https://drone.ci.example.test/` answered `303` over HTTP/2',
        shows: ['https://drone.ci.example.test/ HTTP/2 303']
      }
    ],
    { evidence: [5, 6], on: 'cc-ci' }
  ),
  check(
    'The script that swarm-init really runs has --subnet',
    [
      {
        outcome: 'pass',
        saw: '`--subnet 10.10.0.0/16` in line 4 of `/nix/store/0c1h-swarm-init-start/bin/swarm-init-start`',
        shows: ['4: docker network create --driver overlay --attachable --subnet 10.10.0.0/16 proxy']
      }
    ],
    { evidence: [7] }
  ),
  check(
    'No stack of a recipe test is running',
    [{ outcome: 'pass', saw: '7 stacks, none matches `*-pr*`' }],
    { evidence: [3] }
  )
]

export const failing: readonly CheckResult[] = [
  passing[0] ?? check('', []),
  check(
    'All 9 services run as many tasks as they should',
    [
      { outcome: 'pass', saw: '8 of 9 services at 1/1' },
      {
        outcome: 'fail',
        saw: '`0/1`',
        expected: '`1/1`',
        at: 'drone_app',
        shows: ['drone_app 0/1', 'drone_app.1 Rejected 3 seconds ago "No such image: drone:9"']
      }
    ],
    {
      evidence: [1, 2, 3],
      outcome: 'fail',
      attempts: 4,
      flapped: true,
      looks: [
        { afterMs: 0, outcome: 'fail', evidence: [1] },
        { afterMs: 10_004, outcome: 'pass', evidence: [2] },
        { afterMs: 20_011, outcome: 'fail', evidence: [1, 2] },
        { afterMs: 30_020, outcome: 'fail', evidence: [3] }
      ]
    }
  ),
  check(
    'The script that swarm-init really runs has --subnet',
    [
      {
        outcome: 'fail',
        saw: 'no line with `--subnet`',
        expected: '`--subnet 10.10.0.0/16`',
        at: '/nix/store/0c1h-swarm-init-start/bin/swarm-init-start'
      }
    ],
    { evidence: [7] }
  ),
  check(
    'Nothing about address exhaustion in the journal',
    [{ outcome: 'unknown', why: 'could not see cc-ci: timed out after 10 s' }],
    { evidence: [8], why: 'could not see cc-ci: timed out after 10 s' }
  ),
  check('No unit is named old-proxy', [{ outcome: 'not-applicable', why: 'the host has no such unit' }]),
  check(
    'The dashboard route answers',
    [{ outcome: 'fail', saw: '`502`', expected: '`200`', at: 'https://dash.ci.example.test/' }],
    {
      outcome: 'waived',
      why: 'waived',
      waiver: { reason: 'dashboard is being moved, see the plan', by: 'ops', until: '2026-07-01' },
      evidence: [5]
    }
  )
]

export const finding: FindingState = {
  id: 'A1',
  key: 'health-gate-deadlock/deploy-proxy.service',
  probe: 'health-gate-deadlock',
  title: 'deploy-proxy waits for a route that only starts after it',
  severity: 'high',
  status: 'open',
  blocks: ['D8'],
  origin: 'pre-existing'
}

export const filing = {
  story: [
    '`deploy-proxy.service` polls `https://ci.example.test/` until it answers 200. That route is served by `deploy-dashboard.service`, which is ordered `After=deploy-proxy.service`.',
    'On a fresh boot neither can start: the gate waits 900 s (`TimeoutStartSec`) and fails. Today it only works because the dashboard is still running.'
  ],
  remedy:
    'Let the gate ask something that the proxy itself serves, or drop the ordering.\n$ systemctl edit deploy-dashboard.service',
  diagram:
    'flowchart LR\n  proxy["deploy-proxy.service"] -->|"waits for 200"| route["ci.example.test"]\n  route -->|"served by"| dashboard["deploy-dashboard.service"]\n  dashboard -->|"After="| proxy'
}

export const seen = {
  outcome: 'fail',
  saw: 'a cycle of a health gate and an ordering',
  expected: 'a gate that can be answered before the unit is up',
  at: 'deploy-proxy.service',
  shows: [
    'deploy-proxy.service: ExecStartPost waits for https://ci.example.test/',
    'deploy-dashboard.service: After=deploy-proxy.service'
  ]
} as const
