import { describe, expect, it } from 'vitest'
import { rehearseDocument } from '../../src/cli/documents.ts'
import type { Adapters } from '../../src/facts/adapter.ts'
import { gather } from '../../src/facts/gather.ts'
import { unseal } from '../../src/facts/sealed.ts'
import { rehearseHere } from '../../src/rehearsal/worlds.ts'
import type { BootRehearsal } from '../../src/rehearsal/host/boot-rehearsal.ts'
import { bootRehearsal, rehearsalWith } from '../../src/rehearsal/host/boot-rehearsal.ts'
import { clock, timelineLines } from '../../src/rehearsal/host/boot-timeline.ts'
import type { RehearsalFacts } from '../../src/rehearsal/rehearsal-facts.ts'
import { closedAdapters, type Recorded, recordedSession } from '../support/doors.ts'

/** A host of one gate and one shop, as its commands answer. */
function answers(
  scripts: Readonly<Record<string, string>>,
  unit = '[Service]\nType=oneshot\nExecStart=/opt/gate\n'
): Recorded {
  const state = (name: string, path: string, more: readonly string[]) =>
    [
      `Id=${name}`,
      `Names=${name}${name === 'multi-user.target' ? ' default.target' : ''}`,
      'LoadState=loaded',
      'ActiveState=active',
      `FragmentPath=${path}`,
      ...more,
      ''
    ].join('\n')
  const properties =
    'Id,Names,LoadState,ActiveState,SubState,Result,Type,RemainAfterExit,NeedDaemonReload,TimeoutStartUSec,FragmentPath,DropInPaths,InactiveExitTimestamp,ActiveEnterTimestamp,InactiveEnterTimestamp,ExecMainStartTimestamp,NRestarts,After,Before,Requires,Wants,BindsTo,Requisite'
  const texts = Object.entries(scripts).flatMap(([path, text]) => [
    [`sed -n -e '1{/^#!/!q;}' -e p -- ${path}`, { stdout: text.startsWith('#!') ? text : '' }] as const,
    [`head -c 131073 -- ${path}`, { stdout: text }] as const
  ])
  return {
    [`systemctl show --all --timestamp=us+utc -p ${properties} -- '*'`]: {
      stdout: [
        state('gate.service', '/etc/systemd/system/gate.service', []),
        state('multi-user.target', '/lib/systemd/system/multi-user.target', [
          'Wants=gate.service',
          'After=gate.service'
        ])
      ].join('\n')
    },
    "systemctl cat -- '*.service'": { stdout: `# /etc/systemd/system/gate.service\n${unit}` },
    ...Object.fromEntries(texts)
  }
}

async function rehearsed(
  recorded: Recorded,
  fault?: RehearsalFacts['fault']
): Promise<{
  readonly value: BootRehearsal
  readonly shown: BootRehearsal
  readonly inputs: RehearsalFacts[]
}> {
  const inputs: RehearsalFacts[] = []
  const adapters: Adapters = closedAdapters({
    open: async () => recordedSession(recorded),
    rehearse: async input => {
      const facts: RehearsalFacts = JSON.parse(input)
      inputs.push(facts)
      return { ok: true, stdout: JSON.stringify(await rehearseHere(facts)) }
    }
  })
  const source = fault === undefined ? bootRehearsal : rehearsalWith(fault)
  const gathered = await gather([{ host: 'prod', sources: [source] }], adapters)
  const fact = unseal(gathered.sealed('prod', source))
  const shown = gathered.fact('prod', source)
  if (!fact.seen || !shown.seen) throw new Error(fact.seen ? '' : fact.why)
  return { value: fact.value as BootRehearsal, shown: shown.value as BootRehearsal, inputs }
}

describe('a rehearsal of a host', () => {
  it('is made of units, their files and what is known of the host', async () => {
    const { value, inputs } = await rehearsed(answers({ '/opt/gate': '#!/bin/sh\nsleep 5\n' }))
    expect(inputs).toHaveLength(1)
    expect(inputs[0]).toMatchObject({
      units: [
        { id: 'gate.service', load: 'loaded', files: [{ path: '/etc/systemd/system/gate.service' }] },
        { names: ['default.target', 'multi-user.target'], relations: { wants: ['gate.service'] }, files: [] }
      ],
      files: { '/opt/gate': { kind: 'text', text: '#!/bin/sh\nsleep 5\n' } },
      host: { addresses: ['127.0.0.1', '::1'] }
    })
    expect((inputs[0]?.host.bootAt ?? 1) % 86_400).toBe(0)
    // Docker, addresses and sockets were not recorded: the rehearsal goes without, and says so.
    expect(value.unseen.length).toBeGreaterThan(0)
    expect(value.answer).toMatchObject({
      boot: { units: expect.arrayContaining([expect.objectContaining({ unit: 'gate.service' })]) }
    })
    const document = {
      host: 'prod',
      rehearsal: value.answer,
      stats: { connections: 1, execs: 1, reads: 9, ms: 5 }
    }
    expect(rehearseDocument.safeParse(document).success).toBe(true)
  })

  it('reads what its programs ask for, in further rounds', async () => {
    const { value, inputs } = await rehearsed(
      answers({
        '/opt/gate': '#!/bin/sh\nname="$(echo name)"\n[ -e "/opt/etc/$name" ] && [ -e /opt/etc/second ]\n',
        '/opt/etc/name': 'x\n',
        '/opt/etc/second': 'x\n'
      })
    )
    expect(inputs.length).toBeGreaterThan(2)
    expect(inputs.at(-1)?.files).toMatchObject({
      '/opt/etc/name': { kind: 'text' },
      '/opt/etc/second': { kind: 'text' }
    })
    expect(value.files.map(({ path }) => path)).toEqual(['/opt/etc/name', '/opt/etc/second'])
  })

  it('never reads what is named like a secret', async () => {
    const { inputs, value } = await rehearsed(
      answers({
        '/opt/gate': '#!/bin/sh\n[ -e /opt/etc/token.key ] || exit 1\n',
        '/opt/etc/token.key': 'hunter2\n'
      })
    )
    expect(inputs.at(-1)?.files['/opt/etc/token.key']).toMatchObject({ kind: 'unseen' })
    expect(value.files).toMatchObject([{ path: '/opt/etc/token.key', text: null }])
    expect(JSON.stringify(value)).not.toContain('hunter2')
  })

  it('of a host whose units are all of the distribution starts no process', async () => {
    const recorded = answers({})
    const [show = ''] = Object.keys(recorded)
    const plain = Object.fromEntries(
      Object.entries(recorded).map(([command, answer]) => [
        command,
        command === show && 'stdout' in answer
          ? { stdout: (answer.stdout ?? '').replace('/etc/systemd/system/gate', '/lib/systemd/system/gate') }
          : answer
      ])
    )
    const { value, inputs } = await rehearsed(plain)
    expect(inputs).toEqual([])
    expect(value).toEqual({ answer: null, files: [], unseen: [] })
  })

  it('takes a fault along', async () => {
    const { inputs } = await rehearsed(answers({ '/opt/gate': '#!/bin/sh\ntrue\n' }), {
      without: ['gate.service']
    })
    expect(inputs[0]?.fault).toEqual({ without: ['gate.service'] })
  })

  it('shows no secret that a program puts together, and rehearses no second time to hide it', async () => {
    const { shown, inputs } = await rehearsed(
      answers({
        '/opt/gate':
          '#!/bin/sh\na=ghp_16C7e42F292c6912; b=E7710c838347Ae178B4a\ncurl -H "Authorization: Bearer $a$b" https://x.example.test/\n'
      })
    )
    expect(inputs).toHaveLength(1)
    expect(JSON.stringify(shown)).not.toContain('ghp_16C7e42F292c6912E7710c838347Ae178B4a')
  })
})

it('a timeline is a line for each happening', () => {
  const lines = timelineLines({
    timeline: [
      { at: 0, kind: 'unit', unit: 'a.service', state: 'starting' },
      {
        at: 130_000,
        kind: 'asked',
        unit: 'a.service',
        place: { path: '/opt/a', line: 3 },
        argv: ['curl', '-H', 'Host: x', 'http://x/'],
        target: { kind: 'port', key: 'x:80', host: 'x', port: 80 },
        answer: 'refused',
        by: null,
        times: 3,
        last: 140_000
      }
    ]
  })
  expect(lines).toEqual([
    '     0.0 s  a.service starts',
    "2 min 10 s  a.service runs curl -H 'Host: x' http://x/ (/opt/a:3): refused, 3 times until 2 min 20 s"
  ])
  expect(clock(1_500)).toBe('1.5 s')
})
