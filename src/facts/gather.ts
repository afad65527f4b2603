import { messageOf } from '../lib/errors.ts'
import type { Adapters } from './adapter.ts'
import { type Cited, contextOf } from './context.ts'
import { type Entry, shownEntry } from './evidence.ts'
import { type Evidence, type Fact, type FactContext, type FactSource, Unseen } from './fact.ts'
import { mapStrings } from '../lib/secrets/veil.ts'
import {
  type Received,
  nothingReceived,
  readKey,
  repeated,
  routeKey,
  shownAnswers,
  searchKey,
  shownChanges,
  shownRead,
  shownRehearsal,
  shownRoute
} from './received.ts'
import { type HostReader, hostReader } from './host-reader.ts'
import { seal, type Sealed } from './sealed.ts'

/** What one check needs to be observed, on which host. */
export interface Wanted {
  readonly host: string
  readonly sources: readonly FactSource<unknown>[]
}

export interface Gathered {
  /**
   * The fact of a source, as seen from a host, as it may be shown: what the source makes of the same answers with the
   * secrets hidden. Throws if the source was not among those wanted.
   */
  fact(host: string, source: FactSource<unknown>): Fact<unknown>
  /** The same as it was read, for judging alone; of a source `asRecorded`, as it may be shown. */
  sealed(host: string, source: FactSource<unknown>): Sealed<Unnumbered>
  /** Every read as it may be shown, numbered in the order in which the wanted facts cite them. */
  readonly evidence: readonly Evidence[]
}

/**
 * Takes each wanted fact once and keeps its value or the reason why there is none. All sources start at
 * once; what they ask of one host before any answer is back travels together as one round.
 *
 * @param first the number of the first read, for attempts that continue an evidence list.
 * @param seen is called with each fact as it was read, by its name, as soon as it is there. It may yet turn out that
 * there is none: where a host's clock has jumped.
 */
export async function gather(
  wanted: readonly Wanted[],
  adapters: Adapters,
  first = 1,
  seen: (name: string, fact: Sealed<Unnumbered>) => void = () => undefined
): Promise<Gathered> {
  const hosts = new Map<string, HostReader>()
  const taken = new Map<string, Taken>()

  for (const { host, sources } of wanted) {
    for (const source of sources) {
      const name = factName(host, source)
      if (taken.has(name)) continue
      const cited: Cited = []
      const received = nothingReceived()
      const reader = hosts.get(host) ?? hostReader(host, adapters)
      hosts.set(host, reader)
      const fact = take(source, contextOf(host, source, reader, adapters, cited, received)).then(value => ({
        value,
        sealed: seal(value)
      }))
      taken.set(name, { source, fact, cited, received, host, timed: source.timed === true })
      void fact.then(({ sealed }) => seen(name, sealed))
    }
  }

  const jumps = jumpsOf(taken, adapters)
  const numbers = new Map<Entry, number>()
  const entries: Entry[] = []
  const facts = new Map<string, Gotten>()
  for (const [name, { fact, cited }] of taken) {
    const outcome = await fact
    const cites: number[] = []
    for (const entry of await Promise.all(cited)) {
      let n = numbers.get(entry)
      if (n === undefined) {
        n = first + entries.length
        numbers.set(entry, n)
        entries.push(entry)
      }
      if (!cites.includes(n)) cites.push(n)
    }
    facts.set(name, { ...outcome, evidence: cites })
  }
  for (const [name, { host, timed }] of taken) {
    const fact = facts.get(name)
    const why = timed ? await jumps.get(host) : null
    if (typeof why === 'string' && fact?.value.seen === true) {
      const value = { seen: false, why } as const
      facts.set(name, { value, sealed: seal(value), evidence: fact.evidence })
    }
  }

  // Only now is all read that may tell of a secret.
  const { veil } = adapters
  const shown = new Map<string, Fact<unknown>>()
  for (const [name, one] of taken) {
    const fact = facts.get(name)
    if (fact === undefined) continue
    const { value, evidence } = fact
    const repeat = await again(one, value, adapters)
    // A parser's complaint quotes what it did not understand.
    const published = repeat.seen && !value.seen ? value : repeat
    shown.set(name, published.seen ? { ...published, evidence } : { ...veil.sentences(published), evidence })
  }

  const found = <T>(facts: ReadonlyMap<string, T>, host: string, source: FactSource<unknown>): T => {
    const fact = facts.get(factName(host, source))
    if (fact === undefined) throw new Error(`${source.key} was not gathered`)
    return fact
  }
  return {
    evidence: entries.map((entry, index) => ({ n: first + index, ...shownEntry(entry, veil) })),
    fact: (host, source) => found(shown, host, source),
    sealed(host, source) {
      const { value, sealed } = found(facts, host, source)
      if (source.recorded !== true) return sealed
      const fact = found(shown, host, source)
      if (fact.seen === value.seen && (!fact.seen || !value.seen || fact.value === value.value)) return sealed
      return seal(fact.seen ? { seen: true, value: fact.value } : { seen: false, why: fact.why })
    }
  }
}

/**
 * What the source makes of the same answers with the secrets hidden. The value itself where nothing is hidden in them,
 * so that nothing need be parsed twice.
 */
async function again(
  { source, host, received }: Taken,
  value: Unnumbered,
  adapters: Adapters
): Promise<Unnumbered> {
  const { veil } = adapters
  const reads = await shownAnswers(received.reads, answer => shownRead(answer, veil))
  const routes = await shownAnswers(received.routes, answer => shownRoute(answer, veil))
  const files = await shownAnswers(received.files, text => (text === null ? null : veil.shown(text)))
  const changes = await shownAnswers(received.changes, changed => shownChanges(changed, veil))
  const paths = await shownAnswers(received.changedPaths, found => mapStrings(found, veil.shown))
  const searches = await shownAnswers(received.searches, found => mapStrings(found, veil.shown))
  const rehearsals = await shownAnswers(received.rehearsals, answer => shownRehearsal(answer, veil))
  if (![reads, routes, files, changes, paths, searches, rehearsals].some(({ altered }) => altered))
    return value
  let rehearsed = 0
  return take(source, {
    host,
    read: command => repeated(reads.answers, readKey(command)),
    fetch: request => repeated(routes.answers, routeKey(request)),
    home: path => repeated(received.homes, path),
    repo: {
      ...adapters.repo,
      file: path => repeated(files.answers, path),
      changes: from => repeated(changes.answers, from),
      changedPaths: from => repeated(paths.answers, from),
      search: query => repeated(searches.answers, searchKey(query))
    },
    record: adapters.record,
    hostClock: () => repeated(received.clocks, host),
    rehearse: () => repeated(rehearsals.answers, String(rehearsed++))
  })
}

/** A fact with its reads, before it is published. */
interface Gotten {
  readonly value: Unnumbered
  readonly sealed: Sealed<Unnumbered>
  readonly evidence: readonly number[]
}

interface Taken {
  readonly source: FactSource<unknown>
  readonly fact: Promise<Pick<Gotten, 'value' | 'sealed'>>
  readonly cited: Cited
  readonly received: Received
  readonly host: string
  /** Nothing is known by it where the host's clock has jumped. */
  readonly timed: boolean
}

/**
 * For each host whose time is told by a fact: why it tells none, its clock having jumped. It is looked at once more as
 * soon as all that is asked of this host is read, whatever is still read elsewhere: what the clock does later changes
 * nothing of that. All, because what tells a time need not be what tells how far that is to be believed.
 */
function jumpsOf(
  taken: ReadonlyMap<string, Taken>,
  adapters: Adapters
): ReadonlyMap<string, Promise<string | null>> {
  const byHost = new Map<string, Taken[]>()
  for (const one of taken.values()) {
    const all = byHost.get(one.host) ?? []
    all.push(one)
    byHost.set(one.host, all)
  }
  const jumpOf = async (host: string, all: readonly Taken[]) => {
    const outcomes = await Promise.all(
      all.map(async ({ fact, timed }) => ({ timed, seen: (await fact).value.seen }))
    )
    if (!outcomes.some(({ timed, seen }) => timed && seen)) return null
    return adapters
      .jumped(host)
      .catch(
        error => `it is unknown whether the host's clock jumped: ${adapters.veil.line(messageOf(error))}`
      )
  }
  return new Map([...byHost].map(([host, all]) => [host, jumpOf(host, all)]))
}

/** A fact before its reads have numbers. */
export type Unnumbered =
  | { readonly seen: true; readonly value: unknown }
  | { readonly seen: false; readonly why: string }

/** The source's key, and the host's name for facts of a host. */
export function factName(host: string, source: FactSource<unknown>): string {
  return source.place === 'host' ? `${source.key} @ ${host}` : source.key
}

async function take(source: FactSource<unknown>, at: FactContext): Promise<Unnumbered> {
  try {
    return { seen: true, value: await source.take(at) }
  } catch (error) {
    const why = messageOf(error)
    // A parser that did not understand what it was given has seen nothing either.
    return {
      seen: false,
      why: error instanceof Unseen ? why : `output not understood (${source.key}): ${why}`
    }
  }
}
