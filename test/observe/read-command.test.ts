import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  fits,
  type Pattern,
  type ReadCommand,
  readCommand,
  readPattern
} from '../../src/observe/read-command.ts'
import * as sources from '../../src/observe/sources/index.ts'

const id = 'a1b2c3d4e5f6'
const each: Readonly<Record<keyof typeof readPattern, readonly [Pattern, ReadCommand]>> = {
  dockerNetworkList: [readPattern.dockerNetworkList(), readCommand.dockerNetworkList()],
  dockerNetworks: [readPattern.dockerNetworks(), readCommand.dockerNetworks([id, `${id}${id}`])],
  dockerNetworksAgain: [readPattern.dockerNetworksAgain(), readCommand.dockerNetworksAgain([id])],
  dockerContainers: [readPattern.dockerContainers(), readCommand.dockerContainers()],
  dockerServiceList: [readPattern.dockerServiceList(), readCommand.dockerServiceList()],
  dockerServices: [readPattern.dockerServices(), readCommand.dockerServices([id])],
  dockerServiceTasks: [readPattern.dockerServiceTasks(), readCommand.dockerServiceTasks([id, id])],
  dockerTasks: [readPattern.dockerTasks(), readCommand.dockerTasks([id])],
  dockerNodes: [readPattern.dockerNodes(), readCommand.dockerNodes()],
  dockerNodeDetails: [readPattern.dockerNodeDetails(), readCommand.dockerNodeDetails([id])],
  dockerInfo: [readPattern.dockerInfo(), readCommand.dockerInfo()],
  engineStart: [readPattern.engineStart(), readCommand.engineStart()],
  hostTime: [readPattern.hostTime(), readCommand.hostTime()],
  diskBytes: [readPattern.diskBytes(), readCommand.diskBytes()],
  diskInodes: [readPattern.diskInodes(), readCommand.diskInodes()],
  folderBytes: [readPattern.folderBytes(), readCommand.folderBytes('/data/docker')],
  folderInodes: [readPattern.folderInodes(), readCommand.folderInodes('/data/docker')],
  listenerOwners: [readPattern.listenerOwners(), readCommand.listenerOwners()],
  mounts: [readPattern.mounts(), readCommand.mounts()],
  listeners: [readPattern.listeners(), readCommand.listeners()],
  sshConnection: [readPattern.sshConnection(), readCommand.sshConnection()],
  ipAddresses: [readPattern.ipAddresses(), readCommand.ipAddresses()],
  ipRoutes: [readPattern.ipRoutes(6), readCommand.ipRoutes(6)],
  unitStates: [readPattern.unitStates(['a.service'], ['Id']), readCommand.unitStates(['a.service'], ['Id'])],
  unitTexts: [readPattern.unitTexts(['a.service']), readCommand.unitTexts(['a.service'])],
  scriptText: [readPattern.scriptText(), readCommand.scriptText('/nix/store/x-start/bin/start')],
  fileText: [readPattern.fileText(), readCommand.fileText('/opt/a b/run.py')],
  changeTimes: [
    readPattern.changeTimes(),
    readCommand.changeTimes(['/etc/systemd/system/a.service', '/srv/b'])
  ],
  linkTimes: [readPattern.linkTimes(), readCommand.linkTimes(['/etc/systemd/system/a.service'])],
  processes: [readPattern.processes(), readCommand.processes([1, 4_711])],
  nixosVersion: [readPattern.nixosVersion(), readCommand.nixosVersion()],
  nixosSwitch: [readPattern.nixosSwitch(), readCommand.nixosSwitch()],
  nixosKernels: [readPattern.nixosKernels(), readCommand.nixosKernels()],
  journalFiles: [readPattern.journalFiles(), readCommand.journalFiles()],
  journal: [readPattern.journal('a.service'), readCommand.journal('a.service', 1781328782)],
  journalOwn: [readPattern.journalOwn('a.service'), readCommand.journalOwn('a.service')],
  journalSample: [readPattern.journalSample('a.service'), readCommand.journalSample('a.service')],
  journalDrops: [readPattern.journalDrops(), readCommand.journalDrops(0)]
}

describe.each(Object.entries(each))('%s', (name, [pattern, { argv }]) => {
  it('fits its own pattern, and no other command does', () => {
    expect(fits(pattern, argv)).toBe(true)
    for (const [other, [, command]] of Object.entries(each)) {
      if (other !== name) expect([other, fits(pattern, command.argv)]).toEqual([other, false])
    }
    for (const [index, word] of argv.entries()) {
      const changed = (to: readonly string[]) =>
        fits(pattern, [...argv.slice(0, index), ...to, ...argv.slice(index + 1)])
      expect([word, changed([`${word}\n`])]).toEqual([word, false])
      expect([word, changed([`-${word}`])]).toEqual([word, false])
      expect([word, changed([''])]).toEqual([word, false])
    }
  })
})

describe('a blank takes', () => {
  const short = 'a1b2c3d4e5f'
  it.each([
    ['an id of 12', [id], true],
    ['an id of 64', ['0'.repeat(64)], true],
    ['two', [id, id], true],
    ['none', [], false],
    ['an id of 11', [short], false],
    ['an id of 65', ['0'.repeat(65)], false],
    ['capitals', [id.toUpperCase()], false],
    ['an option after ids', [id, '--format={{.}}'], false],
    ['a name', ['traefik_app-12345'], false],
    ['a line break', [`${id}\n${id}`], false]
  ] as const)('ids: %s is %s', (_, words, allowed) => {
    expect(fits(readPattern.dockerServices(), ['docker', 'service', 'inspect', '--', ...words])).toBe(allowed)
    if (!allowed) expect(() => readCommand.dockerServices(words)).toThrow(RangeError)
  })

  it.each([
    ['/nix/store/x/bin/start', true],
    ['/opt/../etc/passwd', false],
    ['/etc/shadow', false],
    ['relative', false],
    ['/opt//twice', false],
    ['/opt/app/.env', false]
  ])('a path: %s is %s', (path, allowed) => {
    expect(fits(readPattern.fileText(), ['head', '-c', '131073', '--', path])).toBe(allowed)
    if (!allowed) expect(() => readCommand.fileText(path)).toThrow(RangeError)
  })

  it.each<[words: readonly string[], allowed: boolean]>([
    [['/opt/a'], true],
    [['/opt/a', '/opt/b c'], true],
    [[], false],
    [['/opt/a', '/etc/shadow'], false],
    [['/opt/a', '-L'], false],
    [['/opt/a', '/opt/b\n1 /opt/c'], false]
  ])('paths: %j is %s', (words, allowed) => {
    expect(fits(readPattern.changeTimes(), ['stat', '-L', '-c', '%Y %n', '--', ...words])).toBe(allowed)
    if (!allowed) expect(() => readCommand.changeTimes(words)).toThrow(RangeError)
  })

  it('seconds: digits and nothing else', () => {
    fc.assert(
      fc.property(fc.string(), text => {
        const argv = readCommand
          .journal('a.service', 0)
          .argv.map(word => (word === '--since=@0' ? `--since=@${text}` : word))
        expect(fits(readPattern.journal('a.service'), argv)).toBe(
          /^\d{1,12}$/.test(text) && !text.includes('\n')
        )
      })
    )
    expect(() => readCommand.journal('a.service', 0.5)).toThrow(RangeError)
  })
})

it('every source of the library that asks a host declares what it asks', () => {
  const made = [
    ...Object.values(sources).filter(source => typeof source === 'object'),
    sources.journalSearch('a.service', [], { network: 'proxy' }),
    sources.moment({ network: 'proxy' }),
    sources.moment({ unit: 'a' }),
    sources.unitPrograms('a'),
    sources.unitState('a')
  ]
  expect(made.length).toBeGreaterThan(10)
  for (const { key, place, reads } of made)
    if (place === 'host') expect([key, reads]).toEqual([key, expect.any(Array)])
})
