import type { Severity } from '../../src/lib/words.ts'
import * as defects from './defects.ts'

/** What must not come to stand in a repo. */
export const secret = 'Wk7vQz2mXr9LpT4sBn8d'

/** A finding as it is filed. */
export interface Filed {
  readonly key: string
  readonly title: string
  readonly severity: Severity
}

/** A defect, from its cause to its end. */
export interface Life {
  readonly cause: defects.Defect
  readonly files: readonly Filed[]
  /** What was filed before and is back with it. */
  readonly again?: readonly Filed[]
  /** What the section must say. */
  readonly says: readonly RegExp[]
}

export const filed = (key: string, severity: Severity, title: string): Filed => ({ key, title, severity })

const proxyDiffers = filed(
  'boot-reconcile/network proxy',
  'high',
  'network proxy would be recreated differently'
)

const drifted = (unit: string, how: string) =>
  filed(`unit-drift/${unit}.service`, 'medium', `${unit}.service ${how}`)

/** Defects of every probe that hunts, but for deadlocks; in the order in which they are caused. */
export const lives: readonly Life[] = [
  {
    cause: defects.fullNetwork,
    files: [
      filed('address-exhaustion/testhost-small', 'high', 'network testhost-small runs out of addresses')
    ],
    says: [/10\.90\.0\.0\/29/]
  },
  {
    cause: defects.scriptAhead,
    files: [proxyDiffers],
    says: [/10\.0\.1\.0\/24/, /10\.10\.0\.0\/16/, /swarm-init/]
  },
  {
    cause: defects.clockAhead,
    files: [filed('clock-skew/clock', 'medium', "The host's clock is wrong")],
    // A machine that is busy adds to the way there, which the measurement says.
    says: [/the host's clock is (?:59[5-9]|60[0-5])(?:\.\d)? s ahead of the reviewer's, ±/]
  },
  {
    cause: defects.fullDisk,
    files: [filed('disk-headroom/bytes of /var/lib/docker', 'high', '/var/lib/docker runs out of space')],
    says: [/^→ \/var\/lib\/docker \(.*\): \d+ [KM]iB of \d+ MiB free$/m]
  },
  {
    cause: host => host.causes.failedUnit('deploy-reports'),
    files: [filed('failed-units/deploy-reports.service', 'medium', 'deploy-reports.service has failed')],
    says: [/Result=exit-code/]
  },
  {
    cause: defects.waitsForRestart,
    files: [
      filed(
        'failed-units/testhost-loop.service',
        'medium',
        'testhost-loop.service has failed and waits for its automatic restart'
      )
    ],
    says: [/ActiveState=activating SubState=auto-restart Result=exit-code/]
  },
  {
    cause: defects.failedWithoutFile,
    files: [
      filed(
        'failed-units/testhost-gone.service',
        'medium',
        'testhost-gone.service has failed, and its unit file is gone'
      )
    ],
    says: [/LoadState=not-found ActiveState=failed/]
  },
  {
    cause: host => host.causes.rolledBackUpdate('ccci-bridge_app'),
    files: [filed('image-drift/ccci-bridge_app', 'medium', 'ccci-bridge_app runs the wrong image')],
    says: [/the new spec was rejected: the update is rollback_completed, bridge:local runs/]
  },
  {
    cause: defects.openPort,
    files: [filed('listening-ports/6379/tcp', 'high', '6379/tcp is open on every address')],
    says: [/redis/]
  },
  {
    cause: defects.orphanNetwork,
    files: [
      filed(
        'orphan-networks/hedgedoc_default',
        'low',
        'network hedgedoc_default is left from a removed stack'
      )
    ],
    says: [/docker network rm hedgedoc_default/]
  },
  {
    cause: defects.leakedEndpoints,
    files: [
      filed(
        'orphan-networks/testhost-leaky endpoints',
        'low',
        'network testhost-leaky has endpoints without a container'
      )
    ],
    says: [/5 endpoints have no running container: testhost-leak-1/, /it belongs to no container/]
  },
  {
    cause: host => host.causes.restartLoop('warm-keycloak_ci_example_test_db'),
    files: [
      filed(
        'restart-loops/warm-keycloak_ci_example_test_db',
        'high',
        'warm-keycloak_ci_example_test_db is in a restart loop'
      )
    ],
    says: [/non-zero exit \(1\)/]
  },
  {
    cause: defects.secretInUnit(secret),
    files: [
      filed(
        'secret-in-unit//etc/systemd/system/deploy-reports.service.d/db.conf',
        'high',
        'A credential in plain text: /etc/systemd/system/deploy-reports.service.d/db.conf'
      )
    ],
    says: [/REPORTS_DB_PASSWORD=«redacted/]
  },
  {
    cause: host => host.causes.collidingRoute('10.0.1.128/25'),
    files: [
      filed(
        'subnet-collision/network proxy (10.0.1.0/24) / route 10.0.1.128/25 via 198.51.100.1 dev host0',
        'high',
        'proxy and host0 share addresses'
      )
    ],
    says: [/10\.0\.1\.128\/25/]
  },
  {
    cause: host => host.causes.unitNotReloaded(),
    files: [
      filed(
        'unit-drift/swarm-init.service',
        'medium',
        'swarm-init.service differs from its file: systemd was not reloaded'
      )
    ],
    // The next boot reads the file: that network would be another one, as it was before.
    again: [proxyDiffers],
    says: [/NeedDaemonReload=yes/]
  },
  {
    cause: defects.otherProgram,
    files: [drifted('ticker', 'runs a program other than the one its unit names')],
    says: [
      /runs \/nix\/store\/\S+-ticker-1\.0\/bin\/ticker, but its unit names \/nix\/store\/\S+-ticker-1\.1\/bin\/ticker/
    ]
  },
  {
    cause: defects.oneshotNotRestarted,
    files: [drifted('deploy-drone', 'runs as it was before its start program changed')],
    says: [
      /before the orientation; its unit now names ExecStart=\/nix\/store\/\S+\/deploy-drone-start instead of/
    ]
  },
  {
    cause: defects.linkedAnew,
    files: [drifted('deploy-bridge', 'runs as it was before its file changed')],
    says: [/deploy-bridge\.service started \S+, before its file last changed, \d{4}-/]
  }
]

export const deadlock = filed(
  'health-gate-deadlock/deploy-proxy.service',
  'high',
  'deploy-proxy waits for ci.example.test, served only by deploy-dashboard, which starts after it'
)

const gated = (kind: string, what: string) =>
  filed(
    `health-gate-deadlock/gate-${kind}.service`,
    'high',
    `gate-${kind} waits for ${what}, which starts after it`
  )

/** Every deadlock with its disguise: what is filed, the circle, and the lines of the host that prove it. */
export const deadlocks: readonly (readonly [disguise: string, Life])[] = [
  [
    'a loop around curl',
    {
      cause: async host => {
        await host.useGate('deadlock')
        return () => host.useGate('own')
      },
      files: [deadlock],
      says: [
        /deploy-proxy\.service → waits for https:\/\/ci\.example\.test\/, served by → deploy-dashboard\.service → starts only after → deploy-proxy\.service\. None of them can start first./,
        /^→ \/nix\/store\/\S+-deploy-proxy-start\/bin\/deploy-proxy-start:6: until \[ "\$\(curl .*https:\/\/ci\.example\.test\/\)" = 200 \]/m,
        /^→ docker service inspect ccci-dashboard_app: traefik\.http\.routers\.ccci-dashboard\.rule=Host\(ci\.example\.test\)/m,
        /^→ \/nix\/store\/\S+\/bin\/deploy-dashboard-start:4: docker stack deploy .* ccci-dashboard/m,
        /^→ \/\S+deploy-dashboard\.service:3: After=deploy-proxy\.service/m,
        /systemd stops it after TimeoutStartSec=15min/,
        /The running host does not show it: .*active \(exited\)/,
        /for a proxy: its own \/ping/,
        /^mermaid\nflowchart LR\n  u0\["deploy-proxy\.service"\]\n  u1\["deploy-dashboard\.service"\]\n  u0 -->\|"waits for https:\/\/ci\.example\.test\/"\| u1\n  u1 -->\|"starts only after"\| u0$/m
      ]
    }
  ],
  [
    'a Python program with the name in a dict',
    {
      cause: defects.gateInPython,
      files: [],
      again: [deadlock],
      says: [
        /deploy-proxy\.service → waits for https:\/\/ci\.example\.test\/, served by → deploy-dashboard\.service → starts only after → deploy-proxy\.service\. /,
        /^→ \/nix\/store\/\S+-health-gate\/bin\/health-gate\.py:15: while not healthy\(SETTINGS\): … 12: curl -fsS .* https:\/\/ci\.example\.test\/$/m
      ]
    }
  ],
  [
    'four units, Requires, and a stack that another unit deploys',
    {
      cause: defects.circleOfFour,
      files: [
        filed(
          'health-gate-deadlock/edge-gate.service',
          'high',
          'edge-gate waits for report.ci.example.test, served only by deploy-reports, which starts after reports-config and reports-data, and so after it'
        )
      ],
      says: [
        /edge-gate\.service → waits for https:\/\/report\.ci\.example\.test\/, served by → deploy-reports\.service → starts only after → reports-config\.service → starts only after → reports-data\.service → starts only after → edge-gate\.service\. /,
        /reports-config\.service:\d+: Before=deploy-reports\.service/,
        /reports-data\.service:\d+: After=edge-gate\.service/,
        /TimeoutStartSec=15min, its own loop gives up after about 600 s/
      ]
    }
  ],
  [
    'a port, a port of a container, a file, a docker service, another unit',
    {
      cause: defects.gatesOfAllKinds,
      files: [
        gated('file', '/run/testhost-ready, made only by late-file'),
        gated('port', 'localhost:443, served only by deploy-proxy'),
        gated('publish', '127.0.0.1:8085, served only by late-publish'),
        gated('service', "docker's ccci-reports_app, served only by deploy-reports"),
        filed(
          'health-gate-deadlock/gate-unit.service',
          'high',
          'gate-unit starts testhost-late-unit and waits for it, but testhost-late-unit starts after it'
        )
      ],
      says: [
        /late-publish-start:\d+: docker run --detach --rm --publish 8085:80 /,
        /docker service inspect traefik_ci_example_test_app: publishes 443\/tcp/,
        /late-file-start:\d+: touch \/run\/testhost-ready/,
        /gate-unit-start:\d+: systemctl start testhost-late-unit/,
        /systemd stops it after TimeoutStartSec=30s/
      ]
    }
  ]
]
