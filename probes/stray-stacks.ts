import { counted } from '../src/lib/text/counted.ts'
import * as z from 'zod'
import { anyGlobMatches, textLike } from '../src/lib/text/glob.ts'
import { isoMicros } from '../src/lib/instant.ts'
import { defineProbe, type Finding } from '../src/probe/probe.ts'
import { type SwarmService, swarmServices } from '../src/systems/swarm/services.ts'

/** Names of docker hold no white space: with it (YAML's `|` ends with a line break) one that is forbidden would never be found. */
const globs = z.array(z.string().regex(/^\S+$/, 'expected a glob without white space')).min(1)
const params = z
  .strictObject({
    allow: globs.optional().describe('globs of the only stacks that may run'),
    forbid: globs.optional().describe('globs of stacks that may not run')
  })
  .refine(({ allow, forbid }) => (allow === undefined) !== (forbid === undefined), {
    error: 'expected either `allow` or `forbid`, each a list of globs'
  })

export const strayStacks = defineProbe({
  id: 'stray-stacks',
  asserts: 'No stack runs that should not',
  because:
    'In a maintenance window a test stack or a half-done upgrade is cut off in the middle, and what it leaves behind is in the way afterwards.',
  remedy: 'Wait until it is done, or remove it: `docker stack rm` with its name.',
  fails: ['a stack runs that is forbidden, or that is not among those allowed'],
  example: { forbid: ['*-pr*'] },
  params,
  needs: () => ({ services: swarmServices }),

  judge({ services }, { allow, forbid = [] }) {
    const stacks = stacksOf(services)
    if (services.length === 0) {
      return [
        {
          outcome: 'unknown',
          why: 'the swarm has no service at all, so nothing shows that the list is whole'
        }
      ]
    }
    if (stacks.length === 0) {
      const some = services.length === 1 ? 'the 1 service' : `none of the ${services.length} services`
      const saw = services.length === 1 ? `${some} is of no stack` : `${some} is of a stack`
      return [{ outcome: 'pass', saw, shows: services.map(({ name }) => name) }]
    }
    const shows = stacks.map(line)
    const stray = stacks.filter(({ name }) =>
      allow === undefined ? anyGlobMatches(forbid, name) : !anyGlobMatches(allow, name)
    )
    const expected = allow === undefined ? `none like ${forbid.join(', ')}` : `only ${allow.join(', ')}`
    const findings = stray.map(
      (stack): Finding => ({ outcome: 'fail', saw: line(stack), expected, at: `stack ${stack.name}`, shows })
    )
    const [first, ...rest] = findings
    if (first !== undefined) return [first, ...rest]
    const names = stacks.map(({ name }) => name).join(', ')
    return [{ outcome: 'pass', saw: `${counted(stacks.length, 'stack')}, ${expected}: ${names}`, shows }]
  },

  falsify({ services }, { forbid = [] }) {
    const [like] = services
    if (like === undefined) return []
    const name = forbid[0] === undefined ? 'stray-stack-of-nobody' : textLike(forbid[0])
    return [{ services: [...services, { ...like, id: 'stray', name: `${name}_app`, stack: name }] }]
  }
})

interface Stack {
  readonly name: string
  readonly services: number
  readonly since: number | null
}

function stacksOf(services: readonly SwarmService[]): readonly Stack[] {
  const names = [...new Set(services.flatMap(({ stack }) => stack ?? []))].sort()
  return names.map(name => {
    const own = services.filter(({ stack }) => stack === name)
    const times = own.flatMap(({ createdMicros }) => createdMicros ?? [])
    return { name, services: own.length, since: times.length === 0 ? null : Math.min(...times) }
  })
}

function line({ name, services, since }: Stack): string {
  const time = since === null ? '' : `, since ${isoMicros(Math.floor(since / 1e6) * 1e6)}`
  return `${name} (${services} ${services === 1 ? 'service' : 'services'}${time})`
}
