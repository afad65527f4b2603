import { z } from 'zod'
import { blockOrNull } from '../src/base/cidr.ts'
import { anyGlobMatches } from '../src/base/glob.ts'
import { isoMicros } from '../src/base/instant.ts'
import { defineProbe, type Finding } from '../src/judge/probe.ts'
import type { HostClock } from '../src/observe/fact.ts'
import { addressesOn, fillings } from '../src/observe/addresses.ts'
import { hostClock } from '../src/observe/sources/clock.ts'
import { dockerEngine } from '../src/observe/sources/docker-host.ts'
import { type DockerNetwork, dockerNetworks } from '../src/observe/sources/docker-networks.ts'
import { swarmServices } from '../src/observe/sources/docker-services.ts'
import { swarmTasks } from '../src/observe/sources/docker-tasks.ts'
import { type JournalSearch, journalSearch } from '../src/observe/sources/journal.ts'
import { isAfter, type Moment, moment, momentParam } from '../src/observe/sources/moment.ts'

const params = z.strictObject({
  networks: z.array(z.string().min(1)).min(1).optional().describe('globs; default: every overlay network'),
  growth: z
    .int()
    .nonnegative()
    .optional()
    .describe('services still to come, each with a virtual address and one for its task'),
  free: z.int().min(1).max(99).optional().describe('percent that should be free; default 20'),
  since: momentParam
    .optional()
    .describe('since when the journal of the engine may not say that it found no address')
})

const unit = 'docker.service'
const signature = 'could not find an available IP'

/** How long a task may wait for an address, in microseconds. */
const patience = 60_000_000

export const addressExhaustion = defineProbe({
  id: 'address-exhaustion',
  asserts: 'Every overlay network has addresses left for what is to come',
  because:
    'When the addresses of a network are used up, new tasks wait in the state `new` without a word why: only the journal of the engine says that it finds no address.',
  remedy: 'Make the network again with a larger subnet, or move services to networks of their own.',
  params,
  hunts: { with: {}, severity: 'high' },
  needs: ({ since }) => ({
    networks: dockerNetworks,
    services: swarmServices,
    tasks: swarmTasks,
    engine: dockerEngine,
    ...(since === undefined
      ? {}
      : { since: moment(since), clock: hostClock, journal: journalSearch(unit, [signature], since) })
  }),

  judge({ networks, services, tasks, engine, ...log }, { networks: wanted, growth = 0, free: percent = 20 }) {
    if (networks.length === 0) return [{ outcome: 'unknown', why: 'docker listed no network at all' }]
    const rows = networks
      .filter(
        ({ name, driver }) => driver === 'overlay' && (wanted === undefined || anyGlobMatches(wanted, name))
      )
      .flatMap(network => {
        const held = addressesOn(network, services, tasks).map(({ address }) => address)
        return fillings(network, held).map(one => ({ network, ...one }))
      })
    if (rows.length === 0)
      return [{ outcome: 'not-applicable', why: 'there is no such overlay network with an IPv4 subnet' }]
    const shows = rows.map(({ said }) => said)
    const findings: Finding[] = []
    const wrong = (network: DockerNetwork, saw: string, expected: string) =>
      findings.push({
        outcome: 'fail',
        saw,
        expected,
        at: `network ${network.name}`,
        shows,
        filing: {
          subject: network.name,
          title: `network ${network.name} runs out of addresses`,
          severity: 'high',
          story: [
            `${saw}.`,
            'Once none is left, tasks of new and updated services wait for ever, in the state `new`.'
          ],
          mend: 'Make the network again with a larger subnet: docker cannot change that of an existing one.'
        }
      })
    for (const { network, said: text, free, room } of rows) {
      const need = Math.max(Math.ceil((room * percent) / 100), 2 * growth)
      const stuck = tasks.filter(
        ({ state, service, createdMicros }) =>
          state === 'new' &&
          engine.nowMicros - (createdMicros ?? engine.nowMicros) > patience &&
          services.some(({ id, networks }) => id === service && networks.includes(network.id))
      )
      if (stuck.length > 0)
        wrong(network, `${text}; ${stuck.length} tasks wait for an address`, 'an address for every task')
      else if (free < need) wrong(network, text, `at least ${need} free`)
    }
    const journal = said(log)
    if (journal !== null && journal.outcome !== 'pass') findings.push(journal)
    const [first, ...rest] = findings
    if (first !== undefined) return [first, ...rest]
    const silent = journal?.outcome === 'pass' ? `; ${journal.saw}` : ''
    const saw = `${rows.length} overlay networks have at least ${percent} % of their addresses free${silent}`
    return [{ outcome: 'pass', saw, shows }]
  },

  falsify(facts, { networks: wanted }) {
    const full = facts.networks.find(
      ({ name, driver, subnets }) =>
        driver === 'overlay' &&
        subnets.some(({ subnet }) => blockOrNull(subnet)?.family === 4) &&
        (wanted === undefined || anyGlobMatches(wanted, name))
    )
    if (full === undefined) return []
    const used = { ...full, free: full.subnets.map(({ subnet }) => ({ subnet, free: 0 })) }
    return [{ ...facts, networks: facts.networks.map(one => (one === full ? used : one)) }]
  }
})

interface Log {
  readonly journal?: JournalSearch
  readonly since?: Moment
  readonly clock?: HostClock
}

/** What the engine said of it in its journal; null where nobody asked. */
function said({ journal, since, clock }: Log): Finding | null {
  if (journal === undefined || since === undefined || clock === undefined) return null
  const orders = journal.matches.map(match => ({ ...match, ...isAfter(match.micros, since, clock) }))
  const after = orders.filter(({ order }) => order === 'after')
  if (after.length > 0) {
    const saw = `${after.length} times since ${since.said}: ${signature}`
    const shows = after.slice(0, 5).map(({ micros, message }) => `${isoMicros(micros)} ${message}`)
    return { outcome: 'fail', saw, expected: 'an address whenever one is wanted', at: unit, shows }
  }
  const close = orders.find(({ order }) => order === 'too-close')
  if (close !== undefined) return { outcome: 'unknown', why: `the engine found no address, ${close.why}` }
  const reaches = journal.reachesMicros ?? Number.MAX_SAFE_INTEGER
  if (!journal.knowsUnit || isAfter(reaches, since, clock).order !== 'before') {
    return { outcome: 'unknown', why: `the journal of ${unit} does not reach back to ${since.said}` }
  }
  return {
    outcome: 'pass',
    saw: `the engine missed none in ${journal.searched} messages since ${since.said}`
  }
}
