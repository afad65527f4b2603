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
  asserts: 'Only permitted stacks run',
  because:
    'A maintenance window interrupts a test stack or an unfinished upgrade, and its leftovers get in the way later.',
  remedy: 'Wait until it finishes, or remove it: `docker stack rm <stack>`.',
  fails: ['a running stack is forbidden, or is not one of those allowed'],
  example: { forbid: ['*-pr*'] },
  params,
  needs: () => ({ services: swarmServices }),

  judge({ services }, { allow, forbid = [] }) {
    const stacks = stacksOf(services)
    if (services.length === 0) {
      return [
        {
          outcome: 'unknown',
          why: 'docker listed no services, so the list of stacks may be incomplete'
        }
      ]
    }
    if (stacks.length === 0) {
      const saw =
        services.length === 1
          ? 'the only service belongs to no stack'
          : `none of the ${services.length} services belongs to a stack`
      return [{ outcome: 'pass', saw, shows: services.map(({ name }) => name) }]
    }
    const shows = stacks.map(line)
    const stray = stacks.filter(({ name }) =>
      allow === undefined ? anyGlobMatches(forbid, name) : !anyGlobMatches(allow, name)
    )
    const expected =
      allow === undefined
        ? `no stack matching ${forbid.join(' or ')}`
        : `only stacks matching ${allow.join(' or ')}`
    const findings = stray.map(
      (stack): Finding => ({ outcome: 'fail', saw: line(stack), expected, at: `stack ${stack.name}`, shows })
    )
    const [first, ...rest] = findings
    if (first !== undefined) return [first, ...rest]
    const names = stacks.map(({ name }) => name).join(', ')
    const globs = (allow ?? forbid).join(' or ')
    const saw = `${counted(stacks.length, 'stack')}, ${allow === undefined ? 'none' : 'all'} matching ${globs}: ${names}`
    return [{ outcome: 'pass', saw, shows }]
  },

  falsify({ services }, { forbid = [] }) {
    const [like] = services
    if (like === undefined) return []
    const name = forbid[0] === undefined ? 'falsified-stray-stack' : textLike(forbid[0])
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
  return `${name} (${counted(services, 'service')}${time})`
}
