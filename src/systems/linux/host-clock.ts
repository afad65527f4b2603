import type { FactSource, HostClock } from '../../facts/fact.ts'
import { linuxPattern } from './reads.ts'

/** The host's clock against the reviewer's, measured on this review's own connection. */
export const hostClock: FactSource<HostClock> = {
  key: 'host-clock',
  place: 'host',
  // Not its own: how it is seen that the clock goes on as it did. See `jumpOf`.
  reads: [linuxPattern.hostTime()],
  timed: true,
  take: look => look.hostClock()
}
