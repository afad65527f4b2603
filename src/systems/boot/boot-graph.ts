import { reachable } from '../../lib/graph.ts'
import { provisionsOf, type Provision, type Wait, waitsOf } from './waits.ts'
import type { Run } from '../programs/program-runs.ts'
import { baseName } from '../programs/shell-runs.ts'
import { type Route, routeFor, routesOf } from '../traefik/rule.ts'

/** A unit as systemd orders it. */
export interface BootUnit {
  readonly name: string
  readonly names: readonly string[]
  readonly type: string
  readonly active: string
  readonly after: readonly string[]
  readonly before: readonly string[]
  readonly pulls: readonly string[]
}

/** A swarm service, or what a stack file will make, as far as names and routes go. */
export interface ServedBy {
  /** The service's name, or the path of the stack file. */
  readonly name: string
  readonly stack: string | null
  readonly labels: Readonly<Record<string, string>>
  /** What it publishes on the host, where that is known; 0 is a port that docker chose. */
  readonly ports?: readonly { readonly protocol: string; readonly port: number }[]
}

export interface Boot {
  readonly units: readonly BootUnit[]
  /** What each unit's start runs, in order. */
  readonly starts: ReadonlyMap<string, readonly Run[]>
  readonly services: readonly ServedBy[]
}

/** One edge of a circle: `from` cannot go on before `to` has. */
export interface Step {
  readonly from: string
  readonly to: string
  readonly how: 'waits' | 'starts' | 'ordered'
  /** What is waited for, as a person would name it; empty for an ordering. */
  readonly what: string
  readonly wait?: StepWait
  /** What on the host shows that `to` brings it about: the label, the line that deploys it. */
  readonly proof: readonly string[]
}

/** What a step waits for, how long its own program does so at most in seconds, and where it is written. */
export interface StepWait extends Pick<Wait, 'target' | 'bound'> {
  /** `/opt/edge/start:5`. */
  readonly at: string
}

/** A way from a unit's wait back to itself. */
export interface Circle {
  readonly unit: string
  readonly steps: readonly Step[]
  /** Why it may be none; empty where every edge is certain. */
  readonly doubts: readonly string[]
}

export interface BootJudgement {
  readonly circles: readonly Circle[]
  readonly suspected: readonly Circle[]
  /** Orderings that contradict themselves; systemd drops one of the units at boot. */
  readonly orderingCycles: readonly (readonly string[])[]
  /** All waits that hold up a start, with the units that end them; none where nobody on this host is known to. */
  readonly waits: readonly {
    readonly unit: string
    readonly wait: Wait
    readonly providers: readonly string[]
    readonly served: string
  }[]
}

interface Event {
  readonly unit: string
  readonly run: Run
  readonly waits: readonly Resolved[]
}

interface Resolved {
  readonly wait: Wait
  readonly what: string
  readonly how: 'waits' | 'starts'
  readonly doubts: readonly string[]
  /** What is asked for is on this host, whoever brings it about. */
  readonly served: string
  readonly proof: readonly string[]
  /** Any of these ends the wait: provisions by name, or the end of a unit's start. */
  readonly provisions: readonly Provision[]
  readonly units: readonly string[]
}

/** Finds what cannot come up by itself: see `Circle`. Pure, and linear in what it is given. */
export function judgeBoot(boot: Boot): BootJudgement {
  const order = orderOf(boot)
  const certain = blockedBy(boot, order, false)
  const all = blockedBy(boot, order, true)
  const known = new Set(certain.circles.map(({ unit }) => unit))
  return {
    circles: certain.circles,
    suspected: all.circles.filter(({ unit, doubts }) => !known.has(unit) && doubts.length > 0),
    orderingCycles: order.cycles,
    waits: all.waits
  }
}

interface Order {
  /** For each unit that a boot starts, those whose start must have ended before. */
  readonly after: ReadonlyMap<string, readonly string[]>
  readonly canonical: (name: string) => string
  readonly boots: ReadonlySet<string>
  readonly cycles: readonly (readonly string[])[]
}

/** Who starts after whom, among the units that have a job at boot: others order nothing. */
export function orderOf({ units, starts }: Pick<Boot, 'units' | 'starts'>): Order {
  const aliases = new Map(units.flatMap(({ name, names }) => names.map(alias => [alias, name] as const)))
  const canonical = (name: string) => aliases.get(name) ?? name
  const byName = new Map(units.map(unit => [unit.name, unit]))
  const boots = bootSet(units, starts, canonical)
  const after = new Map<string, Set<string>>(
    units.filter(({ name }) => boots.has(name)).map(({ name }) => [name, new Set()])
  )
  for (const unit of units) {
    for (const other of unit.after.map(canonical))
      if (byName.has(other) && boots.has(other)) after.get(unit.name)?.add(other)
    for (const other of unit.before.map(canonical))
      if (byName.has(other) && boots.has(unit.name)) after.get(other)?.add(unit.name)
  }
  const lists = new Map(
    [...after].map(([name, others]) => [name, [...others].filter(other => other !== name).sort()])
  )
  return { after: lists, canonical, boots, cycles: cyclesOf(lists) }
}

/** Whether a unit waits for the start of another, directly or through others. @param after of `orderOf`. */
export function startsAfter(
  after: ReadonlyMap<string, readonly string[]>,
  later: string,
  earlier: string
): boolean {
  return later !== earlier && reachable(after.get(later) ?? [], after).has(earlier)
}

function bootSet(
  units: readonly BootUnit[],
  starts: ReadonlyMap<string, readonly Run[]>,
  canonical: (name: string) => string
): ReadonlySet<string> {
  const byName = new Map(units.map(unit => [unit.name, unit]))
  const target = units.find(({ names }) => names.includes('default.target'))
  if (target === undefined) return new Set(byName.keys())
  const boots = new Set<string>()
  const open = [target.name, ...units.filter(({ active }) => active === 'active').map(({ name }) => name)]
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const unit = byName.get(canonical(name))
    if (unit === undefined || boots.has(unit.name)) continue
    boots.add(unit.name)
    open.push(...unit.pulls)
    for (const run of starts.get(unit.name) ?? []) {
      for (const { target } of waitsOf(run))
        if (target.kind === 'unit' && target.started) open.push(target.unit)
    }
  }
  return boots
}

/** Groups of units that are each ordered after themselves (Tarjan's strongly connected components). */
function cyclesOf(after: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const cycles: string[][] = []
  const reported = new Set<string>()
  for (const start of [...after.keys()].sort()) {
    if (reported.has(start)) continue
    const path = shortest(start, node => after.get(node) ?? [], start)
    if (path === undefined) continue
    for (const name of path) reported.add(name)
    cycles.push(path)
  }
  return cycles
}

/** The shortest way from a node's successors to `goal`; the nodes on it, `from` first, without `goal`. */
function shortest<Node>(from: Node, next: (node: Node) => readonly Node[], goal: Node): Node[] | undefined {
  const before = new Map<Node, Node>()
  let open: Node[] = [from]
  while (open.length > 0) {
    const further: Node[] = []
    for (const node of open) {
      for (const successor of next(node)) {
        if (successor === goal) {
          const path = [node]
          for (let at = node; at !== from; path.unshift(at)) {
            const previous = before.get(at)
            if (previous === undefined) break
            at = previous
          }
          return path
        }
        if (!before.has(successor) && successor !== from) {
          before.set(successor, node)
          further.push(successor)
        }
      }
    }
    open = further
  }
  return undefined
}

/** A point in time of a boot: a unit's start begins, a line of it has run, its start has ended. */
type Moment =
  | { readonly at: 'begin' | 'end'; readonly unit: string }
  | { readonly at: 'event'; readonly unit: string; readonly event: Event; readonly wait: Resolved | null }

interface Node {
  readonly moment: Moment
  /** All of these must have come before. */
  readonly needs: Node[]
  /** And of each of these groups one. */
  readonly anyOf: Node[][]
}

function blockedBy(boot: Boot, order: Order, withDoubts: boolean) {
  const routes = boot.services.flatMap(({ name, labels }) => routesOf(name, labels))
  const begins = new Map<string, Node>()
  const ends = new Map<string, Node>()
  const node = (moment: Moment, needs: Node[] = []): Node => ({ moment, needs, anyOf: [] })
  for (const name of order.after.keys()) {
    begins.set(name, node({ at: 'begin', unit: name }))
    ends.set(name, node({ at: 'end', unit: name }))
  }

  const provided = new Map<string, Node[]>()
  const waiting: { readonly node: Node; readonly resolved: Resolved }[] = []
  const nodes: Node[] = [...begins.values(), ...ends.values()]
  for (const [name, begin] of begins) {
    for (const other of order.after.get(name) ?? []) {
      const end = ends.get(other)
      if (end !== undefined) begin.needs.push(end)
    }
    const end = ends.get(name)
    end?.needs.push(begin)
    addStart(name, begin, end)
  }
  for (const { node, resolved } of waiting) {
    const group = [
      ...resolved.provisions.flatMap(provision => provided.get(keyOf(provision)) ?? []),
      ...resolved.units.flatMap(unit => ends.get(order.canonical(unit)) ?? [])
    ]
    if (group.length > 0 && (withDoubts || resolved.doubts.length === 0)) node.anyOf.push(group)
  }

  const blocked = blockedNodes(nodes)
  const circles = new Map<string, Circle>()
  for (const { node } of waiting) {
    const { unit } = node.moment
    const path = circles.has(unit) ? undefined : shortest(node, stuck, node)
    if (path !== undefined) circles.set(unit, circleOf(path, boot))
  }
  const waits = waiting.map(({ node, resolved }) => ({
    unit: node.moment.unit,
    wait: resolved.wait,
    served: resolved.served,
    providers: [
      ...new Set([
        ...resolved.provisions.flatMap(provision =>
          (provided.get(keyOf(provision)) ?? []).map(({ moment }) => moment.unit)
        ),
        ...resolved.units.map(order.canonical).filter(unit => ends.has(unit))
      ])
    ]
  }))
  return { circles: distinct([...circles.values()]), waits }

  function stuck({ needs, anyOf }: Node): readonly Node[] {
    return [...needs, ...anyOf.flat()].filter(other => blocked.has(other))
  }

  function addStart(name: string, begin: Node, end: Node | undefined) {
    const unit = boot.units.find(unit => unit.name === name)
    let before = begin
    let held = begin
    for (const { run, holds, doubt } of phases(boot.starts.get(name) ?? [], unit?.type ?? '')) {
      const provisions = provisionsOf(run)
      const waits = waitsOf(run).map(wait => resolve(wait, name, boot.services, routes, order))
      if (provisions.length === 0 && waits.length === 0) continue
      const event: Event = { unit: name, run, waits }
      const from = run.command.background ? before : run.exec.key === 'ExecStartPost' ? held : before
      const steps = waits.length === 0 ? [null] : waits
      let last = from
      for (const wait of steps) {
        const doubted = wait === null || doubt === '' ? wait : { ...wait, doubts: [...wait.doubts, doubt] }
        last = node({ at: 'event', unit: name, event, wait: doubted }, [last])
        nodes.push(last)
        if (doubted !== null) waiting.push({ node: last, resolved: doubted })
      }
      for (const provision of provisions) {
        provided.set(keyOf(provision), [...(provided.get(keyOf(provision)) ?? []), last])
      }
      if (run.command.background) continue
      before = last
      if (holds) held = last
    }
    if (held !== begin) end?.needs.push(held)
  }
}

/** Which of a start's commands its end waits for: that is what a unit's Type says. */
function phases(runs: readonly Run[], type: string): readonly { run: Run; holds: boolean; doubt: string }[] {
  const main = runs.filter(({ exec }) => exec.key === 'ExecStart')
  const ready = main.findIndex(
    ({ command }) =>
      baseName(command.words[0]?.[0] ?? '') === 'systemd-notify' &&
      command.words.some(([word]) => word === '--ready')
  )
  return runs.map(run => {
    if (run.exec.key !== 'ExecStart') return { run, holds: true, doubt: '' }
    if (/^(?:simple|exec|idle)$/.test(type)) return { run, holds: false, doubt: '' }
    if (type.startsWith('notify') && ready >= 0) return { run, holds: main.indexOf(run) <= ready, doubt: '' }
    const doubt = /^(?:notify|dbus)/.test(type)
      ? `Type=${type}: the program itself reports the end of its start`
      : ''
    return { run, holds: true, doubt }
  })
}

function keyOf(provision: Provision): string {
  return provision.kind === 'file' ? `file ${provision.path}` : `${provision.kind} ${provision.name}`
}

function resolve(
  wait: Wait,
  waiter: string,
  services: readonly ServedBy[],
  routes: readonly Route[],
  order: Order
): Resolved {
  const { target } = wait
  const doubts = wait.doubt === '' ? [] : [wait.doubt]
  const none = { wait, how: 'waits' as const, doubts, served: '', proof: [], provisions: [], units: [] }
  const by = (service: ServedBy): readonly Provision[] => [
    { kind: 'service', name: service.name },
    ...(service.stack === null ? [] : [{ kind: 'stack' as const, name: service.stack }])
  ]
  // Any service that publishes the port ends a wait for it, and so does a container that a start runs with it.
  const published = (port: number) => {
    const found = services.filter(({ ports = [] }) =>
      ports.some(one => one.protocol === 'tcp' && one.port === port)
    )
    const proof = found.map(({ name }) => `docker service inspect ${name}: publishes ${port}/tcp`)
    const run: Provision = { kind: 'port', name: String(port) }
    return { served: found[0]?.name ?? '', proof, provisions: [...found.flatMap(by), run] }
  }
  switch (target.kind) {
    case 'url': {
      const { route, unsure } = routeFor(routes, target.host, target.path)
      // On 80 and 443 a proxy listens, and its routes tell who answers; on another port whoever publishes it.
      if (isLocal(target.host) && (route === null || (target.port !== 80 && target.port !== 443))) {
        const answer = published(target.port)
        if (answer.served !== '' || route === null) return { ...none, what: target.url, ...answer }
      }
      const service = route === null ? undefined : behind(route, services)
      if (route === null || service === undefined) return { ...none, what: target.url }
      const maybe = unsure.map(({ rule }) => `\`${rule}\` may answer first`)
      const proof = [
        `${service.name.startsWith('/') ? service.name : `docker service inspect ${service.name}`}: ${route.label}`
      ]
      return {
        ...none,
        what: target.url,
        served: service.name,
        proof,
        doubts: [...doubts, ...(wait.lenient === '' ? [] : [wait.lenient]), ...maybe],
        provisions: by(service)
      }
    }
    case 'docker': {
      const named = services.filter(({ name, stack }) =>
        target.names.some(asked =>
          target.of.includes('service')
            ? asked === name || asked === stack || asked.startsWith(`${name}.`)
            : stack !== null && asked.startsWith(`${stack}_`)
        )
      )
      const provisions = [
        ...target.names.flatMap(name => target.of.map(kind => ({ kind, name }))),
        ...named.flatMap(by)
      ]
      return {
        ...none,
        what: `docker's ${target.names.join(', ')}`,
        served: named[0]?.name ?? '',
        provisions
      }
    }
    case 'file':
      return { ...none, what: target.path, provisions: [target] }
    case 'port': {
      const what = `${target.host}:${target.port}`
      const elsewhere = isLocal(target.host) ? [] : [`${target.host} may be another host`]
      return { ...none, what, ...published(target.port), doubts: [...doubts, ...elsewhere] }
    }
    case 'unit': {
      const unit = order.canonical(target.unit)
      const how = target.started ? 'starts' : 'waits'
      return { ...none, how, what: unit, served: unit, units: [unit] }
    }
    case 'boot':
      return { ...none, what: 'the end of the boot', served: 'systemd', units: [waiter] }
  }
}

/** The names by which a host asks itself. */
function isLocal(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|0\.0\.0\.0|\[?::1\]?|ip6-localhost)$/.test(host)
}

/** The service that a route leads to: its own, or the one that defines the Traefik service it names. */
function behind(route: Route, services: readonly ServedBy[]): ServedBy | undefined {
  const named = services.find(({ labels }) =>
    Object.keys(labels).some(label => label.startsWith(`traefik.http.services.${route.target ?? '\0'}.`))
  )
  return named ?? services.find(({ name }) => name === route.service)
}

/** Which nodes can never come about: what is left when everything that can has. */
function blockedNodes(nodes: readonly Node[]): ReadonlySet<Node> {
  const needed = new Map<Node, Node[]>()
  for (const node of nodes) {
    for (const other of new Set([...node.needs, ...node.anyOf.flat()]))
      needed.set(other, [...(needed.get(other) ?? []), node])
  }
  const blocked = new Set(nodes)
  const open = [...nodes]
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (!blocked.has(node)) continue
    const free = (other: Node) => !blocked.has(other)
    if (!node.needs.every(free) || !node.anyOf.every(group => group.some(free))) continue
    blocked.delete(node)
    open.push(...(needed.get(node) ?? []))
  }
  return blocked
}

/** Of circles through the same units the one that is told from the gate: the unit that others are ordered after. */
function distinct(circles: readonly Circle[]): readonly Circle[] {
  const found = new Map<string, Circle>()
  const gates = ({ unit, steps }: Circle) =>
    steps.some(({ how, to }) => how === 'ordered' && to === unit) ? 0 : 1
  for (const circle of [...circles].sort((a, b) => gates(a) - gates(b) || (a.unit < b.unit ? -1 : 1))) {
    const key = circle.steps
      .map(({ to }) => to)
      .sort()
      .join(' ')
    if (!found.has(key)) found.set(key, circle)
  }
  return [...found.values()]
}

function circleOf(path: readonly Node[], boot: Boot): Circle {
  const steps: Step[] = []
  const doubts: string[] = []
  for (const [index, node] of path.entries()) {
    const next = path[(index + 1) % path.length]
    if (next === undefined) continue
    const { moment } = node
    if (moment.at === 'event' && moment.wait !== null && node.anyOf.some(group => group.includes(next))) {
      const { wait, what, how, proof } = moment.wait
      doubts.push(...moment.wait.doubts)
      const made = next.moment.at === 'event' ? [quoted(next.moment.event.run)] : []
      steps.push({
        from: moment.unit,
        to: next.moment.unit,
        how,
        what,
        wait: { target: wait.target, bound: wait.bound, at: `${wait.run.file}:${wait.run.command.line}` },
        proof: [quoted(wait.run), ...proof, ...made]
      })
    } else if (moment.unit !== next.moment.unit) {
      steps.push({ from: moment.unit, to: next.moment.unit, how: 'ordered', what: '', proof: [] })
    }
  }
  const [first] = path
  const unit = first?.moment.unit ?? ''
  return {
    unit: boot.units.find(({ name }) => name === unit)?.name ?? unit,
    steps,
    doubts: [...new Set(doubts)]
  }
}

/** `file:line: command`, with the head of the loop that it is in. */
export function quoted({ file, command }: Run): string {
  const loop = command.loops.at(-1)
  if (loop === undefined) return `${file}:${command.line}: ${command.text}`
  if (loop.line === command.line) return `${file}:${loop.line}: ${loop.text}`
  return `${file}:${loop.line}: ${loop.text} … ${command.line}: ${command.text}`
}
