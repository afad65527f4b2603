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

/** Beyond this skew it is unknown how the clock stood when the thing happened. Milliseconds. */
export const skewLimitMs = 60_000

/** The earliest time on the host's clock that the moment may have had: where a search of the host's log begins. */
export function earliestOnHost(moment: Moment, clock: HostClock): number {
  if (moment.clock === 'host') return moment.micros
  const skew = Math.round(clock.skewMs * 1000)
  const shift = Math.abs(clock.skewMs) > skewLimitMs ? Math.min(0, skew) : skew
  return moment.micros + shift - Math.ceil(clock.uncertaintyMs * 1000)
}
