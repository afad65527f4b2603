import { z } from 'zod'
import { anyGlobMatches } from '../src/base/glob.ts'
import { defineProbe, type Finding } from '../src/judge/probe.ts'
import { dockerEngine, engineStart } from '../src/observe/sources/docker-host.ts'
import { type SwarmService, swarmServices } from '../src/observe/sources/docker-services.ts'
import { swarmTasks } from '../src/observe/sources/docker-tasks.ts'
import { loopsOf, taskLine, tasksOf } from '../src/observe/swarm.ts'

const params = z.strictObject({
  except: z.array(z.string().min(1)).min(1).optional().describe('services left aside (globs)')
})

export const restartLoops = defineProbe({
  id: 'restart-loops',
  asserts: 'No service restarts its tasks again and again',
  because:
    'Between two ends the task runs, so a look at the numbers mostly says 1/1, while users are cut off every few seconds.',
  remedy: 'Read why the tasks end: `docker service logs` and `docker service ps --no-trunc` of the service.',
  params,
  hunts: { with: {}, severity: 'high' },
  needs: () => ({ services: swarmServices, tasks: swarmTasks, engine: dockerEngine, since: engineStart }),

  judge({ services, tasks, engine, since }, { except = [] }) {
    const judged = inScope(services, except)
    if (judged.length === 0)
      return [{ outcome: 'not-applicable', why: 'there is no service that could restart' }]
    const findings = judged.flatMap((service): readonly Finding[] => {
      const own = tasksOf(service, tasks)
      const shows = own.slice(-5).map(task => taskLine(service, task))
      return loopsOf(service, own, since, engine.nowMicros).map(({ said, ends }) => {
        const error = ends.at(-1)?.error ?? ''
        return {
          outcome: 'fail',
          saw: `${said}${error === '' ? '' : ` (${error})`}`,
          expected: 'tasks that stay',
          at: `service ${service.name}`,
          shows,
          filing: {
            subject: service.name,
            title: `${service.name} restarts again and again`,
            severity: 'high',
            story: [
              `${service.name}: ${said}.`,
              'Only ends of its own count, of the present spec, since the engine began to start; what an update or a restart of the engine ended does not.'
            ],
            mend: 'Find out why the tasks end, from the logs of the service and the errors above.'
          }
        }
      })
    })
    const [first, ...rest] = findings
    if (first !== undefined) return [first, ...rest]
    const known = tasks.filter(task => judged.some(({ id }) => id === task.service)).length
    return [
      {
        outcome: 'pass',
        saw: `none of ${judged.length} services loops, by the ${known} tasks that docker remembers`
      }
    ]
  },

  falsify(facts, { except = [] }) {
    const { nowMicros } = facts.engine
    return inScope(facts.services, except)
      .slice(0, 1)
      .map(service => ({
        ...facts,
        since: 0,
        tasks: [30, 20, 10].map(ago => ({
          id: `ended${ago}`,
          service: service.id,
          slot: 1,
          node: '',
          state: 'failed',
          desired: 'shutdown',
          createdMicros: nowMicros - (ago + 5) * 1e6,
          stateMicros: nowMicros - ago * 1e6,
          error: 'task: non-zero exit (1)',
          exit: 1,
          template: service.template,
          addresses: [],
          iteration: null
        }))
      }))
  }
})

function inScope(services: readonly SwarmService[], except: readonly string[]): readonly SwarmService[] {
  return services.filter(({ name, mode }) => !mode.kind.endsWith('job') && !anyGlobMatches(except, name))
}
