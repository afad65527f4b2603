import * as z from 'zod'
import { defineProbe } from '../src/probe/probe.ts'
import { kernelSetting as source, kernelSettingParam } from '../src/systems/linux/kernel-setting.ts'

export const kernelSetting = defineProbe({
  id: 'kernel-setting',
  asserts: 'The kernel setting has the value that the plan expects',
  because:
    'Forwarding, bridge filtering and limits are kernel settings; a file under /etc/sysctl.d says what the next boot sets, not what is in use.',
  remedy:
    'Run `sysctl -w NAME=VALUE` on the host, and put the line into a file under /etc/sysctl.d to keep it.',
  fails: ['the kernel uses another value'],
  params: z.strictObject({
    name: kernelSettingParam,
    is: z
      .union([z.string().min(1).max(200), z.number().int()])
      .transform(value => String(value).trim().split(/\s+/).join(' '))
      .describe('the expected value; words are compared without regard to the blanks between them')
  }),
  example: { name: 'net.ipv4.ip_forward', is: 1 },

  needs: ({ name }) => ({ value: source(name) }),

  judge({ value }, { name, is }) {
    if (value === '') return [{ outcome: 'unknown', why: `${name} has no value` }]
    const shows = [`${name} = ${value}`]
    if (value === is) return [{ outcome: 'pass', saw: `${name} = ${value}`, shows }]
    return [{ outcome: 'fail', saw: `${name} = ${value}`, expected: is, at: `kernel setting ${name}`, shows }]
  },

  falsify: (_, { is }) => [{ value: `${is}0` }]
})
