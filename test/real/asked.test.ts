import { mkdir, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { Draft } from '../../src/review/assessed.ts'
import * as defects from '../support/defects.ts'
import { bootHost, release, type TestHost } from '../support/host.ts'
import { type Phase, playPhase, swarmNix } from '../support/phase.ts'
import { inCheckout } from '../support/root.ts'

/**
 * What only a plan asks for, really wrong on the real host: a claim is told so, check by check; mended, the
 * next claim passes. With UPDATE_RECORDINGS=1 the evidence is kept as recordings.
 */

const update = process.env['UPDATE_RECORDINGS'] === '1'
const recordings = inCheckout(`test/host/recordings/debian-${release === 'trixie' ? 13 : 12}/asked/`)

const url = 'https://ci.example.test/'
const noAddress = 'could not find an available IP while allocating VIP'
const bridgeYml = (image: string) => `services:\n  app:\n    image: ${image}\n`

const status = (subnet: string, bridge: string, replicas: string, code: number) => `# STATUS — pvfix

## Networks as they are

| Network | Subnet |
| --- | --- |
| proxy | ${subnet} |
| ingress | 10.0.0.0/24 |

## Services as they are

| Service | Replicas | Image |
| --- | --- | --- |
| ccci-bridge_app | ${replicas} | ${bridge} |
| ccci-reports_app | 1/1 | reports:local |

| Route | Status |
| --- | --- |
| ${url} | ${code} |

\`docker service ls --filter name=warm-keycloak_ci_example_test_db\`
EXPECTED: warm-keycloak_ci_example_test_db ${replicas}
`

/** What each check of M2 says when everything is wrong, in the plan's order. */
const told: readonly (readonly [probe: string, says: RegExp])[] = [
  ['repo-file', /`--subnet 10\.10\.0\.0\/16` is not in the file/],
  ['network-services', /^backups_ci_example_test_app is attached$/m],
  ['network-addresses', /^testhost-outside has 10\.93\.0\.200$/m],
  ['stray-stacks', /^hedgedoc-pr42_ci_example_test \(1 service, since /m],
  ['unit-activation', /^deploy-reports\.service is inactive \(dead\)/m],
  [
    'journal-silent',
    /^1 message matches .* after the review of M1 at [^]*level=error msg="Failed allocation/
  ],
  [
    'address-exhaustion',
    /^testhost-leaky 10\.92\.0\.0\/29: 5 of 5 addresses held \(5 of them leaked: no container uses them\), 0 free$[^]*^ {2}10\.92\.0\.2 has leaked: testhost-leak-1, it belongs to no container$[^]*^the engine logged "could not find an available IP" once since the review of M1 at /m
  ],
  ['orphan-networks', /^5 endpoints have no running container: testhost-leak-1, /m],
  [
    'claim-table',
    new RegExp(
      [
        'network proxy: 10.0.1.0/24\n7: | proxy | 10.10.0.0/16 |',
        'service ccci-bridge_app: 1/1\n14: | ccci-bridge_app | 2/2 | bridge:2.0 |',
        'image of service ccci-bridge_app: bridge:local\n14: | ccci-bridge_app | 2/2 | bridge:2.0 |',
        'https://ci.example.test/: 200\n19: | https://ci.example.test/ | 404 |',
        'service warm-keycloak_ci_example_test_db: 1/1\n22: EXPECTED: warm-keycloak_ci_example_test_db 2/2',
        '3 values of machine-docs/STATUS-pvfix.md at '
      ]
        .map(line => line.replaceAll(/[|.]/g, String.raw`\$&`))
        .join('\n')
    )
  ],
  [
    'undeclared-change',
    /^network debugging: 10\.94\.0\.0\/24$[^]*^service drone_ci_example_test_app: drone:other$[^]*^unit warm-keycloak\.service: .*ExecStartPost=\/bin\/true$/m
  ],
  ['image-drift', /^the spec names bridge:local$/m]
]

describe.skipIf(inject('hostObstacle') !== null)('what a plan asks, on the real host', () => {
  let host: TestHost
  let phase: Phase

  const plan = (ca: string, address: string) => `phase: pvfix
host: cc-ci
milestones:
  M1:
    checks: [{ probe: repo-file, with: { path: nix/modules/swarm.nix, exists: true } }]
  M2:
    checks:
      - probe: repo-file
        with: { path: nix/modules/swarm.nix, contains: "--subnet 10.10.0.0/16" }
      - probe: network-services
        with: { network: proxy, includes: [ccci-*_app], excludes: [backups*] }
      - probe: network-addresses
        with: { network: testhost-halves, subnet: 10.93.0.0/25 }
      - probe: stray-stacks
        with: { forbid: ["*-pr*"] }
      - probe: unit-activation
        with: { unit: deploy-reports }
      - probe: journal-silent
        with: { unit: docker, matches: ${noAddress}, since: { review: M1 } }
      - probe: address-exhaustion
        with: { networks: [ingress, testhost-leaky], since: { review: M1 } }
      - probe: orphan-networks
      - probe: claim-table
        with: { routes: ["${url}"], address: ${address}, ca: "${ca}" }
      - probe: undeclared-change
        with: { expect: [ccci-bridge_app, "testhost-*"] }
      - probe: image-drift
        with: { compose: [{ stack: ccci-bridge, path: stacks/bridge.yml }] }
  M3:
    checks:
      - probe: tls-expiry
        with: { hosts: [ci.example.test], address: ${address}, ca: "${ca}" }
  M4:
    checks:
      - probe: journal-silent
        with: { unit: docker, matches: words that nobody writes, since: 2020-01-01T00:00:00Z }
  M5:
    checks:
      - probe: address-exhaustion
        with: { networks: [ingress], since: { review: M1 } }
  M6:
    checks:
      - probe: undeclared-change
        with: { expect: [ccci-bridge_app, "testhost-*"], explainedBy: commits }
hunt: { probes: [] }
`

  /** @param as the name under which the evidence is recorded, where it is. */
  const claim = async (
    milestone: string,
    { files = {}, as }: { readonly files?: Readonly<Record<string, string>>; readonly as?: string } = {}
  ): Promise<Draft> => {
    await phase.build(`claim(pvfix-${milestone}): done`, files)
    const [answer, ...more] = await phase.answer()
    if (answer === undefined || more.length > 0) throw new Error(`${more.length} more answers`)
    if (update && as !== undefined) {
      const [file] = answer.told.rendered?.files ?? []
      if (file === undefined) throw new Error('the review has no evidence')
      await mkdir(recordings, { recursive: true })
      await writeFile(`${recordings}${as}.json`, file.bytes)
    }
    expect(answer.draft.stats.connections).toBeLessThanOrEqual(1)
    return answer.draft
  }

  /** Each check with its outcome, and everything that it says. */
  const said = ({ checks }: Draft) =>
    checks.map(({ check }) => ({
      is: `${check.probe}: ${check.outcome}`,
      says: check.findings
        .flatMap(finding => ['saw' in finding ? finding.saw : finding.why, ...(finding.shows ?? [])])
        .join('\n')
    }))

  beforeAll(async () => {
    host = await bootHost()
    await host.settle()
    phase = await playPhase(host, { plan: () => plan(host.ca, host.address) })
    await phase.answer()
  })

  afterAll(async () => {
    await phase?.dispose()
    await host?.reset()
  })

  it('a claim in which everything is wrong, and the next one in which nothing is', async () => {
    expect((await claim('M1')).decision.verdict).toBe('PASS')
    const causes = [
      defects.backupsOnProxy,
      defects.strayAddress,
      defects.strayStack,
      defects.stoppedReports,
      defects.noAddressLeft,
      defects.leakedEndpoints,
      defects.undeclared
    ]
    const undo: (() => Promise<void>)[] = []
    try {
      for (const cause of causes) undo.push(await cause(host))
      const wrong = await claim('M2', {
        as: 'wrong',
        files: {
          'machine-docs/STATUS-pvfix.md': status('10.10.0.0/16', 'bridge:2.0', '2/2', 404),
          'stacks/bridge.yml': bridgeYml('bridge:2.0')
        }
      })
      expect(wrong.decision.verdict).toBe('FAIL')
      expect(said(wrong)).toMatchObject(
        told.map(([probe, says]) => ({ is: `${probe}: fail`, says: expect.stringMatching(says) }))
      )
    } finally {
      for (const mend of undo.toReversed()) await mend()
    }
    const undoUpdate = await defects.bridgeUpdated(host)
    try {
      expect((await claim('M1')).decision.verdict).toBe('PASS')
      const right = await claim('M2', {
        as: 'right',
        files: {
          'nix/modules/swarm.nix': await swarmNix('after'),
          'machine-docs/STATUS-pvfix.md': status('10.0.1.0/24', 'bridge:2.0', '1/1', 200)
        }
      })
      expect(said(right).map(({ is }) => is)).toEqual(told.map(([probe]) => `${probe}: pass`))
      expect(right.decision.verdict).toBe('PASS')
      expect(said(right).find(({ is }) => is.startsWith('undeclared'))?.says).toMatch(
        /2 expected changes, nothing else.*service ccci-bridge_app: bridge:local → bridge:2\.0/s
      )
    } finally {
      await undoUpdate()
    }
  })

  it('of the changes, one that a commit declares, two that none does; then those as well', async () => {
    const undo = await defects.undeclared(host)
    try {
      const some = await claim('M6', {
        files: {
          'ops/debug.sh': 'docker network create \\\n  --subnet 10.94.0.0/24 debugging\n',
          'ops/drone.sh': '# docker service update --image drone:other drone_ci_example_test_app\n'
        }
      })
      expect(some.decision.verdict).toBe('FAIL')
      expect(said(some)[0]?.says).toMatch(
        /^service drone_ci_example_test_app: drone:other\nunit warm-keycloak\.service: .*ExecStartPost=\/bin\/true$/
      )
      const all = await claim('M6', {
        files: {
          'ops/drone.sh': 'docker service update --image drone:other drone_ci_example_test_app\n',
          'units/warm-keycloak.service.d/post.conf': '[Service]\nExecStartPost=/bin/true\n'
        }
      })
      expect(said(all)[0]?.says).toMatch(/\b3 changes declared by commits, nothing else$/m)
      expect(said(all)[0]?.says).toMatch(
        /^network debugging: new → 10\.94\.0\.0\/24\n {2}declared by [0-9a-f]{7} ops\/debug\.sh:1: docker network create --subnet 10\.94\.0\.0\/24 debugging$/m
      )
      expect(all.decision.verdict).toBe('PASS')
    } finally {
      await undo()
    }
    // Declared, and not there: nothing differs.
    const mended = await claim('M6')
    expect(said(mended)[0]?.says).toMatch(/: (?:no change|1 expected change, nothing else)$/m)
  })

  it('certificates: expired, one that soon will, a stand-in of the proxy, one of a staging CA; and a good one', async () => {
    const undo: (() => Promise<void>)[] = []
    try {
      for (const [as, shown, says] of [
        ['expired', { days: 0 }, /certificate has expired/],
        ['nearly-expired', { days: 3 }, /[23]\.\d days left/],
        ['stand-in', { days: 90, subject: '/CN=TRAEFIK DEFAULT CERT' }, /Traefik's default certificate/],
        ['staging', { days: 90, issuer: '/O=(STAGING) Test/CN=(STAGING) Pretend CA' }, /staging CA/]
      ] as const) {
        undo.push(await defects.certificate(shown)(host))
        const draft = await claim('M3', { as: `certificate-${as}` })
        expect(draft.decision.verdict).toBe('FAIL')
        expect(said(draft)[0]?.says).toMatch(says)
      }
    } finally {
      for (const mend of undo.toReversed()) await mend()
    }
    const draft = await claim('M3', { as: 'certificate-good' })
    expect(draft.decision.verdict).toBe('PASS')
    expect(said(draft)[0]?.says).toMatch(
      /`ci\.example\.test` by `test host CA`, valid to \S+, \d{4} days from now/
    )
  })

  it('a journal that does not reach back, or that the login may not read, proves nothing', async () => {
    const short = await claim('M4', { as: 'journal-short' })
    expect(short.decision.verdict).toBe('INCONCLUSIVE')
    expect(said(short)[0]?.says).toMatch(/the journal reaches back only to \S+, not to 2020-01-01T00:00:00Z/)
    const undo = await defects.journalUnreadable(host)
    try {
      const blind = await claim('M5', { as: 'journal-unreadable' })
      expect(blind.decision.verdict).toBe('INCONCLUSIVE')
      expect(said(blind)[0]?.says).toMatch(/may not read the system's journal/)
    } finally {
      await undo()
    }
    // What a container says stands in the journal of the engine's unit, and is not the engine's.
    expect((await claim('M1')).decision.verdict).toBe('PASS')
    await defects.saidByContainer(host)
    const draft = await claim('M5')
    expect(said(draft).map(({ is }) => is)).toEqual(['address-exhaustion: pass'])
    expect(draft.decision.verdict).toBe('PASS')
  })
})
