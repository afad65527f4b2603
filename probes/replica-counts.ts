import { counted } from '../src/lib/text/counted.ts'
import * as z from 'zod'
import { anyGlobMatches, globMatches } from '../src/lib/text/glob.ts'
import { defineProbe, type Finding } from '../src/probe/probe.ts'
import { dockerEngine, engineStart } from '../src/systems/docker/engine.ts'
import { nodeDetails, swarmNodes } from '../src/systems/swarm/nodes.ts'
import { type SwarmService, swarmServices } from '../src/systems/swarm/services.ts'
import { swarmTasks } from '../src/systems/swarm/tasks.ts'
import { health, staffing, taskLine, tasksOf } from '../src/systems/swarm/service-health.ts'

const globs = z.array(z.string().min(1)).min(1)
const params = z.strictObject({
  services: z
    .union([z.int().positive(), z.record(z.string().min(1), z.string().regex(/^\d+\/\d+$/))])
    .optional()
    .describe('how many services there are, or by name how many tasks: `shop_app: 2/2`'),
  stacks: globs.optional().describe('only services of these stacks (globs)'),
  except: globs.optional().describe('services left aside (globs)')
})

export const replicaCounts = defineProbe({
  id: 'replica-counts',
  asserts: 'Every service has as many running tasks of its present spec as it wants',
  because:
    'docker counts running tasks of any spec: after a failed or rolled-back update a service still shows 1/1 while the old task runs.',
  remedy:
    'Read why the tasks ended (`docker service ps --no-trunc` and `docker service logs` of the service), mend that, then update the service again.',
  fails: [
    'a service runs fewer tasks of its present spec than it wants, or none is wanted; a global one wants one on each node that is ready and that its placement allows',
    'its update failed, or it restarts again and again',
    'the number of services is another'
  ],
  example: { services: 9 },
  params,
  needs: () => ({
    services: swarmServices,
    tasks: swarmTasks,
    engine: dockerEngine,
    since: engineStart,
    nodes: swarmNodes,
    details: nodeDetails
  }),

  judge({ services, tasks, engine, since, nodes, details }, wish) {
    if (nodes.length === 0) return [{ outcome: 'unknown', why: 'docker listed no node at all' }]
    const swarm = { nodes, details }
    const { stacks = [], services: wanted } = wish
    const counts = new Map(typeof wanted === 'object' ? Object.entries(wanted) : [])
    const rows = inScope(services, wish).map(service => {
      const own = tasksOf(service, tasks)
      const found = health(service, own, counts.get(service.name), since, engine.nowMicros, swarm)
      return { service, own, found, said: staffing(service, own, swarm).said }
    })
    const width = Math.max(0, ...rows.map(({ service }) => service.name.length))
    const line = ({ service, said }: (typeof rows)[number]) => `${service.name.padEnd(width)}  ${said}`

    const findings: Finding[] = []
    for (const row of rows) {
      const { service, own, found } = row
      const shows = [line(row), ...own.slice(-5).map(task => `  ${taskLine(service, task)}`)]
      if (found.healthy === null) {
        findings.push({
          outcome: 'unknown',
          why: `${service.name}: ${found.why}`,
          settlesWithinMs: 60_000,
          shows
        })
      } else if (!found.healthy) {
        const { saw, expected } = found
        findings.push({ outcome: 'fail', saw, expected, at: `service ${service.name}`, shows })
      }
    }
    const absent = (saw: string, expected: string, at: string) =>
      findings.push({ outcome: 'fail', saw, expected, at, shows: rows.map(line) })
    for (const name of counts.keys()) {
      if (!rows.some(({ service }) => service.name === name))
        absent('no such service', 'that it exists', `service ${name}`)
    }
    for (const stack of stacks) {
      const none = !rows.some(({ service }) => globMatches(stack, service.stack ?? ''))
      if (none) absent('no service of it', 'that it is deployed', `stack ${stack}`)
    }
    if (typeof wanted === 'number' && rows.length !== wanted) {
      absent(counted(rows.length, 'service'), counted(wanted, 'service'), 'the list of services')
    }
    const good = rows.filter(({ found }) => found.healthy === true)
    if (good.length > 0) {
      const saw = `${good.length} of ${rows.length} services run every task that they want, of their present spec`
      findings.push({ outcome: 'pass', saw, shows: good.map(line) })
    }
    const [first, ...rest] = findings
    if (first !== undefined) return [first, ...rest]
    return [{ outcome: 'not-applicable', why: 'there is no service to count' }]
  },

  falsify(facts, wish) {
    const rolledBack = { state: 'rollback_completed', message: '' }
    return [
      ...(wish.services === undefined ? [] : [{ ...facts, services: [] }]),
      ...inScope(facts.services, wish).map(({ name }) => ({
        ...facts,
        services: facts.services.map(one => (one.name === name ? { ...one, update: rolledBack } : one))
      }))
    ]
  }
})

function inScope(services: readonly SwarmService[], wish: z.infer<typeof params>): readonly SwarmService[] {
  const { services: wanted, stacks, except = [] } = wish
  return services.filter(
    ({ name, stack }) =>
      !anyGlobMatches(except, name) &&
      (stacks === undefined || (stack !== null && anyGlobMatches(stacks, stack))) &&
      (typeof wanted !== 'object' || Object.hasOwn(wanted, name))
  )
}
