import * as z from 'zod'
import { defineProbe } from '../src/probe/probe.ts'
import { hostClock } from '../src/systems/linux/host-clock.ts'

export const clockSkew = defineProbe({
  id: 'clock-skew',
  asserts: "The host's clock agrees with the reviewer's",
  because:
    'Certificates, tokens and the order of events depend on the clock; a host with a wrong clock rejects valid ones.',
  remedy:
    'Run `timedatectl timesync-status` on the host: check that a time server is configured and reachable.',
  fails: ['the clocks differ by more than `max` seconds, network delay excluded'],
  params: z.strictObject({ max: z.number().positive().max(86_400).default(5).describe('seconds') }),
  hunts: { with: { max: 5 }, severity: 'medium' },

  needs: () => ({ clock: hostClock }),

  judge({ clock: { skewMs, uncertaintyMs } }, { max }) {
    const off = Math.abs(skewMs)
    const saw = `the host's clock is ${seconds(off)} ${skewMs < 0 ? 'behind' : 'ahead of'} the reviewer's, ±${seconds(uncertaintyMs)}`
    if (off + uncertaintyMs <= max * 1000) return [{ outcome: 'pass', saw, shows: [saw] }]
    if (off - uncertaintyMs <= max * 1000) {
      return [
        { outcome: 'unknown', why: `${saw}; the measurement is too uncertain to compare it with ${max} s` }
      ]
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
          title: "The host's clock is wrong",
          severity: 'medium',
          story: [
            `${saw.replace('the host', 'The host')}.`,
            'Timestamps in its logs and certificates cannot be ordered against those of other machines, and the certificates, tokens and leases that it checks are validated at the wrong time.'
          ],
          remedy: 'Configure a time server that the host can reach, then check `timedatectl timesync-status`.'
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
