import * as z from 'zod'
import { anyGlobMatches } from '../src/lib/text/glob.ts'
import { defineProbe, type Finding } from '../src/probe/probe.ts'
import { imagesOf, unlikeRepo } from '../src/systems/compose/stack-images.ts'
import { imageStates } from '../src/systems/swarm/image-states.ts'
import { composeImages } from '../src/systems/compose/compose-files.ts'
import { type SwarmService, swarmServices } from '../src/systems/swarm/services.ts'
import { swarmTasks } from '../src/systems/swarm/tasks.ts'
import { repoPathParam } from '../src/systems/repo/file.ts'
import { taskLine, tasksOf } from '../src/systems/swarm/service-health.ts'

const compose = z
  .array(z.strictObject({ stack: z.string().min(1), path: repoPathParam }))
  .min(1)
  .optional()
  .describe(
    "compose files of the repo: the services of the stack must have their images, as of the claim's commit"
  )

const params = z.strictObject({
  images: z
    .record(z.string().min(1), z.string().min(1))
    .optional()
    .describe('by service: `repo:tag`, which any digest of it satisfies, or `repo:tag@sha256:…`'),
  compose,
  defaults: z
    .boolean()
    .optional()
    .describe(
      'take the default of `${NAME:-default}` in a compose file; otherwise such an image is not judged'
    ),
  except: z.array(z.string().min(1)).min(1).optional().describe('services to exclude (globs)')
})

export const imageDrift = defineProbe({
  id: 'image-drift',
  asserts: 'Every service runs the image that its spec, the plan and the repo name',
  because:
    'After a failed update the old image keeps running under the new name, and every later test runs against the wrong version.',
  remedy:
    'Find out why the update failed (`docker service inspect --pretty`), fix the cause, then update again.',
  fails: [
    'a task runs an image other than the one its spec names',
    'the newest update was paused or rolled back',
    'the spec names an image other than the one in the plan, or in the compose file at the claim',
    'a service that the plan or the compose file names does not exist'
  ],
  params,
  hunts: { with: {}, severity: 'medium' },
  needs: ({ compose }) => ({
    services: swarmServices,
    tasks: swarmTasks,
    ...(compose === undefined ? {} : { files: composeImages([...new Set(compose.map(({ path }) => path))]) })
  }),

  judge({ services, tasks, files = [] }, { images = {}, compose = [], defaults = false, except = [] }) {
    const judged = services.filter(({ name }) => !anyGlobMatches(except, name))
    const findings: Finding[] = []
    for (const name of Object.keys(images)) {
      if (judged.some(service => service.name === name)) continue
      findings.push({
        outcome: 'fail',
        saw: `service ${name} does not exist`,
        expected: 'it to exist',
        at: `service ${name}`
      })
    }
    const repo = imagesOf(files, compose, defaults, except)
    for (const { stack, exists, wanted, open, at } of repo) {
      // Nothing examined is no pass.
      if (!exists)
        findings.push({ outcome: 'fail', saw: 'the file does not exist', expected: 'it to exist', at })
      else if (repo.every(other => other.stack !== stack || other.wanted.length === 0))
        findings.push({ outcome: 'unknown', why: `${at} names no image that can be compared`, shows: open })
      for (const { name, saw, expected } of unlikeRepo(wanted, services, at))
        findings.push(drift(name, saw, expected, []))
    }
    const open = repo.flatMap(({ open }) => open)
    const lines: string[] = []
    for (const service of judged) {
      const { name, template } = service
      const wanted = Object.hasOwn(images, name) ? images[name] : undefined
      const running = tasksOf(service, tasks).filter(
        ({ state, desired }) => state === 'running' && desired === 'running'
      )
      const shows = running.map(task => taskLine(service, task))
      lines.push(`${name} ${template.image}`)
      for (const one of imageStates(service, running, wanted)) {
        if (one.kind === 'updating')
          findings.push({ outcome: 'unknown', why: one.why, settlesWithinMs: 60_000, shows })
        else findings.push(drift(name, one.saw, one.expected, shows))
      }
    }
    const [first, ...rest] = findings
    if (first !== undefined) return [first, ...rest]
    if (lines.length === 0) return [{ outcome: 'not-applicable', why: 'there is no service to check' }]
    const count = repo.reduce((sum, { wanted }) => sum + wanted.length, 0)
    const ofRepo = compose.length === 0 ? '' : `, ${count} of them as in the repo; ${open.length} not judged`
    const saw = `${lines.length === 1 ? '1 service runs the image of its spec' : `${lines.length} services run the images of their specs`}${ofRepo}`
    return [{ outcome: 'pass', saw, shows: [...lines, ...open] }]
  },

  falsify(facts, { images = {}, compose = [], defaults = false, except = [] }) {
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
      ...Object.keys(images).map(name => change(name, { template: other })),
      ...imagesOf(facts.files ?? [], compose, defaults, except)
        .flatMap(({ wanted }) => wanted)
        .map(({ name }) => change(name, { template: other }))
    ]
  }
})

function drift(name: string, saw: string, expected: string, shows: readonly string[]): Finding {
  return {
    outcome: 'fail',
    saw,
    expected,
    at: `service ${name}`,
    shows,
    filing: {
      subject: name,
      title: `${name} runs the wrong image`,
      severity: 'medium',
      story: [
        `${name}: ${saw}. Expected: ${expected}.`,
        'The number of its tasks is correct, so no other check reports it.'
      ],
      remedy: 'Find out why the new image did not start, fix the cause, and update the service again.'
    }
  }
}
