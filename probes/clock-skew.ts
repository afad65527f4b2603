import * as z from 'zod'
import { defineProbe } from '../src/probe/probe.ts'
import { hostClock } from '../src/systems/linux/host-clock.ts'

export const clockSkew = defineProbe({
  id: 'clock-skew',
  asserts: "The host's clock agrees with the reviewer's",
  because:
    'Certificates, tokens and every judgement of what came first rest on the clock; a host far off rejects good ones.',
  remedy:
    'See `timedatectl timesync-status` on the host: is a time server configured, and can it be reached?',
  fails: ['the clocks are further apart than that, whatever the way there may have added'],
  params: z.strictObject({ max: z.number().positive().max(86_400).default(5).describe('seconds') }),
  hunts: { with: { max: 5 }, severity: 'medium' },

  needs: () => ({ clock: hostClock }),

  judge({ clock: { skewMs, uncertaintyMs } }, { max }) {
    const off = Math.abs(skewMs)
    const saw = `a clock ${seconds(off)} ${skewMs < 0 ? 'behind' : 'ahead of'} ours, ±${seconds(uncertaintyMs)}`
    if (off + uncertaintyMs <= max * 1000) return [{ outcome: 'pass', saw, shows: [saw] }]
    if (off - uncertaintyMs <= max * 1000) {
      return [{ outcome: 'unknown', why: `${saw}: too uncertain to tell whether that is over ${max} s` }]
    }
    return [
      {
        outcome: 'fail',
        saw,
        expected: `at most ${max} s`,
        at: 'the clock of the host',
        shows: [saw],
        filing: {
          subject: 'clock',
          title: "The host's clock is off",
          severity: 'medium',
          story: [
            `The host has ${saw}.`,
            'What it writes into logs, certificates and timestamps cannot be put in order with other machines, and what it checks against its clock (certificates, tokens, leases) is judged at the wrong time.'
          ],
          mend: 'Configure a time server that the host can reach, and see `timedatectl timesync-status`.'
        }
      }
    ]
  },

  falsify: ({ clock }, { max }) => [
    { clock: { ...clock, skewMs: max * 1000 + clock.uncertaintyMs + 1 } },
    { clock: { ...clock, skewMs: -(max * 1000 + clock.uncertaintyMs + 1) } }
  ]
})

function seconds(ms: number): string {
  return ms < 1000 ? `${Number(ms.toFixed(1))} ms` : `${Number((ms / 1000).toFixed(1))} s`
}
