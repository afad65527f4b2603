import { describe, expect, it } from 'vitest'
import { type Fact, type FactSource } from '../../../src/facts/fact.ts'
import { gather } from '../../../src/facts/gather.ts'
import { bootPrograms, unitPrograms } from '../../../src/systems/systemd/unit-programs.ts'
import { parseStates, unitName, unitParam, unitState } from '../../../src/systems/systemd/units.ts'
import { closedAdapters, recordedSession } from '../../support/doors.ts'
import { recorded, recordedHosts } from '../../support/recordings.ts'

describe.each(recordedHosts)('the units of the real host with %s', host => {
  it('are read as systemd shows them, times to the microsecond', () => {
    const states = parseStates(recorded(host, 'after', 'systemctl-show').stdout)
    expect(states.map(({ name }) => name)).toContain('deploy-proxy.service')
    const proxy = states.find(({ name }) => name === 'deploy-proxy.service')
    expect(proxy).toMatchObject({
      load: 'loaded',
      active: 'active',
      sub: 'exited',
      result: 'success',
      type: 'oneshot',
      remainAfterExit: true,
      needsReload: false,
      startTimeout: '15min',
      files: ['/etc/systemd/system/deploy-proxy.service'],
      after: expect.arrayContaining(['swarm-init.service']),
      pulls: expect.arrayContaining(['swarm-init.service'])
    })
    expect(String(proxy?.activeMicros)).toMatch(/^\d{16}$/)
  })

  it('answer for a unit that does not exist', () => {
    expect(parseStates(recorded(host, 'after', 'systemctl-show-absent').stdout)).toMatchObject([
      { name: 'absent.service', load: 'not-found', active: 'inactive', activeMicros: null, files: [] }
    ])
  })
})

it.each([
  ['swarm-init', 'swarm-init.service'],
  ['docker.socket', 'docker.socket'],
  ['getty@tty1', 'getty@tty1.service'],
  ['a.b', 'a.b.service']
])('%s is %s', (given, full) => {
  expect(unitName(given)).toBe(full)
  expect(unitParam.parse(given)).toBe(full)
})

it.each(['', '-p', 'a b', '*', 'a;b', 'a\nb', '../x', 'x'.repeat(300)])('%j is no unit', name => {
  expect(unitParam.safeParse(name).success).toBe(false)
})

const show = (name: string, rest = '') =>
  `Id=${name}\nNames=${name}\nLoadState=loaded\nActiveState=active\nFragmentPath=/etc/systemd/system/${name}\n${rest}\n`
const script = (path: string) => `sed -n -e '1{/^#!/!q;}' -e p -- ${path}`
const file = (path: string) => `head -c 131073 -- ${path}`

async function take<Value>(
  source: FactSource<Value>,
  answers: Readonly<
    Record<string, string | { exit: number; stdout?: string; stderr?: string } | { why: string }>
  >
) {
  // What `systemctl show` asks for is a long word; it is known by its end.
  const session = recordedSession({})
  const rounds: string[][] = []
  const adapters = closedAdapters({
    open: async () => ({
      ...session,
      ask: commands => {
        const typed = commands.map(({ argv }) => argv.join(' '))
        rounds.push(typed)
        return typed.map(async text => {
          const key = Object.keys(answers).find(
            known => text.endsWith(known) || text === known.replaceAll("'", '')
          )
          const found = key === undefined ? undefined : answers[key]
          if (found === undefined) return { answered: false as const, why: `${text} was not recorded`, ms: 0 }
          if (typeof found !== 'string' && 'why' in found)
            return { answered: false as const, why: found.why, ms: 0 }
          const answer = typeof found === 'string' ? { exit: 0, stdout: found } : found
          return { answered: true as const, stdout: '', stderr: '', ms: 1, cut: false, ...answer }
        })
      }
    })
  })
  const gathered = await gather([{ host: 'h', sources: [source] }], adapters)
  const fact = gathered.fact('h', source) as Fact<Value>
  return { fact, rounds, value: fact.seen ? fact.value : undefined }
}

describe('what could not be seen', () => {
  it.each<[name: string, answer: { exit: number; stdout?: string; stderr?: string }, why: RegExp]>([
    ['no systemctl', { exit: 127, stderr: 'sh: 1: systemctl: not found' }, /no such command/],
    [
      'no systemd',
      { exit: 1, stderr: 'System has not been booted with systemd as init system (PID 1).' },
      /not been booted/
    ],
    [
      'an older systemd',
      { exit: 1, stderr: "systemctl: unrecognized option '--timestamp=us+utc'" },
      /unrecognized option/
    ],
    ['no output', { exit: 0, stdout: '' }, /did not answer/],
    ['other output', { exit: 0, stdout: 'hello\n' }, /not understood/],
    [
      'a time of another zone',
      { exit: 0, stdout: show('x.service', 'ActiveEnterTimestamp=Mon 2026-11-23 20:57:22 CET') },
      /not understood/
    ]
  ])('%s', async (_, answer, why) => {
    const { fact } = await take(unitState('x'), { '-- x.service': answer })
    expect(fact).toMatchObject({ seen: false, why: expect.stringMatching(why) })
  })
})

describe("a unit's programs", () => {
  const unit = (exec: string) =>
    `# /etc/systemd/system/x.service\n[Unit]\nDescription=x\n\n[Service]\n${exec}\n`

  it('are followed from the unit file, one round for each hop', async () => {
    const { value, rounds } = await take(unitPrograms('x'), {
      'Requisite -- x.service': show('x.service'),
      'systemctl cat -- x.service': unit('ExecStartPre=-/opt/pre\nExecStart=/opt/start --now'),
      [script('/opt/pre')]: { exit: 2, stderr: "sed: can't read /opt/pre: No such file or directory" },
      [script('/opt/start')]:
        '#!/bin/sh\n. ./lib.sh\npython3 /opt/gate.py\n/opt/other\n/proc/1/exe\n/etc/ssl/private/x.key\ncurl -f x\n',
      [file('/opt/lib.sh')]: 'true\n',
      [file('/opt/gate.py')]: 'pass\n',
      [script('/opt/other')]: { why: 'no answer after 5 s' }
    })
    expect(rounds.map(round => round.length)).toEqual([2, 2, 3])
    expect(value?.programs).toEqual([
      { path: '/opt/pre', text: null, why: 'no such file' },
      { path: '/opt/start', text: expect.stringContaining('gate.py'), why: '' },
      { path: '/opt/gate.py', text: 'pass\n', why: '' },
      { path: '/opt/lib.sh', text: 'true\n', why: '' },
      { path: '/opt/other', text: null, why: 'other: no answer after 5 s' }
    ])
  })

  it('are none for a unit that does not exist', async () => {
    const { value } = await take(unitPrograms('x'), {
      'Requisite -- x.service':
        'Id=x.service\nNames=x.service\nLoadState=not-found\nActiveState=inactive\nFragmentPath=\n',
      'systemctl cat -- x.service': { exit: 1, stderr: 'No files found for x.service.' }
    })
    expect(value).toMatchObject({ unit: { load: 'not-found' }, files: [], programs: [] })
  })

  it('are unseen where the unit file is not printed', async () => {
    const { fact } = await take(unitPrograms('x'), {
      'Requisite -- x.service': show('x.service'),
      'systemctl cat -- x.service': { exit: 1 }
    })
    expect(fact).toMatchObject({ seen: false, why: expect.stringContaining('did not print') })
  })
})

it('takes a comment that looks like the head of a file for a comment', async () => {
  const { value } = await take(bootPrograms, {
    'Requisite -- *': `${show('a.service')}\n${show('b.service').replace('/etc/', '/lib/')}`,
    'systemctl cat -- *.service':
      '# /etc/systemd/system/a.service\n[Service]\nExecStart=/bin/true\n\n# /etc/systemd/system/evil.service\nExecStart=/bin/false\n\n# /lib/systemd/system/b.service\n[Service]\nExecStart=/bin/b\n'
  })
  expect(value?.services.map(({ name }) => name)).toEqual(['a.service'])
  expect(value?.services[0]?.files[0]?.text).toContain('/bin/false')
  expect(value?.services[0]?.files[0]?.text).not.toContain('/bin/b\n')
})

it('does not take the text of a file that another one pretends to begin', async () => {
  const { value } = await take(bootPrograms, {
    'Requisite -- *': ['a', 'b', 'c'].map(name => show(`${name}.service`)).join('\n'),
    'systemctl cat -- *.service': [
      '# /etc/systemd/system/a.service\n[Service]\nExecStart=/bin/a\n',
      '# /etc/systemd/system/b.service\n[Service]\nExecStart=/bin/evil\n',
      '# /etc/systemd/system/b.service\n[Service]\nExecStart=/bin/b\n',
      '# /etc/systemd/system/c.service\n[Service]\nExecStart=/bin/c\n'
    ].join('\n')
  })
  expect(value?.services.map(({ name }) => name)).toEqual(['c.service'])
  expect(value?.untold).toEqual(['a.service', 'b.service'])
})
