import * as z from 'zod'
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
  includes: globs.optional().describe('each of these globs is somebody on it'),
  excludes: globs.optional().describe('nobody on it is one of these globs')
})

export const networkServices = defineProbe({
  id: 'network-services',
  asserts: 'The services on the network are those that should be there, and nobody who should not',
  because:
    'Whoever is on a network loses it while it is made again, and whoever was forgotten does not come back to it.',
  remedy: 'Compare the list with the stacks: attach what is missing, and detach what has no business there.',
  fails: [
    'a service that should be on the network is not, or runs no task there',
    'one that should not is',
    'there is no such network'
  ],
  example: { network: 'proxy', includes: ['shop_*'] },
  params,
  needs: () => ({ networks: dockerNetworks, services: swarmServices, tasks: swarmTasks }),

  judge({ networks, services, tasks }, { network, includes = [], excludes = [] }) {
    const [found, twin] = networks.filter(({ name }) => name === network)
    const at = `network ${network}`
    if (found === undefined) {
      if (networks.length === 0) return [{ outcome: 'unknown', why: 'docker listed no network at all' }]
      return [{ outcome: 'fail', saw: 'no such network', expected: 'that it exists', at }]
    }
    if (twin !== undefined) {
      return [{ outcome: 'unknown', why: `there are several networks ${network}: which one is meant?` }]
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
        const why = `${coming.name} has no task on ${network} that runs, but one is being started`
        findings.push({ outcome: 'unknown', why, settlesWithinMs: 60_000, shows })
        continue
      }
      const [idle] = named.filter(({ state }) => state === 'idle')
      const saw = idle === undefined ? `nobody named ${glob}` : `${idle.name} has no task there that runs`
      findings.push({ outcome: 'fail', saw, expected: 'that it is attached', at, shows })
    }
    for (const name of names) {
      if (!anyGlobMatches(excludes, name)) continue
      findings.push({ outcome: 'fail', saw: `${name} is attached`, expected: 'that it is not', at, shows })
    }
    const [first, ...rest] = findings
    if (first !== undefined) return [first, ...rest]
    if (names.length > 0) {
      return [{ outcome: 'pass', saw: `${names.length} on ${network}: ${names.join(', ')}`, shows }]
    }
    // With services elsewhere the lists are shown to work; without any, nothing was looked at.
    if (excludes.length > 0 && services.length > 0) {
      return [{ outcome: 'pass', saw: `none of ${services.length} services is on ${network}`, shows }]
    }
    return [{ outcome: 'not-applicable', why: `nobody is on ${network}` }]
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
