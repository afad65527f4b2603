import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { proxyGate } from '../../src/cli/demo/pvfix.ts'
import { openSession } from '../../src/ssh/open-session.ts'
import type { Recording } from '../../src/ssh/recorded-host.ts'
import type { OpenSession } from '../../src/facts/session.ts'
import type { Draft } from '../../src/review/assessed.ts'
import { bootHost, release, type TestHost } from '../support/host.ts'
import { masked } from '../support/masked.ts'
import { failed, type Phase, playPhase, said, swarmNix } from '../support/phase.ts'

/**
 * The reference phase, played by the watcher on the real host; then the lies, each really caused. Re-record
 * the worked example and the demo's recording with UPDATE_RECORDINGS=1.
 */

const update = process.env['UPDATE_RECORDINGS'] === '1'
const root = fileURLToPath(new URL('../../', import.meta.url))

const checks = {
  subnet: 'The proxy network is 10.10.0.0/16 and new',
  addresses: 'Every address on it is inside',
  replicas: 'All nine services run',
  activation: 'swarm-init ran again and made it',
  script: 'What swarm-init executes has the subnet',
  routes: 'The routes answer'
}

const m1 =
  'claim(pvfix-M1): `swarm.nix` patched with `--subnet 10.10.0.0/16`; maintenance procedure documented'
const m2 = 'claim(pvfix-M2): proxy recreated as 10.10.0.0/16; all services healthy; routes up'

describe.skipIf(inject('hostObstacle') !== null)('the reference phase on the real host', () => {
  let host: TestHost
  let honest: Phase
  let liar: Phase
  const recorded: { before: Recording[]; after: Recording[] } = { before: [], after: [] }
  const recordedAt = { before: 0, after: 0 }
  let half: 'before' | 'after' | 'over' = 'before'

  /** Production's door, with somebody taking notes. */
  const recording: OpenSession = async (address, options) => {
    const session = await openSession(address, options)
    if (half === 'over') return session
    const table = recorded[half]
    recordedAt[half] = Math.max(recordedAt[half], session.clock.hostMicros / 1000)
    return {
      ...session,
      get stats() {
        return session.stats
      },
      ask: commands =>
        session.ask(commands).map(async (answer, index) => {
          const got = await answer
          const argv = commands[index]?.argv ?? []
          const known = table.findIndex(read => JSON.stringify(read.argv) === JSON.stringify(argv))
          if (got.answered) {
            const { exit, stdout, stderr } = got
            if (known >= 0) table.splice(known, 1)
            table.push({ argv, exit, stdout, stderr })
          }
          return got
        })
    }
  }

  const claim = async (phase: Phase, message: string, files = {}): Promise<Draft> => {
    const sha = await phase.build(message, files)
    const [answer, ...more] = await phase.answer()
    expect(more).toEqual([])
    expect(answer?.draft.claim.sha).toBe(sha)
    expect(answer?.told.outcome.kind).toBe('published')
    if (answer === undefined) throw new Error('nothing was answered')
    return answer.draft
  }

  beforeAll(async () => {
    host = await bootHost()
    await host.settle()
    honest = await playPhase(host, { openSession: recording })
    liar = await playPhase(host)
  })

  afterAll(async () => {
    await honest?.dispose()
    await liar?.dispose()
    await host?.reset()
  })

  it('orients itself while the network is still 10.0.1.0/24', async () => {
    expect(await honest.answer()).toEqual([])
    const text = await honest.review()
    expect(text).toMatch(/^# REVIEW — phase pvfix \(Adversary\)$/m)
    expect(text).toMatch(/^## Phase context \(initial orientation, \d{4}-\d\d-\d\dT\d\d:\d\dZ\)$/m)
    expect(text).toContain('proxy: 10.0.1.0/24 (overlay)')
    expect(text).toMatch(/^### Break-it probe: /m)
  })

  it('M1 with the patch is a PASS', async () => {
    const draft = await claim(honest, m1, { 'nix/modules/swarm.nix': await swarmNix('after') })
    expect(said(draft)).toBe('')
    expect(draft.decision.verdict).toBe('PASS')
    expect(draft.stats).toMatchObject({ connections: 1, execs: 1 })
  })

  it('the lie: M2 claimed before the maintenance', async () => {
    expect(
      (await claim(liar, m1, { 'nix/modules/swarm.nix': await swarmNix('after') })).decision.verdict
    ).toBe('PASS')
    const draft = await claim(liar, m2)
    expect(draft.decision.verdict).toBe('FAIL')
    expect(failed(draft)).toEqual([checks.subnet, checks.script])
    expect(said(draft)).toContain('proxy is 10.0.1.0/24; expected 10.10.0.0/16 (network proxy)')
  })

  it('after the maintenance, before the claim: outcomes without a verdict', async () => {
    await host.maintain()
    // The way the proxy was put back would never come up on a fresh boot.
    await host.useGate('deadlock')
    await honest.build(proxyGate.message, proxyGate.files)
    half = 'after'
    const observed = await honest.preVerify('M2')
    expect(observed.checks.map(({ check }) => check.outcome)).toEqual(Array.from({ length: 6 }, () => 'pass'))
    expect(await honest.review()).toMatch(/^## Pre-verification probe \(.* — before M2 claimed\)$/m)
  })

  it('M2 is a PASS, over one connection', async () => {
    const draft = await claim(honest, m2)
    expect(said(draft)).toBe('')
    expect(draft.decision.verdict).toBe('PASS')
    expect(draft.stats).toMatchObject({ connections: 1, execs: 1 })
    const text = await honest.review()
    expect(await honest.repo.builder.git(['log', '-1', '--format=%s'])).toBe(
      'review(pvfix-M2): M2 PASS + [adversary] A1 health gate deadlock'
    )
    expect(text).toMatch(/^## \[adversary\] A1: .*deploy-proxy.*ci\.example\.test.*deploy-dashboard/m)
    // What a reader sees of where it comes from is what happened.
    expect(text).toMatch(/ \*\*Origin:\*\* introduced$/m)
    expect(text).toMatch(/^\*\*How it came in:\*\* .*M1: PASS at .*`proxy: deploy-proxy is up when /m)
    const section = text.slice(text.indexOf('## M2: PASS'))
    for (const evidence of [
      /10\.10\.0\.0\/16/,
      /backups_ci_example_test_app +1\/1/,
      /warm-keycloak_ci_example_test_db +1\/1/,
      /HTTP\/2 303/,
      /--subnet 10\.10\.0\.0\/16 proxy/,
      /swarm-init\.service is active \(exited\)/
    ]) {
      expect(section).toMatch(evidence)
    }
  })

  it('the finding is closed when it is gone', async () => {
    await host.useGate('own')
    half = 'over'
    const { rendered } = (await honest.hunt()).told
    expect(rendered?.changes.map(({ change, finding }) => [change, finding.id])).toEqual([['closed', 'A1']])
  })

  it('what was recorded on the way is what the worked example and the demo show', async () => {
    const text = await honest.review()
    const example = `${root}reviews/REVIEW-pvfix.md`
    // They show the host with Debian 12; what is written of the other must be the same.
    if (update && release === 'bookworm') {
      await mkdir(`${root}src/cli/demo/recorded`, { recursive: true })
      await mkdir(`${root}reviews`, { recursive: true })
      await writeFile(example, text)
      const { stdout } = await host.run(
        '. /etc/os-release; echo "$PRETTY_NAME, systemd $(systemctl --version | sed -n "1s/systemd \\([0-9]*\\).*/\\1/p"), Docker $(docker version --format "{{.Server.Version}}")"'
      )
      const pvfix = {
        versions: stdout.trim(),
        beforeAt: recordedAt.before,
        afterAt: recordedAt.after,
        ...recorded
      }
      await writeFile(`${root}src/cli/demo/recorded/pvfix.json`, `${JSON.stringify(pvfix, null, 1)}\n`)
      for (const edition of ['before', 'after'] as const) {
        await writeFile(`${root}src/cli/demo/recorded/swarm.${edition}.nix`, await swarmNix(edition))
      }
    }
    expect(masked(text)).toBe(masked(await readFile(example, 'utf8')))
  })

  it.each<
    [
      lie: string,
      cause: (host: TestHost) => Promise<() => Promise<void>>,
      fails: readonly string[],
      names: string
    ]
  >([
    [
      'one service at 0/1',
      it => it.causes.stuckAtZero('backups_ci_example_test_app'),
      [checks.replicas],
      'backups_ci_example_test_app'
    ],
    [
      'an update that was rolled back, N/N all the same',
      it => it.causes.rolledBackUpdate('ccci-bridge_app'),
      [checks.replicas],
      'ccci-bridge_app'
    ],
    ['a route that answers 502', it => it.causes.route502('report.ci.example.test'), [checks.routes], '502']
  ])('the lie: %s', async (_, cause, fails, names) => {
    const undo = await cause(host)
    try {
      const draft = await claim(liar, m2)
      expect(failed(draft)).toEqual(fails)
      expect(draft.checks.filter(({ check }) => check.outcome === 'unknown')).toEqual([])
      expect(draft.decision.verdict).toBe('FAIL')
      expect(said(draft)).toContain(names)
    } finally {
      await undo()
    }
  })

  it('no lie: the engine was restarted in between', async () => {
    const undo = await host.causes.engineRestart()
    const draft = await claim(liar, m2)
    expect(said(draft)).toBe('')
    expect(draft.decision.verdict).toBe('PASS')
    await undo()
  })

  it.each<
    [
      lie: string,
      cause: (host: TestHost) => Promise<() => Promise<void>>,
      fails: readonly string[],
      names: string
    ]
  >([
    [
      'the network made by hand, the script still without --subnet',
      it => it.causes.networkByHand(),
      [checks.script],
      '--subnet 10.10.0.0/16'
    ],
    [
      'the unit last started before the network existed',
      it => it.causes.unitOlderThanNetwork(),
      [checks.activation],
      'swarm-init.service'
    ]
  ])('the lie: %s', async (_, cause, fails, names) => {
    await cause(host)
    const draft = await claim(liar, m2)
    expect(failed(draft)).toEqual(fails)
    expect(draft.decision.verdict).toBe('FAIL')
    expect(said(draft)).toContain(names)
  })
})
