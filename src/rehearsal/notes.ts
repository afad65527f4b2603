import type {
  Asked,
  BroughtUp,
  Executed,
  Happening,
  Place,
  Target,
  UnitState,
  UnknownThing
} from './answer.ts'
import type { Kernel } from './kernel.ts'
import type { Invocation, Seen } from './invocation.ts'

/** What is written down during a run. */
export interface Notes {
  readonly timeline: readonly Happening[]
  readonly executed: readonly Executed[]
  readonly up: readonly BroughtUp[]
  readonly asked: ReadonlySet<string>
  readonly unknowns: readonly UnknownThing[]
  readonly unit: (unit: string, state: UnitState, why?: string) => void
  readonly ask: (call: Invocation, seen: Seen) => void
  /** The last thing a unit asked for. */
  readonly lastAsked: (unit: string) => Asked | null
  readonly execute: (call: Invocation) => void
  readonly bringUp: (unit: string, target: Target) => void
  readonly askFile: (path: string) => void
  readonly unknown: (thing: UnknownThing) => void
}

/** What is written down of one run at most: a program that does something for ever is cut in what is told of it. */
const mostHappenings = 5_000
const mostExecuted = 5_000

export function createNotes(kernel: Kernel): Notes {
  const timeline: Happening[] = []
  const executed = new Map<string, Executed>()
  const up: BroughtUp[] = []
  const asked = new Set<string>()
  const unknowns = new Map<string, UnknownThing>()
  /** By unit: where its last question stands in the timeline. */
  const last = new Map<string, number>()

  function add(happening: Happening): number {
    if (timeline.length < mostHappenings) timeline.push(happening)
    return timeline.length - 1
  }

  return {
    timeline,
    get executed() {
      return [...executed.values()]
    },
    up,
    asked,
    get unknowns() {
      return [...unknowns.values()]
    },
    unit: (unit, state, why) => {
      kernel.touch()
      add({ at: kernel.now(), kind: 'unit', unit, state, ...(why === undefined ? {} : { why }) })
    },
    ask: ({ unit, place, argv }, { target, answer }) => {
      const at = kernel.now()
      const index = last.get(unit)
      const before = index === undefined ? undefined : timeline[index]
      if (
        index !== undefined &&
        before?.kind === 'asked' &&
        before.target.key === target.key &&
        before.answer === answer &&
        samePlace(before.place, place)
      )
        timeline[index] = { ...before, times: before.times + 1, last: at }
      else
        last.set(
          unit,
          add({ at, kind: 'asked', unit, place, argv, target, answer, by: null, times: 1, last: at })
        )
    },
    lastAsked: unit => {
      const index = last.get(unit)
      const happening = index === undefined ? undefined : timeline[index]
      return happening?.kind === 'asked' ? happening : null
    },
    execute: ({ unit, place, argv }) => {
      const key = JSON.stringify([unit, place, argv])
      if (executed.size < mostExecuted && !executed.has(key))
        executed.set(key, { unit, place, argv, kind: 'program', code: null })
    },
    bringUp: (unit, target) => {
      const one = { at: kernel.now(), unit, target, place: null, argv: [] }
      up.push(one)
      kernel.touch()
      add({ kind: 'up', ...one })
    },
    askFile: path => {
      asked.add(path)
    },
    unknown: thing => {
      const key = JSON.stringify([thing.name, thing.unit])
      if (!unknowns.has(key)) unknowns.set(key, thing)
    }
  }
}

function samePlace(one: Place | null, other: Place | null): boolean {
  return (
    one === other || (one !== null && other !== null && one.path === other.path && one.line === other.line)
  )
}
