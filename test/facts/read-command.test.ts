import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fits, type Pattern, type ReadCommand } from '../../src/facts/read-command.ts'
import { dockerPattern, dockerRead } from '../../src/systems/docker/reads.ts'
import { journalPattern, journalRead } from '../../src/systems/journal/reads.ts'
import { linuxPattern, linuxRead } from '../../src/systems/linux/reads.ts'
import { nixosPattern, nixosRead } from '../../src/systems/nixos/reads.ts'
import { swarmPattern, swarmRead } from '../../src/systems/swarm/reads.ts'
import { systemdPattern, systemdRead } from '../../src/systems/systemd/reads.ts'
import * as sources from '../../src/systems/index.ts'

const id = 'a1b2c3d4e5f6'
const patterns = {
  ...dockerPattern,
  ...swarmPattern,
  ...linuxPattern,
  ...systemdPattern,
  ...nixosPattern,
  ...journalPattern
}
const each: Readonly<Record<keyof typeof patterns, readonly [Pattern, ReadCommand]>> = {
  dockerNetworkList: [dockerPattern.dockerNetworkList(), dockerRead.dockerNetworkList()],
  dockerNetworks: [dockerPattern.dockerNetworks(), dockerRead.dockerNetworks([id, `${id}${id}`])],
  dockerNetworksAgain: [dockerPattern.dockerNetworksAgain(), dockerRead.dockerNetworksAgain([id])],
  dockerContainers: [dockerPattern.dockerContainers(), dockerRead.dockerContainers()],
  dockerServiceList: [swarmPattern.dockerServiceList(), swarmRead.dockerServiceList()],
  dockerServices: [swarmPattern.dockerServices(), swarmRead.dockerServices([id])],
  dockerServiceTasks: [swarmPattern.dockerServiceTasks(), swarmRead.dockerServiceTasks([id, id])],
  dockerTasks: [swarmPattern.dockerTasks(), swarmRead.dockerTasks([id])],
  dockerNodes: [swarmPattern.dockerNodes(), swarmRead.dockerNodes()],
  dockerNodeDetails: [swarmPattern.dockerNodeDetails(), swarmRead.dockerNodeDetails([id])],
  dockerInfo: [dockerPattern.dockerInfo(), dockerRead.dockerInfo()],
  engineStart: [dockerPattern.engineStart(), dockerRead.engineStart()],
  hostTime: [linuxPattern.hostTime(), linuxRead.hostTime()],
  diskBytes: [linuxPattern.diskBytes(), linuxRead.diskBytes()],
  diskInodes: [linuxPattern.diskInodes(), linuxRead.diskInodes()],
  folderBytes: [linuxPattern.folderBytes(), linuxRead.folderBytes('/data/docker')],
  folderInodes: [linuxPattern.folderInodes(), linuxRead.folderInodes('/data/docker')],
  listenerOwners: [linuxPattern.listenerOwners(), linuxRead.listenerOwners()],
  mounts: [linuxPattern.mounts(), linuxRead.mounts()],
  kernelSetting: [
    linuxPattern.kernelSetting('net/ipv4/ip_forward'),
    linuxRead.kernelSetting('net/ipv4/ip_forward')
  ],
  listeners: [linuxPattern.listeners(), linuxRead.listeners()],
  sshConnection: [linuxPattern.sshConnection(), linuxRead.sshConnection()],
  ipAddresses: [linuxPattern.ipAddresses(), linuxRead.ipAddresses()],
  ipRoutes: [linuxPattern.ipRoutes(6), linuxRead.ipRoutes(6)],
  unitStates: [
    systemdPattern.unitStates(['a.service'], ['Id']),
    systemdRead.unitStates(['a.service'], ['Id'])
  ],
  unitTexts: [systemdPattern.unitTexts(['a.service']), systemdRead.unitTexts(['a.service'])],
  scriptText: [linuxPattern.scriptText(), linuxRead.scriptText('/nix/store/x-start/bin/start')],
  fileText: [linuxPattern.fileText(), linuxRead.fileText('/opt/a b/run.py')],
  changeTimes: [
    linuxPattern.changeTimes(),
    linuxRead.changeTimes(['/etc/systemd/system/a.service', '/srv/b'])
  ],
  linkTimes: [linuxPattern.linkTimes(), linuxRead.linkTimes(['/etc/systemd/system/a.service'])],
  processes: [linuxPattern.processes(), linuxRead.processes([1, 4_711])],
  nixosVersion: [nixosPattern.nixosVersion(), nixosRead.nixosVersion()],
  nixosSwitch: [nixosPattern.nixosSwitch(), nixosRead.nixosSwitch()],
  nixosKernels: [nixosPattern.nixosKernels(), nixosRead.nixosKernels()],
  journalFiles: [journalPattern.journalFiles(), journalRead.journalFiles()],
  journal: [journalPattern.journal('a.service'), journalRead.journal('a.service', 1781328782)],
  journalOwn: [journalPattern.journalOwn('a.service'), journalRead.journalOwn('a.service')],
  journalSample: [journalPattern.journalSample('a.service'), journalRead.journalSample('a.service')],
  journalDrops: [journalPattern.journalDrops(), journalRead.journalDrops(0)]
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
    expect(fits(swarmPattern.dockerServices(), ['docker', 'service', 'inspect', '--', ...words])).toBe(
      allowed
    )
    if (!allowed) expect(() => swarmRead.dockerServices(words)).toThrow(RangeError)
  })

  it.each([
    ['/nix/store/x/bin/start', true],
    ['/opt/../etc/passwd', false],
    ['/etc/shadow', false],
    ['relative', false],
    ['/opt//twice', false],
    ['/opt/app/.env', false]
  ])('a path: %s is %s', (path, allowed) => {
    expect(fits(linuxPattern.fileText(), ['head', '-c', '131073', '--', path])).toBe(allowed)
    if (!allowed) expect(() => linuxRead.fileText(path)).toThrow(RangeError)
  })

  it.each<[words: readonly string[], allowed: boolean]>([
    [['/opt/a'], true],
    [['/opt/a', '/opt/b c'], true],
    [[], false],
    [['/opt/a', '/etc/shadow'], false],
    [['/opt/a', '-L'], false],
    [['/opt/a', '/opt/b\n1 /opt/c'], false]
  ])('paths: %j is %s', (words, allowed) => {
    expect(fits(linuxPattern.changeTimes(), ['stat', '-L', '-c', '%Y %n', '--', ...words])).toBe(allowed)
    if (!allowed) expect(() => linuxRead.changeTimes(words)).toThrow(RangeError)
  })

  it('seconds: digits and nothing else', () => {
    fc.assert(
      fc.property(fc.string(), text => {
        const argv = journalRead
          .journal('a.service', 0)
          .argv.map(word => (word === '--since=@0' ? `--since=@${text}` : word))
        expect(fits(journalPattern.journal('a.service'), argv)).toBe(
          /^\d{1,12}$/.test(text) && !text.includes('\n')
        )
      })
    )
    expect(() => journalRead.journal('a.service', 0.5)).toThrow(RangeError)
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
