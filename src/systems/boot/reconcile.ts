import { block, blockOrNull, contains, equals } from '../../lib/cidr.ts'
import { asGlob, type NetworkCreate } from '../programs/docker-commands.ts'
import { anyGlobMatches } from '../../lib/text/glob.ts'
import { unknowable } from '../programs/shell-runs.ts'
import { type FreshBoot, sayName, written } from './fresh-boot.ts'
import type { DockerEngine } from '../docker/engine.ts'
import type { DockerNetwork } from '../docker/networks.ts'
import type { SwarmService } from '../swarm/services.ts'

/** How one thing stands between what a boot would create and what is live. */
export type Reconciled =
  | { readonly kind: 'agrees'; readonly said: string }
  /** Cannot be judged, and why. */
  | { readonly kind: 'open'; readonly said: string }
  /** Nothing that could be read makes it, and not everything could be read. */
  | { readonly kind: 'unread'; readonly said: string }
  | {
      /** `differs`: made otherwise. `missing`: made, and not there. `unmade`: there, and not made. `hidden`: its failure is. */
      readonly kind: 'differs' | 'missing' | 'unmade' | 'hidden'
      /** `network proxy`, `stack shop`. */
      readonly subject: string
      readonly saw: string
      readonly expected: string
      readonly at: string
    }

export interface LiveDocker {
  readonly networks: readonly DockerNetwork[]
  readonly services: readonly SwarmService[]
  readonly engine: DockerEngine
}

/**
 * Compares what a boot would create with what is live.
 *
 * @param except globs of names left aside.
 * @param ageMs younger ones are ignored, because they may belong to a test.
 */
export function reconcile(
  boot: FreshBoot,
  live: LiveDocker,
  { except, ageMs }: { readonly except: readonly string[]; readonly ageMs: number }
): readonly Reconciled[] {
  const judged = ({ name }: { readonly name: string }) =>
    !name.includes(unknowable) && !anyGlobMatches(except, name)
  const names = [...new Set(boot.networks.filter(judged).map(({ name }) => name))]
  return [
    ...names.map(name => networkMade(name, boot, live)),
    ...boot.stacks.filter(judged).map(made => stackMade(made, boot, live)),
    ...[...handMade(live), ...stacks(live)].filter(judged).flatMap(one => whoMakes(one, boot, live, ageMs)),
    ...boot.hidden.map(({ unit, what, run }): Reconciled => {
      const saw = `${unit} continues when it fails to create ${what}, and does not check for it afterwards`
      const expected = 'a start that fails when the creation fails'
      return { kind: 'hidden', subject: `${unit} ${what}`, saw, expected, at: written(run) }
    }),
    ...[...boot.networks, ...boot.stacks]
      .filter(({ name }) => name.includes(unknowable))
      .map(({ name, run }): Reconciled => {
        return {
          kind: 'open',
          said: `${sayName(name)}: the name is known only at run time (${written(run)})`
        }
      })
  ]
}

function networkMade(name: string, boot: FreshBoot, { networks, engine }: LiveDocker): Reconciled {
  const made = boot.networks.filter(one => one.name === name)
  const subject = `network ${name}`
  const unit = made[0]?.unit.name ?? ''
  const at = made.map(({ run }) => written(run)).join(', ')
  const live = networks.find(network => network.name === name)
  if (live === undefined) {
    if (!made.some(({ certain }) => certain) || mayName(boot.removed, name))
      return {
        kind: 'open',
        said: `${subject} does not exist, possibly because of a condition or a failed start (${at})`
      }
    const saw = `${subject} does not exist, although ${unit} creates it`
    return { kind: 'missing', subject, saw, expected: 'it to exist', at }
  }
  const all = made.map(one => differences(one, live, engine))
  const [first = []] = all
  if (all.some(list => list.length === 0)) return { kind: 'agrees', said: `${subject}, by ${unit}` }
  const saw = `${subject} is live with ${first.map(({ now }) => now).join(', ')}`
  const expected = `${first.map(({ fresh }) => fresh).join(', ')}, as created by ${unit}`
  return { kind: 'differs', subject, saw, expected, at }
}

function stackMade(made: FreshBoot['stacks'][number], boot: FreshBoot, { services }: LiveDocker): Reconciled {
  const subject = `stack ${made.name}`
  const [unit, at] = [made.unit.name, written(made.run)]
  if (services.some(({ stack }) => stack === made.name))
    return { kind: 'agrees', said: `${subject}, by ${unit}` }
  if (!made.certain || mayName(boot.removed, made.name))
    return {
      kind: 'open',
      said: `${subject} does not exist, possibly because of a condition or a failed start (${at})`
    }
  const saw = `${subject} does not exist, although ${unit} deploys it`
  return { kind: 'missing', subject, saw, expected: 'it to run', at }
}

interface Live {
  readonly kind: 'stack' | 'network'
  readonly name: string
  readonly sinceMicros: number | null
}

/** Whether anything of the boot makes it: nothing is said of what is made, that was judged by its maker. */
function whoMakes(
  { kind, name, sinceMicros }: Live,
  boot: FreshBoot,
  { engine }: LiveDocker,
  ageMs: number
): readonly Reconciled[] {
  const makers = (kind === 'stack' ? boot.stacks : boot.networks).map(made => made.name)
  if (makers.includes(name)) return []
  const subject = `${kind} ${name}`
  const open = (said: string): readonly Reconciled[] => [{ kind: 'open', said: `${subject} ${said}` }]
  if (mayName(makers, name)) return open('may be one whose name is known only at run time')
  if (boot.pythonTexts.some(text => text.includes(name))) return open('is named in a Python program')
  if (sinceMicros !== null && engine.nowMicros - sinceMicros < ageMs * 1_000)
    return open('is younger than `age`')
  const verb = kind === 'stack' ? 'deploys' : 'creates'
  const saw = `${subject} is live, but no unit that starts at boot ${verb} it`
  if (boot.blind.length > 0)
    return [{ kind: 'unread', said: `${saw}, as far as readable; not read: ${boot.blind.join(', ')}` }]
  return [{ kind: 'unmade', subject, saw, expected: 'a unit that creates it at boot', at: subject }]
}

function stacks({ services }: LiveDocker): readonly Live[] {
  return [...new Set(services.flatMap(({ stack }) => stack ?? []))].sort().map(name => {
    const times = services.flatMap(({ stack, createdMicros }) =>
      stack === name ? (createdMicros ?? []) : []
    )
    return { kind: 'stack', name, sinceMicros: times.length === 0 ? null : Math.min(...times) }
  })
}

/** Networks of the swarm that services use and no stack brings along. */
function handMade({ networks, services }: LiveDocker): readonly Live[] {
  return networks
    .filter(({ scope, ingress, labels, id, name }) => {
      const used = services.some(service => service.networks.some(one => one === id || one === name))
      return scope === 'swarm' && !ingress && used && labels['com.docker.stack.namespace'] === undefined
    })
    .map(({ name, createdMicros }) => ({ kind: 'network', name, sinceMicros: createdMicros }))
}

/** Whether one of the names, gaps and all, may be this one. */
function mayName(names: readonly string[], name: string): boolean {
  return anyGlobMatches(names.map(asGlob), name)
}

/** What docker adds to a network by itself. */
const ownOptions = /^com\.docker\.network\.(?:driver\.overlay\.vxlanid_list$|enable_ipv)/

/** What a fresh creation would make otherwise than the network is now. Nothing is said of what cannot be known. */
export function differences(
  made: NetworkCreate,
  live: DockerNetwork,
  engine: DockerEngine
): readonly { readonly now: string; readonly fresh: string }[] {
  const found: { now: string; fresh: string }[] = []
  const differ = (now: string, fresh: string) => found.push({ now, fresh })
  const { driver, subnets, attachable, internal, options } = made
  if (driver !== null && driver !== live.driver) differ(`driver ${live.driver}`, `driver ${driver}`)
  if (subnets !== null) {
    const now = live.subnets.map(({ subnet }) => subnet).join(' and ') || 'no subnet'
    if (!sameSubnets(subnets, live)) differ(now, subnets.join(' and '))
    const { pools, subnetLength } = engine.swarm
    if (
      subnets.length === 0 &&
      live.driver === 'overlay' &&
      subnetLength > 0 &&
      !fromPool(live, pools, subnetLength)
    )
      differ(now, `a /${subnetLength} of ${pools.join(', ')}`)
  }
  // Only overlay networks know the word: others are attachable to all.
  if (attachable !== null && live.driver === 'overlay' && attachable !== live.attachable)
    differ(say(live.attachable, 'attachable'), say(attachable, 'attachable'))
  if (internal !== null && internal !== live.internal)
    differ(say(live.internal, 'internal'), say(internal, 'internal'))
  if (options !== null) {
    for (const key of new Set([...Object.keys(options), ...Object.keys(live.options)])) {
      const [now, fresh] = [value(live.options, key), value(options, key)]
      if (now === fresh || ownOptions.test(key)) continue
      // A driver of its own may add options of its own.
      if (fresh === null && live.driver !== 'overlay') continue
      differ(option(key, now), option(key, fresh))
    }
  }
  return found
}

/** As with `network-subnet`: of a family that is not named nothing is said. */
function sameSubnets(wanted: readonly string[], { subnets }: DockerNetwork): boolean {
  const want = wanted.flatMap(text => blockOrNull(text) ?? [])
  if (want.length < wanted.length) return true
  const families = new Set(want.map(({ family }) => family))
  const has = subnets
    .flatMap(({ subnet }) => blockOrNull(subnet) ?? [])
    .filter(({ family }) => families.has(family))
  return has.length === want.length && want.every(one => has.some(other => equals(one, other)))
}

/** Whether docker could have chosen these subnets itself. True where its pools are not known. */
export function fromPool(
  { subnets }: Pick<DockerNetwork, 'subnets'>,
  pools: readonly string[],
  length: number
): boolean {
  const known = pools.flatMap(pool => blockOrNull(pool) ?? [])
  if (known.length === 0) return true
  return subnets
    .map(({ subnet }) => block(subnet))
    .filter(({ family }) => family === 4)
    .every(found => found.length === length && known.some(pool => contains(pool, found)))
}

function value(of: Readonly<Record<string, string>>, key: string): string | null {
  return Object.hasOwn(of, key) ? (of[key] ?? null) : null
}

function option(key: string, value: string | null): string {
  return value === null ? `no option ${key}` : `option ${key}${value === '' ? '' : `=${value}`}`
}

function say(is: boolean, word: string): string {
  return is ? word : `not ${word}`
}
