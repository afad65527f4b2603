import { expect, it } from 'vitest'
import { kernelSetting } from '../../probes/kernel-setting.ts'
import { outcomeOf } from '../../src/probe/run.ts'

const forward = kernelSetting.bind({ name: 'net.ipv4.ip_forward', is: 1 })
const range = kernelSetting.bind({ name: 'net.ipv4.ip_local_port_range', is: '32768 \t60999' })

it.each<[name: string, probe: typeof forward, value: string, outcome: string]>([
  ['the value', forward, '1', 'pass'],
  ['another value', forward, '0', 'fail'],
  ['the value and more', forward, '1 1', 'fail'],
  ['the value as a part', forward, '10', 'fail'],
  ['no value', forward, '', 'unknown'],
  ['two words, other blanks', range, '32768 60999', 'pass'],
  ['two words, one of them another', range, '32768 60998', 'fail']
])('%s', (_, probe, value, outcome) => {
  expect(outcomeOf(probe.judge({ value }))).toBe(outcome)
})

it('says which setting has which value', () => {
  expect(forward.judge({ value: '0' })).toEqual([
    {
      outcome: 'fail',
      saw: 'net.ipv4.ip_forward = 0',
      expected: '1',
      at: 'kernel setting net.ipv4.ip_forward',
      shows: ['net.ipv4.ip_forward = 0']
    }
  ])
})

it.each(['net', '-w', 'net.ipv4.ip forward', 'kernel.x=1', '../etc/passwd', 'net..ip'])(
  'takes no name like %s',
  name => {
    expect(kernelSetting.params.safeParse({ name, is: 1 }).success).toBe(false)
  }
)
