import { z } from 'zod'
import { anyGlobMatches } from '../src/base/glob.ts'
import { defineProbe, type Finding } from '../src/judge/probe.ts'
import { baseline, hostName, type Told, unitStarts } from '../src/observe/sources/baseline.ts'
import { dockerNetworks } from '../src/observe/sources/docker-networks.ts'
import { swarmServices } from '../src/observe/sources/docker-services.ts'
import { bootPrograms } from '../src/observe/sources/unit-programs.ts'

export const undeclaredChange = defineProbe({
  id: 'undeclared-change',
  asserts: 'Networks, services and units differ from the baseline only where the phase meant to change them',
  because:
    'Whoever works on a host changes more than the claim says: a service restarted with another image, a network made to try something and left there.',
  remedy: 'Undo it, or declare it: claim it, and name it in the plan under `expect`.',
  fails: [
    'a network, a service or the start of a unit is new, gone or another one since the orientation, and the plan does not expect it'
  ],
  params: z.strictObject({
    expect: z
      .array(z.string().min(1))
      .default([])
      .describe('globs of the networks, services and units that the phase changes up to this milestone')
  }),
  needs: () => ({
    before: baseline,
    host: hostName,
    networks: dockerNetworks,
    services: swarmServices,
    programs: bootPrograms
  }),

  judge({ before, host, networks, services, programs }, { expect }) {
    const since = `the baseline of ${before.at} (${before.commit.slice(0, 7)})`
    const then = Object.hasOwn(before.hosts, host) ? before.hosts[host] : undefined
    if (then === undefined) return [{ outcome: 'unknown', why: `${since} did not look at ${host}` }]
    if (networks.length === 0) return [{ outcome: 'unknown', why: 'docker listed no network at all' }]
    const now = {
      networks: networks.map(({ name, subnets }) => ({
        name,
        is: subnets.map(({ subnet }) => subnet).sort()
      })),
      services: services.map(({ name, template }) => ({ name, is: [template.image] })),
      units: unitStarts(programs.services).map(({ name, starts }) => ({ name, is: starts }))
    }
    const old = {
      networks: itemsOf(then.networks, ({ subnets }) => [...subnets].sort()),
      services: itemsOf(then.services, ({ image }) => [image]),
      units: itemsOf(then.units, ({ starts }) => starts)
    }
    const changes = [
      ...changesOf('network', old.networks, now.networks),
      ...changesOf('service', old.services, now.services),
      ...changesOf('unit', old.units, now.units)
    ]
    const expected = changes.filter(({ name }) => isExpected(name, expect))
    const findings: readonly Finding[] = [
      ...changes
        .filter(change => !expected.includes(change))
        .map(({ kind, name, was, is }): Finding => {
          const wish = `${was ?? 'nothing of this name'}, as in ${since}, or a change that the plan expects`
          return {
            outcome: 'fail',
            saw: `${kind} ${name}: ${is ?? 'gone'}`,
            expected: wish,
            at: `${kind} ${name}`
          }
        }),
      ...Object.entries(then).flatMap(([kind, told]): readonly Finding[] =>
        told.seen
          ? []
          : [{ outcome: 'unknown', why: `${since} does not tell the ${kind} of ${host}: ${told.why}` }]
      )
    ]
    const shows = expected.map(
      ({ kind, name, was, is }) => `${kind} ${name}: ${was ?? 'new'} → ${is ?? 'gone'}`
    )
    const [first, ...rest] = findings
    if (first !== undefined) return [first, ...rest]
    const count = `${now.networks.length} networks, ${now.services.length} services and ${now.units.length} units`
    const some = expected.length === 0 ? 'nothing differs' : `only ${expected.length} expected ones differ`
    return [{ outcome: 'pass', saw: `${count} compared with ${since}: ${some}`, shows }]
  },

  falsify(facts, { expect }) {
    const name = ['undeclared', 'zz-undeclared', '0-undeclared'].find(name => !isExpected(name, expect))
    const [like] = facts.networks
    return name === undefined || like === undefined
      ? []
      : [{ ...facts, networks: [...facts.networks, { ...like, name }] }]
  }
})

interface Item {
  readonly name: string
  readonly is: readonly string[]
}

/** Null where the baseline does not tell. */
function itemsOf<Value>(told: Told<Value>, is: (item: Value) => readonly string[]): readonly Item[] | null {
  return told.seen ? told.items.map(item => ({ name: item.name, is: is(item) })) : null
}

interface Change {
  readonly kind: 'network' | 'service' | 'unit'
  readonly name: string
  readonly was: string | null
  readonly is: string | null
}

/** What is new, gone, or otherwise, by name. Several things of one name are compared together. */
function changesOf(
  kind: Change['kind'],
  before: readonly Item[] | null,
  now: readonly Item[]
): readonly Change[] {
  if (before === null) return []
  const names = [...new Set([...before, ...now].map(({ name }) => name))].sort()
  return names.flatMap(name => {
    const [was, is] = [said(before, name), said(now, name)]
    return was === is ? [] : [{ kind, name, was, is }]
  })
}

function said(items: readonly Item[], name: string): string | null {
  const found = items.filter(item => item.name === name).map(({ is }) => is.join(' and ') || 'nothing')
  return found.length === 0 ? null : found.sort().join('; ')
}

/** A unit's `.service` may be left out, as everywhere in a plan. */
function isExpected(name: string, globs: readonly string[]): boolean {
  return anyGlobMatches(globs, name) || anyGlobMatches(globs, name.replace(/\.service$/, ''))
}
