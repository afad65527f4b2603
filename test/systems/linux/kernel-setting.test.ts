import { expect, it } from 'vitest'
import { gather } from '../../../src/facts/gather.ts'
import { openLocal } from '../../../src/ssh/local.ts'
import { kernelSetting, kernelSettingParam } from '../../../src/systems/linux/kernel-setting.ts'
import { closedAdapters, type Recorded, recordedSession } from '../../support/doors.ts'

async function seen(name: string, answers: Recorded) {
  const source = kernelSetting(name)
  const adapters = closedAdapters({ open: async () => recordedSession(answers) })
  return (await gather([{ host: 'h', sources: [source] }], adapters)).fact('h', source)
}

it.each<[name: string, file: string]>([
  ['net.ipv4.ip_forward', 'net/ipv4/ip_forward'],
  // As sysctl has it: the dot of a VLAN's name is a slash.
  ['net.ipv4.conf.eth0/10.forwarding', 'net/ipv4/conf/eth0.10/forwarding']
])('%s is asked of %s', async (name, file) => {
  expect(await seen(name, { [`cat -- /proc/sys/${file}`]: { stdout: '1\n' } })).toMatchObject({
    seen: true,
    value: '1'
  })
})

it('words stand apart by one blank, as the kernel writes tabs', async () => {
  const answers = { 'cat -- /proc/sys/net/ipv4/ip_local_port_range': { stdout: '32768\t60999\n' } }
  expect(await seen('net.ipv4.ip_local_port_range', answers)).toMatchObject({ value: '32768 60999' })
})

it('a name that the kernel does not have is not seen', async () => {
  const stderr = 'cat: /proc/sys/net/ipv4/no_such: No such file or directory\n'
  const answers = { 'cat -- /proc/sys/net/ipv4/no_such': { exit: 1, stderr } }
  expect(await seen('net.ipv4.no_such', answers)).toMatchObject({ seen: false })
})

it('a real kernel says what it is', async () => {
  const here = { name: 'h', ssh: 'localhost', transport: 'local', timeoutMs: 30_000 } as const
  const source = kernelSetting('kernel.ostype')
  const adapters = closedAdapters({ open: () => openLocal(here, { signal: new AbortController().signal }) })
  expect((await gather([{ host: 'h', sources: [source] }], adapters)).fact('h', source)).toMatchObject({
    seen: true,
    value: 'Linux'
  })
})

it.each([
  'net',
  'net..ip',
  'net./.x',
  'net.//.x',
  '../etc.passwd',
  '/etc/passwd',
  '-n.x',
  'net.ip v4',
  'a.b\n'
])('%j is no name', name => {
  expect(kernelSettingParam.safeParse(name).success).toBe(false)
})
