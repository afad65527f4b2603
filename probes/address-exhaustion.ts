import { counted } from '../src/lib/text/counted.ts'
import * as z from 'zod'
import { blockOrNull } from '../src/lib/cidr.ts'
import { anyGlobMatches } from '../src/lib/text/glob.ts'
import { defineProbe, type Finding } from '../src/probe/probe.ts'
import { addressesOn, fillings } from '../src/systems/swarm/address-use.ts'
import type { HostClock } from '../src/facts/fact.ts'
import { silence } from '../src/systems/journal/silence.ts'
import { hostClock } from '../src/systems/linux/host-clock.ts'
import { endpointOwners } from '../src/systems/docker/endpoints.ts'
import { dockerEngine } from '../src/systems/docker/engine.ts'
import { swarmNodes } from '../src/systems/swarm/nodes.ts'
import { type DockerNetwork, dockerNetworks } from '../src/systems/docker/networks.ts'
import { swarmServices } from '../src/systems/swarm/services.ts'
import { swarmTasks } from '../src/systems/swarm/tasks.ts'
import { type JournalSearch, journalSearch } from '../src/systems/journal/journal.ts'
import { type Moment, moment, momentParam } from '../src/systems/baseline/moment.ts'
import { waitsForAddress } from '../src/systems/swarm/service-health.ts'

const params = z.strictObject({
  networks: z.array(z.string().min(1)).min(1).optional().describe('globs; default: every overlay network'),
  growth: z
    .int()
    .nonnegative()
    .optional()
    .describe('number of services to be added, each with a virtual address and one for its task'),
  free: z.int().min(1).max(99).optional().describe('percent of the addresses that must be free; default 20'),
  since: momentParam
    .optional()
    .describe('since this time the journal of the engine must not report a missing address')
})

const unit = 'docker.service'
const signature = 'could not find an available IP'

export const addressExhaustion = defineProbe({
  id: 'address-exhaustion',
  asserts: 'Every overlay network has enough free addresses',
  because:
    'When a network has no free address, new tasks stay in the state `new` without an error: only the journal of the engine reports it.',
  remedy: 'Recreate the network with a larger subnet, or move services to separate networks.',
  fails: [
    'fewer addresses are free than `free` or `growth` requires',
    'a task waits longer than a minute for an address',
    'the engine reported since that time that it found no free address'
  ],
  params,
  hunts: { with: {}, severity: 'high' },
  needs: ({ since }) => ({
    networks: dockerNetworks,
    services: swarmServices,
    tasks: swarmTasks,
    engine: dockerEngine,
    nodes: swarmNodes,
    owners: endpointOwners,
    ...(since === undefined
      ? {}
      : {
          since: moment(since),
          clock: hostClock,
          journal: journalSearch(unit, [signature], since, { own: true })
        })
  }),

  judge(facts, { networks: wanted, growth = 0, free: percent = 20 }) {
    const { networks, services, tasks, engine, nodes, owners } = facts
    if (networks.length === 0) return [{ outcome: 'unknown', why: 'docker listed no networks' }]
    const rows = networks.filter(isWanted(wanted)).flatMap(network => {
      const held = addressesOn(network, services, tasks)
      return fillings(network, held, owners.loose, nodes.length < 2).map(one => ({ network, ...one }))
    })
    if (rows.length === 0) return [{ outcome: 'not-applicable', why: 'no such network has an IPv4 subnet' }]
    const shows = rows.flatMap(({ said, leaked }) => [said, ...leaked.map(line => `  ${line}`)])
    const findings: Finding[] = rows.flatMap(({ network, said, free, room, leaked }) => {
      const share = Math.ceil((room * percent) / 100)
      const need = Math.max(share, 2 * growth)
      const stuck = tasks.filter(task => waitsForAddress(task, network, services, engine.nowMicros))
      const wait = `${said}; ${counted(stuck.length, 'task waits', 'tasks wait')} for an address`
      if (stuck.length > 0) return [full(network, wait, 'an address for every task', shows, leaked)]
      const why = need > share ? `, for ${counted(growth, 'service')} to be added` : ''
      return free < need ? [full(network, said, `at least ${need} free${why}`, shows, leaked)] : []
    })
    const journal = inJournal(facts)
    if (journal !== null && journal.outcome !== 'pass') findings.push(journal)
    const [first, ...rest] = findings
    if (first !== undefined) return [first, ...rest]
    const silent = journal?.outcome === 'pass' ? `; ${journal.saw}` : ''
    const which = wanted === undefined ? 'overlay network' : 'network'
    const saw = `${counted(rows.length, which)} checked, each with at least ${percent} % of its addresses free${silent}`
    return [{ outcome: 'pass', saw, shows }]
  },

  falsify(facts, { networks: wanted }) {
    const full = facts.networks
      .filter(isWanted(wanted))
      .find(({ subnets }) => subnets.some(({ subnet }) => blockOrNull(subnet)?.family === 4))
    if (full === undefined) return []
    const used = { ...full, free: full.subnets.map(({ subnet }) => ({ subnet, free: 0 })) }
    return [{ ...facts, networks: facts.networks.map(one => (one === full ? used : one)) }]
  }
})

/** Those that are named, of whatever driver; without names every overlay network. */
function isWanted(wanted: readonly string[] | undefined): (network: DockerNetwork) => boolean {
  return ({ name, driver }) => (wanted === undefined ? driver === 'overlay' : anyGlobMatches(wanted, name))
}

function full(
  { name }: DockerNetwork,
  saw: string,
  expected: string,
  shows: readonly string[],
  leaked: readonly string[]
): Finding {
  const larger =
    'Recreate the network with a larger subnet: docker cannot change the subnet of an existing one.'
  const back = 'First release the leaked addresses: a restart of the engine frees them.'
  const story = [
    `${saw}.`,
    'When none is left, tasks of new and updated services stay in the state `new` forever.'
  ]
  const filing = {
    subject: name,
    title: `network ${name} runs out of addresses`,
    severity: 'high',
    story,
    remedy: leaked.length === 0 ? larger : `${back} ${larger}`
  } as const
  return { outcome: 'fail', saw, expected, at: `network ${name}`, shows, filing }
}

/** What the journal of the engine holds of it; null where the plan does not ask. */
function inJournal({
  journal,
  since,
  clock
}: {
  journal?: JournalSearch
  since?: Moment
  clock?: HostClock
}) {
  if (journal === undefined || since === undefined || clock === undefined) return null
  const found = silence(journal, since, clock)
  const typed = (finding: Finding) => finding
  if (found.kind === 'unknown')
    return typed({ outcome: 'unknown', why: `the journal of the engine: ${found.why}` })
  if (found.kind === 'silent')
    return typed({ outcome: 'pass', saw: `the engine reported no missing address in ${found.searched}` })
  const saw = `the engine logged "${signature}" ${found.count === 1 ? 'once' : `${found.count} times`} since ${since.said}, the first ${found.first}`
  const expected = 'an address for every request'
  return typed({ outcome: 'fail', saw, expected, at: unit, shows: found.lines })
}
