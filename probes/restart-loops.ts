import * as z from 'zod'
import { counted } from '../src/lib/text/counted.ts'
import { anyGlobMatches } from '../src/lib/text/glob.ts'
import { defineProbe, type Finding } from '../src/probe/probe.ts'
import { dockerEngine, engineStart } from '../src/systems/docker/engine.ts'
import { type SwarmService, swarmServices } from '../src/systems/swarm/services.ts'
import { swarmTasks } from '../src/systems/swarm/tasks.ts'
import { loopsOf, taskLine, tasksOf } from '../src/systems/swarm/service-health.ts'

const params = z.strictObject({
  except: z.array(z.string().min(1)).min(1).optional().describe('services to exclude (globs)')
})

export const restartLoops = defineProbe({
  id: 'restart-loops',
  asserts: 'No service is in a restart loop',
  because:
    'Between two failures the task runs, so the replica count mostly shows 1/1 while users lose their connection every few seconds.',
  remedy:
    'Find out why the tasks end: `docker service logs <service>` and `docker service ps --no-trunc <service>`.',
  fails: ['the last three runs of a task ended within an hour, and the current run is still short'],
  params,
  hunts: { with: {}, severity: 'high' },
  needs: () => ({ services: swarmServices, tasks: swarmTasks, engine: dockerEngine, since: engineStart }),

  judge({ services, tasks, engine, since }, { except = [] }) {
    const judged = inScope(services, except)
    if (judged.length === 0) return [{ outcome: 'not-applicable', why: 'there is no service to check' }]
    const findings = judged.flatMap((service): readonly Finding[] => {
      const own = tasksOf(service, tasks)
      const shows = own.slice(-5).map(task => taskLine(service, task))
      return loopsOf(service, own, since, engine.nowMicros).map(
        ({ certain, said, ends, settlesWithin }): Finding => {
          if (!certain) {
            const settlesWithinMs = Math.min(Math.max(settlesWithin / 1_000, 60_000), 600_000)
            return { outcome: 'unknown', why: `${service.name}: ${said}`, settlesWithinMs, shows }
          }
          const error = ends.at(-1)?.error ?? ''
          return {
            outcome: 'fail',
            saw: `${said}${error === '' ? '' : ` (${error})`}`,
            expected: 'tasks that keep running',
            at: `service ${service.name}`,
            shows,
            filing: {
              subject: service.name,
              title: `${service.name} is in a restart loop`,
              severity: 'high',
              story: [
                `${service.name}: ${said}.`,
                'Only ends of the current spec since the engine started count; tasks that an update or an engine restart stopped do not.'
              ],
              remedy: 'Find the cause in the logs of the service and the errors above, and fix it.'
            }
          }
        }
      )
    })
    const [first, ...rest] = findings
    if (first !== undefined) return [first, ...rest]
    const { taskHistory } = engine
    if (taskHistory !== undefined && taskHistory < shownLoop)
      return [
        {
          outcome: 'unknown',
          why: `docker keeps ${counted(taskHistory, 'task')} per slot, and a restart loop shows only in ${shownLoop}; run \`docker swarm update --task-history-limit 5\``
        }
      ]
    const known = tasks.filter(task => judged.some(({ id }) => id === task.service)).length
    return [
      {
        outcome: 'pass',
        saw: `no restart loop in ${counted(judged.length, 'service')}, by the ${counted(known, 'task')} that docker keeps`
      }
    ]
  },

  falsify(facts, { except = [] }) {
    const ago = (seconds: number) => facts.engine.nowMicros - seconds * 1e6
    const [service] = inScope(facts.services, except)
    if (service === undefined) return []
    const task = (from: number, to: number, state: string) => ({
      id: `falsified${from}`,
      service: service.id,
      slot: 1,
      node: '',
      state,
      desired: state === 'running' ? 'running' : 'shutdown',
      createdMicros: ago(from),
      stateMicros: ago(to),
      error: '',
      exit: null,
      template: service.template,
      addresses: [],
      iteration: null
    })
    const ends = [35, 25, 15].map(from => task(from, from - 5, 'failed'))
    return [{ ...facts, since: 0, tasks: [...ends, task(5, 4, 'running')] }]
  }
})

/** Three that ended, and the present one. */
const shownLoop = 4

function inScope(services: readonly SwarmService[], except: readonly string[]): readonly SwarmService[] {
  return services.filter(({ name, mode }) => !mode.kind.endsWith('job') && !anyGlobMatches(except, name))
}
