import type { BootJudgement, BootUnit, Circle, Step, StepWait } from '../../systems/boot/boot-graph.ts'
import { orderOf, startsAfter } from '../../systems/boot/boot-graph.ts'
import type { BlindSpot } from '../../systems/boot/starts.ts'
import type { Rehearsal, Target, UnitEnd, UnknownThing, Wait } from '../answer.ts'
import type { BootRehearsal } from './boot-rehearsal.ts'
import { clock, commandText, placeText, targetText, timelineLines } from './boot-timeline.ts'

/** Deadlocks of a cold boot: what its rehearsal shows, together with what the texts of the programs show. Pure. */

export interface FoundDeadlock {
  readonly circle: Circle
  /** What the rehearsal saw of the units in it; empty where only the texts show it. */
  readonly timeline: readonly string[]
}

export interface Deadlocks {
  readonly found: readonly FoundDeadlock[]
  /** Why it cannot be known whether there are more, as sentences. */
  readonly unknown: readonly string[]
  /** Units whose start stood still, and whether what they waited for is of this host. */
  readonly waiting: readonly { readonly unit: string; readonly here: boolean }[]
  /** Starts that are held up for a time and then go on, as sentences. */
  readonly delays: readonly string[]
}

/** What the texts alone show. */
export interface FromTexts extends Pick<BootJudgement, 'circles'> {
  readonly blind: readonly BlindSpot[]
}

/** The lines of the programs, by path; undefined where one was not read. */
export type LineOf = (path: string, line: number) => string | undefined

const mostOfTimeline = 14

/**
 * A circle that the rehearsal proves is one, whatever the texts say. One that only the texts show is one unless the
 * rehearsal, which knew all of that unit's program, saw its start end. Where either could not know, it is unknown.
 */
export function deadlocks(
  { circles, blind }: FromTexts,
  { answer, files }: BootRehearsal,
  units: readonly BootUnit[],
  lineOf: LineOf
): Deadlocks {
  const plain = circles.map(circle => ({ circle, timeline: [] }))
  if (answer === null) return { found: plain, unknown: blind.map(({ why }) => why), waiting: [], delays: [] }
  if ('unknown' in answer)
    return {
      found: plain,
      unknown: [...blind.map(({ why }) => why), answer.unknown],
      waiting: [],
      delays: []
    }

  const { after } = orderOf({ units, starts: new Map() })
  const certain = answer.waits.filter(({ verdict }) => verdict === 'circle' || verdict === 'outlasts')
  const unread = new Set(
    files.filter(({ text, why }) => text === null && why !== 'missing').map(({ path }) => path)
  )
  const shown = new Set<Wait>()
  const found: FoundDeadlock[] = []
  const unknown: string[] = []

  for (const circle of circles) {
    const same = certain.filter(({ unit }) => unitsIn(circle).has(unit))
    if (same.length > 0) {
      for (const wait of same) shown.add(wait)
      found.push({ circle, timeline: timelineOf(answer, unitsIn(circle)) })
      continue
    }
    const seen = standing(answer, circle.unit)
    if (seen === 'unknown') found.push({ circle, timeline: [] })
    else if (seen !== 'ends')
      unknown.push(`${circle.unit} may wait for what starts only after it, but its rehearsal ${seen}`)
  }
  for (const wait of certain) {
    if (shown.has(wait)) continue
    const circle = circleOf(wait, answer, after, lineOf)
    for (const other of certain) if (unitsIn(circle).has(other.unit)) shown.add(other)
    found.push({ circle, timeline: timelineOf(answer, unitsIn(circle)) })
  }

  const inCircles = new Set(found.flatMap(({ circle }) => [...unitsIn(circle)]))
  const uplifting = providersOf(answer)
  const behind = (unit: string) =>
    [...uplifting].filter(other => other !== unit && startsAfter(after, other, unit)).sort()
  for (const { unit, path, why } of blind) {
    if (!inCircles.has(unit) && (standing(answer, unit) !== 'ends' || unread.has(path))) unknown.push(why)
  }
  for (const wait of answer.waits) {
    if (inCircles.has(wait.unit)) continue
    if (wait.verdict === 'unknown' && behind(wait.unit).length > 0)
      unknown.push(unknownWait(wait, behind(wait.unit)))
    if (wait.verdict === 'never') {
      const opaque = answer.unknowns.find(
        ({ kind, unit }) => isOpaque(kind) && (unit === wait.unit || startsAfter(after, unit, wait.unit))
      )
      const later = behind(wait.unit)
      if (opaque !== undefined)
        unknown.push(
          `${wait.unit} waits for ${targetText(wait.target)}, which ${opaque.name} of ${opaque.unit} may bring up: ${opaque.why}`
        )
      else if (later.length > 0 && isAnsweredLater(wait, answer))
        unknown.push(
          `${wait.unit} waits for ${targetText(wait.target)}, and the rehearsal does not know what would end that; ${later.join(', ')} ${later.length === 1 ? 'starts' : 'start'} only after it`
        )
    }
  }
  for (const { kind, unit, name, place, why } of answer.unknowns) {
    const later = behind(unit)
    if (!isOpaque(kind) || inCircles.has(unit) || later.length === 0 || !holdsUp(answer, unit)) continue
    const where = place === null ? '' : ` (${placeText(place)})`
    unknown.push(
      `${name} of ${unit}${where} may wait for ${later.join(', ')}, which ${later.length === 1 ? 'starts' : 'start'} only after it: ${why}`
    )
  }
  const waiting = answer.waits.map(({ unit, broughtUpBy }) => ({ unit, here: broughtUpBy !== null }))
  if (answer.boot.ended === 'budget')
    unknown.push('the rehearsal of the boot was stopped before its end, so it is incomplete')
  return { found, unknown: [...new Set(unknown)], waiting, delays: delaysOf(answer) }
}

/** Whether it is answered otherwise once it holds up nobody: with what the rehearsal does not know, such as a page's text. */
function isAnsweredLater({ unit, target, answer }: Wait, { through }: Rehearsal): boolean {
  return (through?.timeline ?? []).some(
    each =>
      each.kind === 'asked' && each.unit === unit && each.target.key === target.key && each.answer !== answer
  )
}

function isOpaque(kind: UnknownThing['kind']): boolean {
  return kind === 'program' || kind === 'limits'
}

/** Whether what runs in a unit's start can hold up others at all: a daemon's program may do what it likes. */
function holdsUp({ boot }: Rehearsal, unit: string): boolean {
  const end = boot.units.find(each => each.unit === unit)
  return end === undefined || end.state !== 'active' || (end.ended ?? 0) - (end.began ?? 0) > 1
}

/** Whoever waits so long for what comes only later may as well have given up by mistake. */
const longMs = 120_000

function isLong({ stood }: Wait): boolean {
  return (stood ?? Number.POSITIVE_INFINITY) > longMs
}

/** `ends`: the rehearsal knew all of its program, and its start ended, or this boot does not start it. */
function standing(answer: Rehearsal, unit: string): 'ends' | 'unknown' | `saw ${string}` {
  const { boot, waits, unknowns } = answer
  if (boot.ended === 'budget') return 'unknown'
  if (unknowns.some(each => each.unit === unit && isOpaque(each.kind))) return 'unknown'
  const wait = waits.find(each => each.unit === unit)
  if (wait !== undefined) {
    if (wait.verdict === 'delays')
      return isLong(wait) ? `saw it go on after ${clock(wait.stood ?? 0)}` : 'ends'
    return wait.verdict === 'never' ? 'saw it wait for what nothing of this boot brings up' : 'unknown'
  }
  const end: UnitEnd | undefined = boot.units.find(each => each.unit === unit)
  if (end === undefined) return 'ends'
  switch (end.state) {
    case 'active':
    case 'done':
    case 'failed':
    case 'skipped':
      return 'ends'
    case 'dependency':
    case 'starting':
    case 'waiting':
      return 'unknown'
  }
}

function unitsIn({ unit, steps }: Circle): ReadonlySet<string> {
  return new Set([unit, ...steps.map(({ to }) => to)])
}

/** Units whose programs bring something up, or may. */
function providersOf({ boot, through, unknowns }: Rehearsal): ReadonlySet<string> {
  const up = [...boot.up, ...(through?.up ?? [])].filter(
    ({ target, place, argv }) =>
      target.kind !== 'unit' && target.kind !== 'file' && (place !== null || argv.length > 0)
  )
  return new Set([
    ...up.map(({ unit }) => unit),
    ...unknowns.filter(({ kind }) => isOpaque(kind)).map(({ unit }) => unit)
  ])
}

function unknownWait(wait: Wait, later: readonly string[]): string {
  const on = wait.dependsOn.length === 0 ? 'what is not known' : wait.dependsOn.join(', ')
  return `${wait.unit} waits for ${targetText(wait.target)}, and whether that ends depends on ${on}; ${later.join(', ')} ${later.length === 1 ? 'starts' : 'start'} only after it`
}

/** The wait, what brings up its target, and the way back to it. */
function circleOf(
  wait: Wait,
  answer: Rehearsal,
  after: ReadonlyMap<string, readonly string[]>,
  lineOf: LineOf
): Circle {
  const { unit, broughtUpBy } = wait
  const way =
    wait.circle.length > 1 ? wait.circle : [unit, ...(broughtUpBy === null ? [] : [broughtUpBy.unit])]
  const steps = way.map((from, index): Step => {
    const to = way[(index + 1) % way.length] ?? unit
    const own = index === 0 ? wait : answer.waits.find(other => other.unit === from)
    const isOrdered = index > 0 && startsAfter(after, from, to)
    if (own === undefined || isOrdered) return { from, to, how: 'ordered', what: '', proof: [] }
    const up = own.broughtUpBy
    return {
      from,
      to,
      how: own.target.kind === 'unit' && /\bstart\b/.test(own.argv.join(' ')) ? 'starts' : 'waits',
      what: own.target.kind === 'unit' && own.target.key === to ? to : targetText(own.target),
      wait: stepWait(own),
      proof: [
        ...quoted(own, lineOf),
        ...(up === null || up.argv.length === 0 ? [] : quoted({ place: up.place, argv: up.argv }, lineOf))
      ]
    }
  })
  return { unit, steps, doubts: [] }
}

function quoted({ place, argv }: Pick<Wait, 'place' | 'argv'>, lineOf: LineOf): readonly string[] {
  const ran = commandText(argv)
  if (place === null) return [ran]
  const line = lineOf(place.path, place.line)?.trim() ?? ''
  const text = line === '' || line === ran ? ran : `${line.slice(0, 200)} (runs ${ran})`
  return [`${placeText(place)}: ${text}`]
}

function stepWait({ unit, place, stood, target }: Wait): StepWait {
  return {
    target: oldTarget(target),
    bound: stood === null ? null : Math.round(stood / 1000),
    at: place === null ? unit : placeText(place)
  }
}

function oldTarget(target: Target): StepWait['target'] {
  switch (target.kind) {
    case 'url':
      return { kind: 'url', url: target.key, host: target.host, port: target.port, path: target.path }
    case 'port':
      return { kind: 'port', host: target.host, port: target.port }
    case 'unit':
      return { kind: 'unit', unit: target.key, started: true }
    case 'file':
      return { kind: 'file', path: target.key }
    case 'engine':
    case 'boot':
      return { kind: 'boot' }
    default:
      return { kind: 'docker', of: [target.kind], names: [target.key] }
  }
}

function timelineOf({ boot }: Rehearsal, units: ReadonlySet<string>): readonly string[] {
  const lines = timelineLines(boot, unit => units.has(unit)).map(line => line.trim())
  if (lines.length === 0) return []
  const cut = lines.length > mostOfTimeline
  return [
    'the rehearsed boot, from its beginning:',
    ...lines.slice(0, mostOfTimeline),
    ...(cut ? [`… ${lines.length - mostOfTimeline} more lines: adversary rehearse`] : [])
  ]
}

function delaysOf({ waits }: Rehearsal): readonly string[] {
  return waits
    .filter(({ verdict }) => verdict === 'delays')
    .map(
      ({ unit, stood, target }) =>
        `${unit} is held up for ${stood === null ? 'an unknown time' : clock(stood)} by ${targetText(target)}, then continues`
    )
}
