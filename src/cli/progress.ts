import { oneLine } from '../lib/text/clean.ts'
import { tick } from '../os/clock.ts'
import type { Progress } from '../review/context/adapters.ts'
import type { Io } from './io.ts'

/** A read that has taken this long is named while it is waited for, in milliseconds. */
const slowMs = 1_000
/** More places than this are counted instead of named. */
const mostNamed = 3

interface Place {
  state: 'connecting' | 'connected' | 'unseen'
  asked: number
  answered: number
}

/**
 * Shows what is being read from where. On a terminal: how many reads of each place are answered, and which
 * one is being waited for; elsewhere a line when a host is dialled, read, or cannot be seen.
 */
export function progressOf(io: Pick<Io, 'progress'>): Progress {
  const says = { connecting: 'connecting to', connected: 'reading', unseen: 'cannot see' } as const
  const places = new Map<string, Place>()
  const open = new Map<symbol, { readonly place: string; readonly what: string; readonly since: number }>()
  const live = () => progressLine(places, [...open.values()], tick())
  let said = ''

  return {
    host(name, state) {
      const place = placeOf(places, name)
      place.state = state
      said = `${says[state]} ${name}`
      io.progress(said, live)
    },
    read(name, what) {
      const place = placeOf(places, name)
      const key = Symbol(what)
      place.asked += 1
      open.set(key, { place: name, what, since: tick() })
      // Routes have no connection of their own that would be told of.
      if (said === '') {
        said = `reading ${name}`
        io.progress(said, live)
      }
      return () => {
        if (open.delete(key)) place.answered += 1
      }
    }
  }
}

function placeOf(places: Map<string, Place>, name: string): Place {
  const place = places.get(name) ?? { state: 'connected', asked: 0, answered: 0 }
  places.set(name, place)
  return place
}

/** The line of a terminal. */
export function progressLine(
  places: ReadonlyMap<string, Readonly<Place>>,
  open: readonly { readonly place: string; readonly what: string; readonly since: number }[],
  now: number
): string {
  const [slowest] = [...open].sort((a, b) => a.since - b.since)
  const waiting =
    slowest === undefined || now - slowest.since < slowMs
      ? []
      : [`${((now - slowest.since) / 1000).toFixed(1)} s ${slowest.place} $ ${oneLine(slowest.what, 60)}`]
  const all = [...places]
  if (all.length <= mostNamed)
    return [...all.map(([name, place]) => sayPlace(name, place)), ...waiting].join(' · ')
  const sum = (count: (place: Readonly<Place>) => number) =>
    all.reduce((total, [, place]) => total + count(place), 0)
  const unseen = sum(({ state }) => Number(state === 'unseen'))
  const connecting = sum(({ state }) => Number(state === 'connecting'))
  return [
    `${all.length} places, ${sum(place => place.answered)} of ${sum(place => place.asked)} reads`,
    ...(connecting === 0 ? [] : [`connecting to ${connecting}`]),
    ...(unseen === 0 ? [] : [`cannot see ${unseen}`]),
    ...waiting
  ].join(' · ')
}

function sayPlace(name: string, { state, asked, answered }: Readonly<Place>): string {
  if (state === 'unseen') return `cannot see ${name}`
  return state === 'connecting' ? `connecting to ${name}` : `${name} ${answered} of ${asked}`
}
