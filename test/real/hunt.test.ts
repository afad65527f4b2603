import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, inject, it, onTestFailed } from 'vitest'
import { probes } from '../../probes/index.ts'
import { sshArguments } from '../../src/ssh/openssh.ts'
import { openSession } from '../../src/ssh/open-session.ts'
import type { OpenSession } from '../../src/facts/session.ts'
import { messageTitle } from '../../src/render/message.ts'
import type { Origin } from '../../src/lib/words.ts'
import * as defects from '../support/defects.ts'
import { bootHost, type TestHost, until } from '../support/host.ts'
import { deadlock, deadlocks, type Filed, filed, lives, secret } from '../support/lives.ts'
import { type Phase, playPhase } from '../support/phase.ts'

/** What nobody asked about, really caused on the real host: found, told, closed when it is gone, and back. */

const escaped = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
const inCode = (text: string) => text.replaceAll('`', '')

async function hunt(phase: Phase) {
  const { observed, told } = await phase.hunt()
  expect(observed.stats.connections).toBe(1)
  const changes = told.rendered?.changes ?? []
  const section = told.rendered?.section ?? ''
  // A screen or two for each, and not what `systemctl show` prints of every unit.
  expect(section.split('\n').length).toBeLessThanOrEqual(1 + 80 * changes.length)
  return {
    observed,
    published: told.outcome.kind === 'published',
    section,
    findings: changes.map(({ finding }) => finding),
    changed: changes.map(({ change, finding: { key, title, severity, origin } }) => ({
      change,
      key,
      title,
      severity,
      origin
    }))
  }
}

const change = (
  change: 'opened' | 'closed' | 'reopened',
  files: readonly Filed[],
  origin: Origin = 'introduced'
) => files.map(one => ({ change, ...one, origin }))

const subject = async (phase: Phase) => {
  await phase.review()
  return phase.repo.builder.git(['log', '-1', '--format=%s'])
}

describe.skipIf(inject('hostObstacle') !== null)('the hunt on the real host', () => {
  let host: TestHost
  let phase: Phase
  let asked: (readonly string[])[] = []

  /** Production's door, with somebody who writes down what is asked. */
  const listening: OpenSession = async (address, options) => {
    const session = await openSession(address, options)
    return {
      ...session,
      get stats() {
        return session.stats
      },
      ask: commands => {
        asked.push(...commands.map(({ argv }) => argv))
        return session.ask(commands)
      }
    }
  }

  const causing = async (cause: defects.Defect, body: () => Promise<void>) => {
    const undo = await cause(host)
    try {
      await body()
    } finally {
      await undo()
    }
  }

  beforeAll(async () => {
    host = await bootHost()
    await host.settle()
    phase = await playPhase(host, { openSession: listening })
    await phase.answer()
  })

  afterAll(async () => {
    await phase?.dispose()
    await host?.reset()
  })

  it('every probe that hunts has its defect here', () => {
    const caused = new Set(lives.map(({ files }) => files[0]?.key.split('/')[0]))
    const hunting = probes.filter(({ hunts }) => hunts !== undefined).map(({ id }) => id)
    expect([...caused, 'health-gate-deadlock'].sort()).toEqual([...hunting].sort())
  })

  it('a healthy host with everything switched on: all clear, no finding, no commit', async () => {
    expect(await phase.review()).not.toMatch(/\[adversary\]/)
    const tip = await phase.repo.builder.tip()
    const { observed, published, changed } = await hunt(phase)
    expect(observed.hunts.map(({ check }) => [check.probe, check.outcome])).toEqual(
      probes.filter(({ hunts }) => hunts !== undefined).map(({ id }) => [id, 'pass'])
    )
    expect(
      observed.hunts.flatMap(({ check }) => check.findings).filter(each => each.outcome === 'unknown')
    ).toEqual([])
    expect([published, changed]).toEqual([false, []])
    await phase.review()
    expect(await phase.repo.builder.tip()).toBe(tip)
  })

  it('is one connection; beside it, the same commands in one shell script over OpenSSH', async () => {
    asked = []
    const { observed } = await hunt(phase)
    const ask = (argv: readonly string[]) => argv.map(word => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')
    const script = asked.map(argv => `${ask(argv)} </dev/null\n`).join('')
    const began = performance.now()
    const ssh = spawn(
      'ssh',
      sshArguments({
        name: 'cc-ci',
        ssh: `${host.user}@${host.address}`,
        transport: 'openssh',
        identityFile: host.identityFile,
        knownHosts: host.knownHosts,
        timeoutMs: 10_000,
        configFile: null
      }).concat('PATH=$PATH:/usr/sbin:/sbin; exec sh -s'),
      { stdio: ['pipe', 'ignore', 'ignore'] }
    )
    ssh.stdin.end(script)
    await once(ssh, 'close')
    const took = Math.round(performance.now() - began)
    const { reads, execs, ms } = observed.stats
    expect(execs).toBe(1)
    // Told, not judged: how fast the machine is today is nobody's defect.
    process.stdout.write(
      `the hunt: ${reads} reads over one connection in ${ms} ms, judged; ` +
        `the same ${asked.length} commands one after the other in one script over ssh: ${took} ms\n`
    )
  })

  it.each([
    ...lives.map(life => [life.files[0]?.key ?? '', life] as const),
    ...deadlocks.map(([disguise, life]) => [`a deadlock: ${disguise}`, life] as const)
  ])('%s', async (_, { cause, files, again = [], says }) => {
    // Otherwise what one test leaves open would be closed, and complained about, in the next.
    onTestFailed(async () => {
      await phase.hunt()
    })
    const ids = new Map<string, string>()
    await causing(cause, async () => {
      const { changed, section, findings } = await hunt(phase)
      expect(changed).toEqual([...change('reopened', again), ...change('opened', files)])
      for (const { id, key, title, severity } of findings) {
        ids.set(key, id)
        const heading = again.some(one => one.key === key) ? 'REOPENED @.*' : escaped(title)
        expect(inCode(section)).toMatch(
          new RegExp(
            `^## \\[adversary\\] ${id}: ${heading}\n\\*\\*Status:\\*\\* open · \\*\\*Severity:\\*\\* ${severity} · \\*\\*Blocks:\\*\\* D8 · \\*\\*Origin:\\*\\* introduced$`,
            'm'
          )
        )
      }
      for (const said of says) expect(inCode(section)).toMatch(said)
      expect(section).toContain('The orientation checked for it and did not find it')
      expect(await phase.review()).toContain(section)
      const [back, ...names] = [again, files].map(list =>
        list.map(({ key }) => [ids.get(key), key.split('/')[0]])
      )
      expect(await subject(phase)).toBe(
        `review(pvfix): ${messageTitle('pvfix', '', [
          ...(back ?? []).map(([id]) => `[adversary] ${id} is back`),
          ...names.flat().map(([id, probe]) => `[adversary] ${id} ${probe?.replaceAll('-', ' ')}`)
        ])}`
      )
    })
    const { changed, section, findings } = await hunt(phase)
    expect(new Set(changed)).toEqual(new Set(change('closed', [...again, ...files])))
    for (const { id, key, title } of findings) {
      expect(id).toBe(ids.get(key))
      expect(section).toMatch(
        new RegExp(`^## \\[adversary\\] ${id}: CLOSED @\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\dZ$`, 'm')
      )
      expect(inCode(section)).toContain(`**Was:** ${title}`)
    }
    // The evidence: what was asked, what the host said, and the judgement.
    expect(section).toMatch(/^\*\*Evidence:\*\* `machine-docs\/evidence\/\S+\.json`/m)
    expect(section).toMatch(/^`{3,}\n(?:.+\n)+`{3,}$/m)
    expect(section).toContain('Fixed: ')
    expect(await subject(phase)).toBe(
      `review(pvfix): ${messageTitle(
        'pvfix',
        '',
        findings.map(({ id }) => `[adversary] ${id} closed`)
      )}`
    )
  })

  it('what is back has its old number, and each is filed once', async () => {
    const text = await phase.review()
    const filed = [...text.matchAll(/^## \[adversary\] A(\d+): (?!CLOSED|REOPENED)/gm)].map(([, number]) =>
      Number(number)
    )
    const keys = new Set(
      [...lives, ...deadlocks.map(([, life]) => life)].flatMap(({ files }) => files.map(({ key }) => key))
    )
    expect(filed).toEqual(Array.from({ length: keys.size }, (_, index) => index + 1))
  })

  it('what was hidden is not in the repo', async () => {
    await phase.review()
    const found = phase.repo.builder.git(['grep', '-l', secret, 'HEAD'])
    await expect(found).rejects.toThrow(/ended with 1/)
  })

  it('after the maintenance, with the deadlock gone, there is nothing left to find', async () => {
    await host.maintain()
    const { observed, published } = await hunt(phase)
    expect(
      observed.hunts.flatMap(({ check }) => check.findings).filter(({ outcome }) => outcome !== 'pass')
    ).toEqual([])
    expect(published).toBe(false)
  })

  it('what was there before stays apart from what came; what cannot be seen closes nothing', async () => {
    const orphan = filed(
      'orphan-networks/hedgedoc_default',
      'low',
      'network hedgedoc_default is left from a removed stack'
    )
    const route = filed(
      'subnet-collision/network ingress (10.0.0.0/24) / route 10.0.0.128/25 via 198.51.100.1 dev host0',
      'high',
      'ingress and host0 share addresses'
    )
    const failed = filed('failed-units/deploy-reports.service', 'medium', 'deploy-reports.service has failed')
    const undoOrphan = await defects.orphanNetwork(host)
    const collide: defects.Defect = it => it.causes.collidingRoute('10.0.0.128/25')
    const undoRoute = await collide(host)
    const later = await playPhase(host)
    try {
      await later.answer()
      expect(await subject(later)).toBe(
        'review(pvfix): phase context + [adversary] A1 orphan networks + [adversary] A2 subnet collision'
      )
      const context = await later.review()
      expect(context.match(/\*\*Origin:\*\* pre-existing$/gm)).toHaveLength(2)
      expect(context).toContain('It existed before the phase began: the orientation shows it.')

      const undoFailed = await host.causes.failedUnit('deploy-reports')
      expect((await hunt(later)).changed).toEqual(change('opened', [failed]))
      expect((await hunt(later)).published).toBe(false)

      await undoFailed()
      await undoRoute()
      await undoOrphan()
      await causing(defects.sshdGone, async () => {
        const { observed, told } = await later.hunt()
        expect(new Set(observed.hunts.map(({ check }) => check.outcome))).toEqual(new Set(['unknown']))
        expect(told.outcome.kind).toBe('dropped')
      })
      await causing(defects.dockerUnseen, async () => {
        expect((await hunt(later)).changed).toEqual(change('closed', [failed]))
      })
      expect((await hunt(later)).changed).toEqual(change('closed', [orphan, route], 'pre-existing'))

      await causing(collide, async () => {
        const { changed, findings } = await hunt(later)
        expect(changed).toEqual(change('reopened', [route], 'pre-existing'))
        expect(findings.map(({ id }) => id)).toEqual(['A2'])
      })
    } finally {
      await later.dispose()
    }
  })

  it('a gate that gives up after half a minute and goes on holds a boot up, and is no deadlock', async () => {
    const hanging = await playPhase(host)
    const later = await playPhase(host)
    try {
      await host.bootIntoDeadlock()
      const hangs =
        'systemctl is-active deploy-proxy | grep -q activating && docker service ls | grep -q traefik_'
      expect(await host.run(until(hangs))).toMatchObject({ exit: 0 })
      await hanging.answer()
      expect(await host.run(`${until('systemctl is-active deploy-dashboard')} >/dev/null`)).toMatchObject({
        exit: 0
      })
      await later.answer()
      for (const phase of [hanging, later]) {
        expect(await subject(phase)).toBe('review(pvfix): phase context')
        expect(await phase.review()).not.toContain(deadlock.title)
      }
      await host.useGate('own')
      await host.settle()
    } finally {
      await hanging.dispose()
      await later.dispose()
    }
  })
})
