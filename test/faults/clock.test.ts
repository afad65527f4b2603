import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, assert, expect, it, onTestFinished, vi } from 'vitest'
import { tick } from '../../src/os/clock.ts'
import { runCli } from '../support/cli.ts'
import { makeScene, patient, type Scene, startFlakyHost } from '../support/scene.ts'
import { startSshServer } from '../support/ssh-server.ts'
import { generous } from '../support/pace.ts'

/**
 * Clocks that jump by hours while a claim is looked at. The host is one of real processes, whose login finds a
 * `date` that goes as a file says, and a `systemctl` whose units are started by that clock.
 */

const hour = 3600

interface Host {
  readonly line: string
  /** What its clock is ahead of ours, in seconds. */
  ahead(seconds: number): Promise<void>
  /** Starts the unit anew at the nth time that it is asked about, the clock having jumped right before that. */
  restartsAt(ask: number, jump: number): Promise<void>
}

async function startHost(dir: string, name: string): Promise<Host> {
  const at = (file: string) => join(dir, name, file)
  await mkdir(at('bin'), { recursive: true })
  const program = async (file: string, lines: readonly string[]) => {
    await writeFile(at(`bin/${file}`), `#!/bin/sh\n${lines.join('\n')}\n`)
    await chmod(at(`bin/${file}`), 0o755)
  }
  await program('date', [
    't=$(/bin/date +%s.%N)',
    `exec /bin/date -u -d "@$((\${t%.*} + $(cat ${at('ahead')}))).\${t#*.}" "$@"`
  ])
  await program('systemctl', [
    `n=$(($(cat ${at('asked')}) + 1)); echo $n >${at('asked')}`,
    `if [ -f ${at('jump')}-$n ]; then`,
    `  cp ${at('jump')}-$n ${at('ahead')}; date "+%a %F %T.%6N UTC" >${at('active')}; fi`,
    "printf '%s\\n' Id=app.service LoadState=loaded ActiveState=active SubState=running Result=success",
    `echo "ActiveEnterTimestamp=$(cat ${at('active')})"`
  ])
  const path = `PATH=${at('bin')}:/usr/bin:/bin`
  const server = await startSshServer({ shell: ['/usr/bin/env', path, '/bin/sh'] })
  onTestFinished(() => server.close())
  const { ssh, identityFile, knownHosts } = server.address
  await Promise.all([
    writeFile(at('ahead'), '0'),
    writeFile(at('asked'), '0'),
    writeFile(at('active'), 'Sat 2026-06-13 05:00:00.000000 UTC')
  ])
  const files = `identityFile: ${identityFile}, knownHosts: ${knownHosts}`
  return {
    line: `${name}: { ssh: "${ssh}", ${files}, timeout: 1m }`,
    ahead: seconds => writeFile(at('ahead'), String(seconds)),
    async restartsAt(ask, jump) {
      await writeFile(at('asked'), '0')
      await writeFile(at(`jump-${ask}`), String(jump))
    }
  }
}

let scene: Scene
afterEach(() => scene.dispose())

const fromNow = (seconds: number) => `${new Date(Date.now() + seconds * 1000).toISOString().slice(0, 19)}Z`

/** Hosts, and one check of each: that its unit was started later than so many seconds from now. */
async function stage(
  after: Readonly<Record<string, number>>,
  more = ''
): Promise<Readonly<Record<string, Host>>> {
  const folder = await mkdtemp(join(tmpdir(), 'adversary-clock-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const hosts = await Promise.all(
    Object.keys(after).map(async name => [name, await startHost(folder, name)] as const)
  )
  scene = await makeScene({ hosts: hosts.map(([, { line }]) => line) })
  const checks = Object.entries(after).map(
    ([name, seconds]) =>
      `{ probe: unit-activation, on: ${name}, with: { unit: app, after: "${fromNow(seconds)}" }${more} }`
  )
  await scene.plan('one', `milestones:\n  M1: { checks: [${checks.join(', ')}] }\nhunt: { probes: [] }\n`)
  return Object.fromEntries(hosts)
}

async function reviewed(): Promise<readonly unknown[]> {
  await scene.claim('one-M1')
  const { stdout, stderr } = await runCli(['review', 'one-M1', '--json'], { cwd: scene.home })
  expect(stderr).not.toMatch(/internal error/)
  const { checks }: { readonly checks: readonly unknown[] } = JSON.parse(stdout)
  return checks
}

it("a host's clock jumps between login and the reads: neither PASS nor FAIL, and why", async () => {
  const { back, forth } = await stage({ back: -hour, forth: hour })
  // By its clock that was two hours ago, and so before the moment; it was just now.
  await back?.restartsAt(1, -2 * hour)
  // By its clock that is in two hours, and so after a moment that has not come yet.
  await forth?.restartsAt(1, 2 * hour)
  expect(await reviewed()).toMatchObject([
    {
      outcome: 'unknown',
      why: expect.stringMatching(/the host's clock jumped back by 120 min against the reviewer's clock/)
    },
    {
      outcome: 'unknown',
      why: expect.stringMatching(/the host's clock jumped forward by 120 min against the reviewer's clock/)
    }
  ])

  // Its clock is wrong all the time: what is within these hours is unknown, with the skew told.
  await back?.restartsAt(9, 0)
  await forth?.restartsAt(9, 0)
  expect(await reviewed()).toMatchObject([
    { outcome: 'unknown', why: expect.stringMatching(/clock is 120 min behind the reviewer's.*too far off/) },
    {
      outcome: 'unknown',
      why: expect.stringMatching(/clock is 120 min ahead of the reviewer's.*too far off/)
    }
  ])

  // It is set right, and what was started under the wrong clock is started anew: answered without help.
  await back?.ahead(0)
  await forth?.ahead(0)
  await back?.restartsAt(1, 0)
  await forth?.restartsAt(1, 0)
  expect(await reviewed()).toMatchObject([{ outcome: 'pass' }, { outcome: 'fail', why: null }])
})

it('between two looks of a check that waits: no later look is a PASS or a FAIL', async () => {
  const { back, forth } = await stage({ back: -hour, forth: hour }, ', within: 12s')
  await back?.restartsAt(2, -2 * hour)
  await forth?.restartsAt(2, 2 * hour)
  expect(await reviewed()).toMatchObject([
    { outcome: 'unknown', why: expect.stringMatching(/clock jumped back by 120 min/) },
    { outcome: 'unknown', why: expect.stringMatching(/clock jumped forward by 120 min/) }
  ])
})

it('our own clock jumps while the watcher waits for a host: it asks no more often, and no later', async () => {
  const real = Date.now
  onTestFinished(() => {
    Date.now = real
  })
  const folder = await mkdtemp(join(tmpdir(), 'adversary-clock-'))
  const flaky = await startFlakyHost(folder)
  onTestFinished(async () => {
    await flaky.close()
    await rm(folder, { recursive: true, force: true })
  })
  scene = await makeScene({ hosts: patient(flaky), more: ['poll: 300ms', 'retry: 10m'] })
  const check = '{ probe: stray-stacks, with: { forbid: ["nobody*"] } }'
  await scene.plan('one', `milestones:\n  M1: { checks: [${check}] }\nhunt: { probes: [] }\n`)
  const watched = await scene.context()
  const { stop } = watched.start()
  onTestFinished(stop)
  const told = (event: string) => watched.log.filter(each => each.event === event)
  await vi.waitFor(() => assert.equal(told('orientation.published').length, 1), { timeout: generous(60_000) })

  flaky.down()
  const begun = tick()
  const before = flaky.connections()
  await scene.claim('one-M1')
  for (const hours of [6, -6]) {
    const seen = told('observation.failed').length
    await vi.waitFor(() => assert.isAbove(told('observation.failed').length, seen), {
      timeout: generous(60_000)
    })
    Date.now = () => real() + hours * hour * 1000
    await new Promise(done => setTimeout(done, 1_500))
  }
  // 0, 0.3, 0.9, 2.1, … seconds after the first.
  const most = Math.floor(Math.log2((tick() - begun) / 300 + 1)) + 1
  expect(flaky.connections() - before).toBeLessThanOrEqual(most)
  const pauses = told('observation.failed').map(each => Number(each['again_in_ms']))
  for (const [n, pause] of pauses.entries()) {
    expect(pause).toBeGreaterThanOrEqual(300 * 2 ** n)
    expect(pause).toBeLessThanOrEqual(300 * 2 ** n * 1.25 + 1)
  }

  flaky.up()
  const up = tick()
  await vi.waitFor(() => assert.equal(told('review.published').length, 1), {
    timeout: generous(60_000),
    interval: 50
  })
  // Not hours later: the pause that it was in, and a look.
  expect(tick() - up).toBeLessThan((pauses.at(-1) ?? 0) + generous(20_000))
  expect(await scene.verdicts()).toMatchObject([{ verdict: 'one-M1 PASS' }])
  expect(told('host.recovered')).toMatchObject([{ seconds: 0 }])
})
