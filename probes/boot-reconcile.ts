import { counted } from '../src/lib/text/counted.ts'
import * as z from 'zod'
import { durationForm, parseDuration } from '../src/lib/duration.ts'
import { defineProbe, type Finding } from '../src/probe/probe.ts'
import { freshBoot } from '../src/systems/boot/fresh-boot.ts'
import { type Reconciled, reconcile } from '../src/systems/boot/reconcile.ts'
import { bootRehearsal } from '../src/rehearsal/host/boot-rehearsal.ts'
import { opaquePrograms } from '../src/rehearsal/host/opaque.ts'
import { dockerEngine } from '../src/systems/docker/engine.ts'
import { dockerNetworks } from '../src/systems/docker/networks.ts'
import { swarmServices } from '../src/systems/swarm/services.ts'
import { bootPrograms } from '../src/systems/systemd/unit-programs.ts'
import { allUnits } from '../src/systems/systemd/units.ts'
import type { Severity } from '../src/lib/words.ts'

export const bootReconcile = defineProbe({
  id: 'boot-reconcile',
  asserts: 'A boot from scratch would recreate the live networks and stacks as they are',
  because:
    'A change made by hand looks the same as one made by the units, until the host boots from scratch and the old state returns.',
  remedy:
    'Change the start programs to create the live state, or change the host to the state that they create.',
  fails: [
    'a network would be recreated with other options or another subnet',
    'a network or stack that a unit creates does not exist',
    'no unit creates a network or stack that exists',
    '`|| true` hides a failed creation'
  ],
  params: z.strictObject({
    except: z.array(z.string().min(1)).min(1).optional().describe('networks and stacks to exclude (globs)'),
    age: z
      .string()
      .refine(text => parseDuration(text) !== null, `expected ${durationForm}`)
      .default('1h')
      .describe('younger networks and stacks are ignored, because they may belong to a test')
  }),
  hunts: { with: { age: '1h' }, severity: 'high' },
  needs: () => ({
    units: allUnits,
    programs: bootPrograms,
    networks: dockerNetworks,
    services: swarmServices,
    engine: dockerEngine,
    rehearsal: bootRehearsal
  }),

  judge({ units, programs, rehearsal, ...live }, { except = [], age }) {
    const fresh = freshBoot(units, programs)
    // What cannot be looked into may deploy anything: what nothing else deploys is not known to be lost.
    const opaque = opaquePrograms(rehearsal)
    const boot = { ...fresh, blind: [...fresh.blind, ...opaque] }
    if (boot.networks.length + boot.stacks.length + opaque.length === 0) {
      const why = 'no unit that a boot starts creates a network or deploys a stack'
      return [{ outcome: 'not-applicable', why }]
    }
    const found = reconcile(boot, live, { except, ageMs: parseDuration(age) ?? 0 })
    const texts = (kind: 'agrees' | 'open' | 'unread') =>
      found.flatMap(one => (one.kind === kind ? [one.said] : []))
    const [agreed, open] = [texts('agrees'), texts('open')]
    const unjudged: readonly Finding[] =
      open.length === 0
        ? []
        : [
            {
              outcome: 'not-applicable',
              why: `${counted(open.length, 'item')} could not be compared`,
              shows: open
            }
          ]
    const [first, ...rest]: readonly Finding[] = [
      ...found.flatMap(failed),
      ...texts('unread').map(why => ({ outcome: 'unknown', why }) as const)
    ]
    if (first !== undefined) return [first, ...rest, ...unjudged]
    if (boot.networks.length + boot.stacks.length + open.length === 0) {
      const why = 'no unit that a boot starts creates a network or deploys a stack that exists'
      return [{ outcome: 'not-applicable', why }]
    }
    if (agreed.length === 0)
      return [{ outcome: 'unknown', why: 'nothing that the units create could be compared', shows: open }]
    const all = agreed.length > 1 && open.length === 0 ? 'all ' : ''
    const saw = `${all}${counted(agreed.length, 'network or stack', 'networks and stacks')} would be recreated as ${agreed.length === 1 ? 'it is' : 'they are'}`
    return [{ outcome: 'pass', saw, shows: agreed }, ...unjudged]
  },

  falsify(facts) {
    const [unit] = facts.units
    const [network] = facts.networks
    if (unit === undefined || network === undefined) return []
    const name = 'falsified-boot.service'
    const text = '[Service]\nExecStart=docker network create -d overlay --subnet 203.0.113.0/24 falsified\n'
    const subnets = [{ subnet: '198.51.100.0/24', gateway: null }]
    return [
      {
        ...facts,
        units: [...facts.units, { ...unit, name, names: [name], load: 'loaded', active: 'active' }],
        programs: {
          ...facts.programs,
          services: [...facts.programs.services, { name, files: [{ path: `/${name}`, text }] }]
        },
        networks: [...facts.networks, { ...network, name: 'falsified', driver: 'overlay', subnets }]
      }
    ]
  }
})

/** High: a boot would create something else, or fail to create it. Medium: it would not create it. Low: its failure would not show. */
const kinds: Readonly<Record<string, readonly [Severity, title: string]>> = {
  differs: ['high', 'would be recreated differently'],
  missing: ['high', 'does not exist, although a unit creates it'],
  unmade: ['medium', 'would not be recreated'],
  hidden: ['low', 'may fail silently']
}

function failed(one: Reconciled): readonly Finding[] {
  if (!('subject' in one)) return []
  const { kind, subject, saw, expected, at } = one
  const [severity = 'medium', title = ''] = kinds[kind] ?? []
  return [
    {
      outcome: 'fail',
      saw,
      expected,
      at,
      filing: {
        subject,
        title: `${subject} ${title}`,
        severity,
        story: [
          `${saw}. Expected: ${expected}.`,
          `Where: ${at}.`,
          'A running host does not show this; only a boot from scratch does.'
        ],
        remedy:
          'Make the start programs and the host agree, and let a program fail when it cannot do its work.'
      }
    }
  ]
}
