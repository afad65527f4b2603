import * as z from 'zod'
import { isoMicros, parseIso } from '../../lib/instant.ts'
import { type FactSource, type HostClock, type FactContext, Unseen } from '../../facts/fact.ts'
import { swarmHidden } from '../docker/engine.ts'
import { dockerNetworkList } from '../docker/networks.ts'
import { lastActivation, unitName, unitState } from '../systemd/units.ts'

const milestone = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._]{0,63}$/, 'expected a milestone such as M1')
const network = z.string().regex(/^[A-Za-z0-9][\w.-]{0,254}$/, "expected a docker network's name")
// systemctl would take `*` and `[` for a glob.
const unit = z.string().regex(/^[A-Za-z0-9][\w.:@\\-]{0,254}$/, "expected a systemd unit's name")

/** A time as a plan writes it: see CONTRACT §10. */
export const momentParam = z.union(
  [
    z.string().refine(isIso, 'expected an ISO 8601 time with its zone, such as 2026-06-13T05:33:00Z'),
    z.strictObject({ review: milestone }),
    z.strictObject({ claim: milestone }),
    z.strictObject({ network }),
    z.strictObject({ unit })
  ],
  { error: 'expected an ISO time, { review: M1 }, { claim: M1 }, { network: name } or { unit: name }' }
)

export type MomentRef = z.infer<typeof momentParam>

export interface Moment {
  /** Microseconds since 1970, on the clock named below. */
  readonly micros: number
  /** The moment lies between `micros` and this much later: git keeps whole seconds. Microseconds. */
  readonly spanMicros: number
  /** For a sentence: `the review of M1 at 2026-06-13T05:33:10Z`. */
  readonly said: string
  /** Whose clock it comes from. A claim's time may be the builder's own. */
  readonly clock: 'host' | 'reviewer' | 'builder' | 'absolute'
}

/** The milestone whose review a fact's time is taken from, read from the fact's key; null: of none. */
export function reviewAskedFor(key: string): string | null {
  return /^moment \{"review":"([^"\\]+)"\}$/.exec(key)?.[1] ?? null
}

/** When that was. Unseen for a milestone without a review or claim, and for what the host does not have. */
export function moment(ref: MomentRef): FactSource<Moment> {
  const key = `moment ${JSON.stringify(ref)}`
  if (typeof ref === 'string') {
    return { key, place: 'record', take: async () => at(parseIso(ref), 'absolute', '') }
  }
  if ('review' in ref) {
    const { review } = ref
    return {
      key,
      place: 'record',
      take: async look => {
        const time = await look.record.reviewTime(review)
        if (time === null) throw new Unseen(`${review} has no signed PASS to take the time from`)
        return at(parseIso(time), 'reviewer', `the review of ${review} at `, wholeSeconds)
      }
    }
  }
  if ('claim' in ref) {
    const { claim } = ref
    return {
      key,
      place: 'record',
      take: async look => {
        const time = await look.record.claimTime(claim)
        if (time === null) throw new Unseen(`${claim} was never claimed, so its claim has no time`)
        return at(parseIso(time), 'builder', `the claim of ${claim} at `, wholeSeconds)
      }
    }
  }
  if ('network' in ref) {
    const { network } = ref
    const reads = dockerNetworkList.reads ?? []
    return { key, place: 'host', reads, take: look => networkCreation(look, network) }
  }
  const unit = unitName(ref.unit)
  const reads = unitState(unit).reads ?? []
  return { key: `moment {"unit":"${unit}"}`, place: 'host', reads, take: look => unitActivation(look, unit) }
}

const wholeSeconds = 999_999

function at(micros: number, clock: Moment['clock'], before: string, spanMicros = 0): Moment {
  return { micros, spanMicros, clock, said: `${before}${isoMicros(micros)}` }
}

async function networkCreation(look: FactContext, network: string): Promise<Moment> {
  const named = (await dockerNetworkList.take(look)).filter(listed => listed.name === network)
  const [only, second] = named
  if (only === undefined) throw new Unseen(`docker lists no network \`${network}\``)
  if (second !== undefined) {
    throw new Unseen(
      `docker lists ${named.length} networks named \`${network}\`, so the check cannot choose one`
    )
  }
  // On a worker that is when the network came to this node, with the first task that it ran on it.
  const hidden = only.scope === 'swarm' ? await swarmHidden(look) : null
  if (hidden !== null) throw new Unseen(`when network ${network} was created: ${hidden}`)
  if (only.createdMicros === null)
    throw new Unseen(`docker does not report when network ${network} was created`)
  return at(only.createdMicros, 'host', `the creation of network ${network} at `)
}

async function unitActivation(look: FactContext, unit: string): Promise<Moment> {
  const state = await unitState(unit).take(look)
  // systemd answers for units that do not exist, too.
  if (state.load !== 'loaded') throw new Unseen(`systemd has no loaded unit ${unit} (${state.load})`)
  const activation = lastActivation(state)
  if (activation === null) throw new Unseen(`${unit} has not been activated since the host booted`)
  const word = activation.word === 'activated' ? 'activation' : 'start'
  return at(activation.micros, 'host', `the ${word} of ${unit} at `)
}

function isIso(text: string): boolean {
  try {
    return parseIso(text) > 0
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

export interface Order {
  readonly order: 'after' | 'before' | 'too-close'
  /** One clause for a sentence: how far apart, and what the clocks say of it. */
  readonly why: string
}

/** What happened later than the host's own now, by more than a look may take: its clock was set back since. */
const futureLimitMs = 120_000

/** Beyond this skew nobody knows whether the clock stood where it stands now when the thing happened. */
const skewLimitMs = 60_000

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

/** The earliest time on the host's clock that the moment may have had: where a search of the host's log begins. */
export function earliestOnHost(moment: Moment, clock: HostClock): number {
  if (moment.clock === 'host') return moment.micros
  const skew = Math.round(clock.skewMs * 1000)
  const shift = Math.abs(clock.skewMs) > skewLimitMs ? Math.min(0, skew) : skew
  return moment.micros + shift - Math.ceil(clock.uncertaintyMs * 1000)
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
