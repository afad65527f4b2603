import type { FactSource, HostClock } from '../fact.ts'

/** The host's clock against the reviewer's, measured on this review's own connection. */
export const hostClock: FactSource<HostClock> = {
  key: 'host-clock',
  place: 'host',
  reads: [],
  take: look => look.hostClock()
}
