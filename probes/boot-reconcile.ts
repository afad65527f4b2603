import { counted } from '../src/lib/text/counted.ts'
import * as z from 'zod'
import { durationForm, parseDuration } from '../src/lib/duration.ts'
import { defineProbe, type Finding } from '../src/probe/probe.ts'
import { freshBoot } from '../src/systems/boot/fresh-boot.ts'
import { type Reconciled, reconcile } from '../src/systems/boot/reconcile.ts'
import { dockerEngine } from '../src/systems/docker/engine.ts'
import { dockerNetworks } from '../src/systems/docker/networks.ts'
import { swarmServices } from '../src/systems/swarm/services.ts'
import { bootPrograms } from '../src/systems/systemd/unit-programs.ts'
import { allUnits } from '../src/systems/systemd/units.ts'
import type { Severity } from '../src/lib/words.ts'

export const bootReconcile = defineProbe({
  id: 'boot-reconcile',
  asserts: 'A boot from nothing would create the networks and stacks that are live, as they are',
  because:
    'What was made or mended by hand looks the same as what the units make, until the host starts from nothing and the old state comes back.',
  remedy: 'Make the start programs create what is live, or bring the host to what they create.',
  fails: [
    'a network would come back with other options or another subnet',
    'what a unit makes is not there',
    'what is there is made by no unit',
    '`|| true` hides that it could not be made'
  ],
  params: z.strictObject({
    except: z.array(z.string().min(1)).min(1).optional().describe('networks and stacks left aside (globs)'),
    age: z
      .string()
      .refine(text => parseDuration(text) !== null, `expected ${durationForm}`)
      .default('1h')
      .describe("what is younger may be a test's: nobody asks whether it would come back")
  }),
  hunts: { with: { age: '1h' }, severity: 'high' },
  needs: () => ({
    units: allUnits,
    programs: bootPrograms,
    networks: dockerNetworks,
    services: swarmServices,
    engine: dockerEngine
  }),

  judge({ units, programs, ...live }, { except = [], age }) {
    const boot = freshBoot(units, programs)
    if (boot.networks.length + boot.stacks.length === 0) {
      const why = 'no unit that a boot starts creates a network or deploys a stack'
      return [{ outcome: 'not-applicable', why }]
    }
    const found = reconcile(boot, live, { except, ageMs: parseDuration(age) ?? 0 })
    const said = (kind: 'agrees' | 'open' | 'unread') =>
      found.flatMap(one => (one.kind === kind ? [one.said] : []))
    const [agreed, open] = [said('agrees'), said('open')]
    const unjudged: readonly Finding[] =
      open.length === 0
        ? []
        : [{ outcome: 'not-applicable', why: `${open.length} could not be judged`, shows: open }]
    const [first, ...rest]: readonly Finding[] = [
      ...found.flatMap(failed),
      ...said('unread').map(why => ({ outcome: 'unknown', why }) as const)
    ]
    if (first !== undefined) return [first, ...rest, ...unjudged]
    if (agreed.length === 0)
      return [{ outcome: 'unknown', why: 'nothing that the units create could be compared', shows: open }]
    const saw = `${counted(agreed.length, 'network or stack', 'networks and stacks')} would come back as ${agreed.length === 1 ? 'it is' : 'they are'}`
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

/** High: a boot would bring something else, or fails to bring it. Medium: it would not bring it. Low: it would not tell. */
const kinds: Readonly<Record<string, readonly [Severity, title: string]>> = {
  differs: ['high', 'would come back otherwise'],
  missing: ['high', 'is not there, though a unit makes it'],
  unmade: ['medium', 'would not come back'],
  hidden: ['low', 'may fail in silence']
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
          'Nothing shows it while the host runs: only a start from nothing would.'
        ],
        mend: 'Bring the start programs and the host to the same, and let a program fail where it cannot do its work.'
      }
    }
  ]
}
