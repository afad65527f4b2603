import * as z from 'zod'
import { blockOrNull, equals, subnetText } from '../src/lib/cidr.ts'
import { isoMicros } from '../src/lib/instant.ts'
import { defineProbe, type Finding } from '../src/probe/probe.ts'
import { hostClock } from '../src/systems/linux/host-clock.ts'
import { dockerEngine, partOfSwarm } from '../src/systems/docker/engine.ts'
import { type DockerNetwork, dockerNetworks } from '../src/systems/docker/networks.ts'
import { moment, momentParam } from '../src/systems/baseline/moment.ts'
import { isAfter } from '../src/systems/baseline/moment-order.ts'

const params = z.strictObject({
  network: z.string().min(1).describe('name of the docker network'),
  subnet: z
    .union([subnetText, z.array(subnetText).min(1)])
    .optional()
    .describe('all subnets of the address families in this list'),
  driver: z.string().min(1).optional().describe('such as overlay'),
  attachable: z.boolean().optional(),
  createdAfter: momentParam.optional().describe('the network must have been created after this time')
})

export const networkSubnet = defineProbe({
  id: 'network-subnet',
  asserts: 'The docker network has the expected subnet, driver and age',
  because:
    'Docker cannot change the subnet of a network: only a network that was removed and recreated has a new one.',
  remedy:
    'Remove the services that use the network, remove it, create it with the expected subnet, and deploy them again.',
  fails: [
    'the subnet, the driver or the attachable flag differs',
    'it was created before that time',
    'the network does not exist, or several have its name',
    'the swarm could not allocate it'
  ],
  example: { network: 'proxy', subnet: '10.10.0.0/16', createdAfter: { review: 'M1' } },
  params,
  needs: ({ createdAfter }) => ({
    networks: dockerNetworks,
    engine: dockerEngine,
    ...(createdAfter === undefined ? {} : { after: moment(createdAfter), clock: hostClock })
  }),

  judge({ networks, engine, after, clock }, { network, subnet, driver, attachable }) {
    const named = networks.filter(({ name }) => name === network)
    const at = `network ${network}`
    const [found, second] = named
    // What such a node shows of a network of the swarm is its own part of it, with the time at which that came.
    const hidden = partOfSwarm(engine)
    if (hidden !== null && named.every(({ scope }) => scope === 'swarm'))
      return [{ outcome: 'unknown', why: hidden, shows: named.map(line) }]
    if (found === undefined) {
      const names = networks.map(({ name }) => name).join(', ')
      // Docker always has its own networks: an empty list is a question that was not answered.
      if (names === '') return [{ outcome: 'unknown', why: 'docker listed no networks' }]
      return [
        {
          outcome: 'fail',
          saw: `network ${network} does not exist (networks: ${names})`,
          expected: 'it to exist',
          at
        }
      ]
    }
    if (second !== undefined) {
      const saw = `${named.length} networks are named ${network}`
      return [{ outcome: 'fail', saw, expected: 'exactly one', at, shows: named.map(line) }]
    }

    const shows = [line(found)]
    if (isUnallocated(found)) {
      const saw = `${network} exists, but the swarm has not allocated a driver and a subnet to it`
      if (engine.nowMicros - (found.createdMicros ?? 0) < 10_000_000) {
        return [{ outcome: 'unknown', why: `${saw} yet`, settlesWithinMs: 10_000, shows }]
      }
      return [{ outcome: 'fail', saw, expected: 'an allocated network', at, shows }]
    }
    const findings: Finding[] = []
    const wrong = (saw: string, expected: string) =>
      findings.push({ outcome: 'fail', saw, expected, at, shows })

    const wanted = subnet === undefined ? [] : [subnet].flat()
    if (wanted.length > 0 && !sameSubnets(wanted, found))
      wrong(`${network} is ${subnetsOf(found)}`, wanted.join(' and '))
    if (driver !== undefined && found.driver !== driver)
      wrong(`${network} has driver ${found.driver}`, `driver ${driver}`)
    if (attachable !== undefined && found.attachable !== attachable) {
      wrong(`${network} is ${flagText(found.attachable)}`, flagText(attachable))
    }
    let age = ''
    if (after !== undefined && clock !== undefined) {
      if (found.createdMicros === null) {
        findings.push({
          outcome: 'unknown',
          why: `docker does not report when ${network} was created`,
          shows
        })
      } else {
        const { order, why } = isAfter(found.createdMicros, after, clock)
        age = `, ${why}`
        if (order === 'too-close') findings.push({ outcome: 'unknown', why, shows })
        if (order === 'before')
          wrong(`${network} was created ${when(found)}, ${why}`, `a creation after ${after.said}`)
      }
    }
    const [first, ...rest] = findings
    if (first !== undefined) return [first, ...rest]
    return [{ outcome: 'pass', saw: `${line(found)}${age}`, shows }]
  },

  falsify(facts, { network, subnet, driver, attachable, createdAfter }) {
    const change = (changed: Partial<DockerNetwork>) => ({
      ...facts,
      networks: facts.networks.map(one => (one.name === network ? { ...one, ...changed } : one))
    })
    const gone = { ...facts, networks: facts.networks.filter(({ name }) => name !== network) }

    return [
      gone,
      // Made long ago: the swarm is given a moment for a network without a subnet.
      ...(subnet === undefined ? [] : [change({ subnets: [], createdMicros: 1 })]),
      ...(driver === undefined ? [] : [change({ driver: 'null' })]),
      ...(attachable === undefined ? [] : [change({ attachable: !attachable })]),
      ...(createdAfter === undefined ? [] : [change({ createdMicros: 1 })])
    ]
  }
})

/** The swarm knows the network by name alone: tasks on it wait for ever, in the state `new`. */
function isUnallocated({ scope, driver, subnets }: DockerNetwork): boolean {
  return scope === 'swarm' && (driver === '' || (driver === 'overlay' && subnets.length === 0))
}

/** A family that the plan names must be as the plan says; of a family that it does not name it says nothing. */
function sameSubnets(wanted: readonly string[], found: DockerNetwork): boolean {
  const want = wanted.flatMap(text => blockOrNull(text) ?? [])
  const families = new Set(want.map(({ family }) => family))
  const has = found.subnets
    .flatMap(({ subnet }) => blockOrNull(subnet) ?? [])
    .filter(({ family }) => families.has(family))
  return has.length === want.length && want.every(one => has.some(other => equals(one, other)))
}

function line(network: DockerNetwork): string {
  const kind = [network.driver || 'no driver', ...(network.attachable ? ['attachable'] : [])].join(', ')
  return `${network.name}: ${subnetsOf(network)} (${kind}) created ${when(network)}`
}

function subnetsOf({ subnets }: DockerNetwork): string {
  return subnets.map(({ subnet }) => subnet).join(' and ') || 'no subnet'
}

function when({ createdMicros }: DockerNetwork): string {
  return createdMicros === null ? 'at an unknown time' : isoMicros(Math.floor(createdMicros / 1e6) * 1e6)
}

function flagText(attachable: boolean): string {
  return attachable ? 'attachable' : 'not attachable'
}
