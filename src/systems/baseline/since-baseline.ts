import type { Changed } from './declared.ts'
import { type HostBaseline, type Told, unitStarts } from './baseline.ts'
import type { DockerNetwork } from '../docker/networks.ts'
import type { SwarmService } from '../swarm/services.ts'
import type { BootPrograms } from '../systemd/unit-programs.ts'

interface Item {
  readonly name: string
  readonly is: readonly string[]
}

/** The host as it is. */
interface Live {
  readonly networks: readonly DockerNetwork[]
  readonly services: readonly SwarmService[]
  readonly programs: BootPrograms
}

/** What is there now, and how it differs from what the orientation saw. */
export function compared(then: HostBaseline, { networks, services, programs }: Live) {
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
  return { now, changes }
}

/** Null where the baseline does not tell. */
function itemsOf<Value>(told: Told<Value>, is: (item: Value) => readonly string[]): readonly Item[] | null {
  return told.seen ? told.items.map(item => ({ name: item.name, is: is(item) })) : null
}

/** One thing that is not what it was. */
export interface Change {
  readonly kind: 'network' | 'service' | 'unit'
  readonly name: string
  /** As text; null for what is new. */
  readonly was: string | null
  /** As text; null for what is gone. */
  readonly is: string | null
  /** The one thing of this name that is there now, and the one at most that was; null for any other number. */
  readonly one: Changed | null
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
    const [was, is] = [before, now].map(items => items.filter(item => item.name === name))
    return textOf(was) === textOf(is)
      ? []
      : [{ kind, name, was: textOf(was), is: textOf(is), one: oneOf(kind, name, was, is) }]
  })
}

function oneOf(
  kind: Change['kind'],
  name: string,
  was: readonly Item[] = [],
  is: readonly Item[] = []
): Changed | null {
  const [old, ...others] = was
  const [live, ...more] = is
  return live === undefined || others.length + more.length > 0
    ? null
    : { kind, name, was: old?.is ?? null, is: live.is }
}

function textOf(items: readonly Item[] = []): string | null {
  const found = items.map(({ is }) => is.join(' and ') || 'nothing')
  return found.length === 0 ? null : found.sort().join('; ')
}
