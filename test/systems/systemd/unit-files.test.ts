import { describe, expect, it } from 'vitest'
import type { FactSource } from '../../../src/facts/fact.ts'
import { gather } from '../../../src/facts/gather.ts'
import { mainPrograms, nixos, unitFileTimes } from '../../../src/systems/systemd/unit-files.ts'
import { typed } from '../../../src/facts/read-command.ts'
import { systemdPattern } from '../../../src/systems/systemd/reads.ts'
import { stateReads } from '../../../src/systems/systemd/units.ts'
import { closedAdapters, type Recorded, recordedSession } from '../../support/doors.ts'

async function taken(source: FactSource<unknown>, recorded: Recorded) {
  const session = recordedSession(recorded)
  const gathered = await gather(
    [{ host: 'h', sources: [source] }],
    closedAdapters({ open: async () => session })
  )
  return { fact: gathered.fact('h', source), rounds: session.rounds.map(round => round.length) }
}

const words = (pattern: readonly unknown[]) =>
  typed({ argv: pattern.filter(word => typeof word === 'string') })
const states = words(stateReads(['*']))
const mains = words(systemdPattern.unitStates(['*.service'], ['Id', 'MainPID']))
const ps = 'ps -ww -o pid=,args= -p '

const state = (name: string, { type = 'simple', active = 'active', folder = '/etc/systemd/system' } = {}) =>
  `Id=${name}\nNames=${name}\nLoadState=loaded\nActiveState=${active}\nType=${type}\nFragmentPath=${folder}/${name}\n`
const main = (name: string, pid: number) => `Id=${name}\nMainPID=${pid}\n`

describe('main programs', () => {
  it('are of services that run on and are not the distribution’s, and their paths alone', async () => {
    const { fact, rounds } = await taken(mainPrograms, {
      [states]: {
        stdout: [
          state('b.service'),
          state('a.service'),
          state('once.service', { type: 'oneshot' }),
          state('down.service', { active: 'inactive' }),
          state('ssh.service', { folder: '/usr/lib/systemd/system' }),
          state('x.timer')
        ].join('\n')
      },
      [mains]: {
        stdout: ['b', 'a', 'once', 'down', 'ssh', 'none']
          .map((name, index) => main(`${name}.service`, name === 'none' ? 0 : 100 + index))
          .join('\n')
      },
      [`${ps}100,101`]: {
        stdout:
          '    100 nginx: master process /nix/store/n-nginx/bin/nginx -c /etc/n.conf\n' +
          '    101 /opt/a --key=hunter2 --home=/srv/a plain\n'
      }
    })
    expect(rounds).toEqual([1, 1, 1])
    expect(fact).toMatchObject({
      seen: true,
      value: [
        { unit: 'a.service', paths: ['/opt/a', '/srv/a'] },
        { unit: 'b.service', paths: ['/nix/store/n-nginx/bin/nginx', '/etc/n.conf'] }
      ]
    })
  })

  it('leave out one that ended meanwhile', async () => {
    const { fact } = await taken(mainPrograms, {
      [states]: { stdout: state('a.service') },
      [mains]: { stdout: main('a.service', 7) },
      [`${ps}7`]: { exit: 1 }
    })
    expect(fact).toMatchObject({ seen: true, value: [] })
  })

  it('ask for no process where there is none', async () => {
    const { fact, rounds } = await taken(mainPrograms, {
      [states]: { stdout: state('a.service') },
      [mains]: { stdout: main('a.service', 0) }
    })
    expect([fact.seen, rounds]).toEqual([true, [1, 1]])
  })

  it('ask no service for its process where none is of interest', async () => {
    const { fact, rounds } = await taken(mainPrograms, {
      [states]: {
        stdout: [
          state('once.service', { type: 'oneshot' }),
          state('down.service', { active: 'inactive' }),
          state('ssh.service', { folder: '/usr/lib/systemd/system' })
        ].join('\n')
      }
    })
    expect([fact, rounds]).toMatchObject([{ seen: true, value: [] }, [1]])
  })

  it('are unseen where ps is not there', async () => {
    const { fact } = await taken(mainPrograms, {
      [states]: { stdout: state('a.service') },
      [mains]: { stdout: main('a.service', 7) },
      [`${ps}7`]: { why: 'ps: not found' }
    })
    expect(fact).toMatchObject({ seen: false })
  })
})

describe('times of unit files', () => {
  const cat = 'systemctl cat -- *.service'.replace('*.service', "'*.service'")
  const text = (name: string) => `# /etc/systemd/system/${name}.service\n[Service]\nExecStart=/opt/${name}\n`
  const recorded = (followed: string, links: string, stderr = '') => ({
    [states]: { stdout: [state('a.service'), state('b.service'), state('c.service')].join('\n') },
    [cat]: { stdout: [text('a'), text('b'), text('c')].join('\n') },
    ["stat -L -c '%Y %n' -- /etc/systemd/system/a.service /etc/systemd/system/b.service /etc/systemd/system/c.service /opt/a /opt/b /opt/c"]:
      { stdout: followed, stderr, exit: 1 },
    ["stat -c '%Y %n' -- /etc/systemd/system/a.service /etc/systemd/system/b.service /etc/systemd/system/c.service"]:
      { stdout: links }
  })
  const unit = (name: string) => `/etc/systemd/system/${name}.service`

  it('of a link the younger one, its own or that of what it leads to; nothing of what is not there', async () => {
    const { fact, rounds } = await taken(
      unitFileTimes,
      recorded(`10 ${unit('a')}\n20 ${unit('b')}\n7 /opt/a\n8 /opt/b\n`, `30 ${unit('a')}\n5 ${unit('b')}\n`)
    )
    expect(rounds).toEqual([2, 2])
    expect(fact).toMatchObject({
      seen: true,
      value: { [unit('a')]: 30, [unit('b')]: 20, [unit('c')]: null, '/opt/a': 7, '/opt/b': 8 }
    })
  })

  it('of a link to what may not be seen are not known by the link alone', async () => {
    const { fact } = await taken(
      unitFileTimes,
      recorded('', `30 ${unit('a')}\n`, `stat: cannot statx '${unit('a')}': Permission denied\n`)
    )
    expect(fact.seen && (fact.value as Record<string, unknown>)[unit('a')]).toBe(null)
  })

  it.each([
    ["stat: cannot statx '/opt/c': No such file or directory\n", undefined],
    ["stat: can't stat '/opt/c': No such file or directory\n", undefined],
    ["stat: cannot statx '/opt/c': Permission denied\n", null],
    ["stat: cannot statx '/opt/c/d': No such file or directory\n", null],
    ["stat: cannot statx '/opt/c': Not a directory\n", undefined],
    ['', null]
  ])('what has no line is gone only where stat says so: %j', async (stderr, seconds) => {
    const { fact } = await taken(unitFileTimes, recorded('7 /opt/a\n', '', stderr))
    expect(fact.seen && (fact.value as Record<string, unknown>)['/opt/c']).toBe(seconds)
  })

  it.each(['10 /etc/passwd\n', `x ${'/opt/a'}\n`, '10\n', '99999999999999 /opt/a\n'])(
    'are unseen where the host says something else: %j',
    async said => {
      const { fact } = await taken(unitFileTimes, recorded(said, ''))
      expect(fact).toMatchObject({ seen: false })
    }
  )
})

it.each<[switched: Recorded[string], seconds: number | null]>([
  [{ stdout: '1781000000\n' }, 1_781_000_000],
  [{ exit: 1, stderr: 'stat: no such file\n' }, null]
])('tells when the system was switched (%j)', async (switched, switchedSeconds) => {
  const { fact } = await taken(nixos, {
    'nixos-version --json': { stdout: '{"configurationRevision":null}' },
    'readlink -f -- /run/booted-system/kernel /run/current-system/kernel': { stdout: '/k\n/k\n' },
    'stat -c %Y -- /run/current-system': switched
  })
  expect(fact).toMatchObject({
    seen: true,
    value: { revision: null, bootedKernel: '/k', currentKernel: '/k', switchedSeconds }
  })
})
