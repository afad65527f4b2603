import * as z from 'zod'
import { counted } from '../src/lib/text/counted.ts'
import { anyGlobMatches, globMatches, textLike } from '../src/lib/text/glob.ts'
import { defineProbe, type Finding } from '../src/probe/probe.ts'
import { type DockerNetwork, dockerNetworks } from '../src/systems/docker/networks.ts'
import { swarmServices } from '../src/systems/swarm/services.ts'
import { swarmTasks } from '../src/systems/swarm/tasks.ts'
import { attachedTo } from '../src/systems/swarm/attached.ts'

/** Names of docker hold no white space: with it (YAML's `|` ends with a line break) one that is forbidden would never be found. */
const globs = z.array(z.string().regex(/^\S+$/, 'expected a glob without white space')).min(1)
const params = z.strictObject({
  network: z.string().min(1).describe('name of the docker network'),
  includes: globs.optional().describe('each glob must match a service or container on it'),
  excludes: globs.optional().describe('no service or container on it may match one of these globs')
})

export const networkServices = defineProbe({
  id: 'network-services',
  asserts: 'Only the expected services are attached to the network',
  because:
    'Recreating a network disconnects every service on it, and a forgotten service does not get attached again.',
  remedy:
    'Compare the list with the stacks: attach the missing services, and detach those that do not belong there.',
  fails: [
    'an expected service is not on the network, or runs no task there',
    'an excluded service is on the network',
    'the network does not exist'
  ],
  example: { network: 'proxy', includes: ['shop_*'] },
  params,
  needs: () => ({ networks: dockerNetworks, services: swarmServices, tasks: swarmTasks }),

  judge({ networks, services, tasks }, { network, includes = [], excludes = [] }) {
    const [found, twin] = networks.filter(({ name }) => name === network)
    const at = `network ${network}`
    if (found === undefined) {
      if (networks.length === 0) return [{ outcome: 'unknown', why: 'docker listed no networks' }]
      return [{ outcome: 'fail', saw: `network ${network} does not exist`, expected: 'it to exist', at }]
    }
    if (twin !== undefined) {
      return [
        { outcome: 'unknown', why: `several networks are named ${network}, so the check cannot choose one` }
      ]
    }
    const attached = attachedTo(found, services, tasks)
    const names = attached.map(({ name }) => name)
    const shows = attached.map(({ name, addresses }) => [name, ...addresses].join(' '))
    const findings: Finding[] = []
    for (const glob of includes) {
      const named = attached.filter(({ name }) => globMatches(glob, name))
      if (named.some(({ state }) => state === 'there')) continue
      const [coming] = named.filter(({ state }) => state === 'coming')
      if (coming !== undefined) {
        const why = `${coming.name} has no running task on ${network} yet; one is starting`
        findings.push({ outcome: 'unknown', why, settlesWithinMs: 60_000, shows })
        continue
      }
      const [idle] = named.filter(({ state }) => state === 'idle')
      const saw =
        idle === undefined
          ? `nothing matching ${glob} is attached`
          : `${idle.name} has no running task on ${network}`
      findings.push({ outcome: 'fail', saw, expected: 'it to be attached', at, shows })
    }
    for (const name of names) {
      if (!anyGlobMatches(excludes, name)) continue
      findings.push({
        outcome: 'fail',
        saw: `${name} is attached`,
        expected: 'it not to be attached',
        at,
        shows
      })
    }
    const [first, ...rest] = findings
    if (first !== undefined) return [first, ...rest]
    if (names.length > 0) {
      return [
        {
          outcome: 'pass',
          saw: `${counted(names.length, 'service or container', 'services and containers')} on ${network}: ${names.join(', ')}`,
          shows
        }
      ]
    }
    // With services elsewhere the lists are shown to work; without any, nothing was looked at.
    if (excludes.length > 0 && services.length > 0) {
      return [{ outcome: 'pass', saw: `none of ${services.length} services is on ${network}`, shows }]
    }
    return [{ outcome: 'not-applicable', why: `nothing is attached to ${network}` }]
  },

  falsify(facts, { network, includes = [], excludes = [] }) {
    const change = (networks: readonly DockerNetwork[], services = facts.services) => ({
      ...facts,
      networks,
      services
    })
    const others = facts.networks.filter(({ name }) => name !== network)
    const found = facts.networks.filter(({ name }) => name === network)
    const gone = others.length === 0 ? [] : [change(others)]
    const empty = found.map(one => ({ ...one, endpoints: [] }))
    const stray = excludes.map(glob => ({ id: 'stray', name: textLike(glob), ipv4: null, ipv6: null }))
    return [
      ...gone,
      ...(includes.length === 0 ? [] : [change([...others, ...empty], [])]),
      ...(excludes.length === 0
        ? []
        : [change([...others, ...found.map(one => ({ ...one, endpoints: [...one.endpoints, ...stray] }))])])
    ]
  }
})
