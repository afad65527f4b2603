import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { healthGateDeadlock } from '../../probes/health-gate-deadlock.ts'
import { type BootSketch, bootOf, scriptPath, type UnitSketch } from '../support/boot.ts'

const judge = (sketch: BootSketch) => healthGateDeadlock.judge(bootOf(sketch), {})
const outcomes = (sketch: BootSketch) => judge(sketch).map(({ outcome }) => outcome)

const loop = (url: string) => `until curl -fsS -o /dev/null ${url}; do sleep 2; done`
const gate = loop('https://ci.example.test/')
const deploy = (stack: string) =>
  `docker stack deploy --resolve-image never -c /nix/store/x-${stack}.yml ${stack}`
const rules = {
  traefik_app: {
    'traefik.http.routers.traefik.rule': 'Host(`traefik.example.test`)',
    'traefik.http.routers.traefik.service': 'api@internal'
  },
  dashboard_app: 'Host(`ci.example.test`)'
}

/** The reference host: a proxy with some gate, a dashboard ordered after it. */
const host = (script: string, proxy: UnitSketch = {}, rest: Partial<BootSketch> = {}): BootSketch => ({
  rules,
  ...rest,
  units: {
    'deploy-proxy': { script: `${deploy('traefik')}\n${script}`, ...proxy },
    'deploy-dashboard': { after: ['deploy-proxy'], script: deploy('dashboard') },
    ...rest.units
  }
})

describe('the reference deadlock', () => {
  it('is told whole: the circle, the lines that prove it, how long it hangs, how to break it', () => {
    const [finding, ...others] = judge(host(gate))
    expect(others).toEqual([])
    expect(finding).toEqual({
      outcome: 'fail',
      saw:
        'deploy-proxy.service → waits for https://ci.example.test/, served by → deploy-dashboard.service → starts only after → deploy-proxy.service; ' +
        'the start of deploy-proxy.service hangs: systemd stops it after TimeoutStartSec=15min',
      expected: 'a start that does not wait for a later unit',
      at: `${scriptPath('deploy-proxy')}:5`,
      shows: [
        `${scriptPath('deploy-proxy')}:5: ${gate}`,
        'docker service inspect dashboard_app: traefik.http.routers.dashboard.rule=Host(`ci.example.test`)',
        `${scriptPath('deploy-dashboard')}:4: ${deploy('dashboard')}`,
        '/etc/systemd/system/deploy-dashboard.service:2: After=deploy-proxy.service'
      ],
      filing: {
        subject: 'deploy-proxy.service',
        severity: 'high',
        title:
          'deploy-proxy waits for ci.example.test, served only by deploy-dashboard, which starts after it',
        story: [
          'deploy-proxy.service → waits for https://ci.example.test/, served by → deploy-dashboard.service → starts only after → deploy-proxy.service. None of them can start first.',
          'On a boot from scratch the start of deploy-proxy.service hangs: systemd stops it after TimeoutStartSec=15min.',
          expect.stringMatching(/running host does not show it.*active \(exited\)/)
        ],
        remedy: expect.stringContaining('its own /ping'),
        diagram: [
          'flowchart LR',
          '  u0["deploy-proxy.service"]',
          '  u1["deploy-dashboard.service"]',
          '  u0 -->|"waits for https://ci.example.test/"| u1',
          '  u1 -->|"starts only after"| u0'
        ].join('\n')
      }
    })
  })

  it('says so when systemd sets no end, and when the loop does', () => {
    const bounded = 'for i in $(seq 1 60); do curl -fs https://ci.example.test/ && break; sleep 5; done'
    const [finding] = judge(host(bounded, { state: { startTimeout: 'infinity' } }))
    expect(finding).toMatchObject({
      outcome: 'fail',
      saw: expect.stringMatching(
        /no time limit \(TimeoutStartSec=infinity\), its own loop gives up after about 300 s/
      )
    })
  })

  it('says so when it is happening now', () => {
    const state = { active: 'activating', sub: 'start', startedMicros: 1_781_000_000_000_000 }
    const [finding] = judge(host(gate, { state }))
    expect(finding?.outcome === 'fail' ? finding.filing?.story[2] : '').toBe(
      'It is happening now: deploy-proxy.service is activating (start), since 2026-06-09T10:13:20Z.'
    )
  })

  const start = 1_781_000_000_000_000
  const bounded =
    'for try in {1..20}; do\n  curl -fsS -o /dev/null https://ci.example.test/ && break\n  sleep 1\ndone'
  const after = (micros: number) => start + micros
  it.each<[name: string, script: string, state: UnitSketch['state'], began: number, says: RegExp | null]>([
    [
      'an end that took minutes',
      gate,
      { activeMicros: after(900_000_000) },
      900_400_000,
      /last start of deploy-proxy.service took 15 min 0 s, and deploy-dashboard.service started right after/
    ],
    [
      "its loop's own end, half a minute later",
      bounded,
      { activeMicros: after(21_500_000) },
      21_600_000,
      /took 21.5 s, the time limit of its own loop, and deploy-dashboard.service started right after/
    ],
    [
      "systemd's end",
      gate,
      { active: 'failed', result: 'timeout', activeMicros: start - 1, inactiveMicros: after(30_000_000) },
      30_100_000,
      /took 30 s, until systemd stopped it \(Result=timeout\), and deploy-dashboard.service started/
    ],
    [
      'a start that takes half a minute for its work',
      gate,
      { activeMicros: after(30_000_000) },
      30_100_000,
      null
    ],
    ['a loop that ended before its end', bounded, { activeMicros: after(9_000_000) }, 9_100_000, null],
    ['the other one began long after', gate, { activeMicros: after(900_000_000) }, 990_000_000, null],
    ['the other one began in between', gate, { activeMicros: after(900_000_000) }, 450_000_000, null],
    [
      'a unit that failed long after its start',
      gate,
      { active: 'failed', activeMicros: after(1_000_000), inactiveMicros: after(900_000_000) },
      900_100_000,
      null
    ]
  ])("the host's own history: %s", (_, script, state = {}, began, says) => {
    const dashboard = {
      after: ['deploy-proxy'],
      script: deploy('dashboard'),
      state: { startedMicros: after(began) }
    }
    const sketch = host(
      script,
      { state: { startedMicros: start, ...state } },
      { units: { 'deploy-dashboard': dashboard } }
    )
    const told = judge(sketch)[0]?.shows?.at(-1) ?? ''
    if (says === null) expect(told).not.toMatch(/history/)
    else expect(told).toMatch(says)
  })
})

const py = (body: string) => `#!/usr/bin/env python3
"""Waits until https://doc.example.test/ answers."""
import sys, time, urllib.request

SETTINGS = {
    "proxy": {"host": "traefik.example.test", "path": "/ping"},
    "gate": {"host": "ci.example.test", "path": "/"},  # the dashboard
}


def wait_for(name):
    target = SETTINGS[name]
    url = f"https://{target['host']}{target['path']}"
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(2)


${body}
`
const gatePy = '/nix/store/1111111111-gate/bin/gate.py'
const fails: readonly [name: string, sketch: BootSketch][] = [
  ['an inline loop', host(gate)],
  [
    'a status compared',
    host(
      `until [ "$(curl -s -o /dev/null -w '%{http_code}' https://ci.example.test/)" = 200 ]; do sleep 1; done`
    )
  ],
  ['while not', host('while ! curl -sf https://ci.example.test/; do sleep 1; done')],
  [
    'while true with a break',
    host('while true; do\n  curl -sf https://ci.example.test/ && break\n  sleep 1\ndone')
  ],
  [
    'while true with a branch',
    host('while :; do if curl -sf https://ci.example.test/; then break; fi; sleep 1; done')
  ],
  [
    'a counter',
    host(
      'n=0\nwhile [ $n -lt 90 ]; do\n  curl -sf https://ci.example.test/ && exit 0\n  n=$((n+1)); sleep 5\ndone\nexit 1'
    )
  ],
  [
    'a bounded for loop',
    host('for i in {1..90}; do curl -sf https://ci.example.test/ && exit 0; sleep 10; done; exit 1')
  ],
  [
    'the status in a variable',
    host(
      'while true; do code=$(curl -s -o /dev/null -w "%{http_code}" https://ci.example.test/); [ "$code" = 200 ] && break; sleep 1; done'
    )
  ],
  [
    'the address in variables',
    host('HOST=ci.example.test\nURL="https://$HOST/"\nuntil curl -sf "$URL"; do sleep 1; done')
  ],
  ['a default value', host('until curl -sf "https://${GATE_HOST:-ci.example.test}/"; do sleep 1; done')],
  [
    'a function',
    host(
      'wait_for() { until curl -sf "$1" >/dev/null; do sleep 1; done; }\nwait_for https://ci.example.test/'
    )
  ],
  [
    'a function in the condition',
    host('ok() { curl -sf https://ci.example.test/; }\nuntil ok; do sleep 1; done')
  ],
  [
    'one of several hosts',
    host('for h in traefik ci; do until curl -sf "https://$h.example.test/"; do sleep 1; done; done')
  ],
  [
    'a timeout around a shell',
    host(`timeout 900 sh -c 'until curl -sf https://ci.example.test/; do sleep 1; done'`)
  ],
  [
    'grep on the answer',
    host('until curl -s https://ci.example.test/ | grep -q Dashboard; do sleep 1; done')
  ],
  ['wget', host('until wget -q --spider https://ci.example.test/; do sleep 1; done')],
  [
    'curl that retries by itself',
    host('curl --fail --retry 90 --retry-delay 10 --retry-all-errors https://ci.example.test/')
  ],
  ['a host header', host('until curl -sf -H "Host: ci.example.test" http://127.0.0.1/; do sleep 1; done')],
  [
    'continued lines',
    host('until curl -sf \\\n  --max-time 5 \\\n  https://ci.example.test/\ndo\n  sleep 1\ndone')
  ],
  ['a background wait that is waited for', host(`(${gate}) &\nwait`)],
  ['a here-document shell', host(`bash <<'EOF'\n${gate}\nEOF`)],
  [
    'an absolute tool',
    host('until /nix/store/2222222222-curl-8.9/bin/curl -sf https://ci.example.test/; do sleep 1; done')
  ],
  [
    'ExecStartPost of a long-running unit',
    host('', {
      script: deploy('traefik'),
      service: `Type=simple\nExecStart=/usr/bin/proxy\nExecStartPost=/bin/sh -c 'until curl -sf https://ci.example.test/; do sleep 1; done'`,
      state: { type: 'simple' }
    })
  ],
  [
    'ExecStartPre',
    host('', {
      service: `ExecStartPre=/bin/sh -c "until curl -sf https://ci.example.test/; do sleep 1; done"\nExecStart=/bin/true`
    })
  ],
  [
    'a store script',
    host(
      '/nix/store/3333333333-wait/bin/wait ci.example.test',
      {},
      {
        files: {
          '/nix/store/3333333333-wait/bin/wait': '#!/bin/sh\nuntil curl -sf "https://$1/"; do sleep 1; done\n'
        }
      }
    )
  ],
  [
    'a script in the same folder',
    host(
      '"$(dirname "$0")/gate"',
      {},
      { files: { [`${scriptPath('deploy-proxy').replace(/[^/]+$/, '')}gate`]: `#!/bin/sh\n${gate}\n` } }
    )
  ],
  [
    'a sourced file',
    host('. /opt/proxy/lib.sh\ngate', {}, { files: { '/opt/proxy/lib.sh': `gate() { ${gate}; }\n` } })
  ],
  [
    'a store script that calls a Python program with the host in a dict',
    host(`exec python3 ${gatePy}`, {}, { files: { [gatePy]: py('wait_for("gate")') } })
  ],
  ['a Python program by its name', host(gatePy, {}, { files: { [gatePy]: py('wait_for("gate")') } })],
  [
    'Python with the name in argv',
    host(`python3 ${gatePy} gate`, {}, { files: { [gatePy]: py('wait_for(sys.argv[1])') } })
  ],
  [
    'Python over a list',
    host(`python3 ${gatePy}`, {}, { files: { [gatePy]: py('for name in SETTINGS:\n    wait_for(name)') } })
  ],
  [
    'Python called in a loop of the shell',
    host(
      `until python3 ${gatePy}; do sleep 1; done`,
      {},
      { files: { [gatePy]: py('') + 'urllib.request.urlopen("https://ci.example.test/")\n' } }
    )
  ],
  [
    'Python that asks curl, in a function of the condition',
    host(
      `python3 ${gatePy}`,
      {},
      {
        files: {
          [gatePy]:
            'import subprocess, time\nGATE = {"host": "ci.example.test"}\ndef up(gate):\n    asked = ["curl", "-fsS", f"https://{gate[\'host\']}/"]\n    return subprocess.run(asked).returncode == 0\nwhile not up(GATE):\n    time.sleep(1)\n'
        }
      }
    )
  ],
  [
    'Python settings in a module',
    host(
      `python3 ${gatePy}`,
      {},
      {
        files: {
          [gatePy]:
            'import time, requests\nfrom settings import GATES\nfor url in GATES.values():\n    while requests.get(url).status_code != 200:\n        time.sleep(1)\n',
          '/nix/store/1111111111-gate/bin/settings.py': 'GATES = {"dashboard": "https://ci.example.test/"}\n'
        }
      }
    )
  ],
  [
    'http.client',
    host(
      `python3 ${gatePy}`,
      {},
      {
        files: {
          [gatePy]:
            'import http.client, time\nfor i in range(100):\n  c = http.client.HTTPSConnection("ci.example.test", timeout=5)\n  c.request("GET", "/")\n  if c.getresponse().status == 200:\n    break\n  time.sleep(3)\n'
        }
      }
    )
  ],
  [
    'one of several names',
    host(
      loop('https://www.example.test/'),
      {},
      { rules: { ...rules, dashboard_app: 'Host(`ci.example.test`, `www.example.test`)' } }
    )
  ],
  [
    'an or',
    host(
      gate,
      {},
      { rules: { ...rules, dashboard_app: 'Host(`www.example.test`) || Host(`ci.example.test`)' } }
    )
  ],
  [
    'a path prefix',
    host(
      loop('https://ci.example.test/api/health'),
      {},
      { rules: { ...rules, dashboard_app: 'Host(`ci.example.test`) && PathPrefix(`/api`)' } }
    )
  ],
  ...[
    'until nc -z localhost 8080; do sleep 1; done',
    'until nc -zv -w 2 127.0.0.1 8080; do sleep 1; done',
    'until (echo > /dev/tcp/127.0.0.1/8080) 2>/dev/null; do sleep 1; done',
    'until timeout 2 bash -c "</dev/tcp/localhost/8080"; do sleep 1; done',
    'until curl -sf http://localhost:8080/health; do sleep 1; done',
    // Nobody answers before the service is there, whatever the status.
    'until curl -s http://localhost:8080/; do sleep 1; done'
  ].map((script): [string, BootSketch] => [
    `a port: ${script}`,
    host(script, {}, { ports: { dashboard_app: 8080, traefik_app: 443 } })
  ]),
  [
    'a port on which the proxy has no route: the service that publishes it',
    host('until curl -sf http://localhost/; do sleep 1; done', {}, { ports: { dashboard_app: 80 } })
  ],
  ...['-p 8080:80', '--publish=127.0.0.1:8080:80/tcp', '--publish published=8080,target=80', '-p8080:80'].map(
    (option): [string, BootSketch] => [
      `a port of a container: docker run ${option}`,
      host(
        'until nc -z localhost 8080; do sleep 1; done',
        {},
        { units: { 'deploy-web': { after: ['deploy-proxy'], script: `docker run -d ${option} web:local` } } }
      )
    ]
  ),
  [
    'a port next to a route for everything',
    host(
      'until curl -sf http://localhost:8080/; do sleep 1; done',
      {},
      { rules: { ...rules, traefik_app: 'PathPrefix(`/`)' }, ports: { dashboard_app: 8080 } }
    )
  ],
  [
    'a docker service',
    host(
      'until docker service ls --filter name=dashboard_app --format "{{.Replicas}}" | grep -q 1/1; do sleep 1; done'
    )
  ],
  [
    'a docker service by grep',
    host('until docker service ls | grep -q "dashboard_app.*1/1"; do sleep 1; done')
  ],
  [
    'a docker stack',
    host('until [ -n "$(docker stack ps dashboard --filter desired-state=running -q)" ]; do sleep 1; done')
  ],
  [
    'a file',
    host(
      'while [ ! -e /run/dashboard.ready ]; do sleep 1; done',
      {},
      {
        units: {
          'deploy-dashboard': {
            after: ['deploy-proxy'],
            script: `${deploy('dashboard')}\ntouch /run/dashboard.ready`
          }
        }
      }
    )
  ],
  [
    'a file, until',
    host(
      'until test -S /run/d.sock; do sleep 1; done',
      {},
      { units: { 'deploy-dashboard': { after: ['deploy-proxy'], script: 'echo up > /run/d.sock' } } }
    )
  ],
  ['another unit', host('until systemctl is-active -q deploy-dashboard; do sleep 1; done')],
  ['starting another unit', host('systemctl start deploy-dashboard.service')],
  ['restarting another unit', host('systemctl --quiet restart deploy-dashboard')],
  ['the end of the boot', host('systemctl is-system-running --wait || true')],
  [
    'its own stack, deployed only later',
    { rules, units: { 'deploy-proxy': { script: `${gate}\n${deploy('dashboard')}` } } }
  ],
  [
    'Before= in the gate',
    {
      rules,
      units: {
        'deploy-proxy': { script: gate, state: { before: ['deploy-dashboard.service'] } },
        'deploy-dashboard': { script: deploy('dashboard') }
      }
    }
  ],
  [
    'a boot from nothing: only the stack file says who will serve it',
    host(
      gate,
      {},
      {
        rules: {},
        files: {
          '/nix/store/x-dashboard.yml':
            'services:\n  app:\n    deploy:\n      labels:\n        - "traefik.http.routers.d.rule=Host(`ci.example.test`)"\n'
        }
      }
    )
  ],
  [
    'four units: Requires and After, and the stack deployed by another',
    {
      rules,
      units: {
        'deploy-proxy': { script: gate },
        'proxy-config': { after: ['deploy-proxy'], pulls: ['deploy-proxy'], script: 'true' },
        'stacks-ready': { after: ['proxy-config'], pulls: ['proxy-config'], script: 'true' },
        'all-stacks': { after: ['stacks-ready'], pulls: ['stacks-ready'], script: deploy('dashboard') }
      }
    }
  ],
  [
    'through a target',
    {
      rules,
      units: {
        'deploy-proxy': { script: gate },
        'proxy.target': { after: ['deploy-proxy'], state: { type: '' } },
        'deploy-dashboard': { after: ['proxy.target'], script: deploy('dashboard') }
      }
    }
  ],
  [
    'a wait on a wait',
    {
      rules,
      units: {
        'deploy-proxy': { script: gate },
        'deploy-dashboard': {
          script: `while [ ! -e /run/db.ready ]; do sleep 1; done\n${deploy('dashboard')}`
        },
        'deploy-db': { after: ['deploy-proxy'], script: 'touch /run/db.ready' }
      }
    }
  ]
]

it.each(fails)('finds %s', (_, sketch) => {
  expect(outcomes(sketch)).toEqual(['fail'])
})

const silent: readonly [name: string, sketch: BootSketch][] = [
  ["the proxy's own endpoint", host(loop('https://traefik.example.test/ping'))],
  [
    'the waited-for unit ordered before',
    {
      rules,
      units: {
        'deploy-dashboard': { script: deploy('dashboard') },
        'deploy-proxy': { after: ['deploy-dashboard'], script: gate }
      }
    }
  ],
  [
    'no order between the two',
    {
      rules,
      units: { 'deploy-proxy': { script: gate }, 'deploy-dashboard': { script: deploy('dashboard') } }
    }
  ],
  [
    'Requires without After',
    {
      rules,
      units: {
        'deploy-proxy': { script: gate },
        'deploy-dashboard': { pulls: ['deploy-proxy'], script: deploy('dashboard') }
      }
    }
  ],
  ['a background wait', host(`(${gate}) &`)],
  ['a background wait with nohup', host(`nohup sh -c '${gate}' >/dev/null 2>&1 &`)],
  ['a wait in a comment', host(`# ${gate}`)],
  ['a wait in an echo', host(`echo "${gate}"`)],
  ['a wait in a here-document for a file', host(`cat > /etc/gate.sh <<'EOF'\n${gate}\nEOF`)],
  ['a function that nobody calls', host(`gate() { ${gate}; }`)],
  ['ExecReload', host('', { service: `ExecStart=/bin/true\nExecReload=/bin/sh -c '${gate}'` })],
  ['ExecStop', host('', { service: `ExecStart=/bin/true\nExecStop=/bin/sh -c '${gate}'` })],
  [
    'the main program of a simple unit',
    host('', { service: `ExecStart=/bin/sh -c '${gate}'`, state: { type: 'simple' } })
  ],
  [
    'a unit that only a timer starts',
    host(
      '',
      {},
      {
        units: {
          'deploy-proxy': { script: deploy('traefik') },
          check: { script: gate, boots: false, state: { active: 'inactive' } },
          'deploy-dashboard': { after: ['deploy-proxy', 'check'], script: deploy('dashboard') }
        }
      }
    )
  ],
  [
    'its own stack',
    {
      rules,
      units: {
        'deploy-all': { script: `${deploy('dashboard')}\n${gate}` },
        'deploy-dashboard': { after: ['deploy-all'], script: deploy('dashboard') }
      }
    }
  ],
  ['one question whose failure is ignored', host('curl -fs https://ci.example.test/ || true')],
  ['one question that fails at once', host('curl -fs https://ci.example.test/')],
  [
    'a few questions without any wait for the answer',
    host('for i in 1 2 3; do curl -fs https://ci.example.test/ || true; sleep 1; done')
  ],
  [
    'several hosts asked once each',
    host('for h in ci www; do curl -fs "https://$h.example.test/" || exit 1; done')
  ],
  ['a name that is only mentioned', host('docker network create --label for=ci.example.test proxy')],
  ['waiting for its end', host('while curl -fs https://ci.example.test/; do sleep 1; done')],
  [
    'a commented route in a stack file',
    host(
      gate,
      {},
      {
        rules: {},
        files: { '/nix/store/x-dashboard.yml': '# - traefik.http.routers.d.rule=Host(`ci.example.test`)\n' }
      }
    )
  ],
  ['a name that nobody here serves', host(loop('https://elsewhere.example.test/'))],
  ['a longer name', host(loop('https://www.ci.example.test/'))],
  [
    'another path',
    host(
      loop('https://ci.example.test/other'),
      {},
      { rules: { ...rules, dashboard_app: 'Host(`ci.example.test`) && PathPrefix(`/api`)' } }
    )
  ],
  [
    'a route with a higher priority',
    host(
      loop('https://ci.example.test/ping'),
      {},
      { rules: { ...rules, traefik_app: 'Host(`ci.example.test`) && PathPrefix(`/ping`)' } }
    )
  ],
  [
    'a pattern that may be it',
    host(
      gate,
      {},
      { rules: { traefik_app: 'Host(`traefik.example.test`)', dashboard_app: 'HostRegexp(`^ci\\..*$`)' } }
    )
  ],
  [
    'any answer will do: the proxy gives a 404',
    host('until curl -sk https://ci.example.test/; do sleep 1; done')
  ],
  ['systemctl start --no-block', host('systemctl start --no-block deploy-dashboard.service')],
  [
    'restarting what is ordered before',
    {
      rules,
      units: {
        base: { script: 'true' },
        'deploy-proxy': { after: ['base'], script: 'systemctl restart base' }
      }
    }
  ],
  [
    'another unit deploys it too, earlier',
    host(gate, {}, { units: { early: { script: deploy('dashboard') } } })
  ],
  ...[
    ['another port of a container', 'docker run -d -p 8081:8080 web:local', ['deploy-proxy']],
    ['a port that docker chooses', 'docker run -d -p 8080 web:local', ['deploy-proxy']],
    ['a port for datagrams', 'docker run -d -p 8080:80/udp web:local', ['deploy-proxy']],
    ['a container that is started before', 'docker run -d -p 8080:80 web:local', []]
  ].map(([name = '', script = '', after = []]): [string, BootSketch] => [
    String(name),
    host(
      'until nc -z localhost 8080; do sleep 1; done',
      {},
      { units: { 'deploy-web': { after: [...after], script: String(script) } } }
    )
  ]),
  [
    'a container that it runs itself',
    host('docker run -d -p 8080:80 web:local\nuntil nc -z localhost 8080; do sleep 1; done')
  ],
  ['a file that it makes itself', host('touch /run/x\nwhile [ ! -e /run/x ]; do sleep 1; done')],
  [
    'a file that should go',
    host(
      'while [ -e /run/x ]; do sleep 1; done',
      {},
      { units: { 'deploy-dashboard': { after: ['deploy-proxy'], script: 'touch /run/x' } } }
    )
  ],
  ['docker that waits for docker', host('until docker info >/dev/null 2>&1; do sleep 1; done')],
  [
    'a Python program that asks the proxy',
    host(`python3 ${gatePy}`, {}, { files: { [gatePy]: py('wait_for("proxy")') } })
  ],
  [
    'a Python program that asks once',
    host(
      `python3 ${gatePy}`,
      {},
      {
        files: {
          [gatePy]:
            'import urllib.request\ntry:\n    urllib.request.urlopen("https://ci.example.test/")\nexcept OSError:\n    pass\n'
        }
      }
    )
  ],
  [
    'a Python function that nobody calls',
    host(`python3 ${gatePy}`, {}, { files: { [gatePy]: py('print("gate")') } })
  ],
  [
    'a Python program that asks curl once',
    host(
      `python3 ${gatePy}`,
      {},
      {
        files: {
          [gatePy]:
            'import subprocess\nif subprocess.call(["curl", "-f", "https://ci.example.test/"]):\n    print("down")\n'
        }
      }
    )
  ],
  [
    'a Python wait in a thread',
    host(
      `python3 ${gatePy}`,
      {},
      {
        files: { [gatePy]: py('import threading\nthreading.Thread(target=wait_for, args=("gate",)).start()') }
      }
    )
  ],
  [
    'two units that wait for each other after they have deployed',
    {
      rules,
      units: {
        'deploy-proxy': { script: `${deploy('traefik')}\n${gate}` },
        'deploy-dashboard': { script: `${deploy('dashboard')}\n${loop('https://traefik.example.test/ping')}` }
      }
    }
  ],
  ...[
    'until nc -z localhost 8081; do sleep 1; done',
    'until nc -z localhost 808; do sleep 1; done',
    'until nc -z localhost 443; do sleep 1; done',
    'until nc -zu localhost 8080; do sleep 1; done',
    'until nc -z db.example.test 8080; do sleep 1; done',
    'nc -z localhost 8080',
    'while nc -z localhost 8080; do sleep 1; done',
    '(until nc -z localhost 8080; do sleep 1; done) &',
    'until docker exec db nc -z localhost 8080; do sleep 1; done',
    'until curl -sf http://localhost:8081/; do sleep 1; done',
    'until curl -s https://ci.example.test/; do sleep 1; done',
    'until curl -sf -H "Host: traefik.example.test" http://127.0.0.1:8080/; do sleep 1; done'
  ].map((script): [string, BootSketch] => [
    `a port: ${script}`,
    host(script, {}, { ports: { dashboard_app: 8080, traefik_app: 443 } })
  ]),
  [
    'a port whose service the same unit deployed before',
    host(
      `${deploy('dashboard')}\nuntil nc -z localhost 8080; do sleep 1; done`,
      {},
      {
        ports: { dashboard_app: 8080 }
      }
    )
  ],
  ['a program that is not there', host('/opt/gone', {}, { files: { '/opt/gone': undefined } })]
]

it.each(silent)('stays silent on %s', (_, sketch) => {
  expect(outcomes(sketch)).toEqual(['pass'])
})

it('says what it examined, and what it only suspects', () => {
  const [finding] = judge(host('until curl -sk https://ci.example.test/; do sleep 1; done'))
  expect(finding).toMatchObject({
    outcome: 'pass',
    saw: expect.stringMatching(
      /^1 unit waits during its start, .*; no cycle; 1 suspected cycle \(3 units, 2 with their own start programs, 2 files read\)$/
    )
  })
  expect(finding?.shows?.at(-1)).toMatch(/^suspected only: .*without --fail/)
})

it('quotes who publishes the port, and only suspects a port elsewhere or over UDP', () => {
  const ports = { dashboard_app: 8080 }
  const [found] = judge(host('until nc -z localhost 8080; do sleep 1; done', {}, { ports }))
  expect(found).toMatchObject({
    saw: expect.stringMatching(/waits for localhost:8080, served by → deploy-dashboard.service/),
    shows: expect.arrayContaining(['docker service inspect dashboard_app: publishes 8080/tcp'])
  })
  for (const [script, doubt] of [
    ['until nc -z db.example.test 8080; do sleep 1; done', 'db.example.test may be another host'],
    ['until nc -zu localhost 8080; do sleep 1; done', 'over UDP a missing answer is not an error']
  ] as const) {
    const [finding] = judge(host(script, {}, { ports }))
    expect(finding?.shows?.at(-1)).toMatch(/^suspected only: /)
    expect(finding?.shows?.at(-1)).toContain(doubt)
  }
})

it('is not applicable where every unit is the distribution’s', () => {
  expect(outcomes({ units: {} })).toEqual(['not-applicable'])
})

it('reports an ordering cycle', () => {
  const [finding] = judge({ units: { a: { after: ['b'] }, b: { after: ['c'] }, c: { after: ['a'] } } })
  expect(finding).toMatchObject({
    outcome: 'fail',
    saw: 'ordering cycle: a.service after b.service after c.service after a.service',
    filing: { subject: 'a.service' }
  })
})

describe('a program that could not be read', () => {
  it('matters where something is brought up only after it', () => {
    const [finding] = judge(host('/opt/gate', {}, { files: { '/opt/gate': null } }))
    expect(finding).toMatchObject({
      outcome: 'unknown',
      why: '/opt/gate of deploy-proxy.service could not be read, and deploy-dashboard.service starts only after it'
    })
  })

  it('matters where it may start what is waited for', () => {
    const sketch = host(
      gate,
      {},
      {
        units: { 'deploy-dashboard': { after: ['deploy-proxy'], script: '/opt/deploy' } },
        files: { '/opt/deploy': null }
      }
    )
    expect(outcomes(sketch)).toEqual(['unknown'])
  })

  it('does not matter where nothing depends on it', () => {
    expect(
      outcomes(
        host(
          loop('https://traefik.example.test/'),
          {},
          { units: { last: { after: ['deploy-dashboard'], script: '/opt/x' } }, files: { '/opt/x': null } }
        )
      )
    ).toEqual(['pass'])
  })
})

it('can fail: what it ships to be falsified with does', () => {
  const facts = bootOf(host(loop('https://traefik.example.test/ping')))
  for (const falsified of healthGateDeadlock.falsify(facts, {})) {
    expect(healthGateDeadlock.judge(falsified, {}).map(({ outcome }) => outcome)).toContain('fail')
  }
})

it('never throws, whatever scripts and rules say', () => {
  const piece = fc.constantFrom(
    ...gate.split(' '),
    ...'while ! for in $(seq | && || ; & { } ( ) python3 docker stack deploy systemctl start \n [ -e /run/x ] "$1" \' `'.split(
      ' '
    )
  )
  const text = fc
    .array(fc.oneof(piece, fc.string({ maxLength: 6 })), { maxLength: 40 })
    .map(parts => parts.join(' '))
  const rule = fc
    .array(
      fc.oneof(
        fc.constantFrom('Host(', '`ci.example.test`', ')', '&&', '||', '!', 'PathPrefix(', '('),
        fc.string({ maxLength: 4 })
      ),
      { maxLength: 20 }
    )
    .map(parts => parts.join(''))
  fc.assert(
    fc.property(text, text, rule, (script, python, rule) => {
      const sketch = host(
        `${script}\npython3 ${gatePy}`,
        {},
        { files: { [gatePy]: python }, rules: { dashboard_app: rule } }
      )
      expect(judge(sketch).length).toBeGreaterThan(0)
    }),
    { numRuns: 400 }
  )
})
