import type { AnyProbe, BoundProbe } from '../../probe/probe.ts'
import { fromPool } from '../../systems/boot/reconcile.ts'
import { type DockerEngine, dockerEngine } from '../../systems/docker/engine.ts'
import { dockerNetworks } from '../../systems/docker/networks.ts'
import { swarmServices } from '../../systems/swarm/services.ts'
import { declaredSubnets } from '../../systems/swarm/tasks.ts'
import { allUnits } from '../../systems/systemd/units.ts'
import type { FactSource } from '../../facts/fact.ts'
import type { SuggestedCheck } from '../../config/plan/suggested-plan.ts'
import type { Check } from '../../config/types.ts'
import { prove } from '../../probe/prove.ts'
import { factsOf, type Observed } from '../../review/assessed.ts'
import { type LookOptions, observe } from '../../review/review.ts'
import type { HostContext } from '../../review/context/review-context.ts'
import type { Views } from '../../review/context/views.ts'

export interface Suggested {
  readonly suggestions: readonly SuggestedCheck[]
  /** What was tried and is not suggested, with the reason. */
  readonly left: readonly { readonly title: string; readonly why: string }[]
}

type Candidate = Omit<SuggestedCheck, 'saw'>

/**
 * What could be asked of this host from now on: candidates are made from what is there, each is judged on
 * fresh facts, and only those stay that pass today and whose falsified facts fail.
 */
export async function suggest(
  seat: HostContext,
  views: Views,
  host: string,
  options: LookOptions
): Promise<Suggested> {
  const checks = [dockerNetworks, swarmServices, allUnits, dockerEngine, declaredSubnets].map(
    (source): Check => ({ probe: gathering(source), title: source.key, host, line: 0 })
  )
  const seen = await observe(seat, views, { phase: '', checks, hunts: [] }, options)
  const left = seen.checks
    .filter(({ check }) => check.outcome === 'unknown')
    .map(({ check }) => ({ title: check.title, why: check.why ?? 'could not be observed' }))

  const candidates = [
    ...networkCandidates(
      valueOf(seen, host, dockerNetworks) ?? [],
      valueOf(seen, host, declaredSubnets) ?? {},
      valueOf(seen, host, dockerEngine)
    ),
    ...serviceCandidates(valueOf(seen, host, swarmServices) ?? []),
    ...unitCandidates(valueOf(seen, host, allUnits) ?? [])
  ]
  const asked = candidates.flatMap(candidate => {
    const probe = seat.home.probes.find(({ id }: AnyProbe) => id === candidate.probe)
    return probe === undefined ? [] : [{ candidate, probe: probe.bind(candidate.with) }]
  })
  const tried = await observe(
    seat,
    views,
    {
      phase: '',
      checks: asked.map(({ candidate, probe }) => ({ probe, title: candidate.title, host, line: 0 })),
      hunts: []
    },
    options
  )

  const suggestions: SuggestedCheck[] = []
  for (const [index, { candidate, probe }] of asked.entries()) {
    const result = tried.checks[index]
    if (result === undefined) continue
    const { check } = result
    const finding = check.findings[0]
    const proof = prove(probe, factsOf(tried, index))
    if (check.outcome !== 'pass' || finding?.outcome !== 'pass') {
      left.push({ title: candidate.title, why: check.why ?? `it is ${check.outcome} today` })
    } else if (proof.kind !== 'can fail') {
      left.push({ title: candidate.title, why: tried.hide.sentence(proof.why) })
    } else {
      suggestions.push({ ...candidate, saw: finding.saw })
    }
  }
  return { suggestions, left }
}

/** A probe that only gathers. */
function gathering(source: FactSource<unknown>): BoundProbe {
  return {
    id: `inventory ${source.key}`,
    given: {},
    needs: { value: source },
    judge: () => [{ outcome: 'pass', saw: source.key }],
    falsify: () => []
  }
}

/** What was seen; null where it was not. */
function valueOf<Value>(seen: Observed, host: string, source: FactSource<Value>): Value | null {
  const fact = seen.facts[`${source.key} @ ${host}`]
  // The engine gathered it by this very source.
  return fact?.seen === true ? (fact.value as Value) : null
}

type ValueOf<Source> = Source extends FactSource<readonly (infer Value)[]> ? Value : never

/**
 * A subnet is only suggested where somebody declared it: one that docker chose is another after the next deployment.
 *
 * @param declared by the networks' ids, as the swarm's specs have them.
 */
export function networkCandidates(
  networks: readonly ValueOf<typeof dockerNetworks>[],
  declared: Readonly<Record<string, readonly string[]>>,
  engine: DockerEngine | null
): readonly Candidate[] {
  const isDeclared = (network: ValueOf<typeof dockerNetworks>) =>
    Object.hasOwn(declared, network.id)
      ? (declared[network.id] ?? []).length > 0
      : engine !== null && !fromPool(network, engine.swarm.pools, engine.swarm.subnetLength)
  const own = networks.filter(
    ({ driver, ingress, subnets }) => driver === 'overlay' && !ingress && subnets.length === 1
  )
  const clear: Candidate = { probe: 'subnet-collision', title: 'No two networks share an address', with: {} }
  return [
    ...own.flatMap((network): Candidate[] => {
      const { name, driver, attachable, subnets } = network
      const subnet = isDeclared(network) ? { subnet: subnets[0]?.subnet } : {}
      return [
        {
          probe: 'network-subnet',
          title: `${name} is what it is`,
          with: { network: name, ...subnet, driver, attachable }
        },
        {
          probe: 'network-addresses',
          title: `Every address on ${name} is inside, and used once`,
          with: { network: name }
        }
      ]
    }),
    ...(networks.length > 0 ? [clear] : [])
  ]
}

function serviceCandidates(services: readonly ValueOf<typeof swarmServices>[]): readonly Candidate[] {
  if (services.length === 0) return []
  const stacks = [...new Set(services.flatMap(({ stack }) => stack ?? []))].sort()
  const stray: Candidate = { probe: 'stray-stacks', title: 'No stack but these', with: { allow: stacks } }
  return [
    {
      probe: 'replica-counts',
      title: services.length === 1 ? 'The only service runs' : `All ${services.length} services run`,
      with: { services: services.length }
    },
    ...(stacks.length > 0 ? [stray] : [])
  ]
}

function unitCandidates(units: readonly ValueOf<typeof allUnits>[]): readonly Candidate[] {
  // The machine's own units come with the system; those of /etc are what somebody put here.
  return units
    .filter(
      ({ name, files, active }) =>
        active === 'active' &&
        name.endsWith('.service') &&
        files.some(file => file.startsWith('/etc/systemd/system/'))
    )
    .filter(({ name }) => !name.includes('@'))
    .map(
      ({ name }): Candidate => ({
        probe: 'unit-activation',
        title: `${name} is active`,
        with: { unit: name }
      })
    )
}
