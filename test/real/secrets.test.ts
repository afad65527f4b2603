import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { runCli } from '../support/cli.ts'
import { bootHost, type TestHost } from '../support/host.ts'
import { type Phase, playPhase, swarmNix } from '../support/phase.ts'
import { blocks, everyObject, leaked, oneLiners, secrets } from '../support/planted.ts'

/** Secrets really planted on the real host, in whatever a review reads: none leaves it. */

const quoted = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`
const write = (path: string, text: string) =>
  `echo ${Buffer.from(text).toString('base64')} | base64 -d > ${path}`

describe.skipIf(inject('hostObstacle') !== null)('secrets on the real host', () => {
  let host: TestHost
  let phase: Phase

  beforeAll(async () => {
    host = await bootHost()
    const all = secrets.map(({ line }) => line)
    const words = oneLiners.map(({ line }) => line)
    const unit = [
      '[Unit]',
      'Description=planted',
      ...words.map(line => `# ${line}`),
      '[Service]',
      'Type=oneshot',
      'RemainAfterExit=yes',
      ...words.map(line => `Environment=${JSON.stringify(line.replaceAll('%', '%%'))}`),
      'ExecStart=/usr/local/libexec/planted --db-password pw-of-the-unit-4711',
      '[Install]',
      'WantedBy=multi-user.target',
      ''
    ]
    const variables = words.filter(line => /^[A-Z_]+=/.test(line))
    const service = [
      ...variables.map(line => `--env ${quoted(line)}`),
      ...words.map((line, index) => `--label ${quoted(`planted.${index}=${line}`)}`),
      ...words.map((line, index) => `--container-label ${quoted(`planted.${index}=${line}`)}`)
    ]
    const ran = await host.run(
      [
        'set -e',
        write(
          '/usr/local/libexec/planted',
          `#!/bin/sh\nexit 0\n${all.join('\n')}\n${blocks.map(({ line }) => line).join('\n')}\n`
        ),
        'chmod 755 /usr/local/libexec/planted',
        write('/etc/systemd/system/planted.service', unit.join('\n')),
        'systemctl daemon-reload',
        'systemctl enable --now planted.service',
        `docker service create --quiet --detach --no-resolve-image --replicas 0 --name planted_app ${service.join(' ')} backup-bot-two:local sh -c ${quoted(all.join('\n'))}`
      ].join('\n'),
      { timeoutMs: 60_000 }
    )
    if (ran.exit !== 0) throw new Error(`planting failed: ${ran.stderr}`)
    phase = await playPhase(host)
  })
  afterAll(async () => {
    await phase?.dispose()
    await host?.run(
      'docker service rm planted_app; systemctl disable --now planted.service; rm -f /etc/systemd/system/planted.service /usr/local/libexec/planted; systemctl daemon-reload'
    )
    await host?.settle()
    await host?.stop()
  })

  it('reach neither the repo nor the log nor any output', async () => {
    const home = join(phase.repo.dir, 'home')
    await phase.build('claim(pvfix-M1): planted', { 'nix/modules/swarm.nix': await swarmNix('after') })
    const runs = [
      ['orient', 'pvfix', '--json'],
      ['watch', '--once'],
      ['hunt', 'pvfix', '--json'],
      ['review', 'pvfix-M2', '--json'],
      ['probe', 'secret-in-unit', '--json'],
      ['probe', 'unit-script', '--with', 'unit=planted', '--with', 'contains=PASSWORD', '--json'],
      ['status', '--json']
    ]
    let said = ''
    for (const words of runs) {
      const { code, stdout, stderr } = await runCli(words, { cwd: home })
      // 64: it was asked wrongly, and read nothing.
      expect([words, code]).not.toEqual([words, 64])
      expect([words, leaked(stdout + stderr)]).toEqual([words, []])
      expect(stdout + stderr).not.toContain('pw-of-the-unit-4711')
      said += stdout
    }
    // What was read is what was planted.
    expect(said).toMatch(/planted\.service/)
    expect(said).toMatch(/redacted:private-key/)
    const objects = await everyObject(phase.repo.remote)
    expect(leaked(objects)).toEqual([])
    expect(objects).not.toContain('pw-of-the-unit-4711')
    expect(objects).toContain('planted_app')
    // Whoever reads the review is told that something was hidden, and of which kind.
    expect(await phase.review()).toMatch(/^\*\*Hidden:\*\* .*\bprivate keys?\b.* in \d+ places /m)
    const told = /"redacted": \[\s*\{\s*"kind": "[a-z-]+",\s*"places": \d+,\s*"secrets": \d+/
    expect(told.test(objects)).toBe(true)
  })
})
