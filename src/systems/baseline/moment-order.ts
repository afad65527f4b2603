import type { HostClock } from '../../facts/fact.ts'
import { type Moment, skewLimitMs } from './moment.ts'

export interface Order {
  readonly order: 'after' | 'before' | 'too-close'
  /** One clause for a sentence: how far apart, and what the clocks say of it. */
  readonly why: string
}

/** What happened later than the host's own now, by more than a look may take: its clock was set back since. */
const futureLimitMs = 120_000

/**
 * Whether something that the host timed came after a moment.
 *
 * Two times of the host's own clock are compared as they are. A moment of another clock is moved by the
 * measured skew, and what falls within the measurement's uncertainty (and the moment's own span) is
 * `too-close`: unknown, not pass and not fail. Where the skew is over a minute, the order counts only if it
 * is the same with and without the correction. A time in the host's own future was told by a clock that stood
 * wrong, as one that is kept in local time does until it is set at boot: it comes after and before nothing.
 *
 * @param hostMicros microseconds since 1970 on the host's clock.
 */
export function isAfter(hostMicros: number, moment: Moment, clock: HostClock): Order {
  const ahead = Math.max(hostMicros, moment.clock === 'host' ? moment.micros : 0) - clock.hostMicros
  if (ahead > futureLimitMs * 1000) {
    const why = `cannot be ordered against ${moment.said}: a time of the host is ${seconds(ahead)} in its own future, so its clock was set back since`
    return { order: 'too-close', why }
  }
  if (moment.clock === 'host') {
    const order = compare(hostMicros, moment.micros, moment.micros + moment.spanMicros)
    return { order, why: apart(hostMicros - moment.micros, moment, order) }
  }
  const skew = Math.round(clock.skewMs * 1000)
  const uncertainty = Math.ceil(clock.uncertaintyMs * 1000)
  const order = between(skew)
  const note = `the host's clock is ${seconds(skew)} ${skew < 0 ? 'behind' : 'ahead of'} the reviewer's, ±${seconds(uncertainty)}`
  const builders = moment.clock === 'builder' ? "; the claim's time may be the builder's own clock" : ''
  if (Math.abs(clock.skewMs) > skewLimitMs && between(0) !== order) {
    return { order: 'too-close', why: `${note}: too far off to compare with ${moment.said}` }
  }
  return {
    order,
    why: `${apart(hostMicros - skew - moment.micros, moment, order)} (${note}${builders})`
  }

  function between(shift: number): Order['order'] {
    const early = moment.micros + shift - uncertainty
    return compare(hostMicros, early, moment.micros + shift + moment.spanMicros + uncertainty)
  }
}

function compare(micros: number, earliest: number, latest: number): Order['order'] {
  if (micros > latest) return 'after'
  return micros < earliest ? 'before' : 'too-close'
}

function apart(micros: number, { said }: Moment, order: Order['order']): string {
  if (order === 'too-close') return `too close to ${said} to determine which came first`
  return `${seconds(micros)} ${order} ${said}`
}

function seconds(micros: number): string {
  const ms = Math.abs(micros) / 1000
  if (ms < 1000) return `${Number(ms.toFixed(3))} ms`
  if (ms < 600_000) return `${Number((ms / 1000).toFixed(3))} s`
  return ms < 36_000_000 ? `${Math.round(ms / 60_000)} min` : `${Number((ms / 3_600_000).toFixed(1))} h`
}
