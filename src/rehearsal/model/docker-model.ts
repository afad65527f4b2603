import type { DockerEnd, Maker } from '../answer.ts'
import type { Choices } from '../choices.ts'
import type { Kernel } from '../kernel.ts'
import type { Notes, Where } from '../notes.ts'
import type { ContainerFact, NetworkFact, PortFact, RehearsalFacts, ServiceFact } from '../rehearsal-facts.ts'
import { gap, stackFile, type StackFile, type StackService } from './stack-file.ts'
import type { HostFiles } from './file-model.ts'

/** A service or container that runs. */
export interface Running extends Maker {
  readonly kind: 'service' | 'container'
  readonly name: string
  /** Of a stack or compose project; null where it is of none. */
  readonly stack: string | null
  readonly image: string
  readonly labels: Readonly<Record<string, string>>
  readonly ports: readonly PortFact[]
  readonly replicas: number | null
  readonly health: StackService['health']
  /** Its ports are not told: it has those of the host. */
  readonly hostNetwork: boolean
  /** When its tasks run; before that it is only wanted. */
  readonly upAt: number
}

/** What is told of the jobs of the boot. */
export interface Order {
  readonly isAfter: (later: string, earlier: string) => boolean
}

export interface PortAnswer {
  readonly open: boolean
  /** The unit that brought up what answers, or what would have to be up. */
  readonly by: string | null
  /** Where it is not known whether it answers: a name for it, and why. What is answered is then a choice. */
  readonly unknown: { readonly name: string; readonly why: string } | null
}

/** What an earlier run of the same boot has shown. */
export interface Prior {
  /** Everything that its programs brought up. */
  readonly running: readonly Running[]
  /** Names of the networks that they created. */
  readonly networks: readonly string[]
  /** Units that may bring up anything, and start after something that waits. */
  readonly opaque: readonly string[]
}

/** Docker as the rehearsal has brought it up so far: at the beginning there is nothing. */
export interface Docker {
  readonly engineUp: (where: Where) => void
  readonly isUp: () => boolean
  readonly engineUnit: () => string | null
  readonly networks: () => readonly (NetworkFact & Maker)[]
  /** What runs now: its tasks are up. */
  readonly running: () => readonly Running[]
  /** And what is only wanted so far. */
  readonly wanted: () => readonly Running[]
  /** All that ever ran. */
  readonly ever: () => readonly Running[]
  /** All services that the live host has, or that any file or program of it would bring up. */
  readonly everWanted: () => readonly Pick<Running, 'name' | 'image' | 'labels' | 'ports'>[]
  readonly stacks: () => readonly string[]
  /** `null`: done; otherwise what Docker says. */
  readonly createNetwork: (where: Where, network: NetworkFact) => string | null
  readonly removeNetwork: (name: string) => boolean
  readonly deploy: (where: Where, stack: string, files: readonly StackFile[]) => string | null
  readonly compose: (where: Where, project: string, file: StackFile, only: readonly string[]) => string | null
  readonly bringUp: (where: Where, what: NewRunning) => void
  /** @returns whether there was one. */
  readonly remove: (name: string) => boolean
  readonly removeStack: (name: string) => void
  /** Something of this host that nothing that was read brings up. */
  readonly unclear: (name: string, why: string) => PortAnswer
  /** A unit's start has ended that may have brought up anything. */
  readonly opaqueEnded: (unit: string) => void
  readonly end: () => DockerEnd
}

export type NewRunning = Pick<
  Running,
  'kind' | 'name' | 'stack' | 'image' | 'labels' | 'ports' | 'hostNetwork'
> &
  Partial<Pick<Running, 'replicas' | 'health'>>

/** From `docker service create` to its tasks. */
const startMs = 1_000

export function createDocker(
  facts: RehearsalFacts,
  parts: {
    readonly files: HostFiles
    readonly notes: Notes
    readonly kernel: Kernel
    readonly choices: Choices
    readonly systemd: () => Order
    readonly prior: Prior | null
    /** The unit that runs now. */
    readonly asker: () => string | null
  }
): Docker {
  const { files, notes, kernel, choices, prior } = parts
  const live = facts.docker
  let engine: string | null = null
  const networks = new Map<string, NetworkFact & Maker>()
  const running = new Map<string, Running>()
  const stacks = new Map<string, Maker>()
  const ever = new Map<string, Running>()
  const ended = new Set<string>()
  for (const name of ['bridge', 'host', 'none'])
    networks.set(name, {
      name,
      driver: name === 'none' ? 'null' : name,
      subnets: [],
      unit: '',
      restored: true
    })

  const written = files
    .texts()
    .flatMap(([path, text]) => (/\.ya?ml$/.test(path) ? stackFile(text).services : []))
    .map(({ key, image, labels, ports }) => ({ name: key, image, labels: withoutGaps(labels, {}), ports }))
  const everWanted = [...written, ...live.services, ...live.containers, ...(prior?.running ?? [])]

  /** What Docker brings back when its engine starts: all that no program of this boot brings up. */
  function restored(): readonly Running[] {
    const deployed = new Set(prior?.running.map(({ name }) => name))
    const made = {
      unit: engine ?? 'docker.service',
      restored: true,
      upAt: 0,
      health: null,
      hostNetwork: false
    } as const
    const services = live.services.map((one): Running => ({ ...one, kind: 'service', ...made }))
    const containers = live.containers
      .filter(({ comesBack }) => comesBack !== false)
      .map(
        (one): Running => ({
          ...one,
          kind: 'container',
          stack: one.labels['com.docker.compose.project'] ?? null,
          replicas: 1,
          ...made
        })
      )
    return [...services, ...containers].filter(({ name }) => !deployed.has(name))
  }

  function restoreAll(where: Where, isRestored: boolean): void {
    for (const one of restored()) {
      if (running.has(one.name)) continue
      start(where, { ...one, unit: where.unit, restored: isRestored })
      if (one.stack !== null && !stacks.has(one.stack) && one.kind === 'service')
        stacks.set(one.stack, { unit: where.unit, restored: isRestored })
    }
  }

  function start(where: Where, one: Running): void {
    const before = running.get(one.name)
    const now = { ...one, upAt: before?.upAt ?? kernel.now() + startMs }
    running.set(one.name, now)
    ever.set(one.name, now)
    if (before !== undefined) {
      kernel.touch()
      return
    }
    kernel.at(now.upAt, () => {
      if (running.get(one.name)?.upAt === now.upAt) notes.bringUp(where, { kind: one.kind, key: one.name })
    })
  }

  function bringUp(where: Where, what: NewRunning): void {
    const known = [...live.services, ...live.containers].find(({ name }) => name === what.name)
    start(where, {
      replicas: 1,
      health: null,
      ...what,
      labels: withoutGaps(what.labels, known?.labels ?? {}),
      ports: what.ports.length > 0 ? what.ports : (known?.ports ?? []),
      image: what.image || (known?.image ?? ''),
      unit: where.unit,
      restored: false,
      upAt: 0
    })
  }

  function addNetworks(where: Where, prefix: string, file: StackFile, driver: string): string | null {
    for (const network of file.networks) {
      const name = network.name ?? (network.external ? network.key : `${prefix}_${network.key}`)
      if (network.external) {
        if (!networks.has(name) && !(prior === null && live.networks.some(one => one.name === name)))
          return `network "${name}" is declared as external, but could not be found`
      } else createNetwork(where, { name, driver: network.driver || driver, subnets: network.subnets })
    }
    return null
  }

  function createNetwork(where: Where, network: NetworkFact): string | null {
    if (networks.has(network.name)) return `network with name ${network.name} already exists`
    networks.set(network.name, { ...network, unit: where.unit, restored: false })
    notes.bringUp(where, { kind: 'network', key: network.name })
    return null
  }

  return {
    engineUp: where => {
      if (engine !== null) return
      engine = where.unit
      for (const path of ['/run/docker.sock', '/var/run/docker.sock']) files.put(path, where)
      notes.bringUp(where, { kind: 'engine', key: 'docker' })
      // A network that nothing of the boot creates is kept by Docker over a boot.
      for (const network of prior === null ? [] : live.networks)
        if (prior?.networks.includes(network.name) === false && !networks.has(network.name))
          networks.set(network.name, { ...network, unit: where.unit, restored: true })
      if (prior === null) return
      const others = prior.opaque
      const left = restored()
      if (others.length === 0 || left.length === 0) restoreAll(where, true)
      else {
        const name = `who brings up ${left[0]?.stack ?? left[0]?.name ?? ''}`
        if (choices.choose(name, 2, others) === 0) restoreAll(where, true)
        else for (const unit of ended) if (others.includes(unit)) restoreAll({ ...where, unit }, false)
      }
    },
    isUp: () => engine !== null,
    engineUnit: () => engine,
    networks: () => [...networks.values()],
    running: () => [...running.values()].filter(({ upAt }) => upAt <= kernel.now()),
    wanted: () => [...running.values()],
    ever: () => [...ever.values()],
    everWanted: () => everWanted,
    stacks: () => [...stacks.keys()],
    createNetwork,
    removeNetwork: name => {
      kernel.touch()
      return networks.delete(name)
    },
    deploy: (where, stack, found) => {
      for (const file of found) {
        const wrong = addNetworks(where, stack, file, 'overlay')
        if (wrong !== null) return wrong
      }
      const services = found.flatMap(file => file.services)
      for (const { key, ...service } of services)
        bringUp(where, { ...service, kind: 'service', name: `${stack}_${key}`, stack })
      // What cannot be read of it is taken from what runs.
      if (services.length === 0)
        for (const one of live.services)
          if (one.stack === stack) bringUp(where, { ...one, kind: 'service', hostNetwork: false })
      if (!stacks.has(stack)) {
        stacks.set(stack, { unit: where.unit, restored: false })
        notes.bringUp(where, { kind: 'stack', key: stack })
      }
      return null
    },
    compose: (where, project, file, only) => {
      const wrong = addNetworks(where, project, file, 'bridge')
      if (wrong !== null) return wrong
      createNetwork(where, { name: `${project}_default`, driver: 'bridge', subnets: [] })
      const wanted = new Set(only)
      const isWanted = ({ key, profiles }: StackService) =>
        only.length === 0 ? profiles.length === 0 : wanted.has(key)
      for (let size = -1; only.length > 0 && size !== wanted.size; ) {
        size = wanted.size
        for (const service of file.services)
          if (wanted.has(service.key)) for (const { key } of service.dependsOn) wanted.add(key)
      }
      for (const service of file.services.filter(isWanted)) {
        const { key, containerName, labels, ...rest } = service
        bringUp(where, {
          ...rest,
          labels: { 'com.docker.compose.project': project, 'com.docker.compose.service': key, ...labels },
          kind: 'container',
          name: containerName ?? `${project}-${key}-1`,
          stack: project
        })
      }
      return null
    },
    bringUp,
    remove: name => {
      kernel.touch()
      return running.delete(name)
    },
    removeStack: name => {
      for (const [key, one] of running) if (one.stack === name) running.delete(key)
      stacks.delete(name)
      kernel.touch()
    },
    unclear: (name, why) => {
      const asker = parts.asker()
      const systemd = parts.systemd()
      const others = asker === null ? [] : (prior?.opaque ?? []).filter(unit => systemd.isAfter(unit, asker))
      const took = choices.choose(`${name} answers`, others.length > 0 ? 3 : 2, others)
      const by = took === 2 ? others.find(unit => ended.has(unit)) : undefined
      return { open: took === 0 || by !== undefined, by: by ?? null, unknown: { name, why } }
    },
    opaqueEnded: unit => {
      ended.add(unit)
      kernel.touch()
      const others = prior?.opaque ?? []
      const left = restored()
      if (engine === null || !others.includes(unit) || left.length === 0) return
      if (choices.choose(`who brings up ${left[0]?.stack ?? left[0]?.name ?? ''}`, 2, others) === 1)
        restoreAll({ unit, place: null, argv: [] }, false)
    },
    end: () => ({
      networks: [...networks.values()].filter(({ unit }) => unit !== ''),
      stacks: [...stacks].map(([name, maker]) => ({ name, ...maker })),
      services: [...running.values()].flatMap(one => (one.kind === 'service' ? [serviceEnd(one)] : [])),
      containers: [...running.values()].flatMap(one => (one.kind === 'container' ? [containerEnd(one)] : []))
    })
  }
}

function serviceEnd({
  name,
  stack,
  image,
  labels,
  ports,
  replicas,
  unit,
  restored
}: Running): ServiceFact & Maker {
  return { name, stack, image, labels, ports, replicas, unit, restored }
}

function containerEnd({ name, image, labels, ports, unit, restored }: Running): ContainerFact & Maker {
  return { name, image, labels, ports, comesBack: null, unit, restored }
}

/** Labels of a file whose variables are not known are taken from what runs now, as those that the file does not have. */
function withoutGaps(
  labels: Readonly<Record<string, string>>,
  live: Readonly<Record<string, string>>
): Readonly<Record<string, string>> {
  const sure = Object.entries(labels).filter(([key, value]) => !key.includes(gap) && !value.includes(gap))
  return { ...live, ...Object.fromEntries(sure) }
}
