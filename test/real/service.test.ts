import { readFile } from 'node:fs/promises'
import { afterAll, assert, beforeAll, describe, expect, inject, it } from 'vitest'
import { logDocument, statusDocument } from '../../src/cli/documents.ts'
import { bootHost, type TestHost } from '../support/host.ts'
import { installOnHost } from '../support/installed.ts'
import { inCheckout } from '../support/root.ts'
import { generous } from '../support/pace.ts'

/** The watcher as a service of a real systemd, by the unit that is shipped as an example. */

const unit = 'adversary-watch.service'
const write = (path: string, text: string) =>
  `echo ${Buffer.from(text).toString('base64')} | base64 -d > ${path}`

describe.skipIf(inject('hostObstacle') !== null)('the service', () => {
  let host: TestHost

  async function sh(script: string, timeoutMs = 60_000): Promise<string> {
    const { exit, stdout, stderr } = await host.run(`set -eu\n${script}`, { timeoutMs })
    if (exit !== 0) throw new Error(`${script}\nended with ${exit}: ${stderr}${stdout}`)
    return stdout.trim()
  }
  const show = (property: string) => sh(`systemctl show --value -p ${property} ${unit}`)
  const asGit = (script: string) => sh(`cd /srv/work\nrunuser -u git -- sh -ec "${script}"`)
  const claim = (words: string) =>
    asGit(`git pull -q --ff-only; git commit -q --allow-empty -m 'claim(one-M1): ${words}'; git push -q`)
  const reviews = async () =>
    (await asGit('git -C /srv/infra.git log --format=%s main'))
      .split('\n')
      .filter(line => line.includes('M1 PASS'))
  const status = async () =>
    statusDocument.parse(
      JSON.parse(
        await sh(
          'runuser -u adversary -- env PATH=/usr/local/bin:/usr/bin:/bin adversary status --json --home /var/lib/adversary'
        )
      )
    )

  beforeAll(async () => {
    host = await bootHost()
    await installOnHost()
    const config = `repo: { url: ssh://git@${host.address}/srv/infra.git, branch: main }
identity: { name: adversary-bot, email: adversary@example.test, signingKey: ./signing }
poll: 1s
retry: 5s
hosts:
  prod: { ssh: reviewer@${host.address}, identityFile: .ssh/id_ed25519, knownHosts: .ssh/known_hosts }
`
    const plan = `phase: one
host: prod
milestones:
  M1:
    checks:
      - { probe: stray-stacks, with: { forbid: ["nobody*"] } }
hunt: { probes: [] }
`
    await sh(
      `useradd --system --home-dir /var/lib/adversary --create-home adversary
useradd --create-home git
mkdir -m 755 /srv/infra.git /srv/work
chown git: /srv/infra.git /srv/work
cd /srv/work
runuser -u git -- sh -ec '
  git config --global user.name builder
  git config --global user.email builder@example.test
  git init -q --bare -b main /srv/infra.git
  git clone -q /srv/infra.git . 2>&1
  git commit -q --allow-empty -m "a first commit"
  git push -q origin HEAD:main
'
cd /var/lib/adversary
mkdir plans .ssh ~git/.ssh
${write('adversary.yaml', config)}
${write('plans/one.yaml', plan)}
${write('.ssh/id_ed25519', await readFile(host.identityFile, 'utf8'))}
${write('.ssh/known_hosts', await readFile(host.knownHosts, 'utf8'))}
ssh-keygen -q -t ed25519 -N '' -f signing
chmod 600 .ssh/id_ed25519
ssh-keygen -y -f .ssh/id_ed25519 > ~git/.ssh/authorized_keys
chown -R git: ~git/.ssh
chown -R adversary: /var/lib/adversary
${write(`/etc/systemd/system/${unit}`, await readFile(inCheckout(`examples/systemd/${unit}`), 'utf8'))}
systemctl daemon-reload`
    )
  })
  afterAll(async () => {
    await host.reset()
    await host.stop()
  })

  it('is a unit that systemd has nothing to say about, and is exposed to little', async () => {
    expect(await sh(`systemd-analyze verify --man=no /etc/systemd/system/${unit} 2>&1`)).toBe('')
    const overall = await sh(`systemd-analyze security --no-pager ${unit} | tail -n 1`)
    const exposure = Number(/exposure level for \S+: (?<level>[\d.]+)/.exec(overall)?.groups?.['level'])
    expect(exposure).toBeLessThan(2)
  })

  it('is started when it is ready, and answers a claim', async () => {
    await sh(`systemctl start ${unit}`)
    expect(await show('ActiveState')).toBe('active')
    await claim('is it there?')
    await expect.poll(reviews, { timeout: generous(60_000), interval: 500 }).toHaveLength(1)
    await expect
      .poll(() => show('StatusText'), { timeout: generous(30_000) })
      .toMatch(/^(?:waiting|asking the remote)/)
  })

  it('logs nothing but events', async () => {
    const lines = (await sh(`journalctl -o cat --no-pager _SYSTEMD_UNIT=${unit}`)).split('\n')
    const events = lines.map(line => logDocument.parse(JSON.parse(line)).event)
    expect(events).toEqual(
      expect.arrayContaining([
        'watcher.started',
        'orientation.published',
        'review.started',
        'review.published'
      ])
    )
  })

  it('is what `status` tells of', async () => {
    await expect
      .poll(async () => (await status()).watcher?.polls, { timeout: generous(60_000), interval: 500 })
      .toBeGreaterThan(1)
    const { watcher } = await status()
    expect(watcher).toMatchObject({ state: 'running', pid: Number(await show('MainPID')), troubles: [] })
  })

  it('is started again when its loop does not go on, and answers what came meanwhile', async () => {
    // The watchdog of the example, in less time.
    await sh(`mkdir -p /run/systemd/system/${unit}.d
printf '[Service]\\nWatchdogSec=15s\\nRestartSec=1s\\n' > /run/systemd/system/${unit}.d/fast.conf
systemctl daemon-reload
systemctl restart ${unit}`)
    const pid = await show('MainPID')
    // It lives through that while it goes on.
    await new Promise(done => setTimeout(done, 20_000))
    expect(await show('MainPID')).toBe(pid)
    const before = (await reviews()).length
    await sh(`kill -STOP ${pid}`)
    await claim('does anybody hear?')
    await expect.poll(() => show('NRestarts'), { timeout: generous(60_000) }).not.toBe('0')
    expect(await sh(`journalctl --no-pager -u ${unit} -o cat`)).toMatch(/Watchdog timeout/)
    await expect.poll(reviews, { timeout: generous(120_000), interval: 500 }).toHaveLength(before + 1)
    expect((await status()).watcher).toMatchObject({ state: 'running' })
  })

  it('that was killed is gone for `status`, and back a moment later', async () => {
    await sh(`printf '[Service]\\nRestartSec=20s\\n' > /run/systemd/system/${unit}.d/slow.conf
rm /run/systemd/system/${unit}.d/fast.conf
systemctl daemon-reload
kill -KILL ${await show('MainPID')}`)
    expect((await status()).watcher).toMatchObject({ state: 'gone' })
    await expect.poll(() => show('ActiveState'), { timeout: generous(60_000) }).toBe('active')
    expect((await status()).watcher).toMatchObject({ state: 'running' })
  })

  it('ends when it is told to, cleanly and soon, and nobody watches any more', async () => {
    await sh(`systemctl stop ${unit}`)
    expect([await show('Result'), await show('ExecMainStatus')]).toEqual(['success', '0'])
    assert((await status()).watcher === null)
    const last = (await sh(`journalctl -o cat --no-pager _SYSTEMD_UNIT=${unit} | tail -n 1`)) || '{}'
    expect(JSON.parse(last)).toMatchObject({ event: 'watcher.stopped' })
  })
})
