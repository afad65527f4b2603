import type { Asked, BroughtUp, Executed, Reached, Rehearsal, UnitEnd, UnknownThing, Wait } from './answer.ts'
import { bootOnce, type Booted } from './boot.ts'
import type { Choice, Decisions } from './choices.ts'
import type { Prior } from './model/docker-model.ts'
import type { RehearsalFacts } from './rehearsal-facts.ts'

/** Worlds in which something that is not known was decided differently, and boots of all of them together. */
const most = { worlds: 24, boots: 80 } as const

/** A world in which everything was decided, and what it shows. */
interface World {
  readonly decisions: Decisions
  readonly cold: Booted
  readonly through: Booted | null
  readonly waits: readonly Wait[]
  readonly boots: readonly Booted[]
  readonly choices: readonly Choice[]
}

/** The whole rehearsal: a pure function of the facts. It is to be called in the sandbox alone, see `rehearse.ts`. */
export async function rehearseHere(facts: RehearsalFacts): Promise<Rehearsal> {
  const prior = await priorOf(facts)
  const first = await worldOf(facts, {}, prior)
  const worlds = [first]
  const tried = new Set(['{}'])
  const queue: Decisions[] = []
  const enqueue = (world: World) => {
    for (const { name, options } of world.choices) {
      if (Object.hasOwn(world.decisions, name)) continue
      for (let option = 1; option < options; option++) {
        const next = { ...world.decisions, [name]: option }
        const key = JSON.stringify(Object.entries(next).sort())
        if (!tried.has(key)) queue.push(next)
        tried.add(key)
      }
    }
  }
  enqueue(first)
  let boots = first.boots.length
  // One that differs in one thing comes before those that differ in two.
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    if (worlds.length >= most.worlds || boots >= most.boots) break
    const world = await worldOf(facts, next, prior)
    boots += world.boots.length
    worlds.push(world)
    enqueue(world)
  }
  const all = worlds.flatMap(world => world.boots)
  const untried = first.choices.filter(
    ({ name }) => !worlds.some(({ decisions }) => Object.hasOwn(decisions, name))
  )
  const unknowns = distinct([
    ...all.flatMap(({ machine }) => machine.notes.unknowns),
    ...untried.map(
      ({ name, units }): UnknownThing => ({
        name: nameOf(name),
        kind: 'limits',
        unit: units[0] ?? '',
        place: null,
        why: 'there are too many things that are not known to try each of them'
      })
    )
  ])
  return {
    schema: 1,
    boot: first.cold.run,
    through: first.through?.run ?? null,
    waits: combined(worlds, untried),
    orderingCycles: first.cold.machine.systemd.orderingCycles(),
    executed: executedIn(all),
    reached: reachedIn(all),
    asked: [...new Set(all.flatMap(({ machine }) => [...machine.notes.asked]))].sort(),
    unknowns
  }
}

/** What the programs of the boot bring up, and which of them cannot be looked into: known before it is judged. */
async function priorOf(facts: RehearsalFacts): Promise<Prior> {
  const everybody = { decisions: {}, isLetGo: () => true }
  let prior: Prior = { running: [], networks: [], opaque: [] }
  // In the second one Docker brings back what nothing of the first one deploys, so that more programs get on.
  for (let round = 0; round < 2; round++) {
    const { machine } = await bootOnce(facts, { ...everybody, prior: round === 0 ? null : prior })
    const { systemd, notes, docker } = machine
    const ran: readonly string[] = systemd.ends().map(({ unit }) => unit)
    const askers = ran.filter(unit => notes.answers(unit).size > 0)
    const opaque: readonly string[] = [
      ...new Set(notes.unknowns.filter(({ kind }) => kind === 'program').map(({ unit }) => unit))
    ].filter(unit => !systemd.isOfDistribution(unit) && askers.some(asker => systemd.isAfter(unit, asker)))
    prior = {
      running: [...prior.running, ...docker.ever().filter(({ restored }) => !restored)],
      networks: [
        ...prior.networks,
        ...docker.networks().flatMap(({ name, restored }) => (restored ? [] : [name]))
      ],
      opaque
    }
  }
  return prior
}

/** How long a start has to stand still to count. */
const stillMs = 1_000

async function worldOf(facts: RehearsalFacts, decisions: Decisions, prior: Prior): Promise<World> {
  const cold = await bootOnce(facts, { decisions, prior, isLetGo: () => false })
  const stood = cold.run.units.filter(end => stoodStill(end, cold))
  const names = new Set(stood.map(({ unit }) => unit))
  const through =
    stood.length === 0 ? null : await bootOnce(facts, { decisions, prior, isLetGo: unit => names.has(unit) })
  const boots = through === null ? [cold] : [cold, through]
  const waits: Wait[] = []
  for (const end of through === null ? [] : stood) {
    if (through === null) break
    // Where others stand still as well: whether it is its own holding up that keeps it there.
    const alone =
      stood.length === 1 || boots.length > 12
        ? null
        : await bootOnce(facts, {
            decisions,
            prior,
            isLetGo: unit => names.has(unit) && unit !== end.unit
          })
    if (alone !== null) boots.push(alone)
    const wait = waitOf(end, cold, through, alone)
    if (wait !== null) waits.push(wait)
  }
  const known = new Set(waits.map(({ unit }) => unit))
  for (const wait of opaqueWaits(cold, through)) if (!known.has(wait.unit)) waits.push(wait)
  const choices = new Map(
    boots.flatMap(({ machine }) => machine.choices.made().map(choice => [choice.name, choice] as const))
  )
  return { decisions, cold, through, waits, boots, choices: [...choices.values()] }
}

const good: ReadonlySet<string> = new Set(['active', 'done', 'skipped'])

function stoodStill({ unit, state, began, ended }: UnitEnd, { machine }: Booted): boolean {
  if (began === null) return false
  if (state === 'starting' || machine.systemd.timedOut(unit)) return true
  if (machine.notes.lastAsked(unit) === null) return false
  return state === 'failed' || (ended !== null && ended - began >= stillMs)
}

/** What a start that stood still waited for, and whether it would end if it held up nobody. */
function waitOf(end: UnitEnd, cold: Booted, through: Booted, alone: Booted | null): Wait | null {
  const { unit } = end
  const { systemd, notes, kernel } = cold.machine
  // Without a question that the model knows, it may still be that it ends once it holds up nobody.
  const asked = notes.lastAsked(unit) ?? nothingAsked(unit)
  const free = through.run.units.find(other => other.unit === unit)
  const isGood = free !== undefined && good.has(free.state)
  const isStuck = end.state === 'starting' || systemd.timedOut(unit)
  const changed = changesOf(unit, cold, through)
  const lastOf =
    changed.find(({ by }) => by !== null && systemd.isAfter(by, unit)) ??
    changed.find(({ by }) => by !== null)
  const by = lastOf?.by ?? null
  const shown = lastOf === undefined ? asked : (notes.answers(unit).get(lastOf.target.key) ?? asked)
  const stood = isStuck || end.ended === null || end.began === null ? null : end.ended - end.began
  const wait = {
    unit,
    place: shown.place,
    argv: shown.argv,
    target: shown.target,
    answer: shown.answer,
    stood,
    broughtUpBy: lastOf === undefined ? null : broughtUp(lastOf, through),
    circle: by === null ? [] : circleOf(unit, by, cold),
    holds: cold.run.units.flatMap(other =>
      other.unit !== unit &&
      systemd.isAfter(other.unit, unit) &&
      (other.began === null || (end.ended !== null && other.began >= end.ended))
        ? [other.unit]
        : []
    ),
    dependsOn: []
  }
  const limits =
    [...kernel.exhausted()].some(name => name.split(' ')[0] === unit) || cold.run.ended === 'budget'
  if (limits) return { ...wait, verdict: 'unknown', dependsOn: [unit] }
  // Who waits for the whole boot waits for its own end.
  if (isStuck && asked.target.kind === 'boot')
    return { ...wait, verdict: 'circle', broughtUpBy: null, circle: [unit] }
  if (isStuck || end.state === 'failed') {
    const finding = isStuck ? 'circle' : 'outlasts'
    if (isGood) {
      const own = alone === null ? null : alone.run.units.find(other => other.unit === unit)
      const isOwn = own === null || own === undefined || !good.has(own.state)
      if (isOwn || wait.circle.length > 1) {
        if (by !== null && wait.circle.length > 1) return { ...wait, verdict: finding }
        return isOwn
          ? { ...wait, verdict: 'unknown', dependsOn: [asked.target.key] }
          : { ...wait, verdict: 'never' }
      }
      return { ...wait, verdict: 'never' }
    }
    const dependsOn = mayEnd(unit, asked, through)
    if (dependsOn.length > 0) return { ...wait, verdict: 'unknown', dependsOn }
    return isStuck || (stood !== null && stood >= stillMs) ? { ...wait, verdict: 'never' } : null
  }
  const saved =
    stood === null || free?.ended === null || free?.ended === undefined || free.began === null
      ? 0
      : stood - (free.ended - free.began)
  return isGood && saved >= stillMs && by !== null && wait.circle.length > 1
    ? { ...wait, verdict: 'delays' }
    : null
}

function nothingAsked(unit: string): Asked {
  const target = { kind: 'unit', key: unit } as const
  return { at: 0, unit, place: null, argv: [], target, answer: '', by: null, times: 0, last: 0 }
}

/** What a unit is answered differently once it holds up nobody, the last one first. */
function changesOf(unit: string, cold: Booted, through: Booted): readonly Asked[] {
  const before = cold.machine.notes.answers(unit)
  return [...through.machine.notes.answers(unit).values()]
    .filter(asked => {
      const one = before.get(asked.target.key)
      return one === undefined ? false : one.answer !== asked.answer
    })
    .sort((one, other) => other.last - one.last)
}

/** The command by which a unit brought up what answers. */
function broughtUp({ by, target, last }: Asked, { run }: Booted): BroughtUp | null {
  const own = run.up.filter(up => up.unit === by && up.at <= last)
  const exact = own.findLast(up => up.target.kind === target.kind && up.target.key === target.key)
  const served = own.findLast(up => up.target.kind === 'service' || up.target.kind === 'container')
  const found = exact ?? served ?? own.at(-1)
  if (found !== undefined) return found
  return by === null ? null : { at: last, unit: by, target: { kind: 'unit', key: by }, place: null, argv: [] }
}

/** From a unit over the one it waits for, and what that one starts after, back to it; empty where there is no such way. */
function circleOf(unit: string, by: string, { machine: { systemd } }: Booted): readonly string[] {
  if (by === unit) return []
  const from = new Map<string, string | null>([[by, null]])
  const queue = [by]
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    for (const other of systemd.orderedAfter(name)) {
      if (from.has(other)) continue
      from.set(other, name)
      queue.push(other)
    }
  }
  if (!from.has(unit)) return []
  const way: string[] = []
  for (let name = from.get(unit) ?? null; name !== null; name = from.get(name) ?? null) way.push(name)
  return [unit, ...way.reverse()]
}

/** Programs that nobody can look into, of units that start after one that stands still, for what is of this host. */
function mayEnd(unit: string, asked: Asked, { machine }: Booted): readonly string[] {
  const { systemd, notes, network } = machine
  const { target } = asked
  if ((target.kind === 'url' || target.kind === 'port') && !network.isOwn(target.host)) return []
  return [
    ...new Set(
      notes.unknowns
        .filter(
          ({ kind, unit: other }) =>
            kind === 'program' && systemd.isAfter(other, unit) && !systemd.isOfDistribution(other)
        )
        .map(({ name }) => name)
    )
  ]
}

/** Starts that a program holds up that cannot be looked into: what it waits for is not known, and others come after. */
function opaqueWaits(cold: Booted, through: Booted | null): readonly Wait[] {
  const { notes, systemd } = cold.machine
  const things = [
    ...notes.opaqueStarts,
    ...notes.unknowns.filter(
      ({ kind, name }) => kind === 'limits' || (kind === 'value' && name.startsWith('$'))
    )
  ]
  return [...new Set(things.map(({ unit }) => unit))].flatMap((unit): readonly Wait[] => {
    const own = things.filter(thing => thing.unit === unit)
    const [first] = own
    const later = [cold, ...(through === null ? [] : [through])].some(
      ({ run, machine }) =>
        run.up.some(up => up.target.kind !== 'file' && systemd.isAfter(up.unit, unit)) ||
        machine.notes.unknowns.some(
          thing =>
            thing.kind === 'program' &&
            systemd.isAfter(thing.unit, unit) &&
            !systemd.isOfDistribution(thing.unit)
        )
    )
    if (first === undefined || !later) return []
    return [
      {
        unit,
        place: first.place,
        argv: [first.name],
        target: { kind: 'unit', key: unit },
        answer: 'unknown',
        verdict: 'unknown',
        stood: null,
        broughtUpBy: null,
        circle: [],
        holds: cold.run.units.flatMap(other => (systemd.isAfter(other.unit, unit) ? [other.unit] : [])),
        dependsOn: [...new Set(own.map(({ name }) => name))]
      }
    ]
  })
}

const findings: ReadonlySet<string> = new Set(['circle', 'outlasts'])

/** One answer for all worlds: certain only where none of them contradicts. */
function combined(worlds: readonly World[], untried: readonly Choice[]): readonly Wait[] {
  const units = [...new Set(worlds.flatMap(({ waits }) => waits.map(({ unit }) => unit)))]
  const [first] = worlds
  return units.flatMap((unit): readonly Wait[] => {
    const each = worlds.map(world => ({ world, wait: world.waits.find(one => one.unit === unit) }))
    const own = each[0]?.wait
    const isFinding = own !== undefined && findings.has(own.verdict)
    const against = each.filter(({ world, wait }) => {
      if (wait !== undefined && findings.has(wait.verdict)) return !isFinding
      if (!isFinding) return wait?.verdict === 'unknown'
      // A world in which its start failed before it waited says nothing about the wait.
      const end = world.cold.run.units.find(other => other.unit === unit)
      // It is let go there as well, and then comes upon something else that never ends.
      if (wait?.verdict === 'never' && wait.target.key === own?.target.key && wait.circle.length > 1)
        return false
      return wait !== undefined || end === undefined || good.has(end.state)
    })
    const wait = own ?? against[0]?.wait ?? each.find(one => one.wait !== undefined)?.wait
    if (wait === undefined) return []
    if (against.length === 0) return [wait]
    const names = against.flatMap(({ world, wait: other }) => [
      ...(other?.dependsOn ?? []),
      ...Object.keys(world.decisions).flatMap(name => namesOf(name, world, first))
    ])
    const dependsOn = [
      ...new Set([...names, ...(names.length === 0 ? untried.map(({ name }) => nameOf(name)) : [])])
    ]
    return [{ ...wait, verdict: 'unknown', dependsOn }]
  })
}

/** What would have to be known for a choice: programs of the units that it names, or what its name says. */
function namesOf(name: string, world: World, first: World | undefined): readonly string[] {
  if (!name.startsWith('who brings up ')) return [nameOf(name)]
  const units = world.choices.find(choice => choice.name === name)?.units ?? []
  const programs = [world, ...(first === undefined ? [] : [first])].flatMap(({ boots }) =>
    boots.flatMap(({ machine }) =>
      machine.notes.unknowns.filter(({ kind, unit }) => kind === 'program' && units.includes(unit))
    )
  )
  return programs.length === 0 ? units : [...new Set(programs.map(one => one.name))]
}

function nameOf(choice: string): string {
  return choice.replace(/ (?:succeeds|answers|takes it|holds)$/, '')
}

function executedIn(boots: readonly Booted[]): readonly Executed[] {
  const found = new Map<string, Executed>()
  for (const { machine } of boots)
    for (const one of machine.notes.executed) {
      const key = JSON.stringify([one.unit, one.place, one.argv])
      const before = found.get(key)
      if (before === undefined || before.code === null) found.set(key, one)
    }
  return [...found.values()]
}

function reachedIn(boots: readonly Booted[]): readonly Reached[] {
  const found = new Map<string, { unit: string; path: string; lines: Set<number> }>()
  for (const { machine } of boots)
    for (const { unit, path, lines } of machine.notes.reached) {
      const key = JSON.stringify([unit, path])
      const one = found.get(key) ?? { unit, path, lines: new Set<number>() }
      for (const line of lines) one.lines.add(line)
      found.set(key, one)
    }
  return [...found.values()].map(({ unit, path, lines }) => ({
    unit,
    path,
    lines: [...lines].sort((one, other) => one - other)
  }))
}

function distinct(things: readonly UnknownThing[]): readonly UnknownThing[] {
  return [...new Map(things.map(thing => [JSON.stringify([thing.name, thing.unit]), thing])).values()]
}
