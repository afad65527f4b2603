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
  except: globs.optional().describe('services to exclude (globs)')
})

export const replicaCounts = defineProbe({
  id: 'replica-counts',
  asserts: 'Every service runs its configured number of tasks, all of its current spec',
  because:
    'docker counts running tasks of any spec: after a failed or rolled-back update a service still shows 1/1 while the old task runs.',
  remedy:
    'Find out why the tasks ended (`docker service ps --no-trunc <service>`, `docker service logs <service>`), fix the cause, then update the service again.',
  fails: [
    'a service runs fewer tasks of its current spec than configured, or is configured for none; a global service needs one on each ready node that its placement allows',
    'its update failed, or it is in a restart loop',
    'the number of services differs'
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

  judge({ services, tasks, engine, since, nodes, details }, given) {
    if (nodes.length === 0) return [{ outcome: 'unknown', why: 'docker listed no nodes' }]
    const swarm = { nodes, details }
    const { stacks = [], services: wanted } = given
    const counts = new Map(typeof wanted === 'object' ? Object.entries(wanted) : [])
    const rows = inScope(services, given).map(service => {
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
        absent(`service ${name} does not exist`, 'it to exist', `service ${name}`)
    }
    for (const stack of stacks) {
      const none = !rows.some(({ service }) => globMatches(stack, service.stack ?? ''))
      if (none) absent(`stack ${stack} has no service`, 'it to be deployed', `stack ${stack}`)
    }
    if (typeof wanted === 'number' && rows.length !== wanted) {
      absent(counted(rows.length, 'service'), counted(wanted, 'service'), 'the list of services')
    }
    const good = rows.filter(({ found }) => found.healthy === true)
    if (good.length > 0) {
      const saw = `${good.length} of ${counted(rows.length, 'service')} ${good.length === 1 ? 'runs all its' : 'run all their'} tasks, on the current spec`
      findings.push({ outcome: 'pass', saw, shows: good.map(line) })
    }
    const [first, ...rest] = findings
    if (first !== undefined) return [first, ...rest]
    return [{ outcome: 'not-applicable', why: 'there is no service to check' }]
  },

  falsify(facts, given) {
    const rolledBack = { state: 'rollback_completed', message: '' }
    return [
      ...(given.services === undefined ? [] : [{ ...facts, services: [] }]),
      ...inScope(facts.services, given).map(({ name }) => ({
        ...facts,
        services: facts.services.map(one => (one.name === name ? { ...one, update: rolledBack } : one))
      }))
    ]
  }
})

function inScope(services: readonly SwarmService[], given: z.infer<typeof params>): readonly SwarmService[] {
  const { services: wanted, stacks, except = [] } = given
  return services.filter(
    ({ name, stack }) =>
      !anyGlobMatches(except, name) &&
      (stacks === undefined || (stack !== null && anyGlobMatches(stacks, stack))) &&
      (typeof wanted !== 'object' || Object.hasOwn(wanted, name))
  )
}
