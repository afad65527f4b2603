import { z } from 'zod'
import { anyGlobMatches } from '../src/base/glob.ts'
import { isoMicros } from '../src/base/instant.ts'
import { defineProbe, type Finding } from '../src/judge/probe.ts'
import { type DockerNetwork, dockerNetworks } from '../src/observe/sources/docker-networks.ts'
import { swarmServices } from '../src/observe/sources/docker-services.ts'

const params = z.strictObject({
  except: z.array(z.string().min(1)).min(1).optional().describe('networks left aside (globs)')
})

export const orphanNetworks = defineProbe({
  id: 'orphan-networks',
  asserts: 'Every network of a stack belongs to a stack that still runs',
  because:
    'A network that its stack left behind keeps its subnet, and the next deployment of a stack of that name joins it with all its old options.',
  remedy: 'Remove it with `docker network rm`, after a look at what is still attached to it.',
  params,
  hunts: { with: {}, severity: 'low' },
  needs: () => ({ networks: dockerNetworks, services: swarmServices }),

  judge({ networks, services }, { except = [] }) {
    if (networks.length === 0) return [{ outcome: 'unknown', why: 'docker listed no network at all' }]
    const owned = networks.filter(one => stackOf(one) !== undefined && !anyGlobMatches(except, one.name))
    if (owned.length === 0) return [{ outcome: 'not-applicable', why: 'no network is of a stack' }]
    const stacks = new Set(services.map(({ stack }) => stack))
    const findings = owned
      // A service of another stack may live on it: then it is in use, whatever became of its own stack.
      .filter(
        one =>
          !stacks.has(stackOf(one) ?? null) && !services.some(service => service.networks.includes(one.id))
      )
      .map((one): Finding => {
        const rest = one.endpoints.filter(({ id }) => id !== `lb-${one.name}`).map(({ name }) => name)
        const left = rest.length === 0 ? 'nothing is attached to it' : `still attached: ${rest.join(', ')}`
        const saw = `${line(one)}: stack ${stackOf(one)} has no service, ${left}`
        return {
          outcome: 'fail',
          saw,
          expected: 'a stack that runs, or no network',
          at: `network ${one.name}`,
          filing: {
            subject: one.name,
            title: `network ${one.name} outlived its stack`,
            severity: 'low',
            story: [`${saw}.`, 'Its subnet stays taken, and a stack of that name would join it as it is.'],
            mend: `Remove it: docker network rm ${one.name}`
          }
        }
      })
    const [first, ...rest] = findings
    if (first !== undefined) return [first, ...rest]
    return [
      {
        outcome: 'pass',
        saw: `all ${owned.length} networks of stacks belong to one that runs`,
        shows: owned.map(line)
      }
    ]
  },

  falsify(facts, { except = [] }) {
    return facts.networks
      .filter(one => stackOf(one) !== undefined && !anyGlobMatches(except, one.name))
      .slice(0, 1)
      .map(one => ({
        ...facts,
        services: facts.services.filter(
          ({ stack, networks }) => stack !== stackOf(one) && !networks.includes(one.id)
        )
      }))
  }
})

function stackOf({ labels }: DockerNetwork): string | undefined {
  return labels['com.docker.stack.namespace']
}

function line({ name, subnets, createdMicros }: DockerNetwork): string {
  const since = createdMicros === null ? '' : `, since ${isoMicros(Math.floor(createdMicros / 1e6) * 1e6)}`
  return `${name} (${subnets.map(({ subnet }) => subnet).join(', ') || 'no subnet'}${since})`
}
