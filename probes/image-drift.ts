import { z } from 'zod'
import { anyGlobMatches } from '../src/base/glob.ts'
import { defineProbe, type Finding } from '../src/judge/probe.ts'
import { type SwarmService, swarmServices } from '../src/observe/sources/docker-services.ts'
import { swarmTasks } from '../src/observe/sources/docker-tasks.ts'
import { taskLine, tasksOf } from '../src/observe/swarm.ts'

const params = z.strictObject({
  images: z
    .record(z.string().min(1), z.string().min(1))
    .optional()
    .describe('by service: `repo:tag`, which any digest of it satisfies, or `repo:tag@sha256:…`'),
  except: z.array(z.string().min(1)).min(1).optional().describe('services left aside (globs)')
})

export const imageDrift = defineProbe({
  id: 'image-drift',
  asserts: 'Every service runs the image that its spec names, and the plan',
  because:
    'After a failed update the old image runs on under the new name, and every later test tests the wrong version.',
  remedy: 'Read why the update did not go through (`docker service inspect --pretty`), then update again.',
  params,
  hunts: { with: {}, severity: 'medium' },
  needs: () => ({ services: swarmServices, tasks: swarmTasks }),

  judge({ services, tasks }, { images = {}, except = [] }) {
    const judged = services.filter(({ name }) => !anyGlobMatches(except, name))
    const findings: Finding[] = []
    for (const name of Object.keys(images)) {
      if (judged.some(service => service.name === name)) continue
      findings.push({
        outcome: 'fail',
        saw: 'no such service',
        expected: 'that it exists',
        at: `service ${name}`
      })
    }
    const lines: string[] = []
    for (const service of judged) {
      const { name, template, update, previousImage } = service
      const wanted = Object.hasOwn(images, name) ? images[name] : undefined
      const running = tasksOf(service, tasks).filter(({ state }) => state === 'running')
      const shows = running.map(task => taskLine(service, task))
      const wrong = (saw: string, expected: string) =>
        findings.push({
          outcome: 'fail',
          saw,
          expected,
          at: `service ${name}`,
          shows,
          filing: {
            subject: name,
            title: `${name} does not run the image that it should`,
            severity: 'medium',
            story: [
              `${name}: ${saw}.`,
              'The number of its tasks is right all the same, so nothing else tells.'
            ],
            mend: 'Find out why the new image did not start, mend it, and update the service again.'
          }
        })
      lines.push(`${name} ${template.image}`)
      const state = update?.state ?? 'completed'
      if (wanted !== undefined && !isImage(template.image, wanted))
        wrong(`the spec names ${template.image}`, wanted)
      if (state === 'updating' || state === 'rollback_started') {
        findings.push({
          outcome: 'unknown',
          why: `${name}: update in progress (${state})`,
          settlesWithinMs: 60_000,
          shows
        })
        continue
      }
      const other = running.find(task => task.template.image !== template.image)
      if (other !== undefined) wrong(`a task runs ${other.template.image}`, template.image)
      else if (state !== 'completed') {
        const refused =
          previousImage === null || previousImage === template.image ? 'the new spec' : previousImage
        wrong(
          `${refused} was not taken: the update is ${state}, ${template.image} runs`,
          'an update that completed'
        )
      }
    }
    const [first, ...rest] = findings
    if (first !== undefined) return [first, ...rest]
    if (lines.length === 0) return [{ outcome: 'not-applicable', why: 'there is no service' }]
    return [{ outcome: 'pass', saw: `${lines.length} services run the images of their specs`, shows: lines }]
  },

  falsify(facts, { images = {}, except = [] }) {
    const judged = facts.services.filter(({ name }) => !anyGlobMatches(except, name))
    const change = (name: string, changed: Partial<SwarmService>) => ({
      ...facts,
      services: facts.services.map(one => (one.name === name ? { ...one, ...changed } : one))
    })
    const other = { image: 'other:image', forced: 0, digest: 'sha256:other' }
    return [
      ...judged
        .slice(0, 1)
        .map(({ name }) => change(name, { update: { state: 'rollback_completed', message: '' } })),
      ...Object.keys(images).map(name => change(name, { template: other }))
    ]
  }
})

/** Whether an image is the wanted one: the digest counts only where the plan names one. */
function isImage(image: string, wanted: string): boolean {
  return image === wanted || (!wanted.includes('@') && image.split('@', 1)[0] === wanted)
}
